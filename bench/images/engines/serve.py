"""The protocol of the engines: each line on stdin is a job, each line on stdout its figures, both JSON.

    {"photo": PATH, "renditions": [{"width", "height", "format", "quality", "effort"}], "keep": FOLDER or null}
    {"cpu": seconds, "wall": seconds, "sizes": {NAME: bytes}}

CPU is user and system time of all the process's threads. Reading the photo and keeping renditions are not counted.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Engine = Callable[[bytes, list[dict[str, Any]]], dict[str, bytes]]


def name_of(rendition: dict[str, Any]) -> str:
    return f"{rendition['width']}.{rendition['format']}"


def serve(engine: Engine) -> None:
    for line in sys.stdin:
        job = json.loads(line)
        photo = Path(job["photo"]).read_bytes()
        wall, cpu = time.perf_counter(), _cpu()
        made = engine(photo, job["renditions"])
        figures = {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall}
        if job["keep"]:
            for name, data in made.items():
                (Path(job["keep"]) / name).write_bytes(data)
        print(json.dumps(figures | {"sizes": {name: len(data) for name, data in made.items()}}), flush=True)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
