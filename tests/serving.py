"""Services for tests: settings of a stage that asks them, and a Lambda function of the operator's own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib import aws, settings
from chalicelib.processing.services import ANSWERED

OWN_FUNCTION = "my-service"


def asks(patch: pytest.MonkeyPatch, names: str) -> None:
    """From here on the stage asks these services: names, comma-separated."""
    patch.setenv("FILEMILL_SERVICES", names)
    patch.setenv("FILEMILL_SERVICE_FUNCTION", OWN_FUNCTION)
    settings.settings.cache_clear()


@contextmanager
def own_function(handle: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Meanwhile Lambda calls this for `my-service`. As for every asynchronous call, its result is not answered."""

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if f"/functions/{OWN_FUNCTION}/" not in request.url:
            return None
        assert request.headers["X-Amz-Invocation-Type"] in ("Event", b"Event")
        handle(json.loads(request.body))
        return AWSResponse(request.url, 202, HTTPHeaders(), io.BytesIO(b""))

    events = aws.functions().meta.events
    events.register_first("before-send.lambda.Invoke", answer)
    try:
        yield
    finally:
        events.unregister("before-send.lambda.Invoke", answer)


def answer(job: str, **detail: Any) -> str:
    """The body of the message that EventBridge's rule sends for an answer on the bus."""
    source, kind = ANSWERED
    return json.dumps(
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": kind,
            "source": source,
            "account": "123456789012",
            "time": "2026-11-22T12:00:00Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": {"job": job, **detail},
        }
    )
