"""Whatever a source sends, a fetch ends with the file, or with one of the errors that are the source's.

`SOURCE_EXAMPLES` sets the number of answers: 200 in `make test`; thousands take minutes.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.outbound import connection
from chalicelib.outbound.errors import UnreachableError
from chalicelib.outbound.exchange import Exchange
from chalicelib.outbound.fetch import fetch
from chalicelib.outbound.limits import Limits
from tests.outbound.raw_answers import Raw, raw_answers
from tests.outbound.servers import LOOPBACK, Server, answer, certificate, serving

EXAMPLES = int(os.environ.get("SOURCE_EXAMPLES", "200"))
LIMITS = Limits(max_bytes=200_000, total=5, read=1)
THEIRS = {ErrorCode.SOURCE_UNREACHABLE, ErrorCode.SOURCE_REFUSED, ErrorCode.TOO_LARGE}
TLS = connection.default_tls()  # to make one takes longer than a fetch
MAX_CPU = 1.0
"""Seconds for one answer of at most some hundred kilobytes, six redirects included. Most take some milliseconds."""


class Source:
    """A server on loopback that answers every request with `raw`, until it is told another answer."""

    raw = Raw((), False)

    def __call__(self, _: str, peer: socket.socket) -> None:
        with suppress(OSError):
            for piece in self.raw.pieces:
                peer.sendall(piece)
            if self.raw.reset:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()


@pytest.fixture(scope="module")
def source() -> Iterator[tuple[Source, Server]]:
    script = Source()
    with serving(script) as server:
        yield script, server


def nowhere(host: str, port: int) -> list[str]:
    """Every name that a redirect may lead to is at this machine, so that no test asks a name server."""
    return ["127.0.0.1"]


def outcome(url: str, *, tls: ssl.SSLContext = TLS) -> str:
    """`file`, an error code, or `later`. Raises whatever a fetch must not raise."""
    try:
        with fetch(url, LIMITS, allowed=LOOPBACK, resolve=nowhere, tls=tls) as fetched:
            received = sum(map(len, fetched.chunks))
        assert received <= LIMITS.max_bytes
    except PermanentFault as fault:
        assert fault.code in THEIRS
        assert len(fault.message) < 400
        return str(fault.code)
    except UnreachableError:
        return "later"
    return "file"


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize="SOURCE_EXAMPLES" not in os.environ, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(raw=raw_answers())
def test_any_answer_is_a_file_or_the_sources_own_fault(
    raw: Raw, source: tuple[Source, Server], caplog: pytest.LogCaptureFixture
) -> None:
    script, server = source
    script.raw = raw
    caplog.clear()
    begun = time.process_time()
    outcome(server.url(host="source.example"))
    assert time.process_time() - begun < MAX_CPU
    assert connection.UNEXPECTED not in caplog.messages


def test_an_error_that_nobody_foresaw_is_logged_and_is_the_sources(
    source: tuple[Source, Server], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(Exchange, "_head", broken)
    source[0].raw = Raw((answer(b"abc"),), False)
    assert outcome(source[1].url()) == "source_unreachable"
    assert [line.levelno for line in caplog.records if line.message == connection.UNEXPECTED] == [logging.ERROR]


def test_what_fails_where_the_bytes_go_is_not_the_sources(source: tuple[Source, Server]) -> None:
    source[0].raw = Raw((answer(b"abc"),), False)
    for ours in (OSError("S3 is away"), TimeoutError(), ValueError()):
        with pytest.raises(type(ours)), fetch(source[1].url(), LIMITS, allowed=LOOPBACK) as fetched:
            for _ in fetched.chunks:
                raise ours


@pytest.mark.parametrize(
    "sent",
    [
        b"\x15\x03\x03\0\x02\x02\x28",  # alert: handshake failure
        b"\x15\x03\x03\0\x02\x01\0",  # alert: close notify
        b"\x15\x03\x03\0\x02\x02\x70",  # alert: unrecognised name
        b"\x15\x03\x03\xff\xff" + b"\xff" * 70_000,
        b"\x16\x03\x03\0\x04\x02\0\0\0",  # a ServerHello without anything in it
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 100,
        b"",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
def test_whatever_answers_a_tls_handshake_is_the_sources(
    sent: bytes, reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def accept(script: Source, listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            script("", peer)

    script = Source()
    script.raw = Raw((sent,), reset)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=accept, args=(script, listener))
        answering.start()
        assert outcome(f"https://source.example:{listener.getsockname()[1]}/") in {"later", "source_unreachable"}
        answering.join()
    assert connection.UNEXPECTED not in caplog.messages


def test_a_tls_connection_that_breaks_in_the_body_is_the_sources(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path, "source.example")

    def script(_: str, peer: socket.socket) -> None:
        peer.sendall(answer(b"abc", length=7))
        os.write(peer.fileno(), b"\x17\x03\x03\0\x20" + b"\xff" * 32)  # a record with a wrong MAC

    with serving(script, tls=ours) as server:
        assert outcome(server.url(host="source.example", scheme="https"), tls=trusting) == "later"
