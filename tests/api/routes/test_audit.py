"""The history of a file, and the audit of a tenant, as clients see them."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.api.auth.claims import MAX_SUBJECT
from chalicelib.catalog import credentials, files
from chalicelib.catalog.keys import file_key
from tests.client import Client, new_client
from tests.making import ready_photo
from tests.stage import Calls, aws_client

# A tenant comes into being with its first key, in the same moment.
MADE = ("filemill.audit.tenant.created", "acme")

NOBODYS = "file_01KAP3Y5ZD4Q8R2V7W9XABCDEF"


def settled(stage: Calls) -> None:
    stage.settle()
    stage.published()


def listed(client: Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """The items of all pages."""
    found: list[dict[str, Any]] = []
    while True:
        answer = client("GET", path, query=query)
        assert answer.status == 200, answer.text
        found += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return found
        query["cursor"] = answer.json["next_cursor"]


def history(client: Client, file_id: str, **query: Any) -> list[tuple[str, int, str]]:
    items = listed(client, f"/v1/files/{file_id}/history", **query)
    return [(each["type"].rpartition(".")[2], each["revision"], each["actor"]["id"]) for each in items]


def key_id(tenant: str = "acme") -> str:
    return next(key.id for key in credentials.api_keys() if key.tenant == tenant)


def test_a_span_that_ends_before_it_begins_has_no_changes(client: Client, stage: Calls) -> None:
    ready_photo(client)
    settled(stage)
    assert listed(client, "/v1/audit", after="2020-01-01T00:00:00Z")
    late, early = "2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
    assert listed(client, "/v1/audit", after=late, before=early) == []
    assert listed(client, "/v1/audit", after=early, before=early) == []


def test_a_history_tells_who_did_what_and_stays_after_the_delete(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    client("PATCH", f"/v1/files/{file_id}", {"tags": ["seen"], "metadata": {"a": "secret"}})
    settled(stage)
    key = key_id()
    wanted = [("updated", 4, key), ("ready", 3, "process"), ("processing", 2, "process"), ("created", 1, key)]
    assert history(client, file_id) == wanted
    assert history(client, file_id, limit="1") == wanted
    items = listed(client, f"/v1/files/{file_id}/history")
    assert items[0]["fields"] == ["metadata", "tags"]
    assert items[-1]["fields"] == []
    assert {"image", "kind", "renditions", "sha256", "status"} <= set(items[1]["fields"])
    assert all(each["request_id"] for each in items)
    assert all("address" not in each and "before" not in each for each in items)
    client("DELETE", f"/v1/files/{file_id}")
    settled(stage)
    wanted.insert(0, ("deleted", 5, key))
    assert history(client, file_id) == wanted
    aws_client("dynamodb").delete_item(
        TableName="filemill-test", Key={n: {"S": v} for n, v in file_key(file_id).items()}
    )
    assert files.record(file_id) is None
    assert history(client, file_id) == wanted, "the record is gone, and the history is not"


def test_a_history_is_its_tenants_and_its_owners(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    other = new_client("other")
    own = new_client("acme", "files:own")
    mine = own("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 9}).json.get("id")
    settled(stage)
    for stranger in (other, own):
        assert stranger("GET", f"/v1/files/{file_id}/history").status == 404
    for nobodys in (NOBODYS, "file_1", "x"):
        assert client("GET", f"/v1/files/{nobodys}/history").status == 404
    client("DELETE", f"/v1/files/{file_id}")
    settled(stage)
    assert other("GET", f"/v1/files/{file_id}/history").status == 404
    assert client("GET", f"/v1/files/{file_id}/history").status == 200
    if mine:  # this release lets such a key create files
        assert own("GET", f"/v1/files/{mine}/history").status == 200
        client("DELETE", f"/v1/files/{mine}")
        settled(stage)
        assert own("GET", f"/v1/files/{mine}/history").status == 404


def test_a_cursor_is_for_one_history(client: Client, stage: Calls) -> None:
    first, second = ready_photo(client), ready_photo(client)
    settled(stage)
    cursor = client("GET", f"/v1/files/{first}/history", query={"limit": "1"}).json["next_cursor"]
    assert client("GET", f"/v1/files/{second}/history", query={"cursor": cursor}).status == 400


def test_a_history_costs_a_read_and_a_query_for_each_change(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    settled(stage)
    client("GET", f"/v1/files/{file_id}")
    stage.clear()
    assert len(history(client, file_id)) == 3
    assert stage.count("dynamodb.GetItem") == 1
    assert stage.count("dynamodb.Query") == 3


def test_an_audit_has_files_and_settings_with_the_address_and_no_values(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client, filename="secret.jpg", tags=["secret"])
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 9, "max_files": 1}).json
    hook = client("POST", "/v1/webhooks", {"url": "https://hooks.example.com/secret"}).json
    client("PATCH", f"/v1/webhooks/{hook['id']}", {"tags": ["secret"]})
    client("DELETE", f"/v1/webhooks/{hook['id']}")
    client("DELETE", f"/v1/upload-tokens/{token['id']}")
    link = client("POST", f"/v1/files/{file_id}/shares", {}).json
    assert Client(None)("GET", link["url"].partition(".net")[2]).status == 200, "a view, which is no entry"
    client("DELETE", f"/v1/files/{file_id}/shares/{link['id']}")
    settled(stage)
    items = listed(client, "/v1/audit", limit="2")
    assert [each["at"] for each in items] == sorted((each["at"] for each in items), reverse=True)
    found = [(each["type"], each["subject"]) for each in reversed(items)]
    assert found.count(MADE) == 1
    assert [each for each in found if each != MADE] == [
        ("filemill.audit.key.created", key_id()),
        *[(f"filemill.file.{word}", file_id) for word in ("created", "processing", "ready")],
        ("filemill.audit.token.created", token["id"]),
        ("filemill.audit.webhook.created", hook["id"]),
        ("filemill.audit.webhook.changed", hook["id"]),
        ("filemill.audit.webhook.ended", hook["id"]),
        ("filemill.audit.token.ended", token["id"]),
        ("filemill.audit.share.created", f"{file_id}/{link['id']}"),
        ("filemill.audit.share.ended", f"{file_id}/{link['id']}"),
    ]
    by_key = [each for each in items if each["actor"] == {"type": "key", "id": key_id()}]
    assert len(by_key) == 8
    assert {each["address"] for each in by_key} == {"127.0.0.0/24"}
    assert [each["actor"] for each in items[-2:]] == [{"type": "system", "id": "ops"}] * 2
    assert "secret" not in str(items).replace("'secret_version'", "")
    stored = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    audited = [each for each in stored if each["pk"]["S"].startswith("AUDIT#")]
    assert audited
    assert b"secret" not in b"".join(zlib.decompress(bytes(each["entries"]["B"])) for each in audited)


def test_a_user_with_a_long_name_can_be_looked_for(client: Client) -> None:
    assert client("GET", "/v1/audit", query={"actor": "a" * MAX_SUBJECT}).status == 200


def test_an_audit_is_filtered(client: Client, stage: Calls) -> None:
    ready_photo(client)
    settled(stage)

    def types(**query: Any) -> list[str]:
        found = [each for each in listed(client, "/v1/audit", **query) if (each["type"], each["subject"]) != MADE]
        return [each["type"].removeprefix("filemill.") for each in found]

    everything = ["file.ready", "file.processing", "file.created", "audit.key.created"]
    assert types() == everything
    assert types(type="filemill.file") == everything[:3]
    assert types(type="filemill.audit") == everything[3:]
    assert types(type="filemill.audit.key.created") == everything[3:]
    assert types(type="filemill.audit.ke") == []
    assert types(actor="process") == everything[:2]
    first, last = (listed(client, "/v1/audit")[number]["at"] for number in (-1, 0))
    assert types(after=last) == everything[:1]
    assert types(before=last) == everything[1:]
    assert types(after=first, before=first) == []
    assert client("GET", "/v1/audit", query={"type": "x"}).status == 422
    assert client("GET", "/v1/audit", query={"after": "yesterday"}).status == 422


def test_an_audit_is_its_tenants_alone(client: Client, stage: Calls) -> None:
    other = new_client("other")
    of_acme, of_other = ready_photo(client), ready_photo(other)
    settled(stage)
    for caller, tenant, file_id in ((client, "acme", of_acme), (other, "other", of_other)):
        found = listed(caller, "/v1/audit")
        assert len(found) == 5
        assert {each["subject"] for each in found} == {file_id, key_id(tenant), tenant}
    cursor = client("GET", "/v1/audit", query={"limit": "1"}).json["next_cursor"]
    assert other("GET", "/v1/audit", query={"limit": "1", "cursor": cursor}).status == 400
    assert client("GET", "/v1/audit", query={"limit": "1", "cursor": cursor, "actor": "x"}).status == 400
    assert new_client("acme", "files:read")("GET", "/v1/audit").status == 403


def test_a_stage_that_keeps_no_audit_writes_none(client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_AUDIT_DAYS", "0")
    settings.settings.cache_clear()
    file_id = ready_photo(client)
    settled(stage)
    settings.settings.cache_clear()
    assert listed(client, "/v1/audit") == []
    assert history(client, file_id) == []
    client("DELETE", f"/v1/files/{file_id}")
    stage.settle()
    assert client("GET", f"/v1/files/{file_id}/history").status == 404
