"""The costs of the audit, counted: docs/costs.md says the same."""

from __future__ import annotations

from typing import Any

from tests import images
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import Calls, aws_client


def pages() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return [each for each in items if each["pk"]["S"].startswith("AUDIT#")]


def size(item: dict[str, Any]) -> int:
    """Bytes of an item, as DynamoDB counts them: names, and texts, numbers and bytes."""
    return sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())


def test_each_change_of_a_quiet_stage_is_a_page_of_one_unit(client: Client, stage: Calls) -> None:
    stage.published()
    before = len(pages())
    file_id = upload(client, images.jpeg(64, 48))
    stage.published()
    deliver(file_id)
    stage.published()
    client("PATCH", f"/v1/files/{file_id}", {"tags": ["seen"]})
    stage.clear()
    stage.published()
    made = pages()
    assert len(made) - before in (3, 4), "created, updated, and two changes that may be in one second"
    assert all(size(each) <= 1024 for each in made)
    # One Query of the audit's second, and the page. The rest is for webhooks, which the tenant has none of.
    assert stage.count("dynamodb.BatchWriteItem") == 1
    assert stage.count("dynamodb.Query") == 2


def test_an_audit_costs_the_api_no_call(client: Client, stage: Calls) -> None:
    file_id = upload(client, images.jpeg(64, 48))
    client("GET", f"/v1/files/{file_id}")
    stage.clear()
    client("GET", f"/v1/files/{file_id}")
    assert stage.names == ["dynamodb.GetItem"]
    stage.clear()
    client("PATCH", f"/v1/files/{file_id}", {"tags": ["seen"]})
    assert sorted(stage.names) == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
