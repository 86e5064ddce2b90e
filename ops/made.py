"""Files that a command makes of other ones and that are committed; a test makes them again and compares."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from ops.openapi.problems import ROOT


def add_arguments(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; the exit code is 1 if a file is not up to date"
    )


def write(made: Mapping[Path, str], *, check: bool) -> int:
    """Writes each file, or with `check` only compares. Gives the exit code: 1 if one was not as it should be."""
    if check:
        return int(any(not path.exists() or path.read_text(encoding="utf-8") != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0
