"""Shows how far a local deployment is: one line on a terminal, and one line a step elsewhere. A log has all details."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

SHOWN = 0.5  # seconds between two updates of the line on a terminal


class Steps:
    """`[2/6] making the buckets, table, queues and distribution, 34 s`, and the time since the start.

    Parameters
    ----------
    log:
        File for every step and detail, with times. Only its owner can read it. An earlier one is replaced.
    verbose:
        Show the details, too, each on a line.
    """

    def __init__(self, log: Path, *, verbose: bool = False, out: TextIO = sys.stdout) -> None:
        self.out = out
        self.verbose = verbose
        self.moving = out.isatty() and not verbose
        self.began = time.monotonic()
        self.number, self.total = 0, 0
        self.text = ""
        log.unlink(missing_ok=True)
        self._log = os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        if self.moving:
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
        self._log.close()

    def plan(self, total: int) -> None:
        """Says how many steps there are, as far as is known now."""
        self.total = total

    def __call__(self, text: str) -> None:
        """Begins the next step."""
        with self._lock:
            self.number += 1
            self.total = max(self.total, self.number)
            self.text = text
            self._note(f"[{self.number}/{self.total}] {text}")
            if self.moving:
                self._draw()
            else:
                print(f"[{self.number}/{self.total}] {self.seconds():6.1f} s  {text}", file=self.out, flush=True)

    def detail(self, text: str) -> None:
        """Something that happened in this step."""
        with self._lock:
            self._note(f"  {text}")
            if self.verbose:
                print(f"{'':6}{self.seconds():6.1f} s    {text}", file=self.out, flush=True)

    def say(self, text: str) -> None:
        """A line that is no step, such as the last one. The moving line goes."""
        self.clear()
        self._note(text)
        print(text, file=self.out, flush=True)

    def clear(self) -> None:
        """Takes the moving line away, for good."""
        if self.moving:
            self._ended.set()
            self._thread.join()
            self.moving = False
            self.out.write("\r\x1b[K")
            self.out.flush()

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def _note(self, text: str) -> None:
        self._log.write(f"{self.seconds():7.1f}  {text}\n")
        self._log.flush()

    def _tick(self) -> None:
        while not self._ended.wait(SHOWN):
            with self._lock:
                if self.text:
                    self._draw()

    def _draw(self) -> None:
        line = f"[{self.number}/{self.total}] {self.text}, {self.seconds():.0f} s"
        width = shutil.get_terminal_size().columns - 1  # a longer line would not be replaced as a whole
        self.out.write(f"\r{line[:width]}\x1b[K")
        self.out.flush()
