"""`/s3`: what @uppy/aws-s3 asks of a server, in both its ways, on the uploads that `/v1/files` has (docs/uppy.md).

`companionEndpoint` (its "Companion" routes) and `signRequest` (`POST /s3/presign`). Only the words differ: what is
created, signed, checked and completed is `uploads`' work, and a file that came so is a file like any other.
"""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from chalice import Blueprint, Response
from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from chalicelib.api import fields, parsing, uploads
from chalicelib.api.answers import (
    UppyForm,
    UppyHeldParts,
    UppyLocation,
    UppyNothing,
    UppySession,
    UppySignedPart,
    UppySignedParts,
    UppySignedRequest,
    UppyUpload,
)
from chalicelib.api.auth.callers import COOKIE, Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import ContentType, Filename, Metadata
from chalicelib.api.own import own_file
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, public_route, route
from chalicelib.api.uploads import GENERIC, NewFile
from chalicelib.model import File, now, original_key, parse_original_key, timestamp
from chalicelib.settings import MAX_PARTS, settings

routes = Blueprint(__name__)

# Uppy's default key: a random UUID before the file's name.
_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-(?=.)", re.DOTALL)
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)

# Python's own table, without what this machine's /etc/mime.types says; newer types that 3.12 lacks.
_TYPES = mimetypes.MimeTypes(filenames=())
for _extension in ("avif", "heic", "heif", "webp"):
    _TYPES.add_type(f"image/{_extension}", f".{_extension}")


# --- what Uppy sends


def _strings(value: Any) -> Any:
    """Uppy's metadata as ours: strings, as its query has them anyway; its own `name` and `type` say nothing new."""
    if not isinstance(value, dict):
        return value
    return {
        name: text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
        for name, text in value.items()
        if name not in ("name", "type") and text is not None
    }


def _or_generic(value: Any) -> Any:
    return GENERIC if value is None or value == "" else value


UppyMetadata = Annotated[Metadata, BeforeValidator(_strings)]
UppyType = Annotated[
    ContentType,
    BeforeValidator(_or_generic),
    Field(json_schema_extra={"type": ["string", "null"], "pattern": "^$|^[^/ ]+/[^/ ]+"}),
]


class UppyBody(Body):
    """Uppy sends more than we need, and the next one may send more yet."""

    model_config = ConfigDict(extra="ignore", strict=True)


class UppyQuery(Query):
    model_config = ConfigDict(extra="ignore")


class UppyParams(UppyQuery):
    """A file to come. Metadata is sent as `metadata[name]=value`."""

    filename: Filename
    type: UppyType = GENERIC
    metadata: UppyMetadata = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _metadata_of_its_own(cls, values: dict[str, str]) -> dict[str, Any]:
        # String(null) and String(undefined) are what Uppy makes of fields that are not set.
        sent = {m[1]: v for k, v in values.items() if (m := _METADATA.fullmatch(k)) and v not in ("null", "undefined")}
        return {**values, "metadata": sent}

    def new(self) -> NewFile:
        return NewFile(self.filename, self.type, None, metadata=self.metadata)


class UppyKey(UppyQuery):
    """Which upload: `key` as the answer that began it said, `tenant/file id`."""

    key: Annotated[str, Field(min_length=1, max_length=256)]


class UppyBatch(UppyKey):
    numbers: Annotated[
        str,
        Field(
            alias="partNumbers",
            max_length=4000,
            description="Part numbers, comma-separated",
            json_schema_extra={"pattern": "^[1-9][0-9]{0,4}(,[1-9][0-9]{0,4})*$"},
        ),
    ]


class UppyFile(UppyBody):
    """A file to come."""

    filename: Filename
    type: UppyType = GENERIC
    metadata: UppyMetadata = Field(default_factory=dict)

    def new(self) -> NewFile:
        return NewFile(self.filename, self.type, None, metadata=self.metadata)


class UppyPart(UppyBody):
    number: int = Field(alias="PartNumber", ge=1, le=MAX_PARTS)
    etag: str = Field(alias="ETag", min_length=1, max_length=128)


class UppyParts(UppyBody):
    """The body of `POST /s3/multipart/{upload_id}/complete`."""

    MAX_BYTES = fields.MAX_COMPLETE_BYTES

    parts: list[UppyPart] = Field(min_length=1, max_length=MAX_PARTS)


class SignRequest(UppyBody):
    """What `signRequest` was called with, and what an app may add to it for a new file.

    Without the additions all that is known of a new file is its key (Uppy's default: a UUID and the file's name) and,
    if it comes in one piece, its type.
    """

    method: Literal["GET", "PUT", "POST", "DELETE"]
    key: str = Field(min_length=1, max_length=2048)
    upload_id: str | None = Field(None, alias="uploadId", min_length=1, max_length=2048)
    part_number: int | None = Field(None, alias="partNumber")
    content_type: UppyType | None = Field(None, alias="contentType")
    filename: Filename | None = None
    size: int | None = Field(None, ge=0)
    metadata: UppyMetadata = Field(default_factory=dict)

    def new(self) -> NewFile:
        name = self.filename
        if name is None:
            last = self.key.rpartition("/")[2]
            document = {"filename": _RANDOM.sub("", last, count=1)}
            name = parsing.parse(UppyFile, json.dumps(document).encode()).filename
        content_type = self.content_type or _TYPES.guess_type(name)[0] or GENERIC
        return NewFile(name, content_type, self.size, metadata=self.metadata)


# --- companionEndpoint


def _expires(file: File) -> int:
    """Seconds that addresses signed now are good for."""
    return int((uploads.until(file) - now()).total_seconds())


# What beginning an upload can be refused for, and going on with one.
_BEGINNING = ("type_not_allowed", "token_spent")
_GOING_ON = ("not_found", "already_uploaded", "not_multipart", "upload_expired")
_PARTS = ("part_out_of_range",)
_COMPLETING = ("part_missing", "part_order", "part_too_small", "etag_mismatch", "size_mismatch")


@route(
    routes,
    "GET",
    "/s3/params",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    query=UppyParams,
    returns={200: UppyForm},
    problems=_BEGINNING,
)
def uppy_params(call: Call, query: UppyParams) -> Response:
    """Begin an upload in one piece.

    A form for a small file. Its size isn't told: the policy bounds it.
    """
    file, policy = uploads.begin_post(call, query.new())
    return json_response({"method": "POST", "url": policy.url, "fields": policy.fields, "expires": _expires(file)})


@route(
    routes,
    "POST",
    "/s3/multipart",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    body=UppyFile,
    returns={200: UppyUpload},
    problems=_BEGINNING,
)
def uppy_create_multipart(call: Call, body: UppyFile) -> Response:
    """Begin an upload in parts."""
    file = uploads.begin_multipart(call, body.new())
    return json_response({**_place(file), "uploadId": file.upload_id})


@route(
    routes,
    "GET",
    "/s3/multipart/{upload_id}/{part_number}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    query=UppyKey,
    returns={200: UppySignedPart},
    problems=(*_GOING_ON, *_PARTS),
)
def uppy_sign_part(call: Call, query: UppyKey, upload_id: str, part_number: str) -> Response:
    """Sign one part."""
    file = _file(call, query.key)
    numbers = _numbers(part_number)
    if len(numbers) != 1:
        raise _no_numbers()
    (url,) = uploads.sign_parts(file, numbers, upload_id).values()
    return json_response({"url": url, "expires": _expires(file)})


@route(
    routes,
    "GET",
    "/s3/multipart/{upload_id}/batch",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    query=UppyBatch,
    returns={200: UppySignedParts},
    problems=(*_GOING_ON, *_PARTS),
)
def uppy_sign_batch(call: Call, query: UppyBatch, upload_id: str) -> Response:
    """Sign many parts at once.

    As older Uppys ask.
    """
    file = _file(call, query.key)
    urls = uploads.sign_parts(file, _numbers(query.numbers), upload_id)
    return json_response({"presignedUrls": {str(number): url for number, url in urls.items()}})


@route(
    routes,
    "GET",
    "/s3/multipart/{upload_id}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    query=UppyKey,
    returns={200: UppyHeldParts},
    problems=_GOING_ON,
)
def uppy_list_parts(call: Call, query: UppyKey, upload_id: str) -> Response:
    """List the parts that S3 holds."""
    parts = uploads.list_parts(_file(call, query.key), upload_id)
    return json_response([{"PartNumber": p.part_number, "ETag": f'"{p.etag}"', "Size": p.size} for p in parts])


@route(
    routes,
    "POST",
    "/s3/multipart/{upload_id}/complete",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    query=UppyKey,
    body=UppyParts,
    returns={200: UppyLocation},
    problems=(*_GOING_ON, *_COMPLETING),
)
def uppy_complete(call: Call, query: UppyKey, body: UppyParts, upload_id: str) -> Response:
    """Make the parts a file.

    A browser that lost the answer asks again, and gets the same answer.
    """
    file = _file(call, query.key)
    try:
        uploads.complete(file, [(part.number, part.etag) for part in body.parts], upload_id)
    except Problem as problem:
        if problem.code != "already_uploaded" or file.upload_id != upload_id:
            raise
    return json_response({**_place(file), "location": f"{settings().front_door}/v1/files/{file.id}"})


@route(
    routes,
    "DELETE",
    "/s3/multipart/{upload_id}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    query=UppyKey,
    returns={200: UppyNothing},
    problems=_GOING_ON,
)
def uppy_abort(call: Call, query: UppyKey, upload_id: str) -> Response:
    """Give an upload up."""
    uploads.abort(_file(call, query.key), upload_id)
    return json_response({})


def _place(file: File) -> dict[str, Any]:
    return {"key": original_key(file.tenant, file.id), "bucket": settings().originals_bucket}


def _file(call: Call, key: str) -> File:
    """The caller's file by its key: `tenant/file id`. Raises Problem `not_found`, as `uploads.own_file` does."""
    tenant, file_id = parse_original_key(key) or ("", "")
    if tenant != call.tenant:
        raise Problem("not_found", "There is no upload of this key.")
    return own_file(call, file_id)


def _numbers(text: str) -> list[int]:
    """Part numbers, comma-separated; whether the file has such parts is `uploads`' to say."""
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise _no_numbers()
    return [int(word) for word in words]


def _no_numbers() -> Problem:
    return Problem("part_out_of_range", f"Parts are numbered from 1 to {MAX_PARTS}.", field="partNumber")


# --- signRequest


@route(
    routes,
    "POST",
    "/s3/presign",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    body=SignRequest,
    returns={200: UppySignedRequest},
    problems=(*_BEGINNING, "too_large_for_token", *_GOING_ON, *_PARTS, *_COMPLETING),
)
def uppy_presign(call: Call, body: SignRequest) -> Response:
    """Sign one request to S3.

    The browser sends it. A new file gets a key of ours, which Uppy then uses.
    """
    if body.upload_id is None:
        if body.part_number is not None or body.method not in _BEGIN:
            raise Problem("invalid_field", "`uploadId`: is required to go on with an upload.", field="uploadId")
        return _BEGIN[body.method](call, body)
    file = _file(call, body.key)
    if body.method == "PUT":
        number = body.part_number or 0
        url = uploads.sign_parts(file, [number], body.upload_id)[number]
    else:
        url = _GO_ON[body.method](file, body.upload_id)
    return json_response({"url": url, "expires": _expires(file)})


def _begin_put(call: Call, body: SignRequest) -> Response:
    """A form in place of the PUT that was asked for: only a form's size can be bounded."""
    file, policy = uploads.begin_post(call, body.new())
    return json_response(
        {"url": policy.url, "fields": policy.fields, "key": policy.fields["key"], "expires": _expires(file)}
    )


def _begin_multipart(call: Call, body: SignRequest) -> Response:
    file = uploads.begin_unbound_multipart(call, body.new())
    return json_response({"url": uploads.sign_begin(file), "key": _place(file)["key"], "expires": _expires(file)})


_BEGIN: dict[str, Callable[[Call, SignRequest], Response]] = {"PUT": _begin_put, "POST": _begin_multipart}
_GO_ON: dict[str, Callable[[File, str], str]] = {
    "GET": uploads.sign_list,
    "POST": uploads.sign_complete,
    "DELETE": uploads.sign_abort,
}


# --- who uploads


@route(routes, "POST", "/s3/session", scope=Scope.FILES_WRITE, tokens=True, returns={200: UppySession})
def begin_session(call: Call) -> Response:
    """Take an upload token into a cookie.

    For Uppy's `companionEndpoint`, which sends no header.
    """
    token = call.caller.token
    if token is None:
        raise Problem("unauthenticated", "A session is for upload tokens (`fmu_…`); keep API keys out of browsers.")
    credential = str(call.request.headers["authorization"]).partition(" ")[2].strip()
    cookie = _cookie(credential, int((token.expires_at - now()).total_seconds()))
    return json_response({"expires_at": timestamp(token.expires_at)}, headers={"Set-Cookie": cookie})


@public_route(routes, "DELETE", "/s3/session", returns={204: None})
def end_session(_: Any) -> Response:
    """Forget the cookie."""
    return Response("", status_code=204, headers={"Set-Cookie": _cookie("", 0)})


def _cookie(value: str, max_age: int) -> str:
    secure = "" if settings().front_door.startswith("http://") else "; Secure"
    return f"{COOKIE}={value}; Path=/s3; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"


# --- what is not offered, and how refusals are told


@public_route(routes, "GET", "/s3/sts", problems=("unknown_route",))
def uppy_sts(_: Any) -> Response:
    """Not offered: credentials for a browser."""
    raise Problem(
        "unknown_route",
        "Filemill gives no browser credentials for its bucket: use `companionEndpoint` or `signRequest`.",
    )


@routes.middleware("http")
def tell_uppy(request: Any, get_response: Callable[[Any], Response]) -> Response:
    """Below `/s3`, problem documents also carry `error` (Companion's word) and `message` (which Uppy 5 shows)."""
    response = get_response(request)
    problem = str(response.headers.get("Content-Type", "")).startswith("application/problem+json")
    if problem and str(request.path).startswith("/s3/"):
        document = json.loads(str(response.body))
        response.body = json.dumps(
            {**document, "error": document["detail"], "message": document["detail"]}, ensure_ascii=False
        )
    return response
