"""The functions' wheels: `chalice package` takes those of requirements.txt, and refuses every other one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalice.deploy.packager import DependencyBuilder
from chalice.utils import OSUtils

from chalicelib import wheels
from ops.stack import recording
from ops.stack.names import FUNCTIONS, role_id
from tests.index import DAMAGES, FOR_ARM, Index, fill, serve
from tests.stage import ROOT, STAGE


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("abi", ["cp312", "cp313", "cp314"])
def test_pip_is_asked_for_the_platforms_that_chalice_takes_for_lambda(architecture: str, abi: str) -> None:
    builder = DependencyBuilder(OSUtils(), architecture=architecture)
    assert wheels.pip_settings(architecture)["PIP_PLATFORM"].split() == builder._get_pip_platforms(abi)


@pytest.mark.parametrize(
    ("common", "own", "processor"),
    [
        ({}, {}, "x86_64"),
        ({"lambda_architecture": "arm64"}, {}, "aarch64"),
        ({}, {"lambda_architecture": "arm64"}, "aarch64"),
    ],
)
def test_the_processor_is_that_of_the_stage(
    tmp_path: Path, common: dict[str, str], own: dict[str, str], processor: str
) -> None:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text(json.dumps({**common, "stages": {"prod": own, "dev": {}}}))
    platforms = wheels.settings_of(tmp_path, "prod")["PIP_PLATFORM"].split()
    assert platforms and all(each.endswith(processor) for each in platforms)


def test_an_architecture_that_lambda_does_not_have_is_named(tmp_path: Path) -> None:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text(json.dumps({"lambda_architecture": "arm"}))
    with pytest.raises(SystemExit, match="'arm', which Lambda does not have"):
        wheels.settings_of(tmp_path, "prod")


def test_the_lock_is_the_same_on_every_computer_that_may_deploy() -> None:
    """pip decides by its own system and processor which lines apply, and not by those of the functions."""
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if ";" in line]
    for word in ("sys_platform", "platform_machine", "platform_system", "os_name"):
        assert not [line for line in lines if word in line]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with serve(tmp_path / "index") as served:
        yield served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose stage `test` has arm64 functions. It has no requirements.txt yet."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", project)
    (project / ".chalice").mkdir()
    shutil.copy(ROOT / ".chalice/config.json", project / ".chalice")
    roles = {name: f"arn:aws:iam::123456789012:role/{role_id(name)}" for name in FUNCTIONS}
    recording.record(project, "test", STAGE, roles, {}, None, lambda _: None)
    return project


def pack(project: Path, index: Index) -> tuple[str, dict[str, bytes] | None]:
    """(what `chalice package` says, the files in its archives, or None if it refuses)."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("FILEMILL_")}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("chalice")), "package", "--stage", "test", "out"],
        cwd=project,
        env={**outside, **index.environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        return said, None
    archives = [zipfile.ZipFile(file) for file in project.glob("out/*.zip")]
    return said, {name: archive.read(name) for archive in archives for name in archive.namelist()}


def test_locked_wheels_are_packed_for_the_functions_processor(project: Path, index: Index) -> None:
    (project / "requirements.txt").write_text(fill(index))
    said, files = pack(project, index)
    assert files is not None, said
    assert [files[name].decode() for name in files if name.endswith("/millarm/__init__.py")] == [FOR_ARM]
    assert [name for name in files if name.endswith("/millupper/__init__.py")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_chalice_packs_nothing_but_the_locked_files(project: Path, index: Index, damage: str) -> None:
    change, package = DAMAGES[damage]
    (project / "requirements.txt").write_text(change(index, fill(index)))
    said, files = pack(project, index)
    assert files is None
    assert not list(project.glob(".chalice/deployments/*"))
    assert package in said.rpartition("Traceback")[2]
