"""Workbooks: calamine reads the cells, and what it is given is checked first."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import python_calamine

from chalicelib.processing.office import opendocument, openxml
from chalicelib.processing.office.found import Found, UnreadableError
from chalicelib.processing.office.ole import read_properties
from chalicelib.processing.office.package import Handler, Package
from chalicelib.processing.tables import MAX_COLUMNS, SAMPLE_ROWS, is_header, type_of

MAX_SHEETS = 100

# Bytes of a part that calamine reads: a million rows of ten columns have about 300 MB. Its memory is the child's.
MAX_PART = 400 * 1024**2

# Cells whose text is read, of all sheets, and those of one sheet by which the types of columns are told.
MAX_CELLS = 400_000
SAMPLE_CELLS = 20_000

# Rows and columns that are given to the parent to show, and characters of one value.
SHOWN_ROWS, SHOWN_COLUMNS = 14, 100
MAX_VALUE = 1000


def read_open_xml(data: bytes, found: Found, *, cells: bool) -> None:
    package = Package(data)
    openxml.properties(package, found)
    main = openxml.main_part(package, "xl/workbook.xml")
    names = _Names("sheet")
    package.parse(main, names)
    found.facts |= {"sheets": [_unread(name) for name in names.found], "count": len(names.found)}
    inner = [name for name in package.infos if name.startswith("xl/") and name.endswith((".xml", ".rels"))]
    for name in inner:
        package.parse_prolog(name, MAX_PART)
    if cells:
        _read_cells(data, found, lambda: _prove(package, inner, doctype=False))


def read_binary_xml(data: bytes, found: Found, *, cells: bool) -> None:
    """xlsb: the same package with parts that are no XML."""
    package = Package(data)
    openxml.properties(package, found)
    inner = [name for name in package.infos if name.startswith("xl/")]
    for name in inner:
        package.check(package.infos[name], MAX_PART)
    if cells:
        _read_cells(data, found, lambda: _prove(package, [], doctype=False))


def read_open_document(data: bytes, found: Found, *, cells: bool) -> None:
    package = opendocument.opened(data, found)
    package.parse_prolog("content.xml", MAX_PART, doctype=True)
    if cells:
        _read_cells(data, found, lambda: _prove(package, ["content.xml"], doctype=True))


def read_old(data: bytes, found: Found, *, cells: bool) -> None:
    """xls: OLE's compound file."""
    read_properties(data, found)
    if cells:
        _read_cells(data, found, lambda: None)


class _Names(Handler):
    def __init__(self, element: str) -> None:
        self.element, self.found = element, list[str]()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.element and "name" in attributes:
            self.found.append(attributes["name"][:MAX_VALUE])


def _unread(name: str) -> dict[str, Any]:
    return {"name": name, "rows": None, "columns": None, "types": [], "names": [], "rows_shown": []}


def _prove(package: Package, names: list[str], *, doctype: bool) -> None:
    """Raises DamagedError if one of these parts can't be unpacked or is no XML. calamine also refuses sound files."""
    for name in names:
        package.parse(name, Handler(), doctype=doctype)


def _read_cells(data: bytes, found: Found, prove: Any) -> None:
    try:
        with _panics_are_errors():
            workbook = python_calamine.CalamineWorkbook.from_filelike(BytesIO(data))
    except (python_calamine.CalamineError, OSError) as error:
        prove()
        raise UnreadableError("its sheets can't be read") from error
    kinds = [python_calamine.SheetTypeEnum.WorkSheet, python_calamine.SheetTypeEnum.MacroSheet]
    wanted = [number for number, each in enumerate(workbook.sheets_metadata) if each.typ in kinds]
    found.facts["sheets"], found.facts["count"] = [], len(wanted)
    left = MAX_CELLS
    for number in wanted[:MAX_SHEETS]:
        name = workbook.sheet_names[number]
        try:
            with _panics_are_errors():
                sheet = workbook.get_sheet_by_index(number)
        except (python_calamine.CalamineError, OSError):
            prove()
            found.unread = f"The sheet {name[:100]!r} could not be read."
            found.facts["sheets"].append(_unread(name))
            continue
        described, looked_at = _described(sheet, left, found)
        left -= looked_at
        found.facts["sheets"].append({"name": name, **described})
        found.head(name)


@contextmanager
def _panics_are_errors() -> Iterator[None]:
    """calamine ends some damaged files with a panic of Rust, which Python sees as an exception that is no Exception."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__module__ != "pyo3_runtime":
            raise
        raise OSError(str(error)) from None


def _described(sheet: Any, left: int, found: Found) -> tuple[dict[str, Any], int]:
    """The part of the record about a sheet, and the number of cells that were looked at. Its text goes to `found`."""
    height, width = sheet.height, sheet.width
    most = min(height, max(0, left) // max(1, width))
    if most < height:
        found.unread = f"Only the first {MAX_CELLS:,} cells were read."
    rows = sheet.to_python(skip_empty_area=True, nrows=most) if most and width else []
    for row in rows:
        if found.full:
            break
        found.say("\t".join(filter(None, (shown(value) for value in row))) + "\n")
    columns = min(width, MAX_COLUMNS)
    in_sample = max(2, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, columns)))
    sample = [[shown(value) for value in row[:columns]] for row in rows[:in_sample]]
    has_header = bool(sample) and is_header(sample)
    body = sample[1:] if has_header else sample
    return {
        "rows": height,
        "columns": width,
        "names": sample[0] if has_header else [None] * columns,
        "types": [type_of(_column(body, at)) for at in range(columns)],
        "header": has_header,
        "rows_shown": [row[:SHOWN_COLUMNS] for row in sample[:SHOWN_ROWS]],
    }, most * width


def _column(rows: list[list[str]], at: int) -> Iterator[str]:
    return (row[at] for row in rows)


def shown(value: Any) -> str:
    """A cell's value as text, without its format: 5 and not 5.0, dates as RFC 3339 has them."""
    match value:
        case str():
            return value[:MAX_VALUE]
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)[:MAX_VALUE]
