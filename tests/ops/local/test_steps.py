"""`make run` says in one line how far it is, and keeps the details in a log."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest

from ops.local import steps
from ops.local.steps import Steps


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(out: io.StringIO, log: Path, *, verbose: bool = False) -> None:
    with Steps(log, verbose=verbose, out=out) as shown:
        shown.plan(2)
        shown("starting")
        shown.detail("a table")
        shown("opening")
        shown.say("It runs.")


def screen(written: str) -> list[str]:
    """The lines that a terminal shows in the end: what stands behind the last return of the cursor."""
    return [re.sub(r".*\r", "", line).replace("\x1b[K", "") for line in written.split("\n")]


def test_a_terminal_has_one_line_that_goes_when_all_is_done(tmp_path: Path) -> None:
    out = Terminal()
    run(out, tmp_path / "run.log")
    assert screen(out.getvalue()) == ["It runs.", ""]
    assert "[1/2] starting, 0 s" in out.getvalue()
    assert "[2/2] opening, 0 s" in out.getvalue()
    assert "a table" not in out.getvalue()


def test_the_line_moves_while_a_step_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "SHOWN", 0.01)
    out = Terminal()
    with Steps(tmp_path / "run.log", out=out) as shown:
        shown("starting")
        deadline = time.monotonic() + 10
        while out.getvalue().count("starting") < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_line_is_never_wider_than_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    with Steps(tmp_path / "run.log", out=out) as shown:
        shown("x" * 100)
    assert all(len(part.replace("\x1b[K", "")) < 20 for part in out.getvalue().split("\r"))


def test_a_pipe_gets_a_line_for_each_step_and_no_control_characters(tmp_path: Path) -> None:
    out = io.StringIO()
    run(out, tmp_path / "run.log")
    assert [re.sub(" +", " ", line) for line in out.getvalue().splitlines()] == [
        "[1/2] 0.0 s starting",
        "[2/2] 0.0 s opening",
        "It runs.",
    ]


@pytest.mark.parametrize("out", [Terminal(), io.StringIO()], ids=["terminal", "pipe"])
def test_details_are_shown_on_request(out: io.StringIO, tmp_path: Path) -> None:
    run(out, tmp_path / "run.log", verbose=True)
    assert "a table" in out.getvalue() and "\r" not in out.getvalue()


def test_the_log_has_everything_of_this_run_for_its_owner_only(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("of an earlier run")
    log.chmod(0o644)
    run(Terminal(), log)
    said = [re.sub(r"^ +\d+\.\d +", "", line) for line in log.read_text().splitlines()]
    assert said == ["[1/2] starting", "a table", "[2/2] opening", "It runs."]
    assert log.stat().st_mode & 0o777 == 0o600


def test_an_error_leaves_the_terminal_in_order(tmp_path: Path) -> None:
    out = Terminal()
    with pytest.raises(ValueError, match="a"), Steps(tmp_path / "run.log", out=out) as shown:
        shown("starting")
        raise ValueError("a")
    assert screen(out.getvalue()) == [""]
