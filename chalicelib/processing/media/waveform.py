"""Measures a sound: its loudness for the record, and its waveform as `waveform.json` and as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from chalicelib.facts import Loudness
from chalicelib.model import FileWarning, Rendition
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Source
from chalicelib.processing.media import engine

# 2 · `seconds` + `child.READING` is less than a claim's lease. MOST_SAMPLES take about 8 seconds.
LIMITS = Limits(memory=1024**3, seconds=20)

# Samples of all channels that are measured: 50 minutes of stereo at 48 kHz. Of a longer sound, parts are left out.
MOST_SAMPLES = 3000 * 48_000 * 2
# Bytes that are read of a sound, where parts can be left out without reading them.
MOST_READ = 512 * 1024**2
# Bytes of a sound of any other format.
MOST_WHOLE = 2 * 1024**3
# Formats whose index, or whose arithmetic, says where a time is.
_SEEKABLE = ("wav", "aiff", "caf", engine.MOV[0])

_CHILD = "chalicelib.processing.media.sound_child"

Pairs = Sequence[tuple[float, float]]
Measured = tuple[dict[str, Any], tuple[FileWarning, ...]]


def measure(source: Source, found: Mapping[str, Any]) -> Measured:
    """The words of `sound_child` for a sound of which `engine.facts` found this; empty where it can't be measured."""
    if not found.get("audio"):
        return {}, ()
    wanted = engine.opening(source)
    seek = wanted["format"] in _SEEKABLE and not found.get("unindexed")
    stride = _stride(found, source.size if seek else 0)
    if source.size > MOST_WHOLE and not seek:
        return {}, (_unmeasured(f"it has more than {MOST_WHOLE // 1024**3} GiB"),)
    wanted |= {"seconds": found.get("duration"), "stride": stride, "seek": seek}
    try:
        measured, _ = child.run_on(_CHILD, source.data, source.size, wanted, LIMITS)
    except ChildDiedError as died:
        return {}, (_unmeasured(_REASONS.get(str(died), _TOO_COSTLY)),)
    if not measured:
        return {}, (_unmeasured("none of it could be decoded"),)
    return measured, (_sampled(stride),) if stride > 1 else ()


def _stride(found: Mapping[str, Any], size: int) -> int:
    """One in so many pieces is measured, so that all of it takes no longer than 50 minutes of stereo."""
    track = next((each for each in found["audio"] if each.get("default")), found["audio"][0])
    a_second = (track.get("channels") or 2) * (track.get("sample_rate") or 48_000)
    samples = (found.get("duration") or 0.0) * a_second
    return max(1, ceil(samples / MOST_SAMPLES), ceil(size / MOST_READ))


def loudness(measured: Mapping[str, Any]) -> Loudness | None:
    values = measured.get("loudness")
    return Loudness(**{name: round(value, 1) for name, value in values.items()}) if values else None


def rendition(measured: Mapping[str, Any]) -> tuple[Rendition, bytes]:
    """`waveform.json` in the format of BBC's audiowaveform, version 2: pairs of the lowest and the highest value.

    https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
    """
    data = [max(-128, min(127, round(value * 128))) for pair in measured["waveform"] for value in pair]
    waveform = {
        "version": 2,
        "channels": 1,
        "sample_rate": measured["sample_rate"],
        "samples_per_pixel": measured["samples"],
        "bits": 8,
        "length": len(data) // 2,
        "data": data,
    }
    body = json.dumps(waveform, separators=(",", ":")).encode()
    return Rendition(name="waveform", format="json", content_type="application/json", size=len(body)), body


_TOO_COSTLY = "measuring it took too much time, memory or data"
_REASONS = {"ValueError": "it has no track with one to eight channels"}


def _unmeasured(why: str) -> FileWarning:
    message = f"The sound has no loudness and no waveform, because {why}."
    return FileWarning(code="not_measured", message=message)


def _sampled(stride: int) -> FileWarning:
    message = f"The sound is long, so its loudness and waveform are those of one in {stride} parts of it."
    return FileWarning(code="measured_in_part", message=message)
