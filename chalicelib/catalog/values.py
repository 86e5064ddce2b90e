"""Python values to DynamoDB's typed values and back: `"a"` is `{"S": "a"}`, `1` is `{"N": "1"}`.

The results are those of `boto3.dynamodb.types`. This module replaces it, because importing it takes all of boto3 and
s3transfer with it and slows down the start of every function. Two things differ, and no item of ours has either: sets
cannot be written, and bytes are read as `bytes`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

# 38 digits, from 1E-130 to 9.99…E+125. No number is rounded: one that does not fit raises one of the traps.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NUMBERS = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])


def serialize(value: Any) -> dict[str, Any]:
    """Converts a value for DynamoDB's client: None, bool, int, Decimal, str, bytes, and lists and mappings of these.

    Raises
    ------
    TypeError
        The value has another type (floats, too), or is a Decimal that is not finite.
    decimal.DecimalException
        The number has more digits or a larger exponent than DynamoDB stores.
    """
    if isinstance(value, str):
        return {"S": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):  # before int: a bool is one
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        return {"N": _digits(value)}
    if isinstance(value, Mapping):
        return {"M": {name: serialize(each) for name, each in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [serialize(each) for each in value]}
    if isinstance(value, bytes | bytearray):
        return {"B": value}
    if isinstance(value, float):
        raise TypeError("Float types are not supported. Use Decimal types instead.")
    raise TypeError(f'Unsupported type "{type(value)}" for value "{value}"')


def _digits(number: int | Decimal) -> str:
    exact = _NUMBERS.create_decimal(number)
    if not exact.is_finite():
        raise TypeError("Infinity and NaN not supported")
    return str(exact)


def deserialize(typed: Mapping[str, Any]) -> Any:
    """Converts an attribute from DynamoDB's client. Numbers become Decimal, sets become `set`.

    Raises
    ------
    TypeError
        The mapping is empty, or its key is no type of DynamoDB's.
    """
    if not typed:
        raise TypeError("Value must be a nonempty dictionary whose key is a valid dynamodb type.")
    kind, value = next(iter(typed.items()))
    read = _READERS.get(kind)
    if read is None:
        raise TypeError(f"Dynamodb type {kind} is not supported")
    return read(value)


def simple(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as Python's plain values: as `deserialize` reads them, but numbers become int and float.

    Every record that is read goes through here, so it is written to be fast.
    """
    return {name: typed["S"] if "S" in typed else _simple(typed) for name, typed in item.items()}


def _simple(typed: Mapping[str, Any]) -> Any:
    [(kind, value)] = typed.items()
    read = _SIMPLE.get(kind)
    return read(value) if read else deserialize(typed)


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # a fraction, or an exponent
        number = _NUMBERS.create_decimal(digits)
        return int(number) if number == number.to_integral_value() else float(number)


def _itself(value: Any) -> Any:
    return value


def _bytes(value: bytes | str) -> bytes:
    """Bytes from a client, or from an event of the table's stream, which is JSON and has them in base64."""
    return b64decode(value) if isinstance(value, str) else bytes(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "S": _itself,
    "N": _NUMBERS.create_decimal,
    "BOOL": _itself,
    "NULL": lambda _: None,
    "L": lambda values: [deserialize(each) for each in values],
    "M": lambda values: {name: deserialize(each) for name, each in values.items()},
    "B": _bytes,
    "SS": set,
    "NS": lambda values: set(map(_NUMBERS.create_decimal, values)),
    "BS": lambda values: set(map(bytes, values)),
}

_SIMPLE: dict[str, Callable[[Any], Any]] = {
    "S": _itself,
    "N": _number,
    "BOOL": _itself,
    "NULL": lambda _: None,
    "L": lambda values: [_simple(each) for each in values],
    "M": simple,
    "B": _bytes,
}
