"""Values and DynamoDB's types, against boto3's own converter."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.values import deserialize, serialize, simple

Converter = Callable[[Any], Any]

numbers = (
    st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.builds(lambda digits, exponent: Decimal(digits).scaleb(exponent), st.integers(), st.integers(-140, 140))
)
scalars = st.none() | st.booleans() | numbers | st.text() | st.binary()
values = st.recursive(scalars | st.floats(), lambda of: st.lists(of) | st.tuples(of) | st.dictionaries(st.text(), of))

digits = numbers.map(str) | st.text(alphabet="0123456789.-+eE_ ")
attributes = st.recursive(
    st.builds(lambda kind, value: {kind: value}, st.just("S"), st.text())
    | st.builds(lambda value: {"N": value}, digits)
    | st.sampled_from([{}, {"NULL": True}, {"BOOL": True}, {"BOOL": False}, {"X": 1}, {"": ""}])
    | st.builds(lambda value: {"B": value}, st.binary())
    | st.builds(lambda value: {"SS": value}, st.lists(st.text(), min_size=1))
    | st.builds(lambda value: {"NS": value}, st.lists(digits, min_size=1))
    | st.builds(lambda value: {"BS": value}, st.lists(st.binary(), min_size=1)),
    lambda of: (
        st.builds(lambda value: {"L": value}, st.lists(of))
        | st.builds(lambda value: {"M": value}, st.dictionaries(st.text(), of))
    ),
)


def outcome(convert: Converter, value: Any) -> Any:
    """What it returns, down to how a number is written and a value's class; or the error it raises."""
    try:
        return exact(convert(value))
    except Exception as error:
        return type(error), str(error)


def exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    if isinstance(value, list):
        return [exact(each) for each in value]
    if isinstance(value, set):
        return {exact(each) for each in value}
    if hasattr(value, "__bytes__"):  # boto3 wraps bytes
        return "bytes", bytes(value)
    return type(value), str(value)


@given(values)
def test_a_value_is_written_as_boto3_writes_it_or_refused_with_its_error(value: Any) -> None:
    assert outcome(serialize, value) == outcome(TypeSerializer().serialize, value)


@given(attributes)
def test_an_attribute_is_read_as_boto3_reads_it_or_refused_with_its_error(attribute: Any) -> None:
    assert outcome(deserialize, attribute) == outcome(TypeDeserializer().deserialize, attribute)


@pytest.mark.parametrize("number", ["0", "-0", "1E+125", "9.9E+125", "1E+126", "1E-130", "1E-131", "0E-200", "1.10"])
def test_a_number_at_dynamodbs_bounds_is_written_as_boto3_writes_it(number: str) -> None:
    value = Decimal(number)
    assert outcome(serialize, value) == outcome(TypeSerializer().serialize, value)


@pytest.mark.parametrize("digits", [37, 38, 39])
def test_a_number_of_about_38_digits_is_written_as_boto3_writes_it(digits: int) -> None:
    for value in (int("9" * digits), -int("9" * digits), Decimal(f"0.{'7' * digits}"), 10**digits):
        assert outcome(serialize, value) == outcome(TypeSerializer().serialize, value)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    """boto3 lets the second and the last pass, and DynamoDB refuses them."""
    with pytest.raises(TypeError, match="Infinity and NaN not supported"):
        serialize(Decimal(number))


def test_a_float_is_refused_wherever_it_is() -> None:
    for value in (0.5, [0.5], {"a": {"b": (1, 0.5)}}):
        with pytest.raises(TypeError, match="Float types are not supported"):
            serialize(value)


@pytest.mark.parametrize("value", [{1}, {"a"}, frozenset({"a"}), set(), object()])
def test_a_value_of_an_unknown_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported type"):
        serialize(value)


def test_an_enumerations_member_is_written_as_its_text() -> None:
    class Color(StrEnum):
        RED = "red"

    assert serialize(Color.RED) == {"S": "red"}


@given(st.recursive(scalars, lambda of: st.lists(of) | st.dictionaries(st.text(), of)))
def test_a_value_that_was_written_is_read_back(value: Any) -> None:
    try:
        written = serialize(value)
    except ArithmeticError:
        return  # a number that DynamoDB does not store
    assert deserialize(written) == value


def plain(value: Any) -> Any:
    """The same that `deserialize` reads, with int and float in place of decimals."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    return {name: plain(each) for name, each in value.items()} if isinstance(value, dict) else value


stored = st.recursive(
    scalars.filter(lambda value: not isinstance(outcome(serialize, value), tuple)),
    lambda of: st.lists(of) | st.dictionaries(st.text(), of),
)


@given(st.dictionaries(st.text(), stored))
def test_an_item_is_read_as_its_attributes_with_pythons_own_numbers(item: Any) -> None:
    typed = {name: serialize(value) for name, value in item.items()}
    assert exact(simple(typed)) == exact({name: plain(deserialize(value)) for name, value in typed.items()})


@pytest.mark.parametrize(
    ("digits", "number"), [("12.19", 12.19), ("5.0", 5), ("-7", -7), ("1E+3", 1000), ("-0.008", -0.008), ("0", 0)]
)
def test_a_number_of_an_item_is_whole_or_a_fraction(digits: str, number: float) -> None:
    read = simple({"n": {"N": digits}})["n"]
    assert (read, type(read)) == (number, type(number))


def test_sets_and_bytes_of_an_item_are_read_as_ever() -> None:
    assert simple({"s": {"SS": ["a"]}, "b": {"B": "YQ=="}}) == {"s": {"a"}, "b": b"a"}
