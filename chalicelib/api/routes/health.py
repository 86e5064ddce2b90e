"""`GET /v1/health`: does the API answer? Open to anyone. It calls nothing else, so it can be asked often."""

from __future__ import annotations

from typing import Any, Literal

from chalice import Blueprint, Response

from chalicelib.api.answers import Resource
from chalicelib.api.routing import json_response, public_route
from chalicelib.settings import settings

routes = Blueprint(__name__)


class Health(Resource):
    status: Literal["ok"]
    stage: str


@public_route(routes, "GET", "/v1/health", returns={200: Health})
def get_health(_: Any) -> Response:
    """Check that the API answers.

    Open to anyone. It calls nothing else, so it can be asked often.
    """
    return json_response({"status": "ok", "stage": settings().stage})
