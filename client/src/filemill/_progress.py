"""How far an upload or download is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_INTERVAL = 0.1  # seconds between two calls of the callback


@dataclass(frozen=True)
class Progress:
    """How far an upload or download is.

    sent: bytes so far. total: bytes of the file. rate: bytes a second since it began. remaining: seconds that are left
    at this rate, or None while nobody knows.

    >>> file = client.upload(b"hello", filename="a.txt", on_progress=lambda progress: print(progress.sent))
    5
    """

    sent: int
    total: int
    rate: float
    remaining: float | None


class Meter:
    """Counts bytes, and calls the callback at once, at most ten times a second, and at the end. One call at a time."""

    def __init__(self, total: int, callback: Callable[[Progress], object] | None) -> None:
        self._total = total
        self._callback = callback
        self._sent = 0
        self._here = 0  # bytes that this run has sent
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._told = self._begun - _INTERVAL
        self._told_at = -1

    def skip(self, count: int) -> None:
        """Bytes that an earlier run has sent."""
        with self._lock:
            self._sent += count

    def add(self, count: int) -> None:
        """Bytes that were sent; a negative number takes back those of a try that failed."""
        with self._lock:
            self._sent += count
            self._here += count
            if time.monotonic() - self._told >= _INTERVAL:
                self._tell()

    def end(self) -> None:
        """The last call of the callback, if the last number was not told yet."""
        with self._lock:
            if self._told_at != self._sent:
                self._tell()

    def _tell(self) -> None:
        if self._callback is None:
            return
        now = time.monotonic()
        rate = max(0, self._here) / max(now - self._begun, 1e-3)
        left = max(0, self._total - self._sent)
        self._told, self._told_at = now, self._sent
        self._callback(Progress(self._sent, self._total, rate, left / rate if rate else (None if left else 0.0)))
