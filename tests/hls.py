"""A film's stream for tests: its playlists and segments, made as the functions make them, and decoded again."""

from __future__ import annotations

import io
import json
from array import array
from collections.abc import Mapping
from fractions import Fraction
from importlib import import_module
from typing import Any, BinaryIO

import av

from chalicelib.model import FileWarning, Rendition
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Order, Source
from chalicelib.processing.media import hls
from chalicelib.processing.media.hls import plan as plans
from chalicelib.processing.media.hls.plan import Plan
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from tests import apple_rules, films

FACTS: Mapping[str, Any] = {"video": {}, "audio": [{}]}


def here(
    module: str, source: BinaryIO, size: int, arguments: dict[str, Any], limits: Limits
) -> tuple[dict[str, Any], bytes]:
    """`child.run_on` without a child: quick, and its faults can be seen in a debugger."""
    source.seek(0)
    try:
        header, body = import_module(module).main(source, json.loads(json.dumps(arguments)))
    except Exception as error:
        raise ChildDiedError(type(error).__name__) from error
    return json.loads(json.dumps(header)), body


class Stream:
    """What `hls.write` emits of a file, and what `hls.make` makes of it."""

    def __init__(self, data: bytes, content_type: str = "video/mp4") -> None:
        self.source = Source(content_type, len(data), io.BytesIO(data), "a film")
        self.made: dict[str, bytes] = {}
        self.renditions: dict[str, Rendition] = {}
        self.warnings: tuple[FileWarning, ...] = hls.write(
            self.source, FACTS, Order(RECIPES["photo"], 1024**3), self._emit
        )

    def _emit(self, rendition: Rendition, data: bytes) -> None:
        assert rendition.size == len(data)
        self.made[rendition.basename], self.renditions[rendition.basename] = data, rendition

    @property
    def plan(self) -> Plan:
        return plans.loads(self.made["av/plan.json"])

    def get(self, name: str) -> bytes:
        """The bytes at an address, made now unless they were written with the playlists."""
        if name in self.made:
            return self.made[name]
        wanted = media_names.read(name)
        assert wanted, name
        return hls.make(self.source, self.made["av/plan.json"], wanted)[0]

    def playlist(self, rung: str) -> apple_rules.Playlist:
        return apple_rules.playlist(self.get(f"av/{rung}.m3u8").decode())

    def segment(self, rung: str, number: int) -> bytes:
        return self.get(f"av/{rung}-{number}.m4s")

    def joined(self, rung: str) -> bytes:
        """The whole rung as one file."""
        init = self.get(f"av/{rung}-init.mp4")
        return init + b"".join(self.segment(rung, number) for number in range(self.plan.rung(rung).count))

    def alone(self, rung: str, number: int) -> bytes:
        return self.get(f"av/{rung}-init.mp4") + self.segment(rung, number)

    def pictures(self, rung: str) -> list[tuple[Fraction, int]]:
        """(seconds, number) of each numbered frame of the joined rung; the times are those in its bytes.

        FFmpeg would shift them: it takes a picture that is shown before its decoding for a delay of the whole track.
        """
        of = self.plan.rung(rung)
        parts = [apple_rules.timing(self.segment(rung, number)) for number in range(of.count)]
        times = [Fraction(time, of.scale) for part in parts for time in part.shown]
        numbers = [number for _, number in pictures(self.joined(rung))]
        return list(zip(times, numbers, strict=True))


def pictures(data: bytes, form: str = "mp4") -> list[tuple[Fraction, int]]:
    """(seconds, number) of each numbered frame."""
    container: Any
    with av.open(io.BytesIO(data), format=form) as container:
        stream = container.streams.video[0]
        return [(frame.pts * frame.time_base, films.number(frame)) for frame in container.decode(stream)]


def samples(data: bytes, form: str = "mp4", track: int = 0) -> tuple[int, int, array[float]]:
    """(rate, number of the first sample, the samples of the first channel) of a sound track."""
    container: Any
    with av.open(io.BytesIO(data), format=form) as container:
        stream = container.streams.audio[track]
        found: array[float] = array("f")
        first = rate = None
        resampler: Any = None
        for frame in container.decode(stream):
            if first is None:
                rate, first = frame.sample_rate, round(frame.pts * frame.time_base * frame.sample_rate)
                resampler = av.AudioResampler("fltp", frame.layout, rate)
            for each in resampler.resample(frame):
                found.frombytes(bytes(memoryview(each.planes[0]))[: each.samples * 4])
        return rate or 0, first or 0, found


def is_of_stream(rendition: Rendition) -> bool:
    """True for a playlist and the plan."""
    return rendition.name == "hls" or rendition.name.startswith(media_names.FOLDER)
