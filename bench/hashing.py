"""The speed at which a large original is hashed: in one stream, and by parallel ranges, each against a server of ours.

The server stands in for S3 on this machine. It sends at most 85 MB a second over one connection, as S3's guide to
performance says of S3; so one stream is bound by it, and what parallel ranges reach is bound by our code and by the
processor, which the server needs, too.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.stage import STAGE

SIZE = 1024**3
A_CONNECTION = 85_000_000  # bytes a second
_PIECE = bytes(range(256)) * 4096  # 1 MiB
GOAL = 120  # MB a second: 50 GB in seven minutes, of the fifteen that a run has


class _Store(BaseHTTPRequestHandler):
    """Answers every GET with SIZE bytes, or a range of them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, SIZE - 1)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", '"e"')
        self.end_headers()
        begun, sent = time.monotonic(), 0
        while sent < last - first + 1:
            piece = memoryview(_PIECE)[(first + sent) % 256 :][: last - first + 1 - sent]
            self.wfile.write(piece)
            sent += len(piece)
            time.sleep(max(0.0, begun + sent / A_CONNECTION - time.monotonic()))

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def run() -> None:
    command = [sys.executable, "-c", "from bench.hashing import serve; serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            port = int(server.stdout.readline())
            environment = {
                **os.environ,
                **STAGE,
                "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_DEFAULT_REGION": "eu-west-1",
            }
            subprocess.run(
                [sys.executable, "-c", "from bench.hashing import measure; measure()"], env=environment, check=True
            )
        finally:
            server.terminate()


def measure() -> None:
    """Runs in a process of its own, whose S3 is the server. Prints a table; fails below the goal."""
    import resource

    from chalicelib.processing.reading import sha256_of
    from chalicelib.storage import originals

    def one_stream() -> str:
        digest = hashlib.sha256()
        with originals.open_version("acme/file", "v").body as body:
            while chunk := body.read(1024**2):
                digest.update(chunk)
        return digest.hexdigest()

    def nothing_fetched() -> str:
        digest = hashlib.sha256()
        for _ in range(SIZE // len(_PIECE)):
            digest.update(_PIECE)
        return digest.hexdigest()

    cases: dict[str, Callable[[], str]] = {
        "one stream": one_stream,
        "parallel ranges": lambda: sha256_of("acme/file", "v", SIZE),
        "SHA-256 alone": nothing_fetched,
    }
    found, speeds = set[str](), dict[str, float]()
    print(f"| {SIZE // 1024**3} GiB | MB/s | 50 GB take | memory |\n|---|--:|--:|--:|")
    for name, hashed in cases.items():
        begun = time.monotonic()
        found.add(hashed())
        speeds[name] = SIZE / 1e6 / (time.monotonic() - begun)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"| {name} | {speeds[name]:.0f} | {50_000 / speeds[name] / 60:.1f} min | {memory} MB |")
    assert len(found) == 1, "all hash the same bytes"
    assert speeds["parallel ranges"] >= GOAL, f"below {GOAL} MB/s"
