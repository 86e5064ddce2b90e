"""The requests that a webhook's receiver gets, and its answers.

They stand in the section `webhooks` of OpenAPI and in the AsyncAPI document.
"""

from __future__ import annotations

from chalicelib.api.envelopes import EVENTS
from chalicelib.events.receiver import RETRIES
from chalicelib.outbound.post import SECONDS
from ops.openapi.event_examples import event
from ops.openapi.schemas import REF, Named, Schema

TAG = "Webhooks"

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
HEADERS: dict[str, Schema] = {
    "webhook-id": {
        "type": "string",
        "description": "The id of the event, the same with each try. Drop an event whose id you have seen.",
    },
    "webhook-timestamp": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "The time of this try, in seconds since 1970. Refuse a request that is older than five minutes.",
    },
    "webhook-signature": {
        "type": "string",
        "pattern": r"^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$",
        "description": "`v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with "
        "the webhook's secret. While a secret is rotated there are several signatures, with a space between them: "
        "one of them must be right.",
    },
}


def pauses() -> str:
    """The pauses before retries, in words: `5 s, 1 m, … and 24 h`."""
    units = (("h", 3600), ("m", 60), ("s", 1))
    said = [next(f"{pause // size} {unit}" for unit, size in units if pause >= size) for pause in RETRIES]
    return f"{', '.join(said[:-1])} and {said[-1]}"


# Status of the receiver's answer → its meaning to us.
ANSWERS = {
    "2XX": f"The event was received. Answer within {SECONDS:.0f} seconds, and do the work afterwards.",
    "410": "Nobody wants these events any more: the webhook is disabled at once.",
    "default": f"The event was not received, and is sent again after {pauses()}. Redirects are not followed.",
}


def webhooks(names: Named) -> Schema:
    """The section `webhooks` of the OpenAPI document: one for each type of event."""
    return {kind: {"post": _receives(kind, names)} for kind in EVENTS}


def operation_id(kind: str) -> str:
    """`on_file_ready` for `filemill.file.ready`."""
    return "on_" + "_".join(kind.split(".")[1:])


def _receives(kind: str, names: Named) -> Schema:
    model = EVENTS[kind]
    meaning = " ".join((model.__doc__ or "").split())
    return {
        "operationId": operation_id(kind),
        "tags": [TAG],
        "summary": meaning.partition(". ")[0].rstrip("."),
        "description": f"{meaning} Sent to each webhook that wants `{kind}`.",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": schema["description"],
                "schema": {key: value for key, value in schema.items() if key != "description"},
            }
            for name, schema in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": REF.format(model=names[model, "serialization"])},
                    "example": event(kind),
                }
            },
        },
        "responses": {status: {"description": meaning} for status, meaning in ANSWERS.items()},
        "security": [],
    }
