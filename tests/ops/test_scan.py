"""`ops scan`: files of before the gate go through it, and nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import settings
from ops import __main__ as main
from ops import config
from tests import scans as gate
from tests.client import Client, new_client
from tests.making import PHOTO, deliver, ready_photo, take_messages, upload
from tests.scans import policy_of_originals
from tests.stage import STAGE, lambda_context


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    yield
    settings.cache_clear()


@pytest.fixture
def files(client: Client) -> list[str]:
    """A photo, a broken one, another tenant's, and an upload that waits."""
    broken = upload(client, PHOTO[:100])
    deliver(broken)
    other = upload(new_client("other"), PHOTO, tenant="other")
    deliver(other, tenant="other")
    client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 10})
    return [ready_photo(client), broken, other]


@pytest.fixture
def ops(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(*arguments: str) -> int:
        return main.main(["scan", "--stage", "test", *arguments])

    monkeypatch.setattr(config, "load_stage", lambda *_: STAGE)
    return run


def waiting() -> list[dict[str, Any]]:
    return [json.loads(body) for body in take_messages()]


def test_files_without_a_verdict_are_sent_once(
    files: list[str], ops: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gate.turn_on(monkeypatch, "command", scan_command=gate.command(tmp_path))
    assert ops("--dry-run") == 0
    assert "3 files to scan" in capsys.readouterr().out
    assert waiting() == []
    assert ops("--tenant", "acme", "--yes", "--rate", "1000/s") == 0
    assert "2 sent" in capsys.readouterr().out
    sent = waiting()
    assert {each["scan"]["id"] for each in sent} == set(files[:2])
    from chalicelib.processing import pipeline
    from tests.making import sqs_event

    with policy_of_originals(exempt=True):
        for each in sent:
            pipeline.handle(sqs_event(json.dumps(each)), lambda_context())
    assert ops("--yes", "--rate", "1000/s") == 0
    assert "1 files to scan" in capsys.readouterr().out
    assert [each["scan"]["id"] for each in waiting()] == files[2:]
    assert ops("--tenant", "acme", "--again", "--dry-run") == 0
    assert "2 files to scan" in capsys.readouterr().out


def test_a_stage_that_scans_nothing_says_how_to_turn_it_on(
    files: list[str], ops: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops("--yes") == 1
    assert "--set Scan=guardduty" in capsys.readouterr().err
