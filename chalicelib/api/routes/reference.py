"""`/openapi.json` and `/docs`: the contract, for programs and for people. Open to anyone; the same for everyone.

Both are files of the package. The viewer is Swagger UI, kept in `viewer/` as it was published (its README says from
where): the page asks nothing of any other host, so it works where there is no internet.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from chalice import Blueprint, Response
from pydantic import RootModel

from chalicelib.api.errors import Problem
from chalicelib.api.routing import public_route
from chalicelib.settings import settings

routes = Blueprint(__name__)

HERE = Path(__file__).parents[1]
VIEWER_VERSION = "5.35.0"

# Seconds. A deployment may change them, so they are kept for minutes only.
SHORT = "public, max-age=300"
IMMUTABLE = "public, max-age=31536000, immutable"

# Name below /docs/ → (file in viewer/, content type, Cache-Control). A name with a version never changes its bytes.
ASSETS = {
    f"swagger-ui-{VIEWER_VERSION}.js": ("swagger-ui-bundle.js", "text/javascript; charset=utf-8", IMMUTABLE),
    f"swagger-ui-{VIEWER_VERSION}.css": ("swagger-ui.css", "text/css; charset=utf-8", IMMUTABLE),
    "docs.js": ("docs.js", "text/javascript; charset=utf-8", SHORT),
    "docs.css": ("docs.css", "text/css; charset=utf-8", SHORT),
    "licenses.txt": ("LICENSES.txt", "text/plain; charset=utf-8", SHORT),
}

# Swagger UI draws its icons from data: addresses. Its styles are files; what it sets itself, it sets by script.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class OpenApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


class HtmlPage(RootModel[str]):
    """A page."""

    MEDIA_TYPES: ClassVar[tuple[str, ...]] = ("text/html",)


class Asset(RootModel[str]):
    """A file of the page's."""

    MEDIA_TYPES: ClassVar[tuple[str, ...]] = ("text/css", "text/javascript", "text/plain")


@cache
def openapi_document() -> str:
    """The document as it was made (`python -m ops openapi`), with this stage's address."""
    made = json.loads((HERE / "openapi.json").read_text(encoding="utf-8"))
    made["servers"] = [{"url": settings().front_door, "description": "The front door"}]
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))


@cache
def _file(name: str) -> str:
    return (HERE / "viewer" / name).read_text(encoding="utf-8")


def _page() -> str:
    return _file("docs.html").replace("{version}", VIEWER_VERSION)


@public_route(
    routes, "GET", "/openapi.json", returns={200: OpenApiDocument, 304: None}, headers=("If-None-Match", "ETag")
)
def get_openapi(request: Any) -> Response:
    """This document.

    OpenAPI 3.1, made from the routes and the models that check what they are sent.
    """
    # Whatever page asks: there is nothing of a tenant in it.
    return _answer(request, openapi_document(), "application/json", SHORT, {"Access-Control-Allow-Origin": "*"})


@public_route(routes, "GET", "/docs", returns={200: HtmlPage, 304: None}, headers=("If-None-Match", "ETag"))
def get_docs(request: Any) -> Response:
    """This document for people.

    A page that needs nothing from any other host.
    """
    headers = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
    return _answer(request, _page(), "text/html; charset=utf-8", SHORT, headers)


@public_route(
    routes,
    "GET",
    "/docs/{asset}",
    returns={200: Asset, 304: None},
    problems=("unknown_route",),
    headers=("If-None-Match", "ETag"),
)
def get_docs_asset(request: Any, asset: str) -> Response:
    """A script or style of that page."""
    if asset not in ASSETS:
        raise Problem("unknown_route", "There is nothing at this address.")
    name, content_type, caching = ASSETS[asset]
    return _answer(request, _file(name), content_type, caching, {})


def _answer(request: Any, text: str, content_type: str, caching: str, headers: dict[str, str]) -> Response:
    etag = f'"{_digest(text)}"'
    common: dict[str, str | list[str]] = {"Content-Type": content_type, "Cache-Control": caching, "ETag": etag}
    common.update(headers)
    # A proxy that compresses makes a strong tag a weak one; the comparison is the weak one (RFC 9110 §13.1.2).
    sent = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in sent or "*" in sent:
        return Response("", status_code=304, headers=common)
    return Response(text, headers=common)


@cache
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
