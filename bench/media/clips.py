"""Short clips, made by FFmpeg's own sources and encoders: a moving test picture with noise, as costly as a real one."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.filter

# With this rate, frames of AAC (1024 samples) end where whole seconds do, every 4 seconds.
SAMPLES = 32_000


@dataclass(frozen=True)
class Clip:
    """How a clip is made. `rate` in pictures a second, `bits` in bit/s (0: the encoder's own choice).

    `size` is None for a sound. A clip can be repeated without a gap if `seconds` is a multiple of 4.
    """

    size: tuple[int, int] | None
    seconds: int
    codec: str = "libx264"
    tag: str = "avc1"
    bits: int = 0
    rate: int = 30
    noise: int = 8
    options: Mapping[str, str] = field(default_factory=dict)
    has_sound: bool = True


# A key picture each second, as phones write it.
PHONE = Clip(
    (1920, 1080),
    12,
    bits=12_000_000,
    options={
        "preset": "ultrafast",
        "x264-params": "keyint=30:min-keyint=30:scenecut=0:vbv-maxrate=15000:vbv-bufsize=15000",
    },
)
HEVC_2160 = Clip(
    (3840, 2160),
    1,
    codec="libx265",
    tag="hvc1",
    options={"preset": "ultrafast", "crf": "30", "x265-params": "log-level=none:bframes=0:keyint=30:scenecut=0"},
    has_sound=False,
)
SOUND = Clip(None, 8)


def made(clip: Clip) -> bytes:
    """The clip as an MP4."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video: Any = _picture_track(container, clip) if clip.size else None
        sound: Any = container.add_stream("aac", rate=SAMPLES, layout="stereo") if clip.has_sound else None
        for frame in _pictures(clip) if clip.size else ():
            frame.pict_type = 0  # FFmpeg's source says of each picture that it is a key, and encoders obey
            container.mux(video.encode(frame))
        if video:
            container.mux(video.encode())
        # One frame more comes of the encoder's delay. It would be a gap where a clip is repeated.
        left = clip.seconds * SAMPLES // 1024
        for packet in _heard(clip, sound) if sound else ():
            if left > 0:
                container.mux(packet)
            left -= 1
    return out.getvalue()


def _picture_track(container: Any, clip: Clip) -> Any:
    assert clip.size
    video = container.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
    video.width, video.height, video.pix_fmt = *clip.size, "yuv420p"
    if clip.bits:
        video.bit_rate = clip.bits
    video.codec_context.codec_tag = clip.tag
    video.codec_context.time_base = Fraction(1, clip.rate)
    return video


def _pictures(clip: Clip) -> Iterator[Any]:
    assert clip.size
    width, height = clip.size
    source = ("testsrc2", f"size={width}x{height}:rate={clip.rate}:duration={clip.seconds}")
    yield from _drawn(source, ("noise", f"alls={clip.noise}:allf=t"), ("format", "yuv420p"), ("buffersink", ""))


def _heard(clip: Clip, track: Any) -> Iterator[Any]:
    wave = "0.3*sin(2*PI*(200+20*t)*t)+0.2*sin(2*PI*1500*t)+0.05*random(0)"
    source = ("aevalsrc", f"exprs='{wave}|{wave}':c=stereo:s={SAMPLES}:d={clip.seconds}")
    chain = (("aformat", "sample_fmts=fltp"), ("asetnsamples", "n=1024:p=0"), ("abuffersink", ""))
    for frame in _drawn(source, *chain):
        yield from track.encode(frame)
    yield from track.encode()


def _drawn(*filters: tuple[str, str]) -> Iterator[Any]:
    graph = av.filter.Graph()
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(*nodes).configure()
    while True:
        try:
            yield nodes[-1].pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return
