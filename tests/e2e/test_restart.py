"""`make run` ended and started again: nothing is lost, but what came after the deployment where it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from ops.local.stage import ROOT
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


@contextmanager
def running(home: Path, ports: list[int]) -> Iterator[subprocess.Popen[str]]:
    """`make run`, as a terminal starts it: a process group of its own. Ready when it has printed its guide."""
    command = [sys.executable, "-m", "ops", "local", "--home", str(home)]
    command += ["--port", str(ports[0]), "--emulator-port", str(ports[1])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
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


def counted(api: Api) -> Counter[str]:
    by_status = Client(api).get("/v1/stats")["by_status"]
    return Counter({status: count["files"] for status, count in by_status.items()})


def test_with_its_emulator_killed_in_the_first_run_it_says_so_and_starts_again(home: Path, ports: list[int]) -> None:
    with running(home, ports) as process:
        os.kill(int((home / "emulator.pid").read_text()), signal.SIGKILL)
        assert process.wait(60) == 1
    with running(home, ports):
        api = Api(f"http://localhost:{ports[0]}", (home / "api-key").read_text().strip())
        assert api("GET", "/v1/files").json()["items"] == []


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
