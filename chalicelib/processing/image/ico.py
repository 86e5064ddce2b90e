"""Windows icons: several images in one file. Pillow takes the largest, and so do we."""

from __future__ import annotations

from typing import BinaryIO

_PNG = b"\x89PNG\r\n\x1a\n"
_MAGIC = b"\0\0\1\0"


def claimed_pixels(source: BinaryIO) -> int:
    """The pixels of the largest image in an icon, by its own words; 0 for a file that is no icon. Keeps the position.

    The icon's directory only has room for sizes up to 256 x 256, but the PNG or bitmap that it points to may claim any
    size. Pillow believes the latter, and decodes it when the file is opened, so this must be asked before that.
    """
    start = source.tell()
    try:
        head = source.read(6)
        if not head.startswith(_MAGIC) or len(head) < 6:
            return 0
        directory = source.read(16 * int.from_bytes(head[4:], "little"))  # 1 MB at most
        offsets = {int.from_bytes(directory[at + 12 : at + 16], "little") for at in range(0, len(directory), 16)}
        return max((_pixels_at(source, start + offset) for offset in offsets), default=0)
    finally:
        source.seek(start)


def _pixels_at(source: BinaryIO, offset: int) -> int:
    source.seek(offset)
    header = source.read(24)
    if header.startswith(_PNG):
        return int.from_bytes(header[16:20]) * int.from_bytes(header[20:24])
    width = int.from_bytes(header[4:8], "little", signed=True)
    height = int.from_bytes(header[8:12], "little", signed=True)  # of the colours and the mask together
    return abs(width) * abs(height)
