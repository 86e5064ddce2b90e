"""`GET /v1/files/{id}`: one record, at once, as soon as its status changes, or as soon as its status is final."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Annotated, Literal

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import etags
from chalicelib.api.answers import PartialFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import Fields, Include, WholeNumber, check_expires_in
from chalicelib.api.ownership import own_file
from chalicelib.api.parsing import Query
from chalicelib.api.routing import Call, as_json, route, text_response
from chalicelib.catalog import waits
from chalicelib.delivery.view import WHOLE, wire
from chalicelib.model import File, Status
from chalicelib.observability import append
from chalicelib.settings import MAX_URL_EXPIRY, MIN_URL_EXPIRY

routes = Blueprint(__name__)

MAX_WAIT = 25  # seconds; API Gateway gives up after 29

# Seconds from one look at the record to the next while a client waits: the pause grows from the first to the last.
FIRST_LOOK = 0.2
LAST_LOOK = 1.0

# Seconds after which a client asks again: after a wait, and where its request was not let wait.
AFTER_A_WAIT = 1
INSTEAD_OF_A_WAIT = 3

UNFINISHED = frozenset({Status.AWAITING_UPLOAD, Status.PROCESSING})


class GetFile(Query):
    """The query of `GET /v1/files/{id}`. `wait` in seconds."""

    wait: WholeNumber = Field(0, le=MAX_WAIT)
    wait_for: Annotated[
        Literal["change", "final"],
        Field(
            description="With `wait`: until the status is another one (`change`), or until it is `ready`, `failed` or "
            "`expired` (`final`)"
        ),
    ] = "change"
    expires_in: (
        Annotated[
            WholeNumber,
            Field(
                ge=MIN_URL_EXPIRY,
                le=MAX_URL_EXPIRY,
                description="For how many seconds a private file's addresses work; a stage may allow less",
            ),
        ]
        | None
    ) = None
    fields: Fields = Field(default_factory=list)
    include: Include = Field(default_factory=list)


@route(
    routes,
    "GET",
    "/v1/files/{file_id}",
    scope=Scope.FILES_READ,
    tokens=True,
    own=True,
    query=GetFile,
    returns={200: PartialFile, 304: None},
    headers=("If-None-Match", "ETag", "Retry-After"),
)
def get_file(call: Call, query: GetFile, file_id: str) -> Response:
    """Get a file's record; with `wait`, as soon as its status changes, or is final (`wait_for=final`).

    The answer is 304 if the client has this record already (`If-None-Match`). Where too many requests wait already, of
    this key or of the whole stage, the answer comes at once: the record as it is, with a longer `Retry-After`. Costs
    one DynamoDB read; with `wait`, four writes, and one read each time that the record is looked at.
    """
    if query.expires_in is not None:
        check_expires_in(query.expires_in)
    if "wait_for" in query.model_fields_set and "wait" not in query.model_fields_set:
        raise Problem("invalid_field", "`wait_for` needs `wait`, the seconds to wait at most.", field="wait_for")
    file, pause = _waited_for(call, file_id, query)
    fields = ({"id", *query.fields} if query.fields else WHOLE) | {*query.include}
    text = as_json(wire(file, fields, expires_in=query.expires_in))
    tag = etags.etag(file.revision, text)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if file.status in UNFINISHED:
        headers["Retry-After"] = str(pause)
    if etags.not_modified(call, tag):
        return Response("", status_code=304, headers={**headers})
    return text_response(text, headers=headers)


def _waited_for(call: Call, file_id: str, query: GetFile) -> tuple[File, int]:
    """The caller's file, and after how many seconds to ask again if its status is not final.

    The file is as soon as it has the status that is waited for, or as it is after `query.wait` seconds. If too many
    requests wait already, it is as it is now.
    """
    file = own_file(call, file_id)
    unfinished = UNFINISHED if query.wait_for == "final" else {file.status}.intersection(UNFINISHED)
    if not query.wait or file.status not in unfinished:
        return file, AFTER_A_WAIT
    with waits.held(f"{call.tenant}/{call.caller.key_id}", query.wait) as may_wait:
        if not may_wait:
            append(wait="refused")
            return file, INSTEAD_OF_A_WAIT
        return _looked_after(call, file, query.wait, unfinished), AFTER_A_WAIT


def _looked_after(call: Call, file: File, seconds: int, unfinished: Collection[Status]) -> File:
    """The file as soon as it has none of these states, or as it is after so many seconds."""
    deadline = time.monotonic() + seconds
    pause = FIRST_LOOK
    while file.status in unfinished and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_LOOK)
        file = own_file(call, file.id)
    return file
