"""Nothing of the tests is left in the temporary folder, and `make clean` removes all that the project made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.stage import ROOT

# What other tools make that somebody may use here. The project makes none of it, so it leaves it alone.
OTHERS = {"*.py[cod]", ".coverage", "htmlcov/", "dist/", ".chalice/venv/"}


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_make_clean_removes_all_that_is_ignored(tmp_path: Path) -> None:
    project, temporary = tmp_path / "project", tmp_path / "tmp"
    (project / "vendor").mkdir(parents=True)
    for name in (".gitignore", "Makefile"):
        shutil.copy(ROOT / name, project / name)
    git(project, "init", "-q")
    git(project, "add", "-A")
    ignored = [line for line in (project / ".gitignore").read_text().split() if line not in OTHERS]
    folders = [line.strip("/") for line in ignored if line != "node_modules/"]
    folders += ["tests/browser/node_modules", "bench/node_modules", "chalicelib/api/__pycache__"]
    for folder in folders:
        (project / folder).mkdir(parents=True, exist_ok=True)
        (project / folder / "a").write_text("")
    (project / "vendor" / "filemill-package.json").write_text("{}")
    made, theirs = ["filemill-soak-abc", "filemill-mutants-abc"], ["filemill", "a"]
    for name in made + theirs:
        (temporary / name / "state").mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=project, check=True, env={**os.environ, "TMPDIR": str(temporary)})
    assert git(project, "status", "--porcelain", "--ignored", "--untracked-files=all").split() == [
        "A",
        ".gitignore",
        "A",
        "Makefile",
    ]
    assert sorted(folder.name for folder in temporary.iterdir()) == sorted(theirs)


def test_tests_that_pass_leave_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    tests = tmp_path / "test_a.py"
    tests.write_text(
        "import os\n"
        "def test_a(tmp_path, tmp_path_factory):\n"
        "    (tmp_path / 'a').write_text('a')\n"
        "    (tmp_path_factory.mktemp('b') / 'b').write_text('b')\n"
        "    assert not os.environ.get('FAILS')\n"
    )
    root = tmp_path / "root"
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]

    def left(**more: str) -> list[str]:
        root.mkdir(exist_ok=True)
        environment = {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(root), **more}
        subprocess.run([*command, str(tests)], cwd=tmp_path, env=environment, capture_output=True, check=False)
        return [file.name for file in root.rglob("*") if file.is_file() and not file.is_symlink()]

    assert {"a", "b"} <= set(left(FAILS="1")), "after a failure they are kept"
    shutil.rmtree(root)
    assert left() == []
