"""`/v1/upload-tokens`: a backend mints a token for a browser, which can upload with it and do nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.answers import Bytes, Resource, Time
from chalicelib.api.auth import keys
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import AnyVisibility, Cursor, Owner, RecipeName, Tags, WholeNumber, matching
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog import credentials, memory, token_list
from chalicelib.catalog.credentials import hash_key, new_credential
from chalicelib.catalog.defaults import default_recipe
from chalicelib.model import UploadToken, Visibility, now
from chalicelib.observability import logger

routes = Blueprint(__name__)

MAX_LISTED = 100


_TYPE = re.compile(r"^[a-z0-9.+-]+/(\*|[a-z0-9.+-]+)$")


class CreateUploadToken(Body):
    """The body of `POST /v1/upload-tokens`.

    `expires_in` is in seconds. `max_bytes` is for each file. `content_types` may have `image/*`; an empty list allows
    every type. The files that are created with the token are those of `owner`.
    """

    expires_in: Annotated[int, Field(ge=60, le=24 * 3600)] = 3600
    max_files: Annotated[int, Field(ge=1, le=10_000)] = 1
    max_bytes: Annotated[int, Field(ge=1)]
    content_types: Annotated[
        list[
            Annotated[
                str,
                Field(max_length=127, json_schema_extra={"pattern": _TYPE.pattern}),
                matching(_TYPE, "must be a type in lower case, such as image/png or image/*"),
            ]
        ],
        Field(max_length=50),
    ] = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    visibility: AnyVisibility = Visibility.PRIVATE
    recipe: RecipeName | None = None
    owner: Owner | None = None


class ListUploadTokens(Query):
    """The query of the list."""

    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_LISTED)] = 50
    cursor: Cursor | None = None


class _TokenResource(Resource):
    id: str
    created_at: Time
    expires_at: Time
    max_files: int = Field(ge=1)
    max_bytes: Bytes
    content_types: list[str]
    tags: list[str]
    visibility: Annotated[Visibility, Field(strict=False)]
    recipe: str
    owner: str | None = Field(None, max_length=128, description="The owner of what is created; only if there is one")


class UploadTokenResource(_TokenResource):
    """A new upload token. `token` is shown only in this answer."""

    token: str = Field(pattern="^fmu_[0-9a-f]{12}_[0-9a-f]{48}$")


class ListedTokenResource(_TokenResource):
    """An upload token. `used` is how many files were created with it, and `key_id` the API key that made it."""

    used: int = Field(ge=0)
    key_id: str | None


_LISTED = {*ListedTokenResource.model_fields}


class UploadTokenPage(Resource):
    """Upload tokens, the newest first."""

    items: list[ListedTokenResource]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


@route(
    routes,
    "POST",
    "/v1/upload-tokens",
    scope=Scope.FILES_WRITE,
    body=CreateUploadToken,
    returns={201: UploadTokenResource},
)
def create_upload_token(call: Call, body: CreateUploadToken) -> Response:
    """Make an upload token for a browser.

    With it the browser can create and upload at most `max_files` files within these bounds, and read their status. The
    token is shown only in this answer. Costs two DynamoDB writes.
    """
    moment = now()
    token_id, secret = new_credential("fmu")
    token = UploadToken(
        id=token_id,
        hash=hash_key(secret),
        tenant=call.tenant,
        created_at=moment,
        expires_at=moment + timedelta(seconds=body.expires_in),
        max_files=body.max_files,
        max_bytes=body.max_bytes,
        content_types=body.content_types,
        tags=body.tags,
        visibility=body.visibility,
        recipe=body.recipe or default_recipe(call.tenant),
        # A user's upload token ends by its own time: the sign-in token that made it may live for minutes only.
        key_id=None if call.caller.user else call.caller.key_id,
        owner=body.owner or call.caller.owner,
    )
    credentials.put_token(token)
    logger.info("upload token made", extra={"token_id": token_id})
    hidden = {"hash", "tenant", "used", "key_id", "revoked_at"} | ({"owner"} if token.owner is None else set())
    shown = token.model_dump(mode="json", exclude=hidden)
    return json_response({"token": secret, **shown}, 201)


@route(
    routes,
    "GET",
    "/v1/upload-tokens",
    scope=Scope.FILES_WRITE,
    query=ListUploadTokens,
    returns={200: UploadTokenPage},
    problems=("invalid_cursor",),
)
def list_upload_tokens(call: Call, query: ListUploadTokens) -> Response:
    """List the tenant's upload tokens that work, the newest first, without the tokens themselves.

    A page may have fewer tokens than `limit`, even none, although more follow: only a null `next_cursor` ends the list.
    Costs a DynamoDB query for each index shard and a batch of reads.
    """
    scope = f"{call.tenant}/upload-tokens"
    page = token_list.page(call.tenant, query.limit, cursors.decode(query.cursor, scope) if query.cursor else None)
    return json_response(
        {
            "items": [token.model_dump(mode="json", include=_LISTED) for token in page.tokens],
            "next_cursor": cursors.encode(page.cursor, scope) if page.cursor else None,
        }
    )


@route(
    routes,
    "DELETE",
    "/v1/upload-tokens/{token_id}",
    scope=Scope.FILES_WRITE,
    returns={204: None},
    problems=("not_found",),
)
def revoke_upload_token(call: Call, token_id: str) -> Response:
    """Revoke an upload token. It stops working within a minute.

    The files that were created with it stay. What was signed for it before, such as a form for S3, works until it
    expires. A token also ends when the API key that made it is revoked. Costs one DynamoDB write.
    """
    revoked = credentials.revoke_token(call.tenant, token_id) if keys.ID.fullmatch(token_id) else None
    if revoked is None:
        raise Problem("not_found", "There is no upload token with this id.")
    memory.forget_one(keys.find, keys.name_of_token(token_id))
    logger.info("upload token revoked", extra={"token_id": token_id})
    return Response("", status_code=204)
