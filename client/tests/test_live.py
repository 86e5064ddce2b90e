"""Against a stage that is really deployed: FILEMILL_LIVE_URL and FILEMILL_LIVE_KEY name it. The key has all scopes.

The project's tests/e2e/test_client.py runs these on its local stack.
"""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from filemill import (
    AsyncFilemill,
    AuthenticationError,
    Conflict,
    FileFailed,
    Filemill,
    InvalidRequest,
    NotFound,
    _plan,
    _progress,
)

LIVE_URL, LIVE_KEY = os.environ.get("FILEMILL_LIVE_URL"), os.environ.get("FILEMILL_LIVE_KEY")

NONE = "FILEMILL_LIVE_URL and FILEMILL_LIVE_KEY are not set"
pytestmark = pytest.mark.skipif(not (LIVE_URL and LIVE_KEY), reason=NONE)

MIB = 1024**2


@pytest.fixture(scope="module")
def live() -> Iterator[Filemill]:
    with Filemill(LIVE_URL, LIVE_KEY, timeout=120) as client:
        yield client


def test_a_small_file_goes_there_and_back(live: Filemill) -> None:
    words = f"words {uuid.uuid4()}"
    file = live.upload(words.encode(), filename="words.txt", tags=["live"], metadata={"n": 1}, wait=True)
    assert (file.status, file.kind, file.tags, file.metadata) == ("ready", "text", ["live"], {"n": 1})
    assert live.files.download(file) == words.encode()
    again = live.upload(words.encode(), filename="words.txt", on_duplicate="reuse", tags=["live"])
    assert again.id == file.id


def test_a_large_file_goes_in_parts_and_is_resumed(
    live: Filemill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "_INTERVAL", 0)  # however fast the stage is, it is stopped on its way
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(12 * MIB))
    seen: list[int] = []

    class StopError(Exception):
        pass

    def stop(progress: object) -> None:
        seen.append(progress.sent)  # type: ignore[attr-defined]
        if seen[-1] >= 6 * MIB:
            raise StopError

    states = tmp_path / "states"
    with pytest.raises(StopError):
        live.upload(path, multipart=True, part_size=_plan.MIN_PART, parallel=1, state_dir=states, on_progress=stop)
    assert len(list(states.iterdir())) == 1
    seen.clear()
    file = live.upload(
        path,
        multipart=True,
        part_size=_plan.MIN_PART,
        state_dir=states,
        on_progress=lambda progress: seen.append(progress.sent),
        wait=True,
    )
    assert list(states.iterdir()) == [] and file.size == 12 * MIB
    assert live.files.download(file, tmp_path / "copy").read_bytes() == path.read_bytes()


def test_a_file_is_found_changed_shared_and_deleted(live: Filemill) -> None:
    tag = f"live-{uuid.uuid4().hex[:8]}"
    file = live.upload(io.BytesIO(b"some words"), filename="found.txt", tags=[tag], wait=True)
    deadline = time.monotonic() + 60
    while [each.id for each in live.files.iter(tag=tag)] != [file.id]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    changed = live.files.update(file, if_match=file, metadata={"a": 1})
    with pytest.raises(Conflict):
        live.files.update(file, if_match=file, metadata={"a": 2})
    listed = live.files.list(tag=tag).items[0]
    assert live.files.update(listed, if_match=listed, filename="renamed.txt").revision == changed.revision + 1
    assert live.files.grant(file, expires_in=600).query
    assert [grant.id for grant in live.files.grants([file, "file_00000000000000000000000000"])] == [file.id]
    share = live.shares.create(file, password="sesame", expires_in=600)
    assert share.url and [each.id for each in live.shares.list(file)] == [share.id]
    live.shares.delete(file, share.id)
    assert [each.id for each in live.files.batch([file])] == [file.id]
    assert live.files.history(file).items
    with pytest.raises(Conflict):
        live.files.entries(file)
    live.files.delete(file)
    with pytest.raises(NotFound):
        live.files.get(file)


def test_wrong_requests_are_the_errors_that_they_are(live: Filemill) -> None:
    with pytest.raises(InvalidRequest) as caught:
        live.files.list(limit=9999)
    assert caught.value.field == "limit" and caught.value.request_id
    with pytest.raises(InvalidRequest):
        live.files.list(cursor="wrong")
    with pytest.raises(NotFound):
        live.files.get("../keys")
    with Filemill(LIVE_URL, "fm_000000000000_wrong") as client, pytest.raises(AuthenticationError):
        client.stats()


def test_a_damaged_file_fails_with_its_reason(live: Filemill) -> None:
    with pytest.raises(FileFailed) as caught:
        live.upload(b"\x89PNG\r\n\x1a\n" + b"no picture" * 10, filename="broken.png", wait=True)
    assert caught.value.file.error is not None and caught.value.file.error.code


def test_keys_tokens_webhooks_and_numbers(live: Filemill) -> None:
    key = live.keys.create("live", ["files:read"])
    assert live.keys.get(key.id).name == "live" and key.key
    assert live.keys.update(key.id, name="other").name == "other"
    assert live.keys.rotate(key.id, overlap=0).key != key.key
    assert key.id in [each.id for each in live.keys.iter(limit=1)]
    live.keys.delete(key.id)
    token = live.tokens.create(max_bytes=1000, content_types=["text/*"])
    with Filemill(LIVE_URL, token.token) as browser:
        assert browser.upload(b"by a token", filename="t.txt").id
    live.tokens.delete(token.id)
    assert live.stats().files > 0 and live.usage().files > 0 and live.health().status == "ok"
    assert live.audit(limit=5).items
    assert live.files.search("words") is not None


def test_events_come_over_the_socket(live: Filemill) -> None:
    said: list[str] = []
    heard: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        with Filemill(LIVE_URL, LIVE_KEY, timeout=120) as client:
            for event in client.events.follow(types=["ready"], on_state=say):
                heard.append(event.subject)
                if event.file and "last" in event.file.tags:
                    return

    def say(sentence: str) -> None:
        said.append(sentence)
        ready.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert ready.wait(120)
    first = live.upload(b"first", filename="1.txt", wait=True)
    last = live.upload(b"last", filename="2.txt", tags=["last"], wait=True)
    thread.join(120)
    assert not thread.is_alive(), said
    assert said[0] == "Listening on the socket."
    assert [each for each in heard if each in (first.id, last.id)] == [first.id, last.id]


def test_the_asynchronous_client_does_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncFilemill(LIVE_URL, LIVE_KEY, timeout=120) as client:
            changes = await client.files.changes()
            while changes.more:
                changes = await client.files.changes(cursor=changes.next_cursor)
            path = tmp_path / "a.bin"
            path.write_bytes(os.urandom(6 * MIB))
            file = await client.upload(path, multipart=True, part_size=_plan.MIN_PART, wait=True)
            assert await client.files.download(file) == path.read_bytes()
            async for event in client.events.follow(types=["ready"], cursor=changes.next_cursor):
                if event.subject == file.id:
                    break
            assert file.id in [each.id async for each in client.files.iter(limit=2)]

    asyncio.run(main())
