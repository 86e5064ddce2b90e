"""The rooms import downwards only, and no test module needs another one. The rules are in pyproject.toml."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stage import ROOT

SOURCES = sorted(path for path in ROOT.glob("chalicelib/**/*.py") if "vendor" not in path.parts)
TESTS = sorted(ROOT.glob("tests/**/*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on a checkout: it follows imports through other modules, and exits with 1 for a broken rule."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_every_room_keeps_the_rules() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "planted", "rule"),
    [
        ("catalog/files.py", "from chalicelib.api import errors", "Rooms import downwards only"),
        ("api/routes/creation.py", "from chalicelib.processing import sniff", "Rooms import downwards only"),
        ("processing/sniff.py", "from chalicelib.api import wire", "Rooms import downwards only"),
        ("storage/derived.py", "from chalicelib.catalog import files", "Rooms import downwards only"),
        ("renditions/recipes.py", "from chalicelib.storage import derived", "Rooms import downwards only"),
        ("delivery/markup.py", "import PIL.Image", "No engine in the API function"),
        ("renditions/ladder.py", "import botocore.session", "The pure rooms know neither AWS nor Chalice"),
        ("upkeep/sweep.py", "import chalice", "Only app.py and the API know Chalice"),
        ("keyring.py", "import boto3", "Functions use botocore, never boto3"),
    ],
)
def test_a_planted_import_breaks_a_rule(tmp_path: Path, module: str, planted: str, rule: str) -> None:
    shutil.copytree(
        ROOT / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", "viewer")
    )
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    target = tmp_path / "chalicelib" / module
    target.write_text(f"{target.read_text()}\n\ndef planted() -> None:\n    {planted}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    assert any(rule in line and "BROKEN" in line for line in done.stdout.splitlines()), done.stdout


def test_a_new_room_needs_a_layer(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__", "viewer")
    )
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    (tmp_path / "chalicelib" / "misc.py").write_text('"""Nowhere in the plan of the house."""\n')
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "chalicelib.misc" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    """What import-linter does not see: imports of code that is no part of the package."""
    roots = {name.partition(".")[0] for name in imports(path)}
    assert not roots & {"ops", "tests", "bench", "client", "app"}


@pytest.mark.parametrize(("client", "rooms"), [("s3", {"storage"}), ("dynamodb", {"catalog"})])
def test_only_one_room_uses_a_store(client: str, rooms: set[str]) -> None:
    users = {path.relative_to(ROOT / "chalicelib") for path in SOURCES if f"aws.{client}()" in path.read_text()}
    assert {user.parts[0] for user in users} == rooms


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_test_module_reads_alone(path: Path) -> None:
    """Shared builders stand in modules of their own: no test module imports another one, nor a conftest."""
    borrowed = {name for name in imports(path) if name.startswith("tests.")}
    last = {name: name.split(".") for name in borrowed}
    assert not {name for name, words in last.items() if any(w.startswith("test_") or w == "conftest" for w in words)}
