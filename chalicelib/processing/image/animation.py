"""Makes animated WebP of pictures that follow one another: one pass over them, and all sizes are encoded on the way.

Pillow's own `save` needs all frames of a size at once. Its encoder object, which is private, takes them one by one. So
memory holds one frame, however many there are, and each frame is decoded once for all sizes. Tests notice when a new
Pillow changes that private interface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from PIL import Image, _webp

from chalicelib.processing.image.frames import KEPT, Animation
from chalicelib.processing.image.resize import resized
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding

MAX_FRAMES = KEPT
MAX_PIXELS = 50_000_000
"""The bound on all frames together, in the file and in each rendition: about 10 s of one processor for a ladder."""

_HAS_ALPHA = 0x10  # a flag of the chunk VP8X
_MOST_PLAYS = 65_535  # that WebP has room for; a GIF can say 65,536, and an APNG more
_LONGEST = 2**20  # milliseconds of one frame; the encoder counts those of all in 31 bits
# Bytes a pixel. For the canvas: it, what was there before, and a frame with its decoder, at most 25.5 as measured (WebP
# without loss, partly clear). For each rendition: the encoder's three canvases, and the frames that it compares.
_BYTES_PER_PIXEL, _BYTES_PER_OUTPUT_PIXEL = 26, 40


def is_animated(animation: Animation, sizes: Sequence[Size]) -> bool:
    """True if an image gets animated renditions.

    All sizes are animated or none: a viewer that picks among the sizes must not find a still among them. Above the
    bounds all of them show the first frame (the poster).
    """
    largest = max([animation.largest, *(size.width * size.height for size in sizes)])
    return 1 < animation.count <= MAX_FRAMES and animation.count * largest <= MAX_PIXELS


def needed_memory(animation: Animation, sizes: Sequence[Size]) -> int:
    """Bytes, beside those that the function takes at rest."""
    outputs = sum(size.width * size.height for size in sizes)
    return animation.largest * _BYTES_PER_PIXEL + outputs * _BYTES_PER_OUTPUT_PIXEL


def animate(
    pictures: Iterable[tuple[Image.Image, float]],
    plays: int,
    sizes: Sequence[Size],
    encoding: Encoding,
    rights: bytes,
    finish: Callable[[Image.Image], Image.Image] = lambda picture: picture,
) -> Iterator[tuple[Size, bytes]]:
    """Every size as an animated WebP that is played so often; 0 is for ever.

    `pictures` have the largest size, each with the milliseconds that it is seen for. `finish` is the last step before a
    picture is encoded, at each size.
    """
    encoders = [_Encoder(size, encoding, plays) for size in sizes]
    for shown, duration in pictures:
        for encoder in reversed(encoders):
            if shown.size != encoder.size:
                shown = resized(shown, encoder.size)
            encoder.add(finish(shown), duration)
    while encoders:
        size, encoder = sizes[len(encoders) - 1], encoders.pop()
        yield size, encoder.finish(rights)


class _Encoder:
    def __init__(self, size: Size, encoding: Encoding, plays: int) -> None:
        self.size = (size.width, size.height)
        self._quality, self._effort = encoding.quality, encoding.effort
        self._time = 0.0
        self._has_alpha = False
        # Size, clear background, plays, and gif2webp's defaults: no search for the smallest file, key frames every 3-5.
        plays = min(plays, _MOST_PLAYS)
        self._encoder = _webp.WebPAnimEncoder(self.size, 0, plays, False, 3, 5, False, False)

    def add(self, frame: Image.Image, duration: float) -> None:
        frame = frame if frame.mode in ("RGB", "RGBA") else frame.convert("RGB")
        self._has_alpha = self._has_alpha or (frame.mode == "RGBA" and frame.getchannel("A").getextrema() != (255, 255))
        self._encoder.add(frame.getim(), round(self._time), False, self._quality, 100, self._effort)
        self._time += min(duration, _LONGEST)

    def finish(self, rights: bytes) -> bytes:
        self._encoder.add(None, round(self._time), False, self._quality, 100, 0)
        data = self._encoder.assemble("", rights.removeprefix(b"Exif\0\0"), "")
        if data is None:
            raise OSError("the animation could not be put together")
        return _with_alpha_flag(bytes(data)) if self._has_alpha else bytes(data)


def _with_alpha_flag(data: bytes) -> bytes:
    """The WebP with the flag that says that it has clear pixels; a still without VP8X says so elsewhere.

    libwebp forgets the flag if no frame has clear pixels, but frames are cleared away.
    """
    if data[12:16] != b"VP8X":
        return data
    return data[:20] + bytes([data[20] | _HAS_ALPHA]) + data[21:]
