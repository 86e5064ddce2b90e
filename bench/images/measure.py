"""Rounds of jobs, by turns: every engine does one photo on one core, then on two, then comes the next photo.

A ratio is taken within a round, whose jobs ran in the same minute. The report has the median over all rounds.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.images.tools import HOME, PYTHON, ROOT

CORES = (1, 2)
SHARP = str(ROOT / "bench" / "images" / "engines" / "sharp.mjs")
ENGINES: dict[str, list[str]] = {
    "filemill": [sys.executable, "-m", "bench.images.engines.filemill"],
    "sharp_usual": ["node", SHARP, "usual"],
    "sharp_best": ["node", SHARP, "best"],
    "thumbor": [str(PYTHON), "-m", "bench.images.engines.thumbor_pil"],
    "naive_pillow": [sys.executable, "-m", "bench.images.engines.naive_pillow"],
}
Rendition = dict[str, Any]


@dataclass
class Samples:
    """One engine's jobs with one photo: seconds of CPU and wall time, and bytes of memory at the peak."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak: list[int] = field(default_factory=list)


class Worker:
    """An engine in a process of its own, on a number of this machine's cores."""

    def __init__(self, engine: str, cores: int) -> None:
        command = ENGINES[engine] + ([str(cores)] if engine == "sharp_best" else [])
        environment = {**os.environ, "SHARP": str(HOME / "node_modules" / "sharp"), "PYTHONPATH": str(ROOT)}
        with _pinned(cores):
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
            )

    def job(self, photo: Path, renditions: list[Rendition], keep: Path | None = None) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        job = {"photo": str(photo), "renditions": renditions, "keep": str(keep) if keep else None}
        self._forget_peak()
        print(json.dumps(job), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args!r} ended at {photo.name}: see above.")
        answer: dict[str, Any] = json.loads(line)
        return answer | {"peak": self._peak()}

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def _forget_peak(self) -> None:
        """Resets Linux's peak to the memory that is resident now (proc_pid_clear_refs(5))."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def _peak(self) -> int:
        """Peak resident memory, bytes. getrusage would not do: a child inherits its figure from its parent."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise SystemExit(f"{self.process.args!r} has ended.")


def make_all(photos: list[Path], folder: Path) -> tuple[dict[str, list[Rendition]], dict[str, dict[str, int]]]:
    """Makes every rendition by every engine, each job in a new process on two cores: FOLDER/PHOTO/ENGINE/WIDTH.FORMAT.

    Returns the job of each photo (what Filemill's recipe made of it), and the processes' peak resident memory, bytes,
    by photo and engine.
    """
    jobs: dict[str, list[Rendition]] = {}
    peaks: dict[str, dict[str, int]] = {}
    for photo in photos:
        for engine in ENGINES:  # Filemill is the first
            keep = folder / photo.name / engine
            keep.mkdir(parents=True)
            worker = Worker(engine, 2)
            peaks.setdefault(photo.name, {})[engine] = worker.job(photo, jobs.get(photo.name, []), keep)["peak"]
            worker.close()
            if engine == "filemill":
                jobs[photo.name] = _job(keep)
    return jobs, peaks


def _job(made: Path) -> list[Rendition]:
    """The job for the other engines: the sizes and formats that Filemill made, and the recipe's settings."""
    from PIL import Image  # neither is in the bench's venv, which imports this module for ENGINES

    from bench.images.job import RECIPE

    encodings = {encoding.format: encoding for encoding in RECIPE.encodings}
    job: list[Rendition] = []
    for path in sorted(made.iterdir(), key=lambda path: int(path.stem), reverse=True):
        encoding = encodings[path.suffix[1:]]
        with Image.open(path) as image:
            size = {"width": image.width, "height": image.height}
        job.append(size | {"format": encoding.format, "quality": encoding.quality, "effort": encoding.effort})
    return job


def rounds(
    photos: list[Path], jobs: dict[str, list[Rendition]], count: int
) -> dict[tuple[str, int], dict[str, Samples]]:
    """By photo's name and number of cores: each engine's samples, one a round, in the order of the rounds."""
    workers = {(engine, cores): Worker(engine, cores) for cores in CORES for engine in ENGINES}
    smallest = min(photos, key=lambda photo: photo.stat().st_size)
    for worker in workers.values():
        worker.job(smallest, jobs[smallest.name])
    samples = {(photo.name, cores): {engine: Samples() for engine in ENGINES} for photo in photos for cores in CORES}
    order = random.Random(1)
    for number in range(count):
        print(f"bench: round {number + 1} of {count}", file=sys.stderr)
        for photo in photos:
            for cores in CORES:
                for engine in order.sample(list(ENGINES), len(ENGINES)):
                    figures = workers[engine, cores].job(photo, jobs[photo.name])
                    kept = samples[photo.name, cores][engine]
                    kept.cpu.append(figures["cpu"])
                    kept.wall.append(figures["wall"])
                    kept.peak.append(figures["peak"])
    for worker in workers.values():
        worker.close()
    return samples


@contextmanager
def _pinned(cores: int) -> Iterator[None]:
    """Programs that are started within run on the first `cores` of this process's cores."""
    all_cores = os.sched_getaffinity(0)
    if len(all_cores) < cores:
        raise SystemExit(f"The image bench needs {cores} cores; this machine gives it {len(all_cores)}.")
    os.sched_setaffinity(0, sorted(all_cores)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_cores)
