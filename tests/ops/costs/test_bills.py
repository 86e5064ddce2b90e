"""The bill of an operation: its units, and their prices."""

from __future__ import annotations

import pytest

from ops import prices
from ops.costs import bills, data, items
from ops.costs.bills import Spent


@pytest.mark.parametrize(
    ("call", "price"),
    [
        ("s3.PutObject", ("put",)),
        ("s3.ListObjectsV2", ("put",)),
        ("s3.UploadPart", ("put",)),
        ("s3.GetObject", ("get",)),
        ("s3.HeadObject", ("get",)),
        ("s3.DeleteObjects", ()),
        ("s3.AbortMultipartUpload", ()),
        ("sqs.SendMessage", ("queued",)),
        ("events.PutEvents", ()),
        ("dynamodb.PutItem", ()),
        ("apigateway.Request", ("request", "viewed")),
        ("cloudfront.CreateInvalidation", ("forgotten",)),
    ],
)
def test_a_call_has_the_price_of_its_sort(call: str, price: tuple[str, ...]) -> None:
    assert bills.prices_of(call) == price


def test_a_call_that_nobody_has_priced_is_no_free_call() -> None:
    with pytest.raises(KeyError, match="no price"):
        bills.prices_of("textract.DetectDocumentText")


def test_every_call_that_was_counted_has_a_price() -> None:
    for entry in (*data.counted()["kinds"].values(), *data.counted()["operations"].values()):
        for tally in entry["functions"].values():
            for call in tally["calls"]:
                bills.prices_of(call)


def test_every_operation_with_a_run_was_measured() -> None:
    for name, entry in {**data.counted()["kinds"], **data.counted()["operations"]}.items():
        for function, tally in entry["functions"].items():
            measured = data.measured()["cpu"].get(name, {})
            assert not tally["runs"] or function in measured, f"{name}, {function}: run `python -m bench power`"


def test_less_memory_is_a_part_of_a_processor_and_waiting_is_not_shortened() -> None:
    spent = Spent(cpu=1.0, wait=0.5)
    assert spent.seconds(1769) == pytest.approx(1.5)
    assert spent.seconds(3008) == pytest.approx(1.5)
    assert spent.seconds(512) == pytest.approx(1769 / 512 + 0.5)


def test_renditions_are_put_several_at_once() -> None:
    assert bills.waiting({"s3.PutObject": 12}) == pytest.approx(0.06)
    assert bills.waiting({"s3.PutObject": 13, "dynamodb.GetItem": 2}) == pytest.approx(0.12 + 0.01)
    assert bills.waiting({"sqs.ReceiveMessage": 1, "apigateway.Request": 1}) == 0


def test_a_bill_is_the_sum_of_its_groups() -> None:
    for name in (*data.counted()["kinds"], *data.counted()["operations"]):
        units = bills.units(name)
        assert sum(bills.by_group(units).values()) == pytest.approx(bills.cost(units)), name


def test_a_bill_has_the_units_that_were_counted() -> None:
    functions = data.operation("photo")["functions"]
    units = bills.units("photo")
    assert units["write"] == sum(tally["writes"] for tally in functions.values())
    assert units["run"] == sum(tally["runs"] for tally in functions.values())
    assert units["put"] == functions["process"]["calls"]["s3.PutObject"] + 1  # the client's


def test_prices_have_a_source_and_say_their_amount() -> None:
    for name, price in prices.PRICES.items():
        assert price.source.startswith("https://aws.amazon.com/"), name
        number = float(price.said.lstrip("$").partition(" ")[0])
        per = {"a million": 1e6, "a thousand": 1e3, "for 10,000": 1e4, "": 1}[price.said.partition(" ")[2]]
        assert number == pytest.approx(price.amount * per, rel=0.01), name


def test_an_item_takes_the_price_of_its_name() -> None:
    item = items.priced("runs", 2e6, "run")
    assert item.cost == pytest.approx(0.4)
    assert item.after_free == pytest.approx(0.2)
