"""Sockets for tests: the WebSocket API's management API in this process, and clients that keep a cursor."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError

from chalicelib import aws
from chalicelib.catalog.sockets import Place
from chalicelib.events import indexing, posts, publish
from tests.stage import lambda_context

PLACE = Place("abc.execute-api.eu-west-1.amazonaws.com", "abc", "api")
MAX_POST = 128 * 1024

_ERRORS = {410: "GoneException", 429: "LimitExceededException", 413: "PayloadTooLargeException", 500: "Internal"}


class FakeManagement:
    """API Gateway's side of connections: who is connected, what was posted to each, and what goes wrong."""

    def __init__(self) -> None:
        self.open: dict[str, Callable[[dict[str, Any]], None]] = {}
        self.closed: list[str] = []
        self.posted = 0
        self.largest = 0
        self.calls: Counter[str] = Counter()
        # A status for a call, or None if all goes well; it may also raise. (operation, connection id) → status.
        self.fault: Callable[[str, str], int | None] = lambda operation, connection_id: None
        self._lock = threading.Lock()

    def answer(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        """Stands in for the HTTP exchange: (answer, what botocore reads from it)."""
        connection_id = unquote(params["url_path"].rpartition("/")[2])
        with self._lock:
            self.calls[model.name] += 1
        if status := self.fault(model.name, connection_id):
            return _answer(status)
        with self._lock:
            hear = self.open.get(connection_id)
            if hear is None:
                return _answer(410)
            if model.name == "DeleteConnection":
                del self.open[connection_id]
                self.closed.append(connection_id)
                return _answer(204)
            assert len(params["body"]) <= MAX_POST
            self.posted += 1
            self.largest = max(self.largest, len(params["body"]))
            hear(json.loads(params["body"]))
        return _answer(200)


def _answer(status: int) -> Any:
    read: dict[str, Any] = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}}
    if status in _ERRORS:
        read["Error"] = {"Code": _ERRORS[status], "Message": ""}
    return SimpleNamespace(status_code=status), read


def never_answers(url: str = "https://example.org") -> int:
    """A post that nobody answers, as with a client that never reads."""
    raise ReadTimeoutError(endpoint_url=url)


class Stream:
    """The table's stream with its two readers, `index` and `publish`, as Lambda brings it to them."""

    def __init__(self) -> None:
        from moto.dynamodb.models import dynamodb_backends

        table: Any = dynamodb_backends["123456789012"]["eu-west-1"].tables["filemill-test"]
        self._shard = table.stream_shard
        self._indexed = self._published = len(self._shard.items)

    def index(self) -> None:
        """Brings the index up to the records that were written."""
        records = self._since(self._indexed)
        self._indexed += len(records)
        for start in range(0, len(own := [r for r in records if _sk(r) == "FILE"]), 100):
            indexing.handle({"Records": own[start : start + 100]}, lambda_context())

    def waiting(self) -> list[dict[str, Any]]:
        """The records that `publish` would get next, by the filters of its trigger."""
        return [r for r in self._since(self._published) if _is_published(r)]

    def publish(self, size: int = 100) -> None:
        """Publishes all that waits. A batch that fails comes again at the next call."""
        while records := self._since(self._published)[: size * 20]:
            own = [r for r in records if _is_published(r)]
            for start in range(0, len(own), size):
                publish.handle({"Records": own[start : start + size]}, lambda_context())
            self._published += len(records)

    def settle(self) -> None:
        self.index()
        self.publish()

    def _since(self, position: int) -> list[dict[str, Any]]:
        told = [record.record for record in self._shard.items[position:]]
        return [json.loads(json.dumps(record, default=_plain)) for record in told]


def _plain(value: Any) -> Any:
    from moto.dynamodb.models.dynamo_type import DynamoType

    return value.to_json() if isinstance(value, DynamoType) else str(value)


def _sk(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["Keys"]["sk"]["S"])


def _is_published(record: dict[str, Any]) -> bool:
    """As ops/stack/event_sources.py has it."""
    after = record["dynamodb"].get("NewImage") or {}
    if _sk(record) == "TOKEN":
        return "revoked_at" in after
    if _sk(record) in ("KEY", "TENANT"):
        return True
    told = bool(after) and record["dynamodb"]["Keys"]["pk"]["S"].startswith("FEED#")
    return told or _sk(record) == "FILE"


class KilledError(BaseException):
    """The process ends here."""


@contextmanager
def at_each_call(hook: Callable[[int, str, str], None]) -> Iterator[None]:
    """Calls `hook(number, "before" or "after", operation)` around each AWS call of the code under test.

    No hook is called for the calls that a hook makes.
    """
    base: Any = BaseClient
    call, lock, number = base._make_api_call, threading.Lock(), itertools.count()
    busy = threading.Event()

    def hooked(client: Any, operation: str, parameters: Any) -> Any:
        if busy.is_set():
            return call(client, operation, parameters)
        with lock:
            here = next(number)
        run(here, "before", operation)
        reply = call(client, operation, parameters)
        run(here, "after", operation)
        return reply

    def run(here: int, moment: str, operation: str) -> None:
        if not busy.is_set():
            busy.set()
            try:
                hook(here, moment, operation)
            finally:
                busy.clear()

    base._make_api_call = hooked
    try:
        yield
    finally:
        base._make_api_call = call


def killed_at(number: int, moment: str) -> Callable[[int, str, str], None]:
    """A hook that ends the process at this call: from then on none of its calls is carried out."""
    dead = threading.Event()

    def hook(here: int, now: str, _: str) -> None:
        if dead.is_set() or (here, now) == (number, moment):
            dead.set()
            raise KilledError

    return hook


@contextmanager
def management() -> Iterator[FakeManagement]:
    """Gives the management API of PLACE, to which all posts go."""
    fake = FakeManagement()
    events = aws.connections(posts.endpoint(PLACE)).meta.events
    # The last one, so that a process that ends at a call ends before it is answered.
    events.register_last("before-call", fake.answer)
    try:
        yield fake
    finally:
        events.unregister("before-call", fake.answer)


def event_of(connection_id: str, **more: Any) -> dict[str, Any]:
    """What API Gateway gives to a route's function."""
    context = {"connectionId": connection_id, "domainName": PLACE.domain, "apiId": PLACE.api, "stage": PLACE.stage}
    return {"requestContext": {**context, "requestId": "r"}, "isBase64Encoded": False, **more}


@dataclass
class Listener:
    """A client of the socket. It keeps what it heard, its cursor, and the state of each file that it knows of."""

    api: FakeManagement
    id: str
    heard: list[dict[str, Any]] = field(default_factory=list)
    cursor: str | None = None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    disorder: list[str] = field(default_factory=list)

    def hear(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        if message["type"] in ("change", "changes", "subscribed"):
            self.cursor = message["cursor"]
        for event in message.get("events") or ([message["event"]] if "event" in message else []):
            file = event["data"]["file"]
            known = self.files.get(event["subject"])
            if known and known["revision"] > file["revision"]:
                self.disorder.append(f"{event['subject']}: {file['revision']} after {known['revision']}")
            self.files[event["subject"]] = file

    def connect(self, credential: str | None, **headers: str) -> int:
        """The status of `$connect`. With 200 the connection is open."""
        from chalicelib.api import socket

        sent = {"Authorization": f"Bearer {credential}"} if credential else {}
        event = event_of(self.id, headers={**sent, **headers})
        self.opening = socket.connect(event, lambda_context())
        status: int = self.opening["statusCode"]
        if status == 200:
            self.api.open[self.id] = self.hear
        return status

    def send(self, message: Any, **more: Any) -> list[dict[str, Any]]:
        """Sends a message, and returns what was heard meanwhile."""
        from chalicelib.api import socket

        before = len(self.heard)
        body = message if isinstance(message, str) else json.dumps(message)
        socket.message(event_of(self.id, body=body, **more), lambda_context())
        return self.heard[before:]

    def disconnect(self, *, told: bool = True) -> None:
        """Leaves. API Gateway does not always tell of it."""
        from chalicelib.api import socket

        self.api.open.pop(self.id, None)
        if told:
            socket.disconnect(event_of(self.id), lambda_context())

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.heard]

    @property
    def is_open(self) -> bool:
        return self.id in self.api.open
