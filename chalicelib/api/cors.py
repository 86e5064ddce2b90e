"""CORS: which pages may call the API from a browser, and what they may read of its answers."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from chalice import Chalice, CORSConfig, Response

from chalicelib.api.routing import METHODS
from chalicelib.settings import settings

_ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")
_EXPOSED = {
    "Access-Control-Expose-Headers": ",".join(
        ("ETag", "Idempotency-Replayed", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id")
    )
}
# Seconds that a browser may remember a preflight's answer. Chromium remembers none for longer.
_PREFLIGHT_LIVES = 7200


def headers(origin: str | None) -> dict[str, str]:
    """The CORS headers of an answer to a page of this origin; None if the request names no origin."""
    allowed = settings().cors_origins
    if len(allowed) > 1:
        # The answer depends on the origin. `Vary` keeps caches from giving one page's answer to another page.
        vary = {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, **_EXPOSED, **vary} if origin in allowed and origin else vary
    return {"Access-Control-Allow-Origin": allowed[0], **_EXPOSED}


class _Preflights(CORSConfig):
    """Chalice's configuration, with one more header: API Gateway's own answers do not pass the function."""

    @cached_property
    def _made(self) -> dict[str, str]:
        return super().get_access_control_headers() | {"X-Content-Type-Options": "nosniff"}

    def get_access_control_headers(self) -> dict[str, str]:
        """The same for each answer, so that Chalice does not make them anew for each."""
        return {**self._made}


def gateway_preflights() -> CORSConfig | None:
    """How API Gateway itself answers preflights, so that no function is started; None if there are several origins."""
    origins = settings().cors_origins
    if len(origins) > 1:
        return None
    return _Preflights(origins[0], [*_ALLOWED_HEADERS], max_age=_PREFLIGHT_LIVES)


def mount_preflights(app: Chalice) -> None:
    """Mounts OPTIONS on every path. API Gateway's own answer can name one origin only, so several are answered here."""

    def preflight(**_: str) -> Response:
        request: Any = app.current_request
        methods = [method for method in METHODS if method in app.routes[request.context["resourcePath"]]]
        answer: dict[str, str | list[str]] = {
            "Access-Control-Allow-Methods": ",".join([*methods, "OPTIONS"]),
            "Access-Control-Allow-Headers": ",".join(_ALLOWED_HEADERS),
            "Access-Control-Max-Age": str(_PREFLIGHT_LIVES),
        }
        return Response("", status_code=204, headers=answer)

    for path in list(app.routes):
        app.route(path, methods=["OPTIONS"], content_types=["*/*"], name="preflight")(preflight)
