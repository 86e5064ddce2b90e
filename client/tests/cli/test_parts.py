"""The parts below the commands: text, the walk, the state, the pool, the progress."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from filemill.cli import text
from filemill.cli.failures import Cancelled, Stop
from filemill.cli.pool import Outcome, Pool
from filemill.cli.progress import Display
from filemill.cli.run import said
from filemill.cli.sending import count_ahead
from filemill.cli.state import State, lock
from filemill.cli.walk import Local, Skipped, walk


def test_control_characters_are_shown_as_escapes() -> None:
    assert text.visible("a\x1b[31m\x9b\n\t\u202e\ud800 ü🦊") == "a\\x1b[31m\\x9b\\x0a\\x09\\u202e\\ud800 ü🦊"
    assert text.visible("".join(map(chr, range(0x20, 0x7F)))) == "".join(map(chr, range(0x20, 0x7F)))


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (5 * 10**12, "5.0 TB")]
)
def test_sizes_for_people(count: int, words: str) -> None:
    assert text.size(count) == words


def test_ctrl_c_that_breaks_a_lock_is_still_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    broken, other = RuntimeError("release unlocked lock"), RuntimeError("something else")
    broken.__context__ = KeyboardInterrupt()
    other.__context__ = ValueError()
    assert said(broken) == 130
    assert said(other) == 1
    assert "Stopped." in capsys.readouterr().err


def test_durations_are_seconds() -> None:
    assert [text.seconds(each) for each in ("90", "45m", "12h", "7d", "2w")] == [90, 2700, 43_200, 604_800, 1_209_600]
    for wrong in ("", "h", "1.5h", "-1", "1y", "1h30m"):
        with pytest.raises(ValueError, match="no duration"):
            text.seconds(wrong)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"])
@pytest.mark.parametrize("zone", ["UTC+14", "UTC-14"])
def test_a_moment_that_no_zone_here_has_is_shown_as_it_came(
    moment: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert text.moment(moment)[:2] in {moment[:2], "1-"}
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("value", [7, 1e308, ["a"], {"a": 1}, "soon", "2026-13-45T99:99:99Z", "9" * 5000])
def test_what_is_no_moment_is_shown_as_it_came(value: object) -> None:
    assert text.moment(value) == str(value)


def test_the_walk_is_lazy_and_its_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand files in one folder; the folder is not on a disk."""

    class Entry:
        def __init__(self, number: int) -> None:
            self.name = f"{number}.txt"
            self.path = f"/folder/{number}.txt"

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            return False

        def stat(self) -> os.stat_result:
            return os.stat_result((0o100644, 1, 1, 1, 0, 0, 1000, 0, 0, 0))

    class Entries:
        def __init__(self) -> None:
            self._numbers = iter(range(100_000))

        def __next__(self) -> Entry:
            return Entry(next(self._numbers))

        def __iter__(self) -> Iterator[Entry]:
            return self

        def __enter__(self) -> Entries:
            return self

        def __exit__(self, *error: object) -> None: ...

    monkeypatch.setattr(os, "scandir", lambda path: Entries())
    found = walk("/folder")
    next(found)
    tracemalloc.start()
    try:
        assert sum(1 for _ in found) == 99_999
        # All entries at once take above 20 MB. What else this process does in the meantime is measured too.
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_folder_that_vanishes_during_the_walk_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.txt").write_text("a")
    found = walk(str(tmp_path))
    first = next(found)
    assert isinstance(first, Local)
    (tmp_path / "inner").rmdir()
    (gone,) = found
    assert isinstance(gone, Skipped)
    assert gone.fault
    assert "any more" in gone.reason


def local(number: int = 0, size: int = 1) -> Local:
    return Local(f"/folder/{number}", str(number), size, 1, 1)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(tmp_path / "state.sqlite")
    yield opened
    opened.close()


def test_a_file_is_known_as_long_as_it_is_the_same(state: State) -> None:
    assert state.known(local()) is None
    state.record(local(), "file_1", "hash")
    assert state.known(local()) == "file_1"
    assert state.known(local(), "other options") is None
    assert state.known(local(size=2)) is None
    assert state.sent_as("hash") == "file_1"
    state.keep_hash(local(), "hash")
    assert state.hash_of(local()) == "hash"
    assert state.hash_of(local(size=2)) is None


def test_names_that_are_no_text_are_kept(state: State) -> None:
    odd = Local(os.fsdecode(b"/folder/\xff\xfe"), "x", 1, 1, 1)
    state.record(odd, "file_1")
    assert state.known(odd) == "file_1"


def test_only_one_process_holds_a_lock(tmp_path: Path) -> None:
    with lock(tmp_path / "lock", "busy"), pytest.raises(Stop, match="busy"):
        lock(tmp_path / "lock", "busy")
    lock(tmp_path / "lock", "busy").close()


def test_the_pool_takes_few_items_ahead_and_gives_all_results() -> None:
    taken = 0
    done: list[int] = []

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(500):
            taken += 1
            assert taken - len(done) <= 9
            yield number

    def work(number: int) -> int:
        if number % 10 == 0:
            raise ValueError(number)
        return number

    outcomes: list[Outcome[int, int]] = []

    def finished(outcome: Outcome[int, int]) -> None:
        done.append(outcome.item)
        outcomes.append(outcome)

    Pool(4, work).run(items(), finished)
    assert sorted(done) == list(range(500))
    assert sum(outcome.error is not None for outcome in outcomes) == 50


def test_an_interrupt_stops_the_threads() -> None:
    working = threading.Event()
    ended = threading.Event()
    pool: Pool[int, None]

    def work(number: int) -> None:
        working.set()
        try:
            while not pool.stopped.wait(0.01):
                pass
            raise Cancelled
        finally:
            ended.set()

    def items() -> Iterator[int]:
        yield 1
        assert working.wait(5)
        raise KeyboardInterrupt

    pool = Pool(2, work)
    with pytest.raises(KeyboardInterrupt):
        pool.run(items(), lambda outcome: None)
    assert ended.wait(5)


def test_the_display_counts_what_is_done() -> None:
    with Display("Sending", terminal=True) as display:
        display.found(3, 300)
        display.passed(100)
        meter = display.begin("\x1b[31mname", 100)
        meter.to(60)
        time.sleep(0.5)  # it is drawn
        meter.to(20)  # a part was lost
        display.end(meter)
        failed = display.begin("b", 100)
        display.end(failed)
        display.all_found()
        assert display.line().startswith("Sending: 3 of 3 files, 300 B of 300 B")


def test_files_are_counted_ahead(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / str(number)).write_bytes(b"x")
    display = Display("Sending", quiet=True)
    count_ahead(walk(str(tmp_path)), display)
    assert "1,200 files" in display.line()
    assert "so far" not in display.line()
