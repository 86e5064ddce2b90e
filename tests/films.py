"""Films and sounds for tests, made by FFmpeg itself (PyAV), small and the same each time."""

from __future__ import annotations

import io
import math
import struct
from array import array
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import av

RATE = 25


def film(
    form: str = "mp4",
    *,
    size: tuple[int, int] = (64, 48),
    times: Sequence[int] = tuple(range(50)),
    rate: Fraction | int = RATE,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sounds: Sequence[Mapping[str, str]] = ({},),
    sound_codec: str = "aac",
    tags: Mapping[str, str] | None = None,
    options: Mapping[str, str] | None = None,
    picture: Callable[[Any], None] | None = None,
    chapters: Sequence[tuple[int, str]] = (),
    draw: Callable[[tuple[int, int], str, int, Fraction], av.VideoFrame] | None = None,
    sing: Chirp | None = None,
) -> bytes:
    """A film of grey frames at `times` (in frames of `rate`), with a silent track for each of `sounds` (its tags).

    `picture` may change the video stream before anything is encoded. `chapters` are (second, title). `draw` makes the
    frames, `numbered` for example; `sing` encodes a track, `Chirp` for example.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=dict(options or {})) as container:
        container.metadata.update(tags or {})
        if chapters:
            container.set_chapters([_chapter(*each) for each in chapters])
        video: Any = container.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = *size, pixels
        if picture:
            picture(video)
        tracks: list[Any] = [_track(container, sound_codec, sing) for _ in sounds]
        for track, of in zip(tracks, sounds, strict=True):
            track.metadata.update(of)
        for time in times:
            container.mux(video.encode((draw or _frame)(size, pixels, time, Fraction(1) / rate)))
        container.mux(video.encode())
        for track in tracks:
            (sing or _silence)(container, track, (times[-1] - times[0] + 1) / float(rate))
    return out.getvalue()


@cache
def small() -> bytes:
    """Two seconds of H.264 and AAC."""
    return film(tags={"title": "A day at the sea"})


def sound(
    form: str,
    codec: str,
    *,
    seconds: float = 1.0,
    tags: Mapping[str, str] | None = None,
    cover: bytes | None = None,
    sing: Chirp | None = None,
) -> bytes:
    """A silent sound, or what `sing` encodes, maybe with a cover picture (PNG)."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        container.metadata.update(tags or {})
        track: Any = _track(container, codec, sing)
        if cover is not None:
            _cover(container, cover)
        (sing or _silence)(container, track, seconds)
    return out.getvalue()


def _track(container: Any, codec: str, sing: Any) -> Any:
    track = container.add_stream(codec, rate=getattr(sing, "rate", 48000))
    if isinstance(sing, Chirp):
        track.layout, track.format = sing.layout, track.codec_context.codec.audio_formats[0].name
    return track


def _cover(container: Any, png: bytes) -> None:
    picture = container.add_stream("png")
    picture.width, picture.height, picture.pix_fmt = 8, 8, "rgb24"
    picture.disposition = av.stream.Disposition.attached_pic
    packet = av.Packet(png)
    packet.stream, packet.pts, packet.dts, packet.is_keyframe = picture, 0, 0, True
    container.mux(packet)


def _chapter(second: int, title: str) -> Any:
    start = second * 1000
    base = Fraction(1, 1000)
    return {"id": second, "start": start, "end": start + 1000, "time_base": base, "metadata": {"title": title}}


def _frame(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pixels)
    for plane in frame.planes:
        plane.update(bytes([(time * 5) % 256]) * plane.buffer_size)
    frame.pts, frame.time_base = time, base
    return frame


def faststart(data: bytes) -> bytes:
    """The same MP4 with its index at the beginning."""
    mdat, moov = data.index(b"mdat") - 4, data.rindex(b"moov") - 4
    size = len(data) - moov
    index = bytearray(data[moov:])
    place = 0
    while (place := index.find(b"stco", place) + 4) > 3:
        (count,) = struct.unpack_from(">I", index, place + 4)
        for each in range(place + 8, place + 8 + 4 * count, 4):
            struct.pack_into(">I", index, each, struct.unpack_from(">I", index, each)[0] + size)
    return data[:mdat] + bytes(index) + data[mdat:moov]


BITS = 12
"""A numbered frame shows its time as so many bits: bright and dark stripes from left to right."""


def numbered(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    """A frame from which `number` reads its time, in whatever size it comes back. Its width is 96 or more."""
    frame = av.VideoFrame(*size, pixels)
    deep = "10" in pixels
    for place, plane in enumerate(frame.planes):
        stripe = -(-plane.width // BITS)
        levels = [(60 if time >> bit & 1 == 0 else 190) if place == 0 else 128 for bit in range(BITS)]
        if deep:
            row = b"".join((level * 4).to_bytes(2, "little") * stripe for level in levels)[: plane.width * 2]
        else:
            row = b"".join(bytes([level]) * stripe for level in levels)[: plane.width]
        plane.update((row + bytes(plane.line_size - len(row))) * plane.height)
    frame.pts, frame.time_base = time, base
    return frame


def number(frame: av.VideoFrame) -> int:
    """The time of a numbered frame."""
    luma = frame.reformat(format="gray").planes[0]
    row = bytes(memoryview(luma))[(luma.height // 2) * luma.line_size :]
    stripe = -(-luma.width // BITS)
    return sum((row[bit * stripe + stripe // 2] > 125) << bit for bit in range(BITS))


class Chirp:
    """A sound that never repeats: a tone that rises from 200 Hz by 300 Hz each second, and another one that falls.

    `start` and `seconds` say when it begins and how long it lasts; None: as long as the film.
    """

    def __init__(
        self, rate: int = 48000, layout: str = "stereo", start: float = 0, seconds: float | None = None
    ) -> None:
        self.rate, self.layout, self.start, self.seconds = rate, layout, start, seconds

    @staticmethod
    def level(second: float) -> float:
        falling = math.sin(2 * math.pi * (3000 * second - 40 * second * second))
        return 0.4 * math.sin(2 * math.pi * (200 * second + 150 * second * second)) + 0.2 * falling

    def __call__(self, container: Any, track: Any, seconds: float) -> None:
        form = track.codec_context.codec.audio_formats[0].name
        first, count = round(self.start * self.rate), round((self.seconds or seconds - self.start) * self.rate)
        resampler = av.AudioResampler(form, self.layout, self.rate, frame_size=track.codec_context.frame_size or 1024)
        for begin in range(first, first + count, 1024):
            levels = array("f", (self.level(n / self.rate) for n in range(begin, min(begin + 1024, first + count))))
            frame = av.AudioFrame(format="fltp", layout=self.layout, samples=len(levels))
            for plane in frame.planes:
                plane.update(levels.tobytes() + bytes(plane.buffer_size - len(levels) * 4))
            frame.rate, frame.pts, frame.time_base = self.rate, begin, Fraction(1, self.rate)
            for each in resampler.resample(frame):
                container.mux(track.encode(each))
        for each in resampler.resample(None):
            container.mux(track.encode(each))
        container.mux(track.encode())


def _silence(container: Any, track: Any, seconds: float) -> None:
    layout, form = "stereo", track.codec_context.codec.audio_formats[0].name
    samples = track.codec_context.frame_size or 1024
    for start in range(0, int(seconds * 48000), samples):
        frame = av.AudioFrame(format=form, layout=layout, samples=samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(track.encode(frame))
    container.mux(track.encode())
