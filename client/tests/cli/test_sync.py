"""`filemill sync`: nothing is sent twice, and nothing is deleted that was not meant."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_filemill import URL, Call, FakeFilemill, Reply, problem

from cli.runner import Run
from filemill.cli import state

pytestmark = pytest.mark.usefixtures("signed_in")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "catalogue"
    (found / "inner").mkdir(parents=True)
    (found / "one.txt").write_text("one")
    (found / "two.txt").write_text("two")
    (found / "inner/three.txt").write_text("three")
    return found


def test_files_are_sent_with_their_paths(run: Run, service: FakeFilemill, folder: Path) -> None:
    ran = run("sync", str(folder), "--tag", "shop")
    assert ran.code == 0
    assert sorted(record["metadata"]["path"] for record in service.files.values()) == [
        "inner/three.txt",
        "one.txt",
        "two.txt",
    ]
    assert all(record["tags"] == ["shop"] for record in service.files.values())
    assert sorted(line[0] for line in ran.lines) == ["sent"] * 3


def test_a_second_run_sends_and_reads_nothing(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync", str(folder))
    service.calls.clear()
    opened: list[str] = []
    plain = Path.open

    def watched(self: Path, *args: object, **more: object) -> object:
        opened.append(str(self))
        return plain(self, *args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", watched)
    ran = run("sync", str(folder))
    assert "Sent 0 files" in ran.err
    assert "3 already there" in ran.err
    assert [(call.method, call.path) for call in service.calls] == [("POST", "/v1/files/batch-get")]
    assert not [path for path in opened if path.startswith(str(folder))]


def test_bytes_that_the_service_has_are_not_sent(run: Run, service: FakeFilemill, folder: Path) -> None:
    service.add(b"one", filename="elsewhere.txt")
    run("sync", str(folder))
    assert len(service.files) == 3
    assert service.count("POST", "/form/.*") == 2


def test_the_same_bytes_are_sent_once(run: Run, service: FakeFilemill, folder: Path) -> None:
    for number in range(20):
        (folder / f"copy{number}.txt").write_text("one")
    ran = run("sync", str(folder), "--jobs", "8")
    assert ran.code == 0
    assert sorted(service.bytes.values()) == [b"one", b"three", b"two"]
    assert "20 already there" in ran.err


def test_a_renamed_file_is_not_sent_and_not_deleted(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "one.txt").rename(folder / "renamed.txt")
    ran = run("sync", str(folder), "--delete", "--yes")
    assert ran.code == 0
    assert len(service.files) == 3
    assert not service.deleted


def test_delete_removes_what_is_gone_and_what_was_replaced(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "one.txt").unlink()
    (folder / "two.txt").write_text("changed")
    ran = run("sync", str(folder), "--delete", "--yes")
    assert ran.code == 0
    assert sorted(record["filename"] for record in service.deleted.values()) == ["one.txt", "two.txt"]
    assert sorted(service.bytes[file_id] for file_id in service.files) == [b"changed", b"three"]
    assert not [line for line in run("sync", str(folder), "--delete", "--yes").lines if line[0] != "sent"]


def test_without_delete_nothing_is_removed(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "one.txt").unlink()
    run("sync", str(folder))
    assert not service.deleted
    run("sync", str(folder), "--delete", "--yes")
    assert len(service.deleted) == 1


@pytest.mark.parametrize("large", [False, True])
def test_files_of_others_are_never_deleted(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    if large:  # their hashes are asked for before anything is sent
        monkeypatch.setattr("filemill.cli.syncing._ASKED_WITH_THE_UPLOAD", 0)
    other = service.add(b"one", filename="elsewhere.txt")
    run("sync", str(folder))
    (folder / "one.txt").unlink()
    run("sync", str(folder), "--delete", "--yes")
    assert other["id"] in service.files


def test_nothing_is_deleted_below_a_folder_that_cannot_be_read(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync", str(folder))
    scandir = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith("inner"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    ran = run("sync", str(folder), "--delete", "--yes")
    assert ran.code == 1
    assert not service.deleted


def test_a_changed_file_that_could_not_be_sent_keeps_its_old_one(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "one.txt").write_text("changed")
    service.before = lambda call: (
        problem(422, "invalid_field", "No.") if call.method == "POST" and call.path == "/v1/files" else None
    )
    assert run("sync", str(folder), "--delete", "--yes").code == 1
    assert not service.deleted


def test_delete_asks_and_without_a_terminal_needs_yes(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "one.txt").unlink()
    ran = run("sync", str(folder), "--delete")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert not service.deleted


def test_a_dry_run_says_and_does_nothing(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "one.txt").unlink()
    (folder / "new.txt").write_text("new")
    (folder / "also new.txt").write_text("new")
    ran = run("sync", str(folder), "--dry-run", "--delete")
    said = sorted((line[0], Path(line[2]).name.removeprefix("also ")) for line in ran.lines)
    assert said == [("delete", "one.txt"), ("send", "new.txt")]
    assert len(service.files) == 3
    assert not service.deleted
    assert "Would send 1 file" in ran.err


def test_a_file_that_was_deleted_at_the_service_comes_back(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    file_id = next(iter(service.files))
    service.files.pop(file_id)
    assert "Sent 1 file" in run("sync", str(folder)).err


def test_a_second_sync_of_the_same_folder_says_so(run: Run, service: FakeFilemill, folder: Path) -> None:
    name = f"sync-{state.name_of(URL, '', str(folder.resolve()))}"
    with state.lock(state.folder() / f"{name}.lock", "busy"):
        ran = run("sync", str(folder))
        assert ran.code == 7
        assert "Another sync" in ran.err
        assert not service.files
    assert run("sync", str(folder)).code == 0


def test_a_file_that_grows_while_it_is_hashed_is_taken_by_the_next_sync(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fstat = os.fstat

    def grown(handle: int) -> os.stat_result:
        found = fstat(handle)
        return os.stat_result([*found[:6], found.st_size + 1, *found[7:]])

    with monkeypatch.context() as patch:
        patch.setattr("filemill.cli.syncing.os.fstat", grown)
        ran = run("sync", str(folder))
    assert ran.code == 1
    assert "it changed while it was read" in ran.err
    assert not service.files
    assert run("sync", str(folder)).code == 0


def test_a_folder_that_is_not_there_deletes_nothing(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    ran = run("sync", str(folder / "nowhere"), "--delete", "--yes")
    assert ran.code == 8
    assert not service.deleted


def test_a_damaged_state_says_which_file_to_delete(run: Run, home: Path, folder: Path) -> None:
    run("sync", str(folder))
    for path in (home / "state").rglob("sync-*.sqlite*"):
        path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    ran = run("sync", str(folder))
    assert ran.code == 8
    assert "Delete this file" in ran.err


def test_an_empty_folder_deletes_nothing_because_its_disk_may_not_be_mounted(
    run: Run, service: FakeFilemill, folder: Path
) -> None:
    run("sync", str(folder))
    shutil.rmtree(folder)
    folder.mkdir()
    ran = run("sync", str(folder), "--delete", "--yes")
    assert ran.code == 8
    assert "mounted" in ran.err and "--allow-empty" in ran.err
    assert not service.deleted
    assert run("sync", str(folder), "--delete", "--yes", "--allow-empty").code == 0
    assert len(service.deleted) == 3


def test_a_file_that_is_there_but_not_taken_is_not_deleted(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    (folder / "two.txt").write_text("")
    (folder / "inner").rename(folder.parent / "elsewhere")
    (folder / "inner").symlink_to(folder.parent / "elsewhere")
    assert run("sync", str(folder), "--exclude", "one.*", "--exclude", "nothing", "--delete", "--yes").code != 1
    (folder / "new.txt").write_text("new")
    assert run("sync", str(folder), "--exclude", "one.*", "--delete", "--yes").code == 0
    assert not service.deleted


def test_a_disk_that_fails_after_the_walk_deletes_nothing(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync", str(folder))
    (folder / "one.txt").unlink()

    def fails(path: str) -> object:
        raise OSError(5, "Input/output error", path)

    with monkeypatch.context() as patch:  # the folder is removed after the test
        patch.setattr("filemill.cli.state.os.lstat", fails)
        assert run("sync", str(folder), "--delete", "--yes").code == 0
    assert not service.deleted


class Disk:
    """Another file system that is mounted at a folder; `unmount` leaves the folder empty, or takes it away."""

    def __init__(self, at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.mounted = at, True
        for name in ("stat", "lstat"):
            monkeypatch.setattr(Path, name, self._told_by(getattr(Path, name)))

    def _told_by(self, plain: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def told(path: Path, **more: Any) -> os.stat_result:
            found = plain(path, **more)
            if not self.mounted or not path.is_relative_to(self.at):
                return found
            exact = {"st_mtime_ns": found.st_mtime_ns}
            return os.stat_result([*found[:2], found.st_dev + 1, *found[3:]], exact)

        return told

    def unmount(self, *left: str, keep_folder: bool = True) -> None:
        shutil.rmtree(self.at)
        self.mounted = False
        if keep_folder:
            self.at.mkdir()
        for name in left:
            (self.at / name).write_text(name)


@pytest.mark.parametrize("left", [(), ("NOT MOUNTED",)])
@pytest.mark.parametrize("keep_folder", [True, False])
def test_a_disk_in_the_folder_that_is_not_mounted_any_more_deletes_nothing(
    run: Run,
    service: FakeFilemill,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    left: tuple[str, ...],
    keep_folder: bool,
) -> None:
    disk = Disk((folder / "inner").resolve(), monkeypatch)
    run("sync", str(folder))
    disk.unmount(*(left if keep_folder else ()), keep_folder=keep_folder)
    ran = run("sync", str(folder), "--delete", "--yes")
    assert ran.code == 8
    assert "kept: 1 missing file, because a disk that was mounted at or below" in ran.err
    assert not service.deleted
    run("sync", str(folder), "--delete", "--yes", "--allow-empty")
    assert [record["filename"] for record in service.deleted.values()] == ["three.txt"]


def test_what_is_gone_from_a_disk_that_is_mounted_is_deleted(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "inner/four.txt").write_text("four")
    Disk((folder / "inner").resolve(), monkeypatch)
    run("sync", str(folder))
    (folder / "inner/three.txt").unlink()
    assert run("sync", str(folder), "--delete", "--yes").code == 0
    assert [record["filename"] for record in service.deleted.values()] == ["three.txt"]


def _emptied(inner: Path) -> None:
    inner.mkdir()


def _a_file(inner: Path) -> None:
    inner.write_text("a file")


def _a_dangling_link(inner: Path) -> None:
    inner.symlink_to(inner.parent / "nowhere")


def _a_link_elsewhere(inner: Path) -> None:
    (inner.parent.parent / "elsewhere").mkdir()
    inner.symlink_to(inner.parent.parent / "elsewhere")


@pytest.mark.parametrize("become", [_emptied, _a_file, _a_dangling_link, _a_link_elsewhere])
def test_a_folder_that_is_empty_or_something_else_now_deletes_nothing_of_what_was_in_it(
    run: Run, service: FakeFilemill, folder: Path, become: Callable[[Path], None]
) -> None:
    run("sync", str(folder))
    shutil.rmtree(folder / "inner")
    become(folder / "inner")
    assert run("sync", str(folder), "--delete", "--yes").code in {1, 8}
    assert not service.deleted


def test_a_whole_folder_that_was_removed_is_deleted(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    shutil.rmtree(folder / "inner")
    assert run("sync", str(folder), "--delete", "--yes").code == 0
    assert [record["filename"] for record in service.deleted.values()] == ["three.txt"]


def test_a_dry_run_says_what_is_kept(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("sync", str(folder))
    shutil.rmtree(folder / "inner")
    (folder / "inner").mkdir()
    ran = run("sync", str(folder), "--delete", "--dry-run")
    assert ran.code == 8
    assert ran.lines == []
    assert "is empty, and may be a disk that is not mounted" in ran.err


def test_what_vanishes_while_it_runs_is_deleted_by_the_next_run_only(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync", str(folder))
    scandir = os.scandir

    def vanishing(path: str) -> object:
        if (folder / "inner").exists():  # before its parent is listed, so no walk meets it
            (folder / "inner").rename(folder.parent / "inner")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", vanishing)
        run("sync", str(folder), "--delete", "--yes")
    assert not service.deleted
    run("sync", str(folder), "--delete", "--yes")
    assert len(service.deleted) == 1


def test_what_comes_back_before_its_delete_stays(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync", str(folder))
    (folder / "one.txt").rename(folder.parent / "one.txt")

    def back(*args: object, **more: object) -> bool:
        (folder.parent / "one.txt").rename(folder / "one.txt")
        return True

    monkeypatch.setattr("filemill.cli.commands.sync.click.confirm", back)
    monkeypatch.setattr("filemill.cli.commands.sync.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    assert run("sync", str(folder), "--delete").code == 0
    assert (folder / "one.txt").exists()
    assert not service.deleted


@pytest.mark.parametrize("method", ["stat", "is_dir"])
def test_a_permission_error_half_way_through_a_folder_deletes_nothing_of_it(
    run: Run, service: FakeFilemill, folder: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    run("sync", str(folder))
    scandir = os.scandir

    class Denied:
        """The entries of `inner`, of which none may be looked at."""

        def __init__(self, path: str) -> None:
            self._inner = scandir(path)

        def __enter__(self) -> Denied:
            return self

        def __exit__(self, *_: object) -> None:
            self._inner.close()

        def __iter__(self) -> Denied:
            return self

        def __next__(self) -> object:
            if method == "stat":
                raise PermissionError(13, "Permission denied")
            entry = next(self._inner)
            denied: Any = SimpleNamespace(name=entry.name, path=entry.path)
            denied.is_dir = denied.stat = self._deny
            return denied

        def _deny(self, **_: object) -> object:
            raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda path: Denied(path) if str(path).endswith("inner") else scandir(path))
        assert run("sync", str(folder), "--delete", "--yes").code == 1
    assert not service.deleted


def test_a_duplicate_that_is_processed_anew_is_not_taken_for_our_own(
    run: Run, service: FakeFilemill, folder: Path
) -> None:
    other = service.add(b"one", filename="elsewhere.txt")

    def reprocessing(call: Call) -> Reply | None:
        if (call.method, call.path) != ("POST", "/v1/files"):
            return None
        reply = service.handle(call)
        if reply.status != 200:
            return reply
        other["status"] = "processing"
        return Reply(200, service.record(other["id"]))

    service.before = reprocessing
    run("sync", str(folder))
    assert len(service.files) == 3
    (folder / "one.txt").unlink()
    run("sync", str(folder), "--delete", "--yes")
    assert other["id"] in service.files


def test_states_are_for_their_owner_only_and_old_ones_become_so(run: Run, home: Path, folder: Path) -> None:
    run("sync", str(folder))
    run("upload", str(folder / "one.txt"))
    states = home / "state/filemill"
    states.chmod(0o755)
    for path in states.iterdir():
        path.chmod(0o644 if path.is_file() else 0o755)
    run("sync", str(folder))
    run("upload", str(folder / "one.txt"))
    assert states.stat().st_mode & 0o777 == 0o700
    files = [path for path in states.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
