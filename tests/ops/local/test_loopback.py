"""Requests to this machine go past any proxy that the environment names."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ops.local import loopback, running
from ops.local.stage import ROOT, LocalStage

NOWHERE = "http://127.0.0.1:9"  # nothing listens here
BUCKETS = b"<ListAllMyBucketsResult><Buckets><Bucket><Name>ours</Name></Bucket></Buckets></ListAllMyBucketsResult>"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BUCKETS)))
        self.end_headers()
        self.wfile.write(BUCKETS)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
        monkeypatch.setenv(name.lower(), NOWHERE)
    for name in loopback.NAMES:
        monkeypatch.delenv(name, raising=False)


def test_our_own_requests_do(port: int) -> None:
    with loopback.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        assert answer.read() == BUCKETS


def test_clients_of_the_emulator_do(port: int, tmp_path: Path) -> None:
    s3 = LocalStage(tmp_path, emulator_port=port).client("s3")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["ours"]


@pytest.mark.parametrize(
    "program",
    [
        "import urllib.request as r; r.urlopen('http://localhost:{port}/', timeout=5)",
        "import requests as r; r.get('http://127.0.0.1:{port}/', timeout=5).raise_for_status()",
        "import os, boto3; boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL']).list_buckets()",
    ],
)
def test_the_programs_that_a_deployment_starts_do(program: str, port: int) -> None:
    command = [sys.executable, "-c", program.format(port=port)]
    environment = running.environment(f"http://127.0.0.1:{port}")
    subprocess.run(command, env=environment, check=True, timeout=60)


@pytest.mark.parametrize(
    ("told", "gives"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a.example, localhost"}, "a.example,localhost,127.0.0.1,::1"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example"}, "b.example,localhost,127.0.0.1,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_hosts_that_the_user_names_stay(told: dict[str, str], gives: str) -> None:
    assert loopback.without_proxy(told) == {"NO_PROXY": gives, "no_proxy": gives}


# Calls that take a proxy from the environment. In ops/local everything goes to this machine, so none of them may stand
# there: use loopback.urlopen, or a client with `proxies={}`.
PROXIED = re.compile(r"(?<!loopback\.)\burlopen\(|\brequests\.(get|post|put|request|Session)\(|trust_env=True|httpx\.")
# A program that starts servers on this machine and asks them sets NO_PROXY for itself when it begins.
PROGRAMS = ("bench/__main__.py", "tests/local.py", "ops/local/running.py")


def test_no_request_of_the_local_stage_can_take_another_way() -> None:
    for file in (ROOT / "ops" / "local").rglob("*.py"):
        found = [line for line in file.read_text().splitlines() if PROXIED.search(line)]
        assert not found or file.name == "loopback.py", f"{file}: {found}"
        assert file.read_text().count("boto3.client(") == file.read_text().count("proxies={}"), file


def test_every_program_with_servers_of_its_own_names_them() -> None:
    for name in PROGRAMS:
        assert "loopback.without_proxy(" in (ROOT / name).read_text(), name
