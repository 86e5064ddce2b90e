"""Completes the facts of a film or a sound without an index: only reading it to its end tells how long it lasts.

That is done once, by the child that makes the plan of its stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.processing.kinds import Source
from chalicelib.processing.media import hls

# Seconds by which a header's figure may be wrong before it is replaced. A sound's may count the encoder's run-up.
_CLOSE = 0.2

# FFmpeg's names of formats whose headers have no figure: it makes one up from the first bit rate.
_GUESSED = ("aac", "amr")

# Places of a film that its pictures may be taken from.
_PLACES = 200


def completed(source: Source, found: Mapping[str, Any], time: float | None = None) -> dict[str, Any]:
    """The facts with `plan`, which `hls.write` takes, `duration`, `bit_rate`, and `restarts`.

    `restarts` are for `pictures_child`: `head` and `tables` of the plan, `id` and `config` of the track, and `places`,
    each with a time in seconds, the byte at which reading begins to get there, and `times` for `jumps.Continued` or
    null. One is for the wished `time`. Facts of a file with an index are returned as they are.
    """
    if not found.get("unindexed"):
        return dict(found)
    made = hls.prepare(source)
    if not made[0]:
        return {**found, "plan": made}
    from chalicelib.processing.media.hls import plan as plans

    plan = plans.loads(made[0])
    said = found.get("duration")
    is_guessed = plan.demuxer[0] in _GUESSED
    duration = said if said and not is_guessed and abs(said - plan.duration) < _CLOSE else plan.duration
    bit_rate = found.get("bit_rate") if duration == said else None
    more = {"duration": duration, "bit_rate": bit_rate or round(source.size * 8 / duration) if duration else None}
    return {**found, **more, "plan": made, "restarts": _restarts(plan, time)}


def _restarts(plan: Any, time: float | None) -> dict[str, Any] | None:
    rung = next(iter(plan.of("key")), None)
    if rung is None:
        return None
    numbers = list(range(0, rung.count, 1 + rung.count // _PLACES))
    if time is not None:
        numbers += [max((each for each in range(rung.count) if rung.cuts[each] <= time * rung.scale), default=0)]
    places = []
    for each in sorted(set(numbers)):
        restart = rung.restart(each)
        places.append((round(rung.cuts[each] / rung.scale, 3), restart["at"], restart.get("times")))
    of_track = {"id": rung.settings.get("id"), "config": rung.settings.get("config", "")}
    return {"head": plan.head, "tables": plan.tables, **of_track, "places": places}
