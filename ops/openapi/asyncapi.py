"""The AsyncAPI 3.0 document: the socket and the webhooks, from the models of envelopes and of the socket's messages.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from chalicelib.api.envelopes import EVENTS
from chalicelib.api.socket_answers import SENT
from chalicelib.api.socket_messages import ACTIONS
from ops.openapi.event_examples import MESSAGES, event
from ops.openapi.schemas import REF, Named, Schema, schemas_of
from ops.openapi.texts import INFO
from ops.openapi.webhooks import ANSWERS, HEADERS

INTRODUCTION = (
    "Changes of files, as they happen. Every event has the same CloudEvents 1.0 envelope on the socket, in webhooks "
    "and on the stage's EventBridge bus. It comes at least once, and each time with the same `id`. New fields, types "
    "of events and messages may come at any time: ignore those that you do not know."
)

SECURITY: dict[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A program sends `Authorization: Bearer …` with an API key or a sign-in token that has the "
        "scope `events:read`, or with an upload token.",
    },
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": "A browser can set no headers. It offers two subprotocols instead: `filemill.v1`, and `bearer.` "
        "with the credential behind it. The server chooses `filemill.v1`. A page should hold no API key: give it a "
        "ticket of `POST /v1/socket-tickets`, which opens one socket within a minute, or an upload token.",
    },
}

# Operation of the socket → (receive or send, its messages, the answers to them, what happens).
_SOCKET: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], str]] = {
    "subscribe": (
        "receive",
        ("subscribe",),
        ("subscribed", "error"),
        "The client asks for changes: of all files, of those that an upload token brings, or of some. With a cursor it "
        "first gets everything that has changed since; of named files it first gets their present state.",
    ),
    "unsubscribe": ("receive", ("unsubscribe",), ("unsubscribed", "error"), "The client wants to hear no more of it."),
    "ping": ("receive", ("ping",), ("pong", "error"), "The client keeps the socket open, and sees that it works."),
    "tell": (
        "send",
        ("change", "changes"),
        (),
        "The client hears of changes. It keeps the cursor of the last message that it has handled.",
    ),
    "refuse": ("send", ("error",), (), "A message of the client was not understood, or is not allowed."),
}


def document(version: str) -> Schema:
    """The AsyncAPI document. `version` is Filemill's own."""
    sent: list[type[BaseModel]] = [*SENT.values(), *EVENTS.values()]
    names, schemas = schemas_of(
        [*((model, "validation") for model in ACTIONS.values()), *((model, "serialization") for model in sent)]
    )
    licence = {"name": INFO["license"]["name"], "url": "https://www.apache.org/licenses/LICENSE-2.0"}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:filemill:events",
        "info": {"title": "Filemill events", "version": version, "description": INTRODUCTION, "license": licence},
        "defaultContentType": "application/json",
        "servers": servers("filemill.example.com"),
        "channels": {"socket": _socket(), "webhook": _webhook()},
        "operations": {**_socket_operations(), "deliver": _deliver()},
        "components": {
            "schemas": {name: _draft_7(schema) for name, schema in schemas.items()},
            "messages": {**_socket_messages(names), **_events(names)},
            "securitySchemes": SECURITY,
        },
    }


def servers(host: str, protocol: str = "wss") -> Schema:
    """The front door, which takes sockets, and the receivers of webhooks."""
    return {
        "frontDoor": {
            "host": host,
            "protocol": protocol,
            "description": "The front door",
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY],
        },
        "receiver": {
            "host": "{host}",
            "protocol": "https",
            "description": "Your server. Its address is the webhook's `url`.",
            "variables": {"host": {"description": "The host of the webhook's `url`"}},
        },
    }


def _socket() -> Schema:
    subprotocols = {
        "type": "string",
        "description": "`filemill.v1`, and for a browser `bearer.` with its credential: `filemill.v1, bearer.fmu_…`",
    }
    headers = {"type": "object", "properties": {"Sec-WebSocket-Protocol": subprotocols}}
    return {
        "address": "/ws",
        "title": "The socket",
        "description": "The feed of changes, pushed. A client that comes back with its cursor misses no file's newest "
        "state. A message has at most 32 KB. A socket is closed after two hours, after ten minutes of silence, and "
        "within a minute after its credential has ended: connect again, and subscribe with the newest cursor.",
        "servers": [{"$ref": "#/servers/frontDoor"}],
        "messages": {name: _message(name) for name in (*ACTIONS, *SENT)},
        "bindings": {"ws": {"method": "GET", "headers": headers, "bindingVersion": "0.1.0"}},
    }


def _webhook() -> Schema:
    return {
        "address": None,
        "title": "A webhook",
        "description": "An HTTP POST for each event that the webhook wants, signed as Standard Webhooks says. `POST "
        "/v1/webhooks` sets a webhook up and shows its secret. The order of events is not promised: drop an event "
        "whose `data.file.revision` is lower than the one that you know.",
        "servers": [{"$ref": "#/servers/receiver"}],
        "messages": {kind: _message(kind) for kind in EVENTS},
    }


def _socket_operations() -> Schema:
    made: Schema = {}
    for name, (action, messages, answers, summary) in _SOCKET.items():
        made[name] = {
            "action": action,
            "channel": {"$ref": "#/channels/socket"},
            "summary": summary,
            "messages": [_on("socket", each) for each in messages],
        }
        if answers:
            replies = [_on("socket", each) for each in answers]
            made[name]["reply"] = {"channel": {"$ref": "#/channels/socket"}, "messages": replies}
    return made


def _deliver() -> Schema:
    answers = "\n".join(f"- {status}: {meaning}" for status, meaning in ANSWERS.items())
    return {
        "action": "send",
        "channel": {"$ref": "#/channels/webhook"},
        "summary": "Your server hears of an event.",
        "description": f"The receiver's answers:\n\n{answers}",
        "messages": [_on("webhook", kind) for kind in EVENTS],
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
    }


def _message(name: str) -> Schema:
    return {"$ref": f"#/components/messages/{name}"}


def _on(channel: str, message: str) -> Schema:
    return {"$ref": f"#/channels/{channel}/messages/{message}"}


def _socket_messages(names: Named) -> Schema:
    schemas = {name: names[model, "validation"] for name, model in ACTIONS.items()}
    schemas |= {name: names[model, "serialization"] for name, model in SENT.items()}
    made: Schema = {}
    for name, model in {**ACTIONS, **SENT}.items():
        examples = [{"summary": title, "payload": value} for title, value in MESSAGES[name].items()]
        made[name] = _described(name, model, schemas[name]) | {"examples": examples}
    return made


def _events(names: Named) -> Schema:
    headers = {"type": "object", "properties": HEADERS, "required": [*HEADERS]}
    made: Schema = {}
    for kind, model in EVENTS.items():
        described = _described(kind, model, names[model, "serialization"])
        made[kind] = described | {"headers": headers, "examples": [{"payload": event(kind)}]}
    return made


def _described(name: str, model: type[BaseModel], schema: str) -> Schema:
    summary = " ".join((model.__doc__ or "").split())
    return {"name": name, "title": name, "summary": summary, "payload": {"$ref": REF.format(model=schema)}}


def _draft_7(node: Any) -> Any:
    """A schema as AsyncAPI 3.0 takes it. Its `discriminator` is the property's name alone, unlike OpenAPI's."""
    if isinstance(node, list):
        return [_draft_7(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _draft_7(value) for name, value in node.items()}
    if isinstance(made.get("discriminator"), dict):
        made["discriminator"] = made["discriminator"]["propertyName"]
    return made
