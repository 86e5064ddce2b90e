"""Clips, sounds and sprites as they are made on demand."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import pytest
from PIL import Image

from chalicelib.delivery.missing import PATIENCE
from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.model import ErrorCode, File, Kind, PermanentFault
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import conversions, orientation
from chalicelib.renditions import conversions as promised
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage.ranged import TooMuchReadError
from tests import films, hostile_films, making

pytestmark = pytest.mark.usefixtures("media")


def source(data: bytes, content_type: str = "video/mp4") -> Source:
    return Source(content_type, len(data), io.BytesIO(data), "a film")


def record(data: bytes, content_type: str = "video/mp4") -> File:
    """The record that processing would write."""
    order = Order(RECIPES["original-only"], 1024**3)
    info = processor_of(content_type).process(source(data, content_type), order, lambda *_: None).info
    size = len(data)
    if isinstance(info, AudioInfo):
        return making.file(1, kind=Kind.AUDIO, content_type=content_type, size=size, audio=info)
    assert isinstance(info, VideoInfo)
    return making.file(1, kind=Kind.VIDEO, content_type=content_type, size=size, video=info)


def made(data: bytes, name: str, content_type: str = "video/mp4", file: File | None = None) -> bytes:
    part = media_names.read(name)
    assert part
    body, said = conversions.make(source(data, content_type), file or record(data, content_type), part)
    assert (
        said
        == {"mp4": "video/mp4", "m4a": "audio/mp4", "opus": "audio/ogg", "jpg": "image/jpeg", "vtt": "text/vtt"}[
            name.rpartition(".")[2]
        ]
    )
    return body


def paint(frame: Any, level: int) -> None:
    """All of the picture in one grey."""
    frame.planes[0].update(bytes([level]) * frame.planes[0].buffer_size)
    for plane in frame.planes[1:]:
        plane.update(bytes([128]) * plane.buffer_size)


class Seen:
    """A file as a player sees it."""

    def __init__(self, body: bytes) -> None:
        with av.open(io.BytesIO(body), "r") as container:
            self.tags = dict(container.metadata)
            self.frames: list[Any] = []
            self.samples = 0
            self.sound_from: float | None = None
            self.loudest: list[tuple[float, float]] = []
            for frame in container.decode(*container.streams.video, *container.streams.audio):
                if isinstance(frame, av.VideoFrame):
                    self.frames.append(frame)
                else:
                    self._hear(frame)
            self.codecs = [stream.codec_context.name for stream in container.streams]
            self.rotated = any(frame.rotation for frame in self.frames)

    def _hear(self, frame: Any) -> None:
        self.samples += frame.samples
        time = float(frame.pts * frame.time_base)
        self.sound_from = time if self.sound_from is None else self.sound_from
        values = memoryview(bytes(frame.planes[0])).cast("f")[: frame.samples]
        self.loudest.append((time, max(map(abs, values), default=0)))

    @property
    def times(self) -> list[float]:
        return [round(float(frame.pts * frame.time_base), 4) for frame in self.frames]

    @property
    def size(self) -> tuple[int, int]:
        return self.frames[0].width, self.frames[0].height

    def grey(self, number: int) -> float:
        plane = self.frames[number].planes[0]
        return sum(bytes(plane)[: plane.width]) / int(plane.width)


# --- clips


def test_a_clip_has_all_pictures_at_their_times_and_the_sound() -> None:
    def bright(frame: Any) -> None:
        paint(frame, 30 + 4 * frame.pts)

    data = films.film("webm", codec="libvpx-vp9", sound_codec="libopus", touch=bright)
    clip = Seen(made(data, "48.mp4", "video/webm"))
    assert clip.codecs == ["h264", "aac"]
    assert clip.times == [round(number / 25, 4) for number in range(50)]
    assert clip.samples / 48000 == pytest.approx(2, abs=0.06)
    for number in (0, 17, 49):
        assert clip.grey(number) == pytest.approx(30 + 4 * number, abs=6)


def test_a_variable_rate_is_kept() -> None:
    times = [0, 1, 2, 6, 7, 15, 16, 17, 30, 31]
    data = films.film("matroska", times=times, codec="mpeg4", sounds=())
    clip = Seen(made(data, "48.mp4", "video/webm"))
    assert clip.times == pytest.approx([time / 25 for time in times], abs=0.0015)


def test_a_clip_begins_with_its_index() -> None:
    body = made(films.film("webm", codec="libvpx-vp9", sound_codec="libopus"), "48.mp4", "video/webm")
    assert 0 < body.index(b"moov") < body.index(b"mdat")
    own = made(films.small(), "48.mp4")
    assert 0 < own.index(b"moov") < own.index(b"mdat")


def test_the_film_s_own_picture_is_copied_where_it_can_be() -> None:
    data = films.small()
    body = made(data, "48.mp4")
    start = data.index(b"mdat") + 4
    assert data[start : start + 500] in body, "the packets are the film's own"
    clip = Seen(body)
    assert clip.times == Seen(data).times
    assert clip.samples == Seen(data).samples


def test_a_film_with_too_many_bits_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.small()
    monkeypatch.setattr(conversions, "_COPIED_BITS", 0)
    monkeypatch.setattr(conversions, "_LEAST_COPIED", 1)
    body = made(data, "48.mp4")
    start = data.index(b"mdat") + 4
    assert data[start : start + 500] not in body
    assert len(Seen(body).frames) == 50


@pytest.mark.parametrize("degrees", [-90, 90, 180])
def test_a_clip_is_upright(degrees: int) -> None:
    def halves(frame: Any) -> None:
        """The left half is black, the right half white."""
        plane = frame.planes[0]
        row = bytes(32) + bytes([255]) * 32
        plane.update(b"".join(row.ljust(plane.line_size, b"\0") for _ in range(frame.height)))
        for chroma in frame.planes[1:]:
            chroma.update(bytes([128]) * chroma.buffer_size)

    data = films.film(times=range(5), sounds=(), picture=lambda s: s.set_display_rotation(degrees), touch=halves)
    clip = Seen(made(data, "48.mp4"))
    assert not clip.rotated
    picture = clip.frames[0].to_image().convert("L")
    across, down = picture.size
    assert (across, down) == ((64, 48) if degrees == 180 else (48, 64))
    middle = across // 2, down // 2
    white = {-90: (middle[0], down - 8), 90: (middle[0], 8), 180: (8, middle[1])}[degrees]
    black = across - 1 - white[0], down - 1 - white[1]
    assert picture.getpixel(white) > 200
    assert picture.getpixel(black) < 50


def quarters_of(image: Image.Image, box: tuple[int, int, int, int]) -> list[int]:
    """Which of the colours of `films.quarters` is where, in a part of a picture."""
    part = image.convert("RGB").crop(box)
    places = [(x, y) for y in (part.height // 4, part.height * 3 // 4) for x in (part.width // 4, part.width * 3 // 4)]

    def nearest(pixel: Any) -> int:
        far = [sum(abs(a - b) for a, b in zip(pixel, color, strict=True)) for color in films.QUARTERS]
        assert min(far) < 60, pixel
        return far.index(min(far))

    return [nearest(part.getpixel(place)) for place in places]


@pytest.mark.parametrize("matrix", films.ORIENTATIONS)
def test_clips_and_sprites_are_turned_and_mirrored(matrix: films.Matrix) -> None:
    plain = films.film(times=range(30), sounds=(), paint=lambda _: films.quarters((64, 48)))
    data = films.oriented(plain, matrix)
    size = (48, 64) if films.ORIENTATIONS[matrix][0] in (90, 270) else (64, 48)
    body = made(data, "48.mp4")
    clip = Seen(body)
    assert not clip.rotated and clip.size == size
    shown = films.shown_at(matrix)
    assert quarters_of(clip.frames[0].to_image(), (0, 0, *size)) == shown
    sheet = Image.open(io.BytesIO(made(data, "sprite-0.jpg")))
    assert sheet.size == (size[0] * 2, size[1])
    assert [quarters_of(sheet, (at, 0, at + size[0], size[1])) for at in (0, size[0])] == [shown, shown]


def test_a_copied_clip_keeps_a_matrix_of_which_its_record_knows_nothing() -> None:
    """Records of the release before do not say that a film is mirrored: browsers see it."""
    matrix = (1, 0, 0, -1)
    data = films.oriented(films.film(times=range(5), sounds=()), matrix)
    file = record(data)
    assert file.video
    old = file.model_copy(update={"video": file.video.model_copy(update={"rotation": 0, "mirrored": False})})
    with av.open(io.BytesIO(made(data, "48.mp4", file=old)), "r") as container:
        assert orientation.of_frame(next(container.decode(video=0))) == films.ORIENTATIONS[matrix]


def test_pixels_become_squares() -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    data = films.film(size=(72, 58), times=range(3), sounds=(), picture=wide)
    assert Seen(made(data, "58.mp4")).size == (96, 58)


def test_an_odd_size_becomes_even() -> None:
    data = films.film("matroska", size=(65, 49), codec="ffv1", times=range(3), sounds=())
    assert Seen(made(data, "48.mp4", "video/webm")).size == (64, 48)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_gets_the_colours_of_ordinary_screens(transfer: int) -> None:
    def graded(stream: Any) -> None:
        own = stream.codec_context
        own.color_trc, own.color_primaries, own.colorspace = transfer, 9, 9

    data = films.film(codec="libx265", pixels="yuv420p10le", times=range(3), sounds=(), picture=graded)
    clip = Seen(made(data, "48.mp4"))
    frame = clip.frames[0]
    assert (frame.format.name, frame.color_trc, frame.color_primaries, frame.colorspace) == ("yuv420p", 1, 1, 1)


def test_more_than_60_pictures_a_second_are_too_many() -> None:
    data = films.film("matroska", rate=120, codec="mpeg4", times=range(60), sounds=())
    clip = Seen(made(data, "48.mp4", "video/webm"))
    assert len(clip.frames) == 30
    assert clip.times[:3] == [0, 0.0167, 0.0333] or clip.times[:3] == [0, 0.017, 0.033]


def test_a_sound_that_comes_late_comes_as_late_in_the_clip() -> None:
    data = films.film("matroska", codec="mpeg4", sound_codec="libmp3lame", sound_from=0.8, loud=True)
    clip = Seen(made(data, "48.mp4", "video/webm"))
    begin = next(time for time, value in clip.loudest if value > 0.1)
    assert begin == pytest.approx(0.8, abs=0.06)
    assert clip.times[0] == pytest.approx(0, abs=0.002)


def test_nothing_of_where_and_by_whom_a_film_was_made_is_in_what_is_made_of_it() -> None:
    tags = {"title": "Secret", "location": "+48.1000+011.5000/", "com.apple.quicktime.make": "Maker"}
    data = films.film("mov", tags=tags, options={"movflags": "use_metadata_tags"})
    assert b"+48.1000" in data
    file = record(data, "video/quicktime")
    for name in ("48.mp4", "sound.m4a", "sound.opus", "sprite-0.jpg", "sprites.vtt"):
        body = made(data, name, "video/quicktime", file)
        for word in (b"48.1", b"Secret", b"Maker"):
            assert word not in body, name


# --- sounds


@pytest.mark.parametrize(("name", "codec"), [("sound.m4a", "aac"), ("sound.opus", "opus")])
def test_the_sound_of_a_film_alone(name: str, codec: str) -> None:
    seen = Seen(made(films.small(), name))
    assert seen.codecs == [codec]
    assert seen.samples / 48000 == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(
    ("form", "content_type", "codec"),
    [
        ("mp3", "audio/mpeg", "libmp3lame"),
        ("adts", "audio/aac", "aac"),
        ("aiff", "audio/aiff", "pcm_s16be"),
        ("caf", "audio/x-caf", "pcm_s16le"),
        ("wav", "audio/wav", "pcm_s16le"),
        ("flac", "audio/flac", "flac"),
        ("ogg", "audio/ogg", "libopus"),
        ("mp4", "audio/mp4", "aac"),
    ],
)
def test_a_sound_is_as_long_and_as_loud_as_before(form: str, content_type: str, codec: str) -> None:
    data = films.tone(form, codec, seconds=3, level=-6)
    file = record(data, content_type)
    for name in ("sound.m4a", "sound.opus"):
        seen = Seen(made(data, name, content_type, file))
        assert seen.samples / 48000 == pytest.approx(3, abs=0.06), name
        assert max(value for _, value in seen.loudest) == pytest.approx(0.5, abs=0.12), name


def test_aac_and_opus_are_copied() -> None:
    for form, codec, content_type, name in (
        ("mp4", "aac", "audio/mp4", "sound.m4a"),
        ("webm", "libopus", "audio/webm", "sound.opus"),
    ):
        data = films.tone(form, codec, seconds=1)
        with av.open(io.BytesIO(data), "r") as container:
            packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        body = made(data, name, content_type)
        with av.open(io.BytesIO(body), "r") as container:
            assert [bytes(packet) for packet in container.demux(audio=0) if packet.size] == packets


def test_six_channels_become_two() -> None:
    data = films.tone("flac", "flac", layout="5.1", seconds=1)
    for name in ("sound.m4a", "sound.opus"):
        with av.open(io.BytesIO(made(data, name, "audio/flac"))) as container:
            assert container.streams.audio[0].channels == 2


# --- sprites


def test_a_clip_of_a_film_with_too_many_channels_is_silent() -> None:
    data = films.film("mov", sound_codec="pcm_s16le")
    nine = hostile_films.changed(hostile_films.field(b"stsd", 8 + 24, ">H", 9, track=1), data)
    found = made(nine, "av/48.mp4", "video/quicktime")
    with av.open(io.BytesIO(found), "r") as container:
        assert (len(container.streams.video), len(container.streams.audio)) == (1, 0)


def shades(sheet: bytes, count: int) -> list[float]:
    picture = Image.open(io.BytesIO(sheet)).convert("RGB")
    width, height = picture.width // min(10, count), picture.height // -(-count // 10)
    places = [(number % 10 * width + width // 2, number // 10 * height + height // 2) for number in range(count)]
    return [picture.getpixel(place)[1] for place in places]  # type: ignore[index]


def grey(frame: Any) -> None:
    """Brighter by 8 levels each second."""
    paint(frame, 20 + 8 * (round(float(frame.pts * frame.time_base) * 1000) // 1000))


@pytest.mark.parametrize("keys", [1, 7, 250])
def test_each_sprite_is_the_picture_of_its_second(keys: int) -> None:
    """However far the key pictures are apart."""
    data = films.film(rate=10, times=range(250), sounds=(), options={"g": str(keys)}, touch=grey)
    file = record(data)
    found = promised.sprites(file)
    assert found
    assert (found.interval, found.count, found.sheets) == (1, 25, 1)
    expected = [(20 + 8 * second - 16) * 255 / 219 for second in range(25)]
    assert shades(made(data, "sprite-0.jpg", file=file), 25) == pytest.approx(expected, abs=6)


def test_a_second_sheet_goes_on_where_the_first_ended() -> None:
    def bright(frame: Any) -> None:
        paint(frame, 20 + int(frame.pts * frame.time_base))

    data = films.film(rate=2, times=range(260), sounds=(), options={"g": "4"}, touch=bright)
    file = record(data)
    first, second = (made(data, f"sprite-{number}.jpg", file=file) for number in (0, 1))
    assert Image.open(io.BytesIO(first)).size == (640, 480)
    assert Image.open(io.BytesIO(second)).size == (640, 144), "only as high as it needs to be"
    expected = [(4 + number) * 255 / 219 for number in range(130)]
    assert shades(first, 100) + shades(second, 30) == pytest.approx(expected, abs=6)


def test_the_list_says_where_each_moment_is() -> None:
    data = films.film(rate=10, times=range(125), sounds=())
    lines = made(data, "sprites.vtt").decode().split("\n\n")
    assert lines[0] == "WEBVTT"
    assert lines[1] == "00:00:00.000 --> 00:00:01.000\nsprite-0.jpg#xywh=0,0,64,48"
    assert lines[11] == "00:00:10.000 --> 00:00:11.000\nsprite-0.jpg#xywh=0,48,64,48"
    assert lines[13] == "00:00:12.000 --> 00:00:12.500\nsprite-0.jpg#xywh=128,48,64,48\n"


def test_sprites_are_upright() -> None:
    data = films.film(times=range(30), sounds=(), picture=lambda stream: stream.set_display_rotation(-90))
    assert Image.open(io.BytesIO(made(data, "sprite-0.jpg"))).size == (48 * 2, 64)


def test_what_a_film_lacks_at_its_end_has_the_last_picture() -> None:
    data = films.film(
        "matroska", rate=10, times=range(50), sounds=({},), sound_seconds=12.0, sound_codec="aac", touch=grey
    )
    file = record(data, "video/webm")
    found = promised.sprites(file)
    assert found
    assert found.count > 10
    shown = shades(made(data, "sprite-0.jpg", "video/webm", file), found.count)
    assert shown[5:] == [shown[4]] * (found.count - 5)
    assert shown[3] != shown[4]


# --- all of them


@pytest.mark.parametrize("name", ["48.mp4", "sound.m4a", "sound.opus", "sprite-0.jpg", "sprites.vtt"])
def test_the_bytes_are_the_same_each_time(name: str) -> None:
    data = films.film("matroska", codec="libvpx-vp9", sound_codec="libmp3lame")
    file = record(data, "video/webm")
    assert made(data, name, "video/webm", file) == made(data, name, "video/webm", file)


@pytest.mark.parametrize("name", ["720.mp4", "100.mp4", "sound.m4a", "sprite-1.jpg"])
def test_what_the_record_does_not_promise_is_not_made(name: str) -> None:
    data = films.film(sounds=())
    with pytest.raises(PermanentFault) as raised:
        made(data, name)
    assert raised.value.code is ErrorCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("48.mp4", {"duration": 61.0}, "60 seconds"),
        ("sound.m4a", {"duration": 20_000.0}, "15 minutes"),
        ("sound.opus", {"duration": 20_000.0}, "25 minutes"),
    ],
)
def test_what_would_take_too_long_is_declined_with_a_sentence(name: str, change: dict[str, Any], says: str) -> None:
    data = films.small()
    file = record(data)
    assert file.video
    long = file.model_copy(update={"video": file.video.model_copy(update=change)})
    with pytest.raises(PermanentFault, match=says) as raised:
        made(data, name, file=long)
    assert raised.value.code is ErrorCode.TOO_LARGE


def test_a_run_has_time_for_its_child() -> None:
    """`stream` ends after 28 seconds, and those who wait give up before."""
    assert conversions.LIMITS.wall
    assert conversions.LIMITS.wall < PATIENCE


def test_a_child_that_takes_too_long_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = films.small()
    file = record(data)
    monkeypatch.setattr(conversions, "LIMITS", Limits(seconds=20, wall=1))
    monkeypatch.setattr(conversions, "_CHILDREN", "tests.processing.media")
    monkeypatch.setitem(conversions._MODULES, media_names.Part.SOUND, "endless")
    with pytest.raises(ChildDiedError, match=child.TOO_LONG):
        made(data, "sound.m4a", file=file)


def test_a_source_that_gives_no_more_is_a_fault_of_the_file() -> None:
    class Refusing(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            if self.reads > 1:
                raise TooMuchReadError("enough")
            return super().read(size)

    data = films.small()
    part = media_names.read("sound.m4a")
    assert part
    with pytest.raises(PermanentFault) as raised:
        conversions.make(Source("video/mp4", len(data), Refusing(data), "x"), record(data), part)
    assert raised.value.code is ErrorCode.TOO_LARGE


# --- bad input


def _ends_early(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def _zeroed(data: bytes) -> bytes:
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    return data[:start] + bytes(end - start) + data[end:]


def _changed(data: bytes) -> bytes:
    changed = bytearray(data)
    for place in range(100, len(data), 97):
        changed[place] ^= 0x55
    return bytes(changed)


@pytest.mark.parametrize("damage", [_ends_early, _zeroed, _changed])
@pytest.mark.parametrize("name", ["48.mp4", "sound.m4a", "sound.opus", "sprite-0.jpg"])
def test_a_damaged_film_gives_something_or_is_corrupt(name: str, damage: Callable[[bytes], bytes]) -> None:
    """Its record was written before, for the same bytes: it promises what it can't know."""
    data = films.film("mp4", codec="mpeg4", sound_codec="aac")
    file = record(data)
    try:
        body = made(damage(data), name, file=file)
    except PermanentFault as fault:
        assert fault.code is ErrorCode.CORRUPT
    else:
        assert body


def test_times_that_jump_back_are_left_out() -> None:
    data = films.film("matroska", codec="ffv1", sounds=(), times=range(10))
    late, early = (b"\x81" + time.to_bytes(2) + b"\0" for time in (200, 40))
    assert data.count(late) == 1
    clip = Seen(made(data.replace(late, early), "48.mp4", "video/webm"))
    assert clip.times == pytest.approx([number / 25 for number in range(10) if number != 5], abs=0.0015)


def test_a_still_of_30_hours_has_its_sprites() -> None:
    data = films.film(times=[0, 108_000], rate=1, sounds=())
    file = record(data)
    found = promised.sprites(file)
    assert found
    assert found.count <= 400
    body = made(data, f"sprite-{found.sheets - 1}.jpg", file=file)
    assert Image.open(io.BytesIO(body)).width == 640
    assert promised.clips(file) == ()


def test_a_film_of_2160p_takes_less_than_500_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = []
    run_on = child.run_on

    def weighed(module: str, data: Any, size: int, arguments: dict[str, Any], limits: Limits) -> Any:
        found = run_on("tests.processing.media.weighed", data, size, {**arguments, "module": module}, limits)
        peaks.append(found[0]["peak"])
        return found

    data = films.film(
        codec="libx265", pixels="yuv420p10le", size=(3840, 2160), times=range(3), options={"preset": "ultrafast"}
    )
    file = record(data)
    monkeypatch.setattr(child, "run_on", weighed)
    for name in ("720.mp4", "sprite-0.jpg", "sound.opus"):
        assert made(data, name, file=file)
    assert len(peaks) == 3
    assert 100 * 1024**2 < max(peaks) < 500 * 1024**2
