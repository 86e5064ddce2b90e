"""In the child: segments of the film's own packets, as they are. Nothing is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, pairwise
from math import floor
from typing import Any

from av.container import InputContainer

from chalicelib.processing.media.hls import boxes, frames, nal
from chalicelib.processing.media.hls.opening import alone, seconds_zero

# Bytes of a codec's header that a plan may have: it is in the command line of children.
_LONGEST_CONFIG = 4096


class LyingIndexError(Exception):
    """The file's index names packets that are not there, or not what it says."""


def config(stream: Any) -> bytes:
    """The codec's own header, which decoders need before the first packet, as the file has it."""
    return bytes(stream.codec_context.extradata or b"")


def settings(config: bytes) -> dict[str, str]:
    """The plan's settings by which the init segment is made without the file."""
    return {"config": config.hex()} if len(config) <= _LONGEST_CONFIG else {}


def init(rung: dict[str, Any], config: bytes) -> bytes:
    if rung["sort"] == "sound_copy":
        entry = boxes.sound_entry(config, rung["scale"], rung["settings"]["channels"])
        return boxes.init(entry, rung["scale"], None)
    size = rung["width"], rung["height"]
    kind = rung["codec"][:4].encode()
    return boxes.init(boxes.picture_entry(kind, config, size), rung["scale"], size)


def make(container: InputContainer, rung: dict[str, Any], part: dict[str, Any], zero: list[int]) -> bytes:
    """`part` has `number`, `start`, `stop`, and `place` and `next_place`: when its first packet, and the next segment's
    one, is decoded, in the file's own ticks. Without them, a segment begins with the key picture that is shown at
    `start`, and ends before the one that is shown at `stop`, or with the file if `next_stop` is None.

    Raises LyingIndexError.
    """
    stream = alone(container, rung["stream"])
    base, nothing = stream.time_base * rung["scale"], seconds_zero(zero, rung["scale"])
    if "place" in part:
        shown_at = floor((part["start"] + nothing + Fraction(1, 2)) / base)  # in the file's own ticks
        packets = [
            packet
            for packet in _packets(container, stream, part, shown_at)
            # A file that was cut off may have more packets of one track than could be read of all tracks together.
            if part["next_place"] is not None or round(packet.pts * base) - nothing < part["stop"]
        ]
    else:
        packets = list(_between(container, stream, part, lambda time: round(time * base) - nothing))
    if rung["sort"] == "copy":
        packets = _whole(packets, stream)
    if not packets or not packets[0].is_keyframe or sum(packet.size for packet in packets) > part["most_bytes"]:
        raise LyingIndexError
    return segment(part, [(round(each.pts * base) - nothing, bytes(each), each.is_keyframe) for each in packets])


def segment(part: dict[str, Any], packets: Sequence[tuple[int, bytes, bool]]) -> bytes:
    """`packets` as they are stored: (when it is shown in the rung's ticks, its bytes, True if decoding may begin here).

    Raises LyingIndexError if the first one is not shown at `start` and before all others, if two are shown at once, or
    if one is shown at `stop` or later.
    """
    times = [*sorted(time for time, *_ in packets), part["stop"]]
    if packets[:1] and packets[0][0] != part["start"]:
        raise LyingIndexError
    if times[0] != part["start"] or any(later <= earlier for earlier, later in pairwise(times)):
        raise LyingIndexError
    samples = [
        boxes.Sample(data, times[place + 1] - times[place], time - times[place], is_key)
        for place, (time, data, is_key) in enumerate(packets)
    ]
    return boxes.segment(part["number"], times[0], samples)


def _whole(packets: list[Any], stream: Any) -> list[Any]:
    """The pictures without damaged ones, which players leave out. All of them need the first one."""
    context = stream.codec_context
    config = bytes(context.extradata or b"")
    found = [packet for packet in packets if nal.is_whole(bytes(packet), config, context.name)]
    return found if found[:1] == packets[:1] else []


def _packets(container: InputContainer, stream: Any, part: dict[str, Any], shown_at: int) -> Iterator[Any]:
    for packet, _ in zip(_from(container, stream, part["place"], shown_at), range(frames.MOST_PACKETS), strict=False):
        if packet.dts is None or packet.dts < part["place"]:
            continue
        if part["next_place"] is not None and packet.dts >= part["next_place"]:
            return
        if packet.pts is None:
            raise LyingIndexError
        yield packet


def _between(
    container: InputContainer, stream: Any, part: dict[str, Any], ticks: Callable[[int], int]
) -> Iterator[Any]:
    """From the key picture that is shown at `start` until before the one that is shown at `stop`."""
    begun = False
    for packet in islice(frames.packets(container, stream), frames.MOST_PACKETS):
        if packet.pts is None or not packet.size:
            continue
        time = ticks(packet.pts)
        begun = begun or (packet.is_keyframe and time == part["start"])
        if packet.is_keyframe and time == part["stop"] and part["next_stop"] is not None:
            return
        if begun:
            yield packet
    if part["next_stop"] is not None:
        raise LyingIndexError


def _from(container: InputContainer, stream: Any, place: int, shown_at: int) -> Iterator[Any]:
    """All packets from a key picture on that is decoded at `place` or before.

    In an MP4, FFmpeg looks for one that is shown at the time: by the time of its decoding, it finds the one before.
    """
    if container.format.name.startswith("mov"):
        frames.seek(container, stream, shown_at)
        packets = frames.packets(container, stream)
        first = next(packets, None)
        if first is not None and first.dts is not None and first.dts <= place:
            return chain([first], packets)
    frames.seek(container, stream, place)
    return frames.packets(container, stream)
