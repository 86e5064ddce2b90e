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
from pydantic import BeforeValidator, ConfigDict, Field

from chalicelib.api import bodies, uploads
from chalicelib.api.auth import COOKIE, Scope
from chalicelib.api.bodies import Body, ContentType, Filename, Metadata
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call, json_response, respond, route
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
    return value or GENERIC


UppyMetadata = Annotated[Metadata, BeforeValidator(_strings)]


class UppyBody(Body):
    """Uppy sends more than we need, and the next one may send more yet."""

    model_config = ConfigDict(extra="ignore", strict=True)


class UppyFile(UppyBody):
    """A file to come: the query of `GET /s3/params`, the body of `POST /s3/multipart`."""

    filename: Filename
    type: Annotated[ContentType, BeforeValidator(_or_generic)] = GENERIC
    metadata: UppyMetadata = Field(default_factory=dict)

    def new(self) -> NewFile:
        return NewFile(self.filename, self.type, None, metadata=self.metadata)


class UppyPart(UppyBody):
    number: int = Field(alias="PartNumber", ge=1, le=MAX_PARTS)
    etag: str = Field(alias="ETag", min_length=1, max_length=128)


class UppyParts(UppyBody):
    """The body of `POST /s3/multipart/{upload_id}/complete`."""

    MAX_BYTES = bodies.MAX_COMPLETE_BYTES

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
    content_type: Annotated[ContentType, BeforeValidator(_or_generic)] | None = Field(None, alias="contentType")
    filename: Filename | None = None
    size: int | None = Field(None, ge=0)
    metadata: UppyMetadata = Field(default_factory=dict)

    def new(self) -> NewFile:
        name = self.filename
        if name is None:
            last = self.key.rpartition("/")[2]
            document = {"filename": _RANDOM.sub("", last, count=1)}
            name = bodies.parse(UppyFile, json.dumps(document).encode()).filename
        content_type = self.content_type or _TYPES.guess_type(name)[0] or GENERIC
        return NewFile(name, content_type, self.size, metadata=self.metadata)


# --- companionEndpoint


def _expires(file: File) -> int:
    """Seconds that addresses signed now are good for."""
    return int((uploads.until(file) - now()).total_seconds())


@route(routes, "GET", "/s3/params", scope=Scope.FILES_WRITE, tokens=True, cookies=True)
def uppy_params(call: Call) -> Response:
    """A form for a small file. Its size isn't told: the policy bounds it."""
    query = dict((call.request.query_params or {}).items())
    metadata = {
        match[1]: value
        for name, value in query.items()
        # String(null) and String(undefined): what Uppy makes of fields that are not set.
        if (match := _METADATA.fullmatch(name)) and value not in ("null", "undefined")
    }
    document = {name: query[name] for name in ("filename", "type") if name in query} | {"metadata": metadata}
    asked = bodies.parse(UppyFile, json.dumps(document).encode())
    file, policy = uploads.begin_post(call, asked.new())
    return json_response({"method": "POST", "url": policy.url, "fields": policy.fields, "expires": _expires(file)})


@route(routes, "POST", "/s3/multipart", scope=Scope.FILES_WRITE, tokens=True, cookies=True, body=UppyFile)
def uppy_create_multipart(call: Call, body: UppyFile) -> Response:
    file = uploads.begin_multipart(call, body.new())
    return json_response({**_place(file), "uploadId": file.upload_id})


@route(routes, "GET", "/s3/multipart/{upload_id}/{part_number}", scope=Scope.FILES_WRITE, tokens=True, cookies=True)
def uppy_sign_part(call: Call, upload_id: str, part_number: str) -> Response:
    file = _file(call, call.query("key"))
    numbers = _numbers(part_number)
    if len(numbers) != 1:
        raise _no_numbers()
    (url,) = uploads.sign_parts(file, numbers, upload_id).values()
    return json_response({"url": url, "expires": _expires(file)})


@route(routes, "GET", "/s3/multipart/{upload_id}/batch", scope=Scope.FILES_WRITE, tokens=True, cookies=True)
def uppy_sign_batch(call: Call, upload_id: str) -> Response:
    """Many parts at once, as older Uppys ask."""
    file = _file(call, call.query("key"))
    urls = uploads.sign_parts(file, _numbers(call.query("partNumbers") or ""), upload_id)
    return json_response({"presignedUrls": {str(number): url for number, url in urls.items()}})


@route(routes, "GET", "/s3/multipart/{upload_id}", scope=Scope.FILES_WRITE, tokens=True, cookies=True)
def uppy_list_parts(call: Call, upload_id: str) -> Response:
    parts = uploads.list_parts(_file(call, call.query("key")), upload_id)
    return json_response([{"PartNumber": p.part_number, "ETag": f'"{p.etag}"', "Size": p.size} for p in parts])


@route(
    routes,
    "POST",
    "/s3/multipart/{upload_id}/complete",
    scope=Scope.FILES_WRITE,
    tokens=True,
    cookies=True,
    body=UppyParts,
)
def uppy_complete(call: Call, body: UppyParts, upload_id: str) -> Response:
    """A browser that lost the answer asks again, and gets the same answer."""
    file = _file(call, call.query("key"))
    try:
        uploads.complete(file, [(part.number, part.etag) for part in body.parts], upload_id)
    except Problem as problem:
        if problem.code != "already_uploaded" or file.upload_id != upload_id:
            raise
    return json_response({**_place(file), "location": f"{settings().front_door}/v1/files/{file.id}"})


@route(routes, "DELETE", "/s3/multipart/{upload_id}", scope=Scope.FILES_WRITE, tokens=True, cookies=True)
def uppy_abort(call: Call, upload_id: str) -> Response:
    uploads.abort(_file(call, call.query("key")), upload_id)
    return json_response({})


def _place(file: File) -> dict[str, Any]:
    return {"key": original_key(file.tenant, file.id), "bucket": settings().originals_bucket}


def _file(call: Call, key: str | None) -> File:
    """The caller's file by its key: `tenant/file id`. Raises Problem `not_found`, as `uploads.own_file` does."""
    if not key:
        raise Problem("invalid_field", "`key`: is required.", field="key")
    tenant, file_id = parse_original_key(key) or ("", "")
    if tenant != call.tenant:
        raise Problem("not_found", "There is no upload of this key.")
    return uploads.own_file(call, file_id)


def _numbers(text: str) -> list[int]:
    """Part numbers, comma-separated; whether the file has such parts is `uploads`' to say."""
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise _no_numbers()
    return [int(word) for word in words]


def _no_numbers() -> Problem:
    return Problem("part_out_of_range", f"Parts are numbered from 1 to {MAX_PARTS}.", field="partNumber")


# --- signRequest


@route(routes, "POST", "/s3/presign", scope=Scope.FILES_WRITE, tokens=True, cookies=True, body=SignRequest)
def uppy_presign(call: Call, body: SignRequest) -> Response:
    """One request to S3, signed; the browser sends it. A new file gets a key of ours, which Uppy then uses."""
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


@route(routes, "POST", "/s3/session", scope=Scope.FILES_WRITE, tokens=True)
def begin_session(call: Call) -> Response:
    """Takes an upload token from the header into a cookie, for Uppy's `companionEndpoint` sends no header."""
    token = call.caller.token
    if token is None:
        raise Problem("unauthenticated", "A session is for upload tokens (`fmu_…`); keep API keys out of browsers.")
    credential = str(call.request.headers["authorization"]).partition(" ")[2].strip()
    cookie = _cookie(credential, int((token.expires_at - now()).total_seconds()))
    return json_response({"expires_at": timestamp(token.expires_at)}, headers={"Set-Cookie": cookie})


@routes.route("/s3/session", methods=["DELETE"], content_types=["*/*"], name="end_session")
def end_session() -> Response:
    return Response("", status_code=204, headers={"Set-Cookie": _cookie("", 0)})


def _cookie(value: str, max_age: int) -> str:
    secure = "" if settings().front_door.startswith("http://") else "; Secure"
    return f"{COOKIE}={value}; Path=/s3; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"


# --- what is not offered, and how refusals are told


@routes.route("/s3/sts", methods=["GET"], name="uppy_sts")
def uppy_sts() -> Response:
    def refuse(_: str) -> Response:
        raise Problem(
            "unknown_route",
            "Filemill gives no browser credentials for its bucket: use `companionEndpoint` or `signRequest`.",
        )

    return respond(routes.current_request, refuse)


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
