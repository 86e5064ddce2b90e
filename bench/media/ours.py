"""Our own code on a film: its processing in the function `media`, and parts made by `stream`, with what they took.

S3 is a film in memory that is asked for ranges, which are counted. No AWS call is made, and no request takes time.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol, cast
from unittest.mock import patch

from chalicelib import settings
from chalicelib.facts import AudioInfo, VideoInfo
from chalicelib.model import Rendition
from chalicelib.processing import child, fork_server, kinds
from chalicelib.processing.child import Limits
from chalicelib.processing.kinds import Order, Source
from chalicelib.processing.media import hls
from chalicelib.processing.media.hls import plan as plans
from chalicelib.processing.media.hls import stream
from chalicelib.processing.media.hls.plan import Plan
from chalicelib.processing.media.on_demand import MOST_READ
from chalicelib.renditions import media_names
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage import ranged
from tests.stage import MEDIA_STAGE

MEMORY = 1769 * 1024**2  # of the function `media`

# Seconds that a part may take here: it is measured, also where it would be too late for a viewer.
PATIENCE = 300

_KEY = "a film"


class Stored(Protocol):
    """An object of S3. `size` in bytes."""

    @property
    def size(self) -> int: ...
    def read(self, first: int, length: int) -> bytes: ...


@dataclass
class Spent:
    """The cost of something: seconds by the clock, and of CPU with all children; bytes and requests to S3."""

    wall: float = 0.0
    cpu: float = 0.0
    bytes: int = 0
    requests: int = 0


@contextmanager
def spent(data: ranged.Ranged | None = None) -> Iterator[Spent]:
    found = Spent()
    began, cpu = time.perf_counter(), cpu_seconds()
    yield found
    found.wall, found.cpu = time.perf_counter() - began, cpu_seconds() - cpu
    if data:
        found.bytes, found.requests = data.read_bytes, _requests.get(id(data), 0)


def cpu_seconds() -> float:
    """The CPU time of this process and of all its children that have ended, and of those of the fork server.

    The server itself, which starts once in each instance, is left out.
    """
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    server = fork_server.running()
    return sum(each.ru_utime + each.ru_stime for each in used) + (server.cpu if server else 0)


_requests: dict[int, int] = {}


@dataclass
class Film:
    """A stored film or sound. `made` has what its processing emitted, by name, and `read` the bytes read by then."""

    stored: Stored
    content_type: str = "video/mp4"
    made: dict[str, bytes] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)

    def process(self) -> Spent:
        """As the function `media`: facts, pictures or waveform, plan and playlists."""
        processor = kinds.processor_of(self.content_type)
        self.made, self.read = {}, {}
        with self._opened(processor) as (source, data):

            def emit(rendition: Rendition, body: bytes) -> None:
                self.made[rendition.basename] = body
                self.read[rendition.basename] = data.read_bytes

            with spent(data) as found:
                result = processor.process(source, Order(RECIPES["photo"], MEMORY), emit)
            assert not [each for each in result.warnings if each.code != "measured_in_part"], result.warnings
            assert isinstance(result.info, VideoInfo | AudioInfo), result
            assert "hls.m3u8" in self.made, sorted(self.made)
        return found

    @property
    def plan(self) -> Plan:
        return plans.loads(self.made["av/plan.json"])

    def part(self, name: str) -> tuple[bytes, Spent]:
        """As the function `stream`: one part, in a new run."""
        wanted = media_names.read(name)
        assert wanted
        processor = replace(kinds.processor_of(self.content_type), by_ranges=MOST_READ)
        patient = replace(stream.LIMITS, wall=PATIENCE)
        with self._opened(processor) as (source, data), patch.object(stream, "_PART", patient), spent(data) as found:
            body, _ = hls.make(source, self.made["av/plan.json"], wanted)
        return body, found

    @contextmanager
    def _opened(self, processor: Any) -> Iterator[tuple[Source, ranged.Ranged]]:
        data = ranged.Ranged(_KEY, "1", self.stored.size, processor.by_ranges)

        def read_range(key: str, version: str, first: int, length: int) -> bytes:
            _requests[id(data)] = _requests.get(id(data), 0) + 1
            return self.stored.read(first, length)

        with patch.object(ranged, "read_range", read_range), stage():
            yield Source(self.content_type, self.stored.size, cast(BinaryIO, data), "a film"), data
        _requests.pop(id(data), None)


@contextmanager
def stage() -> Iterator[None]:
    """Settings of a stage with the function `media`."""
    with patch.dict(os.environ, MEDIA_STAGE):
        settings.settings.cache_clear()
        yield
    settings.settings.cache_clear()


@contextmanager
def weighed() -> Iterator[dict[str, int]]:
    """The peak of physical memory of each sort of child while this is open, in bytes, by module."""
    peaks: dict[str, int] = {}
    run_on = child.run_on

    def run(module: str, source: BinaryIO, size: int, arguments: dict[str, Any], limits: Limits) -> Any:
        header, body = run_on("tests.processing.media.weighed", source, size, {**arguments, "module": module}, limits)
        name = f"{module.rpartition('.')[2]} {arguments.get('do', '')}".strip()
        peaks[name] = max(peaks.get(name, 0), header.pop("peak"))
        return header, body

    with patch.object(child, "run_on", run):
        yield peaks


@contextmanager
def written() -> Iterator[list[str]]:
    """The names of files that this process opens for writing while this is open. A child can't: it may have 0 bytes."""
    names: list[str] = []
    on = True

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if on and event == "open" and isinstance(arguments[0], str) and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            names.extend({arguments[0]} - {os.devnull})

    sys.addaudithook(heard)
    yield names
    on = False


@contextmanager
def one_core() -> Iterator[None]:
    """This process and its children have one core."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(all_of_them)})
    yield
    os.sched_setaffinity(0, all_of_them)


def fastest(rounds: int, work: Callable[[], Spent]) -> Spent:
    """The one with the least seconds by the clock: others may use the machine, too."""
    return min((work() for _ in range(rounds)), key=lambda each: each.wall)
