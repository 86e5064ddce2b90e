"""The table of formats, and the times that files say."""

from __future__ import annotations

import pytest

from chalicelib.model import Kind
from chalicelib.processing.content_types import one_name
from chalicelib.processing.kinds import TYPES
from chalicelib.processing.office import reading
from chalicelib.processing.office.formats import FORMATS


def test_every_type_of_the_three_kinds_has_a_reader() -> None:
    kinds = (Kind.DOCUMENT, Kind.SPREADSHEET, Kind.PRESENTATION)
    assert {each for kind in kinds for each in TYPES[kind]} == FORMATS.keys()
    assert {one_name(each) for each in FORMATS} == FORMATS.keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T13:00:00+01:00", "2026-11-22T12:00:00.000Z"),
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00.000Z"),
        ("2026-11-22T12:00:00", "2026-11-22T12:00:00.000Z"),
        (" 2026-11-22T12:00:00.123456789 ", "2026-11-22T12:00:00.123Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("2026-11", "2026-11-01T00:00:00.000Z"),
        ("1851", "1851-01-01T00:00:00.000Z"),
        ("0000-00-00T00:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_of_many_writers(text: str | None, expected: str | None) -> None:
    assert reading._time(text) == expected
