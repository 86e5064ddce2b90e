"""The programs in docs/react-to-events.md run as they stand there: both receivers of webhooks, and the page."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web
from playwright.sync_api import BrowserContext, expect

from chalicelib.events import envelope, signing
from ops.openapi.event_examples import event
from tests.stage import ROOT

PAGE = (ROOT / "docs" / "react-to-events.md").read_text()
SECRET, OLD = b"n" * 32, b"o" * 32


def program(language: str) -> str:
    """The first program in a language on the page."""
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def receiver(language: str, folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """A receiver of the page, started. Gives its address, and a function that reads its next line."""
    port = free_port()
    secret = f"whsec_{base64.b64encode(SECRET).decode()}"
    node = shutil.which("node") or "node"
    command = [sys.executable, "-"] if language == "python" else [node, "--input-type=commonjs", "-"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "SECRET": secret, "PORT": str(port)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(program(language))
        process.stdin.close()
        wait_for(port)
        yield f"http://127.0.0.1:{port}", process.stdout.readline
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the receiver did not start")


def send(
    url: str, told: dict[str, Any], *, secrets: tuple[bytes, ...] = (SECRET,), late: int = 0, body: str = ""
) -> int:
    """Sends an event as `deliver` does, signed `late` seconds ago, maybe with another `body`. Gives the status."""
    raw = envelope.as_json(told).encode()
    headers = dict(signing.headers(told["id"], int(time.time()) - late, raw, secrets))
    headers["Content-Type"] = "application/json"
    return requests.post(url, body.encode() or raw, headers=headers, timeout=10).status_code


@pytest.mark.parametrize("language", ["python", "js"])
def test_a_receiver_takes_what_is_signed_and_drops_what_it_knows(node_modules: Path, language: str) -> None:
    ready, deleted, test = (event(f"filemill.{kind}") for kind in ("file.ready", "file.deleted", "webhook.test"))
    processing = event("filemill.file.processing")
    with receiver(language, node_modules.parent) as (url, line):
        assert send(url, ready) == 204
        assert line().split() == ["filemill.file.ready", ready["subject"]]
        assert send(url, ready) == send(url, processing) == 204  # known, and older
        assert send(url, deleted, secrets=(OLD, SECRET)) == 204  # while the secret is rotated
        assert line().split() == ["filemill.file.deleted", ready["subject"]]
        assert send(url, test) == 204
        assert line().split() == ["filemill.webhook.test", test["subject"]]
        assert send(url, ready, secrets=(OLD,)) == 400
        assert send(url, ready, late=3600) == 400
        assert send(url, ready, body=envelope.as_json(deleted)) == 400


# --- the page


class FrontDoor:
    """The page's backend and a front door with a socket, on loopback. `conversations` has what each socket was sent."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.conversations: list[list[dict[str, Any]]] = []
        self.offered: list[str] = []
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_post("/my-backend/ticket", self._ticket)
        app.router.add_get("/ws", self._socket)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=self.page, content_type="text/html")

    async def _ticket(self, _: web.Request) -> web.Response:
        url = f"ws://127.0.0.1:{self.port}/ws"
        return web.json_response({"ticket": f"ticket-{len(self.offered)}", "url": url})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        self.offered.append(request.headers["Sec-WebSocket-Protocol"])
        answer = web.WebSocketResponse(protocols=["filemill.v1"])
        await answer.prepare(request)
        said = json.loads((await answer.receive()).data)
        self.conversations.append([said])
        number = len(self.conversations)
        for frame in FRAMES[number - 1]:
            await answer.send_str(json.dumps(frame))
        if number == 1:
            await answer.close()
        else:
            async for message in answer:
                self.conversations[-1].append(json.loads(message.data))
        return answer

    @contextmanager
    def running(self) -> Iterator[str]:
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        try:
            yield f"http://127.0.0.1:{self.port}/"
        finally:
            assert self._runner
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()


# What the first socket tells before it is closed, and what the second one does.
FRAMES: list[list[dict[str, Any]]] = [
    [
        {"type": "subscribed", "cursor": "one"},
        {"type": "change", "cursor": "two", "event": event("filemill.file.processing")},
    ],
    [
        {
            "type": "changes",
            "cursor": "three",
            "events": [event("filemill.file.processing"), event("filemill.file.ready")],
        },
        {"type": "subscribed", "cursor": "three"},
    ],
]


def test_the_page_shows_changes_and_comes_back_with_its_cursor(context: BrowserContext) -> None:
    text = program("html")
    assert len(text[text.index("<script") : text.index("</script")].splitlines()) <= 40
    door = FrontDoor(text)
    with door.running() as address:
        page = context.new_page()
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.goto(address)
        expect(page.locator("#files li")).to_have_text(["IMG 1.jpg: processing"])
        expect(page.locator("#files li")).to_have_text(["IMG 1.jpg: ready"], timeout=20_000)
        page.close()
    assert door.offered == ["filemill.v1, bearer.ticket-0", "filemill.v1, bearer.ticket-1"]
    assert [each[0] for each in door.conversations] == [
        {"action": "subscribe", "all": True},
        {"action": "subscribe", "all": True, "cursor": "two"},
    ]
    assert not [each for each in said if "favicon" not in each and "404" not in each]
