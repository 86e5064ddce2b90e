"""What ops/local/adapter/web_sockets.py makes of MiniStack's WebSocket APIs: AWS's answers, limits and closes.

The functions are small ones of this file. An emulator of its own ends idle connections after seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config

from ops.local.emulator_process import CREDENTIALS, REGION, EmulatorProcess
from tests import events_contract
from tests.e2e.stack import PYTHON
from tests.local import free_ports
from tests.strict import watching

IDLE, LIFE = 3, 8  # seconds
HANDLER = """
import json, os, time
import boto3

def connect(event, context):
    headers = {name.lower(): value for name, value in event["headers"].items()}
    wanted = headers.get("x-status", "200")
    print("connecting", event["requestContext"]["connectionId"])
    if wanted == "raise":
        raise RuntimeError("no")
    offered = [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",")]
    answer = {"statusCode": int(wanted), "body": "a body of connect"}
    return answer | ({"headers": {"Sec-WebSocket-Protocol": "filemill.v1"}} if "filemill.v1" in offered else {})

def message(event, context):
    context = event["requestContext"]
    print("called for", context["connectionId"], context["eventType"])
    body = json.loads(event["body"]) if event["body"][:1] == "{" else {}
    if body.get("wait"):
        time.sleep(body["wait"])
    if body.get("fail"):
        raise RuntimeError("as asked")
    endpoint = f"{os.environ['AWS_ENDPOINT_URL']}/_aws/execute-api/{context['apiId']}/{context['stage']}"
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    said = {"length": len(event["body"]), "name": body.get("name"), "route": context["routeKey"],
            "type": context["eventType"], "id": context["connectionId"],
            "connected": context["connectedAt"], "direction": context["messageDirection"]}
    client.post_to_connection(ConnectionId=context["connectionId"], Data=json.dumps(said).encode())
    return {"statusCode": 200, "body": "a body of message"}

def disconnect(event, context):
    context = event["requestContext"]
    print("gone", context["connectionId"], context["disconnectStatusCode"], "in process", os.getpid())
"""
ROUTES = {"$connect": "connect", "$default": "message", "$disconnect": "disconnect"}

Opened = aiohttp.ClientWebSocketResponse
Talk = Callable[[Opened], Awaitable[Any]]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("sockets"), free_ports(1)[0], PYTHON, [])
    process.socket_seconds = (IDLE, LIFE)
    process.start(print)
    yield process
    process.stop()


class Apis:
    """Makes WebSocket APIs, and connects to them."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.emulator = emulator
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("code.py", HANDLER)
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam = self.client("iam")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": trust}))["Role"]["Arn"]
        allow = {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
        self.functions = {
            name: self.client("lambda").create_function(
                FunctionName=f"ws-{name}",
                Runtime="python3.13",
                Role=role,
                Handler=f"code.{name}",
                Code={"ZipFile": packed.getvalue()},
                Timeout=20,
            )["FunctionArn"]
            for name in ROUTES.values()
        }
        self.ordinary = self.make(*ROUTES)

    def client(self, service: str, path: str = "", **options: Any) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.emulator.url + path,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, **options),
        )

    def make(self, *routes: str) -> str:
        """The id of an API with these routes and a stage `api`, made as Chalice makes it."""
        client = self.client("apigatewayv2")
        id_ = client.create_api(Name="t", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")[
            "ApiId"
        ]
        for route in routes:
            arn = self.functions[ROUTES[route]]
            uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
            made = client.create_integration(ApiId=id_, IntegrationType="AWS_PROXY", IntegrationUri=uri)
            target = f"integrations/{made['IntegrationId']}"
            client.create_route(ApiId=id_, RouteKey=route, Target=target, RouteResponseSelectionExpression="$default")
        deployment = client.create_deployment(ApiId=id_)["DeploymentId"]
        client.create_stage(ApiId=id_, StageName="api", DeploymentId=deployment)
        return str(id_)

    def posts(self, api: str | None = None) -> Any:
        return self.client("apigatewaymanagementapi", f"/_aws/execute-api/{api or self.ordinary}/api")

    def connected(self, talk: Talk, api: str | None = None, path: str = "api", **options: Any) -> Any:
        """The result of `talk` on a new connection."""

        async def run() -> Any:
            url = f"ws://127.0.0.1:{self.emulator.port}/_aws/execute-api/{api or self.ordinary}/{path}"
            async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0, **options) as opened:
                return await talk(opened)

        return asyncio.run(asyncio.wait_for(run(), 40))

    def logged(self, function: str) -> str:
        """The function's log. It has no group before the first call."""
        client = self.client("logs")
        pages = client.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/ws-{function}")
        try:
            return "\n".join(event["message"] for page in pages for event in page["events"])
        except client.exceptions.ResourceNotFoundException:
            return ""


@pytest.fixture(scope="module")
def apis(emulator: EmulatorProcess) -> Apis:
    return Apis(emulator)


@pytest.fixture(autouse=True)
def other_messages() -> Iterator[None]:
    """What is posted here is no message of Filemill's, and some of it AWS would refuse, as the emulator must."""
    with events_contract.unchecked(), watching.unchecked():
        yield


async def nothing(opened: Opened) -> None:
    """Connects only."""


async def id_of(opened: Opened) -> str:
    """The connection's id, which the error about a function that failed has."""
    await opened.send_json({"fail": True})
    return str((await opened.receive_json())["connectionId"])


def closed(message: aiohttp.WSMessage) -> int:
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    return int(message.data)


@pytest.mark.parametrize(("status", "answer"), [("401", 401), ("403", 403), ("429", 429), ("503", 503), ("raise", 502)])
def test_connect_refuses_with_its_own_status(apis: Apis, status: str, answer: int) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        apis.connected(nothing, headers={"X-Status": status})
    assert refused.value.status == answer


def test_the_subprotocol_that_connect_chose_is_told(apis: Apis) -> None:
    async def protocol(opened: Opened) -> str | None:
        return opened.protocol

    assert apis.connected(protocol, protocols=("bearer.x", "filemill.v1")) == "filemill.v1"
    assert apis.connected(protocol) is None


@pytest.mark.parametrize("path", ["other", "api/below", ""])
def test_only_the_stages_own_address_answers(apis: Apis, path: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        apis.connected(nothing, path=path)
    assert refused.value.status == 403


def test_without_connect_everybody_gets_in_and_default_is_not_called(apis: Apis) -> None:
    async def talk(opened: Opened) -> Any:
        await opened.send_json({"name": "a"})
        return await opened.receive_json()

    said = apis.connected(talk, apis.make("$default"))
    assert said["route"] == "$default"

    def calls() -> list[str]:
        return [line for line in apis.logged("message").splitlines() if line.startswith(f"called for {said['id']}")]

    # The function sends its message before it ends, and the emulator writes a run's log when the run has ended.
    assert eventually(lambda: bool(calls()))
    assert calls() == [f"called for {said['id']} MESSAGE"]


@pytest.mark.parametrize("action", ["$connect", "$disconnect", "$default", "other", None, 7])
def test_a_message_cannot_choose_a_predefined_route(apis: Apis, action: Any) -> None:
    async def talk(opened: Opened) -> Any:
        await opened.send_json({"action": action})
        return await opened.receive_json()

    said = apis.connected(talk)
    assert (said["route"], said["type"], said["direction"]) == ("$default", "MESSAGE", "IN")


def test_what_a_function_returns_does_not_reach_the_client(apis: Apis) -> None:
    async def talk(opened: Opened) -> list[str]:
        await opened.send_str("hello")
        first = await opened.receive_str()
        with pytest.raises(TimeoutError):
            await opened.receive(timeout=0.5)
        return [first]

    assert "a body of" not in "".join(apis.connected(talk))


def test_a_function_that_fails_is_an_error_message_and_the_connection_stays(apis: Apis) -> None:
    async def talk(opened: Opened) -> Any:
        await opened.send_json({"fail": True})
        error = await opened.receive_json()
        await opened.send_json({"name": "b"})
        return error, await opened.receive_json()

    error, after = apis.connected(talk)
    assert error["message"] == "Internal server error"
    assert set(error) == {"message", "connectionId", "requestId"}
    assert after["name"] == "b"


def test_messages_of_one_connection_are_handled_at_the_same_time(apis: Apis) -> None:
    async def talk(opened: Opened) -> Any:
        await opened.send_json({"wait": 1.5, "name": "slow"})
        await opened.send_json({"name": "quick"})
        return [await opened.receive_json() for _ in range(2)]

    answers = apis.connected(talk)
    assert [answer["name"] for answer in answers] == ["quick", "slow"]
    assert answers[0]["connected"] == answers[1]["connected"]


@pytest.mark.parametrize("size", [32 * 1024, 5])
def test_a_frame_of_32_kilobytes_is_allowed(apis: Apis, size: int) -> None:
    async def talk(opened: Opened) -> Any:
        await opened.send_str("x" * size)
        return await opened.receive_json()

    assert apis.connected(talk)["length"] == size


@pytest.mark.parametrize("text", ["x" * (32 * 1024 + 1), "ü" * (16 * 1024 + 1), "x" * 200_000])
def test_a_larger_frame_closes_the_connection(apis: Apis, text: str) -> None:
    async def talk(opened: Opened) -> int:
        await opened.send_str(text)
        return closed(await opened.receive())

    assert apis.connected(talk) == 1009


@pytest.mark.parametrize(("parts", "answer"), [(4, 128 * 1024), (5, None)])
def test_a_message_in_frames_may_have_128_kilobytes(apis: Apis, parts: int, answer: int | None) -> None:
    async def talk(opened: Opened) -> Any:
        writer = opened._writer
        for part in range(parts):
            first, last = part == 0, part == parts - 1
            writer.transport.write(frame(1 if first else 0, b"x" * 32 * 1024, final=last))
        message = await opened.receive()
        return json.loads(message.data)["length"] if message.type is aiohttp.WSMsgType.TEXT else closed(message)

    assert apis.connected(talk) == (answer or 1009)


def frame(opcode: int, data: bytes, *, final: bool) -> bytes:
    """A client's frame, with a mask of zeros."""
    return bytes([(0x80 if final else 0) | opcode, 0x80 | 126]) + len(data).to_bytes(2, "big") + bytes(4) + data


def test_a_binary_message_closes_the_connection(apis: Apis) -> None:
    async def talk(opened: Opened) -> int:
        await opened.send_bytes(b"\x00\x01")
        return closed(await opened.receive())

    assert apis.connected(talk) == 1003


def test_no_compression_is_agreed_on(apis: Apis) -> None:
    async def talk(opened: Opened) -> int:
        return opened.compress

    assert apis.connected(talk, compress=15) == 0


def test_an_idle_connection_ends_and_one_that_is_used_ends_of_age(apis: Apis) -> None:
    async def idle(opened: Opened) -> tuple[int, float]:
        began = time.monotonic()
        return closed(await opened.receive()), time.monotonic() - began

    code, seconds = apis.connected(idle)
    assert code == 1001
    assert IDLE - 0.5 < seconds < IDLE + 2

    async def busy(opened: Opened) -> tuple[int, float]:
        began = time.monotonic()
        while True:
            await opened.send_json({"name": "tick"})
            await opened.receive_json()
            with contextlib.suppress(TimeoutError):
                return closed(await opened.receive(timeout=IDLE / 2)), time.monotonic() - began

    code, seconds = apis.connected(busy)
    assert code == 1001
    assert LIFE - 0.5 < seconds < LIFE + 2


def test_disconnect_is_called_and_every_function_has_its_log(apis: Apis) -> None:
    async def leave(opened: Opened) -> str:
        id_ = await id_of(opened)
        await opened.close(code=4005)
        return id_

    id_ = apis.connected(leave)
    assert eventually(lambda: f"gone {id_}" in apis.logged("disconnect"))
    assert f"connecting {id_}" in apis.logged("connect")


def test_clients_that_leave_together_start_eight_processes_at_most(apis: Apis) -> None:
    count = 40

    async def leave_together(first: Opened) -> None:
        url = first._response.url.with_scheme("ws")
        async with aiohttp.ClientSession() as session:
            opened = [await session.ws_connect(url) for _ in range(count)]
            await asyncio.gather(*(each.close() for each in opened))

    def named(function: str) -> set[str]:
        return set(re.findall(r"(?:connecting|gone) (\w+)", apis.logged(function)))

    before = named("connect")
    apis.connected(leave_together)
    left = named("connect") - before
    assert len(left) == count + 1
    assert eventually(lambda: left <= named("disconnect"), 20)
    processes = set(re.findall(r"in process (\d+)", apis.logged("disconnect")))
    assert 1 <= len(processes) <= 8


def test_the_management_api_answers_as_aws(apis: Apis) -> None:
    posts = apis.posts()

    async def talk(opened: Opened) -> str:
        id_ = await id_of(opened)
        found = await asyncio.to_thread(posts.get_connection, ConnectionId=id_)
        assert abs(found["ConnectedAt"].timestamp() - time.time()) < 10
        assert found["LastActiveAt"] >= found["ConnectedAt"]
        assert found["Identity"]["SourceIp"] == "127.0.0.1"
        await asyncio.to_thread(posts.post_to_connection, ConnectionId=id_, Data=b"x" * 128 * 1024)
        assert len(await opened.receive_str()) == 128 * 1024
        with pytest.raises(posts.exceptions.PayloadTooLargeException):
            await asyncio.to_thread(posts.post_to_connection, ConnectionId=id_, Data=b"x" * (128 * 1024 + 1))
        await asyncio.to_thread(posts.delete_connection, ConnectionId=id_)
        assert closed(await opened.receive()) == 1000
        return id_

    id_ = apis.connected(talk)
    for operation, arguments in (
        (posts.post_to_connection, {"Data": b"x"}),
        (posts.get_connection, {}),
        (posts.delete_connection, {}),
    ):
        with pytest.raises(posts.exceptions.GoneException):
            operation(ConnectionId=id_, **arguments)
    with pytest.raises(apis.posts(apis.make("$default")).exceptions.GoneException):
        apis.posts(apis.make("$default")).post_to_connection(ConnectionId=id_, Data=b"x")


def test_a_client_that_never_reads_is_refused_more_and_then_ended(apis: Apis) -> None:
    posts = apis.posts()

    async def talk(opened: Opened) -> tuple[str, int]:
        id_ = await id_of(opened)
        assert opened._response
        assert opened._response.connection
        assert opened._response.connection.transport
        opened._response.connection.transport.pause_reading()

        def flood() -> int:
            for count in range(2000):
                try:
                    posts.post_to_connection(ConnectionId=id_, Data=b"x" * 100_000)
                except posts.exceptions.LimitExceededException:
                    return count
            raise AssertionError

        count = await asyncio.to_thread(flood)
        await asyncio.sleep(3 * IDLE)
        with pytest.raises(posts.exceptions.GoneException):
            await asyncio.to_thread(posts.post_to_connection, ConnectionId=id_, Data=b"x")
        return id_, count

    id_, count = apis.connected(talk)
    assert count * 100_000 < 30_000_000
    assert eventually(lambda: f"gone {id_}" in apis.logged("disconnect"), 10)


def eventually(true: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.1)
    return true()
