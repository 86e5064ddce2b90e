"""`POST /v1/files`: a new file, with what its bytes are uploaded with, or fetched from a URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from chalice import Blueprint, Response
from pydantic import ConfigDict, Field, field_validator

from chalicelib.api import idempotency, parts, uploads
from chalicelib.api.answers import ChangedFile, CreatedFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import (
    AnyVisibility,
    ContentType,
    ExpiresAfter,
    Filename,
    FocalPoint,
    Metadata,
    Owner,
    RecipeName,
    Sha256,
    Tags,
    wrong,
)
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, route
from chalicelib.api.wire import created, record
from chalicelib.catalog import files
from chalicelib.catalog.defaults import default_recipe
from chalicelib.catalog.idempotency import RepeatedError
from chalicelib.catalog.index import lists
from chalicelib.catalog.index.query import ListQuery
from chalicelib.catalog.new_files import NewFile
from chalicelib.delivery.view import wire
from chalicelib.media_types import OCTETS
from chalicelib.model import File, Focus, Status, Visibility, timestamp
from chalicelib.observability import trace_headers
from chalicelib.settings import MAX_POST_BYTES, MIN_PART_BYTES, settings
from chalicelib.storage import bounds, forms, multipart

routes = Blueprint(__name__)

# The first answer holds this many signed parts; clients ask for more (`POST /v1/files/{id}/parts`).
FIRST_PARTS = 10

# Records of one's own that a round reads to find a duplicate. There are five rounds at most.
OWN_DUPLICATES = 100

# A file that is fetched must have arrived within this time.
IMPORT_LIVES = timedelta(days=1)

# For the OpenAPI document: a file is either uploaded or fetched. `_draft` checks it.
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
    """The body of `POST /v1/files`. Sizes are in bytes. With `source_url`, no other field is required.

    A file without a `recipe` gets the tenant's default. `owner` is the end user whose file it is; a caller who is one
    owns what it creates.
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
    expires_after: ExpiresAfter | None = None
    upload: Literal["post", "multipart"] | None = None
    part_size: int | None = None
    part_checksums: bool = False
    on_duplicate: Literal["keep", "reuse"] = "keep"
    focus: FocalPoint | None = None
    owner: Owner | None = None
    source_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

    @field_validator("size")
    @classmethod
    def _within_the_stage_bound(cls, size: int | None) -> int | None:
        bound = settings().max_upload_bytes
        if size is not None and size > bound:
            raise wrong(f"must be at most {bound} bytes")
        return size


@route(
    routes,
    "POST",
    "/v1/files",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    body=CreateFile,
    returns={200: ChangedFile, 201: CreatedFile},
    problems=(
        "idempotency_key_reused",
        "not_found",
        "upload_expired",
        "source_refused",
        "token_spent",
        "type_not_allowed",
        "too_large_for_token",
    ),
    headers=("Idempotency-Key", "Idempotency-Replayed", "ETag", "Location"),
)
def create_file(call: Call, body: CreateFile) -> Response:
    """Create a file, and get the signed requests that upload its bytes.

    Costs one DynamoDB write, and for a multipart upload one call to S3.
    """
    key = idempotency.key_of(call)
    if key and (answer := idempotency.replay(call, key, body)):
        if body.source_url:
            _send_import_again(call, json.loads(answer.body)["id"])
        return answer
    _refuse_fields_that_a_token_decides(call, body)
    if body.owner is not None and call.caller.only_own:
        raise Problem("invalid_field", "`owner`: you can't name one: what you create is your own.", field="owner")
    if body.on_duplicate == "reuse" and (known := _duplicate(call, body)):
        return record(call, known, headers={"Location": f"/v1/files/{known.id}"})
    file = _draft(call, body)
    upload = {"upload": _upload(file)} if body.source_url is None else {}
    remember = idempotency.remember(call, key, body, file.id, {**wire(file), **upload}) if key else None
    try:
        uploads.write(call, file, remember)
    except RepeatedError:  # the same request was sent twice at once, and the other one was first
        answer = idempotency.replay(call, str(key), body)
        if answer is None:
            raise
        return answer
    if file.source_url:
        _send_import(file)
    return created(file, upload, {"Location": f"/v1/files/{file.id}"})


def _send_import(file: File) -> None:
    from chalicelib.queues import imports  # few requests need it

    imports.send(file)


def _send_import_again(call: Call, file_id: str) -> None:
    """Sends the message for a file that still waits: the first request may have ended before it sent one."""
    file = files.get(call.tenant, file_id)
    if file and file.status is Status.AWAITING_UPLOAD:
        _send_import(file)


def _draft(call: Call, body: CreateFile) -> File:
    """The new file's record, not written yet. If it is uploaded in parts, its multipart upload has begun."""
    if body.source_url is not None:
        return _draft_import(call, body, body.source_url)
    for name in ("filename", "content_type", "size"):
        if getattr(body, name) is None:
            raise Problem("invalid_field", f"`{name}`: is required.", field=name)
    assert body.size is not None
    new = _new_file(body, str(body.filename), str(body.content_type))
    if not _in_parts(body, body.size):
        if body.part_size is not None or body.part_checksums:
            name = "part_size" if body.part_size is not None else "part_checksums"
            raise Problem("invalid_field", f"`{name}`: is for multipart uploads only.", field=name)
        return uploads.draft(call, new, timedelta(seconds=settings().upload_expiry))
    file = uploads.draft_multipart(call, new, part_size=body.part_size, part_checksums=body.part_checksums)
    file.upload_id = multipart.begin(file)
    return file


def _in_parts(body: CreateFile, size: int) -> bool:
    """True for an upload in parts: as the client asks for, or else for files above the stage's threshold."""
    if body.upload == "multipart" and size < MIN_PART_BYTES:
        raise Problem("invalid_field", f"`upload`: multipart takes {MIN_PART_BYTES} bytes or more.", field="upload")
    if body.upload == "post" and size > MAX_POST_BYTES:
        raise Problem("invalid_field", "`upload`: this file is too large for one POST.", field="upload")
    if body.upload is None:
        return size > settings().multipart_threshold
    return body.upload == "multipart"


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
        focus=_focus(body),
        owner=body.owner,
        expires_after=body.expires_after,
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
    file = uploads.draft(call, _new_file(body, name, body.content_type or OCTETS), IMPORT_LIVES, source_url=url)
    if file.max_bytes is not None:
        file.max_bytes = min(file.max_bytes, settings().max_import_bytes)
    return file


def _refuse_fields_that_a_token_decides(call: Call, body: CreateFile) -> None:
    """The backend that minted the token has decided these for all of its files."""
    if call.caller.token is None:
        return
    for name in ("tags", "visibility", "recipe", "focus", "owner", "expires_after", "source_url", "on_duplicate"):
        if name in body.model_fields_set:
            raise Problem("invalid_field", f"`{name}`: can't be set with an upload token.", field=name)


def _duplicate(call: Call, body: CreateFile) -> File | None:
    """A ready file that can be used in place of a new one.

    It has the same bytes, recipe, visibility, focal point, retention and owner.
    """
    if body.sha256 is None:
        raise Problem("invalid_field", "`sha256`: is required to reuse a duplicate.", field="sha256")
    wanted = (body.visibility, body.recipe or default_recipe(call.tenant), _focus(body), body.expires_after)
    owner, only_own = uploads.owner_of(call, body.owner), call.caller.only_own
    known = _own_with_sha256(call, only_own, body.sha256) if only_own else files.with_sha256(call.tenant, body.sha256)
    for file in known:
        same = (file.visibility, file.recipe, file.focus, file.expires_after) == wanted
        if same and file.owner == owner and body.size in (None, file.size):
            return file
    return None


def _own_with_sha256(call: Call, owner: str, sha256: str) -> Iterator[File]:
    """The caller's own ready files with these bytes.

    They are found in the list of the caller's files. The list of all files with these bytes is not read, so that not
    even the time of the answer tells if anybody else has them. Costs as much as that list; see `GET /v1/files`.
    """
    wanted = ListQuery(status=Status.READY, sha256=sha256, owner=owner)
    listed = lists.list_files(call.tenant, wanted, limit=OWN_DUPLICATES).files
    fresh = (files.get(call.tenant, file.id) for file in listed)
    return (file for file in fresh if file and file.status is Status.READY)


def _focus(body: CreateFile) -> Focus | None:
    return Focus(x=body.focus.x, y=body.focus.y) if body.focus else None


def _upload(file: File) -> dict[str, Any]:
    """The `upload` block of the answer: a signed form, or a plan for an upload in parts."""
    expires_at = timestamp(uploads.until(file))
    if file.part_size is None:
        policy = forms.sign(file, settings().upload_expiry)
        form = {"method": "POST", "url": policy.url, "fields": policy.fields, "expires_at": expires_at}
        return form | ({"headers": headers} if (headers := trace_headers()) else {})
    last = bounds.last_part(file)
    # With checksums each part is signed together with its checksum, so nothing can be signed yet.
    signed = {} if file.part_checksums else parts.sign(file, range(1, min(FIRST_PARTS, last) + 1))
    plan: dict[str, Any] = {"method": "MULTIPART", "part_size": file.part_size, "part_count": last}
    return plan | {"parts": parts.addresses(signed), "expires_at": expires_at}
