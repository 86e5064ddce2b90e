"""How routes are mounted: behind authentication and validation, and with problem documents for all errors."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from chalice import Blueprint, Response
from pydantic import BaseModel

from chalicelib import aws
from chalicelib.api import errors, parsing, quotas
from chalicelib.api.addresses import address_of
from chalicelib.api.auth import last_use
from chalicelib.api.auth.admission import admit
from chalicelib.api.auth.callers import COOKIE, Caller, Scope, authenticate, require
from chalicelib.api.errors import Problem
from chalicelib.api.parsing import Body, Query
from chalicelib.catalog import actors
from chalicelib.observability import append, logger
from chalicelib.text import has_controls


@dataclass(frozen=True)
class Operation:
    """The contract of a route. The OpenAPI document is made from it, and from the view's docstring.

    `returns` has a model for each status that is no error; None if the answer has no body. `problems` are codes of
    errors.py. Those that every route with such a scope, body, query or path can answer are left out. `headers` are
    those that the route reads (`Idempotency-Key`, `If-Match`, `If-None-Match`) or answers (`ETag`, `Location` …).
    `anybody` says that any credential will do. Without it and without a scope, none is needed.
    """

    method: str
    path: str
    view: Callable[..., Response]
    scope: Scope | None
    tokens: bool
    cookies: bool
    body: type[Body] | None
    query: type[Query] | None
    returns: Mapping[int, type[BaseModel] | None]
    problems: tuple[str, ...]
    headers: tuple[str, ...] = ()
    own: bool = False
    anybody: bool = False

    @property
    def guarded(self) -> bool:
        """True if the route needs a credential."""
        return self.scope is not None or self.anybody


OPERATIONS: list[Operation] = []
"""Every route that is mounted, in the order in which the modules are imported."""

# The methods that an address may answer. All others are API Gateway's to refuse.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# The methods that every address answers, if only with 405. API Gateway itself answers all others. It may read the
# Authorization header of such a request as an AWS signature, and then answer 400 or 403, not 405. HEAD is too common
# for that.
ANSWERED = (*METHODS, "HEAD")

# Characters. Ids are shorter, both ours and S3's.
MAX_PATH_PARAMETER = 1024


@dataclass(frozen=True)
class Call:
    """One authenticated request."""

    request: Any
    request_id: str
    caller: Caller

    @property
    def tenant(self) -> str:
        """The caller's tenant. Operators have none, and no view for tenants is ever called for one."""
        assert not self.caller.is_operator
        return self.caller.tenant


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def as_json(value: Any) -> str:
    """Compact JSON."""
    return _encoder.encode(value)


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer with compact JSON."""
    return text_response(as_json(body), status, headers)


def text_response(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer with JSON that is text already."""
    return Response(text, status_code=status, headers={"Content-Type": "application/json", **(headers or {})})


def route(
    blueprint: Blueprint,
    method: str,
    path: str,
    *,
    scope: Scope | None,
    tokens: bool = False,
    own: bool = False,
    cookies: bool = False,
    body: type[Body] | None = None,
    query: type[Query] | None = None,
    returns: Mapping[int, type[BaseModel] | None] | None = None,
    problems: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    signed: Callable[[Any], Caller | None] | None = None,
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Mounts `view(call, [query,] [body,] **path parameters)` behind authentication and validation.

    `scope` is None if any credential will do, an operator's as well; then the view must show nothing of a tenant's that
    is not the caller's own. With `tokens`, upload tokens may call it, too: then the view must find files with
    `ownership.own_file`. With `own`, callers with `files:own` may call it, too: then the view must show and change
    nothing but their own files (`ownership.own_file`, `Caller.only_own`). With `cookies`, the token may come in a
    cookie. With `signed`, an address that we signed may stand in for a credential: it gives the caller of such a
    request, and None for any other. Such a request may have any content type, since we do not choose it.
    """

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def guarded(**path_parameters: str) -> Response:
            request = blueprint.current_request

            def answer(request_id: str) -> Response:
                authorization = request.headers.get("authorization")
                caller = signed(request) if signed and not authorization else None
                if caller is None:
                    caller = authenticate(authorization, _cookie(request.headers) if cookies else None)
                append(tenant=caller.tenant, key_id=caller.key_id)
                actors.act_as(caller.actor)
                admit(caller, lambda: address_of(request.context, request.headers))
                if not caller.is_operator:
                    quotas.count_request(caller.tenant)
                try:
                    if scope is not None:
                        require(caller, scope, tokens=tokens, own=own)
                    _check_path(path_parameters)
                    call = Call(request, request_id, caller)
                    parsed: list[Any] = []
                    if query is not None:
                        parsed.append(parsing.parse_query(query, _parameters(request)))
                    if body is not None:
                        parsed.append(parsing.parse(body, raw_body(request)))
                    return view(call, *parsed, **path_parameters)
                finally:
                    last_use.note(caller)

            return respond(request, answer)

        anybody = scope is None
        operation = Operation(
            method,
            path,
            view,
            scope,
            tokens=tokens or anybody,
            cookies=cookies,
            body=body,
            query=query,
            returns=returns or {},
            problems=problems,
            headers=headers,
            own=own or anybody,
            anybody=anybody,
        )
        OPERATIONS.append(operation)
        more = {"content_types": ["*/*"]} if signed else {}
        mounted: Callable[..., Response] = blueprint.route(path, methods=[method], name=view.__name__, **more)(guarded)
        return mounted

    return decorate


def public_route(
    blueprint: Blueprint,
    method: str,
    path: str,
    *,
    returns: Mapping[int, type[BaseModel] | None] | None = None,
    problems: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Mounts `view(request, **path parameters)` for anyone. Routes that need a credential are mounted with `route`."""

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @functools.wraps(view)
        def answered(**path_parameters: str) -> Response:
            request = blueprint.current_request
            return respond(request, lambda _: view(request, **path_parameters))

        OPERATIONS.append(
            Operation(method, path, view, None, False, False, None, None, returns or {}, problems, headers)
        )
        mounted: Callable[..., Response] = blueprint.route(
            path, methods=[method], name=view.__name__, content_types=["*/*"]
        )(answered)
        return mounted

    return decorate


def _check_path(parameters: Mapping[str, str]) -> None:
    """Raises Problem `not_found`: nothing has a name that is so long, or that has control characters."""
    if any(len(value) > MAX_PATH_PARAMETER or has_controls(value) for value in parameters.values()):
        raise Problem("not_found", "There is nothing of this name.")


def _cookie(headers: Mapping[str, str]) -> str | None:
    # With SameSite=Strict alone, pages of sibling domains could still use the cookie. Browsers tell which page asks.
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return None
    sent = (cookie.partition("=") for cookie in headers.get("cookie", "").split(";"))
    return next((value.strip() for name, _, value in sent if name.strip() == COOKIE), None)


def _parameters(request: Any) -> dict[str, list[str]]:
    sent = request.query_params
    return {name: sent.getlist(name) for name in sent} if sent else {}


def raw_body(request: Any) -> bytes:
    """The bytes of a request's body. Half a surrogate pair, which Chalice refuses, gives bytes that are no UTF-8."""
    try:
        body: bytes | str = request.raw_body or b""
    except UnicodeEncodeError as error:
        body = error.object
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body


def respond(request: Any, answer: Callable[[str], Response]) -> Response:
    """Calls `answer(request id)`. Everything that it raises becomes a problem document."""
    request_id = str(request.context.get("requestId", ""))
    try:
        return answer(request_id)
    except Problem as problem:
        return errors.response(problem, request_id)
    except (ClientError, BotoCoreError) as error:
        logger.exception("an AWS call failed")
        if aws.is_busy(error):
            busy = Problem("unavailable", "The service is busy; try again.", headers={"Retry-After": "2"})
            return errors.response(busy, request_id)
        return errors.response(_INTERNAL, request_id)
    except Exception:
        logger.exception("unhandled error")
        return errors.response(_INTERNAL, request_id)


_INTERNAL = Problem("internal", "Something went wrong on our side. The request id finds it in the logs.")
