"""Workbooks: xlsx, xlsb, xls and ods.

The picture is OpenDocument's thumbnail, which is the document's own, or else a grid of the first rows of the first
sheet that has any.
"""

from __future__ import annotations

from typing import Any

from chalicelib.facts import MAX_BYTES, Column, Sheet, SpreadsheetInfo
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.names import clean
from chalicelib.processing.office.reading import Look, look, pictured

# Sheets that a record lists.
MAX_SHEETS = 100

# How much is said of a sheet: columns, rows, and characters of a value. The first that there is room for is taken.
_DETAILS = ((100, 5, 200), (50, 5, 60), (30, 3, 30), (20, 1, 20), (10, 0, 20), (0, 0, 0))
_NAME = 100
_ROOM = MAX_BYTES - 1024  # bytes; the rest is for what surrounds the sheets


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt`."""
    # Pillow is imported only when a picture is drawn.
    from chalicelib.processing.image.cards import grid

    looked = look(source)
    sheets = looked.facts.get("sheets", [])
    first = next((sheet for sheet in sheets if sheet["rows_shown"]), None)

    def card() -> bytes | None:
        return grid(first["name"], first["rows_shown"], header=first["header"]) if first else None

    preview = pictured(looked, card, order, emit)
    if order.only is not None:
        return Made(preview=preview)
    info = SpreadsheetInfo(**looked.common(), sheet_count=looked.facts.get("count"))
    _list_sheets(info, sheets, looked)
    columns = [column.name for sheet in info.sheets for column in sheet.header if column.name]
    headings = (*looked.all_headings(), *columns)
    return Made(info, preview, looked.text, headings, tuple(looked.warnings))


def _list_sheets(info: SpreadsheetInfo, sheets: list[dict[str, Any]], looked: Look) -> None:
    """Says of each sheet as much as there is room for in a record: the first ones get most, all have their names."""
    listed = sheets[:MAX_SHEETS]
    least = [_size(_sheet(sheet, *_DETAILS[-1])) for sheet in listed]
    room = _ROOM - len(info.model_dump_json().encode()) - sum(least)
    while room < 0:
        room += least.pop()
        listed = listed[: len(least)]
    trimmed = len(listed) < (info.sheet_count or 0)
    for sheet, its_least in zip(listed, least, strict=True):
        for detail in _DETAILS:
            described = _sheet(sheet, *detail)
            more = _size(described) - its_least
            if more <= room:
                break
        trimmed = trimmed or detail is not _DETAILS[0]
        room -= more
        info.sheets.append(described)
    if trimmed:
        looked.warn(
            "facts_trimmed", "This workbook has more than a record can hold, so sheets, columns or rows are left out."
        )


def _size(sheet: Sheet) -> int:
    return len(sheet.model_dump_json().encode()) + 1


def _sheet(sheet: dict[str, Any], columns: int, rows: int, longest: int) -> Sheet:
    named = zip(sheet["names"][:columns], sheet["types"][:columns], strict=True)
    header = [Column(name=clean(name, longest) if longest else None, type=type_) for name, type_ in named]
    body = sheet["rows_shown"][1:] if sheet.get("header") else sheet["rows_shown"]
    first_rows = [[clean(value, longest) for value in row[:columns]] for row in body[:rows]]
    name = clean(sheet["name"], _NAME) or ""
    return Sheet(name=name, rows=sheet["rows"], columns=sheet["columns"], header=header, first_rows=first_rows)
