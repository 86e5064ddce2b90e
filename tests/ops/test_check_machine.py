"""`make run` says that a computer can't run Lambda's packages before it installs anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.stage import ROOT


def make(target: str, folder: Path, system: str, processor: str, *, glibc: bool) -> subprocess.CompletedProcess[str]:
    """`make TARGET` on another computer: `uname` and `getconf` answer as they do there."""
    (folder / "ops").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "ops/check_machine.sh", folder / "ops")
    commands = {
        folder / "ops/setup.sh": f"touch {folder}/installed; exit 1",
        folder / "bin/uname": f'[ "$1" = -s ] && echo "{system}" || echo "{processor}"',
        folder / "bin/getconf": f"exit {0 if glibc else 1}",
    }
    for path, script in commands.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    environment["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
    return subprocess.run(["make", target], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("target", ["run", "test", "demo"])
@pytest.mark.parametrize(
    ("system", "processor", "glibc", "remedy"),
    [
        ("Darwin", "arm64", False, "Lima"),
        ("MINGW64_NT-10.0-22631", "x86_64", False, "WSL 2"),
        ("MSYS_NT-10.0", "x86_64", False, "WSL 2"),
        ("CYGWIN_NT-10.0", "x86_64", False, "WSL 2"),
        ("FreeBSD", "amd64", False, "Debian or Ubuntu"),
        ("Linux", "x86_64", False, "Debian or Ubuntu"),
        ("Linux", "riscv64", True, "x86_64 and arm64"),
    ],
)
def test_another_computer_is_refused_with_what_can_be_done(
    tmp_path: Path, target: str, system: str, processor: str, glibc: bool, remedy: str
) -> None:
    done = make(target, tmp_path, system, processor, glibc=glibc)
    assert done.returncode == 2
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 2, "one sentence, and make's own line"
    assert not (tmp_path / "installed").exists()


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_linux_goes_on(tmp_path: Path, processor: str) -> None:
    make("run", tmp_path, "Linux", processor, glibc=True)
    assert (tmp_path / "installed").exists()


def test_the_demo_says_that_nothing_runs_before_it_installs_anything(tmp_path: Path) -> None:
    done = make("demo", tmp_path, "Linux", "x86_64", glibc=True)
    assert "Nothing runs yet: start `make run` in another terminal" in done.stderr
    assert not (tmp_path / "installed").exists()
