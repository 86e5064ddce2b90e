"""Time of a photo's whole job with S3 in the loop, as a ratio to the same job with its PUTs one after the other.

Goal: 0.60. Both ways read, hash, decode and encode alike, through the function's own code; the other way encodes all
renditions and then puts them. S3 is a server on this computer that answers late: a fixed delay a request, no bound on
bandwidth, no TLS. The records in DynamoDB are left out.
"""

from __future__ import annotations

import datetime
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from bench.images import photos
from chalicelib.model import File, Rendition, Status, Visibility, rendition_key
from chalicelib.processing import pipeline, reading
from chalicelib.processing.kinds import Made, Order, Processor, Source
from chalicelib.renditions import places
from chalicelib.renditions.recipes import DEFAULT_RECIPE
from chalicelib.storage import derived
from tests.stage import ROOT, STAGE

ROUNDS = 5
LATENCIES = {"GET 40, PUT 60 ms": (0.04, 0.06), "GET 80, PUT 60 ms": (0.08, 0.06)}  # seconds
RESULT = ROOT / "bench" / "results" / "whole_job.md"
WAYS = ("Filemill", "sequential PUTs")
FILE_ID = "01J00000000000000000000000"
Times = dict[tuple[str, str, str], list[float]]  # (latency, photo, way): seconds


def run() -> None:
    if sys.platform != "linux":
        raise SystemExit("This bench pins processes to cores: it needs Linux.")
    files, load = photos.default(), os.getloadavg()[0]
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn")
    ) as alone:  # so that its set-up does not affect this process
        times, puts = alone.submit(_measure, files).result()
    text = _table(files, times, puts, load)
    print(text)
    RESULT.write_text(text)


def _measure(files: list[Path]) -> tuple[Times, dict[str, int]]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the function has one core with 1769 MB of memory
    times: Times = {}
    puts: dict[str, int] = {}
    for latency, (get, put) in LATENCIES.items():
        with _server(files, get, put, cores[-1]):
            for number in range(ROUNDS + 1):
                for file in files:
                    for way in WAYS if number % 2 else reversed(WAYS):
                        seconds, puts[file.name] = _job(file, way)
                        if number:  # the first round does not count: it opens connections and loads code
                            times.setdefault((latency, file.name, way), []).append(seconds)
    return times, puts


@contextmanager
def _server(files: list[Path], get: float, put: float, core: int) -> Iterator[None]:
    """Runs the stand-in for S3 in a process of its own, and points the code under test to it."""
    from chalicelib import aws, settings

    ours, theirs = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=_serve, args=(theirs, files, get, put, core), daemon=True)
    server.start()
    credentials = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "eu-west-1"}
    try:
        with patch.dict(os.environ, STAGE | credentials | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{ours.recv()}"}):
            aws.s3.cache_clear()
            settings.settings.cache_clear()
            yield
    finally:
        server.terminate()
        server.join()


def _serve(ready: Connection, files: list[Path], get: float, put: float, core: int) -> None:
    os.sched_setaffinity(0, [core])
    bodies = {file.name: file.read_bytes() for file in files}

    class S3(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            time.sleep(get)
            self.answer(bodies[self.path.rpartition("/")[2].partition("?")[0]])

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(put)
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"etag"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    server.daemon_threads = True
    ready.send(server.server_port)
    server.serve_forever()


def _job(photo: Path, way: str) -> tuple[float, int]:
    """(seconds, renditions) of one photo."""
    now = datetime.datetime.now(datetime.UTC)
    file = File(
        id=FILE_ID,
        tenant="bench",
        status=Status.PROCESSING,
        filename=photo.name,
        content_type="application/octet-stream",
        visibility=Visibility.PUBLIC,
        recipe=DEFAULT_RECIPE,
        revision=1,
        created_at=now,
        updated_at=now,
        version_id="1",
    )
    make = pipeline.make_renditions if way == "Filemill" else _encode_then_put
    started = time.perf_counter()
    read = reading.read(file, photo.name, "1")
    _, renditions = make(file, read.processor, read.source)
    return time.perf_counter() - started, len(renditions)


def _encode_then_put(file: File, processor: Processor, source: Source) -> tuple[Made, list[Rendition]]:
    made: list[tuple[Rendition, bytes]] = []
    order = Order(places.recipe_of(file), pipeline.memory_bytes())
    info = processor.process(source, order, lambda rendition, encoded: made.append((rendition, encoded)))
    for rendition, encoded in made:
        key = rendition_key(file.visibility, file.id, places.made_version(file), rendition)
        derived.put(key, encoded, rendition.content_type)
    return info, [rendition for rendition, _ in made]


def _table(files: list[Path], times: Times, puts: dict[str, int], load: float) -> str:
    lines = [
        "# The whole job, with S3 in the loop",
        "",
        "Time, as a ratio to the same job with its PUTs one after the other in the same round; medians.",
        "",
        f"| photo | renditions | {' | '.join(LATENCIES)} |",
        f"|---|--:|{'--:|' * len(LATENCIES)}",
    ]
    ratios = {
        (latency, file.name): statistics.median(
            ours / theirs for ours, theirs in zip(*(times[latency, file.name, way] for way in WAYS), strict=True)
        )
        for latency in LATENCIES
        for file in files
    }
    for file in files:
        cells = " | ".join(f"{ratios[latency, file.name]:.2f}" for latency in LATENCIES)
        lines.append(f"| {file.name} | {puts[file.name]} | {cells} |")
    means = (math.exp(statistics.fmean(math.log(ratios[latency, f.name]) for f in files)) for latency in LATENCIES)
    lines.append(f"| **geometric mean (the goal: 0.60)** | | {' | '.join(f'**{mean:.2f}**' for mean in means)} |")
    conditions = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rounds": f"{ROUNDS}, after one that opens connections; the two ways alternate",
        "S3": "a server on this computer, in a process and on a core of its own, with a fixed delay a request; plain "
        "HTTP, no bound on bandwidth",
        "function": f"one core, recipe `{DEFAULT_RECIPE}`, {pipeline.UPLOADERS} uploads at once; without DynamoDB",
        "Python": f"{platform.python_version()}, {platform.machine()}",
        "load average before": f"{load:.1f} (a shared machine)",
    }
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in conditions.items()), ""])
