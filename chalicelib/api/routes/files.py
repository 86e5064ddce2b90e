"""`/v1/files`: create and upload, get and wait."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Annotated, Any, Literal

from chalice import Blueprint, Response
from pydantic import (
    ConfigDict,
    Field,
    field_validator,
)

from chalicelib.api import etags, idempotency, uploads
from chalicelib.api.answers import CreatedFileResource, FileResource, PartialFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import (
    AnyVisibility,
    ContentType,
    Fields,
    Filename,
    FocalPoint,
    Metadata,
    RecipeName,
    Sha256,
    Tags,
    WholeNumber,
    check_expires_in,
    wrong,
)
from chalicelib.api.own import own_file
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.api.tenants import default_recipe
from chalicelib.api.uploads import GENERIC, NewFile
from chalicelib.api.wire import ALL_FIELDS, record, wire
from chalicelib.catalog import files
from chalicelib.catalog.idempotency import RepeatedError
from chalicelib.model import File, Focus, Status, Visibility, timestamp
from chalicelib.observability import trace_headers
from chalicelib.settings import MAX_POST_BYTES, MAX_URL_EXPIRY, MIN_PART_BYTES, MIN_URL_EXPIRY, settings
from chalicelib.storage import forms, multipart

routes = Blueprint(__name__)


MAX_WAIT = 25  # seconds: API Gateway gives up after 29


# What the view checks beyond the fields themselves.
_TO_UPLOAD_OR_TO_FETCH: list[Any] = [
    {
        "required": ["filename", "content_type", "size"],
        "properties": {
            "filename": {"type": "string"},
            "content_type": {"type": "string"},
            "size": {"type": "integer"},
            "source_url": {"type": "null"},
        },
    },
    {"required": ["source_url"], "properties": {"source_url": {"type": "string", "pattern": "^https?://"}}},
]


class CreateFile(Body):
    """The body of `POST /v1/files`. Sizes in bytes. With `source_url` nothing else is required.

    Without a `recipe` it is the tenant's default.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": _TO_UPLOAD_OR_TO_FETCH})

    filename: Filename | None = None
    content_type: ContentType | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Sha256 | None = None
    tags: Tags = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)
    visibility: AnyVisibility = Visibility.PRIVATE
    recipe: RecipeName | None = None
    upload: Literal["post", "multipart"] | None = None
    part_size: int | None = None
    part_checksums: bool = False
    on_duplicate: Literal["keep", "reuse"] = "keep"
    focus: FocalPoint | None = None
    source_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

    @field_validator("size")
    @classmethod
    def _within_the_stage_bound(cls, size: int | None) -> int | None:
        bound = settings().max_upload_bytes
        if size is not None and size > bound:
            raise wrong(f"must be at most {bound} bytes")
        return size


class GetFile(Query):
    """The query of `GET /v1/files/{id}`. `wait` in seconds."""

    wait: WholeNumber = Field(0, le=MAX_WAIT)
    expires_in: (
        Annotated[
            WholeNumber,
            Field(
                ge=MIN_URL_EXPIRY,
                le=MAX_URL_EXPIRY,
                description="How many seconds a private file's addresses are to be good for; a stage may allow less",
            ),
        ]
        | None
    ) = None
    fields: Fields = Field(default_factory=list)


# Addresses of parts that the first answer holds; more are asked for.
FIRST_PARTS = 10

# Seconds between two looks at a record that is waited on.
FIRST_LOOK = 0.2
LAST_LOOK = 1.0
UNFINISHED = (Status.AWAITING_UPLOAD, Status.PROCESSING)

IMPORT_LIVES = timedelta(days=1)


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
    from chalicelib.outbound import addresses, errors, urls  # few requests need them

    try:
        source = urls.check_url(url, addresses.networks(settings().import_networks))
    except errors.RefusedError as refused:
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
    return plan | {"parts": uploads.part_addresses(signed), "expires_at": expires_at}


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
    file = own_file(call, file_id)
    deadline = time.monotonic() + query.wait
    before, pause = file.status, FIRST_LOOK
    while file.status is before and before in UNFINISHED and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK)
        file = own_file(call, file_id)
    body = wire(file, {"id", *query.fields} if query.fields else ALL_FIELDS, expires_in=query.expires_in)
    tag = etags.etag(file.revision, body)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if etags.not_modified(call, tag):
        return Response("", status_code=304, headers={**headers})
    if file.status in UNFINISHED:
        headers["Retry-After"] = "1"
    return json_response(body, headers=headers)
