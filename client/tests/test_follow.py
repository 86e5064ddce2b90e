"""Following: what comes is told once and in order, and the feed takes over where no socket can be had."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply
from ways import both

from filemill import AsyncFilemill, AuthenticationError, Filemill, NetworkError, _follow, _sockets
from filemill._effects import Closed, Connect, Disconnect, NoSocket, Receive, Transmit


def event(number: int, revision: int, kind: str = "ready") -> dict[str, Any]:
    file = {"id": f"file_{number}", "revision": revision, "status": kind}
    return {
        "id": f"evt_file_{number}_{revision}",
        "type": f"filemill.file.{kind}",
        "subject": file["id"],
        "data": {"file": file},
    }


class Script:
    """Plays sockets: each is a list of messages; at its end the socket is closed. `sent` has what the client sent."""

    def __init__(self, *sockets: list[Any] | Exception) -> None:
        self._left = iter(sockets)
        self._now: Iterator[Any] = iter(())
        self.sent: list[dict[str, Any]] = []

    def perform(self, effect: object) -> Any:
        if isinstance(effect, Connect):
            assert effect.url == "wss://files.example.com/ws" and effect.headers["Authorization"] == f"Bearer {KEY}"
            found = next(self._left)
            if isinstance(found, Exception):
                raise found
            self._now = iter(found)
            return self
        if isinstance(effect, Transmit):
            self.sent.append(json.loads(effect.text))
            return None
        if isinstance(effect, Receive):
            message = next(self._now, Closed("1001"))
            if isinstance(message, Exception):
                raise message
            return message if message is None or isinstance(message, str) else json.dumps(message)
        assert isinstance(effect, Disconnect)
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Any:
    def play(*sockets: list[Any] | Exception) -> Script:
        script = Script(*sockets)
        monkeypatch.setattr(_sockets, "Sockets", lambda: script)
        return script

    return play


SUBSCRIBED = {"type": "subscribed", "cursor": "c0"}


def take(filemill: Filemill, count: int, **more: Any) -> list[tuple[str, str | None]]:
    return [(each.id, each.cursor) for each in itertools.islice(filemill.events.follow(**more), count)]


def test_events_are_told_once_and_in_order_across_connections(filemill: Filemill, scripted: Any) -> None:
    script = scripted(
        [SUBSCRIBED, {"type": "change", "cursor": "c1", "event": event(1, 2)}],
        [
            {"type": "changes", "cursor": "c2", "events": [event(1, 2), event(1, 1), event(2, 5)]},
            SUBSCRIBED | {"cursor": "c2"},
            {"type": "change", "cursor": "c3", "event": event(1, 3)},
        ],
    )
    assert take(filemill, 3) == [("evt_file_1_2", "c1"), ("evt_file_2_5", "c2"), ("evt_file_1_3", "c3")]
    assert script.sent == [
        {"action": "subscribe", "all": True},
        {"action": "subscribe", "all": True, "cursor": "c1"},
    ]


def test_only_the_last_event_of_a_message_moves_the_cursor_on(filemill: Filemill, scripted: Any) -> None:
    scripted([SUBSCRIBED, {"type": "changes", "cursor": "c2", "events": [event(1, 2), event(2, 2)]}])
    assert take(filemill, 2, cursor="c0") == [("evt_file_1_2", "c0"), ("evt_file_2_2", "c2")]


def test_types_are_filtered_and_short_names_are_enough(filemill: Filemill, scripted: Any) -> None:
    events = [event(1, 1, "created"), event(1, 2, "processing"), event(1, 3), event(2, 1, "failed")]
    scripted([SUBSCRIBED, {"type": "changes", "cursor": "c", "events": events}])
    assert take(filemill, 2, types=["ready", "filemill.file.failed"]) == [("evt_file_1_3", "c0"), ("evt_file_2_1", "c")]


def test_a_silent_socket_is_pinged_and_then_left(filemill: Filemill, scripted: Any) -> None:
    pong = {"type": "pong"}
    script = scripted([SUBSCRIBED, None, pong, None, None], [SUBSCRIBED, {"type": "change", "event": event(1, 1)}])
    assert len(take(filemill, 1)) == 1
    assert [each["action"] for each in script.sent] == ["subscribe", "ping", "ping", "subscribe"]


def test_who_is_behind_subscribes_again_with_the_cursor_of_the_message(filemill: Filemill, scripted: Any) -> None:
    behind = {"type": "error", "code": "behind", "detail": "You missed much.", "cursor": "c7"}
    script = scripted([behind, SUBSCRIBED, {"type": "change", "event": event(1, 1)}])
    take(filemill, 1)
    assert script.sent[-1] == {"action": "subscribe", "all": True, "cursor": "c7"}


def test_an_answer_of_api_gateway_is_no_message(filemill: Filemill, scripted: Any) -> None:
    scripted([{"message": "Internal server error"}], [SUBSCRIBED, {"type": "change", "event": event(1, 1)}])
    assert len(take(filemill, 1)) == 1


@pytest.mark.parametrize("code", ["key_expired", "unauthenticated"])
def test_a_credential_that_ends_is_an_error(filemill: Filemill, scripted: Any, code: str) -> None:
    scripted([SUBSCRIBED, {"type": "error", "code": code, "detail": "It is over."}])
    with pytest.raises(AuthenticationError, match="It is over"):
        take(filemill, 1)


def test_many_files_are_subscribed_to_in_several_messages(filemill: Filemill, scripted: Any) -> None:
    script = scripted([SUBSCRIBED, SUBSCRIBED, {"type": "change", "event": event(1, 1)}])
    take(filemill, 1, files=[f"file_{number}" for number in range(150)])
    assert [len(each["files"]) for each in script.sent] == [100, 50]
    with pytest.raises(ValueError, match="500"):
        take(filemill, 1, files=["file_1"] * 501)


def test_the_feed_takes_over_with_a_sentence(
    filemill: Filemill, fake: FakeFilemill, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_follow, "_POLL", 0.001)
    file = filemill.upload(b"old", filename="old.txt")
    fake.calls.clear()

    def before(call: Call) -> None:
        if len(fake.calls) == 3:  # the first request finds the feed's end
            fake.files[file.id]["revision"] = 9

    fake.before = before
    scripted(NoSocket("The package `websockets` is not installed."))
    said: list[str] = []
    first = next(iter(filemill.events.follow(on_state=said.append)))
    assert (first.type, first.id) == ("filemill.file.ready", f"evt_{file.id}_9")
    assert said == ["The package `websockets` is not installed. Asking the feed of changes instead."]


def test_a_refused_credential_ends_the_feed_too(filemill: Filemill, fake: FakeFilemill, scripted: Any) -> None:
    scripted(NoSocket("No."))
    fake.before = lambda call: Reply(401, {"code": "unauthenticated", "detail": "No such key."})
    with pytest.raises(AuthenticationError):
        take(filemill, 1, on_state=lambda sentence: None)


def test_no_network_at_the_beginning_is_an_error(fake: FakeFilemill, scripted: Any) -> None:
    scripted(NoSocket("No."))
    fake.before = lambda call: httpx.ConnectError("no network")
    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client, pytest.raises(NetworkError):
        take(client, 1, on_state=lambda sentence: None)


@both
def test_the_socket_follows_no_redirect_with_the_key(way: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.5)
        target = f"ws://127.0.0.1:{elsewhere.getsockname()[1]}/ws"

        def redirect() -> None:
            near, _ = here.accept()
            with near:
                near.recv(65536)
                near.sendall(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=redirect)
        thread.start()
        connect = Connect(f"ws://127.0.0.1:{here.getsockname()[1]}/ws", {"Authorization": f"Bearer {KEY}"}, 20)
        with pytest.raises(NoSocket, match="refused the socket"):
            if way == "async":
                asyncio.run(_sockets.AsyncSockets().perform(connect))
            else:
                _sockets.Sockets().perform(connect)
        thread.join()
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_the_asynchronous_client_follows_as_well(fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script([SUBSCRIBED, {"type": "change", "cursor": "c1", "event": event(1, 2)}])

    class AsyncScript:
        async def perform(self, effect: object) -> Any:
            return script.perform(effect)

        async def close(self) -> None:
            pass

    monkeypatch.setattr(_sockets, "AsyncSockets", AsyncScript)

    async def main() -> str:
        async with AsyncFilemill(URL, KEY, transport=fake.async_transport()) as client:
            async for each in client.events.follow():
                return each.id
        return ""

    assert asyncio.run(main()) == "evt_file_1_2"
