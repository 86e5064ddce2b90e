"""`python -m ops keys`: keys are made with all scopes or with some, and their scopes change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.api.auth.callers import Scope
from chalicelib.catalog import credentials, dynamodb, memory
from chalicelib.catalog.dynamodb import ConditionFailedError
from ops import keys
from ops.__main__ import main
from tests.client import Client, new_client
from tests.stage import STAGE, Calls

pytestmark = pytest.mark.usefixtures("stage")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(keys, "load_stage", lambda *_: STAGE)
    return lambda *words: main(["keys", *words, "--stage", "test"])


def key_id(client: Client) -> str:
    assert client.key
    return client.key.split("_")[1]


def scopes(client: Client) -> tuple[str, ...]:
    found = credentials.get_api_key(key_id(client))
    assert found
    return found.scopes


def test_the_scopes_are_those_of_the_api() -> None:
    assert keys.SCOPES == ("files:read", "files:write", "events:read", "webhooks:admin", "keys:admin")
    assert (*keys.SCOPES, "files:own") == keys.CHOICES
    assert {*Scope} - {*keys.CHOICES} == {"tenants:admin"}, "which operator keys alone have"


def test_a_key_has_all_scopes_unless_some_are_chosen(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("create", "--tenant", "acme") == 0
    assert scopes(Client(capsys.readouterr().out.strip())) == keys.SCOPES
    assert run("create", "--tenant", "acme", "--scope", "webhooks:admin", "--scope", "events:read") == 0
    assert scopes(Client(capsys.readouterr().out.strip())) == ("webhooks:admin", "events:read")
    with pytest.raises(SystemExit):
        run("create", "--tenant", "acme", "--scope", "webhooks")


def test_a_key_of_an_earlier_release_gets_the_new_scopes(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    old = new_client("acme", "files:read", "files:write")
    assert old("GET", "/v1/webhooks").json["code"] == "missing_scope"
    assert run("scopes", key_id(old), "--add", "webhooks:admin", "--add", "events:read") == 0
    assert "files:read, files:write, webhooks:admin, events:read" in capsys.readouterr().out
    memory.forget()
    assert old("GET", "/v1/webhooks").status == 200


def test_a_scope_is_taken_away_and_what_is_there_already_costs_nothing(
    run: Any, stage: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    client = new_client("acme")
    assert run("scopes", key_id(client), "--remove", "files:write", "--json") == 0
    left = [scope for scope in keys.SCOPES if scope != "files:write"]
    assert json.loads(capsys.readouterr().out) == {"id": key_id(client), "scopes": left}
    memory.forget()
    assert client("POST", "/v1/upload-tokens", {"max_bytes": 1}).status == 403
    stage.clear()
    assert run("scopes", key_id(client), "--add", "files:read", "--remove", "files:write") == 0
    assert stage.names == ["dynamodb.GetItem"]


def test_a_change_of_scopes_that_makes_no_sense_is_refused(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    client = new_client("acme", "files:read")
    assert run("scopes", key_id(client), "--add", "files:write", "--remove", "files:write") == 2
    assert "both" in capsys.readouterr().err
    assert run("scopes", "0" * 12, "--add", "files:write") == 1
    assert "keys list" in capsys.readouterr().err
    credentials.revoke_api_key(key_id(client))
    assert run("scopes", key_id(client), "--add", "files:write") == 1
    assert "revoked" in capsys.readouterr().err
    assert scopes(client) == ("files:read",)


def test_two_changes_at_once_both_count(monkeypatch: pytest.MonkeyPatch) -> None:
    client = new_client("acme", "files:read")
    update, others = dynamodb.update, [("files:write",)]

    def after_the_other(*args: object, **more: object) -> object:
        if others:
            credentials.change_scopes(key_id(client), add=others.pop())
        return update(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(credentials, "update", after_the_other)
    changed = credentials.change_scopes(key_id(client), add=["events:read"])
    assert changed
    assert set(changed.scopes) == {"files:read", "files:write", "events:read"} == set(scopes(client))


def test_a_key_that_is_revoked_meanwhile_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = new_client("acme", "files:read")

    def refused(*_: object, **__: object) -> object:
        monkeypatch.undo()
        credentials.revoke_api_key(key_id(client))
        raise ConditionFailedError(None)

    monkeypatch.setattr(credentials, "update", refused)
    with pytest.raises(credentials.RevokedError):
        credentials.change_scopes(key_id(client), add=["files:write"])
