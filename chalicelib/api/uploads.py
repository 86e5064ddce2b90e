"""How bytes get in: the one implementation under `/v1/files` and under the Uppy-compatible `/s3`.

No file byte passes through here: what is handed out are signed requests that go straight to S3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.api.tenants import default_recipe
from chalicelib.catalog import deletion, files
from chalicelib.catalog.credentials import TokenSpentError, use_token
from chalicelib.catalog.idempotency import Remembered
from chalicelib.model import File, Focus, Status, Visibility, new_file_id, now
from chalicelib.observability import append, logger
from chalicelib.settings import MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES, settings
from chalicelib.storage import forms, multipart, originals
from chalicelib.storage.forms import PostPolicy
from chalicelib.storage.multipart import Part, UploadMissingError

# A phone on a train sends a part again when it breaks off: small ones lose little. S3 takes at most 10,000 of them,
# so a large file's are larger.
PART_BYTES = 16 * 1024**2
MIB = 1024**2

# What is said of a file whose type nobody knows, until its bytes say more.
GENERIC = "application/octet-stream"


@dataclass(frozen=True)
class NewFile:
    """What a client says of a file that it will send. `size` in bytes, None when it does not know."""

    filename: str
    content_type: str
    size: int | None
    sha256: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    visibility: Visibility = Visibility.PRIVATE
    recipe: str | None = None
    focus: Focus | None = None


# --- beginning


def draft(call: Call, new: NewFile, lives: timedelta, **more: Any) -> File:
    """The record to be, within what the caller may upload. Not written yet.

    Raises Problem: `type_not_allowed` and `too_large_for_token` for what a token does not cover.
    """
    moment = now()
    bound = settings().max_upload_bytes
    visibility, tags = new.visibility, list(new.tags)
    if token := call.caller.token:
        if not token.allows_type(new.content_type):
            allowed = ", ".join(token.content_types)
            raise Problem("type_not_allowed", f"This upload token allows {allowed} only.", field="content_type")
        if new.size is not None and new.size > token.max_bytes:
            detail = f"This upload token allows at most {token.max_bytes} bytes a file."
            raise Problem("too_large_for_token", detail, field="size")
        bound = min(bound, token.max_bytes)
        visibility, tags = token.visibility, list(token.tags)
    if new.size is not None and new.size > bound:
        raise Problem("invalid_field", f"`size`: must be at most {bound} bytes.", field="size")
    return File(
        id=new_file_id(),
        tenant=call.tenant,
        status=Status.AWAITING_UPLOAD,
        filename=new.filename,
        content_type=new.content_type,
        size=new.size,
        visibility=visibility,
        recipe=call.caller.token.recipe if call.caller.token else new.recipe or default_recipe(call.tenant),
        tags=tags,
        metadata=dict(new.metadata),
        focus=new.focus,
        revision=1,
        created_at=moment,
        updated_at=moment,
        expires_at=moment + lives,
        declared_sha256=new.sha256,
        max_bytes=bound if new.size is None else None,
        token_id=call.caller.token.id if call.caller.token else None,
        correlation_id=call.request_id,
        **more,
    )


def write(call: Call, file: File, remember: Remembered | None = None) -> None:
    """Writes the record; where that fails, a multipart upload that was begun for it is aborted.

    Raises Problem `token_spent`, and RepeatedError.
    """
    try:
        # In this order, a repeated request is known as one even if its token is used up by now.
        together = [remember.write()] if remember else []
        together += [use_token(file.token_id)] if file.token_id else []
        files.create(file, together)
    except BaseException as error:
        if file.upload_id:
            multipart.abort(file, file.upload_id)
        if not isinstance(error, TokenSpentError):
            raise
        most = call.caller.token.max_files if call.caller.token else 0
        raise Problem("token_spent", f"This upload token allows {most} files, and they are used up.") from None
    append(file_id=file.id)
    logger.info("file created", extra={"size": file.size, "content_type": file.content_type})


def begin_post(call: Call, new: NewFile) -> tuple[File, PostPolicy]:
    """A record, and a form for its bytes."""
    lives = timedelta(seconds=settings().upload_expiry)
    file = draft(call, new, lives)
    policy = forms.sign(file, int(lives.total_seconds()))
    write(call, file)
    return file, policy


def begin_multipart(call: Call, new: NewFile) -> File:
    """A record with a multipart upload of ours behind it."""
    file = draft_multipart(call, new)
    file.upload_id = multipart.begin(file)
    write(call, file)
    return file


def begin_unbound_multipart(call: Call, new: NewFile) -> File:
    """A record whose multipart upload the client will begin itself (`sign_begin`): its id is not known to us."""
    file = draft_multipart(call, new)
    write(call, file)
    return file


def draft_multipart(call: Call, new: NewFile, *, part_size: int | None = None, part_checksums: bool = False) -> File:
    """The record of a multipart upload to be.

    Raises Problem `invalid_field` for a part size that is out of S3's bounds or would take more than 10,000 parts.
    """
    lives = timedelta(seconds=settings().multipart_expiry)
    file = draft(call, new, lives, part_checksums=part_checksums)
    smallest = part_bytes(file.size if file.size is not None else file.max_bytes or 0, least=MIN_PART_BYTES)
    if part_size is not None and not smallest <= part_size <= MAX_PART_BYTES:
        detail = f"`part_size`: must be from {smallest} to {MAX_PART_BYTES} bytes for a file of this size."
        raise Problem("invalid_field", detail, field="part_size")
    file.part_size = part_size or max(PART_BYTES, smallest)
    return file


def part_bytes(size: int, least: int = PART_BYTES) -> int:
    """The smallest part size, whole MiB and at least `least`, that needs no more than 10,000 parts; bytes."""
    return max(least, -(-size // MAX_PARTS // MIB) * MIB if size > least * MAX_PARTS else least)


def sign_begin(file: File) -> str:
    return multipart.sign_begin(file, settings().upload_expiry)


# --- going on


def waiting(file: File, upload_id: str | None = None) -> str:
    """The id of the file's multipart upload, which still waits for parts.

    `upload_id` is what the client says it is, where we do not know. Raises Problem: `already_uploaded`,
    `upload_expired`, `not_multipart`, and `not_found` for an upload id that is not this file's.
    """
    if file.status is Status.EXPIRED:
        raise Problem("upload_expired", "The time for this upload is over; create the file again.")
    if file.status is not Status.AWAITING_UPLOAD:
        raise Problem("already_uploaded", f"This file's upload has ended: it is `{file.status}`.")
    if file.part_size is None:
        raise Problem("not_multipart", "This file is uploaded in one piece, by its form.")
    if upload_id and file.upload_id and upload_id != file.upload_id:
        raise Problem("not_found", "There is no such upload of this file.")
    found = file.upload_id or upload_id
    if not found:
        raise Problem("not_found", "There is no such upload of this file.")
    return found


def last_part(file: File) -> int:
    """The highest part number of this file; 10,000 where its size is not known."""
    if file.size is None or file.part_size is None:
        return MAX_PARTS
    return max(1, -(-file.size // file.part_size))


def sign_parts(
    file: File, numbers: Iterable[int], upload_id: str | None = None, checksums: Mapping[int, str] | None = None
) -> dict[int, str]:
    """An address for each part number; no AWS call. `checksums` are hex SHA-256 by part number.

    Raises Problem `part_out_of_range`, and what `waiting` raises.
    """
    upload = waiting(file, upload_id)
    last = last_part(file)
    signed: dict[int, str] = {}
    for number in numbers:
        if not 1 <= number <= last:
            raise Problem("part_out_of_range", f"This file's parts are 1 to {last}.", field="part_numbers")
        checksum = (checksums or {}).get(number)
        signed[number] = multipart.sign_part(file, upload, number, settings().upload_expiry, checksum)
    return signed


def part_addresses(signed: dict[int, str]) -> list[dict[str, Any]]:
    """Signed addresses by part number, as answers list them."""
    return [{"part_number": number, "url": url} for number, url in signed.items()]


def list_parts(file: File, upload_id: str | None = None) -> list[Part]:
    """The parts that S3 holds. Raises what `waiting` raises."""
    upload = waiting(file, upload_id)
    try:
        return multipart.list_parts(file, upload)
    except UploadMissingError:
        raise _gone(file) from None


def complete(file: File, claimed: Sequence[tuple[int, str]], upload_id: str | None = None) -> None:
    """Completes an upload, if what the client lists is what S3 holds, and all of it is the declared size.

    Two calls to S3 (and one for each further thousand parts). Nothing is changed by a refusal. Raises Problem:
    `part_order`, `part_missing`, `etag_mismatch`, `part_too_small`, `size_mismatch`, and what `waiting` raises.
    """
    upload = waiting(file, upload_id)
    held = {part.part_number: part for part in list_parts(file, upload)}
    chosen = verified(file, claimed, held)
    try:
        multipart.complete(file, upload, chosen)
    except UploadMissingError:
        raise _gone(file) from None
    logger.info("upload completed", extra={"parts": len(chosen)})


def verified(file: File, claimed: Sequence[tuple[int, str]], held: Mapping[int, Part]) -> list[Part]:
    """The held parts that a client's list names, in order."""
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


def sign_complete(file: File, upload_id: str) -> str:
    """An address with which the client completes its upload itself; what S3 holds by now must be within the bound."""
    held = {part.part_number: part for part in list_parts(file, upload_id)}
    verified(file, [(part.part_number, part.etag) for part in held.values()], held)
    return multipart.sign_request("complete_multipart_upload", file, waiting(file, upload_id), settings().upload_expiry)


def sign_list(file: File, upload_id: str) -> str:
    """An address with which the client lists its upload's parts itself. Raises what `waiting` raises."""
    return multipart.sign_request("list_parts", file, waiting(file, upload_id), settings().upload_expiry)


def sign_abort(file: File, upload_id: str) -> str:
    """An address with which the client ends its upload itself. The record ends now, whatever the client then does."""
    upload = waiting(file, upload_id)
    deletion.mark_deleted(file.tenant, file.id)
    return multipart.sign_request("abort_multipart_upload", file, upload, settings().upload_expiry)


def abort(file: File, upload_id: str | None = None) -> None:
    """Ends an upload that waits, and its record. Raises what `waiting` raises."""
    upload = waiting(file, upload_id)
    deletion.mark_deleted(file.tenant, file.id)
    multipart.abort(file, upload)
    deletion.mark_purged(file.id)


def _gone(file: File) -> Problem:
    if originals.exists(file):
        return Problem("already_uploaded", "This upload was completed already.")
    return Problem("upload_expired", "This upload is gone: it was aborted or its time is over. Create the file again.")


def until(file: File) -> datetime:
    """When addresses signed now end: after `upload_expiry`, or with the upload itself."""
    end = now() + timedelta(seconds=settings().upload_expiry)
    return min(end, file.expires_at) if file.expires_at else end
