"""`filemill upload`: what is sent, what is left out, and what the same command does again."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from fake_filemill import Call, FakeFilemill, Reply, problem

from cli.runner import Run

pytestmark = pytest.mark.usefixtures("signed_in")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, one of them in a folder."""
    found = tmp_path / "folder"
    (found / "inner").mkdir(parents=True)
    for name in ("one.txt", "two.txt", "inner/three.txt"):
        (found / name).write_text(name)
    return found


def names(service: FakeFilemill) -> list[str]:
    return sorted(record["filename"] for record in service.files.values())


def test_a_file_is_sent_and_its_id_is_printed(run: Run, service: FakeFilemill, folder: Path) -> None:
    ran = run("upload", str(folder / "one.txt"))
    assert ran.code == 0
    (record,) = service.files.values()
    assert service.bytes[record["id"]] == b"one.txt"
    assert ran.lines == [[record["id"], "awaiting_upload", str(folder / "one.txt")]]
    assert "Sent 1 file (7 B)" in ran.err


def test_json_is_the_record_with_its_path(run: Run, folder: Path) -> None:
    ran = run("upload", str(folder / "one.txt"), "--wait", "--json")
    assert [(record["status"], record["path"]) for record in ran.json] == [("ready", str(folder / "one.txt"))]


def test_people_see_a_table(run: Run, folder: Path) -> None:
    ran = run("upload", str(folder / "one.txt"), "--wait", terminal=True)
    head, row = ran.out.splitlines()
    assert head.split() == ["ID", "STATUS", "FILE"]
    assert row.split()[1] == "ready"


def test_options_go_with_each_file(run: Run, service: FakeFilemill, folder: Path) -> None:
    options = ["--tag", "a", "--tag", "b", "--public", "--recipe", "avatar", "-m", "n=1", "-m", '{"deep": {"x": 2}}']
    assert run("upload", str(folder / "one.txt"), *options, "--name", "other.txt").code == 0
    (record,) = service.files.values()
    assert record["tags"] == ["a", "b"]
    assert (record["visibility"], record["recipe"], record["filename"]) == ("public", "avatar", "other.txt")
    assert record["metadata"] == {"n": "1", "deep": {"x": 2}}


def test_a_folder_needs_recursive(run: Run, service: FakeFilemill, folder: Path) -> None:
    ran = run("upload", str(folder))
    assert ran.code == 8
    assert "--recursive" in ran.err
    assert not service.files


def test_the_same_command_does_only_what_is_left(run: Run, service: FakeFilemill, folder: Path) -> None:
    def refuses_two(call: Call) -> Reply | None:
        return problem(422, "invalid_field", "No.") if b'"two.txt"' in call.body else None

    service.before = refuses_two
    ran = run("upload", "-r", str(folder))
    assert ran.code == 1
    assert "failed: " + str(folder / "two.txt") + ": No." in ran.err
    assert "The same command does what is left." in ran.err
    assert names(service) == ["one.txt", "three.txt"]

    service.before = None
    service.calls.clear()
    ran = run("upload", "-r", str(folder))
    assert ran.code == 0
    assert "Sent 1 file (7 B)" in ran.err
    assert "2 already there" in ran.err
    assert names(service) == ["one.txt", "three.txt", "two.txt"]
    assert service.count("POST", "/v1/files") == 1
    assert service.count("POST", "/v1/files/batch-get") == 1


def test_a_file_that_changed_is_sent_again(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("upload", "-r", str(folder))
    (folder / "one.txt").write_text("changed")
    run("upload", "-r", str(folder))
    assert sorted(service.bytes.values()).count(b"changed") == 1
    assert len(service.files) == 4


def test_a_file_that_the_service_lost_is_sent_again(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("upload", "-r", str(folder))
    service.files.popitem()
    assert "Sent 1 file" in run("upload", "-r", str(folder)).err


def test_other_options_send_it_anew(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("upload", str(folder / "one.txt"))
    run("upload", str(folder / "one.txt"), "--public")
    run("upload", str(folder / "one.txt"), "--public")
    assert [record["visibility"] for record in service.files.values()] == ["private", "public"]


def test_again_sends_everything(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("upload", "-r", str(folder))
    run("upload", "-r", str(folder), "--again")
    assert len(service.files) == 6


def test_a_file_that_was_refused_is_a_failure_with_wait(run: Run, service: FakeFilemill, folder: Path) -> None:
    def damaged(call: Call) -> Reply | None:
        for record in service.files.values():
            if record["status"] == "ready":
                record.update(status="failed", error={"code": "corrupt", "message": "The file is damaged."})
        return None

    service.before = damaged
    ran = run("upload", str(folder / "one.txt"), "--wait", "--json")
    assert ran.code == 1
    assert ran.json[0]["error"]["code"] == "corrupt"
    assert "The file is damaged." in ran.err


def test_what_is_no_file_is_left_out_with_a_word(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)  # the path of a socket must be short
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("socket")
    (folder / "empty").touch()
    (folder / "circle").symlink_to("circle")
    (folder / "inner/up").symlink_to(folder)
    (folder / "link.txt").symlink_to(folder / "one.txt")
    ran = run("upload", "-r", str(folder))
    listener.close()
    for words in ("it is a socket", "it is a named pipe", "it is empty", "it is a link to a folder"):
        assert words in ran.err
    assert f"failed: {folder / 'circle'}: its symbolic links lead in a circle" in ran.err
    assert "Sent 4 files" in ran.err
    assert ran.code == 1


def test_a_device_that_is_named_is_a_failure(run: Run) -> None:
    ran = run("upload", "/dev/null")
    assert ran.code == 8
    assert "it is a device" in ran.err


def test_excluded_files_are_not_sent(run: Run, service: FakeFilemill, folder: Path) -> None:
    run("upload", "-r", str(folder), "--exclude", "inner/*", "--exclude", "two*")
    assert names(service) == ["one.txt"]


def test_standard_input_needs_a_name(run: Run, service: FakeFilemill) -> None:
    assert run("upload", "-", input=b"bytes").code == 2
    assert run("upload", "-", "--name", "a.bin", input=b"bytes").code == 0
    assert [*service.bytes.values()] == [b"bytes"]
    assert names(service) == ["a.bin"]


def test_an_address_is_fetched_by_the_service(run: Run, service: FakeFilemill) -> None:
    ran = run("upload", "https://example.com/a.jpg", "--tag", "web")
    assert ran.code == 0
    assert service.bodies[0] == {"source_url": "https://example.com/a.jpg", "tags": ["web"]}


def test_a_name_of_any_script_and_of_no_encoding_is_sent(run: Run, service: FakeFilemill, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    for name in (b"\xff\xfe.txt", "日本語 🦊 𐍈.txt".encode(), b"red\x1b[31m.txt", "\u202egpj.exe".encode()):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    ran = run("upload", "-r", str(folder), "--json")
    assert ran.code == 0
    assert "日本語 🦊 𐍈.txt" in names(service)
    assert not set("\x1b\u202e") & set(ran.out + ran.err)
    assert "Sent 4 files" in ran.err
    assert "4 already there" in run("upload", "-r", str(folder)).err


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(401, "unauthenticated", 3), (403, "missing_scope", 3), (413, "too_large", 6), (422, "invalid_field", 6)],
)
def test_a_refusal_has_its_exit_code(
    run: Run, service: FakeFilemill, folder: Path, status: int, code: str, exit_code: int
) -> None:
    service.before = lambda call: problem(status, code, "The service said this.")
    ran = run("upload", str(folder / "one.txt"))
    assert ran.code == exit_code
    assert "The service said this." in ran.err


def test_a_refused_key_stops_the_command_at_once(run: Run, service: FakeFilemill, folder: Path) -> None:
    for number in range(50):
        (folder / f"{number}.txt").write_text(str(number))
    service.before = lambda call: problem(401, "unauthenticated", "The credential is not known.")
    ran = run("upload", "-r", str(folder), "--jobs", "2")
    assert ran.code == 3
    assert len(service.calls) < 10
    assert "filemill login" in ran.err


def test_a_file_that_shrinks_while_it_is_read_stops_no_other(run: Run, service: FakeFilemill, folder: Path) -> None:
    def shrink(call: Call) -> Reply | None:
        if b'"two.txt"' in call.body and call.path == "/v1/files":
            (folder / "two.txt").write_text("t")
        return None

    service.before = shrink
    ran = run("upload", "-r", str(folder))
    assert ran.code == 1
    assert "two.txt shrank while it was read" in ran.err
    assert "one.txt" in names(service)
    assert "three.txt" in names(service)


def test_unreadable_files_and_folders_are_failures(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith("inner"):  # the tests may run as root, whom no permission stops
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    ran = run("upload", "-r", str(folder))
    assert ran.code == 1
    assert f"failed: {folder / 'inner'}: you may not read it" in ran.err
    assert "Sent 2 files" in ran.err


def test_wrong_metadata_is_a_mistake_of_the_command_line(run: Run, folder: Path) -> None:
    for text in ("novalue", "{not json"):
        ran = run("upload", str(folder / "one.txt"), "-m", text)
        assert ran.code == 2
        assert "--metadata" in ran.err


@pytest.mark.parametrize("wait", [False, True])
def test_a_duplicate_that_is_not_ready_is_shown_as_it_is_and_waited_for(
    run: Run, service: FakeFilemill, folder: Path, wait: bool
) -> None:
    known = service.add(b"one.txt", filename="elsewhere.txt")
    known["status"] = "processing"
    asked: list[str] = []

    def reprocessing(call: Call) -> Reply | None:
        if call.method == "POST" and call.path == "/v1/files":
            return Reply(200, known)
        if call.method == "GET" and call.path.endswith(known["id"]):
            asked.append(known["id"])
            known["status"] = "ready"
        return None

    service.before = reprocessing
    ran = run("upload", str(folder / "one.txt"), "--reuse", *(["--wait"] if wait else []))
    assert ran.code == 0
    assert ran.lines == [[known["id"], "ready" if wait else "processing", str(folder / "one.txt")]]
    assert bool(asked) is wait
    assert service.bodies[-1:] == []
    assert "Sent 0 files (0 B)" in ran.err and "1 already there" in ran.err


def test_with_reuse_bytes_that_the_service_has_are_not_sent(run: Run, service: FakeFilemill, folder: Path) -> None:
    known = service.add(b"one.txt", filename="elsewhere.txt")
    assert run("upload", str(folder / "one.txt"), "--reuse").lines[0][0] == known["id"]
    assert len(service.files) == 1
    assert run("upload", str(folder / "one.txt"), "--again").lines[0][0] != known["id"]
