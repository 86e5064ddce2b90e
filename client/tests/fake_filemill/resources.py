"""Routes of keys, upload tokens, webhooks and shares, and canned answers for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fake_filemill.records import Handler
from fake_filemill.state import NOW, SECRET, URL, Resource, State
from fake_filemill.wire import Call, RefusedError, Reply

_ACTOR = {"type": "key", "id": "0123456789ab"}
_HISTORY = {
    "id": "evt_1",
    "type": "filemill.file.updated",
    "revision": 2,
    "at": NOW,
    "actor": _ACTOR,
    "fields": ["tags"],
}
_ENTRY = {"name": "folder/report.txt", "size": 1200, "packed_size": 431, "directory": False, "flags": []}
_ATTEMPT = {"at": NOW, "ms": 87, "status": 200, "error": None, "answer": "thanks"}
_DELIVERY = {"id": "evt_1", "type": "filemill.file.ready", "time": NOW, "subject": "f", "attempts": [_ATTEMPT]}
_DELIVERED = {**_DELIVERY, "state": "delivered"}
_PENDING = {**_DELIVERY, "state": "pending"}


def _canned(status: int, content: Any = None) -> Handler:
    return lambda state, call, *ids: Reply(status, content)


def _page(*items: Any) -> Handler:
    return _canned(200, {"items": list(items), "next_cursor": None})


def _me(state: State, call: Call) -> Reply:
    if state.me is None:
        raise RefusedError(404, "not_found", "There is no such route.")
    return Reply(200, state.me)


# --- Grants and shares


def _grant(file_id: str) -> Resource:
    return {"id": file_id, "base_url": f"{URL}/f/", "query": "Signature=s", "cookies": [], "expires_at": NOW}


def _granted(state: State, call: Call, file_id: str) -> Reply:
    state.find(file_id)
    return Reply(200, _grant(file_id))


def _all_granted(state: State, call: Call) -> Reply:
    return Reply(200, {"items": [_grant(each) for each in call.json["ids"]]})


def _share(state: State, call: Call, file_id: str) -> Reply:
    state.find(file_id)
    shares = state.shares.setdefault(file_id, {})
    body = call.json
    share = {
        "id": f"shr_{len(shares) + 1}",
        "created_at": NOW,
        "expires_at": NOW,
        "download": body.get("download", True),
        "password": bool(body.get("password")),
        "views": 0,
        "max_views": body.get("max_views"),
    }
    shares[share["id"]] = share
    return Reply(201, {**share, "url": f"{URL}/s/{share['id']}"})


def _shares(state: State, call: Call, file_id: str) -> Reply:
    state.find(file_id)
    return Reply(200, {"items": list(state.shares.get(file_id, {}).values())})


def _revoke(state: State, call: Call, file_id: str, share_id: str) -> Reply:
    _held(state.shares.get(file_id, {}), share_id)
    del state.shares[file_id][share_id]
    return Reply(204)


# --- Keys, tokens and webhooks: each kind is a dictionary of the state, and all have the same verbs


def _held(resources: dict[str, Resource], resource_id: str) -> Resource:
    if resource_id not in resources:
        raise RefusedError(404, "not_found", "There is none with this id.")
    return resources[resource_id]


def _verbs(kind: str, path: str, id_: str, begin: Resource, secret: Resource) -> list[tuple[str, str, Handler]]:
    """The routes to create, list, get, change and delete. `secret` is shown only in the answer to the first.

    id_: how an id is formed of a number. begin: what a new one has before anything is said.
    """

    def create(state: State, call: Call) -> Reply:
        made = {**begin, "id": id_.format(state.number()), "created_at": NOW, **call.json}
        getattr(state, kind)[made["id"]] = made
        return Reply(201, {**made, **secret})

    def list_(state: State, call: Call) -> Reply:
        return Reply(200, {"items": list(getattr(state, kind).values()), "next_cursor": None})

    def get(state: State, call: Call, resource_id: str) -> Reply:
        return Reply(200, _held(getattr(state, kind), resource_id))

    def change(state: State, call: Call, resource_id: str) -> Reply:
        _held(getattr(state, kind), resource_id).update(call.json)
        return get(state, call, resource_id)

    def delete(state: State, call: Call, resource_id: str) -> Reply:
        _held(getattr(state, kind), resource_id)
        del getattr(state, kind)[resource_id]
        return Reply(204)

    return [
        ("POST", path, create),
        ("GET", path, list_),
        ("GET", f"{path}/([^/]+)", get),
        ("PATCH", f"{path}/([^/]+)", change),
        ("DELETE", f"{path}/([^/]+)", delete),
    ]


def _of_one(kind: str, then: Callable[[Resource], Reply]) -> Handler:
    """A route below one resource, which must exist."""
    return lambda state, call, resource_id, *more: then(_held(getattr(state, kind), resource_id))


def _of_webhook(status: int, content: Any = None) -> Handler:
    return _of_one("webhooks", lambda webhook: Reply(status, content))


_F = r"/v1/files/([^/]+)"
_W = r"/v1/webhooks/([^/]+)"
_NEW_KEY = {"key": "fm_new"}
_KEY = {"name": "", "scopes": [], "networks": []}
_TOKEN = {"max_bytes": 9, "max_files": 1, "used": 0, "expires_at": NOW}
_WEBHOOK = {"types": [], "enabled": True}
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v1/me", _me),
    ("GET", "/v1/audit", _page(_HISTORY)),
    ("GET", f"{_F}/history", _page(_HISTORY)),
    ("GET", f"{_F}/entries", _page(_ENTRY)),
    ("PUT", f"{_F}/hold", _canned(204)),
    ("DELETE", f"{_F}/hold", _canned(204)),
    ("POST", f"{_F}/grant", _granted),
    ("POST", "/v1/grants", _all_granted),
    ("POST", f"{_F}/shares", _share),
    ("GET", f"{_F}/shares", _shares),
    ("DELETE", f"{_F}/shares/([^/]+)", _revoke),
    *_verbs("keys", "/v1/keys", "{:012x}", _KEY, _NEW_KEY),
    ("POST", "/v1/keys/([^/]+)/rotate", _of_one("keys", lambda key: Reply(200, {**key, **_NEW_KEY}))),
    *_verbs("tokens", "/v1/upload-tokens", "{:012x}", _TOKEN, {"token": "fmu_new"}),
    *_verbs("webhooks", "/v1/webhooks", "wh_{}", _WEBHOOK, {"secret": SECRET}),
    ("POST", f"{_W}/rotate-secret", _of_one("webhooks", lambda one: Reply(200, {**one, "secret": SECRET}))),
    ("POST", f"{_W}/test", _of_webhook(202, _PENDING)),
    ("POST", f"{_W}/replay", _of_webhook(202, {"since": NOW, "types": []})),
    ("GET", f"{_W}/deliveries", _of_webhook(200, {"items": [_DELIVERED], "next_cursor": None})),
    ("GET", f"{_W}/deliveries/([^/]+)", _of_webhook(200, _DELIVERED)),
    ("POST", f"{_W}/deliveries/([^/]+)/retry", _of_webhook(202, _PENDING)),
]
