"""Retention: files go when their time is over, by what their clients said and by the stage's rules, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import deletion, files, holds
from chalicelib.model import File, Status, now
from chalicelib.settings import NotProvisionedError, load, settings
from chalicelib.storage import originals
from chalicelib.upkeep import sweep
from tests.catalog.records import item, time_stands_still
from tests.client import Client
from tests.making import deliver, set_item, upload
from tests.stage import STAGE

DAY = 86400


def kept(client: Client, **more: Any) -> str:
    file_id = upload(client, b"\0\1", name="a.bin", content_type="application/octet-stream", **more)
    deliver(file_id)
    return file_id


def record(file_id: str) -> File:
    found = files.record(file_id)
    assert found
    return found


def swept(seconds: float) -> None:
    with time_stands_still(now() + timedelta(seconds=seconds)):
        sweep.run(seconds=60)


@pytest.fixture
def rules(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_RETENTION", '{"tag:temp": 3600}')
    settings.cache_clear()


def test_a_file_goes_when_its_time_is_over_and_not_before(client: Client) -> None:
    short, long = kept(client, expires_after=DAY), kept(client)
    shown = client("GET", f"/v1/files/{short}").json
    assert shown["expires_after"] == DAY
    assert shown["delete_at"] > shown["created_at"]
    assert not {"expires_after", "delete_at"} & client("GET", f"/v1/files/{long}").json.keys()
    swept(DAY - 60)
    assert client("GET", f"/v1/files/{short}").status == 200
    swept(DAY + 60)
    assert client("GET", f"/v1/files/{short}").status == 404
    assert item(short)["purged"] is True
    change = record(short).last_change
    assert change
    assert (change.type, change.actor.type, change.actor.id) == ("deleted", "system", "retention")
    assert not originals.exists(record(short).model_copy(update={"version_id": None}))
    assert client("GET", f"/v1/files/{long}").status == 200


def test_a_patch_gives_changes_and_takes_it(client: Client) -> None:
    file_id = kept(client)
    assert client("PATCH", f"/v1/files/{file_id}", {"expires_after": 2 * DAY}).json["expires_after"] == 2 * DAY
    assert client("PATCH", f"/v1/files/{file_id}", {"expires_after": 59}).status == 422
    swept(DAY)
    assert client("PATCH", f"/v1/files/{file_id}", {"expires_after": None}).status == 200
    swept(3 * DAY)
    assert client("GET", f"/v1/files/{file_id}").status == 200
    assert "due_pk" not in item(file_id)


@pytest.mark.usefixtures("rules")
def test_a_rule_for_a_tag_counts_for_files_that_have_it(client: Client) -> None:
    tagged, plain, later = (
        kept(client, tags=["temp"], expires_after=DAY),
        kept(client, tags=["temporary"]),
        kept(client),
    )
    assert "delete_at" in client("PATCH", f"/v1/files/{later}", {"tags": ["temp"]}).json
    assert client("PATCH", f"/v1/files/{plain}", {"tags": ["a"]}).status == 200
    swept(4000)
    assert [record(each).status for each in (tagged, plain, later)] == [Status.DELETED, Status.READY, Status.DELETED]


def test_a_failed_file_goes_too_and_an_upload_that_waits_does_not(client: Client) -> None:
    broken = upload(client, b"not a picture", name="a.jpg", content_type="image/jpeg", expires_after=DAY)
    deliver(broken)
    assert record(broken).status is Status.FAILED
    waiting = client(
        "POST", "/v1/files", {"filename": "a", "content_type": "text/plain", "size": 1, "expires_after": 60}
    )
    swept(600)
    assert record(waiting.json["id"]).status is Status.AWAITING_UPLOAD
    swept(DAY + 60)
    assert record(broken).status is Status.DELETED


def test_a_held_file_stays_until_it_is_released(client: Client) -> None:
    file_id = kept(client, expires_after=DAY)
    held = holds.hold(record(file_id))
    assert held
    swept(2 * DAY)
    assert record(file_id).status is Status.READY
    assert holds.release(record(file_id))
    swept(2 * DAY)
    assert record(file_id).status is Status.DELETED


def test_with_a_delete_window_it_can_be_restored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.cache_clear()
    file_id = kept(client, expires_after=DAY)
    swept(DAY + 60)
    gone = record(file_id)
    assert (gone.status, gone.restore_to) == (Status.DELETED, Status.READY)
    assert originals.exists(gone)
    restored = deletion.restore(gone)
    assert restored
    assert "due_pk" in item(file_id), "its retention still counts"


def test_retention_cannot_change_while_a_file_is_processed(client: Client) -> None:
    file_id = kept(client)
    set_item(file_id, "status", {"S": "processing"})
    refused = client("PATCH", f"/v1/files/{file_id}", {"expires_after": DAY})
    assert (refused.status, refused.json["code"]) == (409, "file_processing")
    assert client("PATCH", f"/v1/files/{file_id}", {"tags": ["a"]}).status == 200


@pytest.mark.parametrize("wrong", ["x", "[]", '{"temp": 60}', '{"tag:a": 59}', '{"tag:a": "60"}', '{"tag:": 60}'])
def test_a_wrong_rule_is_a_sentence(wrong: str) -> None:
    with pytest.raises(NotProvisionedError, match="tag:temp"):
        load({**STAGE, "FILEMILL_RETENTION": wrong})
