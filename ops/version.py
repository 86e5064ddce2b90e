"""Filemill's own version, as pyproject.toml has it."""

from __future__ import annotations

import re
from pathlib import Path

_VERSION = re.compile(r'^version = "(.+)"', re.MULTILINE)
_PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def version() -> str:
    found = _VERSION.search(_PROJECT.read_text(encoding="utf-8"))
    assert found
    return found[1]
