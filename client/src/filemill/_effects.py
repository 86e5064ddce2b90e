"""The steps that the client's logic asks for. It is written once, as generators that do no IO themselves.

A flow yields an effect, and gets its result: `answer = yield Send(request)`. `_sync.py` carries effects out with
blocking calls and threads, `_async.py` with coroutines and tasks. So both clients have the same logic.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from filemill import _json

T = TypeVar("T")


@dataclass
class Body:
    """Bytes to send. `chunks` begins anew each time it is called; `length` in bytes."""

    length: int
    chunks: Callable[[], Iterator[bytes]]


@dataclass
class Request:
    """An HTTP request. `timeout` in seconds without a sign of life; None takes the client's."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    params: Sequence[tuple[str, str]] = field(default_factory=list)
    json: Any = None
    body: Body | None = None
    timeout: float | None = None


@dataclass
class Answer:
    """An HTTP answer. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The body as JSON; an empty body is None. Raises ValueError."""
        return _json.parse(self.content) if self.content else None


@dataclass
class Send:
    """Gives an Answer. Raises NetworkError."""

    request: Request


@dataclass
class Fetch:
    """As Send, but a successful answer's body goes to `sink` in pieces. `begin` hears of the answer's head first."""

    request: Request
    begin: Callable[[Answer], None]
    sink: Callable[[bytes], None]


@dataclass
class Sleep:
    """Gives None after that many seconds."""

    seconds: float


@dataclass
class Work:
    """Runs a function that reads files or computes; gives its result."""

    function: Callable[[], Any]


@dataclass
class Parallel:
    """Carries flows out, at most `limit` at once. Flows are taken from the iterable as they are begun.

    The first error ends the others and is raised.
    """

    flows: Iterable[Flow[Any]]
    limit: int


@dataclass
class Connect:
    """Gives a WebSocket that is open within `timeout` seconds. Raises NoSocket and ApiError."""

    url: str
    headers: Mapping[str, str]
    timeout: float


@dataclass
class Transmit:
    """Sends a message on the socket. Raises Closed."""

    socket: Any
    text: str


@dataclass
class Receive:
    """Gives a message, or None if none came within `timeout` seconds. Raises Closed."""

    socket: Any
    timeout: float


@dataclass
class Disconnect:
    """Closes the socket."""

    socket: Any


@dataclass
class Emit:
    """Gives an item to whoever iterates. Gives None when the next one is wanted."""

    item: Any


class Closed(Exception):  # noqa: N818
    """The socket has ended. `reason` is a piece of a sentence."""


class NoSocket(Exception):  # noqa: N818
    """No socket can be had. The text is a sentence."""


Effect = Send | Fetch | Sleep | Work | Parallel | Connect | Transmit | Receive | Disconnect | Emit
Flow = Generator[Effect, Any, T]
