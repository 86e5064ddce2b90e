"""`python -m ops hold`: puts, releases and lists legal holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

import ops.hold
from chalicelib.catalog import files
from ops import __main__
from tests.client import Client
from tests.making import ready_other
from tests.stage import STAGE

UNKNOWN = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def ops_hold(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ops.hold, "load_stage", lambda *_: STAGE)
    return lambda *words: __main__.main(["hold", *words, "--stage", "test"])


def test_files_are_put_under_hold_listed_and_released(
    ops_hold: Any, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    held, other = ready_other(client), ready_other(client)
    assert [ops_hold("put", held), ops_hold("put", held)] == [0, 0]
    assert ops_hold("list", "--tenant", "acme") == 0
    shown = capsys.readouterr().out
    assert f"{held} of tenant acme is under legal hold." in shown
    assert other not in shown
    assert ops_hold("list", "--tenant", "acm", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == []
    record = files.record(held)
    assert record
    assert record.legal_hold
    assert record.legal_hold.actor.id == "ops hold"
    assert ops_hold("release", held) == 0
    assert ops_hold("list", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == []


def test_what_cannot_be_held_is_a_sentence(ops_hold: Any, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a", "content_type": "text/plain", "size": 1}).json["id"]
    assert ops_hold("put", waiting) == 1
    assert "can't be held" in capsys.readouterr().err
    assert ops_hold("put", UNKNOWN) == 1
    assert "There is no file" in capsys.readouterr().err
