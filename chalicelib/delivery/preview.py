"""Draws a ThumbHash: a few hundred bytes of PNG in a `data:` URL. Standard library only."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import cos, floor, pi, sumprod
from zlib import compress, crc32

LONG_SIDE = 32
"""Pixels of the longer side, as in the reference."""

_PNG = "data:image/png;base64,"


@lru_cache(maxsize=256)
def data_url(thumbhash: str) -> str:
    """A ThumbHash (in base64) as `data:image/png;base64,…`, for a page to show until the image is there."""
    return _PNG + b64encode(png(*pixels(b64decode(thumbhash)))).decode()


def pixels(thumbhash: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGBA (not premultiplied) of a ThumbHash. Each value is within 1 of 255 of the reference's.

    The reference is https://evanw.github.io/thumbhash/. Here, as in placeholders.py, rows are summed before columns.
    """
    header = int.from_bytes(thumbhash[:5], "little")
    has_alpha, landscape = header >> 23 & 1, header >> 39 & 1
    most, fewest = (5 if has_alpha else 7), header >> 24 & 7
    waves_x, waves_y = (most, fewest) if landscape else (fewest, most)
    width, height = _size(waves_x / waves_y)

    nibbles = iter([nibble for byte in thumbhash[5 + has_alpha :] for nibble in (byte & 15, byte >> 4)])
    light_x, light_y = max(3, waves_x), max(3, waves_y)
    light = _channel((header & 63) / 63, (header >> 18 & 31) / 31, nibbles, light_x, light_y, width, height)
    warm = _channel((header >> 6 & 63) / 31.5 - 1, (header >> 27 & 63) / 63 * 1.25, nibbles, 3, 3, width, height)
    red = _channel((header >> 12 & 63) / 31.5 - 1, (header >> 33 & 63) / 63 * 1.25, nibbles, 3, 3, width, height)
    alpha: Sequence[float] = [1.0] * (width * height)
    if has_alpha:
        alpha = _channel((thumbhash[5] & 15) / 15, (thumbhash[5] >> 4) / 15, nibbles, 5, 5, width, height)

    rgba = bytearray()
    for bright, yellow, reddish, a in zip(light, warm, red, alpha, strict=True):
        b = bright - 2 / 3 * yellow
        r = (3 * bright - b + reddish) / 2
        rgba += bytes(floor(255 * max(0.0, min(1.0, value))) for value in (r, r - reddish, b, a))
    return width, height, bytes(rgba)


def png(width: int, height: int, rgba: bytes) -> bytes:
    """A PNG of width x height pixels, `rgba` row by row; without the alpha channel when all pixels are opaque."""
    opaque = rgba[3::4].count(255) * 4 == len(rgba)
    depth = 3 if opaque else 4
    if opaque:
        rgba = b"".join(rgba[i : i + 3] for i in range(0, len(rgba), 4))
    rows = (rgba[start : start + width * depth] for start in range(0, len(rgba), width * depth))
    # Each row with PNG's filter 1, the difference from the pixel to the left: that compresses well.
    filtered = b"".join(
        b"\1" + bytes((value - left) & 255 for value, left in zip(row, bytes(depth) + row, strict=False))
        for row in rows
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if opaque else 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", compress(filtered, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data)) for kind, data in chunks
    )


CLEAR = _PNG + b64encode(png(1, 1, bytes(4))).decode()
"""One clear pixel, for a file without a ThumbHash."""


def _size(ratio: float) -> tuple[int, int]:
    if ratio > 1:
        return LONG_SIDE, floor(LONG_SIDE / ratio + 0.5)
    return floor(LONG_SIDE * ratio + 0.5), LONG_SIDE


def _channel(
    mean: float, scale: float, nibbles: Iterator[int], waves_x: int, waves_y: int, width: int, height: int
) -> list[float]:
    """A channel's values, row by row. A ThumbHash has the lower-left triangle of its cosine terms."""
    across, down = _waves(width, waves_x), _waves(height, waves_y)
    columns: list[list[float]] = []  # for each wave down: what it adds to each column
    for y in range(waves_y):
        terms = [0.0] * waves_x
        for x in range(0 if y else 1, waves_x):
            if x * waves_y < waves_x * (waves_y - y):
                terms[x] = (next(nibbles, 0) / 7.5 - 1) * scale * 2
        columns.append([sumprod(terms, wave) for wave in across])
    by_column = list(zip(*columns, strict=True))
    return [mean + sumprod(column, wave) for wave in down for column in by_column]


@lru_cache(maxsize=256)
def _waves(length: int, count: int) -> list[list[float]]:
    """The values of `count` cosine waves at each of `length` places."""
    return [[cos(pi / length * (i + 0.5) * k) for k in range(count)] for i in range(length)]
