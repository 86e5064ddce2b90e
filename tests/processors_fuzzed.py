"""Hostile files of every kind that has a processor: small sound files with changes, which are the same in every run.

Each goes through its whole processor, children and pictures included. It must end as ready or as corrupt, within its
time and its record's bounds, and nothing may come out that was not in the file: the seeds point at a file of ours
(`CANARY`) in every way that their formats have, the environment has a secret, and freed memory is full of a mark.
"""

from __future__ import annotations

import io
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from unittest.mock import patch

from PIL import Image

from chalicelib.facts import MAX_BYTES
from chalicelib.model import FileWarning, PermanentFault, Rendition
from chalicelib.processing import child, texts
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.image import cards, drawing
from chalicelib.processing.kinds import Made, Order, Source, processor_of
from chalicelib.processing.media import hls
from chalicelib.processing.media.hls import plan as plans
from chalicelib.processing.words import chosen_words
from chalicelib.renditions.media_names import PLAN, read
from chalicelib.renditions.recipes import RECIPES
from chalicelib.settings import settings
from chalicelib.text import has_controls
from tests import images
from tests.forks import FORBIDDEN, STALE, Forks
from tests.fuzz_seeds import CANARY, SUBJECTS, changed
from tests.fuzzing import Case
from tests.stage import MEDIA_STAGE

SECRET = b"canary-of-another-file"
SHADE = (254, 1, 253)
"""The colour of the canary where a picture is asked for. No seed has it."""

_BOUNDS = frozenset({"MemoryError", "it took too long"})

LIMITS = Limits(memory=768 * 1024**2, seconds=4)
MAX_SECONDS = 2 * LIMITS.seconds + 2.0
"""CPU of one file with its children. A sound one takes 0.03."""

DRAWN = 20  # of so many files, one gets a drawn card
AGAIN = 10  # of so many files, one is processed twice

_ORDER = Order(replace(RECIPES["document"], widths=(16, 320)), 1769 * 1024**2)
_CARD = images.png(40, 30)


@dataclass
class Report:
    """`outcomes` and `deaths` (of children) are counted; `bad` are the cases that must not be."""

    outcomes: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    bad: list[Case] = field(default_factory=list)
    slowest: float = 0.0


@contextmanager
def around(forks: Forks) -> Iterator[_Watch]:
    """Children are forks; cards are drawn seldom; a file, the environment and freed memory have what must not leak."""
    watch = _Watch(forks)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="filemill-fuzz-")))
        (folder / "secret").write_bytes(SECRET + b"\n")
        Image.new("RGB", (64, 64), SHADE).save(folder / "secret.png")
        watch.path = str(folder / "secret")
        for module, name in ((drawing, "page_of_text"), (cards, "page"), (cards, "grid")):
            real = getattr(module, name)
            stack.enter_context(patch.object(module, name, partial(_seldom, real, watch)))
        stack.enter_context(patch.object(child, "run", watch.run))
        stack.enter_context(patch.object(child, "run_on", watch.run_on))
        stack.enter_context(patch.dict(os.environ, MEDIA_STAGE))
        settings.cache_clear()
        stack.callback(settings.cache_clear)
        stack.enter_context(patch.dict(os.environ, {"AWS_SECRET_ACCESS_KEY": SECRET.decode()}))
        yield watch


def _seldom(real: Callable[..., bytes | None], watch: _Watch, *arguments: Any, **more: Any) -> bytes | None:
    return real(*arguments, **more) if watch.drawn else _CARD


class _Watch:
    """Stands between processors and their children, and notes what children do."""

    def __init__(self, forks: Forks) -> None:
        self.forks, self.path, self.drawn = forks, "", False
        self.problem, self.deaths = "", Counter[str]()
        self.refusals = frozenset[str]()

    def begin(self, *, drawn: bool, refusals: frozenset[str]) -> None:
        self.problem, self.drawn, self.refusals = "", drawn, refusals

    def run_on(
        self, module: str, source: BinaryIO, size: int, arguments: dict[str, Any], limits: Limits
    ) -> tuple[dict[str, Any], bytes]:
        source.seek(0)
        return self.run(module, source.read(), arguments, limits, by_ranges=True)

    def run(
        self, module: str, data: bytes, arguments: dict[str, Any], limits: Limits, *, by_ranges: bool = False
    ) -> tuple[dict[str, Any], bytes]:
        tight = Limits(min(limits.memory, LIMITS.memory), min(limits.seconds, LIMITS.seconds))
        try:
            header, body = self.forks.run(module, data, arguments, tight, by_ranges=by_ranges)
        except ChildDiedError as died:
            self.deaths[str(died)] += 1
            if str(died) == f"it ended with {FORBIDDEN}":
                self.problem = "the child did what no child may"
            elif not str(died).startswith("it ended with -") and str(died) not in self.refusals | _BOUNDS:
                self.problem = f"the child raised {died}"
            raise
        if _leaks(body) or _leaks(json.dumps(header).encode()):
            self.problem = "bytes of another file came out of the child"
        elif body.startswith((b"\x89PNG", b"BM")) and _has_shade(body):
            self.problem = "a picture of the machine was drawn"
        return header, body


def _leaks(data: bytes) -> bool:
    return any(mark in data for mark in (SECRET, STALE, b"root:x:0:"))


def _has_shade(picture: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            pixels = image.convert("RGB").tobytes()
    except (OSError, SyntaxError, ValueError):  # a damaged cover, which is passed on as it is
        return False
    at = pixels.find(bytes(SHADE))
    while at >= 0 and at % 3:  # the end of one pixel and the beginning of the next
        at = pixels.find(bytes(SHADE), at + 1)
    return at >= 0


def tried(watch: _Watch, content_type: str, data: bytes, *, again: bool) -> str:
    """Processes a file. Returns `ready`, the code of its first warning or fault, or what must not happen after `!`."""
    try:
        first = _made(content_type, data)
        second = _made(content_type, data) if again and not watch.problem else first
    except PermanentFault as fault:
        found = str(fault.code)
        return f"!{watch.problem}" if watch.problem else found if found == "corrupt" else f"!{found}"
    except Exception as error:
        return f"!{type(error).__name__}: {error}"
    problem = watch.problem or _problem(*first) or ("" if first == second else "another result at the second time")
    if problem:
        return f"!{problem}"
    return first[0].warnings[0].code if first[0].warnings else "ready"


def _made(content_type: str, data: bytes) -> tuple[Made, dict[str, bytes]]:
    emitted: dict[str, bytes] = {}

    def emit(rendition: Rendition, body: bytes) -> None:
        assert rendition.size == len(body)
        emitted[rendition.basename] = body

    source = Source(content_type, len(data), io.BytesIO(data), "a")
    made = processor_of(content_type).process(source, _ORDER, emit)
    if PLAN in emitted:
        emitted |= _parts(source, emitted[PLAN])
    if made.text:
        emit(*texts.rendition(made.text))
    chosen_words(made.headings, made.text, 40)
    return made, emitted


def _parts(source: Source, plan: bytes) -> dict[str, bytes]:
    """Of each rung the init segment, and the first and the last segment. What can't be made is refused."""
    found = {}
    for rung in plans.loads(plan).rungs:
        for name in (f"{rung.name}-init.mp4", *(f"{rung.name}-{number}.m4s" for number in {0, rung.count - 1})):
            part = read(name)
            assert part
            with suppress(PermanentFault):
                found[name], _ = hls.make(source, plan, part)
    return found


def _problem(made: Made, emitted: dict[str, bytes]) -> str:
    """Anything in the findings that no record may have, and bytes that were not in the file."""
    facts = made.info.model_dump_json().encode() if made.info else b"{}"
    if len(facts) > MAX_BYTES:
        return "too many facts"
    if any(has_controls(text) for text in [*_strings(json.loads(facts)), *made.headings]):
        return "a text that no record may have"
    if not all(isinstance(warning, FileWarning) and warning.message.endswith(".") for warning in made.warnings):
        return "a warning that is no sentence"
    if any(map(_leaks, [facts, made.text.encode("utf-8", "replace"), *emitted.values()])):
        return "bytes of another file came out"
    return ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each)


def fuzz(forks: Forks, kind: str, seed: int, count: int | None = None, seconds: float = 0) -> Report:
    """Tries `count` changed files of a kind, or as many as `seconds` allow."""
    subject, generator, report = SUBJECTS[kind], random.Random(seed), Report()
    until, tries = time.monotonic() + seconds, 0
    with around(forks) as watch:
        sound = subject.seeds(watch.path)
        words = [word.replace(CANARY.encode(), watch.path.encode()) for word in subject.words]
        names = sorted(sound)
        while tries < count if count is not None else time.monotonic() < until:
            name = names[tries % len(names)]
            content_type, data = sound[name]
            other = sound[generator.choice(names)][1]
            if subject.inside and generator.random() < 0.7:
                data = subject.inside(data, generator, words)
            else:
                data = changed(data, generator, other, words)
            tries += 1
            watch.begin(drawn=tries % DRAWN == 0, refusals=subject.refusals)
            begun = time.process_time() + forks.cpu
            outcome = tried(watch, content_type, data, again=tries % AGAIN == 0)
            took = time.process_time() + forks.cpu - begun
            report.slowest = max(report.slowest, took)
            if took > MAX_SECONDS:
                outcome = f"!took {took:.1f} s"
            report.outcomes[outcome] += 1
            if outcome.startswith("!"):
                report.bad.append(Case(name, data, outcome, took))
        report.deaths = watch.deaths
    return report


CHILDREN = (
    "chalicelib.processing.pdf_child",
    "chalicelib.processing.office.child",
    "chalicelib.processing.office.sheets",
    "chalicelib.processing.email_child",
    "chalicelib.processing.image.specimen_child",
    "chalicelib.processing.svg_child",
    "chalicelib.processing.media.ffmpeg_child",
    "chalicelib.processing.media.pictures_child",
    "chalicelib.processing.media.sound_child",
    "chalicelib.processing.media.hls.child",
)
