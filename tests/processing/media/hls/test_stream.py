"""The whole of a stream: its playlists by Apple's rules, its bytes always the same, and what it refuses."""

from __future__ import annotations

import io
import json
import random
import struct
from dataclasses import replace
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import pytest

from chalicelib.facts import VideoInfo
from chalicelib.model import Caption, PermanentFault
from chalicelib.processing import fork_server
from chalicelib.processing.child import Limits
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls as engine
from chalicelib.processing.media.hls import opening, playlists
from chalicelib.processing.media.hls import stream as parent
from chalicelib.renditions import captions
from chalicelib.renditions.media_names import MediaName, Part
from chalicelib.renditions.recipes import RECIPES
from tests import apple_rules, films, hls, hostile_films
from tests.films import Chirp


def film(form: str = "mp4", seconds: float = 14, **more: Any) -> bytes:
    given: dict[str, Any] = {
        "size": (96, 64),
        "times": range(round(seconds * 10)),
        "rate": 10,
        "sing": Chirp(),
        "draw": films.numbered,
    }
    return films.film(form, **given | more)


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"sounds": ()},
        {"size": (322, 242), "seconds": 7},
        {"rate": Fraction(30000, 1001), "times": range(400), "sounds": ({"language": "ger"}, {"language": "eng"})},
        {"codec": "libx265", "pixels": "yuv420p10le", "form": "mov"},
        {"seconds": 0.5},
        {"seconds": 6.1, "sing": Chirp(start=2)},
    ],
    ids=["plain", "silent", "odd", "ntsc", "hevc", "short", "late"],
)
def test_apples_rules(more: dict[str, Any]) -> None:
    stream = hls.Stream(film(**more))
    found = apple_rules.check_master(stream.get)
    assert len(found) == len(stream.plan.rungs)


@pytest.mark.usefixtures("media")
@pytest.mark.parametrize("child_module", ["endless", "missing"])
def test_a_film_whose_plan_is_too_much_has_its_facts(child_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_CHILD", f"tests.processing.media.{child_module}")
    monkeypatch.setattr(parent, "LIMITS", Limits(seconds=1))
    data = film()
    source = Source("video/mp4", len(data), io.BytesIO(data), "a film")
    emitted: list[str] = []
    made = processor_of("video/mp4").process(
        source, Order(RECIPES["photo"], 1769 * 1024**2), lambda rendition, _: emitted.append(rendition.basename)
    )
    assert isinstance(made.info, VideoInfo)
    assert (made.info.width, made.info.duration) == (96, 14.0)
    assert [warning.code for warning in made.warnings] == ["no_stream"]
    assert "poster.webp" in emitted and not any(name.startswith(("av/", "hls")) for name in emitted)


def test_a_sound_alone_keeps_the_rules(in_process: None) -> None:
    stream = hls.Stream(films.sound("wav", "pcm_s16le", seconds=14, sing=Chirp()), "audio/wav")
    assert set(apple_rules.check_master(stream.get)) == {"av/a0.m3u8"}


def test_a_rung_keeps_its_bounds_whatever_the_pictures(in_process: None) -> None:
    noise = iter(range(1 << 30))

    def noisy(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
        frame = films.numbered(size, pixels, time, base)
        for plane in frame.planes:
            state = next(noise) * 7919 + 1
            plane.update(
                bytes(
                    (state := (state * 1103515245 + 12345) & 0x7FFFFFFF) >> 16 & 255 for _ in range(plane.buffer_size)
                )
            )
        return frame

    stream = hls.Stream(film(seconds=7, draw=noisy, sounds=(), size=(320, 240)))
    apple_rules.check_master(stream.get)


def test_made_by_children_in_any_order_they_are_the_same() -> None:
    data = film(size=(128, 96))
    first, second = hls.Stream(data), hls.Stream(data)
    assert first.made == second.made
    names = [
        f"av/{rung.name}-{part}"
        for rung in first.plan.rungs
        for part in ("init.mp4", *(f"{number}.m4s" for number in (0, rung.count - 1)))
    ]
    assert {name: first.get(name) for name in names} == {name: second.get(name) for name in reversed(names)}


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_an_init_segment_needs_no_file(codec: str, in_process: None) -> None:
    """A plan of before had no codec's header: then the file has it, and the bytes are the same."""
    data = films.film(codec=codec, picture=_hevc if codec == "libx265" else None)
    stream, before = hls.Stream(data), hls.Stream(data)
    plan = json.loads(before.made["av/plan.json"])
    for rung in plan["rungs"]:
        rung["settings"].pop("config", None)
    before.made["av/plan.json"] = json.dumps(plan).encode()
    inits = [f"av/{rung.name}-init.mp4" for rung in stream.plan.rungs]
    assert {"av/source-init.mp4", "av/a0-init.mp4"} <= {*inits}
    assert all(rung.settings["config"] for rung in stream.plan.of("copy", "sound_copy"))
    wanted = {name: before.get(name) for name in inits}
    stream.source = replace(stream.source, data=cast(BinaryIO, io.BytesIO(b"no film")))
    assert {name: stream.get(name) for name in inits} == wanted


def _hevc(stream: Any) -> None:
    stream.codec_context.codec_tag = "hvc1"
    stream.options = {"preset": "ultrafast", "x265-params": "log-level=none"}


def test_a_forked_child_makes_what_a_new_interpreter_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> None:
        raise fork_server.ServerLostError

    stream = hls.Stream(film(size=(640, 360), seconds=7))
    names = [f"av/{rung.name}-{part}" for rung in stream.plan.rungs for part in ("init.mp4", "0.m4s")]
    forked = [stream.get(name) for name in names]
    monkeypatch.setattr(fork_server, "begin", lost)
    assert [stream.get(name) for name in names] == forked


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"codec": "libx265", "pixels": "yuv420p10le", "form": "mov"},
        {"rate": Fraction(30000, 1001), "times": range(400)},
        {"seconds": 6.1, "sing": Chirp(start=2)},
    ],
    ids=["plain", "hevc", "ntsc", "late"],
)
def test_nothing_is_decoded_for_a_repacked_segment(
    in_process: None, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """It is what FFmpeg's probing would have given, and needs fewer bytes."""
    stream = hls.Stream(film(**more))
    copied = [rung for rung in stream.plan.rungs if rung.sort in ("copy", "sound_copy")]
    names = [f"av/{rung.name}-{part}" for rung in copied for part in ("init.mp4", f"{rung.count - 1}.m4s")]
    assert names
    plain = {name: _got(stream, name) for name in names}
    monkeypatch.setattr(opening, "_UNDECODED", {})
    for name in names:
        body, read = _got(stream, name)
        assert plain[name][0] == body
        assert plain[name][1] <= read


def _often(track: Any) -> None:
    """A key picture each three seconds."""
    track.options = {"g": "30", "keyint_min": "30", "sc_threshold": "0"}


def test_a_repacked_segment_needs_few_bytes_beside_its_own(in_process: None) -> None:
    def noisy(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
        frame = films.numbered(size, pixels, time, base)
        of = random.Random(time)
        for plane in frame.planes:
            plane.update(of.randbytes(plane.buffer_size))
        return frame

    stream = hls.Stream(film(seconds=21, draw=noisy, sounds=(), size=(160, 120), picture=_often))
    last = stream.plan.rung("source").count - 1
    body, read = _got(stream, f"av/source-{last}.m4s")
    assert read < 1.5 * len(body)


def _got(stream: hls.Stream, name: str) -> tuple[bytes, int]:
    """A part, and how many bytes were read for it."""

    class Counted(io.BytesIO):
        read_bytes = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.read_bytes += len(data)
            return data

    source = Counted(cast(io.BytesIO, stream.source.data).getvalue())
    other = hls.Stream.__new__(hls.Stream)
    other.source, other.made = replace(stream.source, data=source), stream.made
    return other.get(name), source.read_bytes


def test_each_segment_can_be_decoded_alone(in_process: None) -> None:
    stream = hls.Stream(film())
    for rung in stream.plan.of("picture", "copy"):
        alone = [each for number in range(rung.count) for each in hls.pictures(stream.alone(rung.name, number))]
        assert [number for _, number in alone] == list(range(140))


def test_repacked_packets_are_the_films_own(in_process: None) -> None:
    data = film(picture=lambda stream: setattr(stream, "options", {"g": "25"}))
    stream = hls.Stream(data)

    def packets(of: bytes) -> list[bytes]:
        container: Any
        with av.open(io.BytesIO(of)) as container:
            (track,) = container.streams.video
            return [bytes(packet) for packet in container.demux(track) if packet.size]

    assert packets(stream.joined("source")) == packets(data)


def test_boundaries_of_the_films_own_rung_are_its_key_pictures(in_process: None) -> None:
    keys = (0, 13, 31, 68, 101)

    def forced(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
        frame = films.numbered(size, pixels, time, base)
        frame.pict_type = 1 if time in keys else 0
        return frame

    stream = hls.Stream(
        film(
            draw=forced,
            picture=lambda stream: setattr(stream, "options", {"x264-params": "keyint=infinite:scenecut=0"}),
        )
    )
    rung = stream.plan.rung("source")
    assert [cut * 10 // rung.scale for cut in rung.cuts] == [0, 68, 140]


def test_too_rare_key_pictures_are_not_repacked(in_process: None) -> None:
    rare = {"x264-params": "keyint=infinite:scenecut=0"}
    stream = hls.Stream(film(picture=lambda stream: setattr(stream, "options", rare)))
    assert [rung.name for rung in stream.plan.rungs] == ["v64", "i64", "a0"]


def test_what_the_plan_has_not(in_process: None) -> None:
    stream = hls.Stream(film())
    for name in ("av/v720.m3u8", "av/a7-init.mp4", "av/v64-3.m4s", "av/a0-999999.m4s", "av/v64-4.m4s"):
        with pytest.raises(LookupError):
            stream.get(name)
    with pytest.raises(LookupError):
        engine.make(stream.source, stream.made["av/plan.json"], MediaName(Part.CLIP, "64"))
    assert (
        stream.get("av/v64.m3u8")
        == engine.make(stream.source, stream.made["av/plan.json"], MediaName(Part.PLAYLIST, "v64"))[0]
    )


def test_captions_can_be_added(in_process: None) -> None:
    stream = hls.Stream(film())
    caption = Caption(language="de", label="Deut'sch", default=True, name="av/captions-0.vtt", sha256="")
    text = captions.with_captions(playlists.master(stream.plan), [caption])
    assert 'TYPE=SUBTITLES,GROUP-ID="captions",NAME="Deut\'sch",LANGUAGE="de",DEFAULT=YES' in text
    variants = [line for line in text.split("\n") if line.startswith("#EXT-X-STREAM-INF") and "RESOLUTION" in line]
    assert variants and all('SUBTITLES="captions"' in line for line in variants)


def test_the_master_is_what_the_record_names(in_process: None) -> None:
    stream = hls.Stream(film(size=(128, 96)))
    master = stream.renditions["hls.m3u8"]
    assert (master.name, master.format, master.content_type) == ("hls", "hls", "application/vnd.apple.mpegurl")
    assert (master.width, master.height, master.duration) == (128, 96, 14.0)
    assert all(name.startswith("av/") for name in stream.made if name != "hls.m3u8")


def test_players_are_patient_with_a_short_film(in_process: None) -> None:
    """video.js gives up a request after one and a half times the target duration, and then plays nothing."""
    stream = hls.Stream(film(size=(64, 48), seconds=1))
    lists = {name: body.decode() for name, body in stream.made.items() if name.endswith(".m3u8") and "/i" not in name}
    lists.pop("hls.m3u8")
    assert len(lists) >= 2
    assert all("#EXT-X-TARGETDURATION:6\n" in text for text in lists.values()), lists


# --- hostile files


@pytest.mark.parametrize("name", ["stsc of many", "stsc backwards"])
def test_bytes_that_are_no_pictures_are_not_repacked(in_process: None, name: str) -> None:
    """The index leads to other bytes of the file. A browser would give up at the first of them."""
    stream = hls.Stream(hostile_films.data(name))
    assert not stream.plan.of("copy")
    assert stream.plan.of("picture")


def broken_at(data: bytes, *numbers: int) -> bytes:
    """The film with these pictures damaged: their first length is that of a gigabyte."""
    found = bytearray(data)
    with av.open(io.BytesIO(data), "r") as container:
        for number, packet in enumerate(container.demux(container.streams.video[0])):
            if number in numbers:
                assert packet.pos
                found[packet.pos : packet.pos + 4] = b"\x3f\xff\xff\xff"
    return bytes(found)


def test_damaged_pictures_are_left_out_of_a_repacked_segment(in_process: None) -> None:
    data = film(seconds=14, sounds=())
    before, after = hls.Stream(data), hls.Stream(broken_at(data, 20, 21, 30))
    assert after.plan == before.plan
    sound, broken = (apple_rules.timing(each.segment("source", 0)) for each in (before, after))
    assert len(broken.shown) == len(sound.shown) - 3
    assert (min(broken.shown), broken.end) == (min(sound.shown), sound.end)
    assert len(hls.pictures(after.alone("source", 0))) == len(broken.shown)


def test_a_segment_whose_first_picture_is_damaged_is_refused(in_process: None) -> None:
    data = film(seconds=14, sounds=())
    stream = hls.Stream(data)
    [rung] = stream.plan.of("copy")
    number = rung.cuts[1] * 10 // rung.scale
    broken = hls.Stream(broken_at(data, number))
    with pytest.raises(PermanentFault):
        broken.segment("source", 1)
    assert broken.segment("source", 0) == stream.segment("source", 0)
    assert broken.segment(broken.plan.of("picture")[0].name, 1)


def outcome(data: bytes) -> str:
    """How far a file came: its warning, or `played`, or `broken` if a part of it can't be made."""
    stream = hls.Stream(data)
    if stream.warnings:
        assert not stream.made
        return stream.warnings[0].code
    try:
        for rung in stream.plan.rungs:
            stream.get(f"av/{rung.name}-init.mp4")
            for number in {0, rung.count - 1}:
                stream.segment(rung.name, number)
    except PermanentFault:
        return "broken"
    return "played"


def test_a_film_that_is_cut_off_anywhere(in_process: None) -> None:
    front = films.faststart(film(seconds=7))
    matroska = film("matroska", seconds=7)
    for data in (front, matroska):
        found = {outcome(data[: len(data) * part // 12]) for part in range(1, 12)}
        assert found <= {"played", "broken", "no_stream"}
    assert outcome(matroska[:300]) == "no_stream"


def test_damaged_bytes_anywhere(in_process: None) -> None:
    data = films.faststart(film(seconds=2, sounds=()))
    for place in range(40, 1400, 61):
        broken = bytearray(data)
        broken[place : place + 4] = b"\xff\xff\xff\xf0"
        assert outcome(bytes(broken)) in ("played", "broken", "no_stream")


def test_pictures_that_claim_to_be_huge(in_process: None) -> None:
    data = bytearray(film(seconds=1, sounds=()))
    place = data.index(b"avc1", data.index(b"stsd")) + 28
    data[place : place + 4] = struct.pack(">HH", 8192, 8192)
    stream = hls.Stream(bytes(data))
    assert stream.warnings or max(rung.width for rung in stream.plan.rungs) <= 8192


def test_a_still_of_thirty_hours(in_process: None) -> None:
    still: dict[str, Any] = {"rate": 1, "sounds": (), "options": {"video_track_timescale": "1000"}}
    thirty = hls.Stream(film(times=[0, 1, 30 * 3600], **still))
    (rung,) = thirty.plan.of("picture")
    assert rung.count == 30 * 600 + 1 and thirty.segment(rung.name, 9000)
    stream = hls.Stream(film(times=[0, 1, 101 * 3600], **still))
    assert [each.code for each in stream.warnings] == ["no_stream"]
    assert "100 hours" in stream.warnings[0].message


def edited(data: bytes, *edits: tuple[int, int]) -> bytes:
    """The film with another edit list: (length in 1/1000 s, first tick of the media)."""
    place = data.index(b"edts") - 4
    (size,) = struct.unpack_from(">I", data, place)
    rows = b"".join(struct.pack(">Iihh", length, start, 1, 0) for length, start in edits)
    elst = struct.pack(">I4sII", 16 + len(rows), b"elst", 0, len(edits)) + rows
    edts = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
    more = bytearray(data[:place] + edts + data[place + size :])
    for kind in (b"moov", b"trak"):
        at = more.index(kind) - 4
        struct.pack_into(">I", more, at, struct.unpack_from(">I", more, at)[0] + len(edts) - size)
    return bytes(more)


def test_edit_lists(in_process: None) -> None:
    """A film whose player begins in the middle of a group: only what it shows is in the stream."""
    data = film(seconds=14, sounds=(), options={"video_track_timescale": "10000"})
    stream = hls.Stream(edited(data, (12000, 22000)))
    assert not stream.warnings and not stream.plan.of("copy")
    (rung,) = stream.plan.of("picture")
    numbers = [number for _, number in stream.pictures(rung.name)]
    # The pictures are encoded with a delay of two: media tick 22,000 is picture 20.
    assert numbers == list(range(numbers[0], numbers[0] + 120)) and numbers[0] in (20, 21, 22)
    apple_rules.check_master(stream.get)


def test_edit_lists_without_end(in_process: None) -> None:
    data = film(seconds=14, sounds=(), options={"video_track_timescale": "10000"})
    assert outcome(edited(data, *[(14000, 0)] * 3000)) in ("no_stream", "played", "broken")
