"""The lock files: every package that the project installs, at one version and with hashes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops import audit, package
from tests.stage import ROOT


def tracked(pattern: str) -> list[str]:
    return sorted(
        subprocess.run(
            ["git", "ls-files", pattern], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        ).stdout.split()
    )


def entries(lock: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each package of a lock file, with its hashes. A comment ends with its line, and an entry with its last hash."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            entry, *hashes = line.split(" --hash=sha256:")
            yield Requirement(entry.strip()), [each.strip() for each in hashes]


@pytest.mark.parametrize("lock", audit.PYTHON_LOCKS)
def test_every_package_has_one_version_and_hashes(lock: str) -> None:
    found = list(entries(lock))
    assert found
    for requirement, hashes in found:
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert hashes and all(re.fullmatch("[0-9a-f]{64}", each) for each in hashes), requirement


@pytest.mark.parametrize("lock", audit.PYTHON_LOCKS)
def test_a_lock_follows_its_source(lock: str) -> None:
    """A version that is changed in one of the two only is found without a network."""
    locked = {canonicalize_name(each.name): each.specifier for each, _ in entries(lock)}
    for wanted in package.read(ROOT / lock.replace(".txt", ".in")):
        assert locked.get(canonicalize_name(wanted.name)) == wanted.specifier, f"{wanted}: run `make lock`"


def test_the_functions_have_the_same_versions_in_development() -> None:
    development = package.pinned(ROOT / "requirements-dev.txt")
    functions = package.pinned(ROOT / "requirements.txt")
    assert {name: development.get(name) for name in functions} == functions


def test_every_requirement_file_is_locked_and_audited() -> None:
    sources = [name.replace(".in", ".txt") for name in tracked("*requirements*.in")]
    assert sorted(audit.PYTHON_LOCKS) == sources == tracked("*requirements*.txt")
    needing = [name for name in tracked("*package.json") if "ependencies" in (ROOT / name).read_text()]
    assert sorted(audit.NPM_LOCKS) == [name.replace("package.json", "package-lock.json") for name in needing]
    made = (ROOT / "ops/lock.sh").read_text()
    for lock in audit.PYTHON_LOCKS:
        assert f"compile {lock.removesuffix('.txt')} " in made


@pytest.mark.parametrize("lock", audit.NPM_LOCKS)
def test_npm_has_a_hash_of_every_package(lock: str) -> None:
    packages = json.loads((ROOT / lock).read_text())["packages"]
    lacking = [name for name, each in packages.items() if name and not each.get("integrity", "").startswith("sha512-")]
    assert len(packages) > 10 and lacking == []


def test_whatever_pip_installs_here_is_compared_with_a_lock() -> None:
    """The packer's pip is not among them. It gets the setting by its environment (chalicelib/wheels.py).

    The command `filemill` is this checkout's own folder client/, for which pip may fetch nothing.
    """
    installing = re.compile(r'pip install|"install", "-')
    own = re.compile(r"pip install -qq [^|]*--no-index --no-deps --no-build-isolation -e client")
    for name in [
        *tracked("*.sh"),
        *tracked("Makefile"),
        *tracked(".ci/*"),
        *tracked("ops/*.py"),
        *tracked("bench/*.py"),
    ]:
        text = own.sub("", (ROOT / name).read_text())
        if installing.search(text):
            assert "--require-hashes" in text, name
            assert "only-binary" in text, name


LOCK = """\
# made by
a-b.c==1.0 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via d
colour==0.4 ; sys_platform == 'no-such-system' \\
    --hash=sha256:22
mark==2.1 ; python_version >= '3.12' \\
    --hash=sha256:33
    # via
    #   -r requirements.in
Extra[all]==3 \\
    --hash=sha256:44
"""


def test_the_versions_of_a_lock_file_are_those_that_apply_here(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(LOCK)
    assert package.pinned(tmp_path / "requirements.txt") == {"a-b-c": "1.0", "mark": "2.1", "extra": "3"}
    assert package.pinned(tmp_path / "missing.txt") == {}


def test_a_source_that_is_not_pinned_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r other.txt\na>=1 # why\nb==2 # why\n")
    assert package.pinned(tmp_path / "requirements.txt") == {"b": "2"}
