"""`/v1/files`: create and upload, get and wait."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from chalice import Blueprint, Response

from chalicelib.api import etags, idempotency, uploads
from chalicelib.api.auth import Scope, default_recipe
from chalicelib.api.bodies import CompleteUpload, CreateFile, GetFile, SignParts, check_expires_in
from chalicelib.api.errors import Problem
from chalicelib.api.resources import CreatedFileResource, FileResource, HeldParts, PartialFile, SignedParts
from chalicelib.api.routing import Call, json_response, route
from chalicelib.api.uploads import GENERIC, NewFile
from chalicelib.catalog import files
from chalicelib.catalog.idempotency import RepeatedError
from chalicelib.delivery.access import Access, access_to
from chalicelib.delivery.markup import markup
from chalicelib.model import File, Focus, Status, timestamp
from chalicelib.observability import trace_headers
from chalicelib.settings import MAX_POST_BYTES, MIN_PART_BYTES, settings
from chalicelib.storage import forms, multipart

routes = Blueprint(__name__)

# Addresses of parts that the first answer holds; more are asked for.
FIRST_PARTS = 10

# Seconds between two looks at a record that is waited on.
FIRST_LOOK = 0.2
LAST_LOOK = 1.0
UNFINISHED = (Status.AWAITING_UPLOAD, Status.PROCESSING)

IMPORT_LIVES = timedelta(days=1)

_OF_PARTS = ("already_uploaded", "not_multipart", "part_out_of_range", "upload_expired")

# What of a record is the client's to see.
_WIRE = (
    "id",
    "status",
    "kind",
    "filename",
    "content_type",
    "size",
    "sha256",
    "visibility",
    "recipe",
    "tags",
    "metadata",
    "focus",
    "revision",
    "created_at",
    "updated_at",
    "expires_at",
    "error",
    "image",
    "source_url",
)


_FIELDS = frozenset({*_WIRE, "renditions", "delivery"})
# What a record has among others.
WITHOUT_DELIVERY = _FIELDS - {"delivery"}
_NEEDS_ACCESS = _FIELDS - {*_WIRE}


def wire(file: File, fields: Collection[str] = _FIELDS, *, expires_in: int | None = None) -> dict[str, Any]:
    """A record as clients see it, or some fields of it; `expires_in` seconds is for a private file's addresses."""
    stored = [name for name in _WIRE if name in fields]
    values = file.model_dump(mode="json", include=set(stored))
    body = {name: values[name] for name in stored}
    access = access_to(file, expires_in) if _NEEDS_ACCESS & {*fields} else None
    if "renditions" in fields:
        body["renditions"] = [
            {**rendition.model_dump(mode="json"), "url": access.url(rendition.basename)}
            for rendition in file.renditions
            if access
        ]
    if "delivery" in fields:
        body["delivery"] = _delivery(file, access) if access else None
    return body


def _delivery(file: File, access: Access) -> dict[str, Any]:
    return {
        "base_url": access.base_url,
        "query": access.query,
        "expires_at": timestamp(access.expires_at) if access.expires_at else None,
        **asdict(markup(file, access)),
    }


def record(
    file: File, status: int = 200, *, more: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that is one record, with its ETag; `more` is what the answer has besides."""
    body = wire(file)
    return json_response({**body, **(more or {})}, status, {"ETag": etags.etag(file.revision, body), **(headers or {})})


@route(
    routes,
    "POST",
    "/v1/files",
    scope=Scope.FILES_WRITE,
    tokens=True,
    body=CreateFile,
    returns={200: FileResource, 201: CreatedFileResource},
    problems=("idempotency_key_reused", "source_refused", "token_spent", "type_not_allowed", "too_large_for_token"),
    headers=("Idempotency-Key", "Idempotency-Replayed", "ETag", "Location"),
)
def create_file(call: Call, body: CreateFile) -> Response:
    """Create a file, and get what its bytes are sent with.

    Costs one DynamoDB write; a multipart upload also a call to S3.
    """
    key = idempotency.key_of(call)
    if key and (answer := idempotency.replay(call, key, body)):
        if body.source_url:
            _send_again(call, json.loads(answer.body)["id"])
        return answer
    _check_for_token(call, body)
    if body.on_duplicate == "reuse" and (known := _duplicate(call, body)):
        return record(known, headers={"Location": f"/v1/files/{known.id}"})
    file = _draft(call, body)
    upload = {"upload": _upload(file)} if body.source_url is None else {}
    answer_body = {**wire(file), **upload}
    remember = idempotency.remember(call, key, body, file, answer_body) if key else None
    try:
        uploads.write(call, file, remember)
    except RepeatedError:  # the same request, sent twice at once: the other one was first
        answer = idempotency.replay(call, str(key), body)
        if answer is None:
            raise
        return answer
    if file.source_url:
        _send_import(file)
    return record(file, 201, more=upload, headers={"Location": f"/v1/files/{file.id}"})


def _send_import(file: File) -> None:
    from chalicelib.queues import imports

    imports.send(file)


def _send_again(call: Call, file_id: str) -> None:
    """The message of a file that still waits: the request before this one may have ended before it sent any."""
    file = files.get(call.tenant, file_id)
    if file and file.status is Status.AWAITING_UPLOAD:
        _send_import(file)


def _draft(call: Call, body: CreateFile) -> File:
    """The record to be, with its multipart upload begun where it needs one."""
    if body.source_url is not None:
        return _draft_import(call, body, body.source_url)
    for name in ("filename", "content_type", "size"):
        if getattr(body, name) is None:
            raise Problem("invalid_field", f"`{name}`: is required.", field=name)
    assert body.size is not None
    new = _new_file(body, str(body.filename), str(body.content_type))
    if not _multipart(body, body.size):
        if body.part_size is not None or body.part_checksums:
            name = "part_size" if body.part_size is not None else "part_checksums"
            raise Problem("invalid_field", f"`{name}`: is for multipart uploads only.", field=name)
        return uploads.draft(call, new, timedelta(seconds=settings().upload_expiry))
    file = uploads.draft_multipart(call, new, part_size=body.part_size, part_checksums=body.part_checksums)
    file.upload_id = multipart.begin(file)
    return file


def _multipart(body: CreateFile, size: int) -> bool:
    """Whether to upload in parts: as asked for, else from the stage's threshold on."""
    if body.upload == "multipart" and size < MIN_PART_BYTES:
        raise Problem("invalid_field", f"`upload`: multipart takes {MIN_PART_BYTES} bytes or more.", field="upload")
    if body.upload == "post" and size > MAX_POST_BYTES:
        raise Problem("invalid_field", "`upload`: this file is too large for one POST.", field="upload")
    return size > settings().multipart_threshold if body.upload is None else body.upload == "multipart"


def _new_file(body: CreateFile, filename: str, content_type: str) -> NewFile:
    return NewFile(
        filename=filename,
        content_type=content_type,
        size=body.size,
        sha256=body.sha256,
        tags=body.tags,
        metadata=body.metadata,
        visibility=body.visibility,
        recipe=body.recipe,
        focus=Focus(x=body.focus.x, y=body.focus.y) if body.focus else None,
    )


def _draft_import(call: Call, body: CreateFile, url: str) -> File:
    from chalicelib.outbound import addresses  # few requests need it

    try:
        source = addresses.check_url(url, addresses.networks(settings().import_networks))
    except addresses.RefusedError as refused:
        raise Problem("source_refused", f"`source_url`: {refused}", field="source_url") from None
    if body.upload is not None:
        raise Problem("invalid_field", "`upload`: a file that is fetched is not uploaded.", field="upload")
    if body.size is not None and body.size > settings().max_import_bytes:
        bound = settings().max_import_bytes
        raise Problem("invalid_field", f"`size`: must be at most {bound} bytes to be fetched.", field="size")
    name = body.filename or source.filename
    file = uploads.draft(call, _new_file(body, name, body.content_type or GENERIC), IMPORT_LIVES, source_url=url)
    file.max_bytes = settings().max_import_bytes if body.size is None else None
    return file


def _check_for_token(call: Call, body: CreateFile) -> None:
    """What a token says is not the browser's to say."""
    if call.caller.token is None:
        return
    for name in ("tags", "visibility", "recipe", "focus", "source_url", "on_duplicate"):
        if name in body.model_fields_set:
            raise Problem("invalid_field", f"`{name}`: is not for the bearer of an upload token to say.", field=name)


def _duplicate(call: Call, body: CreateFile) -> File | None:
    """A ready file of the same bytes that will do for this one."""
    if body.sha256 is None:
        raise Problem("invalid_field", "`sha256`: is required to reuse a duplicate.", field="sha256")
    recipe = body.recipe or default_recipe(call.tenant)
    for file in files.with_sha256(call.tenant, body.sha256):
        focus = body.focus.model_dump() if body.focus else None
        same = (file.visibility, file.recipe) == (body.visibility, recipe)
        same = same and (file.focus.model_dump() if file.focus else None) == focus
        if same and body.size in (None, file.size):
            return file
    return None


def _upload(file: File) -> dict[str, Any]:
    """Where the bytes go."""
    expires_at = timestamp(uploads.until(file))
    if file.part_size is None:
        policy = forms.sign(file, settings().upload_expiry)
        form = {"method": "POST", "url": policy.url, "fields": policy.fields, "expires_at": expires_at}
        return form | ({"headers": headers} if (headers := trace_headers()) else {})
    plan: dict[str, Any] = {"method": "MULTIPART", "part_size": file.part_size, "part_count": uploads.last_part(file)}
    first = range(1, min(FIRST_PARTS, uploads.last_part(file)) + 1)
    # With checksums each part is signed for its own, so there is nothing to sign yet.
    signed = {} if file.part_checksums else uploads.sign_parts(file, first)
    return plan | {"parts": _parts(signed), "expires_at": expires_at}


def _parts(signed: dict[int, str]) -> list[dict[str, Any]]:
    return [{"part_number": number, "url": url} for number, url in signed.items()]


@route(
    routes,
    "GET",
    "/v1/files/{file_id}",
    scope=Scope.FILES_READ,
    tokens=True,
    query=GetFile,
    returns={200: PartialFile, 304: None},
    headers=("If-None-Match", "ETag", "Retry-After"),
)
def get_file(call: Call, query: GetFile, file_id: str) -> Response:
    """Get a file's record; with `wait`, as soon as its status changes.

    304 when it is what the client has. Costs one DynamoDB read, with `wait` one for each look.
    """
    if query.expires_in is not None:
        check_expires_in(query.expires_in)
    file = uploads.own_file(call, file_id)
    deadline = time.monotonic() + query.wait
    before, pause = file.status, FIRST_LOOK
    while file.status is before and before in UNFINISHED and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK)
        file = uploads.own_file(call, file_id)
    body = wire(file, {"id", *query.fields} if query.fields else _FIELDS, expires_in=query.expires_in)
    tag = etags.etag(file.revision, body)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if etags.not_modified(call, tag):
        return Response("", status_code=304, headers={**headers})
    if file.status in UNFINISHED:
        headers["Retry-After"] = "1"
    return json_response(body, headers=headers)


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/parts",
    scope=Scope.FILES_WRITE,
    tokens=True,
    body=SignParts,
    returns={200: SignedParts},
    problems=_OF_PARTS,
)
def sign_parts(call: Call, body: SignParts, file_id: str) -> Response:
    """Get addresses for the parts of an upload. Costs one DynamoDB read."""
    file = uploads.own_file(call, file_id)
    if (body.part_numbers is None) == (body.parts is None):
        raise Problem("invalid_field", "Send either `part_numbers` or `parts`.", field="part_numbers")
    checksums = {part.part_number: part.sha256 for part in body.parts or []}
    if file.part_checksums != bool(checksums):
        detail = "`parts`: this upload's parts " + ("need a sha256." if file.part_checksums else "carry no sha256.")
        raise Problem("invalid_field", detail, field="parts")
    signed = uploads.sign_parts(file, body.part_numbers or checksums, checksums=checksums)
    return json_response({"parts": _parts(signed), "expires_at": timestamp(uploads.until(file))})


@route(
    routes,
    "GET",
    "/v1/files/{file_id}/parts",
    scope=Scope.FILES_WRITE,
    tokens=True,
    returns={200: HeldParts},
    problems=("already_uploaded", "not_multipart", "upload_expired"),
)
def list_parts(call: Call, file_id: str) -> Response:
    """List the parts that have arrived. Costs one DynamoDB read, and a call to S3 for each thousand parts."""
    file = uploads.own_file(call, file_id)
    held = uploads.list_parts(file)
    return json_response(
        {
            "part_size": file.part_size,
            "part_count": uploads.last_part(file),
            "parts": [{"part_number": p.part_number, "etag": p.etag, "size": p.size} for p in held],
        }
    )


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/complete",
    scope=Scope.FILES_WRITE,
    tokens=True,
    body=CompleteUpload,
    returns={200: FileResource},
    problems=(*_OF_PARTS, "part_order", "part_missing", "etag_mismatch", "part_too_small", "size_mismatch"),
    headers=("ETag",),
)
def complete_upload(call: Call, body: CompleteUpload, file_id: str) -> Response:
    """Make a file of the parts; processing begins by itself.

    Costs one DynamoDB read, the parts' list from S3, and the completion.
    """
    file = uploads.own_file(call, file_id)
    uploads.complete(file, [(part.part_number, part.etag) for part in body.parts])
    return record(file)
