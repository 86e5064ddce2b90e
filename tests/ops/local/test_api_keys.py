"""The local stage's API keys: one that is kept gets the scopes that came after it was made."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.errors import OpsError
from ops.keys import SCOPES
from ops.local import api_keys
from ops.local.stage import LocalStage

KEY = f"fm_0123456789ab_{'0' * 48}"


class Commands:
    """Stands in for `python -m ops keys`: writes down its arguments, and fails if it is told to."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.fails = ""

    def run(self, command: list[str], **_: Any) -> Any:
        self.ran.append(command[4:])
        made = '{"id": "0123456789ab", "key": "fm_new"}'
        return SimpleNamespace(returncode=int(bool(self.fails)), stdout=made, stderr=self.fails)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands()
    monkeypatch.setattr(subprocess, "run", made.run)
    return made


@pytest.fixture
def stage(tmp_path: Path) -> LocalStage:
    return LocalStage(tmp_path)


def test_a_kept_key_is_used_again_with_every_scope(
    stage: LocalStage, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "accepted", lambda *_: True)
    api_keys.store(stage.home / "api-key", KEY)
    assert stage.api_key() == KEY
    ((verb, *arguments),) = commands.ran
    assert (verb, "0123456789ab" in arguments) == ("scopes", True)
    assert [arguments[at + 1] for at, word in enumerate(arguments) if word == "--add"] == list(SCOPES)


def test_a_key_that_is_not_accepted_is_replaced(
    stage: LocalStage, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "accepted", lambda *_: False)
    api_keys.store(stage.home / "api-key", KEY)
    assert stage.api_key() == "fm_new"
    assert (stage.home / "api-key").read_text() == "fm_new\n"
    assert [words[0] for words in commands.ran] == ["create"]


def test_what_keeps_a_key_from_its_scopes_is_told(
    stage: LocalStage, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.fails = "No key has the id."
    with pytest.raises(OpsError, match="No key has the id"):
        api_keys.complete(KEY, stage.project_dir, stage.root, {})
    with pytest.raises(OpsError, match="No API key could be made"):
        api_keys.create("demo", stage.project_dir, stage.root, {})
