"""`make` says what is missing before it installs anything, and it needs no terminal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ops import config
from ops.errors import OpsError
from ops.stack.names import FUNCTIONS
from tests.stage import ROOT

NAMES = [
    *("dev", "a", "prod-eu-1", "a" * 16, "a" * 17, "1a", "-a", "a-", "Dev", "a_b", "a b", "a.b", "ä", "a\nb", "dev\n"),
    *("x;true", "$(true)", "a'b", 'a"b', "process", *(f"x-{name}" for name in FUNCTIONS), "x-processs"),
]


def recipes() -> dict[str, list[str]]:
    """The commands of each target, by its name; the names of its prerequisites come first, as one line."""
    found: dict[str, list[str]] = {}
    target = ""
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z]+):([^#=]*)", line):
            target = match[1]
            found[target] = [match[2].strip()]
        elif line.startswith("\t"):
            found[target].append(line.strip())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_shell_refuses_the_names_that_ops_refuses(name: str) -> None:
    try:
        config.check_stage(name, FUNCTIONS)
        allowed = True
    except OpsError:
        allowed = False
    run = subprocess.run(
        [ROOT / "ops/check_stage.sh", "deploy"], env={**os.environ, "STAGE": name}, capture_output=True, text=True
    )
    assert (run.returncode == 0) == allowed
    assert bool(run.stderr) != allowed
    assert allowed or "can't be a stage's name" in run.stderr


@pytest.mark.parametrize("stage", [None, "", "Not-a-stage"])
def test_deploy_names_a_missing_or_wrong_stage_before_it_installs_anything(tmp_path: Path, stage: str | None) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "ops").mkdir()
    shutil.copy(ROOT / "ops/check_stage.sh", tmp_path / "ops")
    setup = tmp_path / "ops/setup.sh"
    setup.write_text("#!/bin/sh\ntouch installed\n")
    setup.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name not in ("STAGE", "MAKEFLAGS")}
    line = ["make", "deploy", *([] if stage is None else [f"STAGE={stage}"])]
    run = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 2
    assert ("make deploy needs a stage: make deploy STAGE=dev" if not stage else "'Not-a-stage' can't be") in run.stderr
    assert not (tmp_path / "installed").exists()


def test_every_target_that_needs_a_stage_checks_it_first() -> None:
    with_stage = {name: lines for name, lines in recipes().items() if any("$(STAGE)" in line for line in lines)}
    assert "deploy" in with_stage
    for name, (prerequisites, first, *_) in with_stage.items():
        assert (prerequisites, first) == ("", f"@ops/check_stage.sh {name}")


def test_deploy_looks_before_it_makes_anything_and_asks_nothing() -> None:
    steps = [line for line in recipes()["deploy"] if "--stage" in line]
    assert [re.sub(r".*(ops|chalice) (\w+) --stage.*", r"\2", step) for step in steps] == [
        *("preflight", "provision", "deploy", "provision", "doctor")
    ]
