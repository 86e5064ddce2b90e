"""A socket ends when its key may do less: at its next message, and by the stream within a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import keyring
from chalicelib.api import socket
from chalicelib.api.auth import last_use
from chalicelib.catalog import memory, sockets, tenant_keys, tenants
from chalicelib.events import posts
from chalicelib.model import now, timestamp
from tests.client import Client
from tests.sockets import FakeManagement, Listener, Stream, event_of, management
from tests.stage import Calls, lambda_context

HERE, ELSEWHERE = "192.0.2.7", "203.0.113.9"
ALL: dict[str, Any] = {"action": "subscribe", "all": True}


@pytest.fixture
def api(stage: Calls) -> Iterator[FakeManagement]:
    with management() as fake:
        yield fake


def made(client: Client, **more: Any) -> Client:
    body = {"name": "n", "scopes": ["events:read", "files:read", "files:write", "keys:admin"], **more}
    return Client(client("POST", "/v1/keys", body).json["key"])


def id_of(client: Client) -> str:
    assert client.key
    return client.key.split("_")[1]


def opened(api: FakeManagement, key: str | None, address: str = HERE, **headers: str) -> tuple[Listener, int]:
    """A socket from this address, and the status of its `$connect`."""
    listener = Listener(api, "c1")
    event = event_of(listener.id, headers={"Authorization": f"Bearer {key}", **headers})
    event["requestContext"]["identity"] = {"sourceIp": address}
    status = socket.connect(event, lambda_context())["statusCode"]
    if status == 200:
        api.open[listener.id] = listener.hear
    return listener, status


Change = Callable[[Client, Client], None]


def patched(**values: Any) -> Change:
    """By another process: this one still remembers the key as it was."""

    def change(_: Client, key: Client) -> None:
        tenant_keys.change(id_of(key), lambda _: values)

    return change


def suspended(_: Client, __: Client) -> None:
    tenants.change_tenant("acme", {"suspended": True})


def ended(_: Client, key: Client) -> None:
    tenant_keys.end(id_of(key), lambda _: None)


def rotated(_: Client, key: Client) -> None:
    tenant_keys.rotate(id_of(key), timedelta(), lambda _: None)


CHANGES: dict[str, tuple[Change, str]] = {
    "networks": (patched(networks=["203.0.113.0/24"]), "network_not_allowed"),
    "scopes": (patched(scopes=["files:read"]), "missing_scope"),
    "expiry": (patched(expires_at=timestamp(now() - timedelta(seconds=1))), "key_expired"),
    "suspension": (suspended, "tenant_suspended"),
    "deletion": (ended, "unauthenticated"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("with_token", [False, True])
def test_the_stream_closes_the_sockets_of_a_key_and_of_its_tokens(
    api: FakeManagement, client: Client, name: str, with_token: bool
) -> None:
    key = made(client)
    credential = key("POST", "/v1/upload-tokens", {"max_bytes": 9}).json["token"] if with_token else key.key
    listener, status = opened(api, credential)
    assert status == 200
    stream = Stream()
    CHANGES[name][0](client, key)
    stream.settle()
    assert api.closed == [listener.id]
    assert sockets.get(listener.id) is None


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("message", [ALL, {"action": "ping"}, {"action": "unsubscribe", "all": True}])
def test_the_next_message_ends_a_socket_that_may_not_be_open_any_more(
    api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch, name: str, message: dict[str, Any]
) -> None:
    """Before the stream has told of it. A subscription asks at once, everything else after the memory's time."""
    key = made(client)
    listener, _ = opened(api, key.key)
    assert listener.send({"action": "ping"}) == [{"type": "pong"}]
    change, code = CHANGES[name]
    change(client, key)
    if message is not ALL:
        later = time.monotonic() + 59
        monkeypatch.setattr("chalicelib.catalog.memory.time.monotonic", lambda: later)
    assert [(each["type"], each["code"]) for each in listener.send(message)] == [("error", code)]
    assert api.closed == [listener.id]


def test_a_socket_opens_from_a_network_that_the_key_allows_and_no_header_forges_it(
    api: FakeManagement, client: Client
) -> None:
    key = made(client, networks=["192.0.2.0/24"])
    forged = {"X-Forwarded-For": HERE}
    door = {"X-Filemill-Door": keyring.door_secret()}
    assert opened(api, key.key)[1] == 200
    assert opened(api, key.key, ELSEWHERE)[1] == 403
    assert opened(api, key.key, ELSEWHERE, **forged)[1] == 403
    assert opened(api, key.key, ELSEWHERE, **forged, **door)[1] == 200
    assert opened(api, key.key, HERE, **{"X-Forwarded-For": f"{HERE}, {ELSEWHERE}"}, **door)[1] == 403


def test_through_the_front_door_each_message_is_held_to_the_viewers_address(
    api: FakeManagement, client: Client
) -> None:
    """Messages have no headers, and API Gateway sees CloudFront's address."""
    key = made(client, networks=["192.0.2.0/24"])
    door = {"X-Filemill-Door": keyring.door_secret(), "X-Forwarded-For": HERE}
    listener, status = opened(api, key.key, ELSEWHERE, **door)
    assert status == 200
    assert listener.send({"action": "ping"}) == [{"type": "pong"}]


def test_a_key_without_networks_asks_for_no_secret_and_leaves_no_address(
    api: FakeManagement, client: Client, stage: Calls
) -> None:
    key = made(client)
    door = {"X-Filemill-Door": keyring.door_secret(), "X-Forwarded-For": HERE}
    keyring.forget()
    stage.clear()
    assert opened(api, key.key, ELSEWHERE, **door)[1] == 200
    assert stage.count("ssm") == 0
    connection = sockets.get("c1")
    assert connection
    assert connection.address is None


def test_what_changes_while_a_socket_opens_closes_it(
    api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream came too early to find the connection, so `$connect` looks once more."""
    add = sockets.add
    for name, (change, _) in CHANGES.items():
        tenants.change_tenant("acme", {"suspended": False})
        memory.forget()
        key = made(client)
        assert key("GET", "/v1/stats").status == 200

        def changed_meanwhile(*args: Any, change: Change = change, key: Client = key) -> Any:
            change(client, key)
            return add(*args)

        monkeypatch.setattr(sockets, "add", changed_meanwhile)
        assert opened(api, key.key)[1] in (401, 403), name
        assert sockets.get("c1") is None


def test_the_socket_of_a_secret_that_was_rotated_away_ends_with_it(api: FakeManagement, client: Client) -> None:
    key = made(client)
    renewed, _ = tenant_keys.rotate(id_of(key), timedelta(minutes=10), lambda _: None)
    until = renewed.earlier[0].until
    opened(api, key.key)
    connection = sockets.get("c1")
    assert connection
    assert connection.ends == until
    ticket = key("POST", "/v1/socket-tickets").json["ticket"]
    assert opened(api, ticket)[1] == 200
    connection = sockets.get("c1")
    assert connection
    assert connection.ends == until


def test_a_rotation_closes_the_keys_sockets(api: FakeManagement, client: Client) -> None:
    key = made(client)
    listener, _ = opened(api, key.key)
    stream = Stream()
    rotated(client, key)
    stream.settle()
    assert api.closed == [listener.id]
    assert opened(api, key.key)[1] == 401


def test_the_socket_of_a_key_that_expires_ends_with_it(
    api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = now() + timedelta(minutes=10)
    key = made(client, expires_at=timestamp(end))
    opened(api, key.key)
    connection = sockets.get("c1")
    assert connection
    assert connection.ends == int(end.timestamp())
    posts.close_when_due("c1")
    assert api.closed == []
    monkeypatch.setattr("chalicelib.events.posts.time.time", lambda: end.timestamp() + 1)
    posts.close_when_due("c1")
    assert api.closed == ["c1"]


def test_the_use_of_a_key_is_noted_and_closes_nothing(api: FakeManagement, client: Client) -> None:
    key = made(client)
    listener, _ = opened(api, key.key)
    last_use._noted.clear()
    stream = Stream()
    tenant_keys.change(id_of(key), lambda _: {"used_at": "2020-01-01T00:00:00.000Z"})
    memory.forget()
    assert key("GET", "/v1/stats").status == 200
    shown = client("GET", f"/v1/keys/{id_of(key)}").json
    assert shown["last_used_at"] == tenant_keys.hour_of(now())
    tenant_keys.change(id_of(key), lambda _: {"name": "another"})
    stream.settle()
    assert api.closed == []
    assert listener.send({"action": "ping"}) == [{"type": "pong"}]


def test_an_operator_opens_no_socket(api: FakeManagement) -> None:
    from ops.keys import create_operator

    assert opened(api, create_operator()[1])[1] == 403


def test_a_suspension_of_one_tenant_leaves_others_sockets(api: FakeManagement, client: Client) -> None:
    opened(api, made(client).key)
    stream = Stream()
    tenants.change_tenant("acme-2", {"suspended": True})
    tenants.change_tenant("acme", {"default_recipe": "avatar"})
    stream.settle()
    assert api.closed == []
