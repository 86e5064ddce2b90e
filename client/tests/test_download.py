"""Downloads: whole or not at all, checked, resumed."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply

from filemill import (
    AsyncFilemill,
    ChecksumMismatch,
    DiskFull,
    DownloadError,
    File,
    Filemill,
    NetworkError,
    _targets,
    safe_filename,
)

DATA = bytes(range(256)) * 20


@pytest.fixture
def file(filemill: Filemill) -> File:
    return filemill.upload(DATA, filename="film.mp4")


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Any:
        yield self._data
        raise httpx.ReadError("broke")

    async def __aiter__(self) -> Any:
        yield self._data
        raise httpx.ReadError("broke")


def breaking(fake: FakeFilemill, times: int, after: int) -> httpx.MockTransport:
    """Originals break off after so many bytes, so many times."""
    inner = fake.transport()
    left = [times]

    def handle(request: httpx.Request) -> httpx.Response:
        answer = inner.handle_request(request)
        if "/original/" in request.url.path and left[0]:
            left[0] -= 1
            data = b"".join(answer.stream)  # type: ignore[arg-type]
            return httpx.Response(answer.status_code, headers=answer.headers, stream=Broken(data[:after]))
        return answer

    return httpx.MockTransport(handle)


def test_a_file_is_put_in_place_under_the_name_that_was_asked_for(
    filemill: Filemill, file: File, tmp_path: Path
) -> None:
    target = tmp_path / "copy.mp4"
    target.write_bytes(b"old")
    assert filemill.files.download(file, target) == target
    assert target.read_bytes() == DATA and [each.name for each in tmp_path.iterdir() if each.is_file()] == ["copy.mp4"]


def test_in_a_folder_a_file_gets_a_safe_name(
    filemill: Filemill, fake: FakeFilemill, file: File, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    fake.files[file.id]["filename"] = "../../NUL.tar:gz"
    assert filemill.files.download(file, folder) == folder / "_.._NUL.tar_gz"
    assert filemill.files.download(file, folder, rendition="w640.webp").name == "_.._NUL-w640.webp"


def test_streams_and_bytes_and_coroutines_get_the_same(filemill: Filemill, fake: FakeFilemill, file: File) -> None:
    stream = io.BytesIO()
    assert filemill.files.download(file, stream) == len(DATA) and stream.getvalue() == DATA
    assert filemill.files.download(file, rendition="original") == DATA

    async def main() -> bytes:
        async with AsyncFilemill(URL, KEY, transport=fake.async_transport()) as client:
            return await client.files.download(file)

    assert asyncio.run(main()) == DATA


def test_renditions_are_found_by_name_or_without_their_format(filemill: Filemill, file: File) -> None:
    assert filemill.files.download(file, rendition="w640.webp") == b"rendition"
    assert filemill.files.download(file, rendition="w640") == b"rendition"


def test_a_connection_that_breaks_costs_nothing_of_what_has_come(fake: FakeFilemill, file: File) -> None:
    with Filemill(URL, KEY, transport=breaking(fake, times=20, after=100), retries=1) as client:
        assert client.files.download(file) == DATA
    ranges = [call.headers["range"] for call in fake.calls if "range" in call.headers]
    assert ranges == [f"bytes={100 * number}-" for number in range(1, 21)]


def test_a_connection_that_only_breaks_is_given_up(fake: FakeFilemill, file: File, tmp_path: Path) -> None:
    with Filemill(URL, KEY, transport=breaking(fake, times=99, after=0), retries=2) as client:
        with pytest.raises(NetworkError):
            client.files.download(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_same_call_goes_on_after_a_crash(
    filemill: Filemill, fake: FakeFilemill, file: File, tmp_path: Path
) -> None:
    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with Filemill(URL, KEY, transport=breaking(fake, times=1, after=3000)) as client, pytest.raises(KeyboardInterrupt):
        client.files.download(file, tmp_path / "copy", on_progress=stop)
    assert not (tmp_path / "copy").exists()
    part = next(tmp_path.glob(".copy.*.filemill-part"))
    part.write_bytes(DATA[:3000])
    filemill.files.download(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA and not part.exists()
    assert fake.calls[-1].headers["range"] == "bytes=3000-"


@pytest.mark.parametrize("left", [b"x" * 3000, b"x" * 9000, DATA[:-1] + b"x"])
def test_what_an_earlier_run_left_is_not_trusted(filemill: Filemill, file: File, tmp_path: Path, left: bytes) -> None:
    filemill.files.download(file, tmp_path / "copy")
    target = _targets.PathTarget(tmp_path / "copy", f"{file.id} original", True)
    target._part.write_bytes(left)
    filemill.files.download(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA and not target._part.exists()


def test_other_bytes_than_the_record_says_are_not_kept(
    filemill: Filemill, fake: FakeFilemill, file: File, tmp_path: Path
) -> None:
    fake.bytes[file.id] = DATA[::-1]
    with pytest.raises(ChecksumMismatch, match=r"film\.mp4"):
        filemill.files.download(file, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


def test_an_expired_address_is_asked_anew(filemill: Filemill, fake: FakeFilemill, file: File) -> None:
    refused: list[bool] = []

    def before(call: Call) -> Reply | None:
        if call.path.startswith("/original/") and not refused:
            refused.append(True)
            return Reply(403, b"<Code>AccessDenied</Code><Message>Request has expired</Message>")
        return None

    fake.before = before
    assert filemill.files.download(file) == DATA and fake.count("GET", "/v1/.*/original") == 2


def test_a_full_disk_is_told_and_leaves_nothing(
    filemill: Filemill, file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copy").write_bytes(b"old")

    def full(self: object, chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_targets, "_written", full)
    with pytest.raises(DiskFull, match=r"There is no room on the disk for .*copy"):
        filemill.files.download(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"old" and not list(tmp_path.glob(".copy*"))


def test_too_little_room_is_told_before_anything_is_asked_for(
    filemill: Filemill, fake: FakeFilemill, file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DiskFull):
        filemill.files.download(file, tmp_path / "copy")
    assert fake.count("GET", "/original/.*") == 0 and not list(tmp_path.glob("*copy*"))


def test_a_folder_that_does_not_exist_is_told(filemill: Filemill, file: File, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="its folder does not exist"):
        filemill.files.download(file, tmp_path / "no" / "copy")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.jpg", "a.jpg"),
        ("CON", "_CON"),
        ("com1.txt", "_com1.txt"),
        ("nul .txt", "nul .txt"),
        ("..", "file"),
        ("a/b\\c", "a_b_c"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        ("end. ", "end"),
        ("\U0001f600.png", "\U0001f600.png"),
        ("\ud800.txt", "\ufffd.txt"),
        ("\u5b57" * 200 + ".txt", "\u5b57" * 78 + ".txt"),
    ],
)
def test_a_name_is_made_safe_for_every_system(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@pytest.mark.parametrize("plant", ["symlink", "hard link", "pipe"])
def test_what_others_plant_at_the_collecting_name_is_never_written_to(
    filemill: Filemill, file: File, tmp_path: Path, plant: str
) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"precious")
    part = _targets.PathTarget(tmp_path / "copy.mp4", f"{file.id} original", True)._part
    if plant == "symlink":
        part.symlink_to(mine)
    elif plant == "hard link":
        part.hardlink_to(mine)
    else:
        os.mkfifo(part)
    target = filemill.files.download(file, tmp_path / "copy.mp4")
    assert isinstance(target, Path)
    assert target.read_bytes() == DATA and not target.is_symlink()
    assert mine.read_bytes() == b"precious"


def test_a_server_that_never_stops_sending_is_stopped(fake: FakeFilemill, file: File, tmp_path: Path) -> None:
    sent = [0]

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            for _ in range(1000):
                sent[0] += 1
                yield DATA

    inner = fake.transport()

    def handle(request: httpx.Request) -> httpx.Response:
        if "/original/" in request.url.path:
            return httpx.Response(200, stream=Endless())
        return inner.handle_request(request)

    with Filemill(URL, KEY, transport=httpx.MockTransport(handle)) as client, pytest.raises(ChecksumMismatch):
        client.files.download(file, tmp_path / "copy.mp4")
    assert sent[0] < 4
    assert not list(tmp_path.iterdir())
