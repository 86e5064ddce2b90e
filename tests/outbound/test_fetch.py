from __future__ import annotations

import gzip
import os
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.outbound.errors import RefusedError, UnreachableError
from chalicelib.outbound.fetch import fetch
from chalicelib.outbound.limits import Limits
from tests.outbound.servers import LOOPBACK, Server, answer, certificate, redirect, saying, serving

LIMITS = Limits(max_bytes=1_000_000, total=10, read=2)
BODY = os.urandom(700_000)


def get(url: str, limits: Limits = LIMITS, **how: Any) -> bytes:
    with fetch(url, limits, **{"allowed": LOOPBACK, **how}) as source:
        return b"".join(source.chunks)


def fault(url: str, limits: Limits = LIMITS, **how: Any) -> PermanentFault:
    with pytest.raises(PermanentFault) as caught:
        get(url, limits, **how)
    return caught.value


def headers(server: Server) -> dict[str, str]:
    lines = server.requests[-1].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}


class Names:
    """A resolver of a test's own: what each look-up of a name answers, the last answer for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        left = self.answers[host.partition(".")[0]]
        return left.pop(0) if len(left) > 1 else left[0]


# --- an answer


def test_the_bytes_come_as_they_are_with_what_was_said_of_them() -> None:
    with (
        serving(saying(answer(BODY, "Content-Type: image/jpeg"))) as server,
        fetch(server.url("/a%20b.jpg?x=1"), LIMITS, allowed=LOOPBACK) as source,
    ):
        assert (source.content_type, source.content_length) == ("image/jpeg", len(BODY))
        assert b"".join(source.chunks) == BODY
        assert source.url == server.url("/a%20b.jpg?x=1")
    assert server.paths == ["/a%20b.jpg?x=1"]


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: 1\r\n\r\n", "Transfer-Encoding: chunked", length=None),
        answer(b"abcdefg", length=None),
        answer(b"abcdefg", length=None).replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"abcdefg"),
    ],
    ids=["chunked", "until the end", "HTTP/1.0", "after 100 Continue"],
)
def test_every_framing_of_http_is_understood(sent: bytes) -> None:
    with serving(saying(sent)) as server:
        assert get(server.url()) == b"abcdefg"


def test_nothing_of_ours_is_sent_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    cookie = answer(b"", "Set-Cookie: a=b", "Location: /next", status="302 Found")
    with serving(saying(cookie, answer(b"x"))) as server:
        assert get(server.url()) == b"x"
        sent = headers(server)
        assert sent.pop("host") == f"localhost:{server.port}"
    assert server.paths == ["/a.jpg", "/next"]
    assert set(sent) == {"user-agent", "accept", "accept-encoding", "connection"}
    assert sent["accept-encoding"] == "identity"


# --- where it may go


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://127.1:{}/", "http://0:{}/"])
def test_a_private_source_sees_no_connection(url: str) -> None:
    with serving(saying(answer(b"secret"))) as server:
        assert isinstance(fault(url.format(server.port), allowed=()), RefusedError)
    assert server.requests == []


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_says_next() -> None:
    names = Names(rebinding=[["127.0.0.2"], ["10.0.0.1"]])
    with serving(saying(answer(b"x")), address="127.0.0.2") as server:
        assert get(server.url(host="rebinding.example"), resolve=names) == b"x"
        assert headers(server)["host"] == f"rebinding.example:{server.port}"
    assert names.asked == ["rebinding.example"], "looked up once: there is no second answer to be had"


def test_a_redirect_to_the_same_name_is_looked_up_and_checked_anew() -> None:
    names = Names(rebinding=[["127.0.0.2"], ["10.0.0.1"]])
    with serving(saying(redirect("/again"), answer(b"secret")), address="127.0.0.2") as server:
        assert isinstance(fault(server.url(host="rebinding.example"), resolve=names), RefusedError)
    assert server.paths == ["/a.jpg"]


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://0xa9fea9fe/",
        "//10.0.0.1/",
        "http://inside.example/",
        "http://user@source.example/",
        "http://source.example:22/",
        "file:///etc/passwd",
        "http://[",
        "http:\\\\10.0.0.1/",
    ],
)
def test_a_redirect_to_where_nothing_may_be_fetched_is_refused(location: str) -> None:
    names = Names(source=[["127.0.0.1"]], inside=[["192.168.0.1"]])
    with serving(saying(redirect(location))) as server:
        refused = fault(server.url(host="source.example"), resolve=names)
    assert refused.code is ErrorCode.SOURCE_REFUSED
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
@pytest.mark.parametrize("location", ["/b", "b", "?x=ä b", "//localhost:{}/b", "http://localhost:{}/b#top"])
def test_a_redirect_is_followed(status: str, location: str) -> None:
    with serving(lambda request, connection: script(request, connection)) as server:

        def script(request: str, connection: socket.socket) -> None:
            first = request.startswith("GET /a.jpg ")
            connection.sendall(redirect(location.format(server.port), status) if first else answer(b"x"))

        assert get(server.url()) == b"x"
    assert server.paths[1] in {"/b", "/a.jpg?x=%C3%A4%20b"}


def test_five_redirects_are_followed_and_no_sixth() -> None:
    with serving(saying(*[redirect("/x")] * 5, answer(b"x"))) as server:
        assert get(server.url()) == b"x"
    with serving(saying(redirect("/x"))) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE
    assert len(server.requests) == 6


@pytest.mark.parametrize("sent", [answer(status="302 Found"), answer(b"", "Location: \xff", status="302 Found")])
def test_a_redirect_to_nowhere_is_for_good(sent: bytes) -> None:
    with serving(saying(sent.replace("\xff".encode(), b"\xff"))) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with serving(saying(answer(b"x")), address="127.0.0.2") as server:
        names = Names(two=[["127.0.0.3", "127.0.0.2"]])
        assert get(server.url(host="two.example"), resolve=names) == b"x"


def test_at_most_four_addresses_of_a_host_are_tried() -> None:
    dead = [f"127.0.0.{number}" for number in range(3, 7)]
    with serving(saying(answer(b"x")), address="127.0.0.2") as server:
        names = Names(four=[[*dead[:3], "127.0.0.2"]], five=[[*dead, "127.0.0.2"]])
        assert get(server.url(host="four.example"), resolve=names) == b"x"
        with pytest.raises(UnreachableError, match="could not be made"):
            get(server.url(host="five.example"), resolve=names)
    assert len(server.requests) == 1


# --- TLS


def test_the_certificate_is_checked_by_name_and_must_be_signed_by_somebody_trusted(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path, "source.example")
    names = Names(source=[["127.0.0.1"]], other=[["127.0.0.1"]])
    with serving(saying(answer(b"x")), tls=ours) as server:
        url = server.url(host="source.example", scheme="https")
        assert get(url, resolve=names, tls=trusting) == b"x"
        assert headers(server)["host"] == f"source.example:{server.port}"
        wrong_name = fault(server.url(host="other.example", scheme="https"), resolve=names, tls=trusting)
        untrusted = fault(url, resolve=names)
        assert len(server.requests) == 1
    for error in (wrong_name, untrusted):
        assert error.code is ErrorCode.SOURCE_UNREACHABLE
        assert "certificate" in error.message


def test_https_never_leads_back_to_http(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path, "localhost")
    with serving(saying(answer(b"secret"))) as plain, serving(saying(redirect(plain.url())), tls=ours) as server:
        assert isinstance(fault(server.url(scheme="https"), tls=trusting), RefusedError)
    assert plain.requests == []


def test_http_may_lead_to_https(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path, "localhost")
    with (
        serving(saying(answer(b"x")), tls=ours) as server,
        serving(saying(redirect(server.url(scheme="https")))) as plain,
    ):
        assert get(plain.url(), tls=trusting) == b"x"


# --- how much


def test_a_body_announced_too_large_is_not_begun() -> None:
    with serving(saying(answer(b"", length=1_000_001))) as server:
        assert fault(server.url()).code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    "head",
    [
        answer(length=None),
        answer(b"", "Transfer-Encoding: chunked", length=None),
        answer(b"", "Transfer-Encoding: chunked", length=3),
    ],
    ids=["no length", "chunked", "chunked and a length"],
)
def test_a_body_that_turns_out_too_large_is_cut_off(head: bytes) -> None:
    sent = 0

    def endless(_: str, connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(head)
        while True:
            connection.sendall(b"10000\r\n" + bytes(65536) + b"\r\n" if b"chunked" in head else bytes(65536))
            sent += 65536

    limits = replace(LIMITS, max_bytes=100_000)
    with serving(endless) as server, fetch(server.url(), limits, allowed=LOOPBACK) as source:
        with pytest.raises(PermanentFault) as caught:
            received = sum(map(len, source.chunks))
            assert received <= limits.max_bytes
        assert caught.value.code is ErrorCode.TOO_LARGE
    assert sent < 50_000_000


def test_what_comes_after_the_announced_length_is_not_the_files() -> None:
    with serving(saying(answer(b"abcdefg", length=3))) as server:
        assert get(server.url()) == b"abc"


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"abc", length=7),
        answer(b"5\r\nabc", "Transfer-Encoding: chunked", length=None),
        answer(b"3\r\nabc\r\n", "Transfer-Encoding: chunked", length=None),
        answer(b"3;x=y", "Transfer-Encoding: chunked", length=None),
        answer(b"3\r\nabc\r\n0\r\nTrailer: 1\r\n", "Transfer-Encoding: chunked", length=None),
        b"HTTP/1.1 200 OK\r\nContent-",
        b"",
    ],
)
def test_a_body_that_breaks_off_is_never_taken_for_whole(sent: bytes) -> None:
    with serving(saying(sent)) as server, pytest.raises(UnreachableError, match="broke off"):
        get(server.url())


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x-unknown"])
def test_an_encoded_body_is_neither_decoded_nor_taken_for_the_file(coding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with serving(saying(answer(bomb, f"Content-Encoding: {coding}"))) as server:
        assert "encoded" in fault(server.url()).message


def test_a_gzip_file_is_a_file_and_stays_one() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with serving(saying(answer(bomb, "Content-Type: application/gzip"))) as server:
        assert get(server.url()) == bomb


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Content-Length: 3", "Content-Length: 5"],
        ["Content-Length: 3, 5"],
    ],
)
def test_an_end_that_parsers_disagree_about_is_refused(lines: list[str]) -> None:
    with serving(saying(answer(b"abcde", *lines, length=None))) as server:
        assert "HTTP" in fault(server.url()).message


# Each is a number to somebody: to `int`, to C's strtol, to another server, or to a reader.
NO_NUMBERS = [
    *("-5", "-1", "-0", "+5", "0x5", "5_0", "5.0", "5e0", "5 0", "many", "", '"5"', "5;5", "1" * 21, "9" * 5000),
    *("\u0665", "\uff15", "\u00b2", "5\0", "\u20095", "5\x0b"),
]


@pytest.mark.parametrize("length", NO_NUMBERS, ids=ascii)
def test_a_length_that_is_no_number_is_for_good(length: str) -> None:
    with serving(saying(answer(b"abcde", f"Content-Length: {length}", length=None))) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE


@pytest.mark.parametrize("size", [text for text in NO_NUMBERS if text not in {"5;5", "5e0"}], ids=ascii)
def test_a_chunks_size_that_is_no_number_is_for_good(size: str) -> None:
    body = f"3\r\nabc\r\n{size}\r\nabcde\r\n0\r\n\r\n".encode()
    with serving(saying(answer(body, "Transfer-Encoding: chunked", length=None))) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE


@pytest.mark.parametrize(
    "status", ["-20", "+200", "2_00", "20", "0200", "2000", "\u00b2\u00b2\u00b2", "0x1", "", "000", "101"]
)
def test_a_status_that_is_none_is_for_good(status: str) -> None:
    sent = answer(b"abcde").replace(b"200", status.encode("latin-1"))
    with serving(saying(sent)) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE


@pytest.mark.parametrize(
    "flood",
    [
        b"X-Long: " + b"a" * 1_000_000,
        b"".join(b"X-%d: %s\r\n" % (n, b"a" * 5000) for n in range(90)),
        b"".join(b"X-%d: a\r\n" % n for n in range(2000)),
        b"X: a\r\n" + b" a\r\n" * 100_000,
    ],
    ids=["one long", "large ones", "many", "folded"],
)
def test_a_flood_of_headers_is_stopped(flood: bytes) -> None:
    with serving(saying(b"HTTP/1.1 200 OK\r\n" + flood + b"\r\n\r\n")) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE


def test_a_hundred_headers_are_read_and_no_more() -> None:
    lines = [f"X-{number}: a" for number in range(99)]
    with serving(saying(answer(b"abc", *lines))) as server:
        assert get(server.url()) == b"abc"
    with serving(saying(answer(b"abc", *lines, "X: a"))) as server:
        assert "more than 100 headers" in fault(server.url()).message


@pytest.mark.parametrize(
    "sent",
    [b"0\r\n" + b"X: a\r\n" * 20_000, b"5;" + b"x" * 100_000, b"5" * 100_000, b"5\n" * 50_000],
    ids=["trailers", "an extension", "a size", "no ends of lines"],
)
def test_what_stands_between_chunks_is_bounded(sent: bytes) -> None:
    with serving(saying(answer(sent, "Transfer-Encoding: chunked", length=None))) as server:
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE


@pytest.mark.parametrize(
    "begin", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"], ids=["head", "trailer"]
)
def test_blanks_without_end_take_no_long_time(begin: bytes) -> None:
    sent = (begin or b"HTTP/1.1 200 OK\r\n") + b"X:" + b" " * 16_000 + b"\0\r\n\r\n"
    with serving(saying(sent)) as server:
        began = time.process_time()
        assert fault(server.url()).code is ErrorCode.SOURCE_UNREACHABLE
        assert time.process_time() - began < 4


def test_framing_is_bounded_by_what_it_frames() -> None:
    small, padded = b"1\r\na\r\n", b"1;" + b"x" * 100 + b"\r\na\r\n"
    limits = replace(LIMITS, framing=40_000)
    head, end = answer(b"", "Transfer-Encoding: chunked", length=None), b"0\r\n\r\n"
    with serving(saying(head + small * 100_000 + end)) as server:
        assert get(server.url(), limits) == b"a" * 100_000
    with serving(saying(head + padded * 50_000 + end)) as server:
        assert "framing" in fault(server.url(), limits).message


def test_answers_that_only_announce_an_answer_are_bounded_too() -> None:
    def endless(_: str, connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    with serving(endless) as server:
        assert "headers" in fault(server.url()).message


def test_headers_may_fill_their_bound_to_the_last_byte() -> None:
    head = answer(b"", "X: ", length=3)
    limits = replace(LIMITS, headers=len(head))
    with serving(saying(head + b"abc")) as server:
        assert get(server.url(), limits) == b"abc"
        assert "headers" in fault(server.url(), replace(limits, headers=len(head) - 1)).message


# --- how long


@pytest.mark.parametrize("head", [answer(length=1000), b"HTTP/1.1 200 OK\r\nX: "], ids=["body", "headers"])
def test_a_slow_drip_is_stopped_by_the_time_for_everything(head: bytes) -> None:
    def drip(_: str, connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"a")
            time.sleep(0.05)

    with serving(drip) as server:
        began = time.monotonic()
        assert "0 s" in fault(server.url(), replace(LIMITS, total=0.4)).message
        assert time.monotonic() - began < 2


def test_a_source_that_keeps_sending_but_too_little_is_given_up() -> None:
    def drip(_: str, connection: socket.socket) -> None:
        connection.sendall(answer(length=100_000))
        while True:
            connection.sendall(b"a" * 10)
            time.sleep(0.02)

    with serving(drip) as server, pytest.raises(UnreachableError, match="less than"):
        get(server.url(), replace(LIMITS, window=0.2))


def test_our_own_slowness_is_not_the_sources() -> None:
    limits = replace(LIMITS, window=0.2, slowest=1_000_000)
    with serving(saying(answer(BODY))) as server, fetch(server.url(), limits, allowed=LOOPBACK) as source:
        first = next(source.chunks)
        time.sleep(0.5)
        assert first + b"".join(source.chunks) == BODY


@pytest.mark.parametrize("said", [b"", answer(b"abc", length=7)], ids=["nothing", "half"])
def test_a_source_that_falls_silent_is_for_now(said: bytes) -> None:
    def silent(_: str, connection: socket.socket) -> None:
        connection.sendall(said)
        time.sleep(0.6)

    with serving(silent) as server, pytest.raises(UnreachableError, match="does not answer"):
        get(server.url(), replace(LIMITS, read=0.2))


def test_a_tls_handshake_that_never_ends_is_for_now(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(UnreachableError, match="does not answer"),
    ):
        get(f"https://localhost:{listener.getsockname()[1]}/", replace(LIMITS, read=0.2))


# --- what is no file


@pytest.mark.parametrize("status", ["400 B", "401 U", "403 F", "404 N", "410 G", "204 N", "206 P", "304 N", "300 M"])
def test_an_answer_without_the_file_is_for_good(status: str) -> None:
    with serving(saying(answer(b"no", status=status))) as server:
        error = fault(server.url())
    assert error.code is ErrorCode.SOURCE_UNREACHABLE
    assert status[:3] in error.message


@pytest.mark.parametrize("status", ["500 I", "502 B", "503 S", "504 G", "408 T", "425 E", "429 M"])
def test_a_servers_trouble_is_for_now(status: str) -> None:
    with serving(saying(answer(b"no", status=status))) as server, pytest.raises(UnreachableError, match=status[:3]):
        get(server.url())


def test_no_server_and_a_reset_connection_are_for_now() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError):
        get(f"http://localhost:{port}/")

    def reset(_: str, connection: socket.socket) -> None:
        connection.sendall(answer(b"abc", length=7))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    with serving(reset) as server, pytest.raises(UnreachableError):
        get(server.url())


@pytest.mark.parametrize("sent", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n"])
def test_what_does_not_speak_http_is_for_good(sent: bytes) -> None:
    with serving(saying(sent)) as server:
        assert "HTTP" in fault(server.url()).message
