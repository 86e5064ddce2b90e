"""The fixture for the next release can be written with the code of this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.compatibility.stage import FIXTURE, read
from tests.stage import ROOT


def kinds(of: Path) -> set[str]:
    return {item["pk"]["S"].partition("#")[0] for item in read(of, "localhost:1").table}


def test_the_next_fixture_has_every_kind_of_item_that_the_last_one_has(tmp_path: Path) -> None:
    """A process of its own: it makes mocks of AWS, and sets the clock."""
    to = tmp_path / "fixture.zip"
    command = [sys.executable, "-m", "tests.compatibility.write_fixture", str(to)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert kinds(to) >= kinds(FIXTURE)
    assert len(read(to, "localhost:1").answers) >= 70
