"""An upload in parts ends with an error, or goes on rightly, if the service announces parts that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply

from filemill import Filemill, FilemillError, UploadError, _plan
from filemill._plan import MIB


@pytest.mark.parametrize(
    "part_size", [0, -1, 1, 999, 10**30, 5 * 1024 * MIB + 1, 1000.5, "1000", None, True, [1000], float("nan")]
)
@pytest.mark.parametrize("resumed", [False, True])
def test_a_part_size_that_cannot_be_ends_the_upload(
    fake: FakeFilemill, tmp_path: Path, film: Path, part_size: Any, resumed: bool
) -> None:

    def lying(call: Call) -> Reply | None:
        if call.method == "POST" and call.path == "/v1/files" and not resumed:
            reply = fake.handle(call)
            reply.content["upload"]["part_size"] = part_size
            return reply
        if call.method == "GET" and call.path.endswith("/parts"):
            return Reply(200, {"part_size": part_size, "part_count": 4, "parts": []})
        return None

    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client:
        arguments: dict[str, Any] = {"multipart": True, "part_size": 1000, "state_dir": tmp_path / "states"}
        if resumed:
            fake.before = lambda call: httpx.ConnectError("no") if call.method == "PUT" else None
            with pytest.raises(FilemillError):
                client.upload(film, **arguments)
        fake.before = lying
        with pytest.raises(UploadError, match="announced parts of"):
            client.upload(film, **arguments)


def test_more_parts_than_s3_takes_end_the_upload() -> None:
    with pytest.raises(ValueError, match="can't be sent"):
        _plan.announced(_plan.MIN_PART * _plan.MAX_PARTS + 1, _plan.MIN_PART)
    assert _plan.announced(_plan.MIN_PART * _plan.MAX_PARTS, _plan.MIN_PART) == _plan.MIN_PART


def test_parts_that_the_file_does_not_have_are_not_taken_for_sent(
    fake: FakeFilemill, tmp_path: Path, film: Path
) -> None:
    wrong: list[Any] = [{"part_number": n, "size": 0, "etag": "e"} for n in (-1, 0, 5, 10**9, "1", None, True)]
    wrong += [{}, {"part_number": 1, "size": 1000}, {"part_number": 1, "size": 1000, "etag": 7}]

    def lying(call: Call) -> Any:
        if call.method == "GET" and call.path.endswith("/parts"):
            return Reply(200, {"part_size": 1000, "part_count": 4, "parts": wrong})
        return None

    arguments: dict[str, Any] = {"multipart": True, "part_size": 1000, "state_dir": tmp_path / "states"}
    with Filemill(URL, KEY, transport=fake.transport(), retries=0) as client:
        fake.before = lambda call: httpx.ConnectError("no") if call.method == "PUT" else None
        with pytest.raises(FilemillError):
            client.upload(film, **arguments)
        fake.before = lying
        assert client.upload(film, **arguments).status == "ready"
    assert list(fake.bytes.values()) == [b"film" * 1000]
