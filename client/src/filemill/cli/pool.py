"""Works on many things at once, with bounded memory. One that fails never stops the others."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from filemill.cli.failures import Cancelled

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """One thing and its result, or the error that it ended with."""

    item: Item
    result: Result | None
    error: Exception | None = None


class Pool(Generic[Item, Result]):
    """Threads that do `work`. `stopped` is set when they are to stop: then `work` may raise Cancelled.

    The threads are daemons: a process that ends never waits for one that hangs in the network.
    """

    def __init__(self, jobs: int, work: Callable[[Item], Result]) -> None:
        self.stopped = threading.Event()
        self._jobs = jobs
        self._work = work
        self._tasks: queue.Queue[Item | None] = queue.Queue()
        self._outcomes: queue.Queue[Outcome[Item, Result]] = queue.Queue()

    def run(self, items: Iterable[Item], done: Callable[[Outcome[Item, Result]], None]) -> None:
        """Works on all items. `done` is called in this thread. At most twice `jobs` items are taken ahead.

        Ctrl-C (or any error of `items` or `done`) has the threads stop, and is raised on.
        """
        threads: list[threading.Thread] = []
        waiting = 0
        try:
            for item in items:
                if len(threads) < self._jobs:
                    threads.append(threading.Thread(target=self._worker, daemon=True))
                    threads[-1].start()
                self._tasks.put(item)
                waiting += 1
                while waiting >= 2 * self._jobs or (waiting and not self._outcomes.empty()):
                    done(self._next())
                    waiting -= 1
            while waiting:
                done(self._next())
                waiting -= 1
        except BaseException:
            self.stopped.set()
            raise
        finally:
            for _ in threads:
                self._tasks.put(None)

    def _next(self) -> Outcome[Item, Result]:
        while True:
            try:
                return self._outcomes.get(timeout=0.5)  # without a time, Windows takes no Ctrl-C here
            except queue.Empty:
                continue

    def _worker(self) -> None:
        while (item := self._tasks.get()) is not None:
            if self.stopped.is_set():
                return
            try:
                outcome: Outcome[Item, Result] = Outcome(item, self._work(item))
            except Cancelled:
                return
            except Exception as error:
                outcome = Outcome(item, None, error)
            except BaseException as error:  # a generator that is closed, a SystemExit of a library
                outcome = Outcome(item, None, RuntimeError(f"{type(error).__name__}: {error}"))
            self._outcomes.put(outcome)
