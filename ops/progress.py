"""What a long command shows meanwhile, and how fast it may go."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TextIO

from ops.errors import OpsError

WIDTH = 30
# Seconds between two looks of a bar; where nobody watches (a log), between two lines.
SHOWN, LOGGED = 0.1, 30.0


class Bar:
    """`[#####-----] 512 of 1024, 20/s, 25 s left`: on a terminal one line that moves, elsewhere a line now and then."""

    def __init__(self, total: int, unit: str, out: TextIO = sys.stderr) -> None:
        self.total, self.unit, self.out = total, unit, out
        self.done = 0
        self._began = time.monotonic()
        self._said = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.done:
            self._say(last=True)
            self.out.write("\n" if self.out.isatty() else "")

    def step(self) -> None:
        self.done += 1
        if time.monotonic() - self._said > (SHOWN if self.out.isatty() else LOGGED):
            self._say()

    def _say(self, *, last: bool = False) -> None:
        self._said = time.monotonic()
        speed = self.done / max(self._said - self._began, 1e-3)
        total = max(self.total, self.done)
        full = WIDTH * self.done // total
        left = f", {int((total - self.done) / speed)} s left" if self.done < total and not last else ""
        line = f"[{'#' * full}{'-' * (WIDTH - full)}] {self.done} of {total} {self.unit}, {speed:.0f}/s{left}"
        self.out.write(f"\r{line}\x1b[K" if self.out.isatty() else f"{line}\n")
        self.out.flush()


class Pace:
    """At most `rate` a second: `wait` before each."""

    def __init__(
        self, rate: float, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gap, self._sleep, self._clock = 1 / rate, sleep, clock
        self._next = clock()

    def wait(self) -> None:
        present = self._clock()
        if self._next > present:
            self._sleep(self._next - present)
        self._next = max(self._next, present) + self._gap


def rate(text: str) -> float:
    """An argument: how many a second."""
    try:
        value = float(text.removesuffix("/s"))
    except ValueError:
        value = 0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate: a number a second, above 0 and up to 1000")
    return value


def moment(text: str) -> datetime:
    """An argument: ISO 8601; UTC unless it says otherwise."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-22 or 2026-11-22T12:00Z") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def positive(text: str) -> int:
    """An argument: a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def confirm(question: str, *, yes: bool) -> bool:
    """Asks, unless `yes`. Raises OpsError where nobody could answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise OpsError("Nobody is there to be asked: add --yes.")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
