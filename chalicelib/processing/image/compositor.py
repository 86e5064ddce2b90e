"""Makes the pictures that are seen of an animation's frames, as browsers do: one compositor for GIF, APNG and WebP.

The canvas is clear at first, whatever background colour a file names. A frame is drawn, the canvas is shown for the
frame's time, and then the frame's disposal is done. A canvas without clear pixels is kept without alpha.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.frames import Animation, Disposal, Frame, seen_for
from chalicelib.processing.image.position import position_kept

Box = tuple[int, int, int, int]

_WITH_ALPHA = {"L": "LA", "RGB": "RGBA"}


def read(source: BinaryIO) -> tuple[Animation | None, BinaryIO]:
    """The animation in a file; also that of a GIF with a single frame, which need not cover its canvas. Else None.

    Also the file for the still decoder: an APNG without its animation, of which Pillow refuses what browsers show. The
    animation holds the file's bytes. Keeps the position.
    """
    with position_kept(source):
        source.seek(0)
        kind = source.read(4)
        source.seek(0)
        # The modules are imported here because most images are JPEGs, and need none of them.
        if kind == b"GIF8":
            from chalicelib.processing.image import gif

            data = source.read()
            still = gif.still(data)
            return gif.read(data), source if still is data else BytesIO(still)
        if kind == b"RIFF":
            from chalicelib.processing.image import webp

            return webp.read(source.read()), source
        if kind == b"\x89PNG":
            from chalicelib.processing.image import apng

            data = source.read()
            alone = apng.still(data)
            return apng.read(data), source if alone is None else BytesIO(alone)
        return None, source


def composed(animation: Animation) -> Iterator[tuple[Image.Image, float]]:
    """Each picture of the animation, in a mode of `color.eight_bit`, and how long it is seen (milliseconds).

    A picture is good until the next one is asked for. At most `frames.KEPT` of them. Damage raises what Pillow raises.
    """
    canvas: Image.Image | None = None  # None is a clear one
    for frame in animation.frames:
        box = _on_canvas(animation, frame)
        before = canvas.crop(box) if canvas and frame.disposal is Disposal.RESTORE else None
        if box[0] < box[2] and box[1] < box[3]:
            canvas = _drawn(animation, canvas, frame, box)
        shown = canvas or Image.new("RGBA", (animation.width, animation.height))
        yield shown, seen_for(frame.delay)
        if canvas and frame.disposal is not Disposal.KEEP:
            canvas = _replaced(canvas, box, before)


def _on_canvas(animation: Animation, frame: Frame) -> Box:
    """The frame's area as far as it is on the canvas; maybe an empty one."""
    right, bottom = min(frame.x + frame.width, animation.width), min(frame.y + frame.height, animation.height)
    return min(frame.x, right), min(frame.y, bottom), right, bottom


def _drawn(animation: Animation, canvas: Image.Image | None, frame: Frame, box: Box) -> Image.Image:
    """The canvas with the frame on it; the canvas given may be changed."""
    pixels = animation.load(frame)
    if pixels.size != (box[2] - box[0], box[3] - box[1]):
        pixels = pixels.crop((0, 0, box[2] - box[0], box[3] - box[1]))
    opaque = pixels.mode in _WITH_ALPHA
    if pixels.size == (animation.width, animation.height) and (opaque or not frame.over or canvas is None):
        return pixels
    if canvas is None:
        pixels = _with_alpha(pixels)  # not by `paste`, which would keep both
        canvas = Image.new(pixels.mode, (animation.width, animation.height))
        canvas.paste(pixels, box)
    elif opaque:
        canvas.paste(pixels, box)
    elif not frame.over:
        canvas = _with_alpha(canvas)
        canvas.paste(pixels, box)
    elif canvas.mode in _WITH_ALPHA:
        canvas.paste(pixels, box, pixels)
    else:
        canvas.alpha_composite(pixels, box[:2])
    return eight_bit(canvas)


def _replaced(canvas: Image.Image, box: Box, by: Image.Image | None) -> Image.Image | None:
    """The canvas with another picture in this area, or with nothing there."""
    if box == (0, 0, *canvas.size):
        return by
    if by is None or by.mode not in _WITH_ALPHA:
        canvas = _with_alpha(canvas)
    canvas.paste(by or 0, box)
    return canvas


def _with_alpha(image: Image.Image) -> Image.Image:
    return image.convert(_WITH_ALPHA[image.mode]) if image.mode in _WITH_ALPHA else image
