"""Events over the WebSocket of the deployed stack: through the front door, from the upload to `ready`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from ops import listen
from ops.local.stage import ROOT, LocalStage
from tests.e2e import stack
from tests.local import Api

Opened = aiohttp.ClientWebSocketResponse
Talk = Callable[[Opened], Awaitable[Any]]


def connected(stage: LocalStage, talk: Talk, **options: Any) -> Any:
    """The result of `talk` on a connection through the front door."""

    async def run() -> Any:
        url = listen.address(stage.front_door)
        async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0, **options) as opened:
            return await talk(opened)

    return asyncio.run(asyncio.wait_for(run(), 120))


def bearer(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.key}"}


class Subscriber:
    """What one client knows: the last cursor, and the latest event of each file."""

    def __init__(self, **wanted: Any) -> None:
        self.wanted = wanted
        self.cursor: str | None = None
        self.events: list[dict[str, Any]] = []

    async def subscribe(self, opened: Opened) -> None:
        cursor = {"cursor": self.cursor} if self.cursor else {}
        await opened.send_json({"action": "subscribe", **self.wanted, **cursor})
        await self.until(opened, lambda message: message["type"] == "subscribed")

    async def until(self, opened: Opened, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Reads on until a message is enough."""
        while True:
            message: dict[str, Any] = await opened.receive_json(timeout=60)
            assert message["type"] in ("subscribed", "change", "changes"), message
            self.events += listen.events_of(message)
            self.cursor = message.get("cursor", self.cursor)
            if enough(message):
                return message

    async def until_ready(self, opened: Opened, file_id: str) -> None:
        await self.until(opened, lambda _: self.states(file_id)[-1:] == ["ready"])

    def states(self, file_id: str) -> list[str]:
        return [each["type"].rpartition(".")[2] for each in self.events if each["subject"] == file_id]

    def revisions(self, file_id: str) -> list[int]:
        return [each["data"]["file"]["revision"] for each in self.events if each["subject"] == file_id]


def test_an_upload_is_heard_until_it_is_ready(local_stage: LocalStage, api: Api) -> None:
    subscriber = Subscriber(all=True)

    async def talk(opened: Opened) -> dict[str, Any]:
        await subscriber.subscribe(opened)
        record = await asyncio.to_thread(stack.upload, api, stack.png())
        await subscriber.until_ready(opened, record["id"])
        await opened.send_json({"action": "ping"})
        while (message := await opened.receive_json(timeout=20)) != {"type": "pong"}:
            assert message["type"] == "change", "the newest state may come twice"
        return record

    record = connected(local_stage, talk, headers=bearer(api))
    revisions = subscriber.revisions(record["id"])
    assert revisions == sorted(revisions)
    last = [each for each in subscriber.events if each["subject"] == record["id"]][-1]
    assert last["id"] == f"evt_{record['id']}_{record['revision']}"
    assert last["data"]["file"]["renditions"]


def test_a_client_that_was_away_hears_what_it_missed(local_stage: LocalStage, api: Api) -> None:
    subscriber = Subscriber(all=True)

    async def first(opened: Opened) -> None:
        await subscriber.subscribe(opened)

    connected(local_stage, first, headers=bearer(api))
    missed = [stack.upload(api, stack.png((300 + n, 200)))["id"] for n in range(2)]
    api("DELETE", f"/v1/files/{missed[0]}")

    async def again(opened: Opened) -> str:
        await subscriber.subscribe(opened)
        later = str((await asyncio.to_thread(stack.upload, api, stack.png((310, 200))))["id"])
        await subscriber.until_ready(opened, later)
        return later

    later = connected(local_stage, again, headers=bearer(api))
    assert subscriber.states(missed[0])[-1] == "deleted"
    assert subscriber.states(missed[1])[-1] == "ready"
    for file_id in (*missed, later):
        assert subscriber.revisions(file_id) == sorted(subscriber.revisions(file_id))


def test_a_browsers_way_in_is_a_ticket_that_works_once(local_stage: LocalStage, api: Api) -> None:
    made = api("POST", "/v1/socket-tickets")
    assert made.status_code == 201, made.text
    protocols = ("filemill.v1", f"bearer.{made.json()['ticket']}")

    async def talk(opened: Opened) -> str | None:
        await Subscriber(all=True).subscribe(opened)
        return opened.protocol

    assert connected(local_stage, talk, protocols=protocols) == "filemill.v1"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        connected(local_stage, talk, protocols=protocols)
    assert refused.value.status == 401


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer fm_0123456789abcdef_nonsense"}])
def test_nobody_gets_in_without_a_credential(local_stage: LocalStage, headers: dict[str, str]) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        connected(local_stage, Subscriber(all=True).subscribe, headers=headers)
    assert refused.value.status == 401


def test_other_tenants_hear_nothing_of_it(local_stage: LocalStage, api: Api, api_of: Callable[[str], Api]) -> None:
    stranger = Subscriber(all=True)
    others = api_of("others")

    async def talk(opened: Opened) -> str:
        await stranger.subscribe(opened)
        await asyncio.to_thread(stack.upload, api, stack.png())
        own = str((await asyncio.to_thread(stack.upload, others, stack.png()))["id"])
        await stranger.until_ready(opened, own)
        return own

    own = connected(local_stage, talk, headers=bearer(others))
    assert {each["subject"] for each in stranger.events} == {own}


def test_a_second_deployment_keeps_sockets_working(local_stage: LocalStage, api: Api) -> None:
    """`chalice deploy` replaces the routes. Who is connected stays so, and the stage's deployment stays, too."""
    client = local_stage.client("apigatewayv2")
    deployed = json.loads((local_stage.project_dir / ".chalice" / "deployed" / "local.json").read_text())["resources"]
    api_id = next(each["websocket_api_id"] for each in deployed if each["resource_type"] == "websocket_api")

    def state() -> tuple[str, set[str]]:
        routes = {route["RouteId"] for route in client.get_routes(ApiId=api_id)["Items"]}
        return client.get_stage(ApiId=api_id, StageName="api")["DeploymentId"], routes

    before = state()
    subscriber = Subscriber(all=True)

    async def talk(opened: Opened) -> None:
        await subscriber.subscribe(opened)
        await asyncio.to_thread(local_stage.make_deploy)
        record = await asyncio.to_thread(stack.upload, api, stack.png())
        await subscriber.until_ready(opened, record["id"])

    connected(local_stage, talk, headers=bearer(api))
    after = state()
    assert after[0] == before[0], "the routes say the same, so no deployment is needed"
    assert not after[1] & before[1]
    connected(local_stage, subscriber.subscribe, headers=bearer(api))


def test_listen_prints_events_and_ends_with_ctrl_c(local_stage: LocalStage, api: Api) -> None:
    command = [sys.executable, "-m", "ops", "listen", "--stage", "local", "--project-dir", str(local_stage.project_dir)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        assert process.stdout
        assert "listening at ws://" in process.stderr.readline()
        record = stack.upload(api, stack.png())
        until = time.monotonic() + 30
        lines: list[str] = []
        while not any("file.ready" in line and record["id"] in line for line in lines):
            assert time.monotonic() < until
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=15)
        assert process.returncode == 0
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()
