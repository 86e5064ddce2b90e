"""A service's job, its answers, time and the file's own life in any order: each job is answered once at most."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.catalog import edits, files
from chalicelib.model import File, ServiceState, Status
from chalicelib.processing import pipeline
from chalicelib.queues.worker import Later
from chalicelib.upkeep import sweep
from tests.client import Client
from tests.faults.clock import Clock, time_of
from tests.making import deliver, item, sqs_event, take_messages, upload, work_off
from tests.serving import answer, asks, own_function
from tests.stage import Calls, lambda_context

STEPS = (
    "start",
    "answer",
    "refuse",
    "repeat",
    "forge",
    "lose",
    "time",
    "edit",
    "move",
    "reprocess",
    "finish",
    "delete",
)

# The states that may follow each state of a service that is asked once more by every `reprocess`.
NEXT = {
    "waiting": {"waiting", "running", "failed"},
    "running": {"running", "done", "failed", "timed_out", "waiting"},
    "done": {"done"},
    "failed": {"failed", "waiting"},
    "timed_out": {"timed_out", "waiting"},
}


class Life:
    """One file, and the service `function`, whose calls are kept in `jobs`."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self.client, self.clock = client, clock
        self.jobs: list[str] = []
        self.answered: list[str] = []
        self.results: list[Any] = []
        self.seen: list[tuple[int, ServiceState]] = []
        self.file_id = upload(client, b"\x00\x01\x02", name="a.bin", content_type="application/x-thing")
        deliver(self.file_id)

    @property
    def file(self) -> File | None:
        return files.get("acme", self.file_id)

    def look(self) -> None:
        if file := self.file:
            self.seen.append((file.revision, file.services["function"]))
            if result := file.services["function"].result:
                self.results.append(result["job"])

    def hear(self, body: str) -> None:
        try:
            pipeline.handle(sqs_event(body, receives=1), lambda_context())
        except Later:
            assert self.file
            assert self.file.status is Status.PROCESSING

    def do(self, step: str) -> None:
        file = self.file
        steps: dict[str, Callable[[], object]] = {
            "start": work_off,
            "answer": lambda: self._answer(-1),
            "refuse": lambda: self._answer(-1, error={"message": "no"}),
            "repeat": lambda: self._answer(0),
            "forge": lambda: self.hear(answer(self.file_id[5:] + ".function." + "A" * 20, result={"job": "forged"})),
            "lose": take_messages,
            "time": self._time,
            "edit": lambda: self.client("PATCH", f"/v1/files/{self.file_id}", {"tags": ["a"]}),
            "move": lambda: self.client("PATCH", f"/v1/files/{self.file_id}", {"visibility": "public"}),
            "reprocess": lambda: file and file.status is Status.READY and edits.reprocess(file, file.recipe),
            "finish": lambda: self._finish(file),
            "delete": lambda: self.client("DELETE", f"/v1/files/{self.file_id}"),
        }
        steps[step]()
        self.look()

    def _answer(self, which: int, **detail: Any) -> None:
        if self.jobs:
            job = self.jobs[which]
            self.hear(answer(job, **(detail or {"result": {"job": job}})))

    def _finish(self, file: File | None) -> None:
        if file and file.status is Status.PROCESSING:
            deliver(self.file_id)

    def _time(self) -> None:
        self.clock.forward(timedelta(minutes=31))
        sweep.run()


@pytest.mark.usefixtures("stage")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), max_size=14))
def test_in_any_order_a_job_counts_once_and_everything_ends(client: Client, stage: Calls, steps: list[str]) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch, time_of(clock):
        asks(patch, "function")
        take_messages()
        heard: list[dict[str, Any]] = []
        with own_function(heard.append):
            life = Life(client, clock)
            life.jobs = _Jobs(heard)
            for step in steps:
                life.do(step)
            _check(life)
            _end(life)


class _Jobs(list[str]):
    """The jobs of those calls that were made by now."""

    def __init__(self, heard: list[dict[str, Any]]) -> None:
        super().__init__()
        self._heard = heard

    def __len__(self) -> int:
        return len(self._heard)

    def __getitem__(self, index: Any) -> Any:
        return self._heard[index]["job"]


def _check(life: Life) -> None:
    for (before, was), (after, now) in pairwise(life.seen):
        assert after >= before
        if was != now:
            assert after > before, "each step is a change of its own"
        assert now.attempts <= now.tries
        if after == before + 1:
            assert now.status in NEXT[was.status]
    assert "forged" not in life.results
    jobs = [life.jobs[number] for number in range(len(life.jobs))]
    assert len(set(jobs)) == len(jobs)
    assert set(life.results) <= set(jobs)
    shown = json.dumps(life.client("GET", f"/v1/files/{life.file_id}").json)
    results = [state.result for _, state in life.seen if state.result]
    assert not [job for job in jobs if job in shown and not results], "nobody is told the name of a job"


def _end(life: Life) -> None:
    """With nobody to answer, the service comes to an end, and the record waits for nothing."""
    for _ in range(10):
        life.do("finish")
        life.do("start")
        life.do("time")
        life.do("time")
    file = life.file
    if file is None:
        return
    assert file.status is Status.READY
    assert file.services["function"].status in ("done", "failed", "timed_out")
    assert "due_sk" not in item(file.id)
    assert file.services["function"].job is None
