"""`/s3/session`: an upload token in a cookie. `/s3/sts` is not offered. All refusals below `/s3` in Uppy's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chalice import Blueprint, Response

from chalicelib.api.auth.callers import COOKIE, Scope
from chalicelib.api.errors import Problem
from chalicelib.api.routes.uppy.answers import UppySession
from chalicelib.api.routing import Call, json_response, public_route, route
from chalicelib.model import now, timestamp
from chalicelib.settings import settings

routes = Blueprint(__name__)


@route(routes, "POST", "/s3/session", scope=Scope.FILES_WRITE, tokens=True, returns={200: UppySession})
def begin_session(call: Call) -> Response:
    """Put an upload token into a cookie.

    For Uppy's `companionEndpoint`, which sends no Authorization header.
    """
    token = call.caller.token
    if token is None:
        raise Problem("unauthenticated", "A session is for upload tokens (`fmu_…`); keep API keys out of browsers.")
    credential = str(call.request.headers["authorization"]).partition(" ")[2].strip()
    cookie = _cookie(credential, int((token.expires_at - now()).total_seconds()))
    return json_response({"expires_at": timestamp(token.expires_at)}, headers={"Set-Cookie": cookie})


@public_route(routes, "DELETE", "/s3/session", returns={204: None})
def end_session(_: Any) -> Response:
    """Delete the cookie."""
    return Response("", status_code=204, headers={"Set-Cookie": _cookie("", 0)})


def _cookie(value: str, max_age: int) -> str:
    secure = "" if settings().front_door.startswith("http://") else "; Secure"
    return f"{COOKIE}={value}; Path=/s3; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}"


@public_route(routes, "GET", "/s3/sts", problems=("unknown_route",))
def uppy_sts(_: Any) -> Response:
    """Not offered: AWS credentials for a browser."""
    raise Problem(
        "unknown_route",
        "Filemill gives no browser credentials for its bucket: use `companionEndpoint` or `signRequest`.",
    )


@routes.middleware("http")
def add_uppys_words(request: Any, get_response: Callable[[Any], Response]) -> Response:
    """Adds `error` (Companion's word) and `message` (which Uppy 5 shows) to problem documents below `/s3`."""
    response = get_response(request)
    problem = str(response.headers.get("Content-Type", "")).startswith("application/problem+json")
    if problem and str(request.path).startswith("/s3/"):
        document = json.loads(str(response.body))
        response.body = json.dumps({**document, "error": document["detail"], "message": document["detail"]})
    return response
