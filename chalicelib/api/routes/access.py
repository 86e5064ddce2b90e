"""Access for viewers who have no credential: grants for a file's renditions, and addresses of its original."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api.answers import FileId, Resource, Time, Url
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import MAX_IDS, WholeNumber, check_expires_in, matching
from chalicelib.api.ownership import may_use, own_file
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.api.updates import require_uninfected
from chalicelib.catalog import files, scans
from chalicelib.delivery import access
from chalicelib.delivery.disposition import content_disposition, may_be_shown, proven_type
from chalicelib.model import FILE_ID_PATTERN, File, Visibility, now, timestamp
from chalicelib.settings import MAX_URL_EXPIRY, MIN_URL_EXPIRY, settings
from chalicelib.storage import originals

routes = Blueprint(__name__)


MAX_ORIGINAL_EXPIRY = 3600


class GetOriginal(Query):
    """The query of `GET /v1/files/{id}/original`."""

    disposition: Annotated[
        Literal["inline", "attachment"],
        Field(description="`attachment`: a browser saves it; `inline`: a browser may show images, audio and video"),
    ] = "inline"
    redirect: Annotated[
        Literal["true", "false"], Field(description="`false`: answer 200, with the address as JSON")
    ] = "true"
    expires_in: Annotated[WholeNumber, Field(ge=MIN_URL_EXPIRY, le=MAX_ORIGINAL_EXPIRY, description="Seconds")] = 300


# A host's name in lower case. Browsers refuse a single label (`com`).
_DOMAIN = re.compile(r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$")


class CreateGrant(Body):
    """The body of `POST /v1/files/{id}/grant`. `expires_in` in seconds; `cookie_domain` is the cookies' domain."""

    expires_in: Annotated[int, Field(ge=MIN_URL_EXPIRY, le=MAX_URL_EXPIRY)] = 3600
    cookie_domain: (
        Annotated[
            str,
            Field(max_length=253, json_schema_extra={"pattern": _DOMAIN.pattern, "examples": ["example.com"]}),
            matching(
                _DOMAIN, "must be a domain in lower case such as example.com, without https:// and without a path"
            ),
        ]
        | None
    ) = None


class CreateGrants(CreateGrant):
    """The body of `POST /v1/grants`: grants for several files."""

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=MAX_IDS)]


class GrantResource(Resource):
    """Lets a viewer see a private file's renditions until `expires_at`.

    Put `?` and `query` behind an address, or set the cookies instead: `cookies` are values for `Set-Cookie`. `resource`
    is the pattern of the addresses that the grant opens. A public file needs no grant: its `query` is empty.
    """

    id: FileId
    base_url: Url | None
    resource: str | None
    query: str
    cookies: list[str]
    expires_at: Time | None


class GrantList(Resource):
    items: list[GrantResource]


class OriginalResource(Resource):
    url: Url
    expires_at: Time


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/grant",
    scope=Scope.FILES_READ,
    own=True,
    body=CreateGrant,
    returns={200: GrantResource},
)
def create_grant(call: Call, body: CreateGrant, file_id: str) -> Response:
    """Let a viewer see all sizes and formats of a private file, for a limited time.

    The grant also covers renditions that the file gets later. Costs one DynamoDB read.
    """
    _check(body)
    return json_response(_grant(own_file(call, file_id), body))


@route(
    routes,
    "POST",
    "/v1/grants",
    scope=Scope.FILES_READ,
    own=True,
    body=CreateGrants,
    returns={200: GrantList},
)
def create_grants(call: Call, body: CreateGrants) -> Response:
    """Let a viewer see several private files, for a limited time.

    The grants are in the order of `ids`, each once. Ids that are not yours are left out.
    """
    _check(body)
    ids = [file_id for file_id in body.ids if FILE_ID_PATTERN.fullmatch(file_id)]
    found = files.batch_get(call.tenant, ids, may_see=partial(may_use, call.caller))
    return json_response({"items": [_grant(file, body) for file in found]})


def _check(body: CreateGrant) -> None:
    check_expires_in(body.expires_in)
    host = settings().front_door.partition("://")[2].partition(":")[0]
    if body.cookie_domain and not f".{host}".endswith(f".{body.cookie_domain}"):
        detail = f"`cookie_domain`: must be {host}, where the files are, or a domain above it."
        raise Problem("invalid_field", detail, field="cookie_domain")


def _grant(file: File, body: CreateGrant) -> dict[str, Any]:
    """A file's grant. A public file needs none and gets an empty `query`, so clients can treat all files alike."""
    about = {"id": file.id, "base_url": access.base_url_of(file)}
    if file.visibility is Visibility.PUBLIC:
        return {**about, "resource": None, "query": "", "cookies": [], "expires_at": None}
    grant = access.grant(file, body.expires_in, body.cookie_domain)
    return {
        **about,
        "resource": grant.resource,
        "query": grant.query,
        "cookies": list(grant.cookies),
        "expires_at": timestamp(grant.expires_at),
    }


@route(
    routes,
    "GET",
    "/v1/files/{file_id}/original",
    scope=Scope.FILES_READ,
    own=True,
    query=GetOriginal,
    returns={302: None, 200: OriginalResource},
    problems=("not_uploaded", "original_missing", "infected", "not_scanned"),
    headers=("Location",),
)
def get_original(call: Call, query: GetOriginal, file_id: str) -> Response:
    """Download the original: a redirect to S3, which also serves ranges of it.

    With `redirect=false`, the answer is the address as JSON. A browser shows images, audio and video whose bytes prove
    their type, and saves other files; with `disposition=attachment` it saves every file. Costs one DynamoDB read and
    one HEAD of S3.
    """
    file = own_file(call, file_id)
    if file.version_id is None:
        raise Problem("not_uploaded", "This file's bytes have not arrived.")
    require_uninfected(file)
    if not scans.may_be_read(file):
        raise Problem("not_scanned", "This file has not been found free of malware, so nobody may read it.")
    if not originals.exists(file):
        raise Problem("original_missing", "This file's original is no longer stored.")
    content_type = proven_type(file)
    inline = query.disposition == "inline" and may_be_shown(content_type)
    expires_at = now() + timedelta(seconds=query.expires_in)
    url = originals.sign(file, content_type, content_disposition(file.filename, inline=inline), query.expires_in)
    if query.redirect == "false":
        return json_response({"url": url, "expires_at": timestamp(expires_at)})
    return Response("", status_code=302, headers={"Location": url})
