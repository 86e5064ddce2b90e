"""Fujifilm's RAF: a header that names a whole JPEG, which has the EXIF, and tables of the raw data.

Sources: the tables of ExifTool (https://exiftool.org/TagNames/FujiFilm.html#RAF); Fujifilm publishes none.
"""

from __future__ import annotations

from typing import BinaryIO

from chalicelib.processing.raw.found import Place, Raw

_PLACES = 84  # of the JPEG and of the table: place and length of each
_MAX_TABLE = 64 * 1024  # bytes
_FULL, _CROPPED = 0x100, 0x111  # height and width of the raw picture


def read(data: BinaryIO) -> Raw:
    data.seek(_PLACES)
    header = data.read(16)
    at, length, table_at, table_length = (int.from_bytes(header[n : n + 4]) for n in range(0, 16, 4))
    places = [Place(at, length)] if at and length else []
    data.seek(table_at)
    return Raw(places, _sizes(data.read(min(table_length, _MAX_TABLE))))


def _sizes(table: bytes) -> list[tuple[int, int]]:
    sizes, at = list[tuple[int, int]](), 4
    for _ in range(int.from_bytes(table[:4])):
        tag, length = int.from_bytes(table[at : at + 2]), int.from_bytes(table[at + 2 : at + 4])
        value = table[at + 4 : at + 4 + length]
        at += 4 + length
        if at > len(table):
            break
        if tag in (_FULL, _CROPPED) and length == 4:
            sizes.append((int.from_bytes(value[2:]), int.from_bytes(value[:2])))
    return sizes
