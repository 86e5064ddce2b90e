"""Those who hear of changes, and how: receivers of webhooks at $SOURCE, and clients of the socket.

Each function here is the life of one, from its beginning to its end.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from chalicelib.catalog import credentials
from chalicelib.catalog.keys import delivery_partition
from chalicelib.catalog.webhooks import DISABLED
from chalicelib.cursors import encode_feed
from chalicelib.model import timestamp
from tests.client import Answer, Client, new_client
from tests.faults.killing import FAULTS, Process, run
from tests.faults.looking import bus, table
from tests.faults.operations import TOKEN, Operation, created, ready
from tests.faults.promises import TENANT
from tests.faults.world import World
from tests.sockets import Listener

ALL: dict[str, Any] = {"action": "subscribe", "all": True}
# Longer than a receiver that failed a few times is left alone.
A_PAUSE = timedelta(hours=3)


def _done(reply: Answer, status: int = 200) -> Any:
    assert reply.status == status, reply.text
    return reply.json if reply.text else None


# --- webhooks


def _receiver(status: int) -> str:
    """The URL of a receiver that gives this answer."""
    return f"{os.environ['SOURCE'].replace('localhost', '127.0.0.1')}hooks/{status}"


def _hook(world: World, status: int, **more: Any) -> str:
    made = world.request("POST", "/v1/webhooks", {"url": _receiver(status), **more}, Idempotency_Key=f"hook-{status}")
    return "/v1/webhooks/" + str(_done(made, 201)["id"])


def _log(world: World, hook: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = _done(world.request("GET", f"{hook}/deliveries?limit=100"))["items"]
    return items


def _states(world: World, hook: str) -> set[str]:
    return {each["state"] for each in _log(world, hook)}


def _answers(world: World, hook: str, event_id: str) -> list[str | None]:
    attempts = _done(world.request("GET", f"{hook}/deliveries/{event_id}"))["attempts"]
    return [each["answer"] for each in attempts]


def _receiver_that_answers(world: World, _: object) -> None:
    """It gets events, a test, a retry and a replay, signed with a new secret; then the file ends, and the webhook."""
    began = timestamp(world.clock.moment)
    hook = _hook(world, 200)
    assert [each["url"] for each in _done(world.request("GET", "/v1/webhooks"))["items"]] == [_receiver(200)]
    file_id = ready(world)
    world.hear()
    assert _states(world, hook) == {"delivered"}
    event_id = _log(world, hook)[0]["id"]
    _done(world.request("POST", f"{hook}/rotate-secret", {}))
    _done(world.request("POST", f"{hook}/test"), 202)
    _done(world.request("POST", f"{hook}/deliveries/{event_id}/retry"), 202)
    _done(world.request("POST", f"{hook}/replay", {"since": began}), 202)
    for _ in range(3):
        world.hear()
    assert len(_answers(world, hook, event_id)) >= 2
    assert _states(world, hook) == {"delivered"}
    _done(world.request("DELETE", f"/v1/files/{file_id}"), 204)
    world.hear()
    assert set(_answers(world, hook, event_id)) == {None}
    _done(world.request("DELETE", hook), 204)
    world.hear()
    assert not [key for key in table() if key[0] == delivery_partition(hook.rpartition("/")[2])]


def _receiver_that_fails(world: World, _: object) -> None:
    """It fails, the message of the next try is lost, and the sweep has the events sent to another URL."""
    hook = _hook(world, 500)
    ready(world)
    world.hear()
    assert "pending" in _states(world, hook)
    _done(world.request("PATCH", hook, {"url": _receiver(200), "tags": []}))
    for message in world.webhooks.waiting():
        world.webhooks.lose(message)
    world.clock.forward(A_PAUSE)
    assert world.sweep()["Woken"] == 1
    world.hear()
    assert _states(world, hook) == {"delivered"}


def _receiver_that_is_gone(world: World, _: object) -> None:
    """It answers 410 Gone, which another webhook hears. Then it is enabled again, and gets what it missed."""
    other = _hook(world, 200, types=[DISABLED])
    hook = _hook(world, 410)
    ready(world)
    world.hear()
    assert _done(world.request("GET", hook))["enabled"] is False
    world.hear()
    assert DISABLED in {event["type"] for event in bus()}
    assert _states(world, other) == {"delivered"}
    again = {"url": _receiver(200), "enabled": True, "replay": True}
    _done(world.request("PATCH", hook, again))
    for _ in range(3):
        world.hear()
    assert {each["state"] for each in _log(world, hook) if each["type"] != DISABLED} == {"delivered"}
    _done(world.request("PATCH", hook, {"enabled": False}))


def _deliver_with_a_fault(world: World, _: object) -> None:
    """DynamoDB is busy when `deliver` looks for what is due, so the message comes back."""
    hook = _hook(world, 200)
    ready(world)
    [message, *_] = world.webhooks.waiting()
    busy = Process(fault=lambda name, _: FAULTS["dynamodb"][0] if name == "dynamodb.BatchGetItem" else None)
    run(lambda: world.webhooks.deliver(message), busy)
    assert busy.faults
    world.clock.forward(A_PAUSE)
    world.hear()
    assert _states(world, hook) == {"delivered"}


# --- sockets


def connected(world: World, credential: str | None, name: str, message: dict[str, Any] | None = None) -> Listener:
    """A client whose socket is open, and who subscribed with that message."""
    listener = Listener(world.sockets, name)
    assert listener.connect(credential) == 200
    if message:
        assert listener.send(message)[-1]["type"] == "subscribed"
    return listener


def everything(**more: Any) -> dict[str, Any]:
    """A subscription to all that the feed has, from its beginning."""
    return {**ALL, "cursor": encode_feed(TENANT, {}), **more}


def _token(world: World) -> tuple[Client, str]:
    made = _done(world.request("POST", "/v1/upload-tokens", TOKEN), 201)
    return Client(made["token"]), str(made["id"])


def _socket_of_a_key(world: World, _: object) -> None:
    """It hears of all files, breaks off, goes on from its cursor, and leaves. An hour later sockets are counted."""
    first = connected(world, world.client.key, "first", ALL)
    file_id = ready(world)
    assert first.files[file_id]["status"] == "ready"
    assert first.send({"action": "ping"})[-1]["type"] == "pong"
    first.disconnect()
    _done(world.request("PATCH", f"/v1/files/{file_id}", {"tags": ["new"]}))
    world.drain()
    world.clock.forward(timedelta(minutes=70))
    second = connected(world, world.client.key, "second", {**ALL, "cursor": first.cursor})
    assert second.files[file_id]["tags"] == ["new"]
    assert second.send({"action": "unsubscribe", "all": True})[-1]["type"] == "unsubscribed"
    second.disconnect()


def _sockets_of_tokens(world: World, _: object) -> None:
    """They hear of what their token brings, as does its backend. One token is revoked, and the other one expires."""
    (revoked, revoked_id), (expired, _) = _token(world), _token(world)
    backend = connected(world, world.client.key, "backend", {"action": "subscribe", "token": revoked_id})
    browsers = [connected(world, each.key, f"browser-{each.key}", ALL) for each in (revoked, expired)]
    brought = revoked("POST", "/v1/files", {"filename": "a.txt", "content_type": "text/plain", "size": 4})
    file_id = _done(brought, 201)["id"]
    created(world)
    world.hear()
    assert [set(each.files) for each in (backend, *browsers)] == [{file_id}, {file_id}, set()]
    _done(world.request("DELETE", f"/v1/upload-tokens/{revoked_id}"), 204)
    world.publish()
    assert [each.is_open for each in browsers] == [False, True]
    world.clock.forward(timedelta(hours=1))
    world.hear()
    assert not browsers[1].is_open
    assert backend.is_open


def _socket_of_a_ticket(world: World, _: object) -> None:
    """It hears of the files that it names, until the key is revoked that asked for the ticket."""
    file_id = ready(world)
    key = new_client(TENANT)
    ticket = _done(key("POST", "/v1/socket-tickets"), 201)["ticket"]
    page = connected(world, ticket, "page", {"action": "subscribe", "files": [file_id, "file_" + "0" * 26]})
    assert Listener(world.sockets, "late").connect(ticket) == 401
    _done(world.request("PATCH", f"/v1/files/{file_id}", {"tags": ["new"]}))
    world.drain()
    assert page.files[file_id]["tags"] == ["new"]
    assert page.send({"action": "unsubscribe", "files": [file_id]})[-1]["type"] == "unsubscribed"
    assert credentials.revoke_api_key(str(key.key).split("_")[1])
    world.publish()
    assert not page.is_open


def _socket_of_an_owner(world: World, _: object) -> None:
    """It hears of the files of a key with `files:own`, and of no others."""
    owner = new_client(TENANT, "files:own")
    page = connected(world, owner.key, "owner", ALL)
    theirs = ready(world)
    made = owner("POST", "/v1/files", {"filename": "a", "content_type": "text/plain", "size": 1})
    world.drain()
    assert set(page.files) == {_done(made, 201)["id"]} != {theirs}


def _sockets_that_break(world: World, _: object) -> None:
    """Two are gone, which the next post tells. Two cannot be posted to, and not closed either until later."""
    names = ("gone", "quiet-and-gone", "stuck", "stuck-at-once")
    gone, quiet, stuck, at_once = (
        connected(world, world.client.key, name, None if name == "quiet-and-gone" else ALL) for name in names
    )
    gone.disconnect(told=False)
    quiet.disconnect(told=False)
    quiet.send({"action": "ping"})
    world.sockets.fault = lambda _, connection_id: 500 if "stuck" in connection_id else None
    at_once.send({"action": "ping"})
    created(world)
    world.drain()
    world.sockets.fault = lambda *_: None
    assert stuck.is_open
    assert at_once.is_open
    world.hear()
    assert not world.sockets.open
    assert not [key for key in table() if key[0].startswith("SOCKET#")]


LIVES = tuple(
    Operation(life.__name__.strip("_").replace("_", " "), lambda _: None, life)
    for life in (
        *(_receiver_that_answers, _receiver_that_fails, _receiver_that_is_gone, _deliver_with_a_fault),
        *(_socket_of_a_key, _sockets_of_tokens, _socket_of_a_ticket, _socket_of_an_owner, _sockets_that_break),
    )
)
