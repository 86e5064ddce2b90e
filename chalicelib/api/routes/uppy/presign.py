"""`POST /s3/presign`: Uppy's `signRequest`, which asks for each request to S3 by itself."""

from __future__ import annotations

from collections.abc import Callable

from chalice import Blueprint, Response

from chalicelib.api import parts, uploads
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.routes.uppy import begun
from chalicelib.api.routes.uppy.answers import UppySignedRequest
from chalicelib.api.routes.uppy.translation import (
    BEGINNING,
    COMPLETING,
    GOING_ON,
    SignRequest,
    file_of,
    place,
    seconds_left,
)
from chalicelib.api.routing import Call, json_response, route
from chalicelib.model import File

routes = Blueprint(__name__)


@route(
    routes,
    "POST",
    "/s3/presign",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    cookies=True,
    body=SignRequest,
    returns={200: UppySignedRequest},
    problems=(*BEGINNING, "too_large_for_token", *GOING_ON, "part_out_of_range", *COMPLETING),
)
def uppy_presign(call: Call, body: SignRequest) -> Response:
    """Sign one request to S3.

    The browser sends the request. A new file gets a key of ours, which Uppy uses from then on.
    """
    if body.upload_id is None:
        if body.part_number is not None or body.method not in _BEGIN:
            raise Problem("invalid_field", "`uploadId`: is required to go on with an upload.", field="uploadId")
        return _BEGIN[body.method](call, body)
    file = file_of(call, body.key)
    if body.method == "PUT":
        number = body.part_number or 0
        url = parts.sign(file, [number], body.upload_id)[number]
    else:
        url = _GO_ON[body.method](file, body.upload_id)
    return json_response({"url": url, "expires": seconds_left(file)})


def _begin_put(call: Call, body: SignRequest) -> Response:
    """Answers with a form although Uppy asks for a PUT: only a form can bound the size."""
    file, policy = uploads.begin_post(call, body.new())
    return json_response(
        {"url": policy.url, "fields": policy.fields, "key": policy.fields["key"], "expires": seconds_left(file)}
    )


def _begin_multipart(call: Call, body: SignRequest) -> Response:
    """Begins the upload now. The address answers its id, as S3 would; one of S3's own would begin another each time."""
    file = uploads.begin_multipart(call, body.new(), body.part_size)
    lives = seconds_left(file)
    return json_response({"url": begun.sign(file, lives), "key": place(file)["key"], "expires": lives})


_BEGIN: dict[str, Callable[[Call, SignRequest], Response]] = {"PUT": _begin_put, "POST": _begin_multipart}
_GO_ON: dict[str, Callable[[File, str], str]] = {
    "GET": parts.sign_list,
    "POST": parts.sign_complete,
    "DELETE": parts.sign_abort,
}
