"""Shared by both drivers: how httpx is set up, and how its errors are told."""

from __future__ import annotations

import platform
import socket
import ssl
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from filemill._effects import Request
from filemill._version import __version__
from filemill.errors import ApiError, FilemillError, NetworkError

T = TypeVar("T")

USER_AGENT = f"filemill-python/{__version__} Python/{platform.python_version()}"

# Bytes of an answer that is kept in memory, such as JSON. Downloads are not: they go to the disk piece by piece.
MOST_CONTENT = 16 * 1024**2

# A proxy of the environment is not asked for this computer's own hosts.
_DIRECT = ("all://localhost", "all://*.localhost", "all://127.0.0.1", "all://[::1]")

# Errors that are raised before a request is on its way.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def timeouts(seconds: float) -> httpx.Timeout:
    """`seconds` without a sign of life is an error. A thread may wait for a connection of the pool for longer."""
    return httpx.Timeout(seconds, connect=min(seconds, 15.0), pool=None)


def limits() -> httpx.Limits:
    """Room for the parts of several uploads at once."""
    return httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=30)


@cache
def context() -> ssl.SSLContext:
    """The trusted certificates. Reading them takes a tenth of a second or more, so all clients share them."""
    return httpx.create_ssl_context()


def past_a_proxy(transport: Callable[..., T]) -> dict[str, T] | None:
    """httpx's `mounts` with which this computer is reached past a proxy; None where there is no proxy."""
    if not urllib.request.getproxies():
        return None
    direct = transport(limits=limits(), verify=context())
    return dict.fromkeys(_DIRECT, direct)


def headers_of(request: Request) -> dict[str, str]:
    """The request's headers, with the length of its body and the client's name."""
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **request.headers}
    if request.body is not None:
        headers["Content-Length"] = str(request.body.length)
    return headers


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers with lower-case names."""
    return {name.lower(): value for name, value in headers.items()}


class Content:
    """The content of an answer that is kept in memory. It is decompressed here: the bound is for what comes out.

    httpx would decompress a piece of it as a whole: gzip makes a thousand bytes of one, and gzip in gzip a million.
    """

    def __init__(self, answer: httpx.Response) -> None:
        """Raises ApiError for an encoding that was not asked for."""
        self._answer = answer
        encoding = answer.headers.get("content-encoding", "").strip().lower()
        if answer.is_stream_consumed or encoding in ("", "identity"):  # a transport in memory may have read it
            self._gzip = None
        elif encoding in ("gzip", "x-gzip"):
            self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        else:
            raise self._wrong("unknown_encoding", f"is encoded as {encoding!r}, and not as gzip")
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Takes a piece as it came. Raises ApiError if all of it is too much, or is not what it says."""
        left = MOST_CONTENT - self._size
        if self._gzip is not None:
            try:
                piece = self._gzip.decompress(piece, left + 1)
            except zlib.error:
                raise self._wrong("damaged_answer", "is damaged: its gzip can't be read") from None
        if len(piece) > left:
            raise self._wrong("answer_too_large", f"has more than {MOST_CONTENT // 1024**2} MiB")
        self._pieces.append(piece)
        self._size += len(piece)

    def value(self) -> bytes:
        """All of it. Raises ApiError if gzip's end is missing."""
        if self._gzip is not None and self._size and not self._gzip.eof:
            raise self._wrong("damaged_answer", "is damaged: its end is missing")
        return b"".join(self._pieces)

    def _wrong(self, code: str, how: str) -> ApiError:
        detail = f"The answer of {_host(str(self._answer.url))} {how}."
        return ApiError(self._answer.status_code, code, detail=detail, headers=lowered(self._answer.headers))


def content(answer: httpx.Response) -> bytes:
    """The content of an answer that is streamed by code that blocks. Raises ApiError for a large one."""
    kept = Content(answer)
    for piece in (answer.content,) if answer.is_stream_consumed else answer.iter_raw():
        kept.add(piece)
    return kept.value()


def told(error: httpx.HTTPError | httpx.InvalidURL | ssl.SSLError, url: str) -> FilemillError:
    """The error as this package raises it, with the host in the sentence."""
    return NetworkError(_host(url), _reason(error), sent=not isinstance(error, _NOT_SENT))


def _host(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or url
    return f"{host}:{parts.port}" if parts.port else host


def _reason(error: BaseException) -> str:
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused the connection ({error}); see HTTPS_PROXY and NO_PROXY"
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection came about in time"
    if isinstance(error, httpx.TimeoutException):
        return "no answer came in time"
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(isinstance(each, socket.gaierror) for each in causes):
        return "the name could not be looked up; is there a network, and is the address right?"
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in causes):
        return f"its certificate is not trusted ({error})"
    if any(isinstance(each, ConnectionRefusedError) for each in causes):
        return "nothing listens at that port"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return f"the connection broke ({str(error) or type(error).__name__})"
    return str(error) or type(error).__name__
