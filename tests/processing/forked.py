"""For tests: a child that does what it is told, and says what it has."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

_LIMITS = ("AS", "CPU", "FSIZE", "CORE")


def main(data: Any, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Reads one byte of the source at first, unless it is empty."""
    data.read(1)
    if "signal" in arguments:
        os.kill(os.getpid(), arguments["signal"])
    if os.getppid() == arguments.get("end_of"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if "bytes" in arguments:
        bytearray(arguments["bytes"])
    while "spin" in arguments:
        pass
    time.sleep(arguments.get("seconds", 0))
    print("a word of a library")  # noqa: T201 - which must not come between our own
    return {"has": _has()} | arguments, b"done"


def _has() -> dict[str, Any]:
    return {
        "parent": os.getppid(),
        "files": sorted(f"{each.name} {_target(each)}" for each in Path("/proc/self/fd").iterdir()),
        "environment": sorted(os.environ),
        "limits": [resource.getrlimit(getattr(resource, f"RLIMIT_{each}")) for each in _LIMITS],
        "signals": {each.name: str(signal.getsignal(each)) for each in signal.valid_signals() if hasattr(each, "name")},
        "random": random.random(),
    }


def _target(link: Path) -> str:
    try:
        return os.readlink(link).partition(":")[0]  # noqa: PTH115 - of a pipe or a socket the name is no path
    except FileNotFoundError:  # the folder itself, which is closed again
        return ""
