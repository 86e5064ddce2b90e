"""The rung of a Matroska film's own packets: each is there once, at its time, and a few bytes beside them are read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from typing import Any, BinaryIO, cast

import av
import pytest

from chalicelib.model import PermanentFault
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls as engine
from chalicelib.processing.media import indexes, posters
from chalicelib.processing.media.hls import cued, cues
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests import apple_rules, films, hls, matroska
from tests.films import Chirp
from tests.matroska import Cue, Layout, Packet, element, moved

pytestmark = pytest.mark.usefixtures("in_process")

MKV = "video/x-matroska"
SECONDS = 24
SHORT = {"g": "20", "keyint_min": "20", "sc_threshold": "0"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20:min-keyint=20:scenecut=0:bframes=3:open-gop=0"}


def tuned(track: Any, options: dict[str, str]) -> None:
    track.options = options
    if track.codec_context.name == "libx265":
        track.codec_context.codec_tag = "hvc1"


@cache
def film(
    codec: str = "libx264", rate: Fraction = Fraction(10), seconds: int = SECONDS, *, silent: bool = False, **more: str
) -> bytes:
    """An MP4: its packets have their true times of decoding. Pictures are reordered."""
    options = {**(X265 if codec == "libx265" else SHORT), **more}
    return films.film(
        codec=codec,
        size=(96, 64),
        times=range(round(seconds * rate)),
        rate=rate,
        draw=films.numbered,
        sounds=() if silent else ({},),
        sing=Chirp(),
        picture=partial(tuned, options=options),
    )


def stream(layout: Layout | None = None, data: bytes | None = None) -> hls.Stream:
    return hls.Stream(matroska.written(data or film(), layout or Layout()), MKV)


def packets(data: bytes) -> list[tuple[int | None, bytes]]:
    """(time, bytes) of each picture as it is stored."""
    container: Any
    with av.open(io.BytesIO(data)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]


def data_of(made: hls.Stream) -> bytes:
    return cast(io.BytesIO, made.source.data).getvalue()


def shown(made: hls.Stream, number: int) -> list[int]:
    return apple_rules.timing(made.segment("source", number)).shown


def check(made: hls.Stream) -> None:
    """The rung is the film: the same packets in the same order, at their times, and the same pictures."""
    rung = made.plan.rung("source")
    own, joined = packets(data_of(made)), made.joined("source")
    assert [data for _, data in packets(joined)] == [data for _, data in own]
    zero = Fraction(*made.plan.zero) * rung.scale
    times = [time for each in range(rung.count) for time in shown(made, each)]
    assert [time + zero for time in times] == sorted(time for time, _ in own if time is not None)
    assert pixels(joined) == pixels(data_of(made))
    lengths = [seconds for seconds, _ in made.playlist("source").segments]
    assert sum(lengths) == pytest.approx((rung.cuts[-1] - rung.cuts[0]) / rung.scale, abs=1e-6)


def pixels(data: bytes) -> list[bytes]:
    container: Any
    with av.open(io.BytesIO(data)) as container:
        return [bytes(frame.planes[0]) for frame in container.decode(video=0)]


# --- how programs write it


@pytest.mark.parametrize(
    "layout",
    [
        Layout(),
        Layout(blocks=37),
        Layout(blocks=37, inside=False),
        Layout(groups=True, blocks=50),
        Layout(unknown=True),
        Layout(unknown=True, inside=False, blocks=60),
        Layout(prefix=b"\0\0"),
        Layout(first=True),
        Layout(scale=100_000),
        Layout(after=element(0xEC, bytes(300_000))),
        Layout(cues=lambda cues: [*cues[::-1], *cues, *(replace(cue, track=matroska.SOUND) for cue in cues)]),
        Layout(cues=lambda cues: cues[::2]),
        Layout(cues=lambda cues: cues[1:]),
    ],
    ids=[
        "plain",
        "keys in the middle",
        "keys somewhere in the middle",
        "groups",
        "unknown lengths",
        "unknown lengths and places",
        "header removal",
        "cues first",
        "finer ticks",
        "something behind",
        "unsorted, doubled, of two tracks",
        "a cue for every other key",
        "none for the first key",
    ],
)
def test_every_packet_is_there_once(layout: Layout) -> None:
    made = stream(layout)
    assert not made.warnings
    check(made)
    apple_rules.check_master(made.get)


@pytest.mark.parametrize(
    ("codec", "rate"),
    [("libx264", Fraction(24000, 1001)), ("libx264", Fraction(60000, 1001)), ("libx265", Fraction(10))],
    ids=["23.976", "59.94", "hevc"],
)
def test_times_in_milliseconds_and_codecs(codec: str, rate: Fraction) -> None:
    made = stream(Layout(blocks=70), film(codec, rate, 14))
    check(made)
    rung = made.plan.rung("source")
    assert rung.codec.startswith("avc1." if codec == "libx264" else "hvc1.1.")
    [variant] = [line for line in made.get("hls.m3u8").decode().split("\n") if f"{rung.codec}," in line]
    assert f"FRAME-RATE={float(rate):.3f}" in variant


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_film_that_ffmpeg_wrote(codec: str) -> None:
    data = films.film(
        "matroska",
        codec=codec,
        size=(96, 64),
        times=range(240),
        rate=10,
        draw=films.numbered,
        sing=Chirp(),
        picture=partial(tuned, options=X265 if codec == "libx265" else SHORT),
    )
    check(hls.Stream(data, MKV))


def test_the_bytes_are_the_same_in_any_order() -> None:
    first, second = stream(Layout(blocks=37)), stream(Layout(blocks=37))
    assert first.made == second.made
    numbers = range(first.plan.rung("source").count)
    there = [first.segment("source", each) for each in numbers]
    assert there == [second.segment("source", each) for each in reversed(numbers)][::-1]


def test_each_segment_can_be_decoded_alone() -> None:
    made = stream(Layout(blocks=37))
    count = made.plan.rung("source").count
    alone = [each for number in range(count) for each in hls.pictures(made.alone("source", number))]
    assert [each for _, each in alone] == list(range(SECONDS * 10))


# --- films without such a rung


def scenes(track: Any, options: dict[str, str]) -> None:
    track.options = options


@pytest.mark.parametrize(
    "layout",
    [
        Layout(cues=lambda _: []),
        Layout(cues=lambda cues: [replace(cue, track=matroska.SOUND) for cue in cues]),
        Layout(cues=lambda cues: [moved(cue, time=40) for cue in cues]),
        Layout(cues=lambda cues: [moved(cue, time=2_000_000) for cue in cues]),
        Layout(cues=lambda cues: [moved(cue, cluster=1 << 40) for cue in cues]),
        Layout(cues=lambda cues: [moved(cue, cluster=7) for cue in cues]),
        Layout(cues=lambda cues: [replace(cue, cluster=cues[-1 - place].cluster) for place, cue in enumerate(cues)]),
        Layout(cues=lambda cues: [cues[0], cues[-1]]),
        Layout(packets=lambda found: [replace(each, laced=each.track == matroska.PICTURE) for each in found]),
        Layout(entry=element(0x23314F, b"\x40\0\0\0")),
        Layout(entry=matroska.number(0x56AA, 40_000_000)),
        Layout(prefix=b"\0\0", entry=element(0x6D80, element(0x6240, element(0x5034, matroska.number(0x4254, 0))))),
        Layout(scale=20_833, blocks=10),
    ],
    ids=[
        "no cues",
        "cues of the sound",
        "times that lie",
        "times behind the end",
        "places behind the end",
        "places that lie",
        "places in reverse",
        "cues too far apart",
        "several frames in a block",
        "ticks of its own",
        "a delay",
        "compressed",
        "odd ticks",
    ],
)
def test_a_film_whose_index_can_not_be_used_is_encoded_only(layout: Layout) -> None:
    made = stream(layout)
    if made.warnings:
        return
    assert "source" not in {rung.name for rung in made.plan.rungs}
    assert made.segment(made.plan.of("picture")[0].name, 0)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"x264-params": "open-gop=1:keyint=20:min-keyint=20:scenecut=0:bframes=2:b-adapt=0"}),
        ("libx264", {"x264-params": "intra-refresh=1:keyint=20:bframes=0"}),
        ("libx265", {"x265-params": X265["x265-params"].replace("open-gop=0", "open-gop=1")}),
    ],
    ids=["x264", "intra refresh", "x265"],
)
def test_open_groups_of_pictures_are_no_segments(codec: str, options: dict[str, str]) -> None:
    data = films.film(
        "matroska",
        codec=codec,
        size=(96, 64),
        times=range(240),
        rate=10,
        draw=films.numbered,
        picture=partial(tuned, options={"preset": "medium"} | options),
    )
    container: Any
    with av.open(io.BytesIO(data)) as container:
        keys = sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    assert keys > 5
    assert [rung.name for rung in hls.Stream(data, MKV).plan.rungs] == ["v64", "i64", "a0"]


def test_cues_are_sorted_or_given_up() -> None:
    first, second, third = (cues.Cue(time, 100 * time, 5) for time in (1, 2, 3))
    assert cues._sorted([third, first, second, first], 100, 1000) == [first, second, third]
    assert cues._sorted([first, second, third], 100, 300) == [first, second], "one is behind the end"
    assert cues._sorted([first, replace(second, cluster=90), third], 90, 1000) == []
    inside = [replace(each, cluster=100, inside=place) for each, place in ((first, 7), (second, 50), (third, 90))]
    assert cues._sorted(inside, 100, 1000) == inside
    assert cues._sorted([inside[0], replace(inside[1], inside=7)], 100, 1000) == []
    assert len(cues._sorted([replace(each, inside=-1) for each in inside], 100, 1000)) == 3


def test_thousands_of_cues_are_read_and_too_many_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Layout(cues=lambda cues: [*cues, *(Cue(each, cues[0].cluster, 0, track=9) for each in range(20_000))])
    check(stream(many))
    monkeypatch.setattr(cues, "MOST_CUES", 1000)
    assert not stream(many).plan.of("copy")


def test_random_cues_never_show_a_wrong_picture() -> None:
    """Each segment is right, or refused; and the encoded rungs play."""
    import random

    for seed in range(12):
        of = random.Random(seed)

        def change(found: list[Cue], of: random.Random = of) -> list[Cue]:
            for _ in range(of.randrange(1, 4)):
                place = of.randrange(len(found))
                field = of.choice(("time", "cluster", "inside"))
                by = of.choice((-1, 1, 100, 2000, -2000, 1 << 33, of.randrange(9999)))
                value = (getattr(found[place], field) + by) % (1 << 63)
                found = [*found[:place], replace(found[place], **{field: value}), *found[place + 1 :]]
            return found

        made = stream(Layout(blocks=of.choice((0, 37)), cues=change))
        if made.warnings:
            continue
        assert made.segment("v64", 0)
        for rung in made.plan.of("copy"):
            for each in range(rung.count):
                try:
                    there = made.segment("source", each)
                except PermanentFault:
                    continue
                first, last = (round(cut * 10 / rung.scale) for cut in rung.cuts[each : each + 2])
                found = [number for _, number in hls.pictures(made.get("av/source-init.mp4") + there)]
                assert found == list(range(first, last)), seed


# --- segments that show themselves to be others than the plan says


def damaged(found: list[Packet], change: Callable[[Packet], Packet | None], *numbers: int) -> list[Packet]:
    """The film with these pictures changed, or without them."""
    pictures = [each for each in found if each.track == matroska.PICTURE]
    wanted = {id(pictures[number]) for number in numbers}
    changed = [(change(each) if id(each) in wanted else each) for each in found]
    return [each for each in changed if each]


def no_idr(packet: Packet) -> Packet:
    """A key picture of another type: what comes after may depend on what was before."""
    at, data = 0, bytearray(packet.data)
    while at < len(data):
        if data[at + 4] & 0x1F == 5:
            data[at + 4] = data[at + 4] & 0xE0 | 1
        at += 4 + int.from_bytes(data[at : at + 4])
    return replace(packet, data=bytes(data))


def refused(made: hls.Stream) -> list[int]:
    numbers = []
    for number in range(made.plan.rung("source").count):
        try:
            made.segment("source", number)
        except PermanentFault as fault:
            assert fault.code == "corrupt"
            numbers.append(number)
    return numbers


def key_of(made: hls.Stream, number: int) -> int:
    """The number of the picture with which a segment begins."""
    rung = made.plan.rung("source")
    return round(rung.cuts[number] * 10 / rung.scale)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (no_idr, [2]),
        (lambda packet: replace(packet, time=packet.time + 3), [1, 2]),
        (lambda packet: replace(packet, data=b"\0\0\0\x05\x65\x88"), [2]),
        (lambda packet: replace(packet, laced=True), [2]),
    ],
    ids=["no IDR", "another time", "damaged", "laced"],
)
def test_a_key_picture_that_is_none_is_refused(
    change: Callable[[Packet], Packet], wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan looks at a few cues only. Players go on with another rung."""
    monkeypatch.setattr(cued, "PROBES", 2)
    key = key_of(stream(), 2)

    def packets_of(found: list[Packet]) -> list[Packet]:
        shown_at = next(each.time for each in found if each.track == matroska.PICTURE) + 100 * key
        pictures = [each for each in found if each.track == matroska.PICTURE]
        return damaged(found, change, next(n for n, each in enumerate(pictures) if each.time == shown_at))

    def cues_of(rows: list[Cue]) -> list[Cue]:
        return [replace(row, time=row.time // 100 * 100) for row in rows]

    made = stream(Layout(packets=packets_of, cues=cues_of))
    assert refused(made) == wanted
    assert made.segment("v64", 2)


def test_pictures_of_one_time_are_refused() -> None:
    def doubled(found: list[Packet]) -> list[Packet]:
        other = [each for each in found if each.track == matroska.PICTURE][25]
        return damaged(found, lambda each: replace(each, time=other.time), 26)

    made = stream(Layout(packets=doubled))
    assert refused(made) == [0]


def test_a_damaged_picture_is_left_out() -> None:
    made = stream(Layout(packets=lambda found: damaged(found, lambda each: replace(each, data=b"\x3f" * 40), 25)))
    assert refused(made) == []
    sound = stream()
    lengths = [len(shown(each, 0)) for each in (made, sound)]
    assert lengths[0] == lengths[1] - 1
    assert [made.segment("source", each) for each in (1, 2)] == [sound.segment("source", each) for each in (1, 2)]


def test_a_damaged_cluster_is_refused_and_its_neighbours_play() -> None:
    whole = stream()
    rung = whole.plan.rung("source")
    data = bytearray(data_of(whole))
    place = rung.settings["at"][1] + 4000
    data[place : place + 2000] = bytes(2000)
    broken = hls.Stream.__new__(hls.Stream)
    broken.source, broken.made = replace(whole.source, data=cast(BinaryIO, io.BytesIO(data))), whole.made
    assert refused(broken) == [1]
    assert broken.segment("v64", 1)


def test_a_film_that_is_cut_off() -> None:
    """With its cues at the end it has no such rung; with those at the beginning all is there that can be decoded."""
    for first in (False, True):
        data = matroska.written(film(), Layout(first=first, blocks=37))
        for part in (0.3, 0.6, 0.97):
            made = hls.Stream(data[: round(len(data) * part)], MKV)
            for rung in made.plan.of("copy") if not made.warnings else ():
                assert first
                found, own = hls.pictures(made.joined(rung.name)), hls.pictures(data_of(made), "matroska")
                assert [each for _, each in found] == [each for _, each in own]
                assert len(found) > SECONDS * 10 * part * 0.8


# --- what is read


class Made(dict[str, bytes]):
    def emit(self, rendition: Any, body: bytes) -> None:
        self[rendition.basename] = body


def opened(film: matroska.Sparse, budget: int) -> Source:
    data = ranged.Ranged("key", str(film.size), film.size, budget)
    return Source(MKV, film.size, cast(BinaryIO, data), "a film")


def long(found: list[Packet], rounds: int) -> list[Packet]:
    """The film again and again."""
    return [replace(each, time=each.time + turn * SECONDS * 1000) for turn in range(rounds) for each in found]


def test_a_film_of_5_gb_needs_its_cues_and_a_few_megabytes(media: None, monkeypatch: pytest.MonkeyPatch) -> None:
    short = film(rate=Fraction(2), silent=True, g="8", keyint_min="8")
    large = matroska.Sparse(short, Layout(packets=lambda found: long(found, 300)), gap=2_790_000)
    assert large.size > 5_000_000_000
    monkeypatch.setattr(ranged, "read_range", large.read)
    monkeypatch.setattr(ranged, "_kept", type(ranged._kept)())
    processor, made = processor_of(MKV), Made()
    source = opened(large, processor.by_ranges)
    result = processor.process(source, Order(RECIPES["photo"], 1024**3), made.emit)
    assert result.warnings == ()
    assert {"poster.webp", "hls.m3u8", "av/source.m3u8"} <= made.keys()
    assert isinstance(source.data, ranged.Ranged)
    assert source.data.kept_bytes == large.cues_size, "the index was fetched once"
    assert large.bytes_read == source.data.kept_bytes + source.data.read_bytes
    assert source.data.read_bytes <= posters.ALL_BYTES
    assert made["av/source.m3u8"].count(b"#EXTINF") == 1800
    for number in (0, 1, 900, 1799):
        ranged._kept.clear()
        large.requests.clear()
        wanted = media_names.read(f"av/source-{number}.m4s")
        assert wanted
        source = opened(large, MOST_READ)
        body, _ = engine.make(source, made["av/plan.json"], wanted)
        assert b"mdat" in body
        assert large.bytes_read <= 2_790_000 + 3 * ranged.BLOCK and len(large.requests) <= 4
        assert cast(ranged.Ranged, source.data).kept_bytes == 0, "the cues are not needed"


def noisy(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    import random

    frame = films.numbered(size, pixels, time, base)
    for plane in frame.planes:
        plane.update(random.Random(time).randbytes(plane.buffer_size))
    return frame


@pytest.mark.parametrize("layout", [Layout(), Layout(blocks=300)], ids=["keys first", "keys in the middle"])
def test_a_segment_reads_about_its_own_bytes(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.film(
        size=(240, 160),
        times=range(240),
        rate=10,
        draw=noisy,
        sing=Chirp(),
        picture=partial(tuned, options=SHORT | {"crf": "18"}),
    )
    large = matroska.Sparse(data, layout)
    made = hls.Stream(b"".join(part for _, part in large.parts), MKV)
    monkeypatch.setattr(ranged, "read_range", large.read)
    count = made.plan.rung("source").count
    for number in range(count):
        large.requests.clear()
        wanted = media_names.read(f"av/source-{number}.m4s")
        assert wanted
        body, _ = engine.make(opened(large, MOST_READ), made.made["av/plan.json"], wanted)
        assert len(body) > 1_000_000
        assert large.bytes_read <= 1.1 * len(body) + 3 * ranged.BLOCK
        assert len(large.requests) <= 6


def test_nothing_is_decoded_for_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg does not even open the film."""
    made = stream()
    monkeypatch.setattr(av, "open", None)
    assert made.segment("source", 1) and made.get("av/source-init.mp4")


# --- releases


def test_a_plan_of_the_release_before_goes_on_working() -> None:
    made = stream()
    wanted = {name: made.get(name) for name in ("av/v64-init.mp4", "av/v64-1.m4s", "av/a0-1.m4s", "av/i64-0.m4s")}
    plan = json.loads(made.made["av/plan.json"])
    plan["rungs"] = [rung for rung in plan["rungs"] if rung["name"] != "source"]
    plan["index"] = [0, 0]
    made.made["av/plan.json"] = json.dumps(plan).encode()
    assert {name: made.get(name) for name in wanted} == wanted
    with pytest.raises(LookupError):
        made.get("av/source-0.m4s")


def test_the_release_before_makes_no_segment_of_such_a_rung() -> None:
    """It would find packets by the times of their decoding, `places`, and fails without; so its bytes are never others.

    Its reader takes plans of version 2, and leaves out what it does not know.
    """
    plan = json.loads(stream().made["av/plan.json"])
    [rung] = [each for each in plan["rungs"] if each["name"] == "source"]
    assert plan["version"] == 2 and "places" not in rung["settings"]
    known = {"name", "sort", "stream", "scale", "cuts", "codec", "peak", "average", "width", "height", "frame_rate"}
    assert rung.keys() == known | {"language", "title", "default", "video_range", "settings"}


# --- where cues are


def test_cues_that_a_second_seek_head_names_are_found() -> None:
    data = matroska.written(film(), Layout())
    found = indexes.find(io.BytesIO(data), len(data), "matroska")
    assert data[found.start :].startswith(b"\x1c\x53\xbb\x6b") and found.start + found.length == len(data)
    first = data.index(b"\x11\x4d\x9b\x74")
    base = first
    length = data.index(b"\x15\x49\xa9\x66") - first
    own = bytearray(data) + data[first : first + length]
    name = own.index(b"\x1c\x53\xbb\x6b", first)
    own[name : name + 4] = b"\x11\x4d\x9b\x74"
    place = own.index(b"\x53\xac", first) + 10
    own[place : place + 8] = (len(data) - base).to_bytes(8)
    size = own.index(b"\x18\x53\x80\x67") + 4
    own[size : size + 8] = (1 << 56 | len(own) - size - 8).to_bytes(8)
    assert indexes.find(io.BytesIO(own), len(own), "matroska") == found
    own[place : place + 8] = (first - base).to_bytes(8)  # it names itself
    assert indexes.find(io.BytesIO(own), len(own), "matroska").missing
