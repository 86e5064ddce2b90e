"""FFmpeg's way (PyAV): decodes a film once, from beginning to end, and encodes all rungs of the ladder on the way.

The encoder and the scaler have the settings of our segments, and key pictures are where our segments begin. Each rung
has its own encoder of one thread, as for us; all rungs share the machine's cores. Sound, the source's own rung and the
rung of single pictures are left out, so this takes a little less than all that we make.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import batched
from typing import Any

import av

from bench.media import ours
from chalicelib.processing.media import tone
from chalicelib.processing.media.hls import boxes, nal, video_segment
from chalicelib.processing.media.hls.picture import encoder
from chalicelib.processing.media.hls.plan import Plan, Rung

# Pictures that are decoded before the rungs encode them: some seconds of work, and 100 MB.
TOGETHER = 30


class Encoded:
    """One rung, as one file."""

    def __init__(self, rung: Rung) -> None:
        settings = rung.settings
        rate = Fraction(*settings["frame_rate"])
        assert not settings["turn"]
        self.rung = rung
        self._convert = tone.Converter((rung.width, rung.height), "yuv420p", scaler=tone.QUICK)
        self._encoder = encoder(rung.width, rung.height, settings["level"], settings["rate"], rate)
        self._packets: list[Any] = []
        self._times: list[int] = []
        self._cuts = set(rung.cuts)

    def add(self, frames: Iterable[tuple[Fraction, Any]]) -> None:
        for seconds, frame in frames:
            at = round(seconds * self.rung.scale)
            picture = self._convert(frame)
            picture.pts, picture.time_base = len(self._times), self._encoder.time_base
            picture.pict_type = av.video.frame.PictureType.I if at in self._cuts else av.video.frame.PictureType.NONE
            self._times.append(at)
            self._packets += self._encoder.encode(picture)

    def file(self, end: int) -> bytes:
        """The rung as one MP4 of fragments, one from each key picture to the next, as our segments have them.

        `end` is when the last picture is no longer shown.
        """
        self._packets += self._encoder.encode(None)
        times = [*self._times, end]
        made = video_segment.init({**vars(self.rung)})
        groups: list[list[Any]] = []
        for packet in self._packets:
            groups += [[]] if packet.is_keyframe else []
            groups[-1].append(packet)
        place = 0
        for number, group in enumerate(groups):
            first, samples = place, []
            for packet in group:
                samples.append(
                    boxes.Sample(
                        data=nal.stored(bytes(packet)),
                        duration=times[place + 1] - times[place],
                        shown=times[packet.pts] - times[place],
                        sync=packet.is_keyframe,
                    )
                )
                place += 1
            made += boxes.segment(number, times[first], samples)
        return made


@dataclass
class OnePass:
    """`files` by rung. `wall` and `cpu` in seconds of decoding and encoding `seconds` of the film."""

    files: dict[str, bytes]
    wall: float
    cpu: float
    seconds: float


def run(film: ours.Film, plan: Plan, seconds: float) -> OnePass:
    """Encodes the first `seconds` of the film, in all encoded rungs of the plan."""
    rungs = [Encoded(rung) for rung in sorted(plan.of("picture"), key=lambda rung: -rung.width * rung.height)]
    whole = film.stored.read(0, film.stored.size)
    began, cpu = time.perf_counter(), ours.cpu_seconds()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as cores:
        for frames in batched(decoded(io.BytesIO(whole), seconds), TOGETHER, strict=False):
            list(cores.map(lambda rung, frames=frames: rung.add(frames), rungs))
        files = list(cores.map(lambda rung: rung.file(round(seconds * rung.rung.scale)), rungs))
    names = [rung.rung.name for rung in rungs]
    wall, used = time.perf_counter() - began, ours.cpu_seconds() - cpu
    return OnePass(dict(zip(names, files, strict=True)), wall, used, seconds)


def decoded(data: io.BytesIO, seconds: float) -> Iterator[tuple[Fraction, Any]]:
    """(seconds, frame) of the film's pictures until then, decoded with all cores."""
    container: Any
    with av.open(data) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            if frame.time >= seconds - 0.001:
                return
            yield Fraction(frame.pts) * frame.time_base, frame
