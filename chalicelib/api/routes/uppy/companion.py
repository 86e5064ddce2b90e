"""Uppy's `companionEndpoint`: the routes of its "Companion" server that upload to S3."""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib.api import parts, uploads
from chalicelib.api.auth.callers import Scope
from chalicelib.api.routes.uppy.answers import (
    UppyForm,
    UppyHeldParts,
    UppyLocation,
    UppyNothing,
    UppySignedPart,
    UppySignedParts,
    UppyUpload,
)
from chalicelib.api.routes.uppy.translation import (
    BEGINNING,
    COMPLETING,
    GOING_ON,
    UppyBatch,
    UppyFile,
    UppyKey,
    UppyParams,
    UppyParts,
    file_of,
    no_part_number,
    part_numbers,
    place,
    seconds_left,
)
from chalicelib.api.routing import Call, json_response, route
from chalicelib.settings import settings

routes = Blueprint(__name__)


@route(
    routes,
    "GET",
    "/s3/params",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    query=UppyParams,
    returns={200: UppyForm},
    problems=BEGINNING,
)
def uppy_params(call: Call, query: UppyParams) -> Response:
    """Begin an upload in one piece.

    The answer is a form for S3. Uppy does not tell the file's size, so the form bounds it.
    """
    file, policy = uploads.begin_post(call, query.new())
    return json_response({"method": "POST", "url": policy.url, "fields": policy.fields, "expires": seconds_left(file)})


@route(
    routes,
    "POST",
    "/s3/multipart",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    body=UppyFile,
    returns={200: UppyUpload},
    problems=BEGINNING,
)
def uppy_create_multipart(call: Call, body: UppyFile) -> Response:
    """Begin an upload in parts."""
    file = uploads.begin_multipart(call, body.new())
    return json_response({**place(file), "uploadId": file.upload_id})


@route(
    routes,
    "GET",
    "/s3/multipart/{upload_id}/{part_number}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    query=UppyKey,
    returns={200: UppySignedPart},
    problems=(*GOING_ON, "part_out_of_range"),
)
def uppy_sign_part(call: Call, query: UppyKey, upload_id: str, part_number: str) -> Response:
    """Sign one part."""
    file = file_of(call, query.key)
    numbers = part_numbers(part_number)
    if len(numbers) != 1:
        raise no_part_number()
    (url,) = parts.sign(file, numbers, upload_id).values()
    return json_response({"url": url, "expires": seconds_left(file)})


@route(
    routes,
    "GET",
    "/s3/multipart/{upload_id}/batch",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    query=UppyBatch,
    returns={200: UppySignedParts},
    problems=(*GOING_ON, "part_out_of_range"),
)
def uppy_sign_batch(call: Call, query: UppyBatch, upload_id: str) -> Response:
    """Sign many parts at once.

    Older versions of Uppy ask for this.
    """
    file = file_of(call, query.key)
    urls = parts.sign(file, part_numbers(query.numbers), upload_id)
    return json_response({"presignedUrls": {str(number): url for number, url in urls.items()}})


@route(
    routes,
    "GET",
    "/s3/multipart/{upload_id}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    query=UppyKey,
    returns={200: UppyHeldParts},
    problems=GOING_ON,
)
def uppy_list_parts(call: Call, query: UppyKey, upload_id: str) -> Response:
    """List the parts that S3 has received."""
    held = parts.held(file_of(call, query.key), upload_id)
    return json_response([{"PartNumber": p.part_number, "ETag": f'"{p.etag}"', "Size": p.size} for p in held])


@route(
    routes,
    "POST",
    "/s3/multipart/{upload_id}/complete",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    query=UppyKey,
    body=UppyParts,
    returns={200: UppyLocation},
    problems=(*GOING_ON, *COMPLETING),
)
def uppy_complete(call: Call, query: UppyKey, body: UppyParts, upload_id: str) -> Response:
    """Complete an upload in parts.

    A browser that lost the answer may ask again, and gets the same answer.
    """
    file = file_of(call, query.key)
    parts.complete(file, [(part.number, part.etag) for part in body.parts], upload_id)
    return json_response({**place(file), "location": f"{settings().front_door}/v1/files/{file.id}"})


@route(
    routes,
    "DELETE",
    "/s3/multipart/{upload_id}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    query=UppyKey,
    returns={200: UppyNothing},
    problems=GOING_ON,
)
def uppy_abort(call: Call, query: UppyKey, upload_id: str) -> Response:
    """Abort an upload."""
    parts.abort(file_of(call, query.key), upload_id)
    return json_response({})
