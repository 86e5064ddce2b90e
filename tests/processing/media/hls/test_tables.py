"""The table of a track is the same whether its boxes are read at once, or FFmpeg's index entry by entry."""

from __future__ import annotations

import io
import itertools
import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.processing.media import mp4_boxes
from chalicelib.processing.media.engine import MOV
from chalicelib.processing.media.hls import cuts, samples, source_rung, tables
from chalicelib.processing.media.hls.opening import opened, ticks
from chalicelib.processing.media.hls.tables import Table
from tests import films, hostile_films, long_films, origins
from tests.hostile_films import Box

FILMS: dict[str, Callable[[], bytes]] = {
    "small": films.small,
    "index first": lambda: films.faststart(films.small()),
    "sound": lambda: films.sound("mp4", "aac", seconds=3),
    "late sound": lambda: films.film(sound_from=1.5),
    "variable": lambda: films.film(times=sorted(random.Random(1).sample(range(400), 90))),
    "reordered": lambda: films.film(times=range(120), picture=lambda s: setattr(s, "options", {"bf": "4"})),
    "uncompressed sound": lambda: films.sound("mov", "pcm_s16le"),
    "in pieces": lambda: films.without_index(films.small(), "mp4", films.PIECES),
    **{
        f"origin: {name}": lambda origin=origin: origins.film(origin)  # type: ignore[misc]
        for name, origin in origins.ORIGINS.items()
        if origin.form in ("mp4", "mov")
    },
    **{
        f"hostile: {name}": lambda name=name: hostile_films.data(name)  # type: ignore[misc]
        for name in sorted(hostile_films.HOSTILE.keys() - hostile_films.SLOW)
        if hostile_films.HOSTILE[name][0] in (hostile_films.MP4, hostile_films.MOV)
    },
}


class Stored(io.RawIOBase):
    """A film of `long_films` as a file object."""

    def __init__(self, film: long_films.Long) -> None:
        self._film, self._at = film, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._film.size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        data = self._film.read("", "", self._at, size)
        self._at += len(data)
        return data


@contextmanager
def compared_less(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few entries are compared with FFmpeg's, as of a long film."""
    with monkeypatch.context() as patch:
        patch.setattr(samples, "_COMPARED", 4)
        patch.setattr(samples, "_LEFT_OUT", 3)
        patch.setattr(samples, "_ALL", 12)
        yield


def tables_of(
    data: BinaryIO, size: int, read: Callable[..., Any] = samples.read
) -> tuple[list[Table | None], list[bool]]:
    """The table of each track by `read`, and if that was enough."""
    enough: list[bool] = []

    def noted(*arguments: Any) -> Any:
        found = read(*arguments)
        enough.append(found is not None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "read", noted)
        data.seek(0)
        with opened(data, MOV) as container:
            found = [tables.table(container, each, data, size) for each in container.streams]
    return found, enough


def check(data: BinaryIO, size: int) -> list[bool]:
    """Returns for each track with an index if its boxes were enough."""
    try:
        found, enough = tables_of(data, size)
    except av.error.FFmpegError:
        return []
    listed, _ = tables_of(data, size, lambda *_: None)
    assert len(found) == len(listed)
    for one, other in zip(found, listed, strict=True):
        assert spelled(one) == spelled(other)
    return enough


def spelled(table: Table | None) -> list[Any]:
    """All that a table says, whether in ranges, arrays, bytes or lists."""
    if table is None:
        return []
    each = table.decoded, table.shown, table.sizes, table.keys, table.left_out
    derived = [*table.times], table.steps, table.in_order, table.has_left_out, table.run_up
    return [*map(list, each), table.ends, *derived]


@pytest.mark.parametrize("name", FILMS)
def test_both_ways_give_one_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FILMS[name]()
    enough = check(io.BytesIO(data), len(data))
    with compared_less(monkeypatch):
        check(io.BytesIO(data), len(data))
    if name in ("small", "index first", "sound", "late sound", "variable", "reordered", "origin: phone"):
        assert enough and all(enough)


@pytest.mark.parametrize("index_first", [False, True])
def test_a_film_of_hours(index_first: bool) -> None:
    film = long_films.Long(long_films.round_of(), 900, index_first=index_first)
    data = cast(BinaryIO, Stored(film))
    assert check(data, film.size) == [True, True]


def test_few_entries_of_a_long_film_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    film = long_films.Long(long_films.round_of(), 450)
    monkeypatch.setattr(samples, "listed", lambda *_: pytest.fail("each entry is asked for"))
    found, _ = tables_of(cast(BinaryIO, Stored(film)), film.size)
    assert [len(each.shown) for each in found if each] == [90_000, 168_750]
    assert len([*samples._compared(90_000)]) < 2100
    assert {*range(512), *range(89_488, 90_000)} <= {*samples._compared(90_000)}


def of_rows(rows: list[tuple[int, ...]], form: str) -> bytes:
    return struct.pack(">II", 0, len(rows)) + b"".join(struct.pack(f">{form}", *row) for row in rows)


COUNT = 60


class Made(bytes):
    """A film that a report of hypothesis does not print."""

    def __repr__(self) -> str:
        return f"Made of {len(self)} bytes"


@st.composite
def made(draw: Any) -> Made:
    """A film whose first track has tables of all sorts: true, unusual or lying ones."""
    numbers = st.integers
    root = hostile_films.parsed(hostile_films.plain())
    track = root.one(b"trak")
    stbl = track.one(b"stbl")
    mdat = hostile_films.plain().index(b"mdat") + 4
    boxes: dict[bytes, bytes] = {}
    sizes = draw(st.lists(numbers(1, 60), min_size=COUNT, max_size=COUNT))
    boxes[b"stsz"] = struct.pack(">III", 0, 0, COUNT) + struct.pack(f">{COUNT}I", *sizes)
    boxes[b"stts"] = of_rows(draw(runs(numbers(0, 900))), "II")
    boxes[b"ctts"] = of_rows(draw(runs(numbers(-300, 900))), "Ii")
    keys = sorted(draw(st.sets(numbers(1, COUNT), min_size=1)) | {1})
    boxes[b"stss"] = of_rows([(key,) for key in keys], "I")
    chunks = draw(runs(st.none()))
    per_chunk = [0, *(each for each, _ in chunks)]
    changes = [place for place in range(1, len(per_chunk)) if per_chunk[place] != per_chunk[place - 1]]
    boxes[b"stsc"] = of_rows([(place, per_chunk[place], 1) for place in changes], "III")
    starts = draw(st.lists(numbers(mdat, mdat + 1500), min_size=len(chunks), max_size=len(chunks)))
    boxes[b"stco"] = of_rows([(start,) for start in sorted(starts)], "I")
    lie = draw(st.sampled_from([None, None, None, *boxes]))
    if lie:
        body = bytearray(boxes[lie])
        body[draw(numbers(4, len(body) - 1))] ^= 1 << draw(numbers(0, 7))
        boxes[lie] = bytes(body)
    stbl.boxes = [each for each in stbl.boxes or () if each.kind not in boxes and each.kind not in (b"sgpd", b"sbgp")]
    stbl.boxes += [Box(kind, body) for kind, body in boxes.items() if kind != b"ctts" or draw(st.booleans())]
    edits = draw(st.lists(st.tuples(numbers(100, 4000), numbers(-1, 20_000), st.just(1), st.just(0)), max_size=2))
    track.one(b"elst").body = of_rows(edits, "Iihh")
    return Made(hostile_films.written(root))


def runs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[int, Any]]]:
    """(so many samples, a value) of each run: they are COUNT samples together."""

    def cut(places: set[int]) -> st.SearchStrategy[list[tuple[int, Any]]]:
        lengths = [later - earlier for earlier, later in itertools.pairwise([0, *sorted(places), COUNT])]
        return st.tuples(*[values] * len(lengths)).map(lambda found: list(zip(lengths, found, strict=True)))

    return st.sets(st.integers(1, COUNT - 1), max_size=20).flatmap(cut)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=made())
def test_tables_of_all_sorts(data: Made) -> None:
    with pytest.MonkeyPatch.context() as patch, compared_less(patch):
        check(io.BytesIO(data), len(data))


class Entries:
    """FFmpeg's index, with one entry that is changed."""

    def __init__(self, entries: Any, number: int, **changed: Any) -> None:
        self._entries, self._number, self._changed = entries, number, changed

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Any:
        found = self._entries[number]
        if number != self._number:
            return found
        names = ("timestamp", "size", "pos", "is_keyframe", "is_discard")
        return type("Entry", (), {name: getattr(found, name) for name in names} | self._changed)


@pytest.mark.parametrize("changed", [{"timestamp": 7}, {"size": 7}, {"pos": 7}, {"is_keyframe": None}])
@pytest.mark.parametrize("place", [0, 511, 512, -512, -1])
def test_boxes_that_lie_anywhere_do_not_count(place: int, changed: dict[str, Any]) -> None:
    film = long_films.Long(long_films.round_of(), 10)
    data = cast(BinaryIO, Stored(film))
    with opened(data, MOV) as container:
        stream = container.streams.audio[0]
        trak = tables._track(data, film.size, stream.id)
        assert trak
        entries = stream.index_entries
        offsets = [0] * len(entries)
        assert samples.read(data, film.size, trak, entries, offsets)
        number = place % len(entries)
        assert samples.read(data, film.size, trak, Entries(entries, number, **changed), offsets) is None


def test_samples_that_are_left_out_in_the_middle_are_not_overlooked() -> None:
    film = long_films.Long(long_films.round_of(), 10)
    data = cast(BinaryIO, Stored(film))
    with opened(data, MOV) as container:
        stream = container.streams.audio[0]
        trak, entries = tables._track(data, film.size, stream.id), stream.index_entries
        assert trak
        lone = [0] * len(entries)
        assert samples.read(data, film.size, trak, Entries(entries, 447, is_discard=True), lone)
        assert samples.read(data, film.size, trak, Entries(entries, 448, is_discard=True), lone) is None
        lone[1000] = -(10**9)  # it would be shown before the film begins, and is not asked for
        assert 1000 not in samples._compared(len(entries)) or samples.read(data, film.size, trak, entries, lone) is None
        assert samples.read(data, film.size, trak, entries, lone) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda box: box.boxes.append(Box(b"sgpd", struct.pack(">I4sII", 1 << 24, b"rap ", 1, 0))),
        lambda box: box.boxes.append(Box(b"stps", struct.pack(">II", 0, 0))),
        lambda box: box.boxes.append(box.one(b"stsz")),
    ],
    ids=["a group of keys", "more keys", "a box twice"],
)
def test_unusual_boxes_do_not_count(change: Callable[[Box], None]) -> None:
    data = hostile_films.changed(lambda root: change(root.one(b"stbl")))
    assert check(io.BytesIO(data), len(data)) == [False, True]


def test_the_place_of_reading_is_not_moved() -> None:
    """FFmpeg reads on where the file object stands."""
    data = io.BytesIO(films.small())
    with opened(data, MOV) as container:
        at = data.tell()
        stopped = pytest.MonkeyPatch()
        stopped.setattr(tables, "_shift", lambda *_: None)
        assert tables.table(container, container.streams[0], data, len(data.getvalue())) is None
        stopped.undo()
        assert data.tell() == at


def test_boxes_of_a_table_that_ends_too_early() -> None:
    body = struct.pack(">II2I", 0, 3, 1, 2)
    box = struct.pack(">I4s", len(body) + 8, b"stss") + body
    (found,) = mp4_boxes.boxes(io.BytesIO(box + bytes(100)), 0, len(box), most=9)
    with pytest.raises(ValueError, match="the box ends"):
        samples.rows(io.BytesIO(box + bytes(100)), found[2:], "I", 9)
    with pytest.raises(ValueError, match="the file ends"):
        samples.rows(io.BytesIO(box), (8, 1000), "I", 9)
    assert samples.rows(io.BytesIO(box), (8, 1000), "I", 2) is None


# --- what is made of a table


times = st.lists(st.integers(-1000, 1000), min_size=1, max_size=30)


@given(shown=times, data=st.data())
def test_times_and_keys(shown: list[int], data: Any) -> None:
    flags = st.lists(st.booleans(), min_size=len(shown), max_size=len(shown))
    found = Table(shown, shown, [1] * len(shown), data.draw(flags), data.draw(flags))
    kept = {time for time, out in zip(shown, found.left_out, strict=True) if not out}
    assert found.times == sorted(kept)
    assert found.in_order == all(later > earlier for earlier, later in itertools.pairwise(shown))
    clean = [
        number
        for number, time in enumerate(shown)
        if found.keys[number] and max(shown[:number], default=-9999) < time < min(shown[number + 1 :], default=9999)
    ]
    assert source_rung._clean_keys(found) == clean


@given(times, st.fractions(Fraction(1, 100), 100), st.integers(-100, 100))
def test_ticks(given_times: list[int], base: Fraction, nothing: int) -> None:
    for each in (base, Fraction(base.numerator), Fraction(1)):
        assert ticks(given_times, each, nothing) == [round(time * each) - nothing for time in given_times]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=40),
    st.integers(1, 20),
    st.integers(1, 30),
    st.integers(1, 25),
)
def test_cuts_at_keys(pairs: list[tuple[int, int]], step: int, most: int, longest: int) -> None:
    lengths, sizes = zip(*pairs, strict=True)
    *keys, end = itertools.accumulate(lengths, initial=0)
    assert cuts.at_keys(keys, list(itertools.accumulate(sizes, initial=0)), end, step, most, longest) == one_by_one(
        keys, sizes, end, step, most, longest
    )


def one_by_one(keys: Any, sizes: Any, end: int, step: int, most: int, longest: int) -> list[int] | None:
    """A segment takes one interval after the other, until it lasts long enough, or the next one would be too much."""
    edges = [*keys, end]
    found = [0]
    while found[-1] < len(keys):
        first = last = found[-1]
        while last < len(keys) and (last == first or edges[last] - edges[first] < step):
            if sum(sizes[first : last + 1]) > most or edges[last + 1] - edges[first] > longest:
                break
            last += 1
        if last == first:
            return None
        found.append(last)
    return found
