"""Tables in text: the delimiter, the header, and the types of the columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chalicelib.facts import Column
from chalicelib.processing.names import clean

DELIMITERS = (",", ";", "\t", "|")

# Lines that are looked at for the delimiter, and rows for the types.
SAMPLE_LINES = 50
SAMPLE_ROWS = 1000

# Columns that a record lists, and characters of one value. A name has at most MAX_NAME characters.
MAX_COLUMNS = 100
MAX_VALUE = 1_000_000
MAX_NAME = 200

# Characters of a value that are kept: more than a number or a date has.
_KEPT = 65

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]{1,3}(?:[.,'\u2019\u00a0\u202f ][0-9]{3})+|[0-9]+)(?:[.,][0-9]*)?|[.,][0-9]+)"
    r"(?:[eE][+-]?[0-9]{1,3})?"
)
_BOOLEAN = frozenset({"true", "false", "yes", "no", "ja", "nein", "oui", "non"})
_DAY, _MONTH = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_DATE = re.compile(
    rf"[0-9]{{4}}-{_MONTH}-{_DAY}(?:[T ][0-9]{{2}}:[0-9:.,+Z-]*)?"
    rf"|(?:{_DAY}[./]{_MONTH}|{_MONTH}/{_DAY})[./](?:[0-9]{{2}}|[0-9]{{4}})"
)
_WORD_COMMA = re.compile(r"(?<![0-9]),|,(?![0-9])")


@dataclass
class Table:
    """`columns` are the first ones, with the types of the sample, of `width` in all.

    `rows` counts the rows below the header; None where `csv` refused one: a value of more than a million characters.
    """

    delimiter: str
    has_header: bool
    columns: list[Column] = field(default_factory=list)
    width: int = 0
    rows: int | None = 0


def delimiter_of(sample: str, *, whole: bool) -> str | None:
    """The delimiter of a table that begins with `sample`, or is it `whole`; None if it is no table.

    A delimiter counts if nearly all of the first rows have it as often as the first row, outside of quotes. Commas
    between digits only are decimal commas, if something else can be the delimiter.
    """
    lines = [line for line in io.StringIO(sample, newline="").readlines()[: SAMPLE_LINES + 1] if line.strip()]
    cut = not whole or len(lines) > SAMPLE_LINES
    widths = {delimiter: width for delimiter in DELIMITERS if (width := _width(lines, delimiter, cut=cut)) > 1}
    if "," in widths and len(widths) > 1 and not _WORD_COMMA.search("".join(lines)):
        del widths[","]
    return max(widths, key=lambda delimiter: widths[delimiter], default=None)


def _width(lines: list[str], delimiter: str, *, cut: bool) -> int:
    """The cells of the first row, if nine of ten rows have as many; 0 otherwise. `cut` if the last row may go on."""
    try:
        rows = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        return 0
    rows = rows[:-1] if cut and len(rows) > 1 else rows
    return rows[0] if rows and rows.count(rows[0]) >= 0.9 * len(rows) else 0


def read_table(lines: Iterable[str], delimiter: str) -> Table:
    """Reads a whole table. A row that `csv` refuses ends it."""
    csv.field_size_limit(MAX_VALUE)
    reader = csv.reader(lines, delimiter=delimiter)
    sample: list[list[str]] = []
    width = count = 0
    sound = True
    try:
        for row in filter(None, reader):
            count += 1
            if count == 1:
                width = len(row)
            if count <= SAMPLE_ROWS:
                # A row of a million values must not be kept a thousand times.
                longest = _KEPT if sample else 1000
                sample.append([value[:longest] for value in row[:MAX_COLUMNS]])
    except csv.Error:
        sound = False
    has_header = is_header(sample)
    return Table(delimiter, has_header, _columns(sample, has_header), width, count - has_header if sound else None)


def _columns(sample: list[list[str]], has_header: bool) -> list[Column]:
    body = sample[1:] if has_header else sample
    return [
        Column(
            name=clean(name, MAX_NAME) if has_header else None,
            type=type_of(row[number] for row in body if number < len(row)),
        )
        for number, name in enumerate(sample[0] if sample else [])
    ]


def is_header(sample: Sequence[Sequence[str]]) -> bool:
    """True if the first row names the columns: words that differ and are no values of the first rows below.

    One cell may be empty, as above the numbers of rows. Of a table of words only, names are at most 40 characters long.
    """
    first, below = (sample[0] if sample else []), sample[1:]
    named = [value.strip() for value in first if value.strip()]
    if not below or not named or len(named) < max(1, len(first) - 1) or len(set(named)) < len(named):
        return False
    if any(type_of([value]) != "text" for value in named):
        return False
    columns = [[row[number] for row in below if number < len(row)] for number in range(len(first))]
    if any(type_of(column) not in ("text", "empty") for column in columns):
        return True
    return all(
        len(name) <= 40 and name not in column for name, column in zip(first, columns, strict=True) if name.strip()
    )


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
    return "number" if _NUMBER.fullmatch(value) else "text"
