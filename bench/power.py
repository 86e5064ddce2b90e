"""`python -m bench power`: measures the CPU of every operation, and prints time x price of each function by memory.

CPU is that of our code and of botocore, on this machine: moto answers in this process, and its CPU and that of the
counting are taken off. What an HTTP exchange takes is measured once, with a server of its own, and added for each call.
Not in it: TLS, and Lambda's own runtime. It writes ops/costs/measured.json, from which `python -m ops costs` makes its
pages.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.counting.meter import Tally
from bench.counting.samples import SAMPLES
from bench.counting.scenarios import KINDS, SCENARIOS, Scenario, uploaded
from bench.counting.stage import cloud, stage
from bench.images import photos
from ops.costs import data, power

ROUNDS = 3  # of which the first does not count: it imports and fills memory
EXCHANGES = 300
PHOTO = "p12-turned-p3.jpg"  # of a phone
# Calls that AWS and clients make themselves.
_NOT_OURS = ("sqs.ReceiveMessage", "sqs.DeleteMessage", "apigateway.Request")


def run() -> None:
    exchange = exchanged()
    cpu: dict[str, dict[str, float]] = {}
    stored: dict[str, int] = {}
    with cloud(quiet=False), _without_output():
        for scenario in (*SCENARIOS, *_kinds()):
            rounds = [_one(scenario) for _ in range(ROUNDS)][1:]
            cpu[scenario.name] = {
                function: round(min(each[function].cpu for each in rounds) + exchange * _calls(tally), 5)
                for function, tally in rounds[0].items()
                if tally.runs
            }
            if scenario.name in SAMPLES:
                workers = [rounds[0][name] for name in ("process", "media") if name in rounds[0]]
                stored[scenario.name] = sum(each.put for each in workers)
    found = {"cpu": cpu, "stored": stored, "exchange": round(exchange, 6), "conditions": _conditions()}
    data.MEASURED.write_text(data.text_of(found), encoding="utf-8")
    data.measured.cache_clear()
    print(power.page())
    print("`python -m ops costs --without-counting` brings the pages up to date.")


@contextlib.contextmanager
def _without_output() -> Iterator[None]:
    """The functions log as they do on AWS, and nobody sees it."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        for each in (kept, nowhere):
            os.close(each)


def _kinds() -> list[Scenario]:
    """The kinds' samples, with a phone's photo instead of the small one that is only counted."""
    photo = SAMPLES["photo"]
    path = next(each for each in photos.default() if each.name == PHOTO)
    real = type(photo)(photo.kind, PHOTO, photo.filename, photo.content_type, path.read_bytes)
    return [Scenario("photo", PHOTO, uploaded(real)), *(each for each in KINDS if each.name != "photo")]


def _one(scenario: Scenario) -> dict[str, Tally]:
    with stage() as here:
        found = scenario.prepare(here)
        here.begin()
        scenario.run(here, found)
        return dict(here.meter.tallies)


def _calls(tally: Tally) -> int:
    return sum(count for call, count in tally.calls.items() if call not in _NOT_OURS)


def exchanged() -> float:
    """Seconds of CPU that one HTTP exchange of botocore takes: with a server in a process of its own."""
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session

    ours, theirs = get_context("spawn").Pipe()
    server = get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        session, url = URLLib3Session(), f"http://127.0.0.1:{ours.recv()}/"
        for count in (10, EXCHANGES):
            began = time.process_time()
            for _ in range(count):
                session.send(AWSRequest("POST", url, data=b"x" * 500).prepare())
            spent = (time.process_time() - began) / count
        return spent
    finally:
        server.terminate()
        server.join()


def _serve(ready: Connection) -> None:
    class Aws(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Aws)
    ready.send(server.server_port)
    server.serve_forever()


def _conditions() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.machine()}",
        "Python": platform.python_version(),
        "rounds": f"the least of {ROUNDS - 1}, after one that does not count",
        "load average": f"{os.getloadavg()[0]:.1f} (a shared machine)",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
