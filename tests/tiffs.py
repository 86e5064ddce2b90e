"""Makes TIFFs of any layout: samples, planes, strips and tiles, both orders of bytes; also cameras' raw files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 37, 23

Values = Callable[[int, int], Sequence[float]]
Tags = dict[int, Sequence[int] | bytes]

_CODES = {(8, 1): "B", (16, 1): "H", (32, 1): "I", (32, 2): "i", (32, 3): "f", (16, 3): "e", (64, 3): "d"}


@dataclass(frozen=True)
class Layout:
    """`format` of a sample is 1 (unsigned), 2 (signed) or 3 (float). `compression` is 1 (none) or 8 (Deflate)."""

    photometric: int
    bits: int = 8
    format: int = 1
    samples: int = 1
    extra: tuple[int, ...] | None = None
    planar: bool = False
    little: bool = True
    compression: int = 1
    tile: int = 0
    more: Tags = field(default_factory=dict)


def tiff(layout: Layout, values: Values) -> bytes:
    """`values` are the samples of a pixel by its x and y, of a picture of WIDTH x HEIGHT."""
    groups = [[n] for n in range(layout.samples)] if layout.planar else [list(range(layout.samples))]
    if layout.tile:
        side = layout.tile
        corners = [(x, y, side, side) for y in range(0, HEIGHT, side) for x in range(0, WIDTH, side)]
    else:
        corners = [(0, y, WIDTH, min(7, HEIGHT - y)) for y in range(0, HEIGHT, 7)]
    blocks = [_block(layout, values, group, *corner) for group in groups for corner in corners]
    if layout.compression != 1:
        blocks = [zlib.compress(block) for block in blocks]
    places = [8 + sum(map(len, blocks[:n])) for n in range(len(blocks))]
    tags: Tags = {
        256: [WIDTH],
        257: [HEIGHT],
        258: [layout.bits] * layout.samples,
        259: [layout.compression],
        262: [layout.photometric],
        277: [layout.samples],
        284: [2 if layout.planar else 1],
        339: [layout.format] * layout.samples,
    }
    tags |= {338: layout.extra} if layout.extra is not None else {}
    sizes = [len(block) for block in blocks]
    tags |= (
        {322: [layout.tile], 323: [layout.tile], 324: places, 325: sizes}
        if layout.tile
        else {273: places, 278: [7], 279: sizes}
    )
    return assembled(b"".join(blocks), tags | layout.more, little=layout.little)


def assembled(body: bytes, tags: Tags, *, little: bool = True, inner: Tags | None = None) -> bytes:
    """A TIFF of these bytes, from byte 8 on, and these tags. `inner` are the tags of a directory below it (330)."""
    body += bytes(len(body) % 2)
    at = 8 + len(body)
    below = b""
    if inner is not None:
        below = _directory(inner, at, little)
        tags = tags | {330: [at]}
        at += len(below)
    order = "<" if little else ">"
    head = (b"II*\0" if little else b"MM\0*") + struct.pack(order + "I", at)
    return head + body + below + _directory(tags, at, little)


def raw(maker: bytes = b"NIKON CORPORATION", *, dng: bool = False, compression: int = 34713) -> bytes:
    """A camera's raw file: a small picture first, and below it one of color filters."""
    tags: Tags = {
        254: [1],
        256: [16],
        257: [8],
        258: [8, 8, 8],
        259: [1],
        262: [2],
        271: maker + b"\0",
        273: [8],
        277: [3],
        278: [8],
        279: [384],
    }
    if dng:
        tags[50706] = b"\1\4\0\0"
    inner: Tags = {256: [640], 257: [480], 258: [14], 259: [compression], 262: [32803], 273: [8], 277: [1], 279: [384]}
    return assembled(b"\x5a\x78\x3c" * 128, tags, inner=inner)


def _block(layout: Layout, values: Values, samples: list[int], left: int, top: int, width: int, height: int) -> bytes:
    found = [
        values(min(x, WIDTH - 1), min(y, HEIGHT - 1))[sample]
        for y in range(top, top + height)
        for x in range(left, left + width)
        for sample in samples
    ]
    order, code = "<" if layout.little else ">", _CODES[layout.bits, layout.format]
    return struct.pack(f"{order}{len(found)}{code}", *found)


def _directory(tags: Tags, at: int, little: bool) -> bytes:
    order = "<" if little else ">"
    table, values, after = b"", b"", at + 2 + 12 * len(tags) + 4
    for tag, content in sorted(tags.items()):
        is_text = isinstance(content, bytes)
        kind = (2 if content.endswith(b"\0") and tag == 271 else 1) if isinstance(content, bytes) else 4
        packed = content if isinstance(content, bytes) else struct.pack(f"{order}{len(content)}I", *content)
        count = len(packed) if is_text else len(packed) // 4
        if len(packed) > 4:
            values, packed = values + packed + bytes(len(packed) % 2), struct.pack(order + "I", after + len(values))
        table += struct.pack(order + "HHI", tag, kind, count) + packed.ljust(4, b"\0")
    return struct.pack(order + "H", len(tags)) + table + bytes(4) + values
