"""`make demo` makes its samples once, and sends only those that are not there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ops import __main__ as ops
from ops.demo import command
from ops.errors import OpsError
from ops.local import running
from ops.local.running import Running

SAMPLES = ("a.png", "b.pdf", "c.mp4")


class Stage(BaseHTTPRequestHandler):
    """Lists files, one a page, as the API does."""

    files: list[dict[str, str]] = []

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        allowed = self.headers["Authorization"] == "Bearer fm_a" and query["tag"] == ["demo"]
        at = int(query.get("cursor", ["0"])[0])
        cursor = str(at + 1) if at + 1 < len(self.files) else None
        body = json.dumps({"items": self.files[at : at + 1], "next_cursor": cursor}).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What `filemill upload` was given. A stage runs at `tmp_path`, and three samples are made."""
    server = HTTPServer(("127.0.0.1", 0), Stage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = tmp_path / ".local"
    (home / "samples").mkdir(parents=True)
    for name in SAMPLES:
        (home / "samples" / name).write_text(name)
    (home / "api-key").write_text("fm_a\n")
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(running, "find", lambda folder: Running("", url, str(home / "app"), "", 1))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "samples", lambda folder, *, verbose: None)
    given: list[list[str]] = []

    def upload(files: list[Path], environment: dict[str, str]) -> int:
        assert (environment["FILEMILL_URL"], environment["FILEMILL_KEY"]) == (url, "fm_a")
        given.append([file.name for file in files])
        return 0

    monkeypatch.setattr(command, "upload", upload)
    monkeypatch.setattr(Stage, "files", [])
    yield given
    server.shutdown()
    server.server_close()


def ready(*names: str, status: str = "ready") -> list[dict[str, str]]:
    return [{"filename": name, "status": status} for name in names]


def test_all_are_sent_to_an_empty_stage(sent: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["demo"]) == 0
    assert sent == [list(SAMPLES)]
    assert "http://127.0.0.1:" in capsys.readouterr().out


def test_none_is_sent_twice(sent: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stage, "files", ready("a.png", "mine.txt", "c.mp4"))
    assert ops.main(["demo"]) == 0
    monkeypatch.setattr(Stage, "files", ready(*SAMPLES))
    assert ops.main(["demo"]) == 0
    assert sent == [["b.pdf"]]


def test_one_whose_upload_was_never_finished_is_sent_again(
    sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "files", ready("a.png", status="awaiting_upload") + ready("b.pdf", "c.mp4"))
    assert ops.main(["demo"]) == 0
    assert sent == [["a.png"]]


def test_without_a_stage_it_says_what_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["demo", "--project-dir", str(tmp_path)]) == 1
    assert "Nothing runs here: start `make run` in another terminal" in capsys.readouterr().err


def test_a_sample_that_cannot_be_made_is_an_error_with_the_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / ".local/demo/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 1/2 a.png\necho No space left\nexit 1\n")
    (tmp_path / "ops/demo").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    for name in (*command.MAKERS, "ops/demo/requirements.txt", "docs/flow.svg", "ops/setup.sh"):
        (tmp_path / name).write_text("#!/bin/sh\n")
    for file in (python, tmp_path / "ops/setup.sh"):
        file.chmod(0o755)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    with pytest.raises(OpsError, match="No space left"):
        command.samples(tmp_path / ".local/samples", verbose=False)
    python.write_text(f"#!/bin/sh\nmkdir {tmp_path}/.local/samples\necho made >>{tmp_path}/made\n")
    for _ in range(2):
        command.samples(tmp_path / ".local/samples", verbose=False)
    assert (tmp_path / "made").read_text() == "made\n", "once"
    (tmp_path / command.MAKERS[0]).write_text("changed")
    (tmp_path / ".local/samples").rmdir()
    command.samples(tmp_path / ".local/samples", verbose=False)
    assert (tmp_path / "made").read_text() == "made\nmade\n", "again after a change"
