"""Tables in text: delimiters, headers, types and counts."""

from __future__ import annotations

import csv
import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.processing import tables
from chalicelib.processing.tables import DELIMITERS, delimiter_of, is_header, read_table, type_of


def table_of(text: str, delimiter: str = ",") -> tables.Table:
    return read_table(io.StringIO(text, newline=""), delimiter)


def described(text: str, delimiter: str = ",") -> list[tuple[str | None, str]]:
    return [(column.name, column.type) for column in table_of(text, delimiter).columns]


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("name;price\nA;1,5\nB;2,75\n", ";"),
        ("1,5;2,5;3,5\n4,5;5,5;6,5\n", ";"),
        ("Berlin;3,5;4,5\nBonn;1,0;2,0\n", ";"),
        ("1,2\n3,4\n", ","),
        ("Anna,1|2,x\nBen,3|4,y\n", ","),
        ('a,b\n"x,y\nz",2\n"u;v",3\n', ","),
        ('"a ""quoted"" one","b"\n1,2\n', ","),
        ("\na,b\n\n1,2\n", ","),
        ("a,b\r1,2\r", ","),
        ("words of a text\nand more\n", None),
        ("Dear Sir,\nthank you, and so on,\n, bye\n", None),
        ("", None),
        ("\n\n", None),
        ("a,b,c\n" + "1,2,3\n" * 20 + "4,5\n", ","),
    ],
)
def test_the_delimiter(sample: str, delimiter: str | None) -> None:
    assert delimiter_of(sample, whole=True) == delimiter


def test_a_row_that_is_cut_off_says_nothing() -> None:
    assert delimiter_of("a,b\n1,2\n3", whole=False) == ","
    assert delimiter_of("a,b\n1,2\n3", whole=True) is None
    long = 'a,b\n1,"' + "line\n" * 100 + '"\n'
    assert delimiter_of(long, whole=True) == ","


WORDS = st.text(string.ascii_letters + " ,;|\t\"'\n\r.0123456789äß\0", max_size=20)


@given(
    st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=2, max_size=30),
    st.sampled_from(DELIMITERS),
)
def test_rows_are_those_that_were_written(rows: list[list[str]], delimiter: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    table = table_of(out.getvalue(), delimiter)
    assert table.rows == len(rows) - table.has_header
    assert len(table.columns) == table.width == 3
    body = rows[1:] if table.has_header else rows
    assert [column.type for column in table.columns] == [type_of(row[n] for row in body) for n in range(3)]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("id,name,paid\n1,Anna,yes\n2,Ben,no\n", [("id", "integer"), ("name", "text"), ("paid", "boolean")]),
        ("name,city\nAnna,Berlin\nBen,Paris\n", [("name", "text"), ("city", "text")]),
        (",a,b\n0,1,2\n1,3,4\n", [(None, "integer"), ("a", "integer"), ("b", "integer")]),
        ("1,Anna\n2,Ben\n", [(None, "integer"), (None, "text")]),
        ("a,a\nb,b\n", [(None, "text"), (None, "text")]),
        ("Anna,Berlin\nAnna,Bonn\n", [(None, "text"), (None, "text")]),
        ("a,b\n", [(None, "text"), (None, "text")]),
        ("when,x\n2026-11-22,\n2026-11-23T10:00:00Z,\n", [("when", "date"), ("x", "empty")]),
        ("v\n1\n1.5\n", [("v", "number")]),
        ("v\n1\nyes\n", [("v", "mixed")]),
        ("v\n1\nword\n", [("v", "text")]),
        ("a,b\n1\n1,2,3\n", [("a", "integer"), ("b", "integer")]),
        ("na\0me,b\n1,2\0\n", [("name", "integer"), ("b", "text")]),
        (f"a,{'long ' * 9}\nb,c\n", [(None, "text"), (None, "text")]),
        (f"a,{'long ' * 9}\n1,c\n", [("a", "integer"), (("long " * 9).strip(), "text")]),
    ],
)
def test_header_and_types(text: str, columns: list[tuple[str | None, str]]) -> None:
    assert described(text) == columns


def test_a_name_is_cleaned_and_cut() -> None:
    [(name, _), _] = described(f'"{"long " * 100}\n\u202ename",b\n1,2\n')
    assert name is not None
    assert len(name) <= tables.MAX_NAME
    assert "\n" not in name


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        *[(text, "integer") for text in ("0", "-5", "+7", "007", "123456789012345678")],
        *[(text, "number") for text in ("1.5", "1,5", "1.234,56", "1,234.56", "1 234,5", "1'234", "-.5", "1e5", "2.")],
        *[(text, "number") for text in ("1\u00a0234", "1\u202f234,5", "12345678901234567890", "1.5E-10")],
        *[(text, "date") for text in ("2026-11-22", "2026-11-22 10:00", "22.11.2026", "11/22/2026", "1.2.26")],
        *[(text, "boolean") for text in ("true", "FALSE", "Ja", "non")],
        *[(text, "text") for text in ("e5", "E12", ".", "-", "+", "1-2", "1.2.3", "v1", "2026-13-01", "99.99.2026")],
        *[(text, "text") for text in ("\u0661", "\u00b2", "1e", "1e5e5", "0x10", "9" * 65, "12:30", "NaN", "5%")],
        ("  ", "empty"),
    ],
)
def test_the_type_of_a_value(value: str, type_: str) -> None:
    assert type_of([value]) == type_


def test_an_empty_table_has_nothing() -> None:
    table = table_of("\n\n")
    assert (table.rows, table.columns, table.has_header, table.width) == (0, [], False, 0)
    assert not is_header([])


def test_a_value_that_is_too_long_ends_the_count_and_says_so() -> None:
    table = table_of(f"a,b\n1,2\n{'x' * (tables.MAX_VALUE + 1)},2\n3,4\n")
    assert table.rows is None
    assert [column.name for column in table.columns] == ["a", "b"]


def test_wide_rows_are_counted_and_not_kept() -> None:
    table = table_of(("x," * 5000 + "x\n") * 50)
    assert (table.rows, table.width, len(table.columns)) == (50, 5001, tables.MAX_COLUMNS)
