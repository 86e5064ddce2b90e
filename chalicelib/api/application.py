"""The Chalice app with what Chalice lacks: problem documents for its own errors, and answers for unknown routes."""

from __future__ import annotations

from typing import Any

from chalice import Chalice, CORSConfig, Response

from chalicelib.api import errors, files, health, tokens, uppy
from chalicelib.api.errors import Problem
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
            answer["headers"] |= _cors().get_access_control_headers()
        headers = answer.setdefault("headers", {})
        headers.setdefault("Cache-Control", "no-store")
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


def _cors() -> CORSConfig:
    return CORSConfig(
        allow_origin=settings().cors_origin,
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"],
        expose_headers=["ETag", "Location", "Retry-After", "X-Request-Id"],
        max_age=600,
    )


def create() -> Application:
    """The app with the HTTP API on it. Logs go through Powertools: one JSON line each, Chalice's own included."""
    app = Application(app_name=SERVICE, configure_logs=False)
    app.api.cors = _cors()
    app.register_blueprint(files.routes)
    app.register_blueprint(tokens.routes)
    app.register_blueprint(uppy.routes)
    app.register_blueprint(health.routes)
    _mount_fallbacks(app)
    return app


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
