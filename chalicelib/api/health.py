"""`GET /v1/health`: is the function up? Open to anyone; touches nothing else, so it costs nothing to ask often."""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib.api.routing import json_response
from chalicelib.settings import settings

routes = Blueprint(__name__)


@routes.route("/v1/health", methods=["GET"])
def get_health() -> Response:
    return json_response({"status": "ok", "stage": settings().stage})
