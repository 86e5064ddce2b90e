"""Films in fragments (`moof`) of one picture, which they show as often as is asked for. Each plays if it has ten."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache

from tests import films
from tests.hostile_films import Box, field, parsed, written

TICKS = 1024
"""The length of each picture in the track's time scale."""

_ALL_ARE_KEYS = 0x02000000
_OWN_PLACE, _NEAR_THE_MOOF, _DEFAULTS = 0x1, 0x020000, 0x38


@cache
def _head() -> tuple[bytes, bytes]:
    """The bytes before the fragments, and those of the picture."""
    boxes = parsed(films.film(times=range(1), sounds=(), options={"movflags": "frag_every_frame+empty_moov"})).boxes
    assert boxes
    kinds = [each.kind for each in boxes[:4]]
    assert kinds == [b"ftyp", b"moov", b"moof", b"mdat"]
    return boxes[0].whole() + boxes[1].whole(), boxes[3].body


def _media() -> bytes:
    return Box(b"mdat", _head()[1]).whole()


def _track(at: int | None, first: int, runs: int, samples: int, size: int | None) -> Box:
    """One `traf`. `at` is where the samples begin, None for behind the fragment; `size` the bytes of each."""
    flags = _DEFAULTS | (_NEAR_THE_MOOF if at is None else _OWN_PLACE)
    place = b"" if at is None else struct.pack(">Q", at)
    defaults = struct.pack(">III", TICKS, len(_head()[1]) if size is None else size, _ALL_ARE_KEYS)
    # Without a place of its own, a fragment of one track and one run has 100 bytes; behind it is the head of `mdat`.
    offset = 0 if at is not None else 108
    run = Box(b"trun", struct.pack(">IIi", 1, samples, offset))
    header = Box(b"tfhd", struct.pack(">II", flags, 1) + place + defaults)
    return Box(b"traf", boxes=[header, Box(b"tfdt", struct.pack(">IQ", 1 << 24, first * TICKS)), *[run] * runs])


def _fragment(number: int, tracks: list[Box]) -> bytes:
    return Box(b"moof", boxes=[Box(b"mfhd", struct.pack(">II", 0, number + 1)), *tracks]).whole()


def _film(head: bytes, made: Callable[[int], Sequence[bytes]]) -> bytes:
    """The head and the fragments of a film. The bytes of its picture stand behind the first fragment, for all.

    `made` gives the fragments, if those bytes are at this place.
    """
    at = len(head) + len(made(0)[0]) + 8
    first, *others = made(at)
    return head + first + _media() + b"".join(others)


def fragments(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """So many fragments of one run, with one picture each, or `samples` that have `size` bytes."""
    return _film(
        _head()[0],
        lambda at: [_fragment(n, [_track(at, n * samples, 1, samples, size)]) for n in range(count)],
    )


def bytes_first(count: int) -> bytes:
    """As `fragments`, with the bytes of the picture before all of them. No recorder writes that."""
    head = _head()[0]
    at = len(head) + 8
    return head + _media() + b"".join(_fragment(n, [_track(at, n, 1, 1, None)]) for n in range(count))


def whole_fragments(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """The same with the picture's bytes behind each fragment, as a recorder writes it."""
    media = _media()
    found = (_fragment(n, [_track(None, n * samples, 1, samples, size)]) + media for n in range(count))
    return _head()[0] + b"".join(found)


def tracks(count: int) -> bytes:
    """One fragment with so many parts of the same track."""
    return _film(_head()[0], lambda at: [_fragment(0, [_track(at, n, 1, 1, None) for n in range(count)])])


def runs(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """One fragment with so many runs in its one track."""
    return _film(_head()[0], lambda at: [_fragment(0, [_track(at, 0, count, samples, size)])])


def claiming(sound: int, count: int, samples: int, size: int, runs: int = 1) -> bytes:
    """So many sound fragments, and behind them others whose runs claim so many samples."""
    lie = [samples, size]
    return _film(
        _head()[0],
        lambda at: [
            *(_fragment(n, [_track(at, n, 1, 1, None)]) for n in range(sound)),
            *(_fragment(sound + n, [_track(at, sound + n * samples, runs, *lie)]) for n in range(count)),
        ],
    )


def with_defaults(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """As `fragments`, but what samples are like stands in the film's head (`trex`) only."""
    head, picture = _head()
    root = parsed(head)
    root.one(b"trex").body = struct.pack(">6I", 0, 1, 1, TICKS, len(picture) if size is None else size, _ALL_ARE_KEYS)
    run = Box(b"trun", struct.pack(">IIi", 1, samples, 0))

    def fragment(number: int, at: int) -> bytes:
        header = Box(b"tfhd", struct.pack(">IIQ", _OWN_PLACE, 1, at))
        begin = Box(b"tfdt", struct.pack(">IQ", 1 << 24, number * samples * TICKS))
        return _fragment(number, [Box(b"traf", boxes=[header, begin, run])])

    return _film(written(root), lambda at: [fragment(number, at) for number in range(count)])


def of_unknown_tracks(count: int) -> bytes:
    """One fragment with so many parts of tracks that the film has not, before its own."""
    unknown = [
        Box(b"traf", boxes=[Box(b"tfhd", struct.pack(">II", 0x020000, 2 + number)), Box(b"trun", bytes(8))])
        for number in range(count)
    ]
    return _film(_head()[0], lambda at: [_fragment(0, [*unknown, _track(at, 0, 1, 1, None)])])


def beside_tracks(count: int, tracks: int = 900) -> bytes:
    """As `fragments`, of a film with so many tracks more. FFmpeg keeps something of each track for each fragment."""
    root = parsed(_head()[0])
    movie, extends = root.one(b"moov"), root.one(b"mvex")
    track, defaults = root.one(b"trak"), root.one(b"trex")
    for number in range(tracks):
        [again] = parsed(track.whole()).boxes or []
        field(b"tkhd", 12, ">I", 2 + number)(again)
        (movie.boxes or []).append(again)
        (extends.boxes or []).append(Box(b"trex", struct.pack(">II", 0, 2 + number) + defaults.body[8:]))
    return _film(written(root), lambda at: [_fragment(n, [_track(at, n, 1, 1, None)]) for n in range(count)])


def padded(film: bytes, length: int) -> bytes:
    """With so many bytes more, which nothing reads. FFmpeg believes a run no more samples than the file has bytes."""
    return film + Box(b"free", bytes(length)).whole()
