"""What DynamoDB does on AWS and no emulator does: transactions that cancel each other, and answers that are lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse

from chalicelib import aws

LOST = b"<Error><Code>InternalError</Code></Error>"
LOST_JSON = b'{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError", "message": "lost"}'


def canceled_because(reasons: Sequence[str]) -> ClientError:
    """DynamoDB's error for a transaction that was canceled: one reason for each action, `None` for a fine one."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "canceled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return aws.dynamodb().exceptions.TransactionCanceledException(response, "TransactWriteItems")


class Overlapping:
    """Transactions that take `seconds`. One that meets another on the same item is canceled at once."""

    def __init__(self, patch: pytest.MonkeyPatch, seconds: float) -> None:
        self.canceled = 0
        self._seconds = seconds
        self._call = aws.dynamodb().transact_write_items
        self._held: set[str] = set()
        self._lock = threading.Lock()
        patch.setattr(aws.dynamodb(), "transact_write_items", self._transact)

    def _transact(self, *, TransactItems: Sequence[Any], **more: Any) -> Any:  # noqa: N803 - boto's name
        actions = [action for each in TransactItems for action in each.values()]
        wanted = [(action.get("Key") or action["Item"])["pk"]["S"] for action in actions]
        with self._lock:
            met = [key in self._held for key in wanted]
            if any(met):
                self.canceled += 1
                raise canceled_because(["TransactionConflict" if each else "None" for each in met])
            self._held |= set(wanted)
        try:
            time.sleep(self._seconds)
            return self._call(TransactItems=TransactItems, **more)
        finally:
            with self._lock:
                self._held -= set(wanted)


def slow_calls(patch: pytest.MonkeyPatch, seconds: float, *operations: str) -> None:
    """These calls of DynamoDB's client (`get_item` …) take so long on their way there, and back."""

    def slow(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(**request: Any) -> Any:
            time.sleep(seconds / 2)
            try:
                return call(**request)
            finally:
                time.sleep(seconds / 2)

        return called

    for operation in operations:
        patch.setattr(aws.dynamodb(), operation, slow(getattr(aws.dynamodb(), operation)))


class _Own:
    """The request of each thread. Lambda runs one request at a time, so Chalice has a place for one only."""

    def __init__(self) -> None:
        self._threads = threading.local()

    def __get__(self, app: Any, kind: Any = None) -> Any:
        return getattr(self._threads, "request", None)

    def __set__(self, app: Any, request: Any) -> None:
        self._threads.request = request


def at_once[Answer](patch: pytest.MonkeyPatch, requests: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """The answers to requests of the API that are sent at the same moment, each by a thread of its own."""
    import app

    patch.setattr(type(app.app), "current_request", _Own(), raising=False)
    start = threading.Barrier(len(requests))

    def send(request: Callable[[], Answer]) -> Answer:
        start.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def lost(request: Any, *, no_answer: bool = False) -> AWSResponse:
    """The answer 500 to a request; moto, which is told of it afterwards, carries it out all the same."""
    if no_answer:
        raise ReadTimeoutError(endpoint_url=request.url)
    body = LOST_JSON if "X-Amz-Target" in request.headers else LOST
    return AWSResponse(request.url, HTTPStatus.INTERNAL_SERVER_ERROR, {}, MockRawResponse(body))  # type: ignore[arg-type]


@contextmanager
def answers_lost(operation: str, times: int = 1, meanwhile: Callable[[], object] = lambda: None) -> Iterator[list[str]]:
    """The first answers of DynamoDB's operation are lost, so that botocore sends the request again.

    `meanwhile` is what happens before it does. The list gets the body of each request that is sent.
    """
    sent: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        sent.append(str(request.body))
        if len(sent) == times + 1:
            meanwhile()
        return lost(request) if len(sent) <= times else None

    name = f"before-send.dynamodb.{operation}"
    events: Any = aws.dynamodb().meta.events
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        events.register_first(name, answer)
        try:
            yield sent
        finally:
            events.unregister(name, answer)
