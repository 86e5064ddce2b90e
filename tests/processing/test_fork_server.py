"""The fork server: its children have today's bounds, and no file can harm it or the children beside its own."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from chalicelib.processing import child, fork_server
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.fork_server import ServerLostError
from tests.stage import ROOT

pytestmark = pytest.mark.pure

FORKED = "tests.processing.forked"
LIMITS = Limits(memory=512 * 1024**2, seconds=10)


@pytest.fixture(autouse=True)
def own_server() -> Iterator[None]:
    """Each test has a server of its own, which is gone when the test ends."""
    _end()
    yield
    _end()


def _end() -> None:
    for each in fork_server._servers:
        each.end()
        each.process.wait(10)


def run(limits: Limits = LIMITS, **arguments: Any) -> dict[str, Any]:
    header, body = child.run_on(FORKED, io.BytesIO(b"x"), 1, arguments, limits)
    assert body == b"done"
    return header


def directly(monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> dict[str, Any]:
    def lost(*_: Any, **__: Any) -> None:
        raise ServerLostError

    with monkeypatch.context() as patched:
        patched.setattr(fork_server, "begin", lost)
        return run(**arguments)


def server() -> fork_server.Server:
    found = fork_server.running()
    assert found
    return found


def is_forked(found: dict[str, Any]) -> bool:
    return bool(found["has"]["parent"] != os.getpid())


def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it does not come true")


def is_gone(process: int) -> bool:
    """True also for one that has ended, and whose new parent has not asked for its status yet."""
    try:
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True


# --- a child has what a new interpreter has


def test_a_child_has_the_bounds_and_the_signals_of_a_new_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    forked, new = run()["has"], directly(monkeypatch)["has"]
    assert forked["parent"] == server().process.pid
    assert new["parent"] == os.getpid()
    for each in ("limits", "signals", "environment"):
        assert forked[each] == new[each], each
    assert forked["limits"] == [[LIMITS.memory] * 2, [10, 11], [0, 0], [0, 0]]
    assert set(forked["environment"]) <= {"PATH", "PYTHONPATH", "LC_CTYPE"}


def test_a_child_has_no_file_of_another_job() -> None:
    run()
    with ThreadPoolExecutor(8) as threads:
        found = [*threads.map(lambda _: run(seconds=0.2), range(8))]
    nothing = [f"{each} /dev/null" for each in range(3)]
    for each in found:
        assert [name for name in each["has"]["files"] if not name.endswith(" ")] == [*nothing, "3 socket"]


def test_each_child_has_its_own_random_numbers() -> None:
    assert run()["has"]["random"] != run()["has"]["random"]


def test_the_server_has_one_thread_with_ffmpeg_imported_too() -> None:
    fork_server.prepare("chalicelib.processing.media.hls.child")
    run()
    process = server().process.pid
    assert "/av/" in Path(f"/proc/{process}/maps").read_text()
    assert [each.name for each in Path(f"/proc/{process}/task").iterdir()] == [str(process)]


def test_a_module_that_is_missing_is_the_jobs_fault() -> None:
    with pytest.raises(ChildDiedError, match="ModuleNotFoundError"):
        child.run_on("tests.processing.nowhere", io.BytesIO(), 0, {}, LIMITS)
    assert is_forked(run())


def test_a_server_serves_many_threads() -> None:
    with ThreadPoolExecutor(60) as threads:
        found = [*threads.map(lambda number: run(number=number), range(120))]
    assert [each["number"] for each in found] == [*range(120)]
    assert {each["has"]["parent"] for each in found} == {server().process.pid}
    until(lambda: not Path(f"/proc/{server().process.pid}/task/{server().process.pid}/children").read_text())


def test_the_cpu_of_children_is_counted() -> None:
    run(Limits(seconds=1))
    before = server().cpu
    with pytest.raises(ChildDiedError, match=f"{child.ENDED} {-signal.SIGXCPU}"):
        run(Limits(memory=LIMITS.memory, seconds=1), spin=True)
    # The kernel ends it by its clock's ticks, of which a busy machine gives some to others.
    assert 0.5 < server().cpu - before < 3


def test_an_error_of_the_source_says_nothing_about_the_file() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        child.run_on(FORKED, Broken(b"x"), 1, {}, LIMITS)
    assert is_forked(run())


# --- hostile files


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS])
def test_after_a_crash_there_is_a_new_server(crash: int) -> None:
    """The next child has its libraries at other addresses. A child that runs beside the crash goes on."""
    run()
    first = server()
    with ThreadPoolExecutor(1) as threads:
        beside = threads.submit(run, seconds=1)
        time.sleep(0.3)
        with pytest.raises(ChildDiedError, match=f"{child.ENDED} -{crash:d}"):
            run(signal=crash)
        assert run()["has"]["parent"] != first.process.pid
        assert beside.result()["has"]["parent"] == first.process.pid
    assert first.process.wait(5) == 0


def test_a_child_that_takes_too_long_is_killed_alone() -> None:
    run()
    with pytest.raises(ChildDiedError, match=child.TOO_LONG):
        run(Limits(memory=LIMITS.memory, wall=1), seconds=60)
    assert run()["has"]["parent"] == server().process.pid
    assert not Path(f"/proc/{server().process.pid}/task/{server().process.pid}/children").read_text()


def test_a_child_that_takes_too_much_memory_has_an_error() -> None:
    with pytest.raises(ChildDiedError, match="MemoryError"):
        run(bytes=LIMITS.memory)
    assert is_forked(run())


# --- a server that is lost


def test_a_server_that_was_killed_is_started_anew() -> None:
    first = run()["has"]["parent"]
    os.kill(first, signal.SIGKILL)
    until(lambda: is_gone(first))
    found = run()
    assert is_forked(found)
    assert found["has"]["parent"] != first


def test_a_server_that_dies_under_a_job_is_replaced_by_a_new_interpreter() -> None:
    run()
    found = run(end_of=server().process.pid)
    assert not is_forked(found)
    assert is_forked(run())


def test_a_server_that_can_not_be_started_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(fork_server, "Server", refused)
    fork_server.prepare(FORKED)
    assert not is_forked(run())


def test_a_server_that_can_not_fork_is_not_needed() -> None:
    fork_server.prepare("tests.processing.no_forks")
    assert not is_forked(run())


def test_a_server_without_free_file_numbers_is_not_needed() -> None:
    run()
    resource.prlimit(server().process.pid, resource.RLIMIT_NOFILE, (4, 4))
    assert not is_forked(run())


def test_a_server_that_is_stuck_is_ended() -> None:
    run()
    first = server().process
    first.send_signal(signal.SIGSTOP)
    with pytest.raises(ChildDiedError, match=child.TOO_LONG):
        run(Limits(memory=LIMITS.memory, wall=1))
    assert first.wait(5) == -signal.SIGKILL
    assert is_forked(run())


def test_a_server_that_was_frozen_goes_on() -> None:
    """Lambda freezes an instance between two requests."""
    first = run()["has"]["parent"]
    os.kill(first, signal.SIGSTOP)
    time.sleep(0.1)
    os.kill(first, signal.SIGCONT)
    assert run()["has"]["parent"] == first


def test_a_server_has_the_modules_of_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "late_child.py").write_text("def main(data, arguments):\n    return {}, b'late'\n")
    run()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert child.run_on("late_child", io.BytesIO(), 0, {}, LIMITS) == ({}, b"late")


# --- nothing stays behind

_FUNCTION = f"""
import io, threading, time
from chalicelib.processing import child, fork_server
fork_server.prepare("{FORKED}")
job = "{FORKED}", io.BytesIO(b"x"), 1, {{"seconds": 60}}, child.Limits()
threading.Thread(target=child.run_on, args=job, daemon=True).start()
server = fork_server.running().process.pid
for _ in range(500):
    time.sleep(0.01)
    children = open(f"/proc/{{server}}/task/{{server}}/children").read()
    if children:
        break
print(server, children, flush=True)
"""


@pytest.mark.parametrize("end", ["", "time.sleep(60)"])
def test_the_server_and_its_children_end_with_the_function(end: str) -> None:
    """Also if it is killed."""
    command = [sys.executable, "-c", _FUNCTION + end]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    function = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert function.stdout
    processes = [int(each) for each in function.stdout.readline().split()]
    assert len(processes) == 2
    if end:
        function.kill()
    function.communicate(timeout=10)
    until(lambda: all(map(is_gone, processes)))
