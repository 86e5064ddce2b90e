"""Legal hold over the API: who may put it, what it refuses, and what it lets happen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.api.auth.callers import Scope
from chalicelib.catalog import deletion, files
from chalicelib.model import File, Status, now
from chalicelib.storage import originals
from chalicelib.upkeep import sweep
from tests.catalog.records import item, time_stands_still
from tests.client import Client, new_client
from tests.making import ready_other
from tests.stage import aws_client


def record(file_id: str) -> File:
    found = files.record(file_id)
    assert found
    return found


def hold(client: Client, file_id: str) -> int:
    return client("PUT", f"/v1/files/{file_id}/hold").status


def test_a_held_file_can_be_changed_and_not_deleted_until_it_is_released(client: Client) -> None:
    file_id = ready_other(client)
    assert "legal_hold" not in client("GET", f"/v1/files/{file_id}").json
    assert hold(client, file_id) == 204
    held = client("GET", f"/v1/files/{file_id}").json
    assert held["legal_hold"] is True
    noted = record(file_id).legal_hold
    assert noted
    assert noted.actor.type == "key"
    refused = client("DELETE", f"/v1/files/{file_id}")
    assert (refused.status, refused.json["code"]) == (409, "legal_hold")
    conditional = client("DELETE", f"/v1/files/{file_id}", headers={"If-Match": f'"{held["revision"]}"'})
    assert conditional.status in (409, 412)
    assert client("PATCH", f"/v1/files/{file_id}", {"tags": ["a"]}).json["legal_hold"] is True
    assert originals.exists(record(file_id))
    assert client("DELETE", f"/v1/files/{file_id}/hold").status == 204
    assert "legal_hold" not in client("GET", f"/v1/files/{file_id}").json
    assert client("DELETE", f"/v1/files/{file_id}").status == 204


def test_both_acts_are_told_once(client: Client) -> None:
    file_id = ready_other(client)
    before = record(file_id).revision
    assert [hold(client, file_id), hold(client, file_id)] == [204, 204]
    change = record(file_id).last_change
    assert change
    assert (record(file_id).revision, change.type, change.actor.type) == (before + 1, "updated", "key")
    assert [client("DELETE", f"/v1/files/{file_id}/hold").status for _ in range(2)] == [204, 204]
    assert record(file_id).revision == before + 2


def test_only_a_key_that_administers_may_hold_and_release(client: Client) -> None:
    file_id = ready_other(client)
    scopes = tuple(scope for scope in Scope if scope not in (Scope.KEYS_ADMIN, Scope.FILES_OWN))
    plain = new_client("acme", *scopes)
    for method in ("PUT", "DELETE"):
        refused = plain(method, f"/v1/files/{file_id}/hold")
        assert (refused.status, refused.json["code"]) == (403, "missing_scope")
        assert new_client("acme-2")(method, f"/v1/files/{file_id}/hold").status == 404
    assert record(file_id).legal_hold is None


def test_a_file_without_bytes_is_not_held(client: Client) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a.txt", "content_type": "text/plain", "size": 1}).json["id"]
    refused = client("PUT", f"/v1/files/{waiting}/hold")
    assert (refused.status, refused.json["code"]) == (409, "original_missing")
    assert client("PUT", "/v1/files/file_01ARZ3NDEKTSV4RRFFQ69G5FAV/hold").status == 404


def test_a_delete_that_races_with_the_hold_loses(client: Client) -> None:
    """The delete read the record before the hold was put."""
    file_id = ready_other(client)
    before = record(file_id)
    assert hold(client, file_id) == 204
    later = now() + timedelta(days=1)
    assert deletion.mark_deleted("acme", file_id) is None
    assert deletion.mark_deleted("acme", file_id, revision=before.revision + 1) is None
    assert deletion.retire(record(file_id), until=later, leftovers=[]) is None
    assert record(file_id).status is Status.READY


@pytest.mark.usefixtures("window")
def test_a_deleted_file_that_is_held_outlives_its_window(client: Client) -> None:
    held, other = ready_other(client), ready_other(client)
    for file_id in (held, other):
        assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert hold(client, held) == 204
    with time_stands_still(now() + timedelta(days=2)):
        sweep.run(seconds=60)
        assert originals.exists(record(held))
        assert item(other)["purged"] is True
        assert "ttl" not in item(held)
        assert client("DELETE", f"/v1/files/{held}").status == 404, "and a repeated delete removes nothing"
        assert originals.exists(record(held))
        assert client("DELETE", f"/v1/files/{held}/hold").status == 204
    with time_stands_still(now() + timedelta(days=3)):
        sweep.run(seconds=60)
    assert item(held)["purged"] is True
    assert not derived_and_originals()


def derived_and_originals() -> list[str]:
    s3 = aws_client("s3")
    return [
        each["Key"]
        for bucket in ("originals", "derived")
        for each in s3.list_object_versions(Bucket=bucket).get("Versions", [])
    ]
