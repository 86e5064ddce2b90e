"""Animated GIF, WebP and PNG into animated WebP: one pass over the frames, every size encoded as they come by.

Pillow's own `save` wants all frames of a size at once; its encoder object, which it keeps for itself, takes them one
by one. So memory holds one frame, however many there are, and each is decoded once for all sizes. The tests hold on to
that interface.
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
"""Of all frames together, in the file and in each rendition: 10 s or so of one processor for a whole ladder."""

_UNTIMED = 100  # milliseconds; what every browser makes of a frame that says 0
# Bytes a pixel: of the canvas, what Pillow keeps to compose frames; of each rendition, the encoder's three canvases
# and the frames it weighs against each other.
_BYTES_PER_PIXEL, _BYTES_PER_OUTPUT_PIXEL = 20, 40


def is_animated(image_format: str, frames: int, width: int, height: int, sizes: Sequence[Size]) -> bool:
    """Whether an image gets animated renditions. `image_format` as Pillow names it; of the file, frames and pixels.

    All or none: a viewer that picks among the sizes must not find a still among them. Above the bounds, the first
    frame stands for the whole (the poster).
    """
    largest = max([width * height, *(size.width * size.height for size in sizes)])
    return image_format in FORMATS and 1 < frames <= MAX_FRAMES and frames * largest <= MAX_PIXELS


def needed_memory(width: int, height: int, sizes: Sequence[Size]) -> int:
    """Bytes, beside what the function takes at rest."""
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
    """Every size as an animated WebP, its frames' times (milliseconds) and the number of plays as in the file.

    `prepare` makes of a decoded frame (in a mode of `color.eight_bit`) what the largest size shows, `finish` of one
    at its size what is encoded. Raises what Pillow does on damaged files.
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
    """Whether no frame of a GIF reaches beyond its canvas: Pillow would make room for it, whatever that takes."""
    if image_format != "GIF":
        return True  # the others' decoders refuse such a frame
    across, down = frame_area(source)
    return across <= width and down <= height


class _Encoder:
    def __init__(self, size: Size, encoding: Encoding, plays: int) -> None:
        self.size = (size.width, size.height)
        self._quality, self._effort = encoding.quality, encoding.effort
        self._time = 0.0
        # Size, background (clear), plays, and gif2webp's defaults: no search for the smallest, key frames every 3-5.
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
    """Each frame, composed, and the milliseconds it is seen. A PNG's first may be for those who show no animation."""
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
    """How often it is played, 0 for ever. A GIF says how often it is repeated, and nothing when it is not."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        loop = 1 if loop is None else loop + 1 if loop else 0
    return int(min(max(0, loop or 0), 65535))
