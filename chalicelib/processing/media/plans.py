"""The plan of a film's or a sound's stream: which segments there are, and how long each is.

It was written when the file became `ready`, under a key whose bytes never change. So an instance of a function that
read it once keeps it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.delivery.missing import STREAMED
from chalicelib.processing.media.hls.plan import loads
from chalicelib.renditions import media_names
from chalicelib.renditions.media_names import MediaName, Part
from chalicelib.storage import derived

# Plans in memory at once. A film of two hours has one of some hundred kilobytes.
KEPT = 16
# Bytes. A larger object is no plan of ours.
LARGEST = 16 * 1024**2


def lengths(data: bytes) -> dict[str, tuple[float, ...]]:
    """Seconds of each segment in a plan, by rung."""
    return {rung.name: tuple(map(rung.seconds, range(rung.count))) for rung in loads(data).rungs}


@dataclass(frozen=True)
class Plan:
    """A plan's bytes, and the seconds of each segment by rung."""

    data: bytes
    lengths: Mapping[str, Sequence[float]]

    def has(self, part: MediaName) -> bool:
        """True if there is such a playlist, init segment or segment."""
        if part.part not in STREAMED or part.rung not in self.lengths:
            return False
        return part.part is not Part.SEGMENT or part.number < len(self.lengths[part.rung])

    def seconds(self, part: MediaName) -> float:
        """How long a segment is. It must be one of the plan's."""
        return self.lengths[part.rung][part.number]


_kept: OrderedDict[str, Plan] = OrderedDict()


def of(prefix: str) -> Plan | None:
    """The plan below a source version's prefix: one GetObject at the first time. None if there is none."""
    key = prefix + media_names.PLAN
    if plan := _kept.get(key):
        _kept.move_to_end(key)
        return plan
    stored = derived.read(key, LARGEST)
    if stored is None or stored.body is None:
        return None
    plan = Plan(stored.body, lengths(stored.body))
    _kept[key] = plan
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return plan
