"""Installs a lock file into this Python's environment, and shows how far pip is.

    .venv/bin/python ops/install.py "the project's packages" requirements-dev.txt

ops/setup.sh runs this in an empty environment, so it needs nothing but pip. On a terminal one line moves; elsewhere
there is a line every 15 seconds. `.local/setup.log` keeps what pip says, and V=1 shows it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

LOG = Path(".local/setup.log")
TAKEN = re.compile(r"(?:Collecting|Processing|Requirement already satisfied:) ")
INSTALLING = "Installing collected packages:"
OF_A_LOCK = re.compile(r"(?m)^[A-Za-z0-9]")
SHOWN = 0.2  # seconds between two updates of the line on a terminal
LOGGED = 15.0  # seconds between two lines elsewhere
LAST_WORDS = 15  # lines of pip's that an error repeats


class Progress:
    """How far pip is. `heard` takes its lines; a thread of its own says where it is, also while pip says nothing."""

    def __init__(self, what: str, total: int, out: TextIO) -> None:
        self.what, self.total, self.out = what, total, out
        self.began = time.time()
        self.found = 0
        self.installing = 0
        self._packages = Path(sysconfig.get_path("purelib"))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def heard(self, line: str) -> None:
        if TAKEN.match(line):
            self.found += 1
        elif line.startswith(INSTALLING):
            self.installing = line.count(",") + 1

    def end(self, text: str) -> None:
        """Replaces the moving line by a last one."""
        self._ended.set()
        self._thread.join()
        self.out.write(f"{'\r' if self.out.isatty() else ''}setup: {text}{'\x1b[K' if self.out.isatty() else ''}\n")
        self.out.flush()

    def seconds(self) -> int:
        return round(time.time() - self.began)

    def now(self) -> str:
        """One line that says how far it is."""
        if self.installing:
            done = min(self._written(), self.installing)
            return f"installing {self.what}: {done} of {self.installing}, {self.seconds()} s"
        # A package that only another system needs is in the lock, but pip never comes to it.
        return f"fetching {self.what}: {self.found} of about {max(self.total, self.found)}, {self.seconds()} s"

    def _written(self) -> int:
        return sum(folder.stat().st_mtime >= self.began for folder in self._packages.glob("*.dist-info"))

    def _tell(self) -> None:
        while True:
            try:
                line = self.now()
            except OSError:  # pip moves these folders about
                continue
            self.out.write(f"\rsetup: {line}\x1b[K" if self.out.isatty() else f"setup: {line}\n")
            self.out.flush()
            if self._ended.wait(SHOWN if self.out.isatty() else LOGGED):
                return


def pip(lock: str, options: Sequence[str]) -> list[str]:
    """The command that installs a lock file, and nothing that is not in it."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "--require-hashes", "--only-binary", ":all:"]
    return [*command, *options, "-r", lock]


def last_words(lines: Sequence[str]) -> list[str]:
    """The end of pip's output, from its first error on if there is one."""
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR")), len(lines) - LAST_WORDS)
    return list(lines[max(first, 0) :])


def main(what: str, lock: str, *options: str) -> int:
    verbose = bool(os.environ.get("V"))
    total = len(OF_A_LOCK.findall(Path(lock).read_text(encoding="utf-8")))
    LOG.parent.mkdir(exist_ok=True)
    lines: list[str] = []
    progress = Progress(what, total, sys.stdout)
    with (
        LOG.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            pip(lock, options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            log.write(line)
            lines.append(line.rstrip())
            if verbose:
                print(line, end="", flush=True)
            progress.heard(line)
    if process.returncode:
        progress.end(f"{what}: pip ended with {process.returncode} after {progress.seconds()} s")
        print(*last_words(lines), sep="\n", file=sys.stderr)
        return 1
    progress.end(f"{what}: {progress.found} packages, {progress.seconds()} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print()
        sys.exit(130)
