"""The plan of a film's or a sound's stream: all that is needed to write its playlists, and to make any part alone.

It is written once, as `av/plan.json`, when the file becomes `ready`, and never changes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

# Jumps of time in one segment.
_MOST_JUMPS = 50

COUNTED = ("mp3", "aac", "amr")
"""Formats in which nothing tells a time: FFmpeg counts from where it is opened."""

SOUNDS = ("sound", "sound_copy")
"""The sorts of rungs that are heard."""

Sort = Literal["picture", "key", "copy", "sound", "sound_copy"]


@dataclass(frozen=True)
class Rung:
    """One playlist, and how its segments are made.

    - `picture` is encoded, and so is `key`: each segment is one picture.
    - `copy` is the film's own picture, repacked.
    - `sound` is encoded, and `sound_copy` repacked.

    `stream` is FFmpeg's index of the track. Segment i lasts from `cuts[i]` to `cuts[i + 1]`, in ticks of 1/`scale`
    seconds; the stream's time 0 is the plan's `zero`. `codec` is the name for CODECS. `peak` and `average` are upper
    bounds in bit/s. `settings` are for the module that makes segments.
    """

    name: str
    sort: Sort
    stream: int
    scale: int
    cuts: list[int]
    codec: str
    peak: int
    average: int
    width: int = 0
    height: int = 0
    frame_rate: float | None = None
    language: str | None = None
    title: str | None = None
    default: bool = False
    video_range: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        return self.sort in SOUNDS

    @property
    def is_cued(self) -> bool:
        """True for packets that are found by the cues of Matroska: for each segment there is the byte `at` which the
        cluster of its first picture begins, and how many bytes `inside` it that picture is (`cues.Cue`)."""
        return "inside" in self.settings

    @property
    def count(self) -> int:
        return len(self.cuts) - 1

    def restart(self, number: int) -> dict[str, Any]:
        """Where reading begins for a segment of a file without an index: `at`, and `times` for `jumps.Continued`."""
        settings = self.settings
        if "at" not in settings:
            return {}
        found: dict[str, Any] = {"at": settings["at"][number]}
        if "jumps" in settings:
            before = [shift for place, shift in settings["jumps"] if place <= found["at"]]
            after = [each for each in settings["jumps"] if each[0] > found["at"]][:_MOST_JUMPS]
            shift = before[-1] if before else 0
            found["times"] = {"since": settings["since"][number], "shift": shift, "jumps": after}
        return found

    def seconds(self, number: int) -> float:
        return (self.cuts[number + 1] - self.cuts[number]) / self.scale


@dataclass(frozen=True)
class Plan:
    """`demuxer` is FFmpeg's name and its white list. `zero` is the fraction of seconds, in the file's own time, at
    which the stream begins. `duration` in seconds. `index` is where the file's index is, and its length
    (`indexes.Index`, also for `more`). `head` is for a file without one: how many bytes at its beginning tell of its
    tracks.

    The rungs of a file without an index have in their settings, for each segment, the byte `at` which reading begins,
    and `since` when what is there is shown, in the track's ticks. Those of a transport stream have the track's PID,
    `id`, and its `jumps`; `tables` are the packets of its program's tables, in hexadecimal digits.
    """

    demuxer: tuple[str, str]
    zero: tuple[int, int]
    duration: float
    rungs: list[Rung]
    index: tuple[int, int] = (0, 0)
    head: int = 0
    tables: str = ""
    more: list[tuple[int, int]] = field(default_factory=list)

    def rung(self, name: str) -> Rung:
        """Raises LookupError."""
        for rung in self.rungs:
            if rung.name == name:
                return rung
        raise LookupError(f"the stream has no {name}")

    def of(self, *sorts: Sort) -> list[Rung]:
        return [rung for rung in self.rungs if rung.sort in sorts]


VERSION = 2


def dumps(plan: Plan) -> bytes:
    return json.dumps(
        {"version": VERSION, **vars(plan), "rungs": list(map(vars, plan.rungs))}, separators=(",", ":"), sort_keys=True
    ).encode()


@lru_cache(maxsize=4)
def loads(data: bytes) -> Plan:
    """Raises ValueError for a plan of another version. Each segment needs the plan, so the last ones are remembered."""
    given = json.loads(data)
    if given.pop("version", None) != VERSION:
        raise ValueError("this plan is of another version")
    rungs = [Rung(**each) for each in given.pop("rungs")]
    return Plan(
        demuxer=(given["demuxer"][0], given["demuxer"][1]),
        zero=(given["zero"][0], given["zero"][1]),
        duration=given["duration"],
        rungs=rungs,
        index=(given["index"][0], given["index"][1]),
        head=given["head"],
        # Plans of before 2026-12 have neither.
        tables=given.get("tables", ""),
        more=[(start, length) for start, length in given.get("more", ())],
    )
