"""The command as a process: stopped at any moment, killed, run twice at once, and with many files."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from fake_filemill import FakeFilemill

from cli.process import Live, begun, ended, live

__all__ = ["live"]

FILES = int(os.environ.get("FILEMILL_TEST_FILES", "60"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "many"
    for number in range(FILES):
        path = found / str(number // 500) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"file {number} ".encode() * 80)
    return found


def until(service: FakeFilemill, files: int) -> None:
    end = time.monotonic() + 60
    while len(service.bytes) < files and time.monotonic() < end:
        time.sleep(0.01)


def copies(service: FakeFilemill) -> Counter[bytes]:
    return Counter(service.bytes.values())


@pytest.mark.parametrize("command", [["upload", "-r"], ["sync"]])
@pytest.mark.parametrize("files", [0, 1, 20])
def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    live: Live, folder: Path, command: list[str], files: int
) -> None:
    env, service = live
    service.delay = 0.02  # so that the signal comes in the middle
    process = begun(env, *command, str(folder))
    until(service, files)
    time.sleep(random.uniform(0, 0.3) if files else 1.0)
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 130, err
    assert "Traceback" not in err
    sent = len(out.splitlines())
    service.delay = 0
    code, out, err = ended(begun(env, *command, str(folder)))
    assert code == 0, err
    assert len(out.splitlines()) >= FILES - len(service.bytes)
    assert set(copies(service)) == {path.read_bytes() for path in folder.rglob("*.txt")}
    # Those that were under way when the signal came may be there twice; what was printed is not.
    assert sum(number - 1 for number in copies(service).values()) <= 4, (sent, copies(service))


def test_a_killed_upload_goes_on(live: Live, folder: Path) -> None:
    env, service = live
    service.delay = 0.01
    for part in (1, 2):
        process = begun(env, "upload", "-r", str(folder), "--jobs", "4")
        until(service, part * FILES // 4)
        process.kill()
        ended(process)
    service.delay = 0
    code, _, err = ended(begun(env, "upload", "-r", str(folder)))
    assert code == 0, err
    assert "already there" in err
    assert set(copies(service)) == {path.read_bytes() for path in folder.rglob("*.txt")}
    assert sum(number - 1 for number in copies(service).values()) <= 2 * 4


def test_of_two_syncs_at_once_one_says_so(live: Live, folder: Path) -> None:
    env, service = live
    service.delay = 0.02
    first = begun(env, "sync", str(folder))
    until(service, 1)
    code, _, err = ended(begun(env, "sync", str(folder)))
    assert code == 7, err
    assert ended(first)[0] == 0
    assert set(copies(service).values()) == {1}


def test_without_a_network_the_reason_is_said(live: Live, folder: Path) -> None:
    env, _ = live
    code, _, err = ended(begun({**env, "FILEMILL_URL": "http://127.0.0.1:9"}, "ls"))
    assert code == 5
    assert "nothing listens at that port" in err
    assert "filemill doctor" in err


def test_a_proxy_that_does_not_answer_is_named(live: Live) -> None:
    env, _ = live
    proxied = {**env, "FILEMILL_URL": "http://files.example.com", "HTTP_PROXY": "http://user:secret@127.0.0.1:9"}
    code, _, err = ended(begun(proxied, "ls"))
    assert code == 5
    assert "HTTP_PROXY is set" in err
    assert "secret" not in err


def test_a_pipe_that_closes_is_no_error(live: Live) -> None:
    env, service = live
    for number in range(2_000):
        service.add(str(number).encode(), filename=f"{number}.txt")
    process = begun(env, "ls", "--all")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    assert process.wait(60) == 0, err
    assert "Traceback" not in err
    process.stderr.close()
