"""In the child: looks at a film or a sound, and makes the plan of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO

from av.container import InputContainer

from chalicelib.processing.media.hls import audio_track, video_track
from chalicelib.processing.media.hls.plan import Plan, Rung
from chalicelib.processing.media.hls.tracks import NoStreamError

# Seconds of the longest film: 14,400 segments a rung.
MOST_SECONDS = 24 * 3600

# Sound tracks of a stream, at most.
MOST_SOUNDS = 16

# Seconds by which sound may outlast the pictures before the last one is shown longer, and the other way round.
UNEVEN = Fraction(1, 2)


def plan(container: InputContainer, data: BinaryIO, size: int, demuxer: Sequence[str]) -> Plan:
    """Raises NoStreamError, whose message is for people."""
    picture = video_track.look(container, data, size)
    sounds = audio_track.look(container, data, size, MOST_SOUNDS)
    if picture is None and not sounds:
        raise NoStreamError("it has neither a picture nor a sound that can be decoded")
    zero = min([*([picture.begins] if picture else []), *(sound.begins for sound in sounds)])
    ends = [*([picture.ends] if picture else []), *(sound.ends for sound in sounds)]
    if max(ends) - zero > MOST_SECONDS:
        raise NoStreamError(f"it lasts longer than {MOST_SECONDS // 3600} hours")
    end = max(ends) - zero
    if picture:
        heard = max((sound.ends for sound in sounds), default=picture.ends)
        end = max(picture.ends, heard if heard > picture.ends + UNEVEN else picture.ends) - zero
    rungs: list[Rung] = []
    borders: list[Fraction] = []
    if picture:
        rungs, borders = video_track.rungs(picture, zero, end)
    chosen = next((number for number, sound in enumerate(sounds) if sound.default), 0)
    rungs += [
        audio_track.rung(sound, number, zero, end, borders, default=number == chosen)
        for number, sound in enumerate(sounds)
    ]
    return Plan((demuxer[0], demuxer[1]), (zero.numerator, zero.denominator), round(float(end), 3), rungs)
