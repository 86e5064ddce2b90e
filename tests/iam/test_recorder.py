"""A call without its permission is noticed, whoever makes it, and also in another thread or by a signature."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib import aws
from chalicelib.upkeep import sweep
from tests.client import Client
from tests.iam import recorder
from tests.iam.recorder import Record, recording
from tests.stage import Calls

BODY = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 9}


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    """Nobody may do anything. What is denied here is kept from the run's own record, which would fail the test."""
    monkeypatch.setattr(recorder, "_allowed", lambda *_: False)
    monkeypatch.setattr(recorder, "RECORD", Record())
    with recording() as record:
        yield record


def denied(record: Record) -> set[str]:
    return {line.partition(", but may not ")[2].partition(" on ")[0] for line in record.denied}


def test_the_api_is_denied_what_it_calls_and_what_it_signs(client: Client, refused: Record) -> None:
    assert client("POST", "/v1/files", BODY).status == 201
    assert all(line.startswith("api_handler calls ") for line in refused.denied)
    assert denied(refused) >= {"dynamodb:PutItem", "s3:PutObject"}
    refused.denied.clear()

    assert client("POST", "/v1/files", {**BODY, "size": 6_000_000, "upload": "multipart"}).status == 201
    assert denied(refused) >= {"dynamodb:PutItem", "s3:PutObject"}


def test_a_thread_works_for_whoever_started_it(stage: Calls, refused: Record) -> None:
    sweep.run(workers=2)
    assert refused.calls["sweep"] > 2
    assert refused.calls.keys() == {"sweep"}


def test_a_test_may_do_anything(stage: Calls, refused: Record) -> None:
    aws.s3().list_objects_v2(Bucket="derived")
    assert not refused.calls


def test_the_operator_is_whoever_calls_through_ops(client: Client, refused: Record) -> None:
    from ops.keys import create

    create("acme", "test", ("files:read",))
    assert denied(refused) == {"dynamodb:PutItem", "dynamodb:UpdateItem", "kms:Decrypt"}
    assert all(line.startswith("operator calls ") for line in refused.denied)


def test_a_function_that_has_its_rights_is_not_denied(client: Client) -> None:
    with recording() as record:
        assert client("POST", "/v1/files", BODY).status == 201
    assert record.calls["api_handler"]
    assert not record.denied


def test_each_record_adds_up_over_processes() -> None:
    one, other = Record(), Record()
    one.calls["sweep"], other.calls["sweep"] = 2, 3
    other.denied.append("sweep calls s3.GetObject, but may not …")
    one.add(other)
    assert (one.calls["sweep"], len(one.denied)) == (5, 1)
