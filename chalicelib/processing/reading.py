"""Reads an original once: its bytes are checked against what was declared, sniffed, hashed, and kept where needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import IO, BinaryIO, cast

from chalicelib.media_types import OCTETS, says_nothing
from chalicelib.model import UNPROVEN, ErrorCode, File, Kind, PermanentFault, Worker, original_key
from chalicelib.processing import content_types, kinds, sniff
from chalicelib.processing.kinds import Processor, Source
from chalicelib.processing.office.formats import ENCRYPTABLE
from chalicelib.storage import originals, parallel
from chalicelib.storage.ranged import Ranged

CHUNK = 1024**2  # bytes

# Bytes. A larger file is hashed later, by a message of its own, unless the client declared the hash.
HASHED_AT_ONCE = 256 * 1024**2

# Bytes. A container of at most this size is kept in memory while it is looked into. Of a larger one, at most LOOK bytes
# are fetched by ranges: enough for the directory of 40,000 entries.
SMALL = 8 * 1024**2
LOOK = 2 * 1024**2


@dataclass(frozen=True)
class Read:
    """The findings of one reading. `sha256` in hex; None for a large file, which is hashed later.

    `elsewhere` is True if another function must go on with the file. Then only its beginning was read.

    The source has data only where its processor wants it. `proven_type` is the content type that the bytes prove, or
    UNPROVEN. The source's type may be the declared one.
    """

    processor: Processor
    source: Source
    sha256: str | None
    proven_type: str
    elsewhere: bool = False


def read(file: File, key: str, version_id: str, here: Worker | None = None) -> Read:
    """One GetObject, which tells the size, too; more by ranges for a large archive. Holds at most `SMALL` bytes, beside
    what the processor wants.

    `here` is the function that reads, if it leaves other functions' files to them. Raises PermanentFault for a file
    that is not what was declared, and OriginalMissingError.
    """
    original = originals.open_version(key, version_id)
    size = original.size
    with original.body as body:
        _check_size(file, size)
        start = head = body.read(min(sniff.SNIFF_BYTES, size))
        detected = sniff.sniff(head)
        if detected in sniff.CONTAINERS and size <= SMALL:
            start += body.read(size - len(head))
        data = BytesIO(start) if size <= SMALL else cast(BinaryIO, Ranged(key, version_id, size, LOOK))
        detected = sniff.inside(detected, head, data)
        content_type, processor = _typed(file, head, detected, whole=size == len(head))
        if here and processor.function is not here:
            nothing = Source(content_type, size, BytesIO(), file.filename)
            return Read(processor, nothing, None, detected or UNPROVEN, elsewhere=True)
        in_memory = size <= min(processor.in_memory, HASHED_AT_ONCE)
        if processor.in_memory and not in_memory and not processor.by_ranges:
            bound = f"{processor.in_memory // 1024**2} MiB"
            raise PermanentFault(
                ErrorCode.TOO_LARGE, f"A file of the kind `{processor.kind}` may have at most {bound}."
            )
        kept = BytesIO() if in_memory else None
        sha256 = _hash(_chunks(start, body), kept) if size <= HASHED_AT_ONCE else None
    if sha256 is None and file.declared_sha256:
        sha256 = sha256_of(key, version_id, size)
    if file.declared_sha256 and file.declared_sha256 != sha256:
        raise PermanentFault(
            ErrorCode.CHECKSUM_MISMATCH, f"The bytes' SHA-256 is {sha256}, but {file.declared_sha256} was declared."
        )
    data = kept if kept is not None else open_by_ranges(processor, key, version_id, size)
    return Read(processor, Source(content_type, size, data, file.filename), sha256, detected or UNPROVEN)


def kind_of(file: File) -> Kind | None:
    """The kind that processing would find in a file that is stored: one GetObject, and for containers a few more.

    None if processing would refuse the file. Raises OriginalMissingError.
    """
    key, version_id = original_key(file.tenant, file.id), file.version_id or ""
    original = originals.open_version(key, version_id)
    with original.body as body:
        head = body.read(min(sniff.SNIFF_BYTES, original.size))
    data = cast(BinaryIO, Ranged(key, version_id, original.size, LOOK))
    detected = sniff.inside(sniff.sniff(head), head, data)
    try:
        content_type, processor = _typed(file, head, detected, whole=original.size == len(head))
        if content_types.one_name(content_type) in kinds.RAW:
            from chalicelib.processing.raw.processor import has_picture

            return processor.kind if has_picture(data, original.size) else Kind.OTHER
    except PermanentFault:
        return None
    return processor.kind


def was_told_nothing(file: File) -> bool:
    """True if the client did not say what the file is, or said nothing by its type."""
    return file.type_guessed or says_nothing(file.content_type)


def as_other(read: Read, file: File) -> Read:
    """The same findings for a file whose kind can't be processed: the declared type, and no processor."""
    declared = content_types.settled(file.content_type, None)
    return replace(read, processor=kinds.PROCESSORS[-1], source=replace(read.source, content_type=declared))


def sha256_of(key: str, version_id: str, size: int) -> str:
    """SHA-256 (hex) of a whole original, fetched by parallel ranges. Raises OriginalMissingError."""
    return _hash(parallel.blocks(key, version_id, size), None)


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


def _typed(file: File, head: bytes, detected: str | None, *, whole: bool) -> tuple[str, Processor]:
    """The file's type and its processor. `detected` is what the bytes prove; `head` may be the `whole` file.

    The type is the declared one, if the bytes agree. Raises PermanentFault for bytes of another type. A type that was
    only guessed gives way to the bytes. A file of an upload token must have one of the token's types.
    """
    declared = file.content_type
    text = sniff.text_type(head, whole=whole) if detected is None else None
    found = detected or "something else"
    is_transport = content_types.one_name(declared) == sniff.TRANSPORT
    if text and (is_transport or (file.type_guessed and declared.startswith("video/"))):
        declared = text  # `.ts` is also the name of TypeScript, which browsers declare as a film
    if content_types.contradicts(declared, detected, head):
        if not file.type_guessed:
            raise PermanentFault(
                ErrorCode.TYPE_MISMATCH, f"The file was declared as {declared}, but its bytes are {found}."
            )
        declared = OCTETS
    if file.allowed_types and not content_types.is_one_of(file.allowed_types, declared, head, detected):
        allowed = ", ".join(file.allowed_types)
        raise PermanentFault(
            ErrorCode.TYPE_MISMATCH, f"The upload token allows {allowed} only, but the file's bytes are {found}."
        )
    content_type = content_types.settled(declared, detected, text)
    if content_type == sniff.ENCRYPTED:
        content_type = _by_extension(file.filename) or content_type
    processor = kinds.processor_of(content_type)
    if processor.kind in (Kind.TEXT, Kind.EMAIL) and not sniff.is_text(head):
        return content_type, kinds.PROCESSORS[-1]  # declared as text, but nobody can read it
    if content_types.one_name(content_type) == sniff.ENCRYPTED != detected:
        return content_type, kinds.PROCESSORS[-1]  # nothing proves that it is encrypted
    return content_type, processor


def _by_extension(filename: str) -> str | None:
    """The type of an encrypted Office file whose bytes hide it and for which none was declared; None if unknown."""
    return ENCRYPTABLE.get(filename.rpartition(".")[2].lower())


def _chunks(start: bytes, body: IO[bytes]) -> Iterator[bytes]:
    chunk = start
    while chunk:
        yield chunk
        chunk = body.read(CHUNK)


def _hash(chunks: Iterable[bytes], keep: BytesIO | None) -> str:
    """SHA-256 (hex) of all bytes; they go to `keep`, if there is one."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        if keep is not None:
            keep.write(chunk)
    if keep is not None:
        keep.seek(0)
    return digest.hexdigest()
