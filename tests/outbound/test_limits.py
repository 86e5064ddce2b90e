"""The bounds on time and speed, to the second and the byte, without a network."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.outbound import connection, limits
from chalicelib.outbound.connection import Wire
from chalicelib.outbound.errors import UnreachableError
from chalicelib.outbound.limits import Clock, Limits


class Present:
    """The module `time`, as far as it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> Present:
    present = Present()
    monkeypatch.setattr(limits, "time", present)
    monkeypatch.setattr(connection, "time", present)
    return present


@pytest.mark.parametrize(("gone", "left"), [(0, 5), (4, 5), (5, 5), (7, 3), (9.5, 0.5)])
def test_a_step_gets_its_own_time_or_what_is_left_of_the_time_for_everything(
    gone: float, left: float, present: Present
) -> None:
    clock = Clock(10)
    present.seconds += gone
    assert clock.left(5) == left


@pytest.mark.parametrize("gone", [10, 11])
def test_when_the_time_for_everything_is_over_there_is_no_next_step(gone: float, present: Present) -> None:
    clock = Clock(10)
    present.seconds += gone
    with pytest.raises(PermanentFault, match="whole file in 10 s") as fault:
        clock.left(5)
    assert fault.value.code is ErrorCode.SOURCE_UNREACHABLE


class Peer(socket.socket):
    """A socket that takes as long and gives as much as a test says, and keeps the timeouts that it was given."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        super().__init__()
        self.receive = receive
        self.timeouts: list[float | None] = []

    def settimeout(self, value: float | None, /) -> None:
        self.timeouts.append(value)

    def recv_into(self, buffer: memoryview, nbytes: int = 0, flags: int = 0, /) -> int:  # type: ignore[override]
        body = self.receive()[: len(buffer)]
        buffer[: len(body)] = body
        return len(body)


def slow(present: Present, *steps: tuple[float, int]) -> Peer:
    """A peer that needs so many seconds for so many bytes, one step after the other."""
    left = list(steps)

    def receive() -> bytes:
        seconds, count = left.pop(0)
        present.seconds += seconds
        return b"x" * count

    return Peer(receive)


LIMITS = Limits(max_bytes=10**6, total=1000, window=10, slowest=100, headers=50)


def read(peer: Peer, times: int, limits: Limits = LIMITS) -> list[int]:
    with peer:
        wire = Wire(peer, limits, Clock(limits.total))
        wire.end_headers()
        return [len(wire.receive()) for _ in range(times)]


def test_exactly_the_least_speed_is_enough_and_a_byte_less_is_not(present: Present) -> None:
    assert read(slow(present, (10, 1000)), 1) == [1000]
    with pytest.raises(UnreachableError, match="less than 100 bytes a second"):
        read(slow(present, (10, 999)), 1)


def test_nothing_is_too_slow_before_a_whole_window_was_waited_for(present: Present) -> None:
    assert read(slow(present, (9.5, 1), (0.5, 999)), 2) == [1, 999]
    with pytest.raises(UnreachableError):
        read(slow(present, (9.5, 1), (0.5, 998)), 2)


def test_each_window_counts_alone(present: Present) -> None:
    with pytest.raises(UnreachableError):
        read(slow(present, (10, 9000), (10, 1)), 2)
    assert read(slow(present, (10, 1000), (5, 1), (5, 999)), 3) == [1000, 1, 999]


def test_each_wait_has_the_time_of_one_read_or_what_is_left(present: Present) -> None:
    peer = slow(present, (15, 2000), (0, 1))
    read(peer, 2, Limits(max_bytes=1, total=25, read=20))
    assert peer.timeouts == [20, 10]


def test_headers_have_their_own_bound_and_the_body_has_not(present: Present) -> None:
    peer = slow(present, (0, 30), (0, 30), (0, 10))
    with peer:
        wire = Wire(peer, LIMITS, Clock(10))
        assert [len(wire.receive()) for _ in range(2)] == [30, 20], "20 are left of 50"
        with pytest.raises(PermanentFault, match="50 bytes of headers"):
            wire.receive()
        wire.end_headers()
        assert len(wire.receive()) == 10
        assert wire.received == 60


def test_headers_that_break_off_are_no_end(present: Present) -> None:
    with slow(present, (0, 0)) as peer, pytest.raises(ConnectionError, match="break off"):
        Wire(peer, LIMITS, Clock(10)).receive()


def test_unless_told_otherwise_a_source_has_these_bounds() -> None:
    assert Limits(max_bytes=1, total=1) == Limits(
        max_bytes=1,
        total=1,
        connect=5,
        read=20,
        headers=16_384,
        header_lines=100,
        framing=1_048_576,
        redirects=5,
        slowest=16_384,
        window=30,
    )
