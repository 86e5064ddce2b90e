"""Waiting for the end of a file's processing."""

from __future__ import annotations

import time

from filemill._api import document, retry_after, segment
from filemill._effects import Flow, Sleep
from filemill._resource import Resource
from filemill.errors import FileFailed, WaitTimeout
from filemill.models import File

_LONGEST = 20  # seconds that one request waits
_SHORTEST = 0.05  # seconds between two requests, whatever the service says
_ENDS = ("ready", "failed", "expired")


def wait(self: Resource, file: str | File, *, timeout: float | None = 300.0) -> Flow[File]:
    """Waits until a file is ready, and gives its record. The server waits, so this costs few requests.

    timeout: seconds; None waits for ever. Raises FileFailed if the file failed or its bytes never came, WaitTimeout,
    ApiError and NetworkError.

    >>> client.files.wait(file.id, timeout=60).status
    'ready'
    """
    path = f"/v1/files/{segment(file.id if isinstance(file, File) else file)}"
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = float(_LONGEST) if end is None else max(0.0, end - time.monotonic())
        seconds = int(min(_LONGEST, left))
        params = {"wait": seconds, "wait_for": "final"} if seconds else None
        answer = yield from self._api.call("GET", path, params=params, timeout=self._api.timeout + seconds)
        record = File(document(answer), answer.headers.get("etag"))
        if record.status in _ENDS:
            break
        if end is not None and time.monotonic() >= end:
            raise WaitTimeout(f"The file {record.id} is still {record.status} after {timeout:g} seconds.", record)
        pause = retry_after(answer.headers)
        yield Sleep(min(1.0 if pause is None else max(_SHORTEST, pause), left))
    if record.status != "ready":
        raise FileFailed(record)
    return record
