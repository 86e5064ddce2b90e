"""Changes AVIFs that Pillow has made: their code points, and their tables of properties."""

from __future__ import annotations

import struct

from PIL import Image

from tests import images


def avif(image: Image.Image, primaries: int = 1, transfer: int = 13) -> bytes:
    """The picture with these code points (ITU-T H.273) in its `nclx` box."""
    data = bytearray(images.encoded(image, "AVIF", quality=100, subsampling="4:4:4", speed=10))
    at = data.index(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", primaries, transfer)
    return bytes(data)


def with_tables(data: bytes) -> bytes:
    """An AVIF with alpha, as some encoders write it: one table of properties (`ipma`) for each item."""
    start = data.index(b"ipma") - 4
    end = start + int.from_bytes(data[start : start + 4])
    entries, tables = data[start + 16 : end], b""
    while entries:
        length = 3 + entries[2]
        tables += struct.pack(">I4s4xI", 16 + length, b"ipma", 1) + entries[:length]
        entries = entries[length:]
    changed = bytearray(data[:start] + tables + data[end:])
    added = len(changed) - len(data)
    for name in (b"meta", b"iprp"):
        at = changed.index(name) - 4
        changed[at : at + 4] = (int.from_bytes(changed[at : at + 4]) + added).to_bytes(4)
    at = changed.index(b"iloc") + 10
    for _ in range(int.from_bytes(changed[at : at + 2])):  # each item has one extent, of 4 + 4 bytes
        changed[at + 8 : at + 12] = (int.from_bytes(changed[at + 8 : at + 12]) + added).to_bytes(4)
        at += 14
    return bytes(changed)
