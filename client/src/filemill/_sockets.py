"""WebSockets by the package `websockets`, which the extra `events` installs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from filemill._api import problem
from filemill._effects import Answer, Closed, Connect, Disconnect, NoSocket, Receive, Transmit
from filemill._http import USER_AGENT, lowered
from filemill.errors import AuthenticationError

OF_SOCKETS = (Connect, Transmit, Receive, Disconnect)

_CLOSE_TIMEOUT = 2.0  # seconds
_MOST_BYTES = 256 * 1024  # of a message; the server's have at most 32 KB
_MISSING = "The package `websockets` is not installed (pip install 'websockets>=15')."


def _options(connect: Connect) -> dict[str, Any]:
    """Arguments of either `connect`. The stage answers no ping frames on every engine, so messages do that."""
    host = urlsplit(connect.url).hostname or ""
    local = host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
    return {
        "additional_headers": dict(connect.headers),
        "user_agent_header": USER_AGENT,
        "open_timeout": connect.timeout,
        "close_timeout": _CLOSE_TIMEOUT,
        "ping_interval": None,
        "max_size": _MOST_BYTES,
        **({"proxy": None} if local else {}),
    }


def _need_package() -> None:
    if importlib.util.find_spec("websockets") is None:
        raise NoSocket(_MISSING)


def _opener() -> Any:
    """Opens a socket for flows that block, and follows no redirect: the credential is for this host only."""
    from websockets.sync import client

    base: Any = getattr(client, "reconnect", None)
    if base is None:  # a version that follows none
        return client.connect

    class Straight(base):  # type: ignore[misc]
        def process_redirect(self, error: Exception) -> Exception:
            return error

    return Straight


def opened(connect: Connect) -> Any:
    """A context manager that gives a socket for code that blocks."""
    return _opener()(uri=connect.url, **_options(connect))


def _async_opener() -> Any:
    """As `_opener`, for asyncio."""
    from websockets.asyncio.client import connect

    class Straight(connect):
        def process_redirect(self, error: Exception) -> Exception:
            return error

    return Straight


def _refused(url: str, error: Exception) -> Exception:
    """The error of a connection that did not come about."""
    from websockets.exceptions import InvalidStatus

    host = urlsplit(url).hostname
    if isinstance(error, InvalidStatus):
        response = error.response
        headers: Mapping[str, str] = lowered(dict(response.headers.raw_items()))
        refusal = problem(Answer(response.status_code, headers, bytes(response.body or b"")))
        if isinstance(refusal, AuthenticationError):
            return refusal
        return NoSocket(f"{host} refused the socket: {refusal}")
    return NoSocket(f"No socket to {host} came about: {str(error) or type(error).__name__}.")


def _closed(error: Exception) -> Closed:
    return Closed(str(error) or type(error).__name__)


class Sockets:
    """Opens sockets, and uses them, for flows that block."""

    def __init__(self) -> None:
        self._open: list[Any] = []

    def perform(self, effect: object) -> Any:
        _need_package()
        from websockets.exceptions import ConnectionClosed

        try:
            if isinstance(effect, Connect):
                return self._connect(effect)
            if isinstance(effect, Transmit):
                return effect.socket.send(effect.text)
            if isinstance(effect, Receive):
                return effect.socket.recv(effect.timeout)
            assert isinstance(effect, Disconnect)
            self._open.remove(effect.socket)
            return effect.socket.close()
        except TimeoutError:
            return None
        except (ConnectionClosed, OSError) as error:
            raise _closed(error) from error

    def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(Exception):
                each.close()

    def _connect(self, connect: Connect) -> Any:
        from websockets.exceptions import WebSocketException

        try:
            # Newer versions want a context manager, and older ones give one that is the socket itself.
            socket = opened(connect).__enter__()
        except (OSError, WebSocketException) as error:
            raise _refused(connect.url, error) from error
        self._open.append(socket)
        return socket


class AsyncSockets:
    """Opens sockets, and uses them, for flows of asyncio."""

    def __init__(self) -> None:
        self._open: list[Any] = []

    async def perform(self, effect: object) -> Any:
        _need_package()
        from websockets.exceptions import ConnectionClosed

        try:
            if isinstance(effect, Connect):
                return await self._connect(effect)
            if isinstance(effect, Transmit):
                return await effect.socket.send(effect.text)
            if isinstance(effect, Receive):
                return await asyncio.wait_for(effect.socket.recv(), effect.timeout)
            assert isinstance(effect, Disconnect)
            self._open.remove(effect.socket)
            return await effect.socket.close()
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            return None
        except (ConnectionClosed, OSError) as error:
            raise _closed(error) from error

    async def close(self) -> None:
        for each in self._open:
            with contextlib.suppress(Exception):
                await each.close()

    async def _connect(self, connect: Connect) -> Any:
        from websockets.exceptions import WebSocketException

        try:
            socket = await _async_opener()(uri=connect.url, **_options(connect))
        except (OSError, WebSocketException) as error:
            raise _refused(connect.url, error) from error
        self._open.append(socket)
        return socket
