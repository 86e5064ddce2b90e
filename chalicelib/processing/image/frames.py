"""How many frames an animation has, without decoding one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
"""Pillow's names of the formats whose frames follow one another in time: not a TIFF's pages, nor a camera's lenses."""


def count_frames(image: Image.Image, source: BinaryIO) -> int:
    """Frames of an opened image, 1 for a still; as the file says, so more than it may hold. Keeps the position."""
    if image.format not in ANIMATED:
        return 1
    if image.format != "GIF":
        return max(1, int(getattr(image, "n_frames", 1)))
    start = source.tell()
    try:
        source.seek(0)
        return max(1, sum(1 for _ in _gif_frames(source.read())))
    finally:
        source.seek(start)


def frame_area(source: BinaryIO) -> tuple[int, int]:
    """How far a GIF's frames reach to the right and down, pixels; beyond its canvas, if it is a bad one."""
    start = source.tell()
    try:
        source.seek(0)
        ends = list(_gif_frames(source.read()))
    finally:
        source.seek(start)
    return max((x for x, _ in ends), default=0), max((y for _, y in ends), default=0)


def _gif_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each frame ends, right and below. Walks the blocks (GIF89a specification, appendix B), which Pillow
    would do ten times as slowly.
    """
    at = 13 + _colors(data[10:11])
    while at < len(data):
        block = data[at]
        if block == 0x2C:  # an image: its header, its colours, the bits a code begins with
            left, top, width, height = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (1, 3, 5, 7))
            yield left + width, top + height
            at += 11 + _colors(data[at + 9 : at + 10])
        elif block == 0x21:  # an extension and its label
            at += 2
        elif block == 0x3B:
            break
        else:
            at += 1
            continue  # junk, which decoders skip
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1


def _colors(flags: bytes) -> int:
    """Bytes of a colour table."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
