"""`GET /v1/me`: each kind of credential is told what it is and what it may do, and nothing of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.api.routes.me import MeResource
from chalicelib.model import now, timestamp
from ops.keys import create_operator
from tests.client import Answer, Client, new_client
from tests.issuers import Signer, issuing, stage_with


def asked(client: Client) -> Answer:
    answer = client("GET", "/v1/me")
    assert answer.status == 200, answer.text
    MeResource.model_validate_json(answer.text)
    return answer


def test_a_key_learns_its_tenant_scopes_and_end(client: Client) -> None:
    made = client("POST", "/v1/keys", {"name": "ci", "scopes": ["files:write", "files:read"]}).json
    me = asked(Client(made["key"])).json
    assert me == {
        "type": "key",
        "id": made["id"],
        "name": "ci",
        "tenant": "acme",
        "scopes": ["files:read", "files:write"],
        "expires_at": None,
        "owner": None,
        "stage": "test",
        "delete_window": 0,
    }


def test_a_rotated_secret_learns_when_it_ends_and_a_key_of_ones_own_who_its_files_belong_to(client: Client) -> None:
    made = client("POST", "/v1/keys", {"name": "own", "scopes": ["files:own"]})
    if made.status != 201:  # whoever sees everything may give less
        pytest.fail(made.text)
    client("POST", f"/v1/keys/{made.json['id']}/rotate", {"overlap": 3600})
    me = asked(Client(made.json["key"])).json
    assert me["owner"] == f"key:{made.json['id']}"
    assert timestamp(now()) < me["expires_at"]


def test_an_upload_token_has_no_scopes_and_knows_its_owner(client: Client) -> None:
    made = client("POST", "/v1/upload-tokens", {"max_bytes": 10, "owner": "ana"}).json
    me = asked(Client(made["token"])).json
    assert (me["type"], me["id"], me["tenant"], me["scopes"], me["owner"]) == ("token", made["id"], "acme", [], "ana")
    assert me["expires_at"] == made["expires_at"][:-4] + "000Z" or me["expires_at"] == made["expires_at"]


def test_an_operator_has_no_tenant(client: Client) -> None:
    me = asked(Client(create_operator()[1])).json
    assert (me["type"], me["tenant"], me["scopes"]) == ("operator", None, ["tenants:admin"])


@pytest.fixture
def token(stage: object, tmp_path: Path) -> Iterator[str]:
    with issuing(tmp_path, signers=[Signer("first", "ES256")]) as issuer:
        entry = issuer.entry(scopes=None, scope_prefix="", tenant="{org}", console={"client_id": "web"})
        with stage_with(entry):
            yield issuer.token(org="acme", sub="u-1", scope="files:own events:read", exp=4_000_000_000)


def test_a_user_is_told_by_its_subject(token: str) -> None:
    me = asked(Client(token)).json
    assert (me["type"], me["id"], me["tenant"], me["owner"]) == ("user", "u-1", "acme", "u-1")
    assert me["scopes"] == ["events:read", "files:own"]
    assert me["expires_at"].startswith("2096-")


def test_without_a_credential_it_is_401(client: Client) -> None:
    answer = Client(None)("GET", "/v1/me")
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing", "/"])
def test_a_wrong_path_shows_a_browser_a_page_and_a_program_a_problem(client: Client, path: str) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    page = new_client("acme")("GET", path, headers=browser)
    assert page.status == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert 'href="/"' in page.text
    assert 'href="/docs"' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for accept in ("*/*", "application/json", ""):
        answer = client("GET", path, headers={"Accept": accept})
        assert (answer.status, answer.json["code"]) == (404, "unknown_route")
    assert client("POST", path, {}, headers=browser).json["code"] == "unknown_route"
