"""The child's part of the SVG processor: resvg draws a cleaned SVG, where it may crash or take long (child.py)."""

from __future__ import annotations

from typing import Any

import resvg_py


def main(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Returns a PNG. `arguments`: `side` is the longer side in pixels; `font` and `family` are path and name of a font.

    The fonts of the machine are left out, since the same file must give the same picture everywhere.
    """
    picture = resvg_py.svg_to_bytes(
        svg_string=data.decode(),
        width=arguments["side"],  # together they are a box, into which the picture fits
        height=arguments["side"],
        # CSS's pixels in an inch. The library's default is 0, with which sizes in mm, cm, in and pt are none at all.
        dpi=96,
        skip_system_fonts=True,
        font_files=[arguments["font"]],
        font_family=arguments["family"],
        serif_family=arguments["family"],
        sans_serif_family=arguments["family"],
        monospace_family=arguments["family"],
    )
    return {}, bytes(picture)
