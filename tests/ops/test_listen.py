"""`ops listen` against a server that speaks the socket's protocol, breaks off, and refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ops import listen
from ops.errors import OpsError
from ops.local.edge import listener
from tests.stage import ROOT

Opened = web.WebSocketResponse


def event(subject: str, revision: int, kind: str = "ready") -> dict[str, Any]:
    return {
        "id": f"evt_{subject}_{revision}",
        "type": f"filemill.file.{kind}",
        "time": "2026-11-26T05:00:00Z",
        "subject": subject,
        "data": {
            "file": {"id": subject, "revision": revision, "filename": "a.png"},
            "actor": {"type": "key", "id": "0123456789abcdef"},
        },
    }


def change(cursor: str, *events: dict[str, Any]) -> dict[str, Any]:
    if len(events) == 1:
        return {"type": "change", "cursor": cursor, "event": events[0]}
    return {"type": "changes", "cursor": cursor, "events": list(events)}


class Server:
    """Hands each connection to the next of `talks`; the last one takes all others. `asked` are the subscriptions."""

    def __init__(self, *talks: Callable[[Opened], Awaitable[None]] | int) -> None:
        self.talks = list(talks)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.codes: list[int | None] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.keys.append(request.headers.get("Authorization"))
        talk = self.talks.pop(0) if len(self.talks) > 1 else self.talks[0]
        if isinstance(talk, int):
            return web.Response(status=talk)
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        self.asked.append(await opened.receive_json())
        await talk(opened)
        if not opened.closed:
            await opened.receive()
        self.codes.append(opened.close_code)
        return opened

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        runner = web.ServerRunner(web.Server(self.handle), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await listener.close(runner)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "PAUSES", (0.01, 0.05))


def heard(server: Server, messages: int, **options: Any) -> tuple[list[Any], list[str], listen.Listener]:
    """(the messages that were shown, the remarks, the listener) after this many messages."""
    shown: list[Any] = []
    said: list[str] = []

    async def run() -> listen.Listener:
        enough = asyncio.Event()

        def show(message: Any) -> None:
            shown.append(message)
            if len(shown) == messages:
                enough.set()

        wanted = options.pop("wanted", {"all": True})
        async with server.served() as url:
            listener = listen.Listener(listen.address(url), "fm_k", wanted, show, say=said.append, **options)
            task = asyncio.create_task(listener.run())
            waiting = asyncio.create_task(enough.wait())
            await asyncio.wait([task, waiting], timeout=10, return_when=asyncio.FIRST_COMPLETED)
            task.cancel()
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.05)
            return listener

    listener = asyncio.run(run())
    return shown, said, listener


async def subscribe(opened: Opened, cursor: str = "c0") -> None:
    await opened.send_json({"type": "subscribed", "cursor": cursor})


def test_it_goes_on_where_it_was_after_each_break() -> None:
    async def first(opened: Opened) -> None:
        await subscribe(opened)
        await opened.send_json(change("c1", event("file_a", 1)))
        await opened.close(code=1001, message=b"Going away")

    async def broken(opened: Opened) -> None:
        await opened.send_json(change("c2", event("file_a", 2), event("file_b", 1)))
        await subscribe(opened, "c3")
        assert opened._req
        assert opened._req.transport
        opened._req.transport.abort()

    async def failing(opened: Opened) -> None:
        await opened.send_json({"message": "Internal server error", "connectionId": "x", "requestId": "y"})

    async def last(opened: Opened) -> None:
        await subscribe(opened, "c4")

    server = Server(first, broken, 503, failing, last)
    shown, said, listener = heard(server, 5)
    assert [m["cursor"] for m in shown] == ["c0", "c1", "c2", "c3", "c4"]
    assert server.asked[0] == {"action": "subscribe", "all": True}
    assert [asked.get("cursor") for asked in server.asked] == [None, "c1", "c3", "c3"]
    assert set(server.keys) == {"Bearer fm_k"}
    assert any("Going away, code 1001" in text for text in said)
    assert listener.cursor == "c4"
    assert server.codes[-1] == 1000, "it leaves politely"


def test_named_files_and_a_first_cursor_are_asked_for() -> None:
    server = Server(subscribe)
    heard(server, 1, wanted={"files": ["file_a"]}, cursor="c9")
    assert server.asked == [{"action": "subscribe", "files": ["file_a"], "cursor": "c9"}]


@pytest.mark.parametrize(("status", "words"), [(401, "not valid"), (403, "events:read")])
def test_a_refused_key_ends_it(status: int, words: str) -> None:
    with pytest.raises(OpsError, match=words):
        heard(Server(status), 1)


def test_a_refused_subscription_ends_it_with_the_servers_words() -> None:
    async def refuse(opened: Opened) -> None:
        await opened.send_json({"type": "error", "code": "invalid_cursor", "detail": "No such cursor."})

    with pytest.raises(OpsError, match=r"invalid_cursor: No such cursor\."):
        heard(Server(refuse), 1)


def test_a_server_that_no_longer_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "PING", 0.05)
    monkeypatch.setattr(listen, "PONG", 0.1)
    pings: list[Any] = []

    async def silent(opened: Opened) -> None:
        await subscribe(opened)
        pings.append(await opened.receive_json())
        await opened.send_json({"type": "pong"})
        pings.append(await opened.receive_json())
        await asyncio.sleep(0.5)

    shown, said, _ = heard(Server(silent, subscribe), 2)
    assert pings == [{"action": "ping"}] * 2
    assert [m["type"] for m in shown] == ["subscribed"] * 2
    assert any("no answer" in text for text in said)


def test_lines_leave_out_what_comes_again(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "KNOWN", 2)
    lines = listen.Lines()
    for message in (
        {"type": "subscribed", "cursor": "c"},
        change("c1", event("file_a", 1, "created"), event("file_a", 2)),
        change("c2", event("file_a", 2), event("file_b", 1)),
        change("c3", event("file_a", 3, "deleted")),
        *(change("c4", event(f"file_{n}", 1)) for n in range(5)),
    ):
        lines(message)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 4 + 5
    first = "2026-11-26T05:00:00Z  file.created     file_a  r1  key 0123456789abcdef  a.png"
    assert printed[0] == first
    assert len(lines.known) == 2


def test_the_key_is_found_or_asked_for(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    with pytest.raises(OpsError, match="FILEMILL_KEY"):
        listen.local_key("local", tmp_path / "app")
    (tmp_path / "api-key").write_text("fm_local\n")
    assert listen.local_key("local", tmp_path / "app") == "fm_local"
    with pytest.raises(OpsError, match="--key"):
        listen.local_key("prod", tmp_path / "app")


def test_an_address_is_the_front_doors() -> None:
    assert listen.address("http://localhost:8000") == "ws://localhost:8000/ws"
    assert listen.address("https://files.example.com/") == "wss://files.example.com/ws"


def test_ctrl_c_ends_the_command_cleanly(tmp_path: Path) -> None:
    async def talk(opened: Opened) -> None:
        await subscribe(opened)
        await opened.send_json(change("c1", event("file_a", 1)))

    server = Server(talk)

    async def run() -> tuple[bytes, bytes, int | None]:
        async with server.served() as url:
            (tmp_path / ".chalice").mkdir()
            variables = {"FILEMILL_STAGE": "dev", "FILEMILL_FRONT_DOOR": url}
            stage = {"stages": {"dev": {"environment_variables": variables}}}
            (tmp_path / ".chalice" / "config.json").write_text(json.dumps(stage))
            code = (
                "import argparse, pathlib, sys; from ops import listen; "
                f"a = argparse.Namespace(project_dir=pathlib.Path({str(tmp_path)!r}), stage='dev', key='fm_k', "
                "file=None, json=False, cursor=None, all=False); sys.exit(listen.main(a))"
            )
            # As a background job of a shell, which ignores Ctrl-C.
            process = await asyncio.create_subprocess_exec(
                *("sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-c", code),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            assert process.stdout
            line = await asyncio.wait_for(process.stdout.readline(), 20)
            process.send_signal(signal.SIGINT)
            rest, errors = await asyncio.wait_for(process.communicate(), 10)
            await asyncio.sleep(0.1)
            return line + rest, errors, process.returncode

    out, errors, code = asyncio.run(run())
    assert b"file.ready" in out
    assert b"Traceback" not in errors
    assert code == 0
    assert server.codes == [1000]
