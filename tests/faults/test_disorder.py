"""Steps in random order, with random faults: every promise must hold all the same.

A program is a list of steps on two files. Hypothesis makes programs up, and makes one smaller that finds a fault. Each
step is a process of its own, and something may happen to it: it is killed, AWS answers that it is busy or broken, its
clock is wrong, or another process runs in the middle of it, after a pause in which its lease may end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from chalicelib import keyring
from chalicelib.api.routes.render import HEADER
from chalicelib.catalog import claims, dynamodb
from chalicelib.catalog.index import turns, writer
from chalicelib.catalog.transitions import FINISH
from chalicelib.model import ErrorCode, File, Status
from chalicelib.processing import pipeline
from chalicelib.queues import worker
from chalicelib.renditions import places
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from tests.faults import harness
from tests.faults.clock import Clock
from tests.faults.harness import quiet
from tests.faults.killing import FAULTS, PARTLY, Fault, Killed, Moment, Point, Process, run
from tests.faults.looking import originals, record_of, records
from tests.faults.operations import PHOTO, TEXT, address_of, created
from tests.faults.plants import unguarded, written_without
from tests.faults.promises import BrokenError, check_acknowledged
from tests.faults.world import World, world_at
from tests.reluctance import reluctant

pytestmark = pytest.mark.usefixtures("broken_stage")

FILES = 2
met: Counter[str] = Counter()
"""How often something really happened. A process that makes three calls cannot be killed at the ninth."""

Step = tuple[str, int, Any]


class Inline:
    """An executor without threads, so that a program runs the same way every time."""

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except BaseException as error:
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
        return map(work, *arguments)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pipeline, original_objects, dynamodb, turns, writer):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(pipeline, "_uploaders", Inline)  # a process keeps its own


@dataclass(frozen=True)
class Disturbance:
    """What happens to a step's process at its `call`-th call; times in seconds.

    `what` is one of: nothing, killed, busy, broken, partly (a batch but for its last), reluctant (tests/reluctance.py,
    by the seed `call`), meanwhile (after `pause`, another step).
    """

    what: str = "nothing"
    call: int = 0
    moment: Moment = "before"
    times: int = 1
    pause: int = 0
    step: Step = ("index", 0, None)
    skew: int = 0


@dataclass
class Known:
    """What clients were told of a file, and what they asked for without an answer."""

    id: str
    said: dict[str, set[Any]] = field(default_factory=dict)
    deleted: set[bool] = field(default_factory=lambda: {False})

    def told(self, name: str, value: Any, answered: int) -> None:
        before = self.said.get(name, set())
        if answered == 200:
            self.said[name] = {value}
        elif answered == 0 or answered >= 500:
            self.said[name] = before | {value}


class Play:
    """The world of one program, and what its clients know."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files = [Known(self._created(number)) for number in range(FILES)]
        self.heard: list[str] = []
        self._overlapped = 0
        self._secret = keyring.edge_secret()

    def _created(self, number: int) -> str:
        if number:
            return created(self.world, filename="1.txt", content_type="text/plain", size=len(TEXT))
        return created(self.world, filename="0.jpg", visibility="public")

    def step(self, step: Step, disturbance: Disturbance) -> None:
        name, number, value = step
        before = self.world.clock.skew
        self.world.clock.skew = timedelta(seconds=disturbance.skew)
        met["steps"] += 1
        met["skewed"] += bool(disturbance.skew)
        reluctance = reluctant(disturbance.call) if disturbance.what == "reluctant" else nullcontext()
        try:
            with reluctance as aws:
                process = run(lambda: getattr(self, f"do_{name}")(number, value), self._process(disturbance))
        finally:
            self.world.clock.skew = before
        happened = process.dead or process.faults or self._overlapped or (aws and aws.met)
        met[disturbance.what] += bool(happened)
        self._overlapped = 0
        if process.dead:
            self.world.restart()
        self.world.check()

    def _process(self, disturbance: Disturbance) -> Process:
        if disturbance.what == "killed":
            return Process(kill_at=Point(disturbance.call, disturbance.moment))
        if disturbance.what in (kinds := ("busy", "broken", "partly")):
            which = kinds.index(disturbance.what)
            wrong = range(disturbance.call, disturbance.call + disturbance.times)

            def fault(name: str, number: int) -> Fault | None:
                return (*FAULTS[name.partition(".")[0]], PARTLY)[which] if number in wrong else None

            return Process(fault=fault)
        if disturbance.what == "meanwhile":
            here = Point(disturbance.call, disturbance.moment)

            def meanwhile(_: str, point: Point) -> None:
                if point == here:
                    self._overlapped += 1
                    self.world.clock.forward(timedelta(seconds=disturbance.pause))
                    self.step(disturbance.step, Disturbance())

            return Process(meanwhile=meanwhile)
        return Process()

    # --- steps

    def do_put(self, number: int, _: Any) -> None:
        file = self.files[number]
        self.world.put(file.id, TEXT if number else PHOTO)
        self.world.notify()

    def do_deliver(self, number: int, _: Any) -> None:
        queue = self.world.ingest
        if waiting := queue.waiting():
            message = waiting[number % len(waiting)]
            if message.body not in self.heard:
                self.heard.append(message.body)
            before = records()
            if queue.deliver(message):
                check_acknowledged(message.body, before)

    def do_duplicate(self, number: int, _: Any) -> None:
        """S3 sends a notification again that it sent at any time before."""
        if self.heard:
            self.world.ingest.send(self.heard[number % len(self.heard)])

    def do_view(self, number: int, _: Any) -> None:
        """A viewer asks for a rendition that is made on demand."""
        headers = {HEADER: self._secret, "Accept": "image/avif"}
        self.world.request("GET", f"/render/{address_of(self.files[number].id)}", **headers)

    def do_index(self, *_: Any) -> None:
        with suppress(BrokenError):  # it will be told again
            self.world.index(tries=1)

    def do_publish(self, *_: Any) -> None:
        with suppress(BrokenError):  # it will be told again
            self.world.publish(tries=1)

    def do_sweep(self, *_: Any) -> None:
        with suppress(Exception):
            self.world.sweep()

    def do_wait(self, _: int, value: int) -> None:
        self.world.clock.forward(timedelta(seconds=value))

    def do_tag(self, number: int, value: str) -> None:
        self._change(number, "tags", (value,), {"tags": [value]})

    def do_visibility(self, number: int, value: str) -> None:
        self._change(number, "visibility", value, {"visibility": value})

    def _change(self, number: int, name: str, value: Any, body: dict[str, Any]) -> None:
        file = self.files[number]
        if name not in file.said:
            present = getattr(record_of(file.id), name)
            file.said[name] = {tuple(present) if isinstance(present, list) else present}
        file.told(name, value, self._asked("PATCH", file, "", body))

    def do_reprocess(self, number: int, value: bool) -> None:
        self._asked("POST", self.files[number], "/reprocess", {"force": value})

    def do_delete(self, number: int, _: Any) -> None:
        file = self.files[number]
        answered = self._asked("DELETE", file, "")
        if answered == 204:
            file.deleted = {True}
        elif answered == 0 or answered >= 500:
            file.deleted |= {True}

    def do_restore(self, number: int, _: Any) -> None:
        file = self.files[number]
        answered = self._asked("POST", file, "/restore")
        if answered in (200, 202):
            file.deleted = {False}
        elif answered == 0 or answered >= 500:
            file.deleted |= {False}

    def _asked(self, method: str, file: Known, path: str, body: Any = None) -> int:
        """The status of the answer; 0 if none came. If two requests are made at once, nobody knows which was last."""
        answered = 0
        try:
            answered = self.world.request(method, f"/v1/files/{file.id}{path}", body).status
        except Killed:
            self._unknown(method, file, path, body)
            raise
        return answered

    def _unknown(self, method: str, file: Known, path: str, body: Any) -> None:
        if method == "DELETE":
            file.deleted |= {True}
        elif path == "/restore":
            file.deleted |= {False}
        elif method == "PATCH":
            for name, value in body.items():
                file.said[name] |= {tuple(value) if isinstance(value, list) else value}

    # --- the end

    def end(self) -> None:
        """Gives redelivery and the sweep their time. Then nothing may be left over, and every answer must be true."""
        self.world.drain()
        self.world.later()
        self.world.settled(swept=True)
        dead = [message.body for message in self.world.ingest.dead.values()]
        stored = {key: version for key, version, _ in originals()}
        for known in self.files:
            file = record_of(known.id)
            self._check_told(known, file)
            if file.status is Status.DELETED:
                continue
            if file.version_id:
                others = [version for key, version, _ in originals() if key == f"acme/{file.id}"]
                assert others == [file.version_id], "bytes that came too late are stored, over the file's own"
            given_up = any(file.id in body for body in dead)
            if f"acme/{file.id}" in stored and file.status is not Status.READY:
                assert given_up, f"stored, told of, and `{file.status}`"
                assert file.status is Status.PROCESSING or (file.error and file.error.code is ErrorCode.INTERNAL)

    def _check_told(self, known: Known, file: File) -> None:
        assert (file.status is Status.DELETED) in known.deleted, (
            f"{known.deleted} was answered, but it is {file.status}"
        )
        if file.status is Status.DELETED:
            return
        for name, values in known.said.items():
            present = getattr(file, name)
            present = tuple(present) if isinstance(present, list) else present
            assert present in values, f"{values} was answered to {name}, but it is {present}"


FILE = st.integers(0, FILES - 1)
ANY = st.integers(0, 3)
DELIVER = st.tuples(st.just("deliver"), ANY, st.none())
STEPS = st.one_of(
    st.tuples(st.just("put"), FILE, st.none()),
    DELIVER,
    DELIVER,
    st.tuples(st.just("duplicate"), ANY, st.none()),
    st.tuples(st.just("tag"), FILE, st.sampled_from(["a", "b"])),
    st.tuples(st.just("visibility"), FILE, st.sampled_from(["public", "private"])),
    st.tuples(st.just("reprocess"), FILE, st.booleans()),
    st.tuples(st.just("delete"), FILE, st.none()),
    st.tuples(st.just("restore"), FILE, st.none()),
    st.tuples(st.just("view"), FILE, st.none()),
    st.tuples(st.sampled_from(["index", "publish"]), FILE, st.none()),
    st.tuples(st.just("wait"), FILE, st.sampled_from([1, 61, 130])),
    st.tuples(st.just("sweep"), FILE, st.none()),
)
CALL, MOMENT = st.integers(0, 11), st.sampled_from(["before", "after"])
SKEW = st.sampled_from([0, 0, 0, -300, 300])
DISTURBANCES = st.one_of(
    st.builds(Disturbance, skew=SKEW),
    st.builds(Disturbance, st.just("killed"), CALL, MOMENT, skew=SKEW),
    st.builds(Disturbance, st.sampled_from(["busy", "broken", "partly"]), CALL, times=st.sampled_from([1, 2, 50])),
    st.builds(Disturbance, st.just("reluctant"), CALL, skew=SKEW),
    st.builds(Disturbance, st.just("meanwhile"), CALL, MOMENT, pause=st.sampled_from([0, 70]), step=STEPS, skew=SKEW),
)
PROGRAMS = st.lists(st.tuples(STEPS, DISTURBANCES), min_size=3, max_size=14)


def play(program: list[tuple[Step, Disturbance]], *, window: bool) -> None:
    clock = Clock()
    with quiet(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILEMILL_DELETE_WINDOW", "3600" if window else "0")
        with world_at(clock) as world:
            it = Play(world)
            it.step(("put", 0, None), Disturbance())
            for step, disturbance in program:
                it.step(step, disturbance)
            it.end()


@pytest.mark.usefixtures("inline")
@given(program=PROGRAMS, window=st.booleans())
@examples(
    max_examples=harness.PROGRAMS or 10,
    deadline=None,
    derandomize=not harness.PROGRAMS,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate, Phase.shrink] if harness.PROGRAMS else [Phase.generate],
)
def test_no_disorder_breaks_a_promise(program: list[tuple[Step, Disturbance]], window: bool) -> None:
    play(program, window=window)


@pytest.mark.usefixtures("inline")
def test_bytes_that_come_too_late_are_not_kept() -> None:
    """The form may be sent twice. If the second object were kept, it would be the key's current version. Then the
    bucket's rule would remove the first one, which is the file's, with the other old versions."""
    late = [("deliver", 0, None), ("put", 0, None), ("deliver", 0, None)]
    play([(step, Disturbance()) for step in late], window=False)


def unconditional_finish(patch: pytest.MonkeyPatch) -> None:
    written_without(patch, FINISH.condition)


def errors_swallowed(patch: pytest.MonkeyPatch) -> None:
    work_off = worker.work_off

    def careless(*arguments: Any) -> None:
        with suppress(Exception):
            work_off(*arguments)

    patch.setattr(worker, "work_off", careless)


def the_late_worker_cleans_up(patch: pytest.MonkeyPatch) -> None:
    finish = claims.finish

    def tidy(file: File, **made: Any) -> File | None:
        ended = finish(file, **made)
        if ended is None:
            derived_objects.delete_below(places.made_prefix(file))
        return ended

    patch.setattr(claims, "finish", tidy)


DELIVERED: Step = ("deliver", 0, None)
OVERTAKEN = Disturbance("meanwhile", 2, pause=70, step=DELIVERED)


@pytest.mark.usefixtures("inline")
@pytest.mark.parametrize(
    ("plant", "disturbance"),
    [
        (unconditional_finish, OVERTAKEN),
        (the_late_worker_cleans_up, OVERTAKEN),
        (errors_swallowed, Disturbance("busy", 2)),
    ],
)
def test_a_planted_bug_is_found(plant: Any, disturbance: Disturbance, monkeypatch: pytest.MonkeyPatch) -> None:
    play([(DELIVERED, disturbance)], window=False)
    plant(monkeypatch)
    unguarded(monkeypatch)
    with pytest.raises(AssertionError):
        play([(DELIVERED, disturbance)], window=False)
