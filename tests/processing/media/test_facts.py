"""What records say of films and sounds, read by FFmpeg."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from chalicelib.facts import MAX_BYTES, AudioInfo, AudioTrack, Chapter, Location, VideoInfo
from chalicelib.model import ErrorCode, Kind, PermanentFault
from chalicelib.processing import child, content_types, pipeline, sniff
from chalicelib.processing.child import ChildDiedError
from chalicelib.processing.kinds import TYPES, Made, Order, Source, processor_of
from chalicelib.processing.media import engine, headers, words
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from chalicelib.storage.ranged import TooMuchReadError
from tests import films, images, odd_films

pytestmark = pytest.mark.usefixtures("media")

NONE: Sequence[Any] = ()


class Counted(io.BytesIO):
    """Counts the bytes that are read, and refuses more than `budget`."""

    def __init__(self, data: bytes, budget: int = 10**9) -> None:
        super().__init__(data)
        self.count, self.budget = 0, budget

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        if self.count > self.budget:
            raise TooMuchReadError("enough")
        return data


def processed(
    data: bytes, content_type: str = "video/mp4", source: io.BytesIO | None = None, recipe: str = "original-only"
) -> Made:
    given = Source(content_type, len(data), source or io.BytesIO(data), "a film")
    return processor_of(content_type).process(given, Order(RECIPES[recipe], 1024**3), lambda *_: None)


def film_info(data: bytes, content_type: str = "video/mp4") -> VideoInfo:
    made = processed(data, content_type)
    assert isinstance(made.info, VideoInfo)
    assert not made.warnings
    return made.info


def sound_info(data: bytes, content_type: str) -> AudioInfo:
    made = processed(data, content_type)
    assert isinstance(made.info, AudioInfo)
    assert not made.warnings
    return made.info


def test_all_that_a_film_says() -> None:
    data = films.film(
        "mov",
        sounds=({"language": "eng", "title": "Stereo"}, {"language": "ger"}),
        tags={
            "title": "At the\nsea",
            "artist": "Ann",
            "creation_time": "2026-05-04T03:02:01Z",
            "location": "+48.1000+011.5000/",
            "com.apple.quicktime.location.ISO6709": "+48.1000+011.5000/",
            "com.apple.quicktime.make": "Maker",
        },
        options={"movflags": "use_metadata_tags"},
        chapters=((0, "Morning"), (1, "Evening")),
    )
    info = film_info(data, "video/quicktime")
    assert (info.format, info.codec, info.width, info.height, info.rotation) == ("mov", "h264", 64, 48, 0)
    assert (info.frame_rate, info.variable_frame_rate, info.hdr) == (25.0, False, None)
    assert info.duration == pytest.approx(2.0, abs=0.05)
    assert info.bit_rate
    assert [(each.codec, each.language, each.channels, each.sample_rate) for each in info.audio_tracks] == [
        ("aac", "eng", 2, 48000),
        ("aac", "ger", 2, 48000),
    ]
    assert info.audio_track_count == 2
    assert info.chapters == [Chapter(start=0.0, title="Morning"), Chapter(start=1.0, title="Evening")]
    assert (info.title, info.created_at) == ("At the sea", "2026-05-04T03:02:01.000Z")
    assert (info.tags["artist"], info.tags["make"]) == ("Ann", "Maker")
    assert b"+48.1000" in data
    assert "48.1" not in info.model_dump_json(), "no place is ever in a record"


PLACED = {"location": "+48.1000-011.5000+519.0/", "title": "Home"}


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize(("form", "codec", "content_type"), [("mp4", "libx264", "video/mp4"), ("mp4", "", "audio/mp4")])
def test_a_place_is_in_the_record_only_if_the_recipe_keeps_it(
    form: str, codec: str, content_type: str, keeps: bool
) -> None:
    data = films.film(form, codec=codec, tags=PLACED) if codec else films.sound(form, "aac", tags=PLACED)
    emitted: list[bytes] = []
    recipe = replace(RECIPES["photo"], widths=(160,), keep_gps=keeps)
    given = Source(content_type, len(data), io.BytesIO(data), "a film")
    made = processor_of(content_type).process(given, Order(recipe, 1024**3), lambda _, body: emitted.append(body))
    assert isinstance(made.info, VideoInfo | AudioInfo)
    assert made.info.location == (Location(latitude=48.1, longitude=-11.5, altitude=519) if keeps else None)
    assert ("48.1" in made.info.model_dump_json()) is keeps
    assert emitted
    assert not any(b"48.1" in body for body in emitted), "no output says where"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+48.1000+011.5000/", (48.1, 11.5, None)),
        ("-33.8568+151.2153+010.5/", (-33.8568, 151.2153, 10.5)),
        ("+27.5916+086.5640+8850CRSWGS_84/", (27.5916, 86.564, 8850)),
        ("+4806.00+01130.00/", (48.1, 11.5, None)),
        ("+480600+0113000/", (48.1, 11.5, None)),
        ("-00.5-000.25", (-0.5, -0.25, None)),
        ("+91.0000+011.5000/", None),
        ("+48.1000+181.0000/", None),
        ("+4860.00+01130.00/", None),
        ("Munich", None),
        ("", None),
        (None, None),
    ],
)
def test_a_place_is_read_as_iso_6709_has_it(text: str | None, place: tuple[float, float, float | None] | None) -> None:
    found = words.location({"place": text})
    assert (found and (found.latitude, found.longitude, found.altitude)) == place


def test_a_sound_says_its_language() -> None:
    data = films.film("matroska", codec="ffv1", times=range(3), sounds=({"language": "ger"},))
    assert film_info(data, "video/webm").audio_tracks[0].language == "ger"
    alone = films.sound("matroska", "libopus", language="ger")
    assert sound_info(alone, "audio/webm").language == "ger"


def test_search_finds_a_film_by_its_title_and_its_artist() -> None:
    made = processed(films.film(tags={"title": "The sea", "artist": "Ann"}))
    assert made.headings == ("The sea", "Ann")


@pytest.mark.parametrize(
    ("degrees", "shown", "rotation"), [(0, (64, 48), 0), (-90, (48, 64), 90), (180, (64, 48), 180), (90, (48, 64), 270)]
)
def test_the_size_is_that_of_the_turned_picture(degrees: int, shown: tuple[int, int], rotation: int) -> None:
    data = films.film(picture=lambda stream: stream.set_display_rotation(degrees))
    info = film_info(data)
    assert ((info.width, info.height), info.rotation) == (shown, rotation)
    small = headers.read(Source("video/mp4", len(data), io.BytesIO(data)), data[:64])["video"]
    assert (words.shown(small), small["rotation"]) == (shown, rotation), "the small reader says the same"


@pytest.mark.parametrize("matrix", films.ORIENTATIONS)
@pytest.mark.parametrize("movie", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, 1)], ids=["", "turned", "mirrored"])
def test_a_film_says_how_it_is_turned_and_mirrored(matrix: films.Matrix, movie: films.Matrix) -> None:
    """The matrix of the whole movie comes after that of its track."""
    data = films.oriented(films.film(times=range(3), sounds=()), matrix, movie=movie)
    (a, b, c, d), (e, f, g, h) = matrix, movie
    both = (a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)
    rotation, mirrored = films.ORIENTATIONS[both]
    shown = (48, 64) if rotation in (90, 270) else (64, 48)
    info = film_info(data)
    assert ((info.width, info.height), info.rotation, info.mirrored) == (shown, rotation, mirrored)
    small = headers.read(Source("video/mp4", len(data), io.BytesIO(data)), data[:64])["video"]
    said = (words.shown(small), small["rotation"], small["mirrored"])
    assert said == (shown, rotation, mirrored), "the small reader says the same"


def test_pixels_that_are_no_squares_are_stretched() -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    info = film_info(films.film(size=(720, 576), times=range(3), picture=wide))
    assert (info.width, info.height) == (960, 576)


def test_a_variable_rate_is_said() -> None:
    times = [0, 1, 2, 6, 7, 15, 16, 17, 30, 31]
    assert film_info(films.film(times=times, sounds=())).variable_frame_rate
    assert not film_info(films.film(rate=Fraction(30000, 1001), sounds=())).variable_frame_rate


def test_a_fractional_rate_is_kept() -> None:
    assert film_info(films.film(rate=Fraction(30000, 1001), sounds=())).frame_rate == 29.97


@pytest.mark.parametrize(("transfer", "hdr"), [(16, "pq"), (18, "hlg"), (1, None)])
def test_a_high_dynamic_range_is_said(transfer: int, hdr: str | None) -> None:
    def graded(stream: Any) -> None:
        stream.codec_context.color_trc = transfer

    data = films.film(codec="libx265", pixels="yuv420p10le", times=range(5), sounds=(), picture=graded)
    info = film_info(data)
    assert (info.codec, info.hdr) == ("hevc", hdr)


@pytest.mark.parametrize(
    ("form", "content_type", "codec", "sound_codec", "found"),
    [
        ("webm", "video/webm", "libvpx-vp9", "libopus", ("webm", "vp9", "opus")),
        ("webm", "video/webm", "libsvtav1", "libopus", ("webm", "av1", "opus")),
        ("avi", "video/x-msvideo", "mpeg4", "libmp3lame", ("avi", "mpeg4", "mp3")),
        ("asf", "video/x-ms-wmv", "wmv2", "wmav2", ("wmv", "wmv2", "wmav2")),
        ("flv", "video/x-flv", "libx264", "aac", ("flv", "h264", "aac")),
        ("mp4", "video/mp4", "libx264", "aac", ("mp4", "h264", "aac")),
        ("matroska", "video/x-matroska", "libx264", "aac", ("mkv", "h264", "aac")),
        ("matroska", "video/matroska; codecs=avc1", "libx264", "aac", ("mkv", "h264", "aac")),
    ],
)
def test_films_of_each_format(
    form: str, content_type: str, codec: str, sound_codec: str, found: tuple[str, str, str]
) -> None:
    info = film_info(films.film(form, codec=codec, sound_codec=sound_codec, times=range(25)), content_type)
    assert (info.format, info.codec, info.audio_tracks[0].codec) == found
    assert (info.width, info.height, info.frame_rate) == (64, 48, 25.0)
    assert info.duration == pytest.approx(1.0, abs=0.1)


def test_a_film_without_any_track_says_that_it_does_not_play() -> None:
    made = processed(films.small().replace(b"trak", b"free"), recipe="photo")
    assert [(each.code, "neither" in each.message) for each in made.warnings] == [("no_stream", True)]


def test_a_film_without_a_sound_has_none() -> None:
    info = film_info(films.film(sounds=()))
    assert (info.audio_tracks, info.audio_track_count) == ([], 0)


def test_a_sound_in_a_film_s_format_has_no_size() -> None:
    info = film_info(films.sound("mp4", "aac"))
    assert (info.width, info.height, info.codec, len(info.audio_tracks)) == (None, None, None, 1)


TAGS = {"title": "Song", "artist": "Ann", "album": "First", "genre": "Folk", "date": "1999"}


@pytest.mark.parametrize(
    ("form", "content_type", "codec", "found"),
    [
        ("mp3", "audio/mpeg", "libmp3lame", ("mp3", "mp3")),
        ("flac", "audio/flac", "flac", ("flac", "flac")),
        ("ogg", "audio/ogg", "libopus", ("ogg", "opus")),
        ("mp4", "audio/mp4", "aac", ("m4a", "aac")),
        ("wav", "audio/wav", "pcm_s16le", ("wav", "pcm_s16le")),
        ("webm", "audio/webm", "libopus", ("weba", "opus")),
        ("caf", "audio/x-caf", "alac", ("caf", "alac")),
        ("asf", "audio/x-ms-wma", "wmav2", ("wma", "wmav2")),
    ],
)
def test_sounds_of_each_format(form: str, content_type: str, codec: str, found: tuple[str, str]) -> None:
    info = sound_info(films.sound(form, codec, tags=TAGS), content_type)
    assert (info.format, info.codec) == found
    assert (info.channels, info.sample_rate) == (2, 48000)
    assert info.duration == pytest.approx(1.0, abs=0.1)
    assert (info.title, info.artist) == ("Song", "Ann")
    if form != "webm":
        assert info.album == "First"
    if form not in ("webm", "asf"):
        assert info.tags["genre"] == "Folk"
        assert info.created_at == "1999-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("form", "content_type", "codec", "found"),
    [
        ("adts", "audio/aac", "aac", ("aac", "aac")),
        ("aiff", "audio/aiff", "pcm_s16be", ("aiff", "pcm_s16be")),
    ],
)
def test_sounds_of_formats_without_tags(form: str, content_type: str, codec: str, found: tuple[str, str]) -> None:
    info = sound_info(films.sound(form, codec, seconds=3), content_type)
    assert (info.format, info.codec) == found
    assert (info.channels, info.sample_rate) == (2, 48000)
    assert info.duration == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(("mode", "rate"), [("nb", 8000), ("wb", 16000)])
def test_a_voice_recorders_amr(mode: str, rate: int) -> None:
    info = sound_info(films.amr(mode, seconds=4), "audio/amr")
    assert (info.format, info.codec, info.channels, info.sample_rate) == ("amr", f"amr_{mode}", 1, rate)
    assert info.duration == pytest.approx(4.0, abs=0.05)
    assert info.loudness


def test_a_cover_is_said_and_is_no_film() -> None:
    with_cover = films.sound("mp3", "libmp3lame", tags=TAGS, cover=images.png(8, 8))
    assert sound_info(with_cover, "audio/mpeg").cover
    assert not sound_info(films.sound("mp3", "libmp3lame"), "audio/mpeg").cover


@pytest.mark.parametrize("kind", [Kind.VIDEO, Kind.AUDIO])
def test_each_type_has_a_demuxer(kind: Kind) -> None:
    assert TYPES[kind] <= engine.DEMUXERS.keys()


def test_a_child_ends_before_the_claim_of_its_worker() -> None:
    assert (
        2 * engine.LIMITS.seconds + child.READING
        < pipeline.LEASE.total_seconds()
        < pipeline.MEDIA_LEASE.total_seconds()
    )


# --- bad input


@pytest.mark.parametrize(
    "lure",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>',
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
@pytest.mark.parametrize("demuxer", sorted({of[0] for of, _ in engine.DEMUXERS.values()}))
def test_a_playlist_is_nothing_to_any_demuxer(lure: bytes, demuxer: str) -> None:
    """Sniffing refuses them before (test_hand_over.py). Were it to let one pass, no demuxer of ours would follow it."""
    (whitelist,) = {of[1] for of, _ in engine.DEMUXERS.values() if of[0] == demuxer}
    wanted = {"format": demuxer, "whitelist": whitelist}
    try:
        found, _ = child.run_on(engine._CHILD, io.BytesIO(lure * 50), len(lure) * 50, wanted, engine.LIMITS)
    except ChildDiedError as died:
        assert str(died) in ("InvalidDataError", "EOFError", "PermissionError", "ValueError", "StreamNotFoundError")
    else:
        assert found["video"] is None


@pytest.mark.parametrize("content_type", sorted(TYPES[Kind.VIDEO] | TYPES[Kind.AUDIO]))
def test_a_playlist_is_none_of_the_types_that_ffmpeg_reads(content_type: str) -> None:
    for lure in (
        b"#EXTM3U\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\n",
        b"<MPD/>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
    ):
        assert content_types.contradicts(content_type, sniff.sniff(lure * 50), lure * 50)


@pytest.mark.parametrize("whitelist", [of[1] for of, _ in engine.DEMUXERS.values()])
def test_no_demuxer_of_ours_reads_a_playlist(whitelist: str) -> None:
    assert not set(whitelist.split(",")) & {
        "hls",
        "dash",
        "concat",
        "sdp",
        "rtsp",
        "lavfi",
        "image2",
        "imf",
        "webm_dash_manifest",
    }


@pytest.mark.parametrize("kept", [40, 200, 1000, 3000])
def test_a_film_that_ends_early_is_corrupt_or_says_what_it_can(kept: int) -> None:
    data = films.small()[:kept]
    try:
        made = processed(data)
    except PermanentFault as fault:
        assert fault.code is ErrorCode.CORRUPT
    else:
        assert isinstance(made.info, VideoInfo)


@pytest.mark.parametrize("seed", range(16))
def test_a_changed_film_or_sound_ends_as_ready_or_corrupt(seed: int) -> None:
    chance = random.Random(seed)
    if seed % 4:
        data, content_type = bytearray(films.small()), "video/mp4"
    else:
        data, content_type = bytearray(films.sound("flac", "flac", tags=TAGS)), "audio/flac"
    for _ in range(chance.randrange(1, 60)):
        data[chance.randrange(16, len(data))] = chance.randrange(256)
    try:
        made = processed(bytes(data), content_type)
    except PermanentFault as fault:
        assert fault.code is ErrorCode.CORRUPT
    else:
        assert made.info
        assert len(made.info.model_dump_json().encode()) <= MAX_BYTES


def test_a_film_without_its_index_is_corrupt() -> None:
    data = films.small()
    with pytest.raises(PermanentFault) as raised:
        processed(data[: data.index(b"moov") - 4])
    assert raised.value.code is ErrorCode.CORRUPT


def test_a_frame_that_cannot_be_decoded_is_a_warning() -> None:
    data = bytearray(films.film(sounds=()))
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    made = processed(bytes(data))
    assert isinstance(made.info, VideoInfo)
    assert (made.info.width, made.info.codec) == (64, "h264")
    assert [warning.code for warning in made.warnings] == ["no_preview", "not_decoded"]


def test_a_picture_whose_header_is_damaged_leaves_its_facts() -> None:
    data = films.film(codec="libx265", times=range(10), picture=odd_films.hevc("hvc1"))
    at = data.index(b"hvcC") + 4 + 22
    made = processed(data[:at] + b"\xff" * 40 + data[at + 40 :])
    assert isinstance(made.info, VideoInfo)
    assert (made.info.width, made.info.codec, made.info.audio_track_count) == (64, "hevc", 1)
    assert "not_decoded" in [warning.code for warning in made.warnings]


def test_a_picture_of_an_unknown_codec_leaves_the_rest() -> None:
    """Its size is that of the header, and its sound plays."""
    made: list[str] = []
    data = films.film().replace(b"avc1", b"zzz1")
    source = Source("video/mp4", len(data), io.BytesIO(data), "a film")
    order = Order(RECIPES["photo"], 1024**3)
    found = processor_of("video/mp4").process(source, order, lambda rendition, _: made.append(rendition.name))
    assert isinstance(found.info, VideoInfo)
    assert (found.info.width, found.info.height, found.info.codec, found.info.duration) == (64, 48, None, 2.005)
    assert [track.codec for track in found.info.audio_tracks] == ["aac"]
    assert [warning.code for warning in found.warnings] == ["not_decoded"]
    assert "hls" in made and "av/a0" in made


def test_a_sound_of_an_unknown_codec_leaves_the_film() -> None:
    made = processed(films.film(sounds=({}, {})).replace(b"mp4a", b"zzz2", 1).replace(b"esds", b"zzz3", 1))
    assert isinstance(made.info, VideoInfo)
    assert (made.info.width, made.info.codec, made.warnings) == (64, "h264", ())
    assert [(track.codec, track.channels) for track in made.info.audio_tracks] == [(None, None), ("aac", 2)]
    alone = processed(films.sound("ipod", "aac").replace(b"mp4a", b"zzz2").replace(b"esds", b"zzz3"), "audio/mp4")
    assert isinstance(alone.info, AudioInfo)
    assert (alone.info.codec, alone.info.channels) == (None, None)


def test_what_ffmpeg_lacks_is_not_told_as_too_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: object) -> None:
        raise ChildDiedError("PatchWelcomeError")

    monkeypatch.setattr(child, "run_on", lacks)
    source = Source("video/mp4", 9, io.BytesIO(b"\0\0\0\x18ftyp"), "a film")
    _, [warning] = engine.facts(source)
    assert (warning.code, "too much" in warning.message) == ("not_read", False)


def test_little_is_read_of_a_long_film() -> None:
    """Its index stands at the end, behind 60 MB that are nothing."""
    film = films.small()
    at = film.index(b"mdat") - 4
    moov = film.index(b"moov") - 4
    padding = 60 * 1024**2
    data = film[:at] + film[at:moov] + padding.to_bytes(4) + b"free" + bytes(padding - 8) + film[moov:]
    source = Counted(data)
    made = processed(data, source=source)
    assert isinstance(made.info, VideoInfo)
    assert made.info.width == 64
    assert source.count < 5 * ranged.BLOCK


def test_a_film_that_needs_too_much_reading_is_stored_with_a_warning() -> None:
    data = films.small()
    made = processed(data, source=Counted(data, budget=4096 + 1500))
    assert [warning.code for warning in made.warnings] == ["too_costly_to_read"]


def test_an_error_of_the_storage_is_not_the_film_s_fault() -> None:
    class Broken(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            if self.reads > 1:
                raise ConnectionError("S3 is away")
            return super().read(size)

    data = films.small()
    with pytest.raises(ConnectionError):
        processed(data, source=Broken(data))


def test_claims_of_a_huge_picture_are_not_decoded() -> None:
    data = bytearray(films.film(sounds=()))
    at = data.index(b"avc1", data.index(b"stsd")) + 28
    data[at : at + 4] = (65_000).to_bytes(2) * 2
    made = processed(bytes(data))  # within the child's bounds, whatever it says
    assert isinstance(made.info, VideoInfo)


def test_a_hang_ends() -> None:
    with pytest.raises(ChildDiedError):
        child.run_on("tests.processing.media.endless", io.BytesIO(b"x"), 1, {}, child.Limits(seconds=1))


def test_facts_are_bounded() -> None:
    long = "\U0001f3ac" * 300
    info = VideoInfo(
        format="mp4",
        chapters=[Chapter(start=n, title=long[:200]) for n in range(60)],
        tags={f"tag{n}": long[:200] for n in range(24)},
        audio_tracks=[AudioTrack(title=long[:200]) for _ in range(3)],
    )
    assert len(words.bounded(info).model_dump_json().encode()) <= MAX_BYTES


@pytest.mark.parametrize("figure", [0, -1, 10**9, None])
def test_a_duration_that_makes_no_sense_is_not_said(figure: float | None) -> None:
    assert words.duration({"duration": figure}) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-05-04T03:02:01.000000Z", "2026-05-04T03:02:01.000Z"),
        ("2026-05-04T03:02:01+0200", "2026-05-04T01:02:01.000Z"),
        ("1904-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_when_it_was_recorded(text: str, found: str | None) -> None:
    assert words.created({"created": text}) == found
