"""The soak's killer hits what it may hit, and no file more often than its message survives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.queues.worker import MAX_RECEIVES
from tests.making import message
from tests.soak.disorder import KILLS_PER_FILE, Killer, file_of, workers

FILE, OTHER = "file_01K8Z0000000000000000000AA", "file_01K8Z0000000000000000000AB"
WAIT = "import time; print(flush=True); time.sleep(60)"


def worker(function: str = "-process") -> subprocess.Popen[bytes]:
    """A process that looks like a worker of an emulator that is this process."""
    name = f"/x/ministack-lambda-filemill-local{function}-abc/_worker.py"
    process = subprocess.Popen([sys.executable, "-c", WAIT, name], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline()
    return process


@pytest.fixture
def made() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def killer(events: dict[int, Any], a_minute: float = 0) -> Killer:
    return Killer(os.getpid(), a_minute, random.Random(1), lambda: events)


def event(file_id: str) -> dict[str, Any]:
    return message(f"acme/{file_id}", "v", 3)


def test_a_files_worker_is_killed_so_often_and_then_spared(made: list[subprocess.Popen[bytes]]) -> None:
    events: dict[int, Any] = {}
    kills = killer(events)
    for number in range(KILLS_PER_FILE + 2):
        process = worker()
        made.append(process)
        events[process.pid] = event(FILE)
        assert kills.kill(process.pid, "process") == (number < KILLS_PER_FILE)
    assert made[0].wait(10) == -signal.SIGKILL
    spared = made[-1]
    assert state_of(spared) == "S", "it goes on"
    events[spared.pid] = event(OTHER)
    assert kills.kill(spared.pid, "process"), "another file's turn"
    assert KILLS_PER_FILE + (KILLS_PER_FILE + 1) <= MAX_RECEIVES


def state_of(process: subprocess.Popen[bytes]) -> str:
    """`S` sleeping, `T` stopped: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    assert process.poll() is None
    deadline = time.monotonic() + 5
    while True:
        with open(f"/proc/{process.pid}/stat") as file:  # noqa: PTH123
            state = file.read().rpartition(")")[2].split()[0]
        if state == "S" or time.monotonic() > deadline:
            return state
        time.sleep(0.01)


def test_a_worker_without_a_file_and_one_that_nobody_can_tell_about_go_on(made: list[subprocess.Popen[bytes]]) -> None:
    made.append(worker())
    assert not killer({}).kill(made[0].pid, "process")

    def unreachable() -> dict[int, Any]:
        raise ConnectionRefusedError

    kills = Killer(os.getpid(), 0, random.Random(1), unreachable)
    assert not kills.kill(made[0].pid, "process")
    assert state_of(made[0]) == "S"


def test_workers_of_other_functions_are_killed_whatever_they_do(made: list[subprocess.Popen[bytes]]) -> None:
    made += [worker(""), worker("-index")]
    assert sorted(name for _, name in workers(os.getpid())) == ["api", "index"]
    kills = killer({}, a_minute=6000)
    kills.start()
    for process in made:
        assert process.wait(10) == -signal.SIGKILL
    kills.end()
    assert kills.killed == {"api": 1, "index": 1}


@pytest.mark.parametrize(
    "unknown", [None, {}, {"Records": []}, {"Records": [{"body": "{"}]}, {"Records": [{"body": "[]"}]}]
)
def test_an_event_that_is_not_the_queues_has_no_file(unknown: Any) -> None:
    assert file_of(unknown) is None
    assert file_of(event(FILE)) == FILE
