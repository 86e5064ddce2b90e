"""The app, called as API Gateway calls it."""

from __future__ import annotations

import json
import re
import uuid
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from ops.local import api_headers
from tests.stage import lambda_context


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str
    base64: bool = False

    @property
    def content(self) -> bytes:
        return b64decode(self.text) if self.base64 else self.text.encode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """Calls the app with the events that API Gateway's proxy integration sends (REST, payload 1.0)."""

    def __init__(self, key: str | None) -> None:
        self.key = key

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str | list[str]] | None = None,
        headers: dict[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> Answer:
        import app

        path, _, text = path.partition("?")
        resource, parameters = resource_of(app.app.routes, path)
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        sent |= headers or {}
        several = parse_qs(text, keep_blank_values=True)
        several |= {name: [value] if isinstance(value, str) else value for name, value in (query or {}).items()}
        request_id = str(uuid.uuid4())
        event = {
            "httpMethod": method,
            "resource": resource,
            "path": path,
            "headers": sent,
            "multiValueHeaders": {k: [v] for k, v in sent.items()},
            "queryStringParameters": {k: v[-1] for k, v in several.items()} or None,
            "multiValueQueryStringParameters": several or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": {
                "httpMethod": method,
                "resourcePath": resource,
                "path": f"/api{path}",
                "requestId": request_id,
                "identity": {"sourceIp": address},
            },
            "body": body if body is None or isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = app.app(event, lambda_context())
        assert not api_headers.lost(answer["headers"]), "API Gateway does not hand these headers on"
        return Answer(answer["statusCode"], answer["headers"], answer["body"], answer.get("isBase64Encoded", False))


def resource_of(routes: dict[str, Any], path: str) -> tuple[str, dict[str, str]]:
    """The route that API Gateway finds for a path, and the path's parameters."""
    for resource in sorted(routes, key=lambda r: (r.count("{"), r)):
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", resource) if "+" not in resource else None
        if pattern and (match := re.fullmatch(pattern, path)):
            return resource, match.groupdict()
    return "/{proxy+}", {"proxy": path.lstrip("/")}


def new_client(tenant: str, *scopes: str) -> Client:
    """A client with a new key. Its use of this hour counts as noted, so that its first request costs as others."""
    from chalicelib.api.auth import last_use
    from chalicelib.catalog.tenant_keys import hour_of
    from chalicelib.model import now
    from ops.keys import SCOPES, create

    key, secret = create(tenant, "test", scopes or SCOPES)
    last_use._noted[key.id] = hour_of(now())
    return Client(secret)


# --- One file's routes; headers are written as If_Match="…"


def get(client: Client, file_id: str, **headers: str) -> Answer:
    return client("GET", f"/v1/files/{file_id}", headers=_named(headers))


def patch(client: Client, file_id: str, body: Any, **headers: str) -> Answer:
    return client("PATCH", f"/v1/files/{file_id}", body, headers=_named(headers))


def delete(client: Client, file_id: str, **headers: str) -> Answer:
    return client("DELETE", f"/v1/files/{file_id}", headers=_named(headers))


def post(client: Client, file_id: str, action: str, body: Any = None, **headers: str) -> Answer:
    """`action` is the last part of the path, such as `reprocess`."""
    return client("POST", f"/v1/files/{file_id}/{action}", body, headers=_named(headers))


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
