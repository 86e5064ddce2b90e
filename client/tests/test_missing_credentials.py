"""A client without a credential sends none, and a key that cannot be had hides no other error."""

from __future__ import annotations

import contextlib
from typing import Any

import httpx
import pytest
from fake_filemill import KEY, URL, Call, FakeFilemill, Reply, uploads

from filemill import Filemill, UploadError, _follow


@pytest.mark.parametrize(
    ("key", "header"), [(None, None), ("", None), (lambda: "", None), ("fmu_token", "Bearer fmu_token")]
)
def test_an_upload_is_cancelled_with_its_credential_and_with_none_if_there_is_none(
    fake: FakeFilemill, key: Any, header: str | None
) -> None:
    def refusing(call: Call) -> Any:
        if call.path.startswith("/form"):
            return Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        if call.path == "/v1/files":
            return uploads.create(fake, call)  # for any credential
        return Reply(204)

    fake.before = refusing
    with Filemill(URL, key, transport=fake.transport()) as client:
        with pytest.raises(UploadError):
            client.upload(b"hello", filename="a.txt")
    assert fake.calls[-1].method == "DELETE"
    assert fake.calls[-1].headers.get("authorization") == header


def test_a_key_that_can_not_be_had_any_more_does_not_hide_why_an_upload_failed(fake: FakeFilemill) -> None:
    keys = iter([KEY])
    fake.before = lambda call: (
        Reply(403, b"<Error><Code>AccessDenied</Code></Error>") if call.path.startswith("/form") else None
    )

    def key() -> str:
        for each in keys:
            return each
        raise RuntimeError("the vault is locked")

    with Filemill(URL, key, transport=fake.transport()) as client, pytest.raises(UploadError):
        client.upload(b"hello", filename="a.txt")


def test_without_a_credential_the_socket_is_asked_for_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []

    def connect(url: str, headers: dict[str, str], timeout: float) -> None:
        asked.append(headers)
        raise KeyboardInterrupt

    monkeypatch.setattr(_follow, "Connect", connect)
    with Filemill(URL, transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        with contextlib.suppress(KeyboardInterrupt):
            next(iter(client.events.follow()))
    assert asked == [{}]
