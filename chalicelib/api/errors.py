"""Errors as clients see them: RFC 9457 problem documents with a stable code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chalice import Response

# Code → status. Clients branch on the codes, so never rename one. docs/api.md says what each means, and the OpenAPI
# document copies it from there.
PROBLEMS: dict[str, HTTPStatus] = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "invalid_json": HTTPStatus.BAD_REQUEST,
    "invalid_cursor": HTTPStatus.BAD_REQUEST,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "token_expired": HTTPStatus.UNAUTHORIZED,
    "key_expired": HTTPStatus.UNAUTHORIZED,
    "missing_scope": HTTPStatus.FORBIDDEN,
    "network_not_allowed": HTTPStatus.FORBIDDEN,
    "tenant_suspended": HTTPStatus.FORBIDDEN,
    "exceeds_own_rights": HTTPStatus.FORBIDDEN,
    "token_spent": HTTPStatus.FORBIDDEN,
    "type_not_allowed": HTTPStatus.FORBIDDEN,
    "too_large_for_token": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "unknown_route": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "already_uploaded": HTTPStatus.CONFLICT,
    "not_multipart": HTTPStatus.CONFLICT,
    "file_processing": HTTPStatus.CONFLICT,
    "file_changing": HTTPStatus.CONFLICT,
    "not_uploaded": HTTPStatus.CONFLICT,
    "original_missing": HTTPStatus.CONFLICT,
    "infected": HTTPStatus.CONFLICT,
    "legal_hold": HTTPStatus.CONFLICT,
    "not_scanned": HTTPStatus.CONFLICT,
    "not_deleted": HTTPStatus.CONFLICT,
    "too_many_webhooks": HTTPStatus.CONFLICT,
    "too_many_secrets": HTTPStatus.CONFLICT,
    "too_many_keys": HTTPStatus.CONFLICT,
    "webhook_disabled": HTTPStatus.CONFLICT,
    "no_entries": HTTPStatus.CONFLICT,
    "no_captions": HTTPStatus.CONFLICT,
    "too_many_captions": HTTPStatus.CONFLICT,
    "too_many_shares": HTTPStatus.CONFLICT,
    "upload_expired": HTTPStatus.GONE,
    "precondition_failed": HTTPStatus.PRECONDITION_FAILED,
    "payload_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "invalid_field": HTTPStatus.UNPROCESSABLE_ENTITY,
    "conflicting_parameters": HTTPStatus.UNPROCESSABLE_ENTITY,
    "part_out_of_range": HTTPStatus.UNPROCESSABLE_ENTITY,
    "part_missing": HTTPStatus.UNPROCESSABLE_ENTITY,
    "part_order": HTTPStatus.UNPROCESSABLE_ENTITY,
    "part_too_small": HTTPStatus.UNPROCESSABLE_ENTITY,
    "etag_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "size_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "source_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "url_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "idempotency_key_reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "quota_exceeded": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
}
# Statuses that a code can have besides.
MORE_STATUSES: dict[str, HTTPStatus] = {"quota_exceeded": HTTPStatus.FORBIDDEN}
# API Gateway answers with these in the function's place (ops/stack/gateway.py). No view raises them.
GATEWAY_PROBLEMS = ("bad_request", "payload_too_large", "too_many_requests", "timeout")


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An error that becomes the answer. It may be raised anywhere below a route.

    `detail` is a sentence for a person. `field` names the wrong field or parameter, dotted if it is nested. `status` is
    the code's own, if it is None. `more` are fields of the document that only this code has.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        status: HTTPStatus | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = headers or {}
        self.more = more or {}
        self._status = status

    @property
    def status(self) -> HTTPStatus:
        return self._status or PROBLEMS[self.code]


def response(problem: Problem, request_id: str) -> Response:
    """The problem document."""
    status = problem.status
    body = {
        "type": f"urn:filemill:problem:{problem.code}",
        "title": status.phrase,
        "status": int(status),
        "code": problem.code,
        "detail": problem.detail,
        **({"field": problem.field} if problem.field else {}),
        **problem.more,
        "request_id": request_id,
    }
    headers: dict[str, str | list[str]] = {"Content-Type": "application/problem+json", **problem.headers}
    return Response(json.dumps(body), status_code=int(status), headers=headers)
