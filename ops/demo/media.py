"""The film and the tune of the demo, encoded by FFmpeg (PyAV)."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

SIZE = (1280, 720)
RATE = 25  # pictures a second
SECONDS = 4  # of each photograph in the film
SAMPLES = 44_100  # of sound a second

# Four bars, by MIDI numbers: a chord, and the tune over it.
BARS = (
    ((57, 60, 64), (76, 72, 69, 72)),
    ((53, 57, 60), (77, 72, 69, 65)),
    ((48, 55, 64), (76, 72, 67, 64)),
    ((55, 59, 62), (74, 71, 67, 71)),
)


def tune(seconds: float) -> Iterator[float]:
    """Samples of a small tune between -1 and 1, which fades out at the end."""
    beat = 0.5
    for number in range(round(seconds * SAMPLES)):
        time = number / SAMPLES
        chord, melody = BARS[int(time / (4 * beat)) % len(BARS)]
        since = time % beat
        note = melody[int(time / beat) % 4]
        value = 0.35 * _tone(note, time) * math.exp(-4 * since)
        value += sum(0.1 * _tone(each, time) for each in chord) * math.exp(-0.6 * (time % (4 * beat)))
        yield value * min(1.0, (seconds - time) / 1.5)


def _tone(note: int, time: float) -> float:
    angle = 2 * math.pi * 440 * 2 ** ((note - 69) / 12) * time
    return math.sin(angle) + 0.3 * math.sin(2 * angle) + 0.1 * math.sin(3 * angle)


def sound(
    out: av.container.OutputContainer, codec: str, seconds: float
) -> Iterator[tuple[float, list[av.Packet[Any]]]]:
    """Encodes the tune into a new stream: the time, and the packets, of every frame."""
    stream = out.add_stream(codec, rate=SAMPLES, layout="mono")
    assert isinstance(stream, av.AudioStream)
    size = 1152 if codec == "libmp3lame" else 1024
    played = tune(seconds)

    def packets() -> Iterator[tuple[float, list[av.Packet[Any]]]]:
        for number in itertools.count():
            part = array("f", itertools.islice(played, size))
            if not part:
                yield seconds, stream.encode(None)
                return
            frame = av.AudioFrame(format="fltp", layout="mono", samples=len(part))
            frame.planes[0].update(part.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.pts, frame.time_base = SAMPLES, number * size, Fraction(1, SAMPLES)
            yield number * size / SAMPLES, stream.encode(frame)

    return packets()


def music(path: Path, cover: Path) -> None:
    """An MP3 of half a minute, with title, artist, album and a cover."""
    with av.open(str(path), "w", format="mp3") as out:
        out.metadata.update({"title": "Four bars", "artist": "Filemill demo", "album": "Samples", "date": "2026"})
        packets = sound(out, "libmp3lame", 32)
        with av.open(str(cover)) as source:
            stream = out.add_stream_from_template(source.streams.video[0])
            stream.disposition = av.stream.Disposition.attached_pic
            packet = next(each for each in source.demux() if each.size)
            packet.stream = stream
            out.mux(packet)
        for _, encoded in packets:
            out.mux(encoded)


def film(path: Path, photographs: list[Path]) -> None:
    """An MP4 that moves slowly over each photograph, with the tune."""
    seconds = SECONDS * len(photographs)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        out.metadata.update({"title": "From the pad to the galaxies", "artist": "Filemill demo"})
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "24"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        heard = sound(out, "aac", seconds)
        ahead: tuple[float, list[av.Packet[Any]]] = next(heard)
        for number, picture in enumerate(_pictures(photographs)):
            while ahead[0] <= number / RATE < seconds:
                out.mux(ahead[1])
                if (following := next(heard, None)) is None:
                    break
                ahead = following
            frame: av.VideoFrame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        out.mux(ahead[1])
        for _, encoded in heard:
            out.mux(encoded)


def _pictures(photographs: list[Path]) -> Iterator[Image.Image]:
    """Each photograph, seen through a frame of 16:9 that shrinks slowly towards its middle."""
    for path in photographs:
        with Image.open(path) as opened:
            whole = opened.convert("RGB")
        width = min(whole.width, whole.height * SIZE[0] / SIZE[1])
        for number in range(RATE * SECONDS):
            wide = width * (1 - 0.25 * number / (RATE * SECONDS))
            high = wide * SIZE[1] / SIZE[0]
            left, top = (whole.width - wide) / 2, (whole.height - high) / 2
            yield whole.resize(SIZE, Image.Resampling.BICUBIC, (left, top, left + wide, top + high))
