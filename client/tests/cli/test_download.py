"""`filemill download`: names, folders, bytes that are there already, and a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from fake_filemill import FakeFilemill, Reply, problem

from cli.runner import Run
from filemill.cli.commands.download import _basename, _rendition
from filemill.cli.failures import Stop

pytestmark = pytest.mark.usefixtures("signed_in")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_file_is_saved_under_its_name(run: Run, service: FakeFilemill, here: Path) -> None:
    record = service.add(b"bytes", filename="ü.txt")
    ran = run("download", record["id"])
    assert ran.code == 0
    assert (here / "ü.txt").read_bytes() == b"bytes"
    assert ran.lines == [[record["id"], "ü.txt"]]


@pytest.mark.parametrize(
    "name",
    ["../../evil.txt", "CON.txt", "a:b.txt", ".bashrc", "\x1b[31m.txt", "\u202egpj.exe", "x" * 250 + ".txt", ".."],
)
def test_no_name_leads_elsewhere_or_harms(run: Run, service: FakeFilemill, here: Path, name: str) -> None:
    record = service.add(b"bytes", filename=name)
    ran = run("download", record["id"], "--into", "into")
    assert ran.code == 0
    (saved,) = (here / "into").iterdir()
    assert saved.read_bytes() == b"bytes"
    assert not saved.name.startswith((".", "CON"))
    assert not set(":\x1b\u202e") & set(saved.name + ran.out)
    assert [path.name for path in here.iterdir()] == ["into"]


def test_files_with_the_same_name_do_not_replace_each_other(run: Run, service: FakeFilemill, here: Path) -> None:
    ids = [service.add(data, filename=name)["id"] for data, name in ((b"1", "a.txt"), (b"2", "A.TXT"), (b"3", "a.txt"))]
    for _ in range(2):
        assert run("download", *ids).code == 0
        assert sorted(path.read_bytes() for path in here.iterdir()) == [b"1", b"2", b"3"]


def test_the_same_command_fetches_only_what_is_left(run: Run, service: FakeFilemill) -> None:
    ids = [service.add(bytes([number]), filename=f"{number}.bin")["id"] for number in range(5)]
    run("download", *ids[:3])
    service.calls.clear()
    ran = run("download", *ids)
    assert "Saved 2 files" in ran.err
    assert "3 already there" in ran.err
    assert service.count("GET", "/original/.*") == 2


def test_other_bytes_are_replaced_only_with_force(run: Run, service: FakeFilemill, here: Path) -> None:
    record = service.add(b"new", filename="a.txt")
    (here / "a.txt").write_text("mine")
    ran = run("download", record["id"])
    assert ran.code == 8
    assert "--force" in ran.err
    assert (here / "a.txt").read_text() == "mine"
    assert run("download", record["id"], "--force").code == 0
    assert (here / "a.txt").read_text() == "new"


def test_one_that_fails_stops_no_other(run: Run, service: FakeFilemill, here: Path) -> None:
    record = service.add(b"bytes", filename="a.txt")
    ran = run("download", "file_00000000000000000000000099", record["id"])
    assert ran.code == 1
    assert "failed: file_00000000000000000000000099" in ran.err
    assert (here / "a.txt").exists()


def test_ids_come_from_standard_input(run: Run, service: FakeFilemill, here: Path) -> None:
    service.add(b"1", filename="1.txt")
    service.add(b"2", filename="2.txt")
    listed = run("ls").out
    assert run("download", "-", input=listed).code == 0
    assert sorted(path.name for path in here.iterdir()) == ["1.txt", "2.txt"]


def test_output_names_the_file_or_standard_output(run: Run, service: FakeFilemill, here: Path) -> None:
    record = service.add(b"bytes", filename="a.txt")
    run("download", record["id"], "--output", "b.txt")
    assert (here / "b.txt").read_bytes() == b"bytes"
    assert run("download", record["id"], "-o", "-").out == "bytes"
    assert run("download", record["id"], record["id"][:-1] + "Z", "-o", "b.txt").code == 2


def test_a_rendition_that_is_not_there_names_those_that_are(run: Run, service: FakeFilemill) -> None:
    rendition = {"name": "w640", "format": "webp", "content_type": "image/webp", "size": 1, "url": "https://x"}
    record = service.add(b"bytes", filename="a.jpg", renditions=[rendition])
    ran = run("download", record["id"], "--rendition", "w320")
    assert ran.code == 4
    assert "There is: w640.webp" in ran.err


def test_a_jpeg_that_is_not_made_yet_is_asked_for_under_its_own_name() -> None:
    webp = {"name": "w640", "format": "webp", "width": 640, "size": 9}
    record = {"renditions": [webp, {"name": "w1280", "format": "jpeg", "width": 1280, "size": 8}]}
    names = {wanted: _basename(_rendition(record, wanted)) for wanted in ("w640", "w640.jpg", "w640.avif", "w1280.jpg")}
    assert names == {"w640": "w640.webp", "w640.jpg": "w640.jpg", "w640.avif": "w640.avif", "w1280.jpg": "w1280.jpg"}
    assert _basename(_rendition(record, "w1280.jpeg")) == _basename(_rendition(record, "w1280")) == "w1280.jpg"
    for unknown in ("w320.jpg", "w640.gif", "w640.svg"):
        with pytest.raises(Stop, match="There is: w640"):
            _rendition(record, unknown)


def test_a_full_disk_leaves_no_half_file(here: Path) -> None:
    """A process of its own, which may write 100 kB into a file: the system's error is a real one."""
    command = [sys.executable, str(Path(__file__).with_name("small_disk.py"))]
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(command, capture_output=True, text=True, cwd=here, check=False, env={**os.environ, **paths})
    assert ran.returncode == 8, ran.stderr
    assert "large.bin" in ran.stderr
    assert not (here / "large.bin").exists()


def test_a_service_that_is_out_of_reach_is_said_once_for_many(run: Run, service: FakeFilemill, tmp_path: Path) -> None:
    ids = [service.add(bytes([number]), filename=str(number))["id"] for number in range(50)]
    service.before = lambda call: (
        problem(429, "too_many_requests", "Slow down.", {"Retry-After": "3600"})
        if call.path.endswith("original")
        else None
    )
    ran = run("download", *ids, "--into", str(tmp_path))  # its threads may outlive the current folder
    assert ran.code == 5
    assert "Stopped after 8 failures in a row" in ran.err


def test_no_rendition_or_id_of_a_lying_service_leads_elsewhere(run: Run, service: FakeFilemill, here: Path) -> None:
    record = service.add(b"bytes", filename="a.jpg")
    evil = {"name": "w640", "format": "x/../../../evil", "size": 5, "url": "https://s3.example.com/" + record["id"]}
    record["renditions"] = [evil]
    service.before = lambda call: None if call.path.startswith("/v1/") else Reply(200, b"bytes")
    run("download", record["id"], "--rendition", "w640", "--into", "into")
    found = [path for path in here.parent.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(here / "into") for path in found if "evil" in path.name), found
    assert not [path for path in (here / "into").rglob("*") if path.is_dir()]


def test_names_that_some_systems_take_for_one_do_not_replace_each_other(
    run: Run, service: FakeFilemill, here: Path
) -> None:
    one, two = service.add(b"1", filename="e\u0301.txt"), service.add(b"2", filename="\u00e9.txt")
    three = service.add(b"3", filename=f"\u00e9-{two['id'][-10:]}.txt")
    assert run("download", one["id"], two["id"], three["id"]).code == 0
    names = {unicodedata.normalize("NFC", path.name) for path in here.iterdir()}
    assert len(names) == 3
    assert sorted(path.read_bytes() for path in here.iterdir()) == [b"1", b"2", b"3"]
