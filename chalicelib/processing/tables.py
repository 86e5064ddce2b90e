"""Tables in text: the delimiter, the header, and the types of the columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from chalicelib.facts import Column
from chalicelib.processing.names import clean

DELIMITERS = (",", ";", "\t", "|")

# Rows that are looked at for the types, columns that a record lists, and characters of one value.
SAMPLE_ROWS = 1000
MAX_COLUMNS = 100
MAX_VALUE = 1_000_000

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,3}(?:[.,\u00a0 ][0-9]{3})*|[0-9]+)?(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEAN = frozenset({"true", "false", "yes", "no", "ja", "nein", "oui", "non"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.+Z-]*)?|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}")


@dataclass
class Table:
    """`columns` have the types of the sample; `rows` counts the rows below the header."""

    delimiter: str
    has_header: bool
    columns: list[Column] = field(default_factory=list)
    rows: int = 0


def delimiter_of(sample: str) -> str | None:
    """The delimiter of a table that begins with `sample`; None if it is no table.

    A delimiter counts if each of the first lines has it equally often, outside of quotes.
    """
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    best, most = None, 0
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if widths and widths[0] > 1 and widths.count(widths[0]) >= 0.9 * len(widths) and widths[0] > most:
            best, most = delimiter, widths[0]
    return best


def read_table(lines: Iterable[str], delimiter: str) -> Table:
    """Reads a whole table. A row that `csv` refuses ends it: a value of more than a million characters, for example."""
    reader = csv.reader(lines, delimiter=delimiter)
    csv.field_size_limit(MAX_VALUE)
    rows = _sound(reader)
    sample = [row for _, row in zip(range(SAMPLE_ROWS), rows, strict=False)]
    if not sample:
        return Table(delimiter, has_header=False)
    has_header = is_header(sample)
    body = sample[1:] if has_header else sample
    names: Sequence[str | None] = sample[0] if has_header else [None] * len(sample[0])
    columns = [
        Column(name=clean(name, 200), type=type_of(row[number] for row in body if number < len(row)))
        for number, name in enumerate(names[:MAX_COLUMNS])
    ]
    return Table(delimiter, has_header, columns, len(body) + sum(1 for _ in rows))


def _sound(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error:
        return


def is_header(sample: Sequence[Sequence[str]]) -> bool:
    """True if the first row names the columns: it has words only, and some column below has none."""
    first, below = sample[0], sample[1:]
    if not below or any(type_of([value]) != "text" for value in first):
        return False
    types = [type_of(row[number] for row in below if number < len(row)) for number in range(len(first))]
    return any(each != "text" for each in types) or all(len(value) <= 40 for value in first)


def type_of(values: Iterable[str]) -> str:
    """The type that all values have: `text`, `integer`, `number`, `boolean`, `date`; `mixed`, or `empty`."""
    found = {_type(value.strip()) for value in values if value.strip()}
    if not found:
        return "empty"
    if found <= {"integer", "number"}:
        return "number" if "number" in found else "integer"
    return found.pop() if len(found) == 1 else "text" if "text" in found else "mixed"


def _type(value: str) -> str:
    if len(value) > 64:
        return "text"
    if _INTEGER.fullmatch(value):
        return "integer"
    if _DATE.fullmatch(value):
        return "date"
    if value.lower() in _BOOLEAN:
        return "boolean"
    return "number" if any(c.isdigit() for c in value) and _NUMBER.fullmatch(value) else "text"
