"""`python -m ops webhooks`: an operator sees webhooks, and stops those that do harm."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import webhook_deliveries as deliveries
from chalicelib.catalog import webhooks as catalog
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.keys import webhook_state_key
from chalicelib.catalog.webhook_deliveries import Delivery
from chalicelib.model import now, timestamp
from ops import webhooks
from ops.__main__ import main
from tests.client import Client, new_client
from tests.making import BEGIN
from tests.stage import STAGE, aws_client


@pytest.fixture
def ops(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(webhooks, "load_stage", lambda *_: STAGE)
    return lambda *words: main(["webhooks", *words, "--stage", "test"])


def made(client: Client) -> str:
    answer = client("POST", "/v1/webhooks", {"url": "https://hooks.example.com/a-secret-path"})
    webhook_id: str = answer.json["id"]
    return webhook_id


def pending(webhook_id: str, number: int) -> None:
    deliveries.put_new(
        Delivery(
            webhook_id=webhook_id,
            tenant="acme",
            event_id=f"evt_file_{number}",
            type="filemill.file.ready",
            time=BEGIN + timedelta(seconds=number),
            subject="file_x",
        )
    )


def failing(webhook_id: str, since: str) -> None:
    item = attributes({**webhook_state_key(webhook_id), "failing_since": since, "failures": 3})
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=item)


def test_a_stage_without_webhooks_says_so(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("list") == 0
    assert capsys.readouterr().out == "There are no webhooks.\n"


def test_the_list_has_hosts_and_health_and_no_url(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    own, other = made(new_client("acme")), made(new_client("other"))
    pending(own, 1)
    pending(own, 2)
    since = timestamp(BEGIN)
    failing(own, since)
    catalog.disable("other", other, "Its receiver is gone.")
    assert ops("list", "--json") == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[own] == {
        "id": own,
        "tenant": "acme",
        "host": "hooks.example.com",
        "enabled": True,
        "disabled_reason": None,
        "disabled_at": None,
        "failing_since": since,
        "pending": 2,
    }
    assert (rows[other]["enabled"], rows[other]["disabled_reason"]) == (False, "Its receiver is gone.")
    assert ops("list") == 0
    out = capsys.readouterr().out
    assert "secret" not in out
    assert f"2 pending  enabled  failing since {since}" in out
    assert "Its receiver is gone." in out
    assert ops("list", "--tenant", "acme", "--json") == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [own]


def test_a_webhook_is_disabled_with_a_reason_that_its_tenant_reads(
    ops: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = new_client("acme")
    one, two = made(client), made(client)
    began = now()
    assert ops("disable", one, "--reason", "It floods a customer.") == 0
    assert f"{one} of tenant acme is disabled." in capsys.readouterr().out
    told = client("GET", f"/v1/webhooks/{one}").json
    assert (told["enabled"], told["disabled_reason"]) == (False, "It floods a customer.")
    assert told["disabled_at"] >= timestamp(began)
    assert client("GET", f"/v1/webhooks/{two}").json["enabled"]
    assert ops("disable", one) == 0
    assert "disabled already" in capsys.readouterr().out
    assert client("GET", f"/v1/webhooks/{one}").json == told


def test_all_webhooks_of_a_tenant_are_disabled(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mine, theirs = {made(new_client("acme")) for _ in range(2)}, made(new_client("other"))
    assert ops("disable", "--tenant", "acme", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)["disabled"]) == mine
    assert {each.id for each in catalog.of_stage() if each.enabled} == {theirs}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("disable",), "--tenant"),
        (("disable", "wh_nobody"), "There is no webhook wh_nobody"),
        (("disable", "--tenant", "acme", "--reason", ""), "--reason"),
        (("disable", "--tenant", "acme", "--reason", "x" * 201), "--reason"),
        (("disable", "--tenant", "acme", "--reason", "a\nb"), "--reason"),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing(
    ops: Any, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    made(new_client("acme"))
    assert ops(*words) == 1
    assert said in capsys.readouterr().err
    assert all(each.enabled for each in catalog.of_stage())


def test_one_unknown_id_among_several_changes_nothing(ops: Any) -> None:
    known = made(new_client("acme"))
    assert ops("disable", known, "wh_nobody") == 1
    assert all(each.enabled for each in catalog.of_stage())
