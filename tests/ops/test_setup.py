"""ops/setup.sh installs what a lock file names, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    shutil.copy(ROOT / "ops/setup.sh", project / "ops")
    shutil.copy(ROOT / ".python-version", project)
    return project


def set_up(project: Path, index: Index) -> subprocess.CompletedProcess[str]:
    """Makes the smallest of the environments, with this Python and without uv or pyenv."""
    commands = project / "commands"
    commands.mkdir(exist_ok=True)
    (commands / "python3.13").unlink(missing_ok=True)
    (commands / "python3.13").symlink_to(sys.executable)
    environment = {**os.environ, **index.environment, "PATH": f"{commands}:/usr/bin:/bin"}
    line = [str(project / "ops/setup.sh"), "tools"]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120)


def installed(project: Path) -> set[str]:
    return {file.parent.name for file in project.glob(".local/tools/lib/*/site-packages/mill*/__init__.py")}


HERE = {name: change for name, change in DAMAGES.items() if "arm64" not in name and name != "a changed hash"}


def test_the_locked_packages_are_installed_once(project: Path, index: Index) -> None:
    (project / "ops/tools/requirements.txt").write_text(fill(index))
    first, second = set_up(project, index), set_up(project, index)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "installing" in first.stdout and "installing" not in second.stdout
    assert installed(project) == {"millupper", "millarm"}


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
