"""`GET /render/f/…`: CloudFront asks here when S3 lacks a rendition. Nobody else gets an answer."""

from __future__ import annotations

import hmac

from chalice import Blueprint, Response

from chalicelib import keyring
from chalicelib.api.errors import Problem
from chalicelib.api.routing import respond
from chalicelib.delivery import missing
from chalicelib.delivery.missing import Outcome
from chalicelib.observability import append
from chalicelib.storage import derived

routes = Blueprint(__name__)

HEADER = "x-filemill-edge"
"""The header with CloudFront's secret, which the distribution adds for this origin (docs/delivery.md)."""

# API Gateway decodes Base64 for callers that accept one of these types. CloudFront sends `Accept: image/avif` here.
BINARY_TYPES = ["image/avif", "image/webp"]  # beside Chalice's own, which have image/jpeg

# Bytes. Lambda's answers may have 6 MB, as Base64: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY = 4_400_000

NONE_FOR = 60  # seconds that CloudFront may keep a 404
SIGNED_FOR = 60  # seconds that an address of S3 works


@routes.route("/render/f/{visibility}/{file_id}/{version}/{name}", methods=["GET", "HEAD"])
def get_render(visibility: str, file_id: str, version: str, name: str) -> Response:
    request = routes.current_request

    def answer(request_id: str) -> Response:
        _require_edge(request.headers.get(HEADER, ""))
        address = missing.parse(visibility, file_id, version, name)
        if address is None or missing.find(address) is None:
            raise _none()
        append(file_id=file_id)
        # CloudFront asked S3 a moment ago. The rendition may be there by now.
        made = derived.read(address.key, MAX_BODY)
        if made is None:
            end = missing.obtain(address)
            if end is Outcome.NONE:
                raise _none()
            made = derived.read(address.key, MAX_BODY) if end is Outcome.MADE else None
        if made is None:
            raise Problem("unavailable", "The rendition is being made; try again.", headers={"Retry-After": "1"})
        if made.body is None:
            # Too large for an answer. The viewer is sent to S3 and not to this address again, because its signature
            # stays at the edge and would be lost. From the next request on, CloudFront gets the rendition from S3.
            location = derived.sign(address.key, SIGNED_FOR)
            return Response("", status_code=302, headers={"Location": location})
        body = made.body if request.method == "GET" else b""
        kept = {"Content-Type": made.content_type, "Cache-Control": derived.IMMUTABLE}
        return Response(body, status_code=200, headers={**kept})

    return respond(request, answer)


def _require_edge(shown: str) -> None:
    if not shown or not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), keyring.edge_secret().encode()):
        raise Problem("unknown_route", "There is nothing at this address.")


def _none() -> Problem:
    cached = {"Cache-Control": f"public, max-age={NONE_FOR}"}
    return Problem("not_found", "There is no such rendition.", headers=cached)
