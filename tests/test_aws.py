"""Which failures of AWS calls may be tried again."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from chalicelib import aws
from tests.client import Client

# Failures on the way to AWS or back. All other errors of botocore are about the call itself, or about this program.
ON_THE_WAY = {
    "ConnectionClosedError",
    "ConnectionError",
    "ConnectTimeoutError",
    "EndpointConnectionError",
    "HTTPClientError",
    "IncompleteReadError",
    "ProxyConnectionError",
    "ReadTimeoutError",
    "ResponseStreamingError",
    "SSLError",
}


def made(kind: type[BotoCoreError]) -> BotoCoreError:
    error = kind.__new__(kind)
    Exception.__init__(error, "made")
    error.kwargs = {}
    return error


def test_only_what_failed_on_the_way_is_busy() -> None:
    kinds = [k for k in vars(exceptions).values() if inspect.isclass(k) and issubclass(k, BotoCoreError)]
    assert len(kinds) > 80
    assert {kind.__name__ for kind in kinds if aws.is_busy(made(kind))} == ON_THE_WAY


@pytest.mark.parametrize(
    ("code", "status", "busy"),
    [
        ("ThrottlingException", 400, True),
        ("SlowDown", 503, True),
        ("InternalError", 500, True),
        ("503", 503, True),
        ("AccessDenied", 403, False),
        ("ValidationException", 400, False),
        ("InvalidArgument", 400, False),
    ],
)
def test_an_answer_of_aws_is_busy_by_its_code_or_its_status(code: str, status: int, busy: bool) -> None:
    answer: Any = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert aws.is_busy(ClientError(answer, "PutObject")) is busy


@pytest.mark.parametrize(
    ("cause", "busy"),
    [
        (ValueError("Invalid header value b'image/jpeg\\r\\nX: y'"), False),
        (UnicodeEncodeError("latin-1", "\u2028", 0, 1, "no"), False),
        (TypeError("no bytes"), False),
        (OSError("broken pipe"), True),
    ],
)
def test_a_request_that_cannot_be_sent_is_not_busy(cause: Exception, busy: bool) -> None:
    assert aws.is_busy(HTTPClientError(error=cause)) is busy


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.ParamValidationError(report="x"), 500, "internal"),
        (HTTPClientError(error=ValueError("Invalid header value")), 500, "internal"),
        (exceptions.ReadTimeoutError(endpoint_url="x"), 503, "unavailable"),
    ],
)
def test_the_answer_to_a_client_says_which_it_was(client: Client, error: Exception, status: int, code: str) -> None:
    client("GET", "/v1/files")

    def fail(**_: Any) -> None:
        raise error

    events = aws.dynamodb().meta.events
    events.register("before-call.dynamodb.Query", fail)
    answer = client("GET", "/v1/files")
    events.unregister("before-call.dynamodb.Query", fail)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) is (status == 503)
