"""The command against a running stage: FILEMILL_LIVE_URL and FILEMILL_LIVE_KEY name it; without them all are skipped.

FILEMILL_TEST_FILES is the number of small files (12), FILEMILL_TEST_BYTES the size of the large one (40 MB).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from filemill import verify

URL, KEY = os.environ.get("FILEMILL_LIVE_URL"), os.environ.get("FILEMILL_LIVE_KEY")
FILES = int(os.environ.get("FILEMILL_TEST_FILES", "12"))
BYTES = int(os.environ.get("FILEMILL_TEST_BYTES", str(40 * 1000**2)))
SECONDS = 1800

pytestmark = [
    pytest.mark.skipif(not (URL and KEY), reason="FILEMILL_LIVE_URL and FILEMILL_LIVE_KEY name no running stage"),
]


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "FILEMILL_URL": URL or "", "FILEMILL_KEY": KEY or "", "PYTHONPATH": paths}


def begun(env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "filemill.cli", *args]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done(env: dict[str, str], *args: str, code: int = 0) -> list[list[str]]:
    """The lines of a command that ends with `code`."""
    process = begun(env, *args)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == code, err
    return [line.split("\t") for line in out.splitlines()]


@pytest.fixture
def folder(env: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """New files with new bytes; what was sent of them is deleted in the end."""
    found = tmp_path / "files"
    found.mkdir()
    for number in range(FILES):
        (found / f"{number} 日本.txt").write_bytes(os.urandom(8).hex().encode() + f" file {number}\n".encode() * 90)
    yield found
    ids = [line[0] for line in done(env, "ls", "--tag", found.parent.name, "--all")]
    for at in range(0, len(ids), 100):
        done(env, "rm", "--yes", *ids[at : at + 100])


def test_a_killed_upload_goes_on_and_all_bytes_come_back(env: dict[str, str], folder: Path, tmp_path: Path) -> None:
    command = ["upload", "-r", str(folder), "--jobs", "8", "--tag", tmp_path.name]
    process = begun(env, *command)
    assert process.stdout is not None
    for _ in range(FILES // 3):
        process.stdout.readline()
    process.kill()
    process.communicate()
    before = len(done(env, *command, "--wait"))
    again = done(env, *command)
    assert before == len(again) == FILES
    assert {line[1] for line in again} == {"ready"}
    assert len(done(env, "ls", "--tag", tmp_path.name, "--all")) <= FILES + 8  # those that the kill met

    into = tmp_path / "back"
    done(env, "download", "--into", str(into), *[line[0] for line in again])
    sent = sorted(path.read_bytes() for path in folder.iterdir())
    assert sorted(path.read_bytes() for path in into.iterdir()) == sent


def test_a_large_file_that_was_killed_goes_on(env: dict[str, str], folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    large = folder / "large.bin"
    with large.open("wb") as file:
        for _ in range(BYTES // 1_000_000):
            file.write(os.urandom(1_000_000))
    command = ["upload", str(large), "--tag", tmp_path.name, "--recipe", "original-only"]
    begin = time.monotonic()
    process = begun(env, *command)
    states = Path(env["XDG_STATE_HOME"]) / "filemill/uploads"
    while not list(states.glob("*.json")) and process.poll() is None and time.monotonic() - begin < 120:
        time.sleep(0.2)
    time.sleep(3)
    process.kill()
    process.communicate()
    first = time.monotonic() - begin
    (line,) = done(env, *command, "--wait", "--timeout", "30m")
    second = time.monotonic() - begin - first
    sys.stderr.write(f"{BYTES / 1e6:.0f} MB: {first:.1f} s until it was killed, {second:.1f} s after it\n")
    back = tmp_path / "back.bin"
    done(env, "download", line[0], "-o", str(back))
    assert back.stat().st_size == BYTES
    assert subprocess.run(["cmp", str(back), str(large)], check=False).returncode == 0


def test_a_sync_sends_nothing_twice(env: dict[str, str], folder: Path, tmp_path: Path) -> None:
    command = ["sync", str(folder), "--tag", tmp_path.name, "--delete", "--yes"]
    assert sorted(line[0] for line in done(env, *command)) == ["sent"] * FILES
    assert done(env, *command) == []
    next(folder.iterdir()).unlink()
    assert [line[0] for line in done(env, *command)] == ["deleted"]


def test_events_are_forwarded_to_a_server_here(env: dict[str, str], folder: Path, tmp_path: Path) -> None:
    got: list[tuple[dict[str, str], bytes]] = []
    came = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()
            came.set()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_address[1]}"
    listening = begun(env, "webhooks", "listen", "--forward-to", address, "--type", "filemill.file.ready")
    assert listening.stderr is not None
    secret = listening.stderr.readline().split()[-1]
    while "Listening on the socket" not in (said := listening.stderr.readline()):
        assert said, "it ended"
    done(env, "upload", str(next(folder.iterdir())), "--tag", tmp_path.name, "--wait")
    assert came.wait(120)
    listening.send_signal(signal.SIGINT)
    listening.communicate(timeout=60)
    server.shutdown()
    server.server_close()
    assert verify(*got[0], secret).type == "filemill.file.ready"


def test_the_doctor_finds_nothing(env: dict[str, str]) -> None:
    found = {line[1]: line for line in done(env, "doctor")}
    assert {line[0] for line in found.values()} <= {"ok", "skipped", "warning"}, found
    assert found["socket"][0] == "ok"
