"""`python -m bench.peers.vips`, in the bench's venv: the child that opens files with libvips.

A job {"path", "out"}; the picture goes into the PNG `out` as in ours.py. The answer: "outcome" ("shown" or "refused"),
"strict" (false if libvips warns of damage), "width", "height", "has_alpha", "frames".
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import pyvips
from PIL import Image

from bench.peers import files, pictures, workers

_ADDRESS_SPACE = 6 * 1024**3


def look(job: dict[str, Any]) -> dict[str, Any]:
    try:
        image, frames = _opened(job["path"], "none")
        shown = [_pixels(each) for each in _frames(image, min(frames, files.FRAMES))]
    except pyvips.Error as error:
        return {"outcome": "refused", "why": str(error)[:200]}
    size = (image.width, image.height // len(shown)) if len(shown) > 1 else (shown[0].width, shown[0].height)
    pictures.save([pictures.reduced(each) for each in shown], job["out"])
    facts = {"outcome": "shown", "strict": _is_strictly_right(job["path"]), "width": size[0], "height": size[1]}
    return facts | {"frames": frames, "has_alpha": pictures.has_alpha(shown)}


def _opened(path: str, fail_on: str) -> tuple[Any, int]:
    image = pyvips.Image.new_from_file(path, fail_on=fail_on)
    loader = image.get("vips-loader")
    frames = image.get("n-pages") if "n-pages" in image.get_fields() and loader.startswith(("gif", "webp")) else 1
    if frames > 1:
        return pyvips.Image.new_from_file(path, fail_on=fail_on, n=min(frames, files.FRAMES)), frames
    return image.autorot(), 1


def _frames(image: Any, count: int) -> list[Any]:
    height = image.height // count
    return [image.crop(0, height * number, image.width, height) for number in range(count)] if count > 1 else [image]


def _pixels(image: Any) -> Image.Image:
    """The picture in sRGB, eight bits, with alpha."""
    if "icc-profile-data" in image.get_fields():
        with suppress(pyvips.Error):  # a profile that does not fit
            image = image.icc_transform("srgb", embedded=True, intent="perceptual")
    image = image.colourspace("srgb").cast("uchar")
    if image.bands > 4:
        image = image.extract_band(0, n=4)
    if not image.hasalpha():
        image = image.bandjoin(255)
    return Image.frombytes("RGBA", (image.width, image.height), image.write_to_memory())


def _is_strictly_right(path: str) -> bool:
    try:
        image, _ = _opened(path, "warning")
        image.avg()
    except pyvips.Error:
        return False
    return True


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        print("libvips", ".".join(str(pyvips.version(part)) for part in range(3)))
    else:
        pyvips.cache_set_max(0)
        workers.serve(look, _ADDRESS_SPACE)
