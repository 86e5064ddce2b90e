"""The master of a film's or a sound's pictures: one picture, stored without loss, of which all the others are made.

So a function without FFmpeg makes the same pictures of it as processing did (processing/on_demand.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

from PIL import Image

from chalicelib.processing.image.animation import animate
from chalicelib.processing.image.decode import blaming_the_file, decode
from chalicelib.processing.image.mending import mended
from chalicelib.processing.image.resize import first_resize
from chalicelib.processing.image.turning import turned
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding

# Qualities that are tried one after another until a moving preview is small enough, and WebP's effort.
_QUALITIES, _EFFORT = (65, 40, 15), 4


def of_pixels(pixels: bytes, mode: str, size: tuple[int, int], rotation: int, *, mirrored: bool = False) -> Image.Image:
    """The picture of pixels in `mode` ("RGB" or "RGBA"), turned as `turning.turned` says."""
    image = Image.frombytes(mode, size, pixels)
    if mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    return turned(image, rotation, mirrored=mirrored)


def of_file(picture: bytes, *, memory: int, width: int, pixels: int) -> Image.Image:
    """The picture in an image file: upright, in sRGB, at most `width` wide and of at most so many `pixels`.

    Raises PermanentFault: `corrupt`, `too_many_pixels`.
    """

    def wanted(across: int, down: int) -> tuple[int, int]:
        return bounded(across, down, width, pixels)

    decoded = decode(mended(BytesIO(picture)), memory=memory, wanted=wanted)
    with ThreadPoolExecutor(1) as pool, blaming_the_file():
        return first_resize(
            decoded.pixels,
            orientation=decoded.orientation,
            profile=decoded.profile,
            target=wanted(decoded.width, decoded.height),
            pool=pool,
        )


def bounded(across: int, down: int, width: int, pixels: int) -> tuple[int, int]:
    """The size within these bounds of a picture `across` x `down`, its shape kept, and never larger than it is."""
    scale = min(1.0, width / across, (pixels / (across * down)) ** 0.5)
    return max(1, round(across * scale)), max(1, round(down * scale))


def stored(image: Image.Image) -> bytes:
    """The picture as WebP without loss. The encoder's effort is low, because nobody looks at this file."""
    out = BytesIO()
    image.save(out, "WEBP", lossless=True, quality=10, method=1, exact=True)
    return out.getvalue()


def moving(frames: Iterable[tuple[Image.Image, float]], most: int) -> bytes | None:
    """An animated WebP of at most `most` bytes of pictures of one size, each with the milliseconds that it is seen for.

    None if it would be larger at the lowest quality, too.
    """
    frames = list(frames)
    size = Size("preview", *frames[0][0].size)
    for quality in _QUALITIES:
        [(_, encoded)] = animate(frames, 0, [size], Encoding("webp", quality, _EFFORT), b"")
        if len(encoded) <= most:
            return encoded
    return None
