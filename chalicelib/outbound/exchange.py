"""One exchange of HTTP/1.1: a GET or a POST, and its answer, every byte of which a stranger chose. h11 reads it.

`http.client` is not made for strangers. It reads headers with the parser for e-mail and numbers with `int`, which takes
"-5", "+5" and "5_0", too. A chunk of -1 bytes was everything that the source sends, held in memory; a chunk of -5
bytes, or an unknown character set in a Content-Type, was an error of our own. h11 reads numbers as RFC 9112 writes
them, and takes headers for bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import h11

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.outbound.connection import Wire, source_errors
from chalicelib.outbound.errors import source_fault
from chalicelib.outbound.limits import Limits
from chalicelib.outbound.urls import Target

# A chunked body may have eight bytes of framing for each byte of the file: a chunk of one byte has five.
FRAMING_SHARE = 8

# Bytes that h11 gets at once. It compares its bound on what is not complete (headers, the line before a chunk,
# trailers) with all that it has, so this much more may come.
PIECE = 4 * 1024

# Every answer of HTTP/1.0 and 1.1 begins so.
HTTP = b"HTTP/1."


@dataclass(frozen=True)
class Answer:
    """The head of an answer. `headers` has names in lower case, and values as Latin-1."""

    status: int
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        """The values of a header, in their order."""
        return [value for each, value in self.headers if each == name]

    def first(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def length(self) -> int | None:
        """The body's length in bytes, if it is announced. h11 saw that it is one number, of ASCII digits only."""
        length = self.first("content-length")
        return None if length is None or self.all("transfer-encoding") else int(length)


@dataclass(frozen=True)
class Post:
    """A body to post, and the headers that say what it is, beside those that every request has."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


class Exchange:
    """Asks for one URL over one connection: with GET, or with POST if there is something to post."""

    def __init__(self, target: Target, wire: Wire, limits: Limits, post: Post | None = None) -> None:
        self._target = target
        self._post = post
        self._wire = wire
        self._limits = limits
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.headers)
        self._ended = False
        self._first = b""
        self._unread = memoryview(b"")
        self._file = 0  # bytes of the file so far

    def ask(self) -> Answer:
        """Sends the request, and reads the answer's head. Raises UnreachableError or PermanentFault."""
        with source_errors(self._target.host):
            self._send()
            while True:
                event = self._next()
                if isinstance(event, h11.Response):
                    self._wire.end_headers()
                    return self._head(event)
                # Anything else announces the answer (1xx). The bound on headers counts these, too.

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces, as long as it keeps to the limits and to its own length.

        Raises UnreachableError if it breaks off, and PermanentFault if it exceeds a limit.
        """
        while True:
            with source_errors(self._target.host):
                event = self._next()
            if not isinstance(event, h11.Data):
                return
            self._file += len(event.data)
            if self._file > self._limits.max_bytes:
                raise too_large(self._limits)
            yield bytes(event.data)

    def _send(self) -> None:
        # No part of the URL can end a line: check_url lets only ASCII through, and no control character.
        post = self._post
        request = h11.Request(
            method="POST" if post else "GET",
            target=self._target.path,
            headers=[
                ("Host", self._target.authority),
                ("User-Agent", "Filemill"),
                ("Accept", "*/*"),
                ("Accept-Encoding", "identity"),
                ("Connection", "close"),
                *((*post.headers, ("Content-Length", str(len(post.body)))) if post else ()),
            ],
        )
        sent = self._http.send(request) or b""
        if post:
            sent += self._http.send(h11.Data(data=post.body)) or b""
        self._wire.send(sent)
        self._http.send(h11.EndOfMessage())

    def _next(self) -> object:
        """The next event. Raises what `source_errors` understands."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError:
                if self._ended:
                    raise ConnectionError("the body breaks off") from None
                raise
            if event is not h11.NEED_DATA:
                return event
            if self._unread:
                self._http.receive_data(bytes(self._unread[:PIECE]))
                self._unread = self._unread[PIECE:]
                continue
            if self._wire.received > self._limits.headers + self._limits.framing + (1 + FRAMING_SHARE) * self._file:
                raise source_fault("The source sends far more framing than file.")
            data = self._wire.receive()
            if not data:
                self._ended = True
                self._http.receive_data(data)
            # Something else than HTTP may never come to the end of its headers, so it is refused by its first bytes.
            self._first += data[: len(HTTP) - len(self._first)]
            if not HTTP.startswith(self._first):
                raise h11.RemoteProtocolError("no status line")
            self._unread = memoryview(data)

    def _head(self, response: h11.Response) -> Answer:
        if len(response.headers) > self._limits.header_lines:
            raise source_fault(f"The source sends more than {self._limits.header_lines} headers.")
        headers = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in response.headers)
        return Answer(response.status_code, headers)


def too_large(limits: Limits) -> PermanentFault:
    """The error for a file that exceeds the bound on its size."""
    return PermanentFault(ErrorCode.TOO_LARGE, f"The file has more than the {limits.max_bytes} bytes allowed.")
