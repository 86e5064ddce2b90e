"""Progress: bars for all files and for the largest ones that are under way, or now and then a line."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from filemill.cli.text import count, size, visible

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

ROWS = 4
"""the largest files that are shown"""

_EVERY = 0.2
_LINE_EVERY = 30.0


class Meter:
    """The bytes of one file that is under way."""

    def __init__(self, display: Display, name: str, total: int | None) -> None:
        self._display = display
        self.name = name
        self.total = total
        self.sent = 0

    def to(self, sent: int) -> None:
        """`sent` bytes of the file are done. It may go back, after a part that was lost."""
        self._display.moved(sent - self.sent)
        self.sent = sent


class Display:
    """Shows how far the work is. A context manager; every method may be called from any thread.

    On a terminal these are bars on standard error. Elsewhere a line says every half minute how far it is.
    """

    def __init__(self, verb: str, *, quiet: bool = False, terminal: bool | None = None) -> None:
        self._verb = verb
        self._bars = (sys.stderr.isatty() if terminal is None else terminal) and not quiet
        self._quiet = quiet
        self._lock = threading.Lock()
        self._meters: set[Meter] = set()
        self._ended = threading.Event()
        self._files = self._bytes = self._all_files = self._all_bytes = 0
        self._counted = False
        self._begun = time.monotonic()
        self._thread: threading.Thread | None = None
        self._progress: Progress | None = None

    def __enter__(self) -> Display:
        if not self._quiet:
            self._thread = threading.Thread(target=self._show_bars if self._bars else self._say_lines, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join(timeout=2)

    def found(self, files: int, number: int) -> None:
        """So many files with so many bytes are to be done, beside those that were found before."""
        with self._lock:
            self._all_files += files
            self._all_bytes += number

    def all_found(self) -> None:
        """No more will be found: the remaining time can be shown."""
        self._counted = True

    def moved(self, number: int) -> None:
        """So many bytes were done."""
        with self._lock:
            self._bytes += number

    def begin(self, name: str, total: int | None) -> Meter:
        """A file is under way."""
        meter = Meter(self, visible(name), total)
        with self._lock:
            self._meters.add(meter)
        return meter

    def end(self, meter: Meter) -> None:
        """The file is done. What a failed one has not sent counts as done, so that the bar reaches its end."""
        with self._lock:
            self._meters.discard(meter)
            self._files += 1
            self._bytes += (meter.total or 0) - meter.sent

    def passed(self, number: int) -> None:
        """A file needs no work: it was done before."""
        with self._lock:
            self._files += 1
            self._bytes += number

    def _show_bars(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
        from rich.table import Column

        progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=2)),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True, highlight=False),
            transient=True,
            expand=True,
            auto_refresh=False,
        )
        rows: dict[Meter, TaskID] = {}
        with progress:
            everything = progress.add_task(self._verb, total=None)
            while not self._ended.wait(_EVERY):
                with self._lock:
                    largest = sorted(self._meters, key=lambda meter: -(meter.total or 0))[:ROWS]
                    words = f"{self._verb}  {self._files:,}/{self._all_files:,}{'' if self._counted else '+'}"
                    progress.update(
                        everything,
                        description=words,
                        completed=self._bytes,
                        total=self._all_bytes if self._counted else None,
                    )
                for meter in [meter for meter in rows if meter not in largest]:
                    progress.remove_task(rows.pop(meter))
                for meter in largest:
                    if meter not in rows:
                        rows[meter] = progress.add_task(f"  {meter.name}", total=meter.total)
                    progress.update(rows[meter], completed=meter.sent)
                progress.refresh()

    def _say_lines(self) -> None:
        while not self._ended.wait(_LINE_EVERY):
            sys.stderr.write(self.line() + "\n")
            sys.stderr.flush()

    def line(self) -> str:
        """How far it is, in one line."""
        with self._lock:
            rate = self._bytes / max(time.monotonic() - self._begun, 0.001)
            of = f"{self._files:,} of {count(self._all_files, 'file')}{'' if self._counted else ' so far'}"
            return f"{self._verb}: {of}, {size(self._bytes)} of {size(self._all_bytes)}, {size(rate)}/s"
