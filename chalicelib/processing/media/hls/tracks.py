"""In the child: the facts of tracks that the plan is made of.

Times are fractions of seconds, in the file's own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from chalicelib.processing.media.hls.tables import Table


class NoStreamError(Exception):
    """No stream can be made of this file. The message goes on after "it can't be streamed: "."""


@dataclass(frozen=True)
class Picture:
    """`picture` is how long one is shown, in seconds; None where they have unequal lengths and no table tells them.

    `width` and `height` are those shown: turned, with square pixels. `turn` in degrees clockwise; a `mirrored` picture
    is mirrored from left to right before that.
    """

    stream: Any
    table: Table | None
    begins: Fraction
    ends: Fraction
    picture: Fraction | None
    frame_rate: Fraction
    width: int
    height: int
    turn: int
    mirrored: bool
    interlaced: bool
    square: bool
    hdr: str | None

    @property
    def scale(self) -> int:
        """Ticks a second of its rungs: the track's own, so that no time is rounded; 90,000 for a track of nonsense."""
        scale = int(self.stream.time_base.denominator)
        if scale > 10_000_000:
            return 90_000
        return scale * max(1, -(-1000 // scale))


@dataclass(frozen=True)
class Sound:
    """`samples` are those of one packet; 0 if they differ or nobody knows. `grid` are samples of which all packets have
    multiples, or 0. `even` is True if the packets follow each other without a gap, as the file's index proves."""

    stream: Any
    table: Table | None
    begins: Fraction
    ends: Fraction
    rate: int
    channels: int
    samples: int
    grid: int
    even: bool
    default: bool
    language: str | None
    title: str | None
