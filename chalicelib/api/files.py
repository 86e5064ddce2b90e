"""`/v1/files`: create, get, list, delete."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalice import Blueprint, Response

from chalicelib import catalog, storage
from chalicelib.api import cursors
from chalicelib.api.auth import Scope
from chalicelib.api.bodies import CreateFile
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call, json_response, route
from chalicelib.delivery import rendition_urls
from chalicelib.model import FILE_ID_PATTERN, File, Status, Visibility, new_file_id, now, original_key, timestamp
from chalicelib.observability import append, logger
from chalicelib.settings import settings

routes = Blueprint(__name__)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

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
)


def wire(file: File) -> dict[str, Any]:
    """A record as clients see it, with the addresses of its renditions."""
    values = file.model_dump(mode="json", include=set(_WIRE))
    body = {name: values[name] for name in _WIRE}
    body["renditions"] = [{**r.model_dump(mode="json"), "url": url} for r, url in rendition_urls(file)]
    return body


@route(routes, "POST", "/v1/files", scope=Scope.FILES_WRITE, body=CreateFile)
def create_file(call: Call, body: CreateFile) -> Response:
    """One DynamoDB write; the signature is made here, without a call to S3."""
    moment = now()
    expires_in = settings().upload_expiry
    file = File(
        id=new_file_id(),
        tenant=call.tenant,
        status=Status.AWAITING_UPLOAD,
        filename=body.filename,
        content_type=body.content_type,
        size=body.size,
        visibility=body.visibility,
        recipe=body.recipe,
        tags=body.tags,
        metadata=body.metadata,
        revision=1,
        created_at=moment,
        updated_at=moment,
        expires_at=moment + timedelta(seconds=expires_in),
        declared_sha256=body.sha256,
        correlation_id=call.request_id,
    )
    append(file_id=file.id)
    policy = storage.sign_upload(file, expires_in)
    catalog.create(file)
    logger.info("file created", extra={"size": file.size, "content_type": file.content_type})
    upload = {
        "method": "POST",
        "url": policy.url,
        "fields": policy.fields,
        "expires_at": timestamp(moment + timedelta(seconds=expires_in)),
    }
    return json_response({**wire(file), "upload": upload}, 201, {"Location": f"/v1/files/{file.id}"})


def _not_found() -> Problem:
    return Problem("not_found", "There is no file of this id.")


@route(routes, "GET", "/v1/files/{file_id}", scope=Scope.FILES_READ)
def get_file(call: Call, file_id: str) -> Response:
    """One DynamoDB read."""
    file = catalog.get(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None:
        raise _not_found()
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


@route(routes, "DELETE", "/v1/files/{file_id}", scope=Scope.FILES_WRITE)
def delete_file(call: Call, file_id: str) -> Response:
    """The record, the original with all its versions, and the renditions.

    The record goes first, so a crash leaves objects that nobody can find; repeating the request removes them.
    """
    file = catalog.mark_deleted(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    if file is None:
        raise _not_found()
    append(file_id=file.id)
    storage.delete_original(original_key(file.tenant, file.id))
    for visibility in Visibility:
        storage.delete_derived(f"f/{visibility}/{file.id}/")
    catalog.mark_purged(file.id)
    logger.info("file deleted")
    return Response("", status_code=204)
