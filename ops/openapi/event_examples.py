"""An example of each type of event, and of each message of the socket. A test checks each of them against its model."""

from __future__ import annotations

from typing import Any

from ops.openapi.examples import BASE_URL, FILE, FILE_ID, OTHER_ID

_KEY = ("key", "0123456789ab")
_RECORD = {
    **FILE,
    "renditions": [{**each, "url": f"{BASE_URL}{each['name']}.{each['format']}"} for each in FILE["renditions"]],
}
_UNPROCESSED = {**_RECORD, "kind": None, "image": None, "renditions": []}
_ERROR = {"code": "corrupt", "message": "The file is not a picture that can be read."}

# The last word of a type → (revision, what differs from the record that is ready, actor).
_CHANGES: dict[str, tuple[int, dict[str, Any], tuple[str, str]]] = {
    "created": (
        1,
        {**_UNPROCESSED, "status": "awaiting_upload", "sha256": None, "expires_at": "2026-11-22T13:00:00.000Z"},
        _KEY,
    ),
    "processing": (2, {**_UNPROCESSED, "status": "processing"}, ("system", "process")),
    "ready": (3, {}, ("system", "process")),
    "failed": (3, {**_UNPROCESSED, "status": "failed", "error": _ERROR}, ("system", "process")),
    "expired": (2, {**_UNPROCESSED, "status": "expired", "sha256": None}, ("system", "sweep")),
    "updated": (4, {"tags": ["cats", "Lisbon"]}, _KEY),
    "deleted": (5, {}, _KEY),
    "restored": (6, {}, _KEY),
}


WEBHOOK_ID = "wh_01KAP3Y5ZD4Q8R2V7W9XABCDEF"
_DISABLED_AT = "2026-11-27T12:00:00.000Z"
_DISABLED = {"id": WEBHOOK_ID, "reason": "The receiver answered 410 Gone.", "disabled_at": _DISABLED_AT}

# Type → (the last part of the event's id, its time, its data).
_OF_WEBHOOKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "filemill.webhook.disabled": ("1795694400000", _DISABLED_AT, {"webhook": _DISABLED}),
    "filemill.webhook.test": ("01KAP3Y5ZD4Q8R2V7W9XABCDEF", _DISABLED_AT, {"webhook": {"id": WEBHOOK_ID}}),
}


def event(kind: str) -> dict[str, Any]:
    """An event of this type, as the bus, webhooks and sockets carry it."""
    if kind in _OF_WEBHOOKS:
        last, time, data = _OF_WEBHOOKS[kind]
        return _envelope(kind, WEBHOOK_ID, last, time, data)
    word = kind.rpartition(".")[2]
    revision, differs, (actor, identity) = _CHANGES[word]
    time = f"2026-11-22T12:00:0{revision}.125Z"
    file = {**_RECORD, **differs, "revision": revision, "updated_at": time}
    if word == "deleted":
        file = {"id": FILE_ID, "revision": revision}
    data = {"file": file, "actor": {"type": actor, "id": identity}}
    return _envelope(kind, FILE_ID, str(revision), time, data)


def _envelope(kind: str, subject: str, last: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"evt_{subject}_{last}",
        "source": "filemill/prod",
        "type": kind,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "tenant": "acme",
        "data": data,
    }


CURSOR = "eyJ0IjoiYWNtZSIsInAiOlsxNzNdfQ.c2lnbmF0dXJl"

# Name of a message of the socket → title of the example → the message.
MESSAGES: dict[str, dict[str, Any]] = {
    "subscribe": {
        "All files, from now on": {"action": "subscribe", "all": True},
        "All files, from where the last socket ended": {"action": "subscribe", "all": True, "cursor": CURSOR},
        "Two files, as they are now and from now on": {"action": "subscribe", "files": [FILE_ID, OTHER_ID], "id": "7"},
        "What an upload token brings": {"action": "subscribe", "token": "0123456789ab"},
    },
    "unsubscribe": {"From one file": {"action": "unsubscribe", "files": [FILE_ID]}},
    "ping": {"Are you there?": {"action": "ping"}},
    "subscribed": {
        "Everything up to here was sent": {"type": "subscribed", "cursor": CURSOR},
        "One of the files is missing": {"type": "subscribed", "cursor": CURSOR, "missing": [OTHER_ID], "id": "7"},
    },
    "unsubscribed": {"Nothing more comes": {"type": "unsubscribed"}},
    "change": {
        "A file is ready": {"type": "change", "cursor": CURSOR, "event": event("filemill.file.ready")},
    },
    "changes": {
        "Two changes at once": {
            "type": "changes",
            "cursor": CURSOR,
            "events": [event("filemill.file.ready"), event("filemill.file.deleted")],
        }
    },
    "pong": {"Still here": {"type": "pong"}},
    "error": {
        "A cursor of another tenant": {
            "type": "error",
            "code": "invalid_cursor",
            "detail": "This cursor is not valid here: send one that this tenant got from a socket or `/v1/changes`.",
            "field": "cursor",
        },
        "More was missed than fits into one answer": {
            "type": "error",
            "code": "behind",
            "detail": "There is more to catch up with than fits into one answer. Subscribe again with this cursor.",
            "cursor": CURSOR,
        },
    },
}
