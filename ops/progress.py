"""Helpers of long commands: a progress bar, a speed limit, and the types of their arguments."""

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
SHOWN = 0.1  # seconds between two updates of a bar on a terminal
LOGGED = 30.0  # seconds between two lines elsewhere, for example in a log


class Bar:
    """`[#####-----] 512 of 1024, 20/s, 25 s left`: one moving line on a terminal, elsewhere a line every 30 seconds."""

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
    """A speed limit of `rate` per second. Call `wait` before each item."""

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
    """Type of an argument: how many per second."""
    try:
        value = float(text.removesuffix("/s"))
    except ValueError:
        value = 0
    if not 0 < value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate; use a number per second, above 0 and up to 1000")
    return value


def duration(seconds: float) -> str:
    """A time in words, such as `13 h 53 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment(text: str) -> datetime:
    """Type of an argument: a time in ISO 8601, in UTC unless it names another zone."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; use 2026-11-22 or 2026-11-22T12:00Z") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def positive(text: str) -> int:
    """Type of an argument: a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def confirm(question: str, *, yes: bool) -> bool:
    """Asks the person at the terminal, unless `yes`. Raises OpsError if there is no terminal."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise OpsError(
            "This command asks before it begins, but there is no terminal. Add --yes to begin without asking."
        )
    return _answer(f"{question} [y/N] ").lower() in ("y", "yes")


def _answer(question: str) -> str:
    """The answer that the person types. The end of input (Ctrl-D) is an empty answer."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def confirm_name(question: str, name: str, *, yes: bool) -> None:
    """Has the person at the terminal type a name, before something is done that can't be undone, unless `yes`.

    Raises
    ------
    OpsError
        Another name was typed, or there is no terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OpsError(f"{question} This command asks for the name {name!r}, but there is no terminal. Add --yes.")
    if _answer(f"{question} Type {name} to go on: ") != name:
        raise OpsError("Another name was typed, so nothing was done.")
