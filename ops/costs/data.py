"""The data behind the page of costs, which commands write: what was counted, and what was measured.

counted.json is written by `python -m ops costs` and is the same on every machine. measured.json is written by
`python -m bench power` and says of which machine its seconds are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.openapi.problems import ROOT

FOLDER = Path(__file__).parent
COUNTED = FOLDER / "counted.json"
MEASURED = FOLDER / "measured.json"
PAGE = ROOT / "docs" / "costs.md"

MONTH = 30 * 86400  # seconds

# One operation: by function its runs, calls, units and bytes, as bench/counting/meter.py tallies them.
Work = Mapping[str, Mapping[str, Any]]


@cache
def counted() -> Mapping[str, Any]:
    """`operations` and `kinds` by name, each a Work and `table_bytes`."""
    return _read(COUNTED, "python -m ops costs")


@cache
def measured() -> Mapping[str, Any]:
    """`cpu` of scenarios by function in seconds, `stored` bytes of renditions by kind, and the conditions."""
    return _read(MEASURED, "python -m bench power")


def _read(path: Path, command: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OpsError(f"{path.relative_to(ROOT)} is missing: restore it, or make it with `{command}`.") from None
    except ValueError as error:
        raise OpsError(f"{path.relative_to(ROOT)} is not JSON ({error}): restore it from version control.") from None
    return found


def text_of(data: Mapping[str, Any]) -> str:
    """The text of a file of data."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def operation(name: str) -> Mapping[str, Any]:
    """The entry of an operation or a kind."""
    both = {**counted()["kinds"], **counted()["operations"]}
    found: Mapping[str, Any] = both[name]
    return found


@cache
def _functions() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    return dict(found["lambda_functions"])


def megabytes(function: str) -> int:
    """The memory of a function, in MB as Lambda counts them."""
    return int(_functions()[function]["lambda_memory_size"])


def gigabytes(function: str) -> float:
    return megabytes(function) / 1024
