"""Hypothesis strategies for the raw bytes that a source may send: mostly a valid answer with something wrong in it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from hypothesis import strategies as st

NUMBERS = st.sampled_from(
    [
        *(b"0", b"1", b"3", b"7", b"00000007", b"1000", b"999999", b"5000000000", b"18446744073709551616"),
        *(b"-1", b"-5", b"-0", b"+5", b"0x5", b"5_0", b"5.0", b"5e9", b"1 2", b"", b" ", b"many", b"\0", b"7\0"),
        *(b"9" * 21, b"9" * 5000, b"f" * 20, b"f" * 21, b"FFFFFFFF", b"7fffffffffffffff", b"8000000000000000"),
        *("\u0665".encode(), "\uff17".encode(), b"\xb2", b"7;x=y", b"7, 7", b"7,8", b"7\x0b", b"\x857"),
    ]
)
STATUSES = st.one_of(
    st.just(b"200"),
    st.sampled_from([b"100", b"101", b"103", b"204", b"206", b"301", b"302", b"304", b"404", b"429", b"503", b"599"]),
    st.sampled_from(
        [b"", b"0", b"20", b"000", b"099", b"999", b"2000", b"-20", b"+200", b"2_00", b"\xb2\xb2\xb2", b"x"]
    ),
)
VERSIONS = st.sampled_from(
    [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b"ICY", b""]
)
ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\n\r", b"\r\r\n", b"", b"\0\r\n", b"\r\n "])
TYPES = st.sampled_from(
    [
        b"image/jpeg",
        b"message/rfc822",
        b"multipart/mixed",
        b"multipart/mixed; boundary*=idna''x",
        b"multipart/mixed; boundary*=a\0b''x",
        b"multipart/mixed; boundary*" + b"9" * 5000 + b"*=x",
        b"message/delivery-status",
        b"text/html; charset=\xff",
    ]
)
LOCATIONS = st.one_of(
    st.sampled_from(
        [
            *(
                b"/a.jpg",
                b"?",
                b"",
                b"//",
                b"http://[",
                b"http://[::1]:99999/",
                b"http://a:\xd9\xa5/",
                b"http://a:8_0/",
            ),
            *(b"http://a:" + b"9" * 5000, b"\xff\xfe", b"../" * 700, b"http://xn--a/", b"http://" + b"a." * 126, b"\0"),
            *("http://\ufdfa.example/".encode(), "http://a\u2100b/".encode(), b"https://source.example/", b"data:,x"),
        ]
    ),
    st.binary(max_size=40),
)
HEADERS = st.one_of(
    st.tuples(st.just(b"Content-Length"), NUMBERS),
    st.tuples(
        st.just(b"Transfer-Encoding"),
        st.sampled_from(
            [b"chunked", b"chunked", b"Chunked", b"gzip, chunked", b"identity", b"chunked, chunked", b"\xff"]
        ),
    ),
    st.tuples(st.just(b"Content-Type"), TYPES),
    st.tuples(st.just(b"Location"), LOCATIONS),
    st.tuples(st.just(b"Content-Encoding"), st.sampled_from([b"identity", b"gzip", b"br", b"", b"\xff", b"x" * 9000])),
    st.tuples(st.just(b"Retry-After"), NUMBERS),
    st.tuples(st.just(b"Content-Range"), st.sampled_from([b"bytes 0-6/7", b"bytes -1--5/-7", b"\0"])),
    st.tuples(st.sampled_from([b"", b" ", b"X", b"X Y", b"X\0", b"\xff", b":", b"Connection"]), st.binary(max_size=30)),
)


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """A body in chunks. Now and then a size is wrong, a line does not end, or the last chunk is missing."""
    parts = []
    for piece in draw(st.lists(st.binary(max_size=300), max_size=5)):
        if piece:
            size = draw(st.one_of(*[st.just(b"%x" % len(piece))] * 6, NUMBERS))
            parts += [size, draw(ENDS), piece, draw(ENDS)]
    last = draw(st.sampled_from([b"0"] * 6 + [b"", b"-0", b"00", b"0x0", b"-1"]))
    trailers = draw(st.sampled_from([b"", b"", b"T: 1\r\n", b"T\r\n", b"T: 1\r\n" * 3000]))
    return b"".join([*parts, last, draw(ENDS), trailers, draw(ENDS)])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    lines = [b" ".join([draw(VERSIONS), draw(STATUSES), b"OK"])]
    lines += [name + draw(st.sampled_from([b": ", b": ", b":", b" : ", b""])) + value for name, value in draw(_FEW)]
    return b"".join(line + draw(ENDS) for line in lines) + draw(ENDS)


_FEW = st.lists(HEADERS, max_size=5)


@st.composite
def valid(draw: st.DrawFn) -> bytes:
    """An answer with a file: of an announced length, in chunks, or until the end of the connection."""
    body = draw(st.binary(max_size=400))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + draw(TYPES) + b"\r\n"
    match draw(st.integers(0, 3)):
        case 0:
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        case 1:
            pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
            framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
        case 2:
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + draw(chunked())
        case _:
            return head + b"\r\n" + body


BODIES = st.one_of(
    chunked(),
    st.binary(max_size=400),
    st.sampled_from([b"", b"a" * 300_000, gzip.compress(bytes(2_000_000))]),
)

# Bytes of other protocols: SSH, SMTP, MySQL, TLS alert, HTTP/2 settings and its client's preface, HTTP/0.9.
OTHERS = st.sampled_from(
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail ESMTP\r\n",
        b"J\0\0\0\n8.0.36\0",
        b"\x15\x03\x01\0\x02\x02\x28",
        b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"<html>HTTP/0.9</html>",
        b"HTTP/1.",
        b"\r\n" * 100,
    ]
)


@dataclass(frozen=True)
class Raw:
    """What a source sends, in pieces, and whether it ends with a reset of the connection."""

    pieces: tuple[bytes, ...]
    reset: bool

    @property
    def sent(self) -> bytes:
        return b"".join(self.pieces)


@st.composite
def raw_answers(draw: st.DrawFn) -> Raw:
    """One answer of a source: a head and a body that may not fit, with a few bytes changed, removed or doubled."""
    announced = draw(
        st.sampled_from([b""] * 6 + [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 E\r\nA: b\r\n\r\n" * 40])
    )
    odd = st.builds(bytes.__add__, heads(), BODIES)
    sent = announced + draw(st.one_of(*[valid()] * 4, *[odd] * 4, OTHERS))
    changed = bytearray(sent)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 3]))):
        at = draw(st.integers(0, min(len(changed), 400)))
        match draw(st.integers(0, 3)):
            case 0:
                changed[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del changed[at : at + draw(st.integers(1, 20))]
            case 2:
                changed[at:at] = changed[at : at + 20] * draw(st.sampled_from([1, 2, 500]))
            case _:
                del changed[at:]
    cut = draw(st.integers(0, min(len(changed), 200)))
    return Raw((bytes(changed[:cut]), bytes(changed[cut:])), draw(st.sampled_from([False] * 5 + [True])))
