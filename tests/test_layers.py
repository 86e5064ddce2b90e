"""Dependencies point one way, and only the outer rooms know the outer libraries."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.stage import ROOT

SOURCES = sorted(ROOT.glob("chalicelib/**/*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    room = path.relative_to(ROOT / "chalicelib")
    used = imports(path)
    roots = {name.partition(".")[0] for name in used}
    if room.parts[0] != "api":
        assert "chalice" not in roots, "only app.py and api/ know Chalice"
        assert not any(name.startswith("chalicelib.api") for name in used)
    if room.parts[0] == "api" or len(room.parts) == 1:
        assert "PIL" not in roots, "only processing/ knows Pillow"
    if str(room) in {"model.py", "renditions/recipes.py", "renditions/ladder.py", "processing/sniff.py"}:
        assert not {"boto3", "botocore"} & roots, "the domain is plain Python"
    assert "ops" not in roots
    assert "tests" not in roots
