"""`ops audit verify` and `ops audit key`."""

from __future__ import annotations

import json
import zlib
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import keyring
from chalicelib.catalog.dynamodb import typed
from chalicelib.catalog.keys import seal_key
from chalicelib.model import now, timestamp
from chalicelib.upkeep import sealing
from ops import config
from ops.__main__ import main
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import ready_photo
from tests.stage import STAGE, Calls, aws_client


@pytest.fixture
def ops(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(config, "load_stage", lambda *_: STAGE)
    return lambda *words: main(["audit", *words, "--stage", "test"])


@pytest.fixture
def audited(client: Client, stage: Calls, clock: Clock) -> str:
    """A stage whose audit is sealed. Gives the id of a file."""
    file_id = ready_photo(client)
    stage.published()
    clock.forward(timedelta(hours=3))
    sealing.run(float("inf"))
    return file_id


def items(begins: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return [each for each in found if each["pk"]["S"].startswith(begins)]


def test_an_audit_without_a_seal_is_not_called_as_sealed(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("verify", "--tenant", "nobody") == 0
    assert "nobody: 0 entries, 0 seals: nothing is sealed yet" in capsys.readouterr().out


@pytest.mark.usefixtures("audited")
def test_an_audit_as_it_was_sealed_is_verified(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("verify") == 0
    out = capsys.readouterr().out
    assert "acme: 5 entries, 1 seals: as sealed" in out
    assert "nothing was changed" in out
    assert ops("verify", "--tenant", "acme", "--json", "--since", timestamp(now() - timedelta(days=1))) == 0
    assert json.loads(capsys.readouterr().out) == {"acme": {"seals": 1, "entries": 5, "unsealed": 0, "faults": []}}


def test_a_change_of_the_table_is_found_and_told(ops: Any, audited: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = next(each for each in items("AUDIT#") if audited.encode() in zlib.decompress(each["entries"]["B"]))
    stored = zlib.decompress(page["entries"]["B"]).replace(b'"created"', b'"made"').replace(b"key", b"kex")
    forged = {**page, "entries": {"B": zlib.compress(stored)}}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=forged)
    assert ops("verify", "--tenant", "acme") == 1
    out = capsys.readouterr().out
    assert page["sk"]["S"][:13] in out
    assert "altered: evt_" in out
    aws_client("dynamodb").delete_item(TableName="filemill-test", Key={n: page[n] for n in ("pk", "sk")})
    assert ops("verify", "--tenant", "acme", "--json") == 1
    [fault] = json.loads(capsys.readouterr().out)["acme"]["faults"]
    assert "missing" in fault["text"]


@pytest.mark.usefixtures("audited")
def test_a_tenant_whose_seals_were_all_removed_is_found_by_its_key(
    ops: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in (*items("SEAL#"), *items("SEALED#")):
        aws_client("dynamodb").delete_item(TableName="filemill-test", Key={n: each[n] for n in ("pk", "sk")})
    assert ops("verify") == 1
    assert "never sealed" in capsys.readouterr().out


@pytest.mark.usefixtures("audited")
def test_the_public_key_that_was_noted_tells_another_secret(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("key") == 0
    noted = capsys.readouterr().out.strip()
    assert ops("verify", "--public-key", noted) == 0
    aws_client("ssm").put_parameter(
        Name=STAGE["FILEMILL_SECRET_PARAMETER"], Value="t" * 43, Type="SecureString", Overwrite=True
    )
    keyring.forget()
    assert ops("verify") == 1, "the stage's key is not the one that made the seals"
    assert ops("verify", "--public-key", noted) == 0
    capsys.readouterr()
    for wrong in ("", "ab", "x" * 64):
        assert ops("verify", f"--public-key={wrong or 'zz'}") == 1
        assert "hexadecimal digits" in capsys.readouterr().err


def test_a_seal_that_is_no_seal_is_found(ops: Any, audited: str, capsys: pytest.CaptureFixture[str]) -> None:
    item = {**typed(seal_key("acme", 1)), "body": {"B": b"no seal"}}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=item)
    assert ops("verify", "--tenant", "acme") == 1
    assert "seal 1: it can't be read" in capsys.readouterr().out


def test_a_name_that_is_none_is_refused(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("verify", "--tenant", "No!") == 1
    assert "can't be a tenant's name" in capsys.readouterr().err
