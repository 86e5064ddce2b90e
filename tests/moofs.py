"""Films in fragments (`moof`) of one picture, which they show as often as is asked for. Each plays if it has ten."""

from __future__ import annotations

import struct
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


def fragments(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """So many fragments of one run, with one picture each, or `samples` that have `size` bytes."""
    head, media = _head()[0], _media()
    at = len(head) + 8
    found = (_fragment(n, [_track(at, n * samples, 1, samples, size)]) for n in range(count))
    return head + media + b"".join(found)


def whole_fragments(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """The same with the picture's bytes behind each fragment, as a recorder writes it."""
    media = _media()
    found = (_fragment(n, [_track(None, n * samples, 1, samples, size)]) + media for n in range(count))
    return _head()[0] + b"".join(found)


def tracks(count: int) -> bytes:
    """One fragment with so many parts of the same track."""
    head = _head()[0]
    return head + _media() + _fragment(0, [_track(len(head) + 8, n, 1, 1, None) for n in range(count)])


def runs(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """One fragment with so many runs in its one track."""
    head = _head()[0]
    return head + _media() + _fragment(0, [_track(len(head) + 8, 0, count, samples, size)])


def with_defaults(count: int, samples: int = 1, size: int | None = None) -> bytes:
    """As `fragments`, but what samples are like stands in the film's head (`trex`) only."""
    head, picture = _head()
    root = parsed(head)
    root.one(b"trex").body = struct.pack(">6I", 0, 1, 1, TICKS, len(picture) if size is None else size, _ALL_ARE_KEYS)
    head, at = written(root), len(head) + 8
    header = Box(b"tfhd", struct.pack(">IIQ", _OWN_PLACE, 1, at))
    run = Box(b"trun", struct.pack(">IIi", 1, samples, 0))

    def fragment(number: int) -> bytes:
        begin = Box(b"tfdt", struct.pack(">IQ", 1 << 24, number * samples * TICKS))
        return _fragment(number, [Box(b"traf", boxes=[header, begin, run])])

    return head + _media() + b"".join(map(fragment, range(count)))


def of_unknown_tracks(count: int) -> bytes:
    """One fragment with so many parts of tracks that the film has not, before its own."""
    head = _head()[0]
    unknown = [
        Box(b"traf", boxes=[Box(b"tfhd", struct.pack(">II", 0x020000, 2 + number)), Box(b"trun", bytes(8))])
        for number in range(count)
    ]
    return head + _media() + _fragment(0, [*unknown, _track(len(head) + 8, 0, 1, 1, None)])


def beside_tracks(count: int, tracks: int = 900) -> bytes:
    """As `fragments`, of a film with so many tracks more. FFmpeg keeps something of each track for each fragment."""
    head = _head()[0]
    root = parsed(head)
    movie = root.one(b"moov")
    [track], [defaults] = ([*root.all(kind)] for kind in (b"trak", b"trex"))
    extends = root.one(b"mvex")
    for number in range(tracks):
        [again] = parsed(track.whole()).boxes or []
        field(b"tkhd", 12, ">I", 2 + number)(again)
        (movie.boxes or []).append(again)
        (extends.boxes or []).append(Box(b"trex", struct.pack(">II", 0, 2 + number) + defaults.body[8:]))
    head = written(root)
    return head + _media() + b"".join(_fragment(n, [_track(len(head) + 8, n, 1, 1, None)]) for n in range(count))


def padded(film: bytes, length: int) -> bytes:
    """With so many bytes more, which nothing reads. FFmpeg believes a run no more samples than the file has bytes."""
    return film + Box(b"free", bytes(length)).whole()
