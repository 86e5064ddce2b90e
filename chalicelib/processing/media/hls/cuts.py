"""The boundaries of segments. Pure: whole numbers in, whole numbers out, in ticks of one scale."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction

# Seconds of a segment, as Apple recommends, and of the steps of fast forward.
TARGET = 6
STEP = 2

# Seconds that a segment may last where it must begin with a certain picture.
LONGEST = Fraction(12)


def at_pictures(times: Sequence[int], end: int, step: int) -> list[int]:
    """Boundaries at pictures, about `step` apart; the first is the first picture's time, the last is `end`.

    `times` are when pictures are shown, sorted. Where none comes for long, a boundary has no picture of its own: the
    one before it is repeated there.
    """
    found = [times[0]]
    while True:
        wanted = found[-1] + step
        index = bisect_left(times, wanted)
        following = times[index] if index < len(times) else end
        if following - found[-1] > step * 3 // 2:
            following = wanted
        if following >= end:
            return [*found, end]
        found.append(following)


def at_grid(first: int, pictures: int, picture: Fraction, step: int, end: int) -> list[int]:
    """The same where pictures are `picture` ticks apart, for so many of them: each segment has whole pictures."""
    count = max(1, -(-step // picture))
    found = [first + round(number * picture) for number in range(0, pictures, count)]
    while end - found[-1] > round(count * picture * 3 / 2):  # the sound goes on
        found.append(found[-1] + round(count * picture))
    return [*found, end]


def before(first: int, step: int) -> list[int]:
    """Boundaries from 0 to before `first`, equally far apart, about `step`."""
    count = max(1, round(first / step))
    return [first * number // count for number in range(count)]


def at_keys(
    keys: Sequence[int],
    before: Sequence[int],
    end: int,
    step: int,
    most_bytes: int,
    longest: int,
    until: Sequence[int] | None = None,
    alone: int = 0,
) -> list[int] | None:
    """Indexes of the keys at which a stream is cut that isn't encoded anew; the last is len(keys).

    `keys` are when they are shown, sorted, and `before` are the bytes before each key, and all bytes. Where these are
    not known exactly, `until` are the most that can be before it. An interval of more than `most_bytes` is a segment
    by itself, if it has at most `alone`. None if one interval is larger than that, or too long for a segment.
    """
    times, ends = [*keys, end], until or before
    found = [0]
    while found[-1] < len(keys):
        first = found[-1]
        time, fits = times[first], bisect_right(ends, before[first] + most_bytes) - 1
        if fits <= first and ends[first + 1] - before[first] <= alone:
            fits = first + 1
        fits = min(fits, bisect_right(times, time + longest) - 1)
        if fits <= first:
            return None
        found.append(min(fits, max(first + 1, bisect_left(times, time + step)), len(keys)))
    return found
