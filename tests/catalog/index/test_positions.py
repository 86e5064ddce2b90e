"""When an entry of the feed can be read."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.catalog.index import feed, positions, writer
from chalicelib.catalog.index.positions import SHOWS, Head, contended, show
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import head_key
from tests.catalog.fake import FakeDynamoDB
from tests.making import file


def head(table: FakeDynamoDB) -> tuple[int, int]:
    key = head_key("acme", 0)
    item = table.items[key["pk"], key["sk"]]
    return int(item["n"]["N"]), int(item["seen"]["N"])


def readable() -> list[str]:
    return [change.id for change in feed.changes("acme", {}, 10).items]


def ended_before_its_positions_were_shown(table: FakeDynamoDB, number: int) -> Change:
    """A writer of the release before whose transaction is written, and that ended before it could say so."""
    change = Change(file(number))
    table.write_record(change.file)
    writer.index([change])
    key = head_key("acme", 0)
    table.items[key["pk"], key["sk"]]["seen"] = {"N": str(head(table)[0] - 1)}
    return change


def test_a_turn_is_shown_in_the_write_that_ends_it(table: FakeDynamoDB) -> None:
    writer.index([Change(file(1))])
    assert head(table) == (1, 1)
    assert table.calls["TransactGetItems"] == table.calls["TransactWriteItems"] == 0
    assert table.calls["UpdateItem"] == 1


def test_a_writer_reads_markers_and_the_head_as_they_are_now(table: FakeDynamoDB) -> None:
    for revision in (3, 4):
        writer.index([Change(file(1, revision=revision))])
    assert table.calls["BatchGetItem"] + table.calls["GetItem"] == 4
    assert not table.eventual


def test_positions_of_another_writer_are_read_in_a_transaction_before_they_are_shown(table: FakeDynamoDB) -> None:
    change = ended_before_its_positions_were_shown(table, 1)
    assert head(table) == (1, 0)
    table.measure()
    writer.index([change])
    assert table.calls["TransactGetItems"] == 1
    assert head(table) == (1, 1)


def test_the_transaction_reads_the_head_and_every_position_that_is_not_shown_yet(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        writer.index([Change(file(number))])
    table.items["SEQ#acme#0", "SEQ"]["seen"] = {"N": "1"}
    read: list[str] = []
    transact = table.transact_get_items

    def asked(*, TransactItems: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        read.extend(each["Get"]["Key"]["pk"]["S"] + each["Get"]["Key"]["sk"]["S"][-3:] for each in TransactItems)
        return transact(TransactItems=TransactItems)

    monkeypatch.setattr(table, "transact_get_items", asked)
    assert show("acme", 0, Head(3, 1)) == Head(3, 3)
    assert read == ["SEQ#acme#0SEQ", "FEED#acme#0002", "FEED#acme#0003"]


def test_nothing_is_shown_while_an_entry_is_still_being_written(
    table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB refuses to read in a transaction what another one is writing."""
    change = ended_before_its_positions_were_shown(table, 1)

    def busy(**_: object) -> dict[str, Any]:
        response: Any = {"Error": {"Code": "TransactionCanceledException"}}
        response["CancellationReasons"] = [{"Code": "None"}, {"Code": "TransactionConflict"}]
        raise ClientError(response, "TransactGetItems")

    with monkeypatch.context() as patch:
        patch.setattr(table, "transact_get_items", busy)
        patch.setattr(writer, "LONGEST_PAUSE", 0.0)
        patch.setattr("random.uniform", lambda low, high: 0.0)
        table.measure()
        assert writer.index([change]) == 0, "the file itself is indexed"
        assert readable() == []
        assert head(table) == (1, 0)
        assert table.calls["UpdateItem"] == 0
        with pytest.raises(positions.ContendedError):  # and nobody takes positions after it
            writer.index([Change(file(2))])
        assert head(table) == (1, 0)
    writer.index([change])
    assert readable() == [file(1).id]


def test_showing_what_is_shown_costs_nothing(table: FakeDynamoDB) -> None:
    assert show("acme", 0, Head(2, 2)) == Head(2, 2)
    assert not table.calls


def test_a_head_that_went_on_meanwhile_is_not_shown_by_us(table: FakeDynamoDB) -> None:
    for number in range(2):
        writer.index([Change(file(number))])
    assert show("acme", 0, Head(1, 0)) is None
    assert head(table) == (2, 2)


def test_a_busy_head_is_tried_a_few_times(table: FakeDynamoDB, monkeypatch: pytest.MonkeyPatch) -> None:
    table.chaos = 1.0
    monkeypatch.setattr("random.uniform", lambda low, high: 0.0)
    assert show("acme", 0, Head(1, 0)) is None
    assert table.calls["TransactGetItems"] == SHOWS


@pytest.mark.parametrize(
    ("code", "reasons", "expected"),
    [
        ("TransactionConflictException", [], True),
        ("TransactionInProgressException", [], True),
        ("TransactionCanceledException", ["None", "ConditionalCheckFailed"], True),
        ("TransactionCanceledException", ["TransactionConflict", "None"], True),
        ("TransactionCanceledException", ["TransactionConflict", "ThrottlingError"], False),
        ("TransactionCanceledException", ["ValidationError"], False),
        ("ConditionalCheckFailedException", [], False),
        ("ProvisionedThroughputExceededException", [], False),
    ],
)
def test_a_write_is_contended_only_where_another_one_was_quicker(code: str, reasons: list[str], expected: bool) -> None:
    response: Any = {"Error": {"Code": code}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    assert contended(ClientError(response, "TransactWriteItems")) is expected
