"""`GET /render/f/…`: a distribution of a former release asks here when S3 lacks a rendition.

Nobody else gets an answer. Today's distribution asks the function `render` itself. The route stays for one release, and
for the regions where Lambda has no function URLs (ops/stack/regions.py).
"""

from __future__ import annotations

import hmac

from chalice import Blueprint, Response

from chalicelib import keyring
from chalicelib.api.errors import Problem
from chalicelib.api.routing import respond
from chalicelib.delivery import first_view, missing
from chalicelib.observability import append

routes = Blueprint(__name__)

HEADER = "x-filemill-edge"
"""The header with CloudFront's secret, which the distribution adds for this origin (docs/delivery.md)."""

# API Gateway decodes Base64 for callers that accept one of these types. CloudFront sends `Accept: image/avif` here.
BINARY_TYPES = ["image/avif", "image/webp"]  # beside Chalice's own, which have image/jpeg


@routes.route("/render/f/{visibility}/{file_id}/{version}/{name}", methods=["GET", "HEAD"])
def get_render(visibility: str, file_id: str, version: str, name: str) -> Response:
    request = routes.current_request

    def answer(request_id: str) -> Response:
        _require_edge(request.headers.get(HEADER, ""))
        address = missing.parse(visibility, file_id, version, name)
        if address:
            append(file_id=file_id)
        reply = first_view.answer(address, request.method, patience=missing.PATIENCE)
        if reply.code:
            raise Problem(reply.code, reply.body.decode(), headers=dict(reply.headers))
        return Response(reply.body or "", status_code=reply.status, headers={**reply.headers})

    return respond(request, answer)


def _require_edge(shown: str) -> None:
    if not shown or not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), keyring.edge_secret().encode()):
        raise Problem("unknown_route", "There is nothing at this address.")
