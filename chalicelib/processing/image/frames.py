"""The vocabulary of animations: frames as a file codes them, and how viewers read their times.

gif.py, apng.py and webp.py read a file into an `Animation`. compositor.py makes of it the pictures that are seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from PIL import Image

KEPT = 500
"""So many frames of a file are kept. All are counted."""

_UNTIMED, _TOO_SHORT = 100.0, 10.0  # milliseconds


class Disposal(Enum):
    """The end of a frame: it stays, its area is cleared, or its area becomes what it was before the frame."""

    KEEP = "keep"
    CLEAR = "clear"
    RESTORE = "restore"


class Frame(NamedTuple):
    """One frame as coded. The area is in pixels of the canvas, beyond which it may reach. `delay` is in milliseconds.

    `over` blends it with the canvas; without it the frame replaces its area. `coded` says where its bytes are, in the
    words of its format.
    """

    x: int
    y: int
    width: int
    height: int
    delay: float
    disposal: Disposal
    over: bool
    coded: Any


@dataclass(frozen=True)
class Animation:
    """The animation that a file says it has; it may have one frame only. `plays` is how often it is played, 0 for ever.

    `count` and `duration` (seconds) are those of all frames, and `frames` has the first of them, `KEPT` at most. `load`
    decodes a frame, into a mode of `color.eight_bit`. All frames have grey pixels, or none.
    """

    width: int
    height: int
    plays: int
    count: int
    duration: float
    frames: list[Frame]
    load: Callable[[Frame], Image.Image]

    @property
    def largest(self) -> int:
        """Pixels of the canvas, or of a frame that is larger."""
        return max(self.width * self.height, *(frame.width * frame.height for frame in self.frames))

    @property
    def starts_full(self) -> bool:
        """True if the first frame covers the canvas."""
        first = self.frames[0]
        return (first.x, first.y, first.width, first.height) == (0, 0, self.width, self.height)


def seen_for(delay: float) -> float:
    """The milliseconds for which browsers show a frame that says `delay`: they take 10 and less for an omission.

    Chromium, Firefox and Safari do so, for every format.
    """
    return delay if delay > _TOO_SHORT else _UNTIMED


def counted(frames: Iterable[Frame]) -> tuple[list[Frame], int, float]:
    """The first of the frames, the number of all, and the seconds that they are seen for."""
    kept: list[Frame] = []
    count, milliseconds = 0, 0.0
    for frame in frames:
        if count < KEPT:
            kept.append(frame)
        count += 1
        milliseconds += seen_for(frame.delay)
    return kept, count, round(milliseconds / 1000, 3)
