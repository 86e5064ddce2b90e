"""JSON of another form, or nested too deeply, is an error of this package, wherever it is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_filemill import SECRET, FakeFilemill, Reply
from signing import signed

from filemill import ApiError, ConfigurationError, Filemill, InvalidSignature, _follow, _settings, _state, _verify
from filemill._effects import Closed

DEEP = b"[" * 200_000 + b"]" * 200_000
LESS_DEEP = b'{"a":' * 500 + b"1" + b"}" * 500  # Python reads it, and fails later


@pytest.mark.parametrize(
    "content", [DEEP, LESS_DEEP, b"[1, 2]", b"null", b'"text"', b'{"items": 7}', b'{"items": [7]}'], ids=range(7)
)
def test_json_of_another_form_is_an_error_of_this_package(
    filemill: Filemill, fake: FakeFilemill, content: bytes
) -> None:
    fake.before = lambda call: Reply(200, content)
    with pytest.raises(ApiError, match="front door"):
        filemill.files.list()


@pytest.mark.parametrize("content", [DEEP, LESS_DEEP, b"[]"], ids=["deep", "less deep", "list"])
def test_a_refusal_of_another_form_keeps_its_status(filemill: Filemill, fake: FakeFilemill, content: bytes) -> None:
    fake.before = lambda call: Reply(404, content)
    with pytest.raises(ApiError) as caught:
        filemill.me()
    assert (caught.value.status, caught.value.code) == (404, "http_404")


@pytest.mark.parametrize("content", [b"{}", b'{"id": 7, "upload": {}}', b'{"id": "file_1", "upload": 7}'])
def test_a_record_without_what_an_upload_needs_is_an_error(
    filemill: Filemill, fake: FakeFilemill, content: bytes
) -> None:
    fake.before = lambda call: Reply(201, content) if call.method == "POST" else None
    if content == b"{}":
        assert filemill.upload(b"a", filename="a.txt").raw == {}
        return
    with pytest.raises(ApiError, match="has a wrong"):
        filemill.upload(b"a", filename="a.txt")


def test_a_login_that_is_nested_deeply_is_a_damaged_one() -> None:
    path = _settings.login_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(DEEP[:30_000] + DEEP[-30_000:])
    with pytest.raises(ConfigurationError, match="damaged"):
        Filemill()


def test_a_state_that_is_nested_deeply_counts_as_none(tmp_path: Path) -> None:
    state = _state.UploadState(tmp_path / "state.json")
    (tmp_path / "state.json").write_bytes(DEEP[:30_000] + DEEP[-30_000:])
    assert state.load() is None


def test_a_webhook_and_a_message_that_are_nested_deeply_are_refused() -> None:
    headers, body = signed(DEEP, SECRET, time.time())
    with pytest.raises(InvalidSignature, match="no JSON object"):
        _verify.verify(headers, body, SECRET)
    with pytest.raises(Closed):
        _follow._message(DEEP)
