"""`/v1/files`: create and upload, get and wait, list, delete."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from chalice import Blueprint, Response

from chalicelib import catalog, storage
from chalicelib.api import cursors, idempotency, uploads
from chalicelib.api.auth import Scope, default_recipe
from chalicelib.api.bodies import CompleteUpload, CreateFile, SignParts
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call, json_response, route
from chalicelib.api.uploads import GENERIC, NewFile
from chalicelib.catalog import RepeatedError
from chalicelib.delivery import rendition_urls
from chalicelib.model import FILE_ID_PATTERN, File, Status, Visibility, original_key, timestamp
from chalicelib.observability import append, logger
from chalicelib.settings import MAX_POST_BYTES, MIN_PART_BYTES, settings

routes = Blueprint(__name__)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

# Addresses of parts that the first answer holds; more are asked for.
FIRST_PARTS = 10

# Seconds: API Gateway gives up after 29. The pauses between two looks at a record that is waited on.
MAX_WAIT = 25
FIRST_LOOK = 0.2
LAST_LOOK = 1.0
UNFINISHED = (Status.AWAITING_UPLOAD, Status.PROCESSING)

IMPORT_LIVES = timedelta(days=1)

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
    "revision",
    "created_at",
    "updated_at",
    "expires_at",
    "error",
    "image",
    "source_url",
)


def wire(file: File) -> dict[str, Any]:
    """A record as clients see it, with the addresses of its renditions."""
    values = file.model_dump(mode="json", include=set(_WIRE))
    body = {name: values[name] for name in _WIRE}
    body["renditions"] = [{**r.model_dump(mode="json"), "url": url} for r, url in rendition_urls(file)]
    return body


@route(routes, "POST", "/v1/files", scope=Scope.FILES_WRITE, tokens=True, body=CreateFile)
def create_file(call: Call, body: CreateFile) -> Response:
    """One DynamoDB write; a form is signed here, without a call to S3. A multipart upload is one call to S3 more."""
    key = idempotency.key_of(call)
    if key and (answer := idempotency.replay(call, key, body)):
        return answer
    _check_for_token(call, body)
    if body.on_duplicate == "reuse" and (known := _duplicate(call, body)):
        return json_response(wire(known), 200, {"Location": f"/v1/files/{known.id}"})
    file = _draft(call, body)
    answer_body = {**wire(file), **({"upload": _upload(file)} if body.source_url is None else {})}
    remember = idempotency.remember(call, key, body, file, answer_body) if key else None
    try:
        uploads.write(call, file, remember)
    except RepeatedError:  # the same request, sent twice at once: the other one was first
        answer = idempotency.replay(call, str(key), body)
        if answer is None:
            raise
        return answer
    if file.source_url:
        from chalicelib.importing import queue

        queue.send_import(file)
    return json_response(answer_body, 201, {"Location": f"/v1/files/{file.id}"})


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
    file.upload_id = storage.begin_multipart(file)
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
    )


def _draft_import(call: Call, body: CreateFile, url: str) -> File:
    from chalicelib.importing import addresses  # few requests need it

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
    for name in ("tags", "visibility", "recipe", "source_url", "on_duplicate"):
        if name in body.model_fields_set:
            raise Problem("invalid_field", f"`{name}`: is not for the bearer of an upload token to say.", field=name)


def _duplicate(call: Call, body: CreateFile) -> File | None:
    """A ready file of the same bytes that will do for this one."""
    if body.sha256 is None:
        raise Problem("invalid_field", "`sha256`: is required to reuse a duplicate.", field="sha256")
    recipe = body.recipe or default_recipe(call.tenant)
    for file in catalog.with_sha256(call.tenant, body.sha256):
        same = (file.visibility, file.recipe) == (body.visibility, recipe)
        if same and body.size in (None, file.size):
            return file
    return None


def _upload(file: File) -> dict[str, Any]:
    """Where the bytes go."""
    expires_at = timestamp(uploads.until(file))
    if file.part_size is None:
        policy = storage.sign_upload(file, settings().upload_expiry)
        return {"method": "POST", "url": policy.url, "fields": policy.fields, "expires_at": expires_at}
    plan: dict[str, Any] = {"method": "MULTIPART", "part_size": file.part_size, "part_count": uploads.last_part(file)}
    first = range(1, min(FIRST_PARTS, uploads.last_part(file)) + 1)
    # With checksums each part is signed for its own, so there is nothing to sign yet.
    signed = {} if file.part_checksums else uploads.sign_parts(file, first)
    return plan | {"parts": _parts(signed), "expires_at": expires_at}


def _parts(signed: dict[int, str]) -> list[dict[str, Any]]:
    return [{"part_number": number, "url": url} for number, url in signed.items()]


@route(routes, "GET", "/v1/files/{file_id}", scope=Scope.FILES_READ, tokens=True)
def get_file(call: Call, file_id: str) -> Response:
    """One DynamoDB read; with `wait` (seconds) one for each look, until the status is another."""
    file = uploads.own_file(call, file_id)
    deadline = time.monotonic() + _wait(call)
    before, pause = file.status, FIRST_LOOK
    while file.status is before and before in UNFINISHED and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK)
        file = uploads.own_file(call, file_id)
    return json_response(wire(file), headers={"Retry-After": "1"} if file.status in UNFINISHED else None)


def _wait(call: Call) -> int:
    text = call.query("wait")
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= MAX_WAIT):
        raise Problem("invalid_field", f"`wait`: must be a whole number of seconds up to {MAX_WAIT}.", field="wait")
    return int(text)


@route(routes, "POST", "/v1/files/{file_id}/parts", scope=Scope.FILES_WRITE, tokens=True, body=SignParts)
def sign_parts(call: Call, body: SignParts, file_id: str) -> Response:
    """One DynamoDB read; the signatures are made here."""
    file = uploads.own_file(call, file_id)
    if (body.part_numbers is None) == (body.parts is None):
        raise Problem("invalid_field", "Send either `part_numbers` or `parts`.", field="part_numbers")
    checksums = {part.part_number: part.sha256 for part in body.parts or []}
    if file.part_checksums != bool(checksums):
        detail = "`parts`: this upload's parts " + ("need a sha256." if file.part_checksums else "carry no sha256.")
        raise Problem("invalid_field", detail, field="parts")
    signed = uploads.sign_parts(file, body.part_numbers or checksums, checksums=checksums)
    return json_response({"parts": _parts(signed), "expires_at": timestamp(uploads.until(file))})


@route(routes, "GET", "/v1/files/{file_id}/parts", scope=Scope.FILES_WRITE, tokens=True)
def list_parts(call: Call, file_id: str) -> Response:
    """One DynamoDB read, and a call to S3 for each thousand parts."""
    file = uploads.own_file(call, file_id)
    held = uploads.list_parts(file)
    return json_response(
        {
            "part_size": file.part_size,
            "part_count": uploads.last_part(file),
            "parts": [{"part_number": p.part_number, "etag": p.etag, "size": p.size} for p in held],
        }
    )


@route(routes, "POST", "/v1/files/{file_id}/complete", scope=Scope.FILES_WRITE, tokens=True, body=CompleteUpload)
def complete_upload(call: Call, body: CompleteUpload, file_id: str) -> Response:
    """One DynamoDB read, the parts' list from S3, and the completion; processing begins with S3's event."""
    file = uploads.own_file(call, file_id)
    uploads.complete(file, [(part.part_number, part.etag) for part in body.parts])
    return json_response(wire(file))


@route(routes, "GET", "/v1/files", scope=Scope.FILES_READ)
def list_files(call: Call) -> Response:
    """One Query (for each list shard that the stage was given)."""
    unknown = sorted(set(call.request.query_params or {}) - {"limit", "cursor"})
    if unknown:
        raise Problem("invalid_field", f"`{unknown[0]}` is not a parameter of this list.", field=unknown[0])
    scope = f"{call.tenant}/files"
    cursor = call.query("cursor")
    page = catalog.newest(call.tenant, _limit(call), cursors.decode(cursor, scope) if cursor else None)
    after = cursors.encode(page.after, scope) if page.after else None
    return json_response({"items": [wire(file) for file in page.files], "next_cursor": after})


def _limit(call: Call) -> int:
    text = call.query("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_LIMIT):
        raise Problem("invalid_field", f"`limit`: must be a whole number from 1 to {MAX_LIMIT}.", field="limit")
    return int(text)


@route(routes, "DELETE", "/v1/files/{file_id}", scope=Scope.FILES_WRITE, tokens=True)
def delete_file(call: Call, file_id: str) -> Response:
    """The record, the original with all its versions, and the renditions; or an upload that still waits.

    The record goes first, so a crash leaves objects that nobody can find; repeating the request removes them.
    """
    if call.caller.token:
        # A browser may give up an upload of its own, and delete nothing that was uploaded.
        uploads.abort(uploads.own_file(call, file_id))
        return Response("", status_code=204)
    file = catalog.mark_deleted(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None:
        raise Problem("not_found", "There is no file of this id.")
    append(file_id=file.id)
    if file.upload_id:
        storage.abort_multipart(file, file.upload_id)
    storage.delete_original(original_key(file.tenant, file.id))
    for visibility in Visibility:
        storage.delete_derived(f"f/{visibility}/{file.id}/")
    catalog.mark_purged(file.id)
    logger.info("file deleted")
    return Response("", status_code=204)
