"""The Chalice app, with what Chalice lacks: problem documents for its own errors, and answers for unknown addresses."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from chalice import Chalice, Response

from chalicelib.api import cors, errors, pages, quotas
from chalicelib.api.addresses import address_of
from chalicelib.api.errors import Problem
from chalicelib.api.routes import (
    access,
    api_keys,
    audit,
    captions,
    creation,
    deletion,
    edits,
    entries,
    finding,
    health,
    holds,
    me,
    parts,
    reading,
    reference,
    render,
    reprocessing,
    shared,
    shares,
    socket_tickets,
    tenants,
    tokens,
    usage,
    webhook_deliveries,
    webhooks,
)
from chalicelib.api.routes.uppy import begun, companion, presign, session
from chalicelib.api.routing import ANSWERED, OPERATIONS, respond
from chalicelib.catalog import actors
from chalicelib.catalog.actors import Origin
from chalicelib.observability import SERVICE, begin, logger

RESOURCES = (
    creation,
    reading,
    parts,
    finding,
    edits,
    reprocessing,
    captions,
    deletion,
    holds,
    access,
    shares,
    shared,
    entries,
    tokens,
    api_keys,
    tenants,
    audit,
    usage,
    me,
    webhooks,
    webhook_deliveries,
    socket_tickets,
    companion,
    presign,
    begun,
    session,
    health,
    reference,
    render,
)

# Refusals of Chalice's own that can reach a client, by status.
_CHALICE_PROBLEMS = {
    405: Problem("method_not_allowed", "This address does not answer that method."),
    415: Problem("unsupported_media_type", "The body must be JSON: send `Content-Type: application/json`."),
}


class Application(Chalice):
    def __call__(self, event: Any, context: Any) -> Any:
        request_context = event.get("requestContext") or {}
        request_id = str(request_context.get("requestId", ""))
        begin(request_id=request_id, correlation_id=request_id)
        actors.system("api")
        quotas.begin()
        actors.come_from(Origin(_address(event), request_id))
        answer: dict[str, Any] = super().__call__(event, context)
        status = answer["statusCode"]
        if status >= 400 and not _is_ours(str(answer.get("headers", {}).get("Content-Type"))):
            problem = _CHALICE_PROBLEMS.get(status) or Problem("internal", "Something went wrong on our side.")
            answer = errors.response(problem, request_id).to_dict(self.api.binary_types)
        headers = answer.setdefault("headers", {})
        for name, value in _common_headers(_origin(event)).items():
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


def _is_ours(content_type: str) -> bool:
    """True for a refusal that a view made: a problem document, or a page for a person. Chalice's own are JSON."""
    return content_type.startswith(("application/problem+json", "text/html"))


def _address(event: Any) -> str | None:
    """The network address that a change comes from. Reads change nothing, so nobody asks for theirs.

    It is cut to as much of it as the stage keeps.
    """
    context = event.get("requestContext") or {}
    if context.get("httpMethod") in ("GET", "HEAD"):
        return None
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        return actors.address(address_of(context, headers))
    except (ClientError, BotoCoreError):
        logger.exception("the front door's secret cannot be read")
        return None


def _origin(event: Any) -> str | None:
    """The page's origin that the browser names. Header names are spelled as the client wrote them."""
    return next((value for name, value in (event.get("headers") or {}).items() if name.lower() == "origin"), None)


def _common_headers(origin: str | None) -> dict[str, str]:
    """The headers of every answer that does not set them itself: no cache may keep it, and which pages may read it."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return {**headers, **quotas.headers(), **cors.headers(origin)}


def create() -> Application:
    """The app with the HTTP API on it. Powertools writes the logs: one JSON line each, Chalice's own included."""
    app = Application(app_name=SERVICE, configure_logs=False)
    preflights = cors.gateway_preflights()
    if preflights:
        app.api.cors = preflights
    for resource in RESOURCES:
        app.register_blueprint(resource.routes)
    app.api.binary_types += render.BINARY_TYPES
    _mount_fallbacks(app)
    if preflights is None:
        cors.mount_preflights(app)
    return app


def _mount_fallbacks(app: Application) -> None:
    """Mounts answers for all other methods and paths: 405 and 404.

    Without them API Gateway would answer 403 "Missing Authentication Token", which says nothing of the reason.
    """

    def method_not_allowed(**_: str) -> Response:
        request: Any = app.current_request
        allowed = ", ".join(sorted(m for m in ANSWERED if app.routes[request.context["resourcePath"]][m] in real))

        def refuse(request_id: str) -> Response:
            detail = f"This address answers {allowed} only."
            return errors.response(Problem("method_not_allowed", detail, headers={"Allow": allowed}), request_id)

        return respond(request, refuse)

    def unknown_route(**_: str) -> Response:
        request: Any = app.current_request
        if request.method == "GET" and pages.wants_page(request.headers.get("accept")):
            return Response(pages.WRONG_PATH, status_code=404, headers={**pages.HEADERS})
        problem = Problem("unknown_route", "There is nothing at this address.")
        return respond(request, lambda request_id: errors.response(problem, request_id))

    public = {operation.path for operation in OPERATIONS}
    real = [entry for methods in app.routes.values() for entry in methods.values()]
    for path in list(app.routes):
        missing = [method for method in ANSWERED if method not in app.routes[path]]
        # An address that the document does not name is no more told of by a wrong method than by a wrong name.
        refuse, name = (
            (method_not_allowed, "method_not_allowed") if path in public else (unknown_route, "unknown_route")
        )
        app.route(path, methods=missing, content_types=["*/*"], name=name)(refuse)
    for path in ("/", "/{proxy+}"):
        app.route(path, methods=list(ANSWERED), content_types=["*/*"], name="unknown_route")(unknown_route)
