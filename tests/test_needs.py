"""A computer without Chromium or npm is told so once, in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stage import ROOT

TESTS = """
import pytest

@pytest.fixture
def local_stage():
    raise AssertionError("started for nothing")

@pytest.fixture
def node_modules(local_stage):
    pass

@pytest.fixture
def browser(local_stage):
    pass

def test_page_a(browser): pass
def test_page_b(browser, node_modules): pass
def test_page_c(node_modules): pass
def test_page_d(node_modules): pass
def test_other(): pass
"""


def run(tmp_path: Path, commands: tuple[str, ...]) -> str:
    """Pytest's output where only these commands are installed."""
    (tmp_path / "bin").mkdir()
    for command in commands:
        (tmp_path / "bin" / command).symlink_to(shutil.which("true") or "/bin/true")
    (tmp_path / "test_a.py").write_text(TESTS)
    ini = "[pytest]\nmarkers =\n    lacking: a\n"
    (tmp_path / "pytest.ini").write_text(ini)
    line = [sys.executable, "-m", "pytest", "-p", "tests.needs", "-p", "no:cacheprovider", "-rs", str(tmp_path)]
    environment = {**os.environ, "PATH": str(tmp_path / "bin"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(
    ("commands", "named", "counts"),
    [
        (("npm",), "Chromium", "1 passed, 1 skipped, 3 errors"),
        (("google-chrome",), "npm", "1 passed, 2 skipped, 2 errors"),
        ((), "Chromium", "1 passed, 2 skipped, 2 errors"),
    ],
)
def test_a_missing_need_is_one_error_with_a_sentence(
    tmp_path: Path, commands: tuple[str, ...], named: str, counts: str
) -> None:
    said = run(tmp_path, commands)
    header, _, rest = said.partition("collected")
    sentence = f"The tests of pages need {named}, which is not installed"
    assert sentence in header
    assert sentence in rest
    assert counts in said
    assert "Traceback" not in said


def test_a_computer_that_has_all_hears_nothing(tmp_path: Path) -> None:
    assert "need" not in run(tmp_path, ("npm", "chromium")).partition("collected")[0].replace("tests.needs", "")
