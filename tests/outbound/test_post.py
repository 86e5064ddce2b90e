"""A POST to a receiver ends with an outcome, whatever the receiver does."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from chalicelib.outbound import connection
from chalicelib.outbound.addresses import Networks
from chalicelib.outbound.exchange import Post
from chalicelib.outbound.post import KEPT_BYTES, LIMITS, READ_BYTES, Outcome, post
from tests.outbound.raw_answers import Raw, raw_answers
from tests.outbound.servers import LOOPBACK, Server, answer, certificate, redirect, saying, serving

CONTENT = Post(b'{"id":"evt_1"}', (("Content-Type", "application/json"), ("webhook-id", "evt_1")))
QUICK = replace(LIMITS, total=0.6)
TLS = connection.default_tls()


def nowhere(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def sent(url: str, allowed: Networks = LOOPBACK, **how: object) -> Outcome:
    return post(url, CONTENT, **{"allowed": allowed, "resolve": nowhere, "limits": QUICK, **how})  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content", "299 x"])
def test_a_receiver_that_answers_2xx_has_taken_the_event(status: str) -> None:
    with serving(saying(answer(b"thanks", status=status))) as server:
        outcome = sent(server.url("/hook?a=b"))
    assert outcome.succeeded
    assert outcome.status == int(status[:3])
    assert server.paths == ["/hook?a=b"]
    head = server.requests[0].lower()
    assert head.startswith("post /hook?a=b http/1.1\r\n")
    for line in ("content-length: 14", "content-type: application/json", "webhook-id: evt_1", "user-agent: filemill"):
        assert f"\r\n{line}\r\n" in head


def test_the_whole_body_arrives() -> None:
    body = bytes(range(256)) * 96  # 24 KB, the most that an event has
    came = b""

    def script(head: str, peer: socket.socket) -> None:
        nonlocal came
        came = head.partition("\r\n\r\n")[2].encode("latin-1")
        while len(came) < len(body):
            came += peer.recv(65536)
        peer.sendall(answer())

    with serving(script) as server:
        assert post(server.url(), Post(body, ()), allowed=LOOPBACK, resolve=nowhere).succeeded
    assert came == body


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(saying(answer(b"secret"))) as inside:
        said = redirect(f"http://169.254.169.254:{inside.port}/latest/meta-data", f"{status} Moved")
        with serving(saying(said)) as server:
            outcome = sent(server.url())
        assert inside.requests == []
    assert (outcome.status, outcome.succeeded) == (status, False)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_any_other_status_is_a_failure(status: int) -> None:
    with serving(saying(answer(b"no", "Retry-After: 7", status=f"{status} No"))) as server:
        outcome = sent(server.url())
    assert (outcome.status, outcome.succeeded, outcome.answer, outcome.retry_after) == (status, False, "no", 7)


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "9" * 30, "\u0667", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
def test_a_pause_that_is_no_number_of_seconds_is_left_out(text: str) -> None:
    said = answer(b"no", status="503 No").replace(b"\r\n\r\n", b"\r\nRetry-After: " + text.encode() + b"\r\n\r\n", 1)
    with serving(saying(said)) as server:
        assert sent(server.url()).retry_after is None


def test_the_first_kilobyte_of_the_answer_is_kept() -> None:
    with serving(saying(answer(b"a" * 3000))) as server:
        assert sent(server.url()).answer == "a" * KEPT_BYTES
    with serving(saying(answer(b"\xff" * 3000))) as server:
        kept = sent(server.url()).answer
    assert kept
    assert len(kept.encode()) <= KEPT_BYTES
    with serving(saying(answer(b""))) as server:
        assert sent(server.url()).answer is None


def test_an_endless_answer_is_read_for_a_moment_only() -> None:
    taken = 0

    def script(_: str, peer: socket.socket) -> None:
        nonlocal taken
        peer.sendall(answer(length=10 * 1000**3))
        with suppress(OSError):
            while True:
                taken += peer.send(b"x" * 65536)

    with serving(script) as server:
        began = time.monotonic()
        outcome = sent(server.url())
        assert time.monotonic() - began < 1
    assert outcome.succeeded
    assert outcome.answer == "x" * KEPT_BYTES
    assert taken < 16 * 1024**2, "what the kernels hold, and no more"
    assert READ_BYTES == 64 * 1024


@pytest.mark.parametrize(
    "body",
    [b"5\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffff\r\nabc", b"-5\r\nabc\r\n", b"3\r\nabc\r\n", b"zz\r\n"],
)
def test_a_chunked_lie_says_nothing_against_the_status(body: bytes) -> None:
    with serving(saying(answer(body, "Transfer-Encoding: chunked", length=None))) as server:
        assert sent(server.url()).succeeded


def test_a_body_that_drips_is_left_alone_when_its_time_is_over() -> None:
    def script(_: str, peer: socket.socket) -> None:
        peer.sendall(answer(length=1000))
        with suppress(OSError):
            while True:
                peer.sendall(b"x")
                time.sleep(0.05)

    with serving(script) as server:
        began = time.monotonic()
        outcome = sent(server.url(), limits=replace(LIMITS, total=30))
        assert 1.5 < time.monotonic() - began < 4
    assert outcome.succeeded
    assert outcome.ms < 1000
    assert set(outcome.answer or "") == {"x"}


def slow(_: str, peer: socket.socket) -> None:
    time.sleep(0.9)
    with suppress(OSError):
        peer.sendall(answer())


def dripping(_: str, peer: socket.socket) -> None:
    with suppress(OSError):
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.sendall(b"a: b\r\n")
            time.sleep(0.05)


@pytest.mark.parametrize("script", [slow, dripping])
def test_an_answer_that_comes_too_late_is_none(script: object) -> None:
    with serving(script) as server:  # type: ignore[arg-type]
        began = time.monotonic()
        outcome = sent(server.url())
        assert time.monotonic() - began < 0.85
    assert outcome == Outcome(None, outcome.ms, "No answer came within 1 s.")


def test_a_try_takes_15_seconds_at_most() -> None:
    assert LIMITS.total == 15


def test_a_name_server_that_does_not_answer_takes_no_longer() -> None:
    def hang(host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["127.0.0.1"]

    began = time.monotonic()
    outcome = sent("https://receiver.example/", resolve=hang)
    assert time.monotonic() - began < 1
    assert outcome.status is None
    assert outcome.error


def reset(_: str, peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def test_a_reset_and_a_closed_port_are_failures() -> None:
    with serving(reset) as server:
        assert sent(server.url()).error == "The connection to localhost broke off or could not be made."
    assert sent(server.url()).error == "The connection to localhost broke off or could not be made."


INSIDE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/",
    "https://0/",
    "https://user:password@receiver.example/",
    "https://receiver.example:22/",
    "ftp://receiver.example/",
    "https://receiver.example/" + "a" * 10_000,
    "http://receiver.example/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_a_url_that_may_not_be_called_gets_no_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    outcome = sent(url, (), resolve=lambda *_: ["93.184.216.34"])
    assert outcome.status is None
    assert outcome.error


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "::1", "fd00::1", "fe80::1",
     "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "0.0.0.0", "224.0.0.1"],
)  # fmt: skip
def test_a_name_that_leads_inside_gets_no_connection(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    for found in ([address], ["93.184.216.34", address]):
        outcome = sent("https://receiver.example/", (), resolve=lambda *_, found=found: found)
        assert outcome.error == "There is no host receiver.example that events may be sent to."


def test_http_is_for_networks_that_the_operator_allows() -> None:
    with serving(saying(answer())) as server:
        assert not sent(server.url(), ()).succeeded
        assert sent(server.url()).succeeded
    assert len(server.requests) == 1


def test_the_certificate_must_be_the_names_own(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path, "receiver.example")
    with serving(saying(answer()), tls=ours) as server:
        url = server.url(host="receiver.example", scheme="https")
        assert sent(url, tls=trusting).succeeded
        wrong = sent(server.url(host="other.example", scheme="https"), tls=trusting)
        unknown = sent(url, tls=ssl.create_default_context())
    for outcome in (wrong, unknown):
        assert outcome.status is None
        assert "certificate" in (outcome.error or "")


def test_an_error_of_our_own_is_an_outcome(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("chalicelib.outbound.post.connected", lambda *_: 1 / 0)
    with serving(saying(answer())) as server:
        assert sent(server.url()).error == "Filemill could not send the request."
    assert connection.UNEXPECTED in caplog.messages


class Source:
    raw = Raw((), False)

    def __call__(self, _: str, peer: socket.socket) -> None:
        with suppress(OSError):
            for piece in self.raw.pieces:
                peer.sendall(piece)
            if self.raw.reset:
                reset("", peer)


@pytest.fixture(scope="module")
def source() -> Iterator[tuple[Source, Server]]:
    script = Source()
    with serving(script) as server:
        yield script, server


@settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(raw=raw_answers())
def test_any_answer_is_an_outcome(raw: Raw, source: tuple[Source, Server], caplog: pytest.LogCaptureFixture) -> None:
    script, server = source
    script.raw = raw
    caplog.clear()
    begun = time.monotonic()
    outcome = sent(server.url(host="source.example"), tls=TLS, limits=replace(LIMITS, total=2))
    assert time.monotonic() - begun < 2.5
    assert (outcome.status is None) == (outcome.error is not None)
    assert outcome.status is None or 200 <= outcome.status <= 999
    assert len((outcome.answer or "").encode()) <= KEPT_BYTES
    assert len(outcome.error or "") < 400
    assert connection.UNEXPECTED not in caplog.messages
