"""Child processes that answer lines of JSON. One that crashes or takes too long is started again for the next line."""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Answer = dict[str, Any]


class Worker:
    """A process, started when the first job comes. `seconds` is what a job may take; twice that at the start."""

    def __init__(self, command: Sequence[str], seconds: float) -> None:
        self._command, self._seconds = command, seconds
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: Answer) -> Answer:
        """The child's answer, or {"outcome": "crashed" or "hung"}."""
        fresh = self._process is None
        process = self._process or self._start()
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(self._seconds * (2 if fresh else 1), stop)
        timer.start()
        try:
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            if line := process.stdout.readline():
                answer: Answer = json.loads(line)
                return answer
        except (OSError, ValueError):
            pass
        finally:
            timer.cancel()
        self.close()
        return {"outcome": "hung" if late.is_set() else "crashed"}

    def close(self) -> None:
        if self._process:
            _kill(self._process)
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream
                with suppress(OSError):  # what was not sent any more
                    stream.close()
        self._process = None

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            start_new_session=True,  # so that its own children end with it
        )
        return self._process


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class Workers:
    """Several processes of one command, which share the jobs."""

    def __init__(self, command: Sequence[str], seconds: float, count: int) -> None:
        self._workers = [Worker(command, seconds) for _ in range(count)]

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.close()

    def ask_all(self, jobs: Iterable[Answer]) -> Iterator[tuple[int, Answer]]:
        """The number of each job with its answer, as they come."""
        free: queue.Queue[Worker] = queue.Queue()
        for worker in self._workers:
            free.put(worker)

        def ask(job: Answer) -> Answer:
            worker = free.get()
            try:
                return worker.ask(job)
            finally:
                free.put(worker)

        with ThreadPoolExecutor(len(self._workers)) as pool:
            asked = {pool.submit(ask, job): number for number, job in enumerate(jobs)}
            for future in as_completed(asked):
                yield asked[future], future.result()


def serve(work: Callable[[Answer], Answer], memory: int | None = None) -> None:
    """The child's part: answers each line of standard input. `memory` bounds its address space (bytes)."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for line in sys.stdin:
        print(json.dumps(work(json.loads(line))), file=answers, flush=True)
