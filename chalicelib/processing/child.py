"""Runs code on hostile bytes in a process of its own, with bounds: memory, time, and nothing of our environment.

A native library may crash, hang or take all memory for a damaged file. Here that ends the child, and the parent goes
on. The child gets no AWS credentials, opens no new files for writing, and is killed when its time is over.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

# Bytes that a child may print: a header, and pixels or text.
MAX_OUTPUT = 256 * 1024**2


@dataclass(frozen=True)
class Limits:
    """`memory` in bytes of address space, `seconds` of CPU; twice as many by the clock."""

    memory: int = 1024**3
    seconds: int = 10


class ChildDiedError(Exception):
    """The child crashed, or took more than it may have. The file is to blame, as far as anybody can tell."""


def run(module: str, data: bytes, arguments: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Calls `module.main(data, arguments)` in a child. Returns what it returns: (a header that JSON can hold, bytes).

    Raises ChildDiedError. An exception in the child is one, too: its type's name is the message.
    """
    # All of `sys.path` is in the environment, so the child need not look for site-packages.
    command = [sys.executable, "-P", "-S", "-m", "chalicelib.processing.child_main", module, json.dumps(arguments)]
    command += [str(limits.memory), str(limits.seconds)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=limits.seconds * 2 + 2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildDiedError("it took too long") from None
    if done.returncode:
        raise ChildDiedError(f"it ended with {done.returncode}")
    head, _, rest = done.stdout.partition(b"\n")
    header: dict[str, Any] = json.loads(head)
    if "raised" in header:
        raise ChildDiedError(header["raised"])
    return header, rest
