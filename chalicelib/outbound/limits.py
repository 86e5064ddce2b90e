"""The bounds on one request to another host, and the clock that counts its time down."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chalicelib.outbound.errors import source_fault


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    `headers` bounds the bytes of all headers of one answer, those of announcements (1xx) included; `header_lines` their
    number. The bytes are few because h11's time for a line grows with the square of the blanks in it: half a second
    for 16 KiB. `framing` bounds what comes beside the file's own bytes: a chunked body may have this many bytes of
    framing, and eight more for each byte of the file.

    `total` is for everything, from the first look-up to the last byte. A source must send at least `slowest` bytes for
    each second that we wait for it, over every `window` of waiting.
    """

    max_bytes: int
    total: float
    connect: float = 5
    read: float = 20
    headers: int = 16 * 1024
    header_lines: int = 100
    framing: int = 1024**2
    redirects: int = 5
    slowest: int = 16 * 1024
    window: float = 30


class Clock:
    """Counts down the time for everything."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """True if there is no time left."""
        return time.monotonic() >= self._end

    def shorten(self, seconds: float) -> None:
        """Ends in `seconds`, if there is more time than that."""
        self._end = min(self._end, time.monotonic() + seconds)

    def left(self, at_most: float) -> float:
        """Seconds for the next step. Raises PermanentFault when there are none left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise source_fault(f"The source did not send the whole file in {self.seconds:.0f} s.")
        return min(left, at_most)
