"""`GET /v1/me`: who the caller is, and what its credential may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api.answers import Resource, Time
from chalicelib.api.auth.callers import Caller, Scope
from chalicelib.api.routing import Call, json_response, route
from chalicelib.model import timestamp
from chalicelib.settings import settings

routes = Blueprint(__name__)


class MeResource(Resource):
    """The caller. An upload token has no scopes, and an operator no tenant.

    The `id` of a user is its owner, which is its `sub` unless the settings say otherwise. `owner` is the owner of the
    files that the caller creates or, with `files:own`, sees.
    """

    type: Literal["key", "token", "user", "operator"]
    id: str
    name: str | None
    tenant: str | None
    scopes: list[Scope]
    expires_at: Time | None
    owner: str | None
    stage: str
    delete_window: int = Field(ge=0, description="Seconds in which a deleted file can be restored")


@route(routes, "GET", "/v1/me", scope=None, returns={200: MeResource})
def get_me(call: Call) -> Response:
    """Tell who you are: the kind of your credential, its tenant, its scopes and its end.

    Every credential may ask. Costs no more than the check of the credential.
    """
    return json_response(_shown(call.caller))


def _shown(caller: Caller) -> dict[str, object]:
    ends = caller.ends
    return {
        "type": "operator" if caller.is_operator else caller.actor.type,
        "id": caller.actor.id,
        "name": (caller.key.name or None) if caller.key else None,
        "tenant": None if caller.is_operator else caller.tenant,
        "scopes": sorted(caller.scopes),
        "expires_at": timestamp(datetime.fromtimestamp(ends, UTC)) if ends is not None else None,
        "owner": caller.owner or caller.only_own,
        "stage": settings().stage,
        "delete_window": settings().delete_window,
    }
