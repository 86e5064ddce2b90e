"""API Gateway's rules for calls on WebSocket connections, by its documentation."""

from __future__ import annotations

from collections.abc import Iterator

from tests.strict.rules import Request, rule

SERVICE = "apigatewaymanagementapi"
QUOTAS = "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"

MESSAGE = 128 * 1024  # bytes; API Gateway sends more than 32 KB in several frames


@rule(SERVICE, "a message has 1 byte to 128 KB", "PostToConnection", source=QUOTAS)
def _sizes(request: Request) -> Iterator[str]:
    data = request.params["Data"]
    size = len(data.encode() if isinstance(data, str) else data)
    if not 0 < size <= MESSAGE:
        yield f"it has {size} bytes"


@rule(SERVICE, "a connection has an id", source=QUOTAS)
def _ids(request: Request) -> Iterator[str]:
    if not request.params.get("ConnectionId"):
        yield "the id is empty"
