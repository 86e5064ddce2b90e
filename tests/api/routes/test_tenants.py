"""`/v1/tenants`: an operator key makes tenants, suspends them, and sets their quotas. Nobody else does."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chalicelib.catalog import credentials, dynamodb, memory, tenants
from chalicelib.catalog.credentials import OPERATOR
from ops.keys import create_operator
from tests.client import Answer, Client, new_client
from tests.making import ready_photo
from tests.stage import Calls, aws_client


@pytest.fixture
def operator(stage: Calls) -> Client:
    return Client(create_operator("root")[1])


def told(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def test_a_tenant_is_made_and_gets_its_first_key_which_makes_others(operator: Client) -> None:
    assert told(operator("GET", "/v1/tenants/acme")) == (404, "not_found")
    body = {"default_recipe": "avatar", "quotas": {"files": 10, "stored_bytes": None}}
    answer = operator("PUT", "/v1/tenants/acme", body)
    assert answer.status == 201
    assert answer.json == {
        "name": "acme",
        "default_recipe": "avatar",
        "unscannable": None,
        "suspended": False,
        "quotas": {"files": 10},
    }
    assert operator("PUT", "/v1/tenants/acme", {}).status == 200
    made = operator("POST", "/v1/tenants/acme/keys", {"name": "first", "scopes": ["files:read", "keys:admin"]})
    assert (made.status, made.headers["Location"]) == (201, f"/v1/keys/{made.json['id']}")
    assert made.json["created_by"]["type"] == "key"
    first = Client(made.json["key"])
    assert first("POST", "/v1/keys", {"name": "second", "scopes": ["files:read"]}).status == 201
    assert told(operator("POST", "/v1/tenants/nobody/keys", {"name": "x", "scopes": ["files:read"]})) == (
        404,
        "not_found",
    )


def test_an_operator_gives_no_operators_scope(operator: Client) -> None:
    operator("PUT", "/v1/tenants/acme", {})
    body = {"name": "x", "scopes": ["tenants:admin"]}
    assert told(operator("POST", "/v1/tenants/acme/keys", body)) == (422, "invalid_field")


def test_settings_are_changed_one_by_one_and_replaced_together(operator: Client) -> None:
    operator("PUT", "/v1/tenants/acme", {"default_recipe": "avatar", "quotas": {"files": 10, "renders_per_day": 5}})
    after = operator("PATCH", "/v1/tenants/acme", {"quotas": {"files": None, "stored_bytes": 0}}).json
    assert (after["default_recipe"], after["quotas"]) == ("avatar", {"renders_per_day": 5, "stored_bytes": 0})
    after = operator("PATCH", "/v1/tenants/acme", {"default_recipe": None, "unscannable": "accept"}).json
    assert (after["default_recipe"], after["unscannable"]) == (None, "accept")
    assert operator("PUT", "/v1/tenants/acme", {}).json["quotas"] == {}
    assert operator("GET", "/v1/tenants/acme").json == operator("PUT", "/v1/tenants/acme", {}).json
    assert told(operator("PATCH", "/v1/tenants/other", {"suspended": True})) == (404, "not_found")
    assert told(operator("PATCH", "/v1/tenants/acme", {})) == (422, "invalid_field")


def test_two_changes_of_quotas_at_once_both_count(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    operator("PUT", "/v1/tenants/acme", {})
    update, others = dynamodb.update, [{"quotas": {"files": 1}}]

    def after_the_other(*args: Any, **more: Any) -> Any:
        if others:
            tenants.change_tenant("acme", others.pop())
        return update(*args, **more)

    monkeypatch.setattr(tenants, "update", after_the_other)
    operator("PATCH", "/v1/tenants/acme", {"quotas": {"stored_bytes": 2}})
    assert tenants.get_tenant("acme").quotas == {"files": 1, "stored_bytes": 2}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quotas": {"unknown": 1}}, "quotas"),
        ({"quotas": {"files": -1}}, "quotas.files"),
        ({"quotas": {"files": 1.5}}, "quotas.files"),
        ({"quotas": {"files": "1"}}, "quotas.files"),
        ({"quotas": {"files": True}}, "quotas.files"),
        ({"quotas": {"files": 2**53}}, "quotas.files"),
        ({"quotas": None}, "quotas"),
        ({"suspended": None}, "suspended"),
        ({"suspended": 1}, "suspended"),
        ({"default_recipe": "poster"}, "default_recipe"),
        ({"unscannable": "maybe"}, "unscannable"),
        ({"name": "other"}, "name"),
    ],
)
def test_a_wrong_setting_is_refused(operator: Client, body: Any, field: str) -> None:
    operator("PUT", "/v1/tenants/acme", {})
    for method in ("PUT", "PATCH"):
        answer = operator(method, "/v1/tenants/acme", body)
        assert (*told(answer), answer.json["field"]) == (422, "invalid_field", field), answer.text


@pytest.mark.parametrize("name", ["Acme", "-acme", "a" * 64, "a b", "ac_me", OPERATOR, "TENANT#x", "*"])
def test_a_name_that_is_none_makes_no_tenant(operator: Client, name: str) -> None:
    assert told(operator("PUT", f"/v1/tenants/{name}", {})) == (422, "invalid_field")
    assert told(operator("GET", f"/v1/tenants/{name}")) == (404, "not_found")
    assert told(operator("POST", f"/v1/tenants/{name}/keys", {"name": "x", "scopes": ["files:read"]})) == (
        404,
        "not_found",
    )


def test_tenants_are_listed_by_name_also_those_that_only_have_keys(operator: Client) -> None:
    for name in ("c", "a"):
        new_client(name)
    operator("PUT", "/v1/tenants/b", {})
    former(new_client("d"))
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = operator("GET", "/v1/tenants", query={"limit": "2", **cursor}).json
        pages.append([each["name"] for each in page["items"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [name for page in pages for name in page] == ["a", "b", "c", "d"]
    assert len(pages) >= 2


def former(client: Client) -> None:
    """Makes a key, and its tenant, what the release before would have left."""
    assert client.key
    key_id = client.key.split("_")[1]
    key = credentials.get_api_key(key_id)
    assert key
    table: dict[str, Any] = {"TableName": "filemill-test"}
    aws_client("dynamodb").delete_item(**table, Key={"pk": {"S": f"TENANT#{key.tenant}"}, "sk": {"S": "TENANT"}})
    aws_client("dynamodb").update_item(
        **table,
        Key={"pk": {"S": f"KEY#{key_id}"}, "sk": {"S": "KEY"}},
        UpdateExpression="SET list_sk = :id",
        ExpressionAttributeValues={":id": {"S": key_id}},
    )


def test_no_other_key_opens_these_routes_whatever_its_item_says(client: Client) -> None:
    """A key of a tenant gets no operator's right, even if somebody writes the scope into the table."""
    assert client.key
    credentials.change_scopes(client.key.split("_")[1], add=["tenants:admin"])
    memory.forget()
    for method, path in (("GET", ""), ("GET", "/acme"), ("PUT", "/acme"), ("PATCH", "/acme"), ("POST", "/acme/keys")):
        body: Any = None if method == "GET" else {}
        assert told(client(method, f"/v1/tenants{path}", body)) == (403, "missing_scope")


def test_an_operator_key_with_more_scopes_opens_nothing_more(operator: Client) -> None:
    assert operator.key
    credentials.change_scopes(operator.key.split("_")[1], add=["files:read", "keys:admin", "events:read"])
    memory.forget()
    for path in ("/v1/files", "/v1/keys", "/v1/changes", "/v1/stats"):
        assert told(operator("GET", path)) == (403, "missing_scope")
    assert operator("GET", "/v1/tenants").status == 200


# --- suspending


def test_a_suspension_takes_effect_within_a_minute_and_ends_again(
    operator: Client, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = Client(client("POST", "/v1/upload-tokens", {"max_bytes": 9}).json["token"])
    assert client("GET", "/v1/files").status == 200
    tenants.change_tenant("acme", {"suspended": True})  # by another process
    assert client("GET", "/v1/files").status == 200
    later = time.monotonic() + 59
    monkeypatch.setattr("chalicelib.catalog.memory.time.monotonic", lambda: later)
    assert told(client("GET", "/v1/files")) == (403, "tenant_suspended")
    assert told(token("GET", "/v1/files/file_x")) == (403, "tenant_suspended")
    assert operator("GET", "/v1/tenants/acme").json["suspended"] is True
    assert operator("PATCH", "/v1/tenants/acme", {"suspended": False}).status == 200
    assert client("GET", "/v1/files").status == 200


def test_a_suspended_tenants_files_stay_and_are_processed(operator: Client, client: Client) -> None:
    operator("PUT", "/v1/tenants/acme", {"suspended": True})
    operator("PATCH", "/v1/tenants/acme", {"suspended": False})
    file_id = ready_photo(client)
    operator("PATCH", "/v1/tenants/acme", {"suspended": True})
    operator("PATCH", "/v1/tenants/acme", {"suspended": False})
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"


def test_a_warm_request_reads_neither_key_nor_tenant(client: Client, stage: Calls) -> None:
    file_id = client("POST", "/v1/files", {"filename": "a.png", "content_type": "image/png", "size": 9}).json["id"]
    client("GET", f"/v1/files/{file_id}")
    stage.clear()
    client("GET", f"/v1/files/{file_id}")
    assert stage.names == ["dynamodb.GetItem"]
