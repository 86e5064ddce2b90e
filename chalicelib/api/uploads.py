"""How a file begins: its record, and what its bytes are sent with. `/v1/files` and the Uppy-compatible `/s3` use it.

No byte of a file passes through here: clients get signed requests and send the bytes straight to S3. How an upload in
parts goes on is in parts.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib import aws
from chalicelib.api import guessing, quotas
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.catalog import files, new_files
from chalicelib.catalog.credentials import TokenSpentError, use_token
from chalicelib.catalog.idempotency import Remembered
from chalicelib.catalog.new_files import NewFile
from chalicelib.catalog.quotas import ExceededError
from chalicelib.media_types import OCTETS, says_nothing
from chalicelib.model import File, UploadToken, now
from chalicelib.observability import append, logger
from chalicelib.settings import MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES, settings
from chalicelib.storage import forms, multipart
from chalicelib.storage.forms import PostPolicy

MIB = 1024**2

# The usual size of a part. When a phone on a train breaks off, it sends one part again, so small parts lose little.
# S3 takes at most 10,000 parts, so the parts of a very large file are larger.
PART_BYTES = 16 * MIB


# The quotas of a file that is restored.
_OF_WHAT_IS_STORED = ("files", "stored_bytes")


def owner_of(call: Call, named: str | None) -> str | None:
    """The owner of a file that the caller creates; `named` is the one in the request. None for a file of nobody."""
    return call.caller.only_own or named or call.caller.owner


def draft(call: Call, new: NewFile, lives: timedelta, **more: Any) -> File:
    """The new file's record, not written yet. The upload expires after `lives`.

    An upload token decides tags, visibility and recipe. Raises Problem: `type_not_allowed` and `too_large_for_token`
    for a file that the token does not cover, `invalid_field` for one above the stage's bound, and `quota_exceeded`.
    """
    token = call.caller.token
    bound = settings().max_upload_bytes
    content_type, type_guessed = _declared_type(new, token)
    if token:
        _check(content_type, new.size, token)
        bound = min(bound, token.max_bytes)
    if new.size is not None and new.size > bound:
        raise Problem("invalid_field", f"`size`: must be at most {bound} bytes.", field="size")
    room = _reserve(call, new.size, quotas.limits_of(call.tenant))
    if token:
        new = replace(new, tags=token.tags, visibility=token.visibility, recipe=token.recipe)
    return new_files.record(
        call.tenant,
        replace(new, owner=owner_of(call, new.owner)),
        content_type,
        lives,
        max_bytes=min(bound, room) if new.size is None else None,
        token_id=token.id if token else None,
        allowed_types=list(token.content_types) if token else [],
        type_guessed=type_guessed,
        correlation_id=call.request_id,
        **more,
    )


def reserve_again(call: Call, file: File) -> None:
    """Reserves room for a file that comes back: its bytes were uploaded before. Raises Problem `quota_exceeded`.

    Otherwise a tenant could delete its files, send as many others, and restore the first ones, again and again.
    """
    limits = {quota: bound for quota, bound in quotas.limits_of(call.tenant).items() if quota in _OF_WHAT_IS_STORED}
    _reserve(call, file.size or 0, limits)


def _reserve(call: Call, size: int | None, limits: Mapping[str, int]) -> int:
    """Reserves room in the tenant's quotas. Gives the bytes that the file may have. Raises Problem `quota_exceeded`."""
    try:
        return new_files.reserve(call.tenant, size, limits)
    except ExceededError as exceeded:
        raise quotas.refusal(exceeded) from None


def _declared_type(new: NewFile, token: UploadToken | None) -> tuple[str, bool]:
    """The type to declare, and True if it is a guess.

    The name's extension stands in for a type that the client does not know. Clients also say that they do not know one
    with a type such as `application/octet-stream` or `image/*`. It is kept, unless the token does not allow it.
    """
    told = new.content_type
    if told is not None and says_nothing(told) and token and not token.allows_type(told):
        told = None
    if told is not None:
        return told, False
    guess = guessing.type_of(new.filename)
    return guess or OCTETS, guess is not None


def _check(content_type: str, size: int | None, token: UploadToken) -> None:
    if not token.allows_type(content_type):
        allowed = ", ".join(token.content_types)
        raise Problem("type_not_allowed", f"This upload token allows {allowed} only.", field="content_type")
    if size is not None and size > token.max_bytes:
        detail = f"This upload token allows at most {token.max_bytes} bytes a file."
        raise Problem("too_large_for_token", detail, field="size")


def write(call: Call, file: File, remember: Remembered | None = None) -> None:
    """Writes the record. If it is not written, the multipart upload that was begun for it is aborted.

    If nobody knows (AWS answered 5xx, or not at all), the upload stays: a record may have it, and a repeated request
    with the same Idempotency-Key is told of it. Otherwise the bucket's lifecycle aborts it.

    Raises Problem `token_spent`, and RepeatedError when another request with the same Idempotency-Key was faster.
    """
    try:
        # In this order, a repeated request is known as one even if its token is used up by now.
        together = [remember.write()] if remember else []
        file.remembered_as = remember.item_id if remember else None
        together += [use_token(file.token_id)] if file.token_id else []
        files.create(file, together)
    except BaseException as error:
        if file.upload_id and not aws.may_be_done(error):
            multipart.abort(file, file.upload_id)
        if not isinstance(error, TokenSpentError):
            raise
        most = call.caller.token.max_files if call.caller.token else 0
        raise Problem("token_spent", f"This upload token allows {most} files, and they are used up.") from None
    append(file_id=file.id)
    logger.info("file created", extra={"size": file.size})


def begin_post(call: Call, new: NewFile) -> tuple[File, PostPolicy]:
    """Writes a record, and makes a form that uploads its bytes in one piece."""
    lives = timedelta(seconds=settings().upload_expiry)
    file = draft(call, new, lives)
    policy = forms.sign(file, int(lives.total_seconds()))
    write(call, file)
    return file, policy


def begin_multipart(call: Call, new: NewFile, part_size: int | None = None) -> File:
    """Begins a multipart upload in S3, and writes a record with its id.

    The client chooses how large its parts are, unless it tells both the file's size and the parts' (bytes).
    """
    free = new.size is None or part_size is None
    file = draft_multipart(call, new, part_size=part_size, client_parts=free)
    file.upload_id = multipart.begin(file)
    write(call, file)
    return file


def draft_multipart(call: Call, new: NewFile, *, part_size: int | None = None, **more: Any) -> File:
    """The record of a new file that is uploaded in parts, not written yet.

    `part_size` in bytes; chosen here if it is None. Raises Problem `invalid_field` for a part size that is out of S3's
    bounds or would need more than 10,000 parts, and what `draft` raises.
    """
    lives = timedelta(seconds=settings().multipart_expiry)
    file = draft(call, new, lives, **more)
    smallest = part_bytes(file.size if file.size is not None else file.max_bytes or 0, least=MIN_PART_BYTES)
    if part_size is not None and not smallest <= part_size <= MAX_PART_BYTES:
        detail = f"`part_size`: must be from {smallest} to {MAX_PART_BYTES} bytes for a file of this size."
        raise Problem("invalid_field", detail, field="part_size")
    file.part_size = part_size or max(PART_BYTES, smallest)
    return file


def part_bytes(size: int, least: int = PART_BYTES) -> int:
    """The smallest part size for a file of `size` bytes: whole MiB, at least `least`, and at most 10,000 parts."""
    return max(least, -(-size // MAX_PARTS // MIB) * MIB if size > least * MAX_PARTS else least)


def until(file: File) -> datetime:
    """When addresses that are signed now expire: after `upload_expiry` seconds, or earlier, with the upload itself."""
    end = now() + timedelta(seconds=settings().upload_expiry)
    return min(end, file.expires_at) if file.expires_at else end
