"""Runs in a child with bounds: a short film as one MP4 (H.264 and AAC), upright, in the colours of ordinary screens."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any, BinaryIO

import av

from chalicelib.processing.media import fields, tone, writing
from chalicelib.processing.media.ffmpeg_child import film_of, opened, sound_of

# x264's settings. The number of threads is part of what it makes, so it is fixed.
_CRF, _THREADS = "23", 2
# Seconds from one key picture to the next, at most.
_KEYS = 2
_SCALE = 90_000  # ticks a second

SOUND_RATE = 48_000
MOST_CHANNELS = 8
SOUND_BITS = 128_000


class NotCopiedError(Exception):
    """The film's own picture can't be used as it is."""


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """(nothing, the MP4).

    `arguments` has those of `ffmpeg_child`, `width`, `height`, `rotation` (degrees clockwise), `mirrored`,
    `interlaced`, the highest `bit_rate` (bit/s) and `frame_rate`, x264's `preset`, and `copy`: True if the picture may
    be copied, if it has at most `copied_bit_rate`.

    Raises ValueError for a film that has no picture that can be decoded.
    """
    av.logging.set_level(av.logging.PANIC)
    if arguments["copy"]:
        try:
            with opened(data, arguments) as container:
                return {}, _made(container, arguments, copy=True)
        except NotCopiedError:
            data.seek(0)
    with opened(data, arguments) as container:
        return {}, _made(container, arguments, copy=False)


def _made(container: Any, arguments: dict[str, Any], *, copy: bool) -> bytes:
    video, sound = film_of(container), sound_of(container)
    if video is None:
        raise ValueError("there is no picture")
    zero = writing.zero_of(container)
    out = io.BytesIO()
    with writing.mp4(out) as made:
        picture = Copied(made, video, zero, arguments) if copy else Encoded(made, video, zero, arguments)
        # FFmpeg has no mix of more channels than 7.1 has. Such a clip is silent.
        heard = _Heard(made, sound, zero) if sound and 0 < sound.codec_context.channels <= MOST_CHANNELS else None
        for packet in writing.packets(container, *(each for each in (video, sound) if each is not None)):
            if packet.stream is video:
                picture.add(packet)
            elif heard:
                heard.add(packet)
        picture.end()
        if heard:
            heard.end()
    return out.getvalue()


class Copied:
    """The film's own packets."""

    def __init__(self, out: Any, video: Any, zero: Fraction, arguments: dict[str, Any]) -> None:
        own = video.codec_context
        if own.pix_fmt not in ("yuv420p", "yuvj420p") or (video.sample_aspect_ratio or 1) != 1 or not own.extradata:
            raise NotCopiedError
        self._put = writing.copier(out, video, zero)
        self._base, self._most = video.time_base, arguments["copied_bit_rate"]
        self._size, self._first, self._last = 0, None, 0

    def add(self, packet: Any) -> None:
        if not packet.size:
            return
        if packet.pts is None or packet.dts is None or (self._first is None and not packet.is_keyframe):
            raise NotCopiedError
        self._first = packet.dts if self._first is None else self._first
        self._last, self._size = packet.dts + (packet.duration or 0), self._size + packet.size
        self._put(packet)

    def end(self) -> None:
        """Raises NotCopiedError for a film with more bits than a clip may have."""
        if self._first is None or self._size * 8 > self._most * max(1, (self._last - self._first) * self._base):
            raise NotCopiedError


class Encoded:
    """The film's pictures, each at its own time."""

    def __init__(self, out: Any, video: Any, zero: Fraction, arguments: dict[str, Any]) -> None:
        self._out, self._zero = out, zero
        video.codec_context.thread_count, video.thread_type = _THREADS, "AUTO"
        rate = min(arguments["frame_rate"], float(video.average_rate or arguments["frame_rate"]))
        self._least = round(_SCALE / arguments["frame_rate"] * 0.9)
        size = arguments["width"], arguments["height"]
        turn = {"turn": arguments["rotation"], "mirrored": arguments["mirrored"]}
        self._converted = tone.Converter(size, "yuv420p", scaler=tone.QUICK, **turn)
        self._fields = fields.Deinterlacer[int]() if arguments["interlaced"] else None
        self._track = _track(out, arguments, max(1, round(rate)))
        self._last: int | None = None

    def add(self, packet: Any) -> None:
        for frame in writing.decoded(packet):
            time = frame.pts if frame.pts is not None else frame.dts
            if time is None:
                continue
            ticks = round((time * frame.time_base - self._zero) * _SCALE)
            for each in self._fields.add(ticks, frame) if self._fields else ((ticks, frame),):
                self._put(*each)

    def _put(self, ticks: int, frame: Any) -> None:
        # Pictures before the film's first moment, times that jump back, and more than the clip's rate.
        if ticks < 0 or (self._last is not None and ticks < self._last + self._least):
            return
        self._last = ticks
        picture = self._converted(frame)
        picture.pts, picture.time_base, picture.pict_type = ticks, Fraction(1, _SCALE), 0
        self._out.mux(self._track.encode(picture))

    def end(self) -> None:
        for each in self._fields.end() if self._fields else ():
            self._put(*each)
        if self._last is None:
            raise ValueError("no picture can be decoded")
        self._out.mux(self._track.encode(None))


def _track(out: Any, arguments: dict[str, Any], rate: int) -> Any:
    kbits = arguments["bit_rate"] // 1000
    track = out.add_stream("libx264", rate=rate)
    track.width, track.height, track.pix_fmt = arguments["width"], arguments["height"], "yuv420p"
    own = track.codec_context
    own.time_base = Fraction(1, _SCALE)
    own.color_range, own.colorspace, own.color_primaries, own.color_trc = 1, tone.BT709, tone.BT709, tone.BT709
    track.options = {
        "preset": arguments["preset"],
        "profile": "high",
        "crf": _CRF,
        "g": str(_KEYS * rate),
        "threads": str(_THREADS),
        "maxrate": f"{kbits}k",
        "bufsize": f"{2 * kbits}k",
    }
    return track


class _Heard:
    """The sound: AAC in one or two channels as it is, else encoded."""

    def __init__(self, out: Any, track: Any, zero: Fraction) -> None:
        own = track.codec_context
        own.thread_count = 1
        self._zero = zero
        self._put, self._sound = None, None
        if own.name == "aac" and own.extradata and own.channels <= 2:
            self._put = writing.copier(out, track, zero)
        else:
            self._sound = writing.Sound(out, "aac", own.channels, SOUND_RATE, SOUND_BITS)

    def add(self, packet: Any) -> None:
        if self._put:
            self._put(packet)
        elif self._sound:
            for frame in writing.decoded(packet):
                self._sound.add(frame, self._zero)

    def end(self) -> None:
        if self._sound:
            self._sound.end()
