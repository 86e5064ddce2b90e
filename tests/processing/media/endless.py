"""For a test: a child that never ends."""

from __future__ import annotations

from typing import Any


def main(data: Any, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    while True:
        data.seek(0)
        data.read(1)
