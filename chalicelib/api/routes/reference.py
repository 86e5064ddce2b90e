"""`/openapi.json`, `/docs` and icons of kinds: for programs and for people. Open to anyone, and the same for everyone.

All are files of the package. The viewer is Swagger UI, kept in `viewer/` as it was published (the README there says
where). The page loads nothing from other hosts, so it works without internet.
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
from chalicelib.model import Kind
from chalicelib.settings import settings

routes = Blueprint(__name__)

HERE = Path(__file__).parents[1]
VIEWER_VERSION = "5.35.0"

# max-age is in seconds. A deployment may change these files, so caches keep them for minutes only.
SHORT = "public, max-age=300"
IMMUTABLE = "public, max-age=31536000, immutable"

# Name below /docs/ → (file in the package, content type, Cache-Control). Bytes of a name with a version never change.
ASSETS = {
    f"swagger-ui-{VIEWER_VERSION}.js": ("viewer/swagger-ui-bundle.js", "text/javascript; charset=utf-8", IMMUTABLE),
    f"swagger-ui-{VIEWER_VERSION}.css": ("viewer/swagger-ui.css", "text/css; charset=utf-8", IMMUTABLE),
    "docs.js": ("viewer/docs.js", "text/javascript; charset=utf-8", SHORT),
    "docs.css": ("viewer/docs.css", "text/css; charset=utf-8", SHORT),
    "licenses.txt": ("viewer/LICENSES.txt", "text/plain; charset=utf-8", SHORT),
    # A picture for each kind of file, for pages that have no preview to show.
    **{f"icon-{kind}.svg": (f"icons/{kind}.svg", "image/svg+xml", SHORT) for kind in Kind},
}

# Nothing runs in an icon that is opened by itself.
ICON_POLICY = "default-src 'none'; sandbox"

# Swagger UI draws its icons from data: addresses. Its styles are files; it sets further ones by script only.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class OpenApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


class HtmlPage(RootModel[str]):
    """An HTML page."""

    MEDIA_TYPES: ClassVar[tuple[str, ...]] = ("text/html",)


class Asset(RootModel[str]):
    """A script, a style sheet or a text of the page; or an icon."""

    MEDIA_TYPES: ClassVar[tuple[str, ...]] = ("image/svg+xml", "text/css", "text/javascript", "text/plain")


@cache
def openapi_document() -> str:
    """The document that `python -m ops openapi` wrote, with this stage's address."""
    made = json.loads((HERE / "openapi.json").read_text(encoding="utf-8"))
    made["servers"] = [{"url": settings().front_door, "description": "The front door"}]
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))


@cache
def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _page() -> str:
    return _file("viewer/docs.html").replace("{version}", VIEWER_VERSION)


@public_route(
    routes, "GET", "/openapi.json", returns={200: OpenApiDocument, 304: None}, headers=("If-None-Match", "ETag")
)
def get_openapi(request: Any) -> Response:
    """Get this document.

    OpenAPI 3.1, made from the routes and from the models that check requests.
    """
    # Any page may read it, since it holds nothing of a tenant.
    return _answer(request, openapi_document(), "application/json", SHORT, {"Access-Control-Allow-Origin": "*"})


@public_route(routes, "GET", "/docs", returns={200: HtmlPage, 304: None}, headers=("If-None-Match", "ETag"))
def get_docs(request: Any) -> Response:
    """Read this document as a page.

    The page loads nothing from other hosts.
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
    """Get a script or style sheet of that page, or the icon of a kind of files.

    Icons are `icon-image.svg`, `icon-pdf.svg` and so on, one for each `kind`: 24 by 24 pixels, gray lines, no ground.
    """
    if asset not in ASSETS:
        raise Problem("unknown_route", "There is nothing at this address.")
    name, content_type, caching = ASSETS[asset]
    headers = {"Content-Security-Policy": ICON_POLICY} if content_type == "image/svg+xml" else {}
    return _answer(request, _file(name), content_type, caching, headers)


def _answer(request: Any, text: str, content_type: str, caching: str, headers: dict[str, str]) -> Response:
    etag = f'"{_digest(text)}"'
    common: dict[str, str | list[str]] = {"Content-Type": content_type, "Cache-Control": caching, "ETag": etag}
    common.update(headers)
    # A proxy that compresses turns a strong tag into a weak one, so tags are compared weakly (RFC 9110 §13.1.2).
    sent = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in sent or "*" in sent:
        return Response("", status_code=304, headers=common)
    return Response(text, headers=common)


@cache
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
