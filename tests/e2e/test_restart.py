"""`make run` ended and started again: nothing is lost, except the last seconds where the emulator was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from ops.local.stage import ROOT, LocalStage
from tests.e2e.stack import finished
from tests.local import Api, free_ports
from tests.soak import pictures
from tests.soak.run import Client

# More than the workers can process while they are sent.
FILES = 24


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, so that there is one deployment."""
    return tmp_path_factory.mktemp("restart")


@pytest.fixture(scope="module")
def ports() -> list[int]:
    return free_ports(2)


# A terminal as some companies have it: all traffic is to go through a proxy. Nothing listens at this address.
PROXY = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
TERMINAL = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FILEMILL_"))}
PROXIED = {**TERMINAL, **PROXY, "NO_PROXY": "", "no_proxy": ""}


@contextmanager
def running(home: Path, ports: list[int], terminal: Mapping[str, str] = PROXIED) -> Iterator[subprocess.Popen[str]]:
    """`make run`, as a terminal starts it: a process group of its own. Ready when it has printed its guide.

    The terminal names a proxy, and has a umask that closes nothing. The first run, which deploys, needs PyPI, and so a
    terminal without that proxy.
    """
    command = [sys.executable, "-m", "ops", "local", "--home", str(home)]
    command += ["--port", str(ports[0]), "--emulator-port", str(ports[1])]
    with subprocess.Popen(
        command, cwd=ROOT, env=terminal, stdout=subprocess.PIPE, text=True, start_new_session=True, umask=0
    ) as process:
        try:
            assert process.stdout
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("Filemill is running"):
                    break
            else:
                raise AssertionError("".join(said))
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=60)


def ops(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m ops`, from a plain terminal."""
    command = [sys.executable, "-m", "ops", *words, "--stage", "local", "--project-dir", str(home / "app")]
    return subprocess.run(command, cwd=ROOT, env=PROXIED, capture_output=True, text=True, timeout=120, check=False)


def counted(api: Api) -> Counter[str]:
    by_status = Client(api).get("/v1/stats")["by_status"]
    return Counter({status: count["files"] for status, count in by_status.items()})


def test_with_its_emulator_killed_in_the_first_run_it_says_so_and_starts_again(home: Path, ports: list[int]) -> None:
    with running(home, ports, TERMINAL) as process:
        os.kill(int((home / "emulator.pid").read_text()), signal.SIGKILL)
        assert process.wait(60) == 1
    with running(home, ports):
        api = Api(f"http://localhost:{ports[0]}", (home / "api-key").read_text().strip())
        assert api("GET", "/v1/files").json()["items"] == []


def test_a_killed_emulator_loses_at_most_ten_seconds(home: Path, ports: list[int]) -> None:
    with running(home, ports) as process:
        client = Client(Api(f"http://localhost:{ports[0]}", (home / "api-key").read_text().strip()))
        sent = client.send("a.csv", "text/csv", b"a,b")
        assert finished(client.api, sent)["status"] == "ready"
        time.sleep(10)
        saved = {file: file.stat().st_mtime_ns for file in (home / "state" / "services").iterdir()}
        time.sleep(8)
        assert saved == {file: file.stat().st_mtime_ns for file in (home / "state" / "services").iterdir()}
        os.kill(int((home / "emulator.pid").read_text()), signal.SIGKILL)
        assert process.wait(60) == 1
    with running(home, ports):
        client = Client(Api(f"http://localhost:{ports[0]}", client.api.key))
        assert client.get(f"/v1/files/{sent}")["status"] == "ready"
        assert [item["id"] for item in client.get("/v1/files")["items"]] == [sent]
        assert client.api("DELETE", f"/v1/files/{sent}").status_code == 204


def test_a_plain_terminal_operates_the_running_stage(home: Path, ports: list[int]) -> None:
    with running(home, ports):
        made = ops(home, "keys", "create", "--tenant", "acme", "--json")
        assert made.returncode == 0, made.stderr
        assert json.loads(made.stdout)["id"] in ops(home, "keys", "list").stdout
        assert "moved 0 dead letters" in ops(home, "redrive").stdout
        deleting = ops(home, "provision", "--delete")
        assert (deleting.returncode, "stop `make run`" in deleting.stderr) == (1, True)
    stopped = ops(home, "keys", "list")
    assert (stopped.returncode, "`make run` is not running" in stopped.stderr) == (1, True)


def test_no_other_user_can_read_a_secret(home: Path, ports: list[int]) -> None:
    with running(home, ports):
        stage = LocalStage(home, port=ports[0], emulator_port=ports[1])
        ssm = stage.client("ssm")
        found = ssm.get_parameters_by_path(Path="/filemill/local", WithDecryption=True)["Parameters"]
        secrets = [line for each in found for line in each["Value"].splitlines() if len(line) > 40]
        secrets.append((home / "api-key").read_text().strip())
        holding = list(open_files(home, secrets))
    holding += open_files(home, secrets)  # as it is after the stage has ended
    names = {file.name for file in holding}
    assert {"ssm.json", "api-key"} <= names, "the secrets were not found at all"
    for path in {*holding, home / "app" / ".chalice" / "config.json", home / "emulator.log"}:
        assert not path.stat().st_mode & 0o077, path
        assert not path.parent.stat().st_mode & 0o077, path.parent
    assert not home.stat().st_mode & 0o077


def open_files(home: Path, secrets: list[str]) -> Iterator[Path]:
    """The files below a folder that hold one of the secrets."""
    for file in home.rglob("*"):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            if any(secret.encode() in content for secret in secrets):
                yield file


def test_what_was_being_processed_at_ctrl_c_is_finished_after_the_next_start(home: Path, ports: list[int]) -> None:
    """Takes a minute: so long the file that was being processed is held by the worker that ended."""
    made = pictures.sources(None)
    with running(home, ports) as process:
        api = Api(f"http://localhost:{ports[0]}", (home / "api-key").read_text().strip())
        client = Client(api)
        pictures_to_send = [pictures.variant(made, 1, number) for number in range(FILES)]
        with ThreadPoolExecutor(8) as senders:
            sent = list(senders.map(lambda picture: client.send(*picture), pictures_to_send))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
    with running(home, ports):
        before = counted(api)
        deadline = time.monotonic() + 180
        while counted(api) != {"ready": FILES}:
            assert time.monotonic() < deadline, counted(api)
            time.sleep(1)
        assert before["ready"] < FILES, "it was stopped too late to show anything"
        for file_id in sent:
            record = client.get(f"/v1/files/{file_id}")
            assert record["status"] == "ready"
            assert requests.get(record["renditions"][0]["url"], timeout=60).status_code == 200
