"""A fault on trial: a copy of the project, the fault planted in it, and the tests of its room."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from tests.mutants.planting import Fault, faults_of, is_valid

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

SEED = "1"
"""Another one gives another sample."""

KILLED, SURVIVED, EQUIVALENT = "killed", "survived", "equivalent"


@dataclass(frozen=True)
class Room:
    """Modules, as patterns of paths, and the tests that must notice a fault in them, quickest first.

    `sample` is how many faults the fixed sample has.
    """

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    sample: int


@dataclass(frozen=True)
class Equivalent:
    """A fault that changes nothing that can be seen, and why."""

    module: str
    function: str
    before: str
    after: str
    why: str

    @property
    def name(self) -> tuple[str, str, str, str]:
        return self.module, self.function, self.before, self.after


@dataclass(frozen=True)
class Verdict:
    """`by` is the test that noticed, or why none could: `timeout`, or an equivalent's reason."""

    fault: Fault
    outcome: str
    by: str = ""


def rooms() -> dict[str, Room]:
    found = tomllib.loads((HERE / "rooms.toml").read_text())
    return {name: Room(name, tuple(f["modules"]), tuple(f["tests"]), f["sample"]) for name, f in found.items()}


def equivalents() -> list[Equivalent]:
    found = tomllib.loads((HERE / "equivalents.toml").read_text())
    return [Equivalent(**each) for each in found.get("equivalent", [])]


def modules(room: Room, root: Path = ROOT) -> list[str]:
    """A room's modules, in order. Raises LookupError for a pattern that names none."""
    found: set[Path] = set()
    for pattern in room.modules:
        paths = set(root.glob(pattern))
        if not paths:
            raise LookupError(f"room {room.name}: there is no {pattern}")
        found |= paths
    return sorted(path.relative_to(root).as_posix() for path in found)


def possible(room: Room, root: Path = ROOT) -> list[Fault]:
    """Every fault of a room."""
    return [fault for module in modules(room, root) for fault in faults_of(module, (root / module).read_bytes())]


def sample(room: Room, count: int, root: Path = ROOT) -> list[Fault]:
    """So many faults of a room, chosen by chance, and each time the same. All of them where there are no more."""
    found = possible(room, root)
    random.Random(f"{SEED}/{room.name}").shuffle(found)
    sound = (fault for fault in found if is_valid((root / fault.module).read_bytes(), fault))
    return sorted(islice(sound, count), key=lambda fault: (fault.module, fault.start, fault.text))


class RedError(RuntimeError):
    """The room's tests fail without any fault."""


@dataclass
class Copy:
    """A copy of the project in a folder of its own. `seconds` is what a room's tests may take there."""

    root: Path
    seconds: float = 3600.0

    def measure(self, room: Room) -> None:
        """Runs the room's tests as they are. From then on three times their time is the bound of a trial.

        Raises RedError.
        """
        began = monotonic()
        code, by, output = self._test(room)
        if code:
            raise RedError(f"room {room.name} is red without a fault: {by or code}\n{output[-2000:]}")
        self.seconds = 3 * (monotonic() - began) + 30

    def judge(self, room: Room, fault: Fault) -> Verdict:
        """Plants a fault, runs the tests until one notices, and takes it back."""
        path = self.root / fault.module
        source = path.read_bytes()
        path.write_bytes(fault.planted(source))
        try:
            code, by, _ = self._test(room)
        finally:
            path.write_bytes(source)
        return Verdict(fault, KILLED if code else SURVIVED, by)

    def _test(self, room: Room) -> tuple[int, str, str]:
        """(exit code, the first test that failed, all that was printed)."""
        # No bytecode is kept: a module's new text may have the size and the second of the one before it.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *room.tests],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=self.seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return 1, "timeout", ""
            finally:
                shutil.rmtree(self.root / ".hypothesis", ignore_errors=True)
        noticed = re.search(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", output, re.MULTILINE)
        return process.returncode, noticed[1] if noticed else "", output


@contextmanager
def copied(root: Path = ROOT) -> Iterator[Copy]:
    """What git knows of the project or would add to it, with its virtual environment."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    with TemporaryDirectory(prefix="filemill-mutants-") as folder:
        for name in filter(None, names.split("\0")):
            if (root / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, Path(folder) / name)
        if (root / ".venv").exists():
            (Path(folder) / ".venv").symlink_to((root / ".venv").resolve())
        yield Copy(Path(folder))


def summary(room: Room, verdicts: list[Verdict], count: int) -> dict[str, Any]:
    """What is kept of a room: how many faults it can have, and what became of those of the sample."""
    faults = [
        {
            "module": verdict.fault.module,
            "line": verdict.fault.line,
            "function": verdict.fault.function,
            "kind": verdict.fault.kind,
            "before": verdict.fault.before,
            "after": verdict.fault.after,
            "outcome": verdict.outcome,
            "by": verdict.by,
        }
        for verdict in verdicts
    ]
    return {"possible": count, "tests": list(room.tests), "faults": faults}
