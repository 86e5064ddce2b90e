"""Makes animated WebP from animated GIF, WebP and PNG: one pass over the frames, and all sizes are encoded on the way.

Pillow's own `save` needs all frames of a size at once. Its encoder object, which is private, takes them one by one. So
memory holds one frame, however many there are, and each frame is decoded once for all sizes. Tests notice when a new
Pillow changes that private interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

from PIL import Image, _webp

from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.frames import frame_area
from chalicelib.processing.image.resize import resized
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding

FORMATS = ("GIF", "WEBP", "PNG")

MAX_FRAMES = 500
MAX_PIXELS = 50_000_000
"""The bound on all frames together, in the file and in each rendition: about 10 s of one processor for a ladder."""

_UNTIMED = 100  # milliseconds; every browser shows a frame that says 0 for this long
# Bytes a pixel. For the canvas: what Pillow keeps to compose frames. For each rendition: the encoder's three canvases,
# and the frames that it compares.
_BYTES_PER_PIXEL, _BYTES_PER_OUTPUT_PIXEL = 20, 40


def is_animated(image_format: str, frames: int, width: int, height: int, sizes: Sequence[Size]) -> bool:
    """True if an image gets animated renditions. `image_format` is Pillow's name; the numbers are the file's own.

    All sizes are animated or none: a viewer that picks among the sizes must not find a still among them. Above the
    bounds all of them show the first frame (the poster).
    """
    largest = max([width * height, *(size.width * size.height for size in sizes)])
    return image_format in FORMATS and 1 < frames <= MAX_FRAMES and frames * largest <= MAX_PIXELS


def needed_memory(width: int, height: int, sizes: Sequence[Size]) -> int:
    """Bytes, beside those that the function takes at rest."""
    outputs = sum(size.width * size.height for size in sizes)
    return width * height * _BYTES_PER_PIXEL + outputs * _BYTES_PER_OUTPUT_PIXEL


def animate(
    source: BinaryIO,
    sizes: Sequence[Size],
    encoding: Encoding,
    rights: bytes,
    prepare: Callable[[Image.Image], Image.Image],
    finish: Callable[[Image.Image], Image.Image] = lambda frame: frame,
) -> Iterator[tuple[Size, bytes]]:
    """Every size as an animated WebP. The frames' times (milliseconds) and the number of plays are the file's.

    `prepare` turns a decoded frame (in a mode of `color.eight_bit`) into the largest size. `finish` is the last step
    before a frame is encoded, at each size. Damaged files raise what Pillow raises.
    """
    source.seek(0)
    with Image.open(source, formats=FORMATS) as image:
        encoders = [_Encoder(size, encoding, _plays(image)) for size in sizes]
        for frame, duration in _frames(image):
            shown = prepare(frame)
            for encoder in reversed(encoders):
                if shown.size != encoder.size:
                    shown = resized(shown, encoder.size)
                encoder.add(finish(shown), duration)
    while encoders:
        size, encoder = sizes[len(encoders) - 1], encoders.pop()
        yield size, encoder.finish(rights)


def stays_on_canvas(source: BinaryIO, image_format: str, width: int, height: int) -> bool:
    """True if all frames of a GIF stay on its canvas. Pillow would make room for one that does not, however large."""
    if image_format != "GIF":
        return True  # decoders of the other formats refuse such a frame
    across, down = frame_area(source)
    return across <= width and down <= height


class _Encoder:
    def __init__(self, size: Size, encoding: Encoding, plays: int) -> None:
        self.size = (size.width, size.height)
        self._quality, self._effort = encoding.quality, encoding.effort
        self._time = 0.0
        # Size, clear background, plays, and gif2webp's defaults: no search for the smallest file, key frames every 3-5.
        self._encoder = _webp.WebPAnimEncoder(self.size, 0, plays, False, 3, 5, False, False)

    def add(self, frame: Image.Image, duration: float) -> None:
        frame = frame if frame.mode in ("RGB", "RGBA") else frame.convert("RGB")
        self._encoder.add(frame.getim(), round(self._time), False, self._quality, 100, self._effort)
        self._time += duration

    def finish(self, rights: bytes) -> bytes:
        self._encoder.add(None, round(self._time), False, self._quality, 100, 0)
        data = self._encoder.assemble("", rights.removeprefix(b"Exif\0\0"), "")
        if data is None:
            raise OSError("the animation could not be put together")
        return bytes(data)


def _frames(image: Image.Image) -> Iterator[tuple[Image.Image, float]]:
    """Each frame, composed, and how long it is shown (milliseconds). A PNG may begin with a picture outside of it."""
    size = image.size
    for number in range(1 if image.info.get("default_image") else 0, MAX_FRAMES + 1):
        try:
            image.seek(number)
        except EOFError:
            return
        if image.size != size:
            raise OSError("a frame reaches beyond the canvas")
        image.load()
        duration: Any = image.info.get("duration") or _UNTIMED
        yield eight_bit(image), min(float(duration), 2**20)


def _plays(image: Image.Image) -> int:
    """How often it is played; 0 is for ever. A GIF says how often it is repeated, or nothing when it is played once."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        loop = 1 if loop is None else loop + 1 if loop else 0
    return int(min(max(0, loop or 0), 65535))
