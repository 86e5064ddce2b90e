"""The bounds of an upload in parts: how many parts it may have, how long each is, and how many bytes all of them."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.model import ErrorCode, File, FileError
from chalicelib.settings import MAX_PARTS, MIN_PART_BYTES
from chalicelib.storage.multipart import Part


def most_bytes(file: File) -> int | None:
    """The most bytes that the file may have: its declared size, or else its bound; None for a file without either."""
    return file.size if file.size is not None else file.max_bytes


def last_part(file: File) -> int:
    """The highest part number that the file may have.

    All parts but the last have the file's part size. If the client chooses the size, they have at least the least that
    S3 takes, so a file of few bytes has few parts.
    """
    most = most_bytes(file)
    if most is None or file.part_size is None:
        return MAX_PARTS
    return max(1, min(MAX_PARTS, -(-most // (MIN_PART_BYTES if _is_free(file) else file.part_size))))


def length(file: File, number: int) -> int | None:
    """The length of a part in bytes; None where the client chooses it."""
    if file.size is None or file.part_size is None or _is_free(file):
        return None
    return max(0, min(file.part_size, file.size - (number - 1) * file.part_size))


def excess(file: File, held: Iterable[Part]) -> FileError | None:
    """Why an upload must end whose parts are more bytes than it may have; None if they are not."""
    most, total = most_bytes(file), sum(part.size for part in held)
    if most is None or total <= most:
        return None
    return FileError(
        code=ErrorCode.TOO_LARGE,
        message=f"The parts that were sent are {total} bytes, but {most} are allowed, so the upload was ended.",
    )


def _is_free(file: File) -> bool:
    """True if the client chooses how large its parts are.

    Records of earlier releases do not say so. There it was where the size, or the upload's id, was not known.
    """
    return file.client_parts or file.size is None or file.upload_id is None
