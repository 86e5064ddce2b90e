"""`/v1/files/{id}/shares`: links to a page about one file, for people without a credential."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api.answers import Resource, Time, Url
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.ownership import find_own_file, not_found, own_file
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, json_response, route
from chalicelib.api.updates import require_uninfected
from chalicelib.catalog import shares
from chalicelib.catalog.shares import MAX_SHARES, Share, TooManySharesError
from chalicelib.model import Visibility, now, timestamp
from chalicelib.observability import logger
from chalicelib.settings import settings

routes = Blueprint(__name__)

DAY = 24 * 3600
MAX_VIEWS = 1_000_000


class CreateShare(Body):
    """The body of `POST /v1/files/{id}/shares`. `expires_in` in seconds. Without `download` the page offers none."""

    expires_in: Annotated[int, Field(ge=60, le=30 * DAY)] = 7 * DAY
    password: Annotated[str, Field(min_length=4, max_length=128)] | None = None
    max_views: Annotated[int, Field(ge=1, le=MAX_VIEWS)] | None = None
    download: bool = True


class ShareResource(Resource):
    """A link to a file's page. `views` counts how often the page was seen."""

    id: str = Field(pattern="^shr_[0-9a-f]{18}$")
    created_at: Time
    expires_at: Time
    download: bool
    password: bool = Field(description="True if the page asks for a password")
    views: int = Field(ge=0)
    max_views: int | None


class CreatedShare(ShareResource):
    """A new link. `url` is shown only in this answer: whoever has it sees the page."""

    url: Url


class ShareList(Resource):
    items: list[ShareResource]


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/shares",
    scope=Scope.FILES_WRITE,
    own=True,
    body=CreateShare,
    returns={201: CreatedShare},
    problems=("too_many_shares", "not_uploaded", "infected"),
)
def create_share(call: Call, body: CreateShare, file_id: str) -> Response:
    """Make a link to a page about this file, for people without a credential.

    The page shows the preview, and offers the original for download. It ends at its time, after `max_views`, when it
    is revoked, and with the file; a link to a public file also ends when the file becomes private. A key needs
    `files:read` as well, since the link shows the file. Costs two DynamoDB reads, a Query and a write.
    """
    if not call.caller.may_read:
        raise Problem("missing_scope", "A link shows the file, so this API key needs the scope `files:read` as well.")
    file = own_file(call, file_id)
    if file.version_id is None:
        raise Problem("not_uploaded", "This file's bytes have not arrived.")
    require_uninfected(file)
    try:
        share, token = shares.create(
            call.tenant,
            file.id,
            expires_at=now() + timedelta(seconds=body.expires_in),
            download=body.download,
            public=file.visibility is Visibility.PUBLIC,
            password=body.password,
            max_views=body.max_views,
        )
    except TooManySharesError:
        detail = f"A file may have {MAX_SHARES} links at a time. Revoke one that you need no more."
        raise Problem("too_many_shares", detail) from None
    if find_own_file(call, file_id) is None:  # deleted meanwhile: whoever deleted it may not have seen the link
        shares.revoke(file.id, share.id)
        raise not_found()
    logger.info("share made", extra={"share_id": share.id})
    return json_response({**_shown(share), "url": f"{settings().front_door}/s/{token}"}, 201)


@route(
    routes,
    "GET",
    "/v1/files/{file_id}/shares",
    scope=Scope.FILES_WRITE,
    own=True,
    returns={200: ShareList},
)
def list_shares(call: Call, file_id: str) -> Response:
    """List the links to this file's page that have not ended; at most 20.

    Costs a DynamoDB read and a Query.
    """
    file = own_file(call, file_id)
    return json_response({"items": [_shown(share) for share in shares.of_file(file.id) if not share.is_over]})


@route(
    routes,
    "DELETE",
    "/v1/files/{file_id}/shares/{share_id}",
    scope=Scope.FILES_WRITE,
    own=True,
    returns={204: None},
)
def revoke_share(call: Call, file_id: str, share_id: str) -> Response:
    """Revoke a link. It stops at once; what its page has signed works for five minutes at most.

    204 also if the file has no such link, or none any more. Costs a DynamoDB read and two writes.
    """
    file = own_file(call, file_id)
    if shares.revoke(file.id, share_id):
        logger.info("share revoked", extra={"share_id": share_id})
    return Response("", status_code=204)


def _shown(share: Share) -> dict[str, Any]:
    return {
        "id": share.id,
        "created_at": timestamp(share.created_at),
        "expires_at": timestamp(share.expires_at),
        "download": share.download,
        "password": share.password is not None,
        "views": share.views,
        "max_views": share.max_views,
    }
