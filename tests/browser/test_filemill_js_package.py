"""browser/ as others get it: small, up to date, typed, and ready for npm. Nothing here needs a browser or a stack."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ops import browser
from tests.stage import ROOT

# Bytes with which the front door sends it, compressed.
MOST = 8 * 1024
HERE = Path(__file__).parent


def package() -> dict[str, object]:
    read: dict[str, object] = json.loads((browser.FOLDER / "package.json").read_text())
    return read


def test_the_module_is_small() -> None:
    assert len(gzip.compress(browser.MODULE.read_bytes(), 9)) <= MOST


def test_the_module_needs_no_other_and_runs_under_a_strict_policy() -> None:
    text = browser.MODULE.read_text()
    assert not re.search(r"\bimport\s*[({\"'*]|\brequire\(|\beval\(|new Function|innerHTML", text)


def test_what_is_committed_is_what_make_browser_makes(node_modules: Path) -> None:
    assert browser.MODULE.read_text() == browser.module(), "run `make browser`"
    assert browser.TYPES.read_text() == browser.types(), "run `make browser`"


def test_the_declarations_name_what_the_module_exports(node_modules: Path) -> None:
    said = set(re.findall(r"^export declare class (\w+)", (browser.FOLDER / "filemill.d.ts").read_text(), re.MULTILINE))
    script = (
        f"import * as all from {json.dumps(browser.MODULE.as_uri())}; console.log(JSON.stringify(Object.keys(all)))"
    )
    assert set(json.loads(run("node", "--input-type=module", "-e", script))) == said


def test_a_program_in_typescript_is_checked_by_the_declarations(node_modules: Path, tmp_path: Path) -> None:
    installed = tmp_path / "node_modules"
    installed.mkdir()
    (installed / "filemill").symlink_to(browser.FOLDER)
    shutil.copy(HERE / "filemill_types.ts", tmp_path)
    options = ("--noEmit", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable")
    tsc = str(node_modules / ".bin" / "tsc")
    run(tsc, "--strict", "--noUncheckedIndexedAccess", *options, "filemill_types.ts", cwd=tmp_path)


def test_npm_packs_what_users_need_and_nothing_else() -> None:
    said = json.loads(run("npm", "pack", "--dry-run", "--json", "--offline", cwd=browser.FOLDER))
    packed = {each["path"] for each in said[0]["files"]}
    sources = {f"src/{path.name}" for path in (browser.FOLDER / "src").iterdir()}
    assert packed == {"package.json", "README.md", "LICENSE", "filemill.js", "filemill.d.ts", "openapi.d.ts"} | sources
    assert package()["license"] == "Apache-2.0"
    assert "dependencies" not in package()
    assert (browser.FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def run(*command: str, cwd: Path = ROOT) -> str:
    if not shutil.which("node"):
        pytest.skip("Node.js is not there")
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
