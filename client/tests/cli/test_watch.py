"""`filemill upload --watch`: a file is sent when it is finished, and once."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import pytest
from fake_filemill import Call, FakeFilemill, Reply, problem

from cli.process import Live, ended, live, running
from cli.runner import Ran, Run

__all__ = ["live"]

Step = Callable[[], object]


class Watch(Protocol):
    """The fixture `watch`."""

    def __call__(self, *steps: Step, options: tuple[str, ...] = ()) -> Ran: ...


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    found = tmp_path / "inbox"
    found.mkdir()
    (found / "first.txt").write_text("first")
    return found


@pytest.fixture
def watch(run: Run, inbox: Path, signed_in: None, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watches the folder. Each step is done before one look; after the last look comes Ctrl-C."""

    def called(*steps: Step, options: tuple[str, ...] = ()) -> Ran:
        left: Iterator[Step] = iter(steps)

        def sleep(seconds: float) -> None:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        monkeypatch.setattr("filemill.cli.commands.upload.time", SimpleNamespace(sleep=sleep))
        return run("upload", str(inbox), "--recursive", "--watch", *options)

    return called


def nothing() -> None:
    """The folder stays as it is."""


def sent(service: FakeFilemill) -> list[tuple[str, bytes]]:
    return sorted((record["filename"], service.bytes[file_id]) for file_id, record in service.files.items())


FIRST = ("first.txt", b"first")


def test_a_file_that_comes_later_is_sent_once(watch: Watch, service: FakeFilemill, inbox: Path) -> None:
    ran = watch(lambda: (inbox / "new.txt").write_text("new"), nothing, nothing, nothing)
    assert ran.code == 130
    assert sent(service) == [FIRST, ("new.txt", b"new")]
    assert [Path(line[2]).name for line in ran.lines] == ["first.txt", "new.txt"]
    assert "Watching. Ctrl-C ends it." in ran.err


def test_a_file_that_still_grows_is_sent_when_it_is_whole(watch: Watch, service: FakeFilemill, inbox: Path) -> None:
    path = inbox / "grows.txt"
    looks: list[int] = []

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"more")
        looks.append(len(service.files))

    watch(grow, grow, grow, lambda: looks.append(len(service.files)), nothing)
    assert looks == [1, 1, 1, 1]
    assert sent(service) == [FIRST, ("grows.txt", b"more" * 3)]


def test_a_file_that_is_renamed_into_place_is_sent_under_its_new_name_only(
    watch: Watch, service: FakeFilemill, inbox: Path
) -> None:
    hidden = inbox / "film.part"
    watch(
        lambda: hidden.write_text("half"),
        lambda: hidden.write_text("half, and the rest"),
        lambda: hidden.rename(inbox / "film.txt"),
        nothing,
        nothing,
    )
    assert sent(service) == [("film.txt", b"half, and the rest"), FIRST]


def test_a_file_that_is_moved_in_from_elsewhere_is_sent(watch: Watch, service: FakeFilemill, inbox: Path) -> None:
    outside = inbox.parent / "ready.txt"
    outside.write_text("ready")
    watch(lambda: outside.rename(inbox / "ready.txt"), nothing)
    assert sent(service) == [FIRST, ("ready.txt", b"ready")]


def test_a_file_that_is_deleted_before_it_is_ripe_is_no_failure(
    watch: Watch, service: FakeFilemill, inbox: Path
) -> None:
    path = inbox / "short.txt"
    ran = watch(lambda: path.write_text("short"), path.unlink, nothing, nothing)
    assert sent(service) == [FIRST]
    assert "failed" not in ran.err


def test_a_file_that_is_deleted_after_it_was_sent_stays_at_the_service(
    watch: Watch, service: FakeFilemill, inbox: Path
) -> None:
    watch((inbox / "first.txt").unlink, nothing, nothing)
    assert sent(service) == [FIRST]


def test_a_watched_folder_that_vanishes_and_comes_back_is_watched_on(
    watch: Watch, service: FakeFilemill, inbox: Path
) -> None:
    away = inbox.parent / "away"
    ran = watch(
        lambda: inbox.rename(away),
        nothing,
        lambda: away.rename(inbox),
        lambda: (inbox / "new.txt").write_text("new"),
        nothing,
    )
    assert ran.code == 130
    assert sent(service) == [FIRST, ("new.txt", b"new")]


def test_a_file_that_is_changed_is_sent_again(watch: Watch, service: FakeFilemill, inbox: Path) -> None:
    watch(lambda: (inbox / "first.txt").write_text("first, and more"), nothing, nothing)
    assert sent(service) == [FIRST, ("first.txt", b"first, and more")]


def test_a_file_that_is_refused_is_tried_again_only_when_it_changes(
    watch: Watch, service: FakeFilemill, inbox: Path
) -> None:
    path = inbox / "bad.txt"
    tries: list[str] = []

    def refuse(call: Call) -> Reply | None:
        if call.method == "POST" and call.path == "/v1/files":
            tries.append("")
            return problem(422, "invalid_field", "Not this one.") if len(tries) == 1 else None
        return None

    def bad() -> None:
        service.before = refuse
        path.write_text("bad")

    ran = watch(bad, nothing, nothing, nothing, lambda: path.write_text("better"), nothing, nothing)
    assert len(tries) == 2
    assert "Not this one." in ran.err
    assert sent(service) == [("bad.txt", b"better"), FIRST]


def test_excluded_files_are_not_watched(watch: Watch, service: FakeFilemill, inbox: Path) -> None:
    watch(lambda: (inbox / "a.tmp").write_text("a"), nothing, nothing, options=("--exclude", "*.tmp"))
    assert sent(service) == [FIRST]


def test_after_ctrl_c_the_same_command_sends_only_what_came_meanwhile(
    watch: Watch, service: FakeFilemill, inbox: Path
) -> None:
    watch(lambda: (inbox / "new.txt").write_text("new"), nothing)
    (inbox / "meanwhile.txt").write_text("meanwhile")
    before = set(service.files)
    ran = watch(nothing)
    assert "2 already there" in ran.err
    assert [service.files[each]["filename"] for each in set(service.files) - before] == ["meanwhile.txt"]


def _until(service: FakeFilemill, files: int) -> None:
    end = time.monotonic() + 60
    while len(service.bytes) < files:
        assert time.monotonic() < end, "it was not sent"
        time.sleep(0.02)


def test_a_process_that_watches_ends_with_ctrl_c_and_its_state_goes_on(live: Live, inbox: Path) -> None:
    env, service = live

    def stopped(process: subprocess.Popen[str]) -> tuple[int, str, str]:
        process.send_signal(signal.SIGINT)
        return ended(process)

    with running(env, "upload", "--recursive", "--watch", str(inbox)) as process:
        _until(service, 1)
        (inbox / "new.txt").write_text("new")
        _until(service, 2)
        code, out, err = stopped(process)
    assert code == 130, err
    assert "Traceback" not in err
    assert len(out.splitlines()) in {1, 2}  # Ctrl-C may come before the second line
    (inbox / "third.txt").write_text("third")
    with running(env, "upload", "--recursive", "--watch", str(inbox)) as process:
        _until(service, 3)
        assert stopped(process)[0] == 130
    assert [data for _, data in sent(service)].count(b"first") == 1
