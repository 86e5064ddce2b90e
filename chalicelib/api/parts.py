"""An upload in parts, after it began: its parts are signed, listed, and completed to a file, or it is aborted.

`/v1/files` and the Uppy-compatible `/s3` both use this module. The parts themselves go straight to S3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.api.errors import Problem
from chalicelib.catalog import claims, deletion
from chalicelib.model import File, FileError, Status
from chalicelib.observability import logger
from chalicelib.settings import MIN_PART_BYTES, settings
from chalicelib.storage import bounds, multipart, originals
from chalicelib.storage.multipart import Part, UploadMissingError
from chalicelib.upkeep import removal


def open_upload(file: File, upload_id: str | None = None) -> str:
    """The id of the file's multipart upload, which must still be open for parts.

    `upload_id` is the id that the client gave; it is needed where the client began the upload itself, so that the
    record does not have the id. Raises Problem: `already_uploaded`, `upload_expired`, `not_multipart`, and `not_found`
    for the id of another upload.
    """
    if file.status is Status.EXPIRED:
        raise Problem("upload_expired", "The time for this upload is over; create the file again.")
    if file.status is not Status.AWAITING_UPLOAD:
        raise Problem("already_uploaded", f"This file's upload has ended: it is `{file.status}`.")
    if file.part_size is None:
        raise Problem("not_multipart", "This file is uploaded in one piece, with its form.")
    if upload_id and file.upload_id and upload_id != file.upload_id:
        raise _no_such_upload()
    found = file.upload_id or upload_id
    if not found:
        raise _no_such_upload()
    return found


def sign(
    file: File, numbers: Iterable[int], upload_id: str | None = None, checksums: Mapping[int, str] | None = None
) -> dict[int, str]:
    """A signed address for each part number, without an AWS call. `checksums` are hex SHA-256 by part number.

    S3 takes a part of exactly the length that it must have, where that is known.

    Raises Problem `part_out_of_range`, and what `open_upload` raises.
    """
    upload = open_upload(file, upload_id)
    last = bounds.last_part(file)
    signed: dict[int, str] = {}
    for number in numbers:
        if not 1 <= number <= last:
            raise Problem("part_out_of_range", f"This file's parts are 1 to {last}.", field="part_numbers")
        signed[number] = multipart.sign_part(
            file,
            upload,
            number,
            settings().upload_expiry,
            sha256=(checksums or {}).get(number),
            length=bounds.length(file, number),
        )
    return signed


def addresses(signed: dict[int, str]) -> list[dict[str, Any]]:
    """Signed addresses by part number, in the form that answers have."""
    return [{"part_number": number, "url": url} for number, url in signed.items()]


def held(file: File, upload_id: str | None = None) -> list[Part]:
    """The parts that S3 has received, in order. Raises what `open_upload` raises."""
    upload = open_upload(file, upload_id)
    try:
        return multipart.list_parts(file, upload)
    except UploadMissingError:
        raise _gone(file) from None


def complete(file: File, claimed: Sequence[tuple[int, str]], upload_id: str | None = None) -> None:
    """Makes the parts one object, if the client's list of them is what S3 holds and their sizes add up.

    `claimed` has (part number, ETag). Two calls to S3, and one more for each further thousand parts. Does nothing if
    the same parts were completed before: then the answer to that was lost. A refusal changes nothing, unless S3 holds
    more bytes than the file may have: then the upload ends, and the file is `failed`.

    Raises Problem: `part_order`, `part_missing`, `etag_mismatch`, `part_too_small`, `size_mismatch`, and what
    `open_upload` raises.
    """
    if _is_completed(file, upload_id):
        _require_same(file, claimed)
        return
    upload = open_upload(file, upload_id)
    try:
        chosen = _verified(file, claimed, multipart.list_parts(file, upload))
        multipart.complete(file, upload, chosen)
    except UploadMissingError:
        if not originals.exists(file):
            raise _gone(file) from None
        _require_same(file, claimed)
        return
    logger.info("upload completed", extra={"parts": len(chosen)})


def _is_completed(file: File, upload_id: str | None) -> bool:
    """True if this upload, and no other, was completed and is being processed or was."""
    has_bytes = file.status not in (Status.AWAITING_UPLOAD, Status.EXPIRED) and file.version_id is not None
    ours = file.part_size is not None and (upload_id is None or upload_id == file.upload_id)
    return has_bytes and ours


def _require_same(file: File, claimed: Sequence[tuple[int, str]]) -> None:
    """Raises Problem `already_uploaded` if other parts than these were completed. One HEAD of S3.

    If the original is gone, or its ETag tells nothing of its parts, nobody knows, and the record is the answer.
    """
    stored = originals.newest(file)
    if (
        stored
        and stored.etag
        and stored.etag != multipart.etag_of((number, etag.strip('"')) for number, etag in claimed)
    ):
        raise Problem("already_uploaded", "This upload was completed already, with another list of parts.")


def _verified(file: File, claimed: Sequence[tuple[int, str]], held: Sequence[Part]) -> list[Part]:
    """As `verified`, but ends the upload if S3 holds more bytes than the file may have."""
    try:
        return verified(file, claimed, {part.part_number: part for part in held})
    except Problem:
        if (error := bounds.excess(file, held)) is None:
            raise
        _refuse(file, error)
        raise Problem("size_mismatch", f"{error.message} Create the file again.", field="parts") from None


def _refuse(file: File, error: FileError) -> None:
    """Ends an upload in parts as `failed`. Does nothing if the record changed meanwhile."""
    if refused := claims.refuse(file, error):
        logger.info("upload refused", extra={"reason": error.message})
        removal.discard(refused)


def verified(file: File, claimed: Sequence[tuple[int, str]], held: Mapping[int, Part]) -> list[Part]:
    """The parts that a client's list names, in order. Raises Problem as `complete` says."""
    chosen = _chosen(claimed, held)
    for index, part in enumerate(chosen[:-1]):
        if part.size < MIN_PART_BYTES:
            detail = f"Part {part.part_number} has {part.size} bytes; all but the last need {MIN_PART_BYTES}."
            raise Problem("part_too_small", detail, field=f"parts.{index}")
    total = sum(part.size for part in chosen)
    if file.size is not None and total != file.size:
        raise Problem("size_mismatch", f"These parts are {total} bytes; {file.size} were declared.", field="parts")
    if file.max_bytes is not None and total > file.max_bytes:
        raise Problem("size_mismatch", f"These parts are {total} bytes; {file.max_bytes} are allowed.", field="parts")
    return chosen


def _chosen(claimed: Sequence[tuple[int, str]], held: Mapping[int, Part]) -> list[Part]:
    chosen: list[Part] = []
    for index, (number, etag) in enumerate(claimed):
        where = f"parts.{index}"
        if chosen and number <= chosen[-1].part_number:
            raise Problem("part_order", "Each part is listed once, in ascending order.", field=f"{where}.part_number")
        part = held.get(number)
        if part is None:
            raise Problem("part_missing", f"Part {number} has not arrived.", field=f"{where}.part_number")
        if etag.strip('"') != part.etag:
            detail = f"Part {number} has another ETag than the one listed; it may have been sent again."
            raise Problem("etag_mismatch", detail, field=f"{where}.etag")
        chosen.append(part)
    return chosen


def abort(file: File, upload_id: str | None = None) -> None:
    """Ends an open upload, and deletes its record. Raises what `open_upload` raises."""
    upload = open_upload(file, upload_id)
    deletion.mark_deleted(file.tenant, file.id)
    multipart.abort(file, upload)
    deletion.mark_purged(file)


# --- Requests that the client sends to S3 itself


def sign_complete(file: File, upload_id: str) -> str:
    """An address with which the client completes its upload. What S3 holds now must be within the file's bounds."""
    parts = held(file, upload_id)
    _verified(file, [(part.part_number, part.etag) for part in parts], parts)
    return _sign_request("complete_multipart_upload", file, upload_id)


def sign_list(file: File, upload_id: str) -> str:
    """An address with which the client lists the parts that S3 holds. Raises what `open_upload` raises."""
    return _sign_request("list_parts", file, upload_id)


def sign_abort(file: File, upload_id: str) -> str:
    """An address with which the client aborts its upload. The record is deleted now, even if the client never does."""
    upload = open_upload(file, upload_id)
    deletion.mark_deleted(file.tenant, file.id)
    return multipart.sign_request("abort_multipart_upload", file, upload, settings().upload_expiry)


def _sign_request(operation: str, file: File, upload_id: str) -> str:
    return multipart.sign_request(operation, file, open_upload(file, upload_id), settings().upload_expiry)


def _no_such_upload() -> Problem:
    return Problem("not_found", "There is no such upload of this file.")


def _gone(file: File) -> Problem:
    if originals.exists(file):
        return Problem("already_uploaded", "This upload was completed already.")
    return Problem("upload_expired", "This upload is gone: it was aborted or its time is over. Create the file again.")
