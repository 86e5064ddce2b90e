"""The counts behind the page of costs are those of the code: each operation runs again on moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.counting import counted, settled
from bench.counting.meter import Meter, metered
from bench.counting.scenarios import KINDS, SCENARIOS, Scenario
from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes
from ops.costs import data
from tests.stage import STAGE, Calls

# The kinds that differ in what they ask of AWS. `python -m ops costs --check` counts all of them.
TRIED = ("photo", "pdf", "video", "archive", "other")


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, *(each for each in KINDS if each.name in TRIED)], ids=lambda each: each.name
)
def test_an_operation_costs_what_was_counted(scenario: Scenario, cloud: None) -> None:
    """A call more or less shows in ops/costs/counted.json and docs/costs.md: `make costs` writes them."""
    known = data.operation(scenario.name)
    assert settled(counted(scenario)[scenario.name], known) == known


def test_bytes_may_differ_by_two_hundredths_and_counts_by_nothing() -> None:
    known = {"a": {"put": 1000, "calls": {"x": 1}, "writes": 100}}
    assert settled({"a": {"put": 1005, "calls": {"x": 1}, "writes": 100}}, known) == known
    for other in ({"put": 1030}, {"writes": 101}, {"calls": {"x": 1, "y": 1}}):
        assert settled({"a": known["a"] | other}, known) != known


def test_every_operation_that_is_counted_is_in_the_data() -> None:
    assert list(data.counted()["operations"]) == [each.name for each in SCENARIOS]
    assert list(data.counted()["kinds"]) == [each.name for each in KINDS]


def test_load_tells_the_same_in_fewer_units() -> None:
    alone, among = data.operation("import"), data.operation("load")
    assert among["functions"]["publish"]["events"] == among["each"] * alone["functions"]["publish"]["events"]
    for function in ("index", "publish"):
        assert among["functions"][function]["runs"] == 1
        assert among["functions"][function]["writes"] < among["each"] * alone["functions"][function]["writes"]


# --- the meter

TABLE = STAGE["FILEMILL_TABLE"]


def item(**values: Any) -> dict[str, Any]:
    return attributes({"pk": "A", "sk": "B", **values})


def put(**values: Any) -> None:
    aws.dynamodb().put_item(TableName=TABLE, Item=item(**values))


def metered_run(work: Callable[[], object]) -> Meter:
    with metered() as meter, meter.run("api_handler"):
        work()
    return meter


def test_a_write_costs_a_unit_for_each_kilobyte_of_the_larger_image(stage: Calls) -> None:
    put(text="x" * 3000)
    meter = metered_run(lambda: put(text="x"))
    assert meter.tallies["api_handler"].writes == 3
    assert meter.tallies["api_handler"].calls == {"dynamodb.PutItem": 1}


def test_a_transaction_costs_double_and_an_index_on_its_own(stage: Calls) -> None:
    made = {"Put": {"TableName": TABLE, "Item": item(list_pk="L", list_sk="1")}}
    meter = metered_run(lambda: aws.dynamodb().transact_write_items(TransactItems=[made]))  # type: ignore[list-item]
    assert meter.tallies["api_handler"].writes == 2 + 1


def test_a_write_that_is_refused_is_billed_without_its_index(stage: Calls) -> None:
    put(text="x" * 2000)

    def refused() -> None:
        with pytest.raises(aws.dynamodb().exceptions.ConditionalCheckFailedException):
            aws.dynamodb().put_item(
                TableName=TABLE, Item=item(list_pk="L", list_sk="1"), ConditionExpression="attribute_not_exists(pk)"
            )

    assert metered_run(refused).tallies["api_handler"].writes == 2


def test_reads_are_billed_by_size_and_half_when_they_may_be_old(stage: Calls) -> None:
    put(text="x" * 5000)
    key = {"pk": {"S": "A"}, "sk": {"S": "B"}}

    def read() -> None:
        aws.dynamodb().get_item(TableName=TABLE, Key=key, ConsistentRead=True, ProjectionExpression="pk")
        aws.dynamodb().get_item(TableName=TABLE, Key=key)
        aws.dynamodb().query(
            TableName=TABLE, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "A"}}
        )

    assert metered_run(read).tallies["api_handler"].reads == 2 + 1 + 1


def test_bytes_of_objects_and_calls_outside_of_runs(stage: Calls) -> None:
    s3 = aws.s3()
    s3.put_object(Bucket="derived", Key="f/a", Body=b"0123456789")

    def work() -> None:
        s3.put_object(Bucket="derived", Key="f/b", Body=b"0123")
        s3.get_object(Bucket="derived", Key="f/a")["Body"].read()

    tally = metered_run(work).tallies["api_handler"]
    assert (tally.put, tally.got) == (4, 10)
    assert tally.cpu > 0
    with metered() as meter:
        s3.head_object(Bucket="derived", Key="f/a")
    assert not meter.tallies
