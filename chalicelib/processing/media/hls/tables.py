"""In the child: when each picture of a track is shown, by the index of an MP4 or QuickTime file.

FFmpeg gives an index with the times at which samples are decoded. The offsets to when they are shown are in the box
`ctts`, which is read here.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, compress, islice, repeat
from operator import not_, sub
from typing import Any, BinaryIO

from av.container import InputContainer

from chalicelib.processing.media import mp4_boxes
from chalicelib.processing.media.hls import frames, samples
from chalicelib.processing.media.hls.samples import MOST_BOXES, Samples, is_rising

# Samples of a track: 48 hours at 60 a second. A plan needs about 250 bytes of memory for each sample of all tracks.
MOST_SAMPLES = 48 * 3600 * 60
_down = partial(mp4_boxes.down, most=MOST_BOXES)
_number = partial(mp4_boxes.track_number, most=MOST_BOXES)

# Packets whose times must be those that the table says.
_CHECKED = 12


@dataclass(frozen=True)
class Table:
    """Each sequence has one entry a sample, in the order in which they are stored. Times in the track's ticks.

    `decoded` is empty where nobody knows when samples are decoded.

    A long film has a million samples, so numbers are in arrays or ranges, and flags in bytes.
    """

    decoded: Sequence[int]
    shown: Sequence[int]
    sizes: Sequence[int]
    keys: Sequence[int]
    left_out: Sequence[int]
    """1 for samples that the file says to leave out: those before a cut, and the encoder's run-up above all."""

    ends: int | None = None
    """When the last sample ends, where that is known."""

    has_one_header: bool = True
    """False if the codec's header may change on the way, as where two films were joined."""

    @cached_property
    def times(self) -> Sequence[int]:
        """When the samples that are not left out are shown, sorted."""
        if not self.has_left_out:
            return self.shown if self.in_order else sorted(set(self.shown))
        times = list(compress(self.shown, map(not_, self.left_out)))
        return times if is_rising(times) else sorted(set(times))

    @cached_property
    def steps(self) -> set[int]:
        """The lengths of time from one of `times` to the next one."""
        return steps(self.times)

    @cached_property
    def has_left_out(self) -> bool:
        return 1 in self.left_out

    @cached_property
    def in_order(self) -> bool:
        """True if each sample is shown after the one that is stored before it."""
        return is_rising(self.shown)

    @property
    def run_up(self) -> int | None:
        """How many are left out at the beginning; None if others are, too."""
        count = self.left_out.count(1)
        return None if 0 in self.left_out[:count] else count


def steps(times: Sequence[int]) -> set[int]:
    """The lengths from one time to the next one."""
    if isinstance(times, range):
        return {times.step} if len(times) > 1 else set()
    return set(map(sub, islice(times, 1, None), times))


# Finds the table of a track; None if it has none.
Find = Callable[[Any], Table | None]


def table(container: InputContainer, stream: Any, data: BinaryIO, size: int) -> Table | None:
    """None if the file has no index of all samples, or if it doesn't fit to the file."""
    if stream.index_entries is None or not 0 < len(stream.index_entries) <= MOST_SAMPLES:
        return None
    if stream.frames and len(stream.index_entries) != stream.frames:
        return None
    at = data.tell()
    try:
        trak = _track(data, size, stream.id)
        offsets = _offsets(data, trak, len(stream.index_entries)) if trak else None
        if trak is None or offsets is None:
            return None
        headers = _headers(data, trak)
        found = samples.read(data, size, trak, stream.index_entries, offsets)
    except (struct.error, ValueError):
        return None
    finally:
        data.seek(at)  # FFmpeg reads on from there
    found = found or samples.listed(size, stream.index_entries, offsets)
    if not found.fits or 0 not in found.left_out:
        return None
    shift = _shift(container, stream, found)
    if shift is None:
        return None
    shown = later(found.shown, shift)
    return Table(found.decoded, shown, found.sizes, found.keys, found.left_out, has_one_header=headers == 1)


def later(times: Sequence[int], shift: int) -> Sequence[int]:
    """The times, so many ticks later."""
    if not shift:
        return times
    if isinstance(times, range):
        return range(times.start + shift, times.stop + shift, times.step)
    return array("q", map(shift.__add__, times))


def _shift(container: InputContainer, stream: Any, found: Samples) -> int | None:
    """The ticks by which FFmpeg shows all samples later; None if the first packets are not those of the index."""
    places = {start: number for number, start in enumerate(found.places)}
    shift: int | None = None
    for packet in frames.first_packets(container, stream, _CHECKED):
        if packet.pts is None or packet.dts is None:
            continue
        number = places.get(packet.pos)
        if number is None:
            return None
        seen = int(packet.pts) - found.shown[number]
        if shift not in (None, seen) or packet.dts != found.decoded[number]:
            return None
        shift = seen
    return shift


def _track(data: BinaryIO, size: int, track: int) -> tuple[int, int] | None:
    """Where the content of the track's box begins and ends; None if there is no such track."""
    tracks = mp4_boxes.tracks(data, 0, size, most=MOST_BOXES)
    numbered = ((first, last) for _, first, last in tracks if _number(data, first, last) == track)
    return next(numbered, None)


def _headers(data: BinaryIO, trak: tuple[int, int]) -> int:
    """How many descriptions of samples the track has, each with a header of the codec."""
    where = _down(data, *trak, b"mdia", b"minf", b"stbl", b"stsd")
    return int(struct.unpack(">I", samples.exactly(data, 4, where, 4))[0]) if where else 0


def _offsets(data: BinaryIO, trak: tuple[int, int], count: int) -> Sequence[int] | None:
    """The offsets from decoding to showing, one a sample; an empty one without any; None if they can't be found out.

    Negative ones are allowed in either version: writers do so.
    """
    where = _down(data, *trak, b"mdia", b"minf", b"stbl", b"ctts")
    if where is None:
        return array("i")
    found = samples.rows(data, where, "Ii", count)
    if not found or sum(found[0]) != count:
        return None
    return array("i", chain.from_iterable(map(repeat, found[1], map(int, found[0]))))
