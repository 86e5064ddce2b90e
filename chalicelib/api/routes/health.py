"""`GET /v1/health`: is the function up? Open to anyone; touches nothing else, so it costs nothing to ask often."""

from __future__ import annotations

from typing import Any

from chalice import Blueprint, Response

from chalicelib.api.answers import Health
from chalicelib.api.routing import json_response, public_route
from chalicelib.settings import settings

routes = Blueprint(__name__)


@public_route(routes, "GET", "/v1/health", returns={200: Health})
def get_health(_: Any) -> Response:
    """Whether the API answers.

    Open to anyone, and asks nothing else, so it can be asked often.
    """
    return json_response({"status": "ok", "stage": settings().stage})
