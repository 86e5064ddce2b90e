"""Who may call: the credential, its form, its end, and the scopes it has."""

from __future__ import annotations

import time

import pytest

from chalicelib.api.auth.callers import COOKIE
from chalicelib.catalog import credentials
from chalicelib.catalog.credentials import new_credential
from ops.keys import SCOPES
from tests.client import Client, new_client
from tests.stage import Calls, aws_client


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic Zm9vOmJhcg==", "fm_0_0", "Bearer fm_" + "0" * 12 + "_" + "0" * 48]
)
def test_a_missing_or_wrong_key_is_401_as_a_problem_document_with_cors(stage: Calls, header: str | None) -> None:
    answer = Client(None)("GET", "/v1/files", headers={"Authorization": header} if header is not None else {})
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "WWW-Authenticate" not in answer.headers, "API Gateway would give it another name"


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "Bear", "Bearer:"])
def test_the_right_key_with_another_scheme_is_refused(client: Client, scheme: str) -> None:
    answer = Client(None)("GET", "/v1/files", headers={"Authorization": f"{scheme} {client.key}"})
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_the_schemes_case_and_spaces_do_not_matter(client: Client, header: str) -> None:
    assert client.key
    assert Client(None)("GET", "/v1/files", headers={"Authorization": header.format(client.key)}).status == 200


@pytest.mark.parametrize("change", ["{}0", "x{}", "{} {}", "{}\n", "fm_{}"])
def test_a_key_with_anything_before_or_behind_it_is_refused(client: Client, change: str) -> None:
    header = f"Bearer {change.format(client.key, client.key)}".replace("\n", "\n0")
    assert Client(None)("GET", "/v1/files", headers={"Authorization": header}).status == 401


def test_a_key_and_a_token_of_one_id_are_two_credentials(client: Client) -> None:
    assert client.key
    assert Client(client.key.replace("fm_", "fmu_", 1))("POST", "/v1/files", {}).status == 401


def test_the_right_id_with_another_secret_is_refused(client: Client) -> None:
    assert client.key
    forged = client.key[:-1] + ("0" if client.key[-1] != "0" else "1")
    assert Client(forged)("GET", "/v1/files").status == 401


def test_a_scope_that_is_missing_is_403_and_says_which(stage: Calls) -> None:
    reader, writer = new_client("acme", "files:read"), new_client("acme", "files:write")
    answer = reader("POST", "/v1/files", {})
    assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert "files:write" in answer.json["detail"]
    assert writer("GET", "/v1/files").status == 403
    assert reader("GET", "/v1/files").status == 200


def test_the_table_never_sees_the_key(client: Client) -> None:
    assert client.key
    items = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    assert sorted(item["sk"]["S"] for item in items) == ["KEY", "TENANT"]
    assert client.key not in repr(items)
    assert client.key.rpartition("_")[2] not in repr(items)


def test_an_unknown_and_a_revoked_key_get_the_same_words_as_a_wrong_secret(client: Client) -> None:
    assert client.key
    forged = client.key[:-1] + ("0" if client.key[-1] != "0" else "1")
    unknown = new_credential()[1]
    revoked = new_client("acme")
    assert revoked.key
    credentials.revoke_api_key(revoked.key.split("_")[1])
    details = {Client(key)("GET", "/v1/files").json["detail"] for key in (forged, unknown, revoked.key)}
    assert len(details) == 1


def test_the_header_counts_where_there_is_a_cookie_too(client: Client) -> None:
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10}).json["token"]
    query = {"filename": "a.jpg", "type": "image/jpeg"}
    cookie = {"Cookie": f"{COOKIE}={token}"}
    assert Client(None)("GET", "/s3/params", query=query, headers=cookie).status == 200
    wrong = cookie | {"Authorization": "Bearer x"}
    assert Client(None)("GET", "/s3/params", query=query, headers=wrong).status == 401


def test_a_key_is_read_once_and_remembered(client: Client, stage: Calls) -> None:
    stage.clear()
    for _ in range(3):
        client("GET", "/v1/files")
    assert stage.count("dynamodb.GetItem") == 2, "the key, and its tenant"


def test_a_revoked_key_stops_within_a_minute(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.key
    assert client("GET", "/v1/files").status == 200
    revoked = credentials.revoke_api_key(client.key.split("_")[1])
    assert revoked
    assert revoked.revoked_at
    later = time.monotonic() + 60
    monkeypatch.setattr("chalicelib.catalog.memory.time.monotonic", lambda: later)
    assert client("GET", "/v1/files").status == 401


def test_a_key_list_shows_all_keys_and_revoking_twice_keeps_the_first_time(stage: Calls) -> None:
    new_client("acme")
    new_client("other", "files:read")
    keys = credentials.api_keys()
    assert {(k.tenant, k.scopes) for k in keys} == {("acme", SCOPES), ("other", ("files:read",))}
    first = credentials.revoke_api_key(keys[0].id)
    assert first == credentials.revoke_api_key(keys[0].id)
    assert credentials.revoke_api_key("0" * 12) is None
