"""The child's side of `child.run`: bounds first, then the imports."""

from __future__ import annotations

import json
import resource
import sys
from importlib import import_module


def main(module: str, arguments: str, memory: int, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = sys.stdin.buffer.read()
    try:
        header, body = import_module(module).main(data, json.loads(arguments))
    except Exception as error:
        header, body = {"raised": type(error).__name__}, b""
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    sys.stdout.buffer.write(body)  # by itself: a picture has many megabytes, which would be copied once more


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
