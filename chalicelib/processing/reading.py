"""Reads an original once: its bytes are checked against what was declared, sniffed, hashed, and kept where needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import IO, BinaryIO, cast

from chalicelib.model import UNPROVEN, ErrorCode, File, PermanentFault
from chalicelib.processing import content_types, kinds, sniff
from chalicelib.processing.kinds import Processor, Source
from chalicelib.storage import originals
from chalicelib.storage.ranged import Ranged

CHUNK = 1024**2  # bytes


@dataclass(frozen=True)
class Read:
    """The findings of one reading. `sha256` in hex. The source has data only where its processor wants it in memory.

    `proven_type` is the content type that the bytes prove, or UNPROVEN. The source's type may be the declared one.
    """

    processor: Processor
    source: Source
    sha256: str
    proven_type: str


def read(file: File, key: str, version_id: str) -> Read:
    """One GetObject, which tells the size, too. Holds at most `CHUNK` bytes, beside what the processor wants.

    Raises PermanentFault for a file that is not what was declared, and OriginalMissingError.
    """
    original = originals.open_version(key, version_id)
    with original.body as body:
        _check_size(file, original.size)
        head = body.read(min(sniff.SNIFF_BYTES, original.size))
        detected = sniff.sniff(head)
        content_type = _checked_type(file, head, detected)
        processor = kinds.processor_of(content_type)
        in_memory = original.size <= processor.in_memory
        if processor.in_memory and not in_memory and not processor.by_ranges:
            bound = f"{processor.in_memory // 1024**2} MiB"
            raise PermanentFault(
                ErrorCode.TOO_LARGE, f"A file of the kind `{processor.kind}` may have at most {bound}."
            )
        kept = BytesIO() if in_memory else None
        sha256 = _hash_stream(head, body, kept)
    if file.declared_sha256 and file.declared_sha256 != sha256:
        raise PermanentFault(
            ErrorCode.CHECKSUM_MISMATCH, f"The bytes' SHA-256 is {sha256}, but {file.declared_sha256} was declared."
        )
    data = kept if kept is not None else open_by_ranges(processor, key, version_id, original.size)
    return Read(processor, Source(content_type, original.size, data, file.filename), sha256, detected or UNPROVEN)


def open_by_ranges(processor: Processor, key: str, version_id: str, size: int) -> BinaryIO:
    """The stored object as a file, of which the processor may read as many bytes as its kind allows."""
    if not processor.by_ranges:
        return BytesIO()
    return cast(BinaryIO, Ranged(key, version_id, size, processor.by_ranges))


def _check_size(file: File, size: int) -> None:
    if size == 0:
        raise PermanentFault(ErrorCode.EMPTY, "The file is empty.")
    if file.size is not None and size != file.size:
        raise PermanentFault(ErrorCode.SIZE_MISMATCH, f"The file has {size} bytes, but {file.size} were declared.")
    if file.max_bytes is not None and size > file.max_bytes:
        raise PermanentFault(ErrorCode.TOO_LARGE, f"The file has more than the {file.max_bytes} bytes allowed.")


def _checked_type(file: File, head: bytes, detected: str | None) -> str:
    """The file's type: the declared one, if its first bytes agree. Raises PermanentFault for bytes of another type.

    A type that was only guessed gives way to the bytes. A file of an upload token must have one of the token's types.
    """
    declared = file.content_type
    found = detected or "something else"
    if content_types.contradicts(declared, detected):
        if not file.type_guessed:
            raise PermanentFault(
                ErrorCode.TYPE_MISMATCH, f"The file was declared as {declared}, but its bytes are {found}."
            )
        declared = "application/octet-stream"
    if file.allowed_types and not content_types.is_one_of(file.allowed_types, declared, head):
        allowed = ", ".join(file.allowed_types)
        raise PermanentFault(
            ErrorCode.TYPE_MISMATCH, f"The upload token allows {allowed} only, but the file's bytes are {found}."
        )
    return content_types.settled(declared, detected)


def _hash_stream(head: bytes, body: IO[bytes], keep: BytesIO | None) -> str:
    """SHA-256 (hex) of `head` and of all that comes after it in `body`; the bytes go to `keep`, if there is one."""
    digest, chunk = hashlib.sha256(), head
    while chunk:
        digest.update(chunk)
        if keep is not None:
            keep.write(chunk)
        chunk = body.read(CHUNK)
    if keep is not None:
        keep.seek(0)
    return digest.hexdigest()
