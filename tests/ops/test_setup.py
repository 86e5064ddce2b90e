"""ops/setup.sh installs what a lock file names, and nothing else."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import install
from tests.index import DAMAGES, Index, fill, serve
from tests.stage import ROOT


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as served:
        yield served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "ops/tools").mkdir(parents=True)
    for name in ("setup.sh", "install.py"):
        shutil.copy(ROOT / "ops" / name, project / "ops")
    shutil.copy(ROOT / ".python-version", project)
    return project


def set_up(project: Path, index: Index, **more: str) -> subprocess.CompletedProcess[str]:
    """Makes the smallest of the environments, with this Python and without uv or pyenv."""
    commands = project / "commands"
    commands.mkdir(exist_ok=True)
    (commands / "python3.13").unlink(missing_ok=True)
    (commands / "python3.13").symlink_to(sys.executable)
    environment = {**os.environ, **index.environment, "PATH": f"{commands}:/usr/bin:/bin", **more}
    line = [str(project / "ops/setup.sh"), "tools"]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)


def installed(project: Path) -> set[str]:
    return {file.parent.name for file in project.glob(".local/tools/lib/*/site-packages/mill*/__init__.py")}


HERE = {name: change for name, change in DAMAGES.items() if "arm64" not in name and name != "a changed hash"}


def test_the_locked_packages_are_installed_once(project: Path, index: Index) -> None:
    (project / "ops/tools/requirements.txt").write_text(fill(index))
    first, second = set_up(project, index), set_up(project, index)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "2 packages" in first.stdout and "packages" not in second.stdout
    assert installed(project) == {"millupper", "millarm"}


def test_it_says_which_python_it_takes_and_how_far_pip_is_and_keeps_the_details(project: Path, index: Index) -> None:
    (project / "ops/tools/requirements.txt").write_text(fill(index))
    said = set_up(project, index).stdout.splitlines()
    making, python, *moving, last = said
    assert making == "setup: making .local/tools"
    version = ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(rf"setup: Python {version}\S* of .+ \({re.escape(sys.base_prefix)}\), in .local/tools", python)
    assert moving and all(re.match(r"setup: (fetching|installing) uv and pip-audit: \d+ of ", line) for line in moving)
    assert re.fullmatch(r"setup: uv and pip-audit: 2 packages, \d+ s", last)
    assert "Successfully installed" in (project / ".local/setup.log").read_text()


def test_on_request_it_shows_all_that_pip_says(project: Path, index: Index) -> None:
    (project / "ops/tools/requirements.txt").write_text(fill(index))
    assert "Successfully installed" in set_up(project, index, V="1").stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "SHOWN", 0.01)
    out = Terminal()
    progress = install.Progress("packages", 3, out)
    heard = (
        "Collecting a==1 (from x)",
        "  Downloading a",
        "Processing /a.whl",
        "Requirement already satisfied: c in /",
    )
    for line in heard:
        progress.heard(line)
    assert progress.now() == "fetching packages: 3 of about 3, 0 s"
    progress.heard("Installing collected packages: a, b")
    assert progress.now() == "installing packages: 0 of 2, 0 s"
    progress.end("packages: done")
    assert "\n" not in out.getvalue()[:-1]
    assert out.getvalue().split("\r")[-1] == "setup: packages: done\x1b[K\n"


def test_the_command_filemill_is_in_the_environment() -> None:
    """`make test` has set it up. It is this checkout's client, so no hash is compared."""
    done = subprocess.run([ROOT / ".venv/bin/filemill", "--help"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "upload" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("damage", HERE)
def test_a_package_that_is_not_locked_is_not_installed(project: Path, index: Index, damage: str) -> None:
    change, package = HERE[damage]
    (project / "ops/tools/requirements.txt").write_text(change(index, fill(index)))
    for _ in range(2):
        done = set_up(project, index)
        assert done.returncode == 1
        assert package in done.stderr
        assert "could not install ops/tools/requirements.txt" in done.stderr
    assert installed(project) == set()
