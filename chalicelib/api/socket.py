"""The socket's three routes: a client connects, sends messages, and leaves."""

from __future__ import annotations

from typing import Any

OK: dict[str, Any] = {"statusCode": 200}


def connect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Opens a socket, if the credential that comes with it is good."""
    return OK


def message(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Reads one message of a client, and answers on the socket."""
    return OK


def disconnect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Forgets a socket that was closed."""
    return OK
