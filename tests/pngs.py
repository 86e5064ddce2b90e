"""Makes PNGs of any depth and colour type, with the chunks that a test wants."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

MAGIC = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by colour type."""

Samples = Callable[[int, int], Sequence[int]]


def chunk(name: bytes, content: bytes, *, crc: int | None = None) -> bytes:
    """`crc` is a wrong checksum, or None for the right one."""
    checksum = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(
    depth: int,
    color_type: int,
    samples: Samples,
    *,
    size: tuple[int, int] = (33, 5),
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """`samples` of a pixel by its x and y. `before` and `after` are chunks around the pixels."""
    width, height = size
    rows = b"".join(b"\0" + _packed(depth, [v for x in range(width) for v in samples(x, y)]) for y in range(height))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    return MAGIC + header + before + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")


def row(colors: Sequence[Sequence[float]], before: bytes = b"", depth: int = 8) -> bytes:
    """Two equal rows of RGB colours, whose values are 0-1."""
    most = (1 << depth) - 1
    return png(
        depth, 2, lambda x, _: [round(value * most) for value in colors[x]], size=(len(colors), 2), before=before
    )


def clear(*values: int) -> bytes:
    """The chunk that makes one grey, or one colour, clear."""
    return chunk(b"tRNS", b"".join(value.to_bytes(2) for value in values))


def cicp(primaries: int, transfer: int, matrix: int = 0, full_range: int = 1) -> bytes:
    return chunk(b"cICP", bytes([primaries, transfer, matrix, full_range]))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", round(value * 100_000).to_bytes(4))


def chromaticities(*values: float) -> bytes:
    """x and y of white, red, green and blue."""
    return chunk(b"cHRM", b"".join(round(value * 100_000).to_bytes(4) for value in values))


def light(most: int) -> bytes:
    """The brightest level in cd/m²."""
    return chunk(b"cLLI", struct.pack(">II", most * 10_000, most * 2_500))


def profile(icc: bytes) -> bytes:
    return chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))


def _packed(depth: int, samples: list[int]) -> bytes:
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    bits = "".join(f"{value:0{depth}b}" for value in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8)
