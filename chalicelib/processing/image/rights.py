"""The only words of a picture's metadata that a rendition may keep: whose picture it is, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.ExifTags import Base

_TAGS = {"artist": Base.Artist, "copyright": Base.Copyright, "caption": Base.ImageDescription}
RIGHTS = ("artist", "copyright")
"""The words that a rendition keeps unless its recipe says otherwise."""


def rights_block(words: Mapping[str, Any], keep: tuple[str, ...] = RIGHTS) -> bytes:
    """An EXIF block with the words of `metadata.words` that are to be kept; b"" when there are none."""
    block = Image.Exif()
    for name, tag in _TAGS.items():
        if name in keep and name in words:
            block[tag] = words[name].encode()  # UTF-8, as all software writes it; Pillow itself would make it ASCII
    return block.tobytes() if len(block) else b""
