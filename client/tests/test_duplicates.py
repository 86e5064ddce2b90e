"""A duplicate has the state of the file that was there before, and is waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply

from filemill import FileFailed, Filemill, _plan


def reused(status: str) -> Callable[[Call], Reply | None]:
    """A duplicate in this state; the second request for it finds it finished."""
    record = {"id": "file_1", "status": status, "size": 5, "filename": "a.txt"}

    def before(call: Call) -> Reply | None:
        if call.method == "POST" and call.path == "/v1/files":
            return Reply(200, record)
        if call.method == "GET":
            return Reply(200, {**record, "status": "failed" if status == "failed" else "ready"})
        return None

    return before


@pytest.mark.parametrize("status", ["processing", "awaiting_upload", "ready", "failed"])
@pytest.mark.parametrize("large", [False, True])
def test_a_duplicate_that_is_not_ready_has_its_own_state_and_is_waited_for(
    fake: FakeFilemill, monkeypatch: pytest.MonkeyPatch, status: str, large: bool
) -> None:
    monkeypatch.setattr(_plan, "MIN_PART", 1000)
    data, more = (b"x" * 2000, {"multipart": True, "part_size": 1000}) if large else (b"hello", {})
    arguments: dict[str, Any] = {"filename": "a.txt", "on_duplicate": "reuse", **more}
    fake.before = reused(status)
    with Filemill(URL, KEY, transport=fake.transport()) as client:
        file = client.upload(data, **arguments)
        assert (file.status, file.reused) == (status, True)
        if status == "failed":
            with pytest.raises(FileFailed):
                client.upload(data, **arguments, wait=True)
        else:
            assert client.upload(data, **arguments, wait=True).status == "ready"
        fake.before = None
        assert not client.upload(b"other", filename="b.txt", on_duplicate="reuse").reused
