"""Films of different origin, as cameras, phones, screen recorders and converters make them, by FFmpeg (PyAV).

All have FFmpeg's moving test picture, and most a tone that beeps each second. They are small and the same each time.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.filter


@dataclass(frozen=True)
class Origin:
    """How a film is made. `seconds` long; `rate` in frames a second; `delay` of its sound in seconds.

    `keep` says which frames are kept, by their number: others are left out, and the film has a variable rate.
    `rotation` is in degrees clockwise, as a phone writes it; a `mirrored` film is mirrored from left to right before.
    With `fields` it is interlaced: each frame has pictures of two moments.
    """

    content_type: str = "video/mp4"
    form: str = "mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (320, 180)
    rate: Fraction = Fraction(25)
    seconds: float = 13.0
    options: Mapping[str, str] = field(default_factory=dict)
    sound_codec: str = "aac"
    sounds: tuple[Mapping[str, str], ...] = ({},)
    layout: str = "stereo"
    delay: float = 0.0
    keep: Callable[[int], bool] = lambda _: True
    rotation: int = 0
    mirrored: bool = False
    fields: bool = False
    color: tuple[int, int, int] | None = None
    """Primaries, transfer and matrix by ITU-T H.273."""
    container: Mapping[str, str] = field(default_factory=dict)


_FAST = {"preset": "ultrafast"}
_PAL = Fraction(25)
_NTSC = Fraction(30000, 1001)

ORIGINS: Mapping[str, Origin] = {
    "phone": Origin(rate=Fraction(30), options=_FAST | {"g": "30"}),
    "phone held upright": Origin("video/quicktime", "mov", rotation=90, options=_FAST | {"g": "25"}),
    "selfie": Origin("video/quicktime", "mov", rotation=90, mirrored=True, options=_FAST | {"g": "25"}),
    "one key picture in ten seconds": Origin(options=_FAST | {"g": "250", "bf": "2", "preset": "veryfast"}),
    "television": Origin(rate=_NTSC, options=_FAST | {"g": "15", "bf": "2"}),
    "camcorder": Origin(fields=True, options=_FAST | {"x264-params": "tff=1:keyint=25"}),
    "cinema": Origin(rate=Fraction(24000, 1001), options=_FAST | {"g": "48"}),
    "screen recorder": Origin(keep=lambda n: n % 7 not in (2, 3) and not 130 < n < 170, options=_FAST | {"g": "50"}),
    "hevc": Origin(codec="libx265", options={"preset": "ultrafast", "x265-params": "log-level=none:pools=1"}),
    "hdr": Origin(
        codec="libx265",
        pixels="yuv420p10le",
        color=(9, 16, 9),
        options={"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    ),
    "webm": Origin(
        "video/webm",
        "webm",
        "libvpx-vp9",
        options={"deadline": "realtime", "cpu-used": "8", "row-mt": "0"},
        sound_codec="libopus",
    ),
    "old webm": Origin(
        "video/webm", "webm", "libvpx", options={"deadline": "realtime", "cpu-used": "8"}, sound_codec="libopus"
    ),
    "av1": Origin(codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"}, sound_codec="libopus"),
    "avi": Origin("video/x-msvideo", "avi", "mpeg4", sound_codec="libmp3lame"),
    "windows media": Origin("video/x-ms-wmv", "asf", "msmpeg4v3", sound_codec="libmp3lame"),
    "flash": Origin("video/x-flv", "flv", options=_FAST | {"g": "50"}),
    "matroska": Origin("video/x-matroska", "matroska", options=_FAST, sound_codec="flac"),
    "film in matroska": Origin(
        "video/x-matroska",
        "matroska",
        rate=Fraction(24000, 1001),
        options={"preset": "veryfast", "g": "72", "bf": "3"},
    ),
    "hevc in matroska": Origin(
        "video/x-matroska",
        "matroska",
        codec="libx265",
        options={
            "preset": "ultrafast",
            "x265-params": "log-level=none:pools=1:keyint=50:min-keyint=50:scenecut=0:open-gop=0:bframes=3",
        },
    ),
    "screen recorder with matroska": Origin(
        "video/x-matroska",
        "matroska",
        rate=Fraction(60),
        sounds=({"title": "Desktop"}, {"title": "Microphone"}),
        options={"preset": "veryfast", "g": "250", "bf": "2", "x264-params": "nal-hrd=cbr"}
        | {"b": "400k", "maxrate": "400k", "bufsize": "400k"},
    ),
    "odd size": Origin("video/webm", "webm", "libvpx", size=(321, 181), sound_codec="libopus"),
    "silent": Origin(sounds=(), options=_FAST),
    "late sound": Origin(delay=4.0, options=_FAST),
    "two languages": Origin(sounds=({"language": "eng"}, {"language": "deu"}), options=_FAST),
    "cinema sound": Origin(sound_codec="ac3", layout="5.1", options=_FAST),
    "index in pieces": Origin(options=_FAST | {"g": "25"}, container={"movflags": "frag_keyframe+empty_moov"}),
    "very small": Origin(size=(64, 48), seconds=0.2, options=_FAST),
}


def film(origin: Origin) -> bytes:
    """The whole file."""
    out = io.BytesIO()
    with av.open(out, "w", format=origin.form, options=dict(origin.container)) as container:
        video: Any = container.add_stream(origin.codec, rate=origin.rate, options=dict(origin.options))
        video.width, video.height, video.pix_fmt = *origin.size, origin.pixels
        video.codec_context.thread_count = 1
        video.codec_context.time_base = 1 / origin.rate
        if origin.color:
            context = video.codec_context
            context.color_primaries, context.color_trc, context.colorspace = origin.color
        if origin.codec == "libx265" and origin.form in ("mp4", "mov"):
            video.codec_context.codec_tag = "hvc1"
        if origin.rotation or origin.mirrored:
            # FFmpeg mirrors after it has turned.
            turn = origin.rotation if origin.mirrored else -origin.rotation
            video.set_display_rotation(turn, hflip=origin.mirrored)
        tracks: list[Any] = []
        for tags in origin.sounds:
            track: Any = container.add_stream(origin.sound_codec, rate=48000, layout=origin.layout)
            track.metadata.update(tags)
            tracks.append(track)
        sounds = [_sound(origin, 440 * (n + 1)) for n in range(len(tracks))]
        for number, frame in enumerate(_pictures(origin)):
            if origin.keep(number):
                container.mux(video.encode(frame))
            for track, sound in zip(tracks, sounds, strict=True):
                _until(container, track, sound, (number + 1) / float(origin.rate))
        container.mux(video.encode())
        for track, sound in zip(tracks, sounds, strict=True):
            _until(container, track, sound, origin.seconds)
            container.mux(track.encode())
    return out.getvalue()


def _pictures(origin: Origin) -> Iterator[Any]:
    graph = av.filter.Graph()
    width, height = origin.size
    rate = origin.rate * 2 if origin.fields else origin.rate
    source = graph.add("testsrc2", f"size={width}x{height}:rate={rate}:duration={origin.seconds}")
    chain = [source, graph.add("format", origin.pixels)]
    if origin.fields:  # the even lines of one picture, the odd ones of the next
        woven = (
            ("separatefields", ""),
            ("select", "not(mod(n\\,4))+not(mod(n-3\\,4))"),
            ("weave", ""),
            ("setfield", "tff"),
        )
        chain += [graph.add(*each) for each in woven]
    graph.link_nodes(*chain, graph.add("buffersink")).configure()
    for number, frame in enumerate(_drawn(graph)):
        if origin.fields:
            frame.pts, frame.time_base, frame.pict_type = number, 1 / origin.rate, 0
        yield frame


def _sound(origin: Origin, pitch: int) -> Iterator[Any]:
    graph = av.filter.Graph()
    seconds = max(0.0, origin.seconds - origin.delay)
    source = graph.add("sine", f"frequency={pitch}:beep_factor=2:sample_rate=48000:duration={seconds}")
    codec: Any = av.Codec(origin.sound_codec, "w")
    form = graph.add("aformat", f"sample_fmts={codec.audio_formats[0].name}:channel_layouts={origin.layout}")
    sink = graph.add("abuffersink")
    source.link_to(form)
    form.link_to(sink)
    graph.configure()
    for frame in _drawn(graph):
        frame.pts += round(origin.delay * 48000)
        yield frame


def _drawn(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return


def _until(container: Any, track: Any, sound: Iterator[Any], second: float) -> None:
    """Writes a track until this second of the film."""
    for frame in sound:
        container.mux(track.encode(frame))
        if frame.time >= second:
            return
