"""`POST /v1/upload-tokens`: what a backend gives a browser, so that it can upload and nothing else."""

from __future__ import annotations

from datetime import timedelta

from chalice import Blueprint, Response

from chalicelib.api.auth import Scope, default_recipe, hash_key, new_credential
from chalicelib.api.bodies import CreateUploadToken
from chalicelib.api.resources import UploadTokenResource
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog import credentials
from chalicelib.model import UploadToken, now
from chalicelib.observability import logger

routes = Blueprint(__name__)


@route(
    routes,
    "POST",
    "/v1/upload-tokens",
    scope=Scope.FILES_WRITE,
    body=CreateUploadToken,
    returns={201: UploadTokenResource},
)
def create_upload_token(call: Call, body: CreateUploadToken) -> Response:
    """Make a token for a browser.

    With it a browser can create and upload at most `max_files` files of these bounds, and ask for their status. The
    token is shown once. Costs one DynamoDB write.
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
    )
    credentials.put_token(token)
    logger.info("upload token made", extra={"token_id": token_id})
    return json_response({"token": secret, **token.model_dump(mode="json", exclude={"hash", "tenant", "used"})}, 201)
