"""Counts the frames of an animation without decoding any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

ANIMATED = frozenset({"GIF", "WEBP", "PNG", "AVIF"})
"""Formats whose frames follow one another in time, by Pillow's names. A TIFF has pages, and an MPO views, instead."""


def count_frames(image: Image.Image, source: BinaryIO) -> int:
    """How many frames the opened image says it has; 1 for a still. It may really have fewer. Keeps the position."""
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
    """How far a GIF's frames reach to the right and down, in pixels. In a bad file that is beyond its canvas."""
    start = source.tell()
    try:
        source.seek(0)
        ends = list(_gif_frames(source.read()))
    finally:
        source.seek(start)
    return max((x for x, _ in ends), default=0), max((y for _, y in ends), default=0)


def _gif_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """The right and the lower end of each frame. Goes from block to block (GIF89a specification, appendix B).

    Pillow would take ten times as long.
    """
    at = 13 + _colors(data[10:11])
    while at < len(data):
        block = data[at]
        if block == 0x2C:  # an image: its header, its colours, the size of its first codes
            left, top, width, height = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (1, 3, 5, 7))
            yield left + width, top + height
            at += 11 + _colors(data[at + 9 : at + 10])
        elif block == 0x21:  # an extension and its label
            at += 2
        elif block == 0x3B:
            break
        else:
            at += 1
            continue  # unknown bytes, which decoders skip
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1


def _colors(flags: bytes) -> int:
    """The size of a colour table in bytes; 0 for none."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
