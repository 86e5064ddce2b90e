"""In the child: looks at a film or a sound, and makes the plan of its stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, BinaryIO

from av.container import InputContainer

from chalicelib.processing.media.hls import audio_track, cues, video_track
from chalicelib.processing.media.hls.cued import is_clean
from chalicelib.processing.media.hls.plan import Plan, Rung
from chalicelib.processing.media.hls.scan import Scan
from chalicelib.processing.media.hls.source_rung import Probe
from chalicelib.processing.media.hls.tables import Table, table
from chalicelib.processing.media.hls.tracks import NoStreamError

# Seconds of the longest film: 60,000 segments a rung, and a plan of 8 MB.
MOST_SECONDS = 100 * 3600

# Sound tracks of a stream, at most.
MOST_SOUNDS = 16

# Seconds by which sound may outlast the pictures before the last one is shown longer, and the other way round.
UNEVEN = Fraction(1, 2)


def plan(
    container: InputContainer,
    data: BinaryIO,
    arguments: Mapping[str, Any],
    found: Scan | None,
) -> Plan:
    """`arguments` are `child.main`'s. `found` is what a file without an index has.

    Raises NoStreamError, whose message is for people.
    """

    def find(stream: Any) -> Table | None:
        if found:
            return found.table(stream.index)
        return table(container, stream, data, arguments["size"]) if container.format.name.startswith("mov") else None

    def find_cued(stream: Any) -> Probe | None:
        is_matroska = container.format.name.startswith("matroska") and not found and arguments["index"][1]
        cued = cues.look(container, stream, data, arguments["size"], arguments["index"]) if is_matroska else None
        if cued is None:
            return None
        config, codec = bytes(stream.codec_context.extradata), stream.codec_context.name
        return Probe(cued, partial(is_clean, data, arguments["size"], cued, config=config, codec=codec))

    picture = video_track.look(container, find)
    sounds = audio_track.look(container, find, MOST_SOUNDS)
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
        rungs, borders = video_track.rungs(picture, zero, end, find_cued)
    chosen = next((number for number, sound in enumerate(sounds) if sound.default), 0)
    rungs += [
        audio_track.rung(sound, number, zero, end, borders, default=number == chosen)
        for number, sound in enumerate(sounds)
    ]
    if found:
        rungs = [replace(each, settings={**each.settings, **found.restarts(each, zero)}) for each in rungs]
    elif arguments["demuxer"][0] == "mov":
        numbers = {stream.index: stream.id for stream in container.streams}
        often = Counter(numbers.values())
        alone = {index: number for index, number in numbers.items() if often[number] == 1}
        rungs = [
            replace(each, settings={**each.settings, "track": alone[each.stream]}) if each.stream in alone else each
            for each in rungs
        ]
    demuxer, whitelist = arguments["demuxer"]
    return Plan(
        demuxer=(demuxer, whitelist),
        zero=(zero.numerator, zero.denominator),
        duration=round(float(end), 3),
        rungs=rungs,
        index=(arguments["index"][0], arguments["index"][1]),
        more=[(start, length) for start, length in arguments["more"]],
        head=found.head if found else 0,
        tables=found.packets.hex() if found else "",
    )
