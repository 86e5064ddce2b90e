"""Films and sounds for tests, made by FFmpeg itself (PyAV), small and the same each time."""

from __future__ import annotations

import base64
import io
import math
import random
import struct
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import cycle, islice
from typing import Any

import av
import av.filter

RATE = 25

_X265_REORDERS = 10
"""Pictures. x265 takes the times of a shorter film with B-frames from memory that it has not written: right where the
memory was new, and refused by the muxer where other tests had used it."""


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
    paint: Callable[[int], av.VideoFrame] | None = None,
    touch: Callable[[Any], None] | None = None,
    sound_from: float = 0.0,
    sound_seconds: float | None = None,
    loud: bool = False,
    draw: Callable[[tuple[int, int], str, int, Fraction], av.VideoFrame] | None = None,
    sing: Chirp | None = None,
) -> bytes:
    """A film of grey frames at `times` (in frames of `rate`), with a silent track for each of `sounds` (its tags).

    `picture` may change the video stream before anything is encoded. `chapters` are (second, title). `paint` gives the
    frame of a time, if it should not be grey, and `touch` may change each frame. The sound begins at the second
    `sound_from`, and lasts as long as the film or `sound_seconds`. With `loud` it is a square wave.
    `draw` makes the frames, `numbered` for example; `sing` encodes a track, `Chirp` for example.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=form, options=dict(options or {})) as container:
        container.metadata.update(tags or {})
        if chapters:
            container.set_chapters([_chapter(*each) for each in chapters])
        video: Any = container.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = *size, pixels
        if codec == "libx265" and len(times) < _X265_REORDERS:
            video.codec_context.max_b_frames = 0
        if picture:
            picture(video)
        tracks: list[Any] = [_track(container, sound_codec, sing) for _ in sounds]
        for track, of in zip(tracks, sounds, strict=True):
            track.metadata.update(of)
        for time in times:
            base = Fraction(1) / rate
            frame = paint(time) if paint else (draw or _grey)(size, pixels, time, base)
            frame.pts, frame.time_base = time, base
            if touch:
                touch(frame)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for track in tracks:
            if sing:
                sing(container, track, (times[-1] - times[0] + 1) / float(rate))
            else:
                _silence(container, track, sound_seconds or len(times) / float(rate), sound_from, loud=loud)
    return out.getvalue()


def without_index(data: bytes, form: str, options: Mapping[str, str]) -> bytes:
    """The same packets as a program writes them that can't go back to the beginning: see LIVE and PIECES."""
    out = io.BytesIO()
    source: Any
    container: Any
    with av.open(io.BytesIO(data)) as source, av.open(out, "w", format=form, options=dict(options)) as container:
        tracks = {track.index: container.add_stream_from_template(track) for track in source.streams}
        packets = [packet for packet in source.demux() if packet.size]
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            packet.stream = tracks[packet.stream.index]
            container.mux_one(packet)
    return out.getvalue()


LIVE = {"live": "1", "cluster_time_limit": "1000"}
"""Options for Matroska as browsers record it: without Cues and Duration."""

PIECES = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
"""Options for MP4 in fragments."""


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
    language: str = "",
    sing: Chirp | None = None,
) -> bytes:
    """A silent sound, or what `sing` encodes, maybe with a cover picture (PNG or JPEG)."""
    out = io.BytesIO()
    with av.open(out, "w", format=form) as container:
        container.metadata.update(tags or {})
        track: Any = _track(container, codec, sing)
        track.metadata.update({"language": language} if language else {})
        if cover is not None:
            _cover(container, cover)
        (sing or _silence)(container, track, seconds)
    return out.getvalue()


def _track(container: Any, codec: str, sing: Any) -> Any:
    track = container.add_stream(codec, rate=getattr(sing, "rate", 48000))
    if isinstance(sing, Chirp):
        track.layout, track.format = sing.layout, track.codec_context.codec.audio_formats[0].name
    if codec.startswith("wma"):
        track.bit_rate = 128_000  # it has none of its own
    return track


def flac_picture(png: bytes) -> str:
    """A cover as Ogg has it in a tag: RFC 9639, 8.8, in Base64."""
    kind = b"image/png"
    block = struct.pack(">II", 3, len(kind)) + kind + struct.pack(">I4II", 0, 0, 0, 24, 0, len(png)) + png
    return base64.b64encode(block).decode()


_AMR = {"nb": (b"#!AMR\n", 0x3C, 31), "wb": (b"#!AMR-WB\n", 0x14, 32)}
"""The file's first line, a frame's first byte, and its other bytes (RFC 4867): 12.2 and 12.65 kbit/s."""


def amr(mode: str, seconds: float) -> bytes:
    """Ten frames of any bits, which are a noise, again and again. FFmpeg has no encoder."""
    first, kind, size = _AMR[mode]
    chance = random.Random(2)
    frames = [bytes([kind]) + chance.randbytes(size) for _ in range(10)]
    return first + b"".join(islice(cycle(frames), round(seconds * 50)))


def tone(
    form: str,
    codec: str,
    *,
    seconds: float = 2.0,
    level: float = -23.0,
    wave: str = "",
    waves: Sequence[str] = (),
    layout: str = "stereo",
    rate: int = 48000,
    tags: Mapping[str, str] | None = None,
) -> bytes:
    """A sine of 1 kHz at `level` dBFS on all channels; or `wave`, one of FFmpeg's expressions of the time `t`.

    `waves` has one for each channel.
    """
    out = io.BytesIO()
    channels = av.AudioLayout(layout).nb_channels
    one = wave or f"{10 ** (level / 20)}*sin(2*PI*1000*t)"
    with av.open(out, "w", format=form) as container:
        container.metadata.update(tags or {})
        track: Any = container.add_stream(codec, rate=rate, layout=layout)
        for frame in heard("|".join(waves or [one] * channels), track, layout, rate, seconds):
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return out.getvalue()


def heard(waves: str, track: Any, layout: str, rate: int, seconds: float) -> Iterator[Any]:
    """Frames for the track. `waves` are FFmpeg's expressions of the time `t`, one for each channel, with | between."""
    graph = av.filter.Graph()
    form, samples = track.codec_context.codec.audio_formats[0].name, track.codec_context.frame_size or 1024
    chain = [
        graph.add("aevalsrc", f"exprs='{waves}':c={layout}:s={rate}:d={seconds}"),
        graph.add("aformat", f"sample_fmts={form}"),
        graph.add("asetnsamples", f"n={samples}:p=0"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()
    while True:
        try:
            yield chain[-1].pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _cover(container: Any, image: bytes) -> None:
    is_jpeg = image.startswith(b"\xff\xd8")
    picture = container.add_stream("mjpeg" if is_jpeg else "png")
    picture.width, picture.height, picture.pix_fmt = 8, 8, "yuvj420p" if is_jpeg else "rgb24"
    picture.disposition = av.stream.Disposition.attached_pic
    packet = av.Packet(image)
    packet.stream, packet.pts, packet.dts, packet.is_keyframe = picture, 0, 0, True
    container.mux(packet)


def _chapter(second: int, title: str) -> Any:
    start = second * 1000
    base = Fraction(1, 1000)
    return {"id": second, "start": start, "end": start + 1000, "time_base": base, "metadata": {"title": title}}


def _grey(size: tuple[int, int], pixels: str, time: int, base: Fraction) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pixels)
    for plane in frame.planes:
        plane.update(bytes([(time * 5) % 256]) * plane.buffer_size)
    return frame


QUARTERS = ((220, 30, 30), (30, 200, 30), (30, 30, 220), (230, 230, 30))
"""The colours of `quarters`: top left, top right, bottom left, bottom right."""


def quarters(size: tuple[int, int], colors: Sequence[tuple[int, ...]] = QUARTERS, form: str = "rgb24") -> av.VideoFrame:
    """A frame in four colours. `form` is `rgb24` or `rgba`."""
    width, height = size
    frame = av.VideoFrame(width, height, form)
    plane = frame.planes[0]
    upper, lower = (
        b"".join(bytes(colors[row + (x >= width // 2)]) for x in range(width)).ljust(plane.line_size, b"\0")
        for row in (0, 2)
    )
    plane.update((upper * (height // 2) + lower * (height - height // 2)).ljust(plane.buffer_size, b"\0"))
    return frame


Matrix = tuple[int, int, int, int]
"""Headers of MP4 and QuickTime say where a picture's right side lies (to the right, down), and where its lower one."""

ORIENTATIONS: Mapping[Matrix, tuple[int, bool]] = {
    (1, 0, 0, 1): (0, False),
    (0, 1, -1, 0): (90, False),
    (-1, 0, 0, -1): (180, False),
    (0, -1, 1, 0): (270, False),
    (-1, 0, 0, 1): (0, True),
    (0, -1, -1, 0): (90, True),
    (1, 0, 0, -1): (180, True),
    (0, 1, 1, 0): (270, True),
}
"""All by which a picture stays in its place: the degrees clockwise, and True if it is mirrored before."""


def oriented(data: bytes, matrix: Matrix, *, movie: Matrix = (1, 0, 0, 1)) -> bytes:
    """The MP4 with this matrix in the header of its first track, and another one in that of the `movie`."""
    for kind, offset, (a, b, c, d) in ((b"tkhd", 40, matrix), (b"mvhd", 36, movie)):
        at = data.index(kind) + 4 + offset
        new = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
        data = data[:at] + new + data[at + 36 :]
    return data


def shown_at(matrix: Matrix) -> list[int]:
    """For each quarter of the picture as it is shown, the number of the one that is stored: 0 is upper left, by rows.

    A point goes where the matrix multiplies it to (ISO/IEC 14496-12, 6.2.2).
    """
    a, b, c, d = matrix
    found = [0] * 4
    for number, (x, y) in enumerate(((-1, -1), (1, -1), (-1, 1), (1, 1))):
        right, down = a * x + c * y, b * x + d * y
        found[(right > 0) + 2 * (down > 0)] = number
    return found


def flat(size: tuple[int, int], color: tuple[int, int, int]) -> av.VideoFrame:
    return quarters(size, [color] * 4)


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


class Noise(Chirp):
    """A sound that no codec makes small, and that is made quickly."""

    def __call__(self, container: Any, track: Any, seconds: float) -> None:
        form, count = track.codec_context.codec.audio_formats[0].name, track.codec_context.frame_size or 4800
        noise = random.Random(1)
        for begin in range(0, round(seconds * self.rate), count):
            frame = av.AudioFrame(format=form, layout=self.layout, samples=count)
            for plane in frame.planes:
                plane.update(noise.randbytes(plane.buffer_size))
            frame.rate, frame.pts, frame.time_base = self.rate, begin, Fraction(1, self.rate)
            container.mux(track.encode(frame))
        container.mux(track.encode())


def _silence(container: Any, track: Any, seconds: float, begin: float = 0.0, *, loud: bool = False) -> None:
    layout, form = "stereo", track.codec_context.codec.audio_formats[0].name
    samples = track.codec_context.frame_size or 1024
    for start in range(0, int(seconds * 48000), samples):
        frame = av.AudioFrame(format=form, layout=layout, samples=samples)
        for plane in frame.planes:
            # Floats: 0.5 and -0.5 in turn.
            plane.update(b"\0\0\0\x3f\0\0\0\xbf" * (plane.buffer_size // 8) if loud else bytes(plane.buffer_size))
        frame.rate, frame.pts, frame.time_base = 48000, start + int(begin * 48000), Fraction(1, 48000)
        container.mux(track.encode(frame))
    container.mux(track.encode())
