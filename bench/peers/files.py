"""The files of a corpus, their formats by magic number, and the size at which their pictures are compared."""

from __future__ import annotations

import mimetypes
from pathlib import Path

WIDTH = 512
"""Pixels. Pictures that are wider are compared at this width."""

FRAMES = 8
"""So many frames of an animation are compared, one below the other."""

CHROMIUM = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp", "image/x-icon"})
VIPS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/tiff"})
"""The formats that each reference reads. Of libvips, those of the wheel `pyvips-binary`."""

_ENDINGS = frozenset(
    {
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "webp", "avif", "avifs", "heic", "heif", "hif"),
        *("tif", "tiff", "bmp", "dib", "ico", "cur", "jp2", "j2k", "jpx", "jpf", "j2c", "jxl"),
        *("cr2", "cr3", "nef", "arw", "dng", "raf", "orf", "rw2"),
    }
)
_HEAD = 64


def in_folder(folder: Path, limit: int | None = None) -> list[Path]:
    """The image files below a folder, by their first bytes or by their names, at most `limit` of them."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and is_picture(path.name, _head(path))]
    return found[:limit]


def is_picture(name: str, head: bytes) -> bool:
    return bool(head) and (name.rpartition(".")[2].lower() in _ENDINGS or format_of(head) is not None)


def format_of(head: bytes) -> str | None:
    """The type that the magic number says; None for what no reference reads."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        brands = head[8 : int.from_bytes(head[:4])]
        return "image/avif" if b"avif" in brands or b"avis" in brands else None
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "image/tiff"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "image/bmp"
    if head.startswith((b"\0\0\1\0", b"\0\0\2\0")) and 0 < int.from_bytes(head[4:6], "little") < 256:
        return "image/x-icon"
    return None


def format_of_file(path: Path) -> str | None:
    return format_of(_head(path))


def declared(path: Path) -> str:
    """The type that a browser says, by the name."""
    type_, compression = mimetypes.guess_type(path.name)
    return type_ if type_ and not compression else "application/octet-stream"


def bounded(width: int, height: int) -> tuple[int, int]:
    """The size at which a picture of this size is compared: rounded as the engine's ladder rounds."""
    if width <= WIDTH:
        return width, height
    return WIDTH, max(1, (2 * height * WIDTH + width) // (2 * width))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
