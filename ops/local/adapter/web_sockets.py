"""API Gateway's WebSocket APIs, where MiniStack is kinder than AWS, or forgets something.

- The answer of `$connect` counts: its status when it refuses, and its `Sec-WebSocket-Protocol`. An API without
  `$connect` lets everybody in; MiniStack would call `$default`, and would take a client's word for the route's name.
- A stage's address has no path below it, and a stage that is not there answers 403.
- The messages of one connection may be handled at the same time. A function's answer goes to the client only through a
  route response, which Chalice does not make; a function that failed makes an error message.
- A frame above 32 KB or a message above 128 KB closes the connection with 1009, a binary message with 1003.
- At most eight runs of each function are at work at once. On AWS the account's concurrency is the bound.
- A connection ends after ten minutes without a message, and after two hours.
- PostToConnection answers 413 to more than 128 KB, and 429 while the client does not read what it got before.
- GetConnection answers with AWS's names and times. A function's log is kept like that of any other call.

One difference stays: `$disconnect` is not told the client's own close code, because the server (Hypercorn) drops it.

Events and answers: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
Limits: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

import asyncio
import collections
import contextvars
import json
import logging
import os
import time
from datetime import UTC, datetime

RELIED_ON = {
    "hypercorn.protocol.ws_stream:WebsocketBuffer.extend": "(self, event: 'Message') -> 'None'",
    "hypercorn.protocol.ws_stream:server_extensions_handshake": (
        "(requested: 'Iterable[str]', supported: 'list[Extension]') -> 'bytes | None'"
    ),
    "ministack.services.apigateway:handle_websocket": (
        "(scope, receive, send, api_id: str, path_override: str | None = None)"
    ),
    "ministack.services.apigateway:handle_connections_api": (
        "(method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict)"
    ),
    "ministack.services.apigateway:_invoke_ws_lambda": (
        "(api_id: str, account_id: str, region: str, route: dict, stage: str, connection_id: str, event_type: str, "
        "message_id: str, body_text: str, source_ip: str, headers: dict, query_params: dict | None = None, **kwargs) "
        "-> dict | None"
    ),
    "ministack.services.apigateway:_match_ws_route": "(api_id: str, route_key: str)",
    "ministack.services.apigateway:_evaluate_route_selection": "(expr: str, payload_text: str) -> str",
    "ministack.services.apigateway:_refuse_ws_handshake": ("(scope, send, status, message, connection_id, request_id)"),
    "ministack.services.apigateway:_api_owner": "(api_id: str)",
    "ministack.services.apigateway:_ws_connect_fields": "(headers: dict, query_params: dict | None) -> dict",
    "ministack.services.apigateway:_extract_lambda_ref_from_integration_uri": "(uri: str) -> str",
    "ministack.services.lambda_svc:_execution_record_for_config": "(func: dict, config: dict) -> dict",
    "ministack.services.lambda_svc:_execute_function_with_config_scope": "(func: dict, event: dict) -> dict",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""

FRAME, MESSAGE = 32 * 1024, 128 * 1024  # bytes
IDLE, LIFE = 600.0, 7200.0  # seconds
WAITING = 512 * 1024  # characters that may wait for a client which does not read; AWS does not publish its number

AT_ONCE = 8
"""Runs of one function for sockets at once. The others wait their turn, in order. Each new one starts a process, so 200
clients that leave together would keep a small machine busy for 20 s. AWS would run them all, as far as the account's
concurrency or the function's own allows, and answers 429 beyond that.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""

log = logging.getLogger("filemill.web_sockets")


class Connection:
    """One handshake, and the connection that it may become."""

    def __init__(self) -> None:
        self.answer = {}  # of the route `$connect`
        self.accepted = False
        self.closed = False
        self.began = self.last = time.monotonic()
        self.connected_at = int(time.time() * 1000)

    def time_left(self) -> float:
        """Seconds until it is closed for being idle or old."""
        until = min(self.last + limit("IDLE", IDLE), self.began + limit("LIFE", LIFE))
        return until - time.monotonic()


here = contextvars.ContextVar("connection")
turns = collections.defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
"""Function → its runs. It has its own, so that nobody who connects waits for all those who leave. No run waits for
another one, so they can't block each other."""
at_work = set()
"""Calls of functions that nobody waits for. asyncio itself keeps no task alive."""


def limit(name: str, default: float) -> float:
    return float(os.environ.get(f"SOCKET_{name}_SECONDS") or default)


def apply() -> None:
    bound_frames()
    choose_routes()
    call_functions()
    keep_connections()
    manage_connections()


def bound_frames() -> None:
    """Refuses frames and messages that are too large, while they arrive. Compression is not agreed on: a frame is
    counted as it was sent."""
    from hypercorn.protocol import ws_stream

    class BoundedBuffer(ws_stream.WebsocketBuffer):
        def __init__(self, max_length) -> None:
            super().__init__(min(max_length, MESSAGE))
            self.frame = self.bytes = 0

        def extend(self, event) -> None:
            size = len(event.data.encode() if isinstance(event.data, str) else event.data)
            self.frame += size
            self.bytes += size
            if self.frame > FRAME or self.bytes > MESSAGE:
                raise ws_stream.FrameTooLargeError
            if event.frame_finished:
                self.frame = 0
            super().extend(event)

        def clear(self) -> None:
            self.bytes = 0
            super().clear()

    ws_stream.WebsocketBuffer = BoundedBuffer
    ws_stream.server_extensions_handshake = lambda requested, supported: None


def choose_routes() -> None:
    """Keeps `$connect` and `$disconnect` to themselves: they do not fall to `$default`, and no message names them."""
    from ministack.services import apigateway as v2

    match, evaluate = v2._match_ws_route, v2._evaluate_route_selection

    def match_exactly(api_id, route_key):
        found = match(api_id, route_key)
        special = route_key in ("$connect", "$disconnect")
        return None if special and found and found.get("routeKey") != route_key else found

    def evaluate_for_messages(expression, text):
        chosen = evaluate(expression, text)
        return "$default" if chosen in ("$connect", "$disconnect") else chosen

    v2._match_ws_route, v2._evaluate_route_selection = match_exactly, evaluate_for_messages


def call_functions() -> None:
    """Calls a route's function as any other caller does, with several processes and with its log kept."""
    from ministack.services import apigateway as v2

    original = v2._invoke_ws_lambda

    async def invoke_as_aws(
        api_id, account_id, region, route, stage, connection_id, event_type, message_id, body, *rest, **options
    ):
        integration = v2._integrations.get(api_id, {}).get(route.get("target", "").rpartition("/")[2]) or {}
        place = (api_id, account_id, region, route, stage, connection_id, event_type, message_id, body)
        if integration.get("integrationType") != "AWS_PROXY":
            return await original(*place, *rest, **options)
        function = function_of(v2, integration, account_id, region)
        if function is None:
            return {"statusCode": 500}
        event = event_of(v2, *place, *rest, **options)
        if event_type == "CONNECT":
            here.get().answer = answer = await call(function, event)
            return answer
        if event_type == "MESSAGE":
            task = asyncio.create_task(answer_message(v2, api_id, route, connection_id, function, event))
            at_work.add(task)
            task.add_done_callback(at_work.discard)
            return None
        return await call(function, event)

    v2._invoke_ws_lambda = invoke_as_aws


def function_of(v2, integration, account_id, region):
    """The Lambda function of an integration, in the form that MiniStack runs; None if there is none."""
    from ministack.services import lambda_svc

    name = v2._extract_lambda_ref_from_integration_uri(integration.get("integrationUri", ""))
    data, config, _ = lambda_svc._get_func_record_for_ref_in_scope(name, account_id=account_id, region=region)
    return lambda_svc._execution_record_for_config(data, config) if config else None


def event_of(
    v2,
    api_id,
    account_id,
    region,
    route,
    stage,
    connection_id,
    event_type,
    message_id,
    body,
    source_ip,
    headers,
    query_params=None,
    **options,
):
    """The event of a function, as API Gateway makes it."""
    context = v2._ws_request_context(
        api_id, route["routeKey"], stage, connection_id, event_type, message_id, source_ip, headers
    )
    context |= {"connectedAt": here.get().connected_at, "messageDirection": "IN"}
    if options.get("authorizer") is not None:
        context["authorizer"] = options["authorizer"]
    event = {"requestContext": context, "isBase64Encoded": False}
    if event_type == "CONNECT":
        return event | v2._ws_connect_fields(headers, query_params)
    if event_type == "MESSAGE":
        context["messageId"] = message_id
        return event | {"body": body or ""}
    context["disconnectStatusCode"] = int(options.get("disconnect_code", 1005))
    context["disconnectReason"] = options.get("disconnect_reason", "")
    return event


async def call(function, event):
    """The function's answer. One that fails answers 502, by MiniStack's lambda_execute_result_to_api_proxy_response."""
    from ministack.core.concurrency import run_reentrant
    from ministack.services import lambda_svc

    async with turns[function["config"]["FunctionName"]]:
        result = await run_reentrant(lambda_svc._execute_function_with_config_scope, function, event)
    return lambda_svc.lambda_execute_result_to_api_proxy_response(result)[0] or {}


async def answer_message(v2, api_id, route, connection_id, function, event) -> None:
    """Calls the function for one message. The client hears of it only through a route response, or if it failed.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
    """
    try:
        answer = await call(function, event)
    except Exception:
        log.exception("a function was not called")
        answer = {"statusCode": 502}
    said = None
    if answer.get("statusCode") == 502:
        request_id = event["requestContext"]["requestId"]
        said = {"message": "Internal server error", "connectionId": connection_id, "requestId": request_id}
    elif v2._route_responses.get(api_id, {}).get(route.get("routeId")):
        said = answer.get("body")
    connection = v2._ws_connections.get(connection_id)
    if said and connection:
        connection["outbox"].put_nowait(said if isinstance(said, str) else json.dumps(said))


def keep_connections() -> None:
    """Opens, bounds and closes connections as AWS does."""
    from ministack.services import apigateway as v2

    handle = v2.handle_websocket

    async def handle_as_aws(scope, receive, send, api_id, path_override=None):
        connection = Connection()
        here.set(connection)
        if not has_stage(v2, api_id, path_override if path_override is not None else scope["path"]):
            await receive()
            await v2._refuse_ws_handshake(scope, send, 403, "Forbidden", "-", "-")
            return
        await handle(
            scope,
            bounded_receive(connection, receive, send),
            as_answered(v2, connection, scope, send),
            api_id,
            path_override,
        )

    v2.handle_websocket = handle_as_aws


def has_stage(v2, api_id, path) -> bool:
    """True if the path is a stage of the API, and nothing below it."""
    owner = v2._api_owner(api_id)
    if not owner or owner[0] != "WEBSOCKET":
        return True  # MiniStack refuses it
    stages = v2._stages.get_scoped(owner[1], owner[2], api_id, {})
    return path.strip("/") in stages or ("$default" in stages and not path.strip("/"))


def as_answered(v2, connection, scope, send):
    """`send`, with the answer of `$connect` in place of MiniStack's own, and one close at most.

    A client that reads nothing for as long as a connection may be idle is given up.
    """

    async def sent(event):
        if event["type"] == "websocket.accept":
            connection.accepted = True
            connection.began = connection.last = time.monotonic()
            headers = {name.lower(): value for name, value in (connection.answer.get("headers") or {}).items()}
            protocol = headers.get("sec-websocket-protocol")
            if protocol in scope["subprotocols"]:
                event = {**event, "subprotocol": protocol}
        elif event["type"] == "websocket.close":
            if connection.closed:
                return
            connection.closed = True
            status = int(connection.answer.get("statusCode", 0))
            if not connection.accepted and 400 <= status < 600:
                await v2._refuse_ws_handshake(scope, send, status, "Forbidden", "-", "-")
                return
        elif event["type"] == "websocket.send":
            connection.last = time.monotonic()
        await asyncio.wait_for(send(event), limit("IDLE", IDLE))

    return sent


def bounded_receive(connection, receive, send):
    """`receive`, which also ends the connection: after its time, and after a binary message.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
    """

    async def close(code, reason):
        connection.closed = True
        await asyncio.wait_for(send({"type": "websocket.close", "code": code, "reason": reason}), 5)
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def received():
        pending = asyncio.ensure_future(receive())
        try:
            while not pending.done():
                if (left := connection.time_left()) <= 0:
                    return await close(1001, "Going away")
                await asyncio.wait([pending], timeout=left)
        finally:
            pending.cancel()
        event = pending.result()
        connection.last = time.monotonic()
        if event["type"] == "websocket.receive" and event.get("text") is None:
            return await close(1003, "Binary is not supported")
        return event

    return received


def manage_connections() -> None:
    """Bounds what is posted to a client, and names a connection's times as AWS does.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """
    from ministack.services import apigateway as v2

    manage = v2.handle_connections_api

    def refuse(status, kind):
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": kind}
        return status, headers, json.dumps({"message": kind}).encode()

    async def manage_as_aws(method, api_id, stage, connection_id, body, headers):
        connection = v2._ws_connections.get(connection_id)
        if method == "POST" and len(body or b"") > MESSAGE:
            return refuse(413, "PayloadTooLargeException")
        if method == "POST" and connection and connection.get("apiId") == api_id:
            if sum(len(text) for text in connection["outbox"]._queue if text) > WAITING:
                return refuse(429, "LimitExceededException")
            connection["lastActiveAt"] = int(time.time())
        status, answered, content = await manage(method, api_id, stage, connection_id, body, headers)
        if method == "GET" and status == 200:
            found = json.loads(content)
            times = {
                name: datetime.fromtimestamp(found[name], UTC).isoformat() for name in ("ConnectedAt", "LastActiveAt")
            }
            found = {
                "connectedAt": times["ConnectedAt"],
                "lastActiveAt": times["LastActiveAt"],
                "identity": found["Identity"],
            }
            content = json.dumps(found).encode()
        return status, answered, content

    v2.handle_connections_api = manage_as_aws
