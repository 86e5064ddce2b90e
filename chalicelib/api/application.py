"""The Chalice app with what Chalice lacks: problem documents for its own errors, and answers for unknown routes."""

from __future__ import annotations

from typing import Any

from chalice import Chalice, CORSConfig, Response

from chalicelib.api import errors
from chalicelib.api.errors import Problem
from chalicelib.api.routes import access, edits, files, finding, health, parts, reference, render, tokens, uppy
from chalicelib.api.routing import respond
from chalicelib.observability import SERVICE, begin, logger
from chalicelib.settings import settings

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# Chalice's own refusals that can reach a client, by status.
_CHALICE_PROBLEMS = {
    405: Problem("method_not_allowed", "This address does not answer that method."),
    415: Problem("unsupported_media_type", "The body must be JSON: send `Content-Type: application/json`."),
}


class Application(Chalice):
    def __call__(self, event: Any, context: Any) -> Any:
        request_context = event.get("requestContext") or {}
        request_id = str(request_context.get("requestId", ""))
        begin(request_id=request_id, correlation_id=request_id)
        answer: dict[str, Any] = super().__call__(event, context)
        status = answer["statusCode"]
        if status >= 400 and "application/problem+json" not in str(answer.get("headers", {}).get("Content-Type")):
            problem = _CHALICE_PROBLEMS.get(status) or Problem("internal", "Something went wrong on our side.")
            answer = errors.response(problem, request_id).to_dict(self.api.binary_types)
        headers = answer.setdefault("headers", {})
        for name, value in _headers(_origin(event)).items():
            headers.setdefault(name, value)
        headers["X-Request-Id"] = request_id
        logger.info(
            "request",
            extra={
                "method": request_context.get("httpMethod"),
                "route": request_context.get("resourcePath"),
                "status": answer["statusCode"],
            },
        )
        return answer


def _origin(event: Any) -> str | None:
    """The page's origin that a browser names; header names come as the client wrote them."""
    return next((value for name, value in (event.get("headers") or {}).items() if name.lower() == "origin"), None)


def _headers(origin: str | None) -> dict[str, str]:
    """What every answer says unless it says otherwise itself: it is nobody else's to keep, and who may read it."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if settings().rate_limit:
        headers["RateLimit-Policy"] = f'"stage";q={settings().rate_limit};w=1'
    return headers | _cors(origin)


def _cors(origin: str | None) -> dict[str, str]:
    allowed = settings().cors_origins
    if len(allowed) > 1:
        # The answer depends on who asks, so that no cache may give one page's answer to another.
        vary = {"Vary": "Origin"}
        return {"Access-Control-Allow-Origin": origin, **_EXPOSED, **vary} if origin in allowed and origin else vary
    return {"Access-Control-Allow-Origin": allowed[0], **_EXPOSED}


_ALLOWED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")
_EXPOSED = {
    "Access-Control-Expose-Headers": ",".join(
        ("ETag", "Idempotency-Replayed", "Location", "RateLimit-Policy", "Retry-After", "X-Request-Id")
    )
}
# Seconds that a browser may skip asking; Chromium keeps it for no longer than this.
_PREFLIGHT_LIVES = 7200


def create() -> Application:
    """The app with the HTTP API on it. Logs go through Powertools: one JSON line each, Chalice's own included."""
    app = Application(app_name=SERVICE, configure_logs=False)
    origins = settings().cors_origins
    if len(origins) == 1:
        # API Gateway answers preflights by itself, always the same: no function is woken.
        app.api.cors = CORSConfig(origins[0], [*_ALLOWED_HEADERS], max_age=_PREFLIGHT_LIVES)
    for resource in (files, parts, finding, edits, access, tokens, uppy, health, reference, render):
        app.register_blueprint(resource.routes)
    app.api.binary_types += render.BINARY_TYPES
    _mount_fallbacks(app)
    if len(origins) > 1:
        _mount_preflights(app)
    return app


def _mount_preflights(app: Application) -> None:
    """API Gateway's own answer names one origin only, so with several a preflight comes here."""

    def preflight(**_: str) -> Response:
        request: Any = app.current_request
        methods = [method for method in METHODS if method in app.routes[request.context["resourcePath"]]]
        headers: dict[str, str | list[str]] = {
            "Access-Control-Allow-Methods": ",".join([*methods, "OPTIONS"]),
            "Access-Control-Allow-Headers": ",".join(_ALLOWED_HEADERS),
            "Access-Control-Max-Age": str(_PREFLIGHT_LIVES),
        }
        return Response("", status_code=204, headers=headers)

    for path in list(app.routes):
        app.route(path, methods=["OPTIONS"], content_types=["*/*"], name="preflight")(preflight)


def _mount_fallbacks(app: Application) -> None:
    """API Gateway answers what it has no method for with 403 "Missing Authentication Token"; we say what is so."""

    def method_not_allowed(**_: str) -> Response:
        request: Any = app.current_request
        allowed = ", ".join(sorted(m for m in METHODS if app.routes[request.context["resourcePath"]][m] in real))

        def refuse(request_id: str) -> Response:
            detail = f"This address answers {allowed} only."
            return errors.response(Problem("method_not_allowed", detail, headers={"Allow": allowed}), request_id)

        return respond(request, refuse)

    def unknown_route(**_: str) -> Response:
        return respond(
            app.current_request,
            lambda request_id: errors.response(
                Problem("unknown_route", "There is nothing at this address."), request_id
            ),
        )

    real = [entry for methods in app.routes.values() for entry in methods.values()]
    for path in list(app.routes):
        missing = [method for method in METHODS if method not in app.routes[path]]
        app.route(path, methods=missing, content_types=["*/*"], name="method_not_allowed")(method_not_allowed)
    for path in ("/", "/{proxy+}"):
        app.route(path, methods=list(METHODS), content_types=["*/*"], name="unknown_route")(unknown_route)
