"""`python small_disk.py RECORD` downloads a file where no file may have more than 100 kB. The service is in memory."""

from __future__ import annotations

import json
import resource
import signal
import sys

import httpx

from filemill.cli.app import cli
from filemill.cli.run import said
from filemill.cli.session import Session

RECORD = json.loads(sys.argv[1])


def answer(request: httpx.Request) -> httpx.Response:
    """The record, an address, and a million zeros."""
    if request.url.host == "s3.example.com":
        return httpx.Response(200, content=iter([bytes(1_000_000)]), headers={"content-length": "1000000"})
    if request.url.path.endswith("/original"):
        address = {"url": "https://s3.example.com/x", "expires_at": "2026-11-26T12:00:00Z"}
        return httpx.Response(200, json=address)
    if request.url.path.endswith("/batch-get"):
        return httpx.Response(200, json={"items": [RECORD], "omitted": []})
    return httpx.Response(200, json=RECORD)


signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    code = cli.main(["download", RECORD["id"]], standalone_mode=False, obj=Session(httpx.MockTransport(answer)))
except BaseException as error:
    code = said(error)
sys.exit(code)
