"""The console's vendored libraries: their bytes are those that were looked at, and each has its licence beside it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "console" / "vendor"
_ROW = re.compile(r"^\| `(?P<file>[^`]+)` \|.*\|(?P<licences>[^|]+)\|$", re.MULTILINE)


def test_each_file_has_the_hash_that_is_written_down() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    written = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    assert {name: found[name] for name in found if name not in ("README.md", "SHA256SUMS")} == written


def test_each_library_is_explained_and_has_its_licence() -> None:
    rows = {row["file"]: row["licences"] for row in _ROW.finditer((VENDOR / "README.md").read_text())}
    assert set(rows) == {path.name for path in VENDOR.glob("*.js")}
    for licences in rows.values():
        named = re.findall(r"`([^`]+\.LICENSE)`", licences)
        assert named
        for name in named:
            assert len((VENDOR / name).read_text()) > 500
