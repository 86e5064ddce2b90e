"""`--stage local` finds the stage that `make run` has started, or says that there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import config
from ops.errors import OpsError
from ops.local import running
from ops.local.emulator_process import ADAPTER, EmulatorProcess

WAIT = "import time; print(flush=True); time.sleep(60)"  # it has started when it has printed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    config.config_path(tmp_path).write_text('{"stages": {}}')
    (tmp_path / ".local" / "app").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def emulator(checkout: Path) -> Iterator[EmulatorProcess]:
    """A process that looks like the emulator of this checkout."""
    emulator = EmulatorProcess(checkout / ".local", 4567, Path(sys.executable), [])
    command = [sys.executable, "-c", WAIT, str(ADAPTER), "--state", str(emulator.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        emulator.process = process
        running.announce(checkout / ".local", emulator, "http://localhost:8001")
        yield emulator
        process.kill()


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("FILEMILL_TABLE", "real")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("folder", [".", ".local/app"])
def test_the_running_stage_is_found_from_the_checkout_and_from_its_copy(
    checkout: Path, emulator: EmulatorProcess, folder: str
) -> None:
    found = running.attach(checkout / folder)
    assert found
    assert found.project_dir == str(checkout / ".local" / "app")
    assert found.front_door == "http://localhost:8001"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4567"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
    assert not {"AWS_PROFILE", "FILEMILL_TABLE"} & set(os.environ)
    assert "127.0.0.1" in os.environ["NO_PROXY"]


def test_a_file_that_a_killed_run_left_is_not_believed(checkout: Path, emulator: EmulatorProcess) -> None:
    assert emulator.process
    emulator.process.kill()
    emulator.process.wait()
    assert running.find(checkout) is None
    stranger = json.loads((checkout / ".local" / running.FILE).read_text()) | {"pid": os.getpid()}
    (checkout / ".local" / running.FILE).write_text(json.dumps(stranger))
    assert running.find(checkout) is None
    (checkout / ".local" / running.FILE).write_text("half")
    assert running.find(checkout) is None


def test_a_stage_that_does_not_run_is_a_sentence(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="`make run` is not running") as error:
        running.attach(checkout)
    assert "provision" not in str(error.value)
    recorded = {"FILEMILL_INGEST_QUEUE_ARN": "arn:aws:sqs:us-east-1:000000000000:q"}
    config.config_path(checkout).write_text(json.dumps({"stages": {"local": {"environment_variables": recorded}}}))
    with pytest.raises(OpsError, match="`make run` is not running"):
        running.attach(checkout)


def test_who_names_an_endpoint_or_has_such_a_stage_on_aws_is_left_alone(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = {"FILEMILL_INGEST_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:q"}
    config.config_path(checkout).write_text(json.dumps({"stages": {"local": {"environment_variables": recorded}}}))
    assert running.attach(checkout) is None
    config.config_path(checkout).write_text('{"stages": {}}')
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
    assert running.attach(checkout) is None
    assert os.environ["AWS_PROFILE"] == "production"


def test_the_end_of_the_stage_takes_the_file_away(checkout: Path, emulator: EmulatorProcess) -> None:
    running.withdraw(checkout / ".local")
    running.withdraw(checkout / ".local")
    assert running.find(checkout) is None
