"""Workbooks: sheets, columns and their types, a grid as a picture, and workbooks that are too much."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator

import pytest
from PIL import Image

from chalicelib.facts import MAX_BYTES, SpreadsheetInfo
from chalicelib.model import PermanentFault, Rendition
from chalicelib.processing import child, spreadsheet
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.processing.office import reading
from chalicelib.renditions.recipes import RECIPES
from chalicelib.text import has_controls
from tests import offices

Emitted = dict[str, tuple[Rendition, bytes]]

TABLE: list[list[offices.Value]] = [
    ["name", "count", "price", "sold", "day"],
    ["apple", 3, 1.5, True, "2026-11-22"],
    ["pear", 4, 2, False, "2026-11-23"],
]


def processed(data: bytes, content_type: str = offices.XLSX, **more: object) -> tuple[Made, Emitted]:
    emitted: Emitted = {}
    order = Order(RECIPES["document"], 1769 * 1024**2, **more)  # type: ignore[arg-type]
    source = Source(content_type, len(data), io.BytesIO(data))
    made = spreadsheet.process(
        source, order, lambda rendition, body: emitted.update({rendition.basename: (rendition, body)})
    )
    return made, emitted


def info_of(made: Made) -> SpreadsheetInfo:
    assert isinstance(made.info, SpreadsheetInfo)
    return made.info


def codes(made: Made) -> list[str]:
    return [warning.code for warning in made.warnings]


def test_a_workbook_is_described_and_read() -> None:
    made, emitted = processed(offices.xlsx({"Fruit": TABLE, "Empty": []}, title="Stock", author="An Author"))
    info = info_of(made)
    assert (info.format, info.title, info.author, info.sheet_count) == ("xlsx", "Stock", "An Author", 2)
    fruit, empty = info.sheets
    assert (fruit.name, fruit.rows, fruit.columns) == ("Fruit", 3, 5)
    assert [(column.name, column.type) for column in fruit.header] == [
        ("name", "text"),
        ("count", "integer"),
        ("price", "number"),
        ("sold", "boolean"),
        ("day", "date"),
    ]
    assert fruit.first_rows == [["apple", "3", "1.5", "true", "2026-11-22"], ["pear", "4", "2", "false", "2026-11-23"]]
    assert (empty.name, empty.rows, empty.columns, empty.header) == ("Empty", 0, 0, [])
    assert made.text.startswith("name\tcount\tprice\tsold\tday\napple\t3\t1.5")
    assert made.headings == ("Stock", "An Author", "Fruit", "Empty", "name", "count", "price", "sold", "day")
    assert made.warnings == ()
    assert {"w320.webp", "w1280.jpg"} <= emitted.keys()


def test_a_sheet_without_a_header_has_columns_without_names() -> None:
    made, _ = processed(offices.xlsx({"Numbers": [[1, 2], [3, 4.5]]}))
    [sheet] = info_of(made).sheets
    assert [(column.name, column.type) for column in sheet.header] == [(None, "integer"), (None, "number")]
    assert sheet.first_rows == [["1", "2"], ["3", "4.5"]]


def test_a_workbook_of_opendocument_is_described() -> None:
    meta = "<dc:title>Stock</dc:title>"
    made, _ = processed(offices.ods([["name", "count"], ["apple", "3"]], "Fruit", meta=meta), offices.ODS)
    info = info_of(made)
    [sheet] = info.sheets
    assert (info.format, info.title, sheet.name, sheet.rows) == ("ods", "Stock", "Fruit", 2)
    assert [(column.name, column.type) for column in sheet.header] == [("name", "text"), ("count", "integer")]


@pytest.mark.parametrize("first", [[], [["a", None], [None, 5]]], ids=["first", "second"])
def test_the_grid_shows_the_first_sheet_that_has_rows(first: list[list[offices.Value]]) -> None:
    made, emitted = processed(offices.xlsx({"One": first, "Two": TABLE}))
    assert made.preview
    assert (made.preview.width, made.preview.height) == (1280, 774)
    with Image.open(io.BytesIO(emitted["w1280.jpg"][1])) as image:
        grey = image.convert("L")
    assert min(grey.crop((50, 95, 300, 130)).tobytes()) < 120, "the first value"
    assert (min(grey.crop((285, 186, 500, 224)).tobytes()) < 120) == (not first), "a value of the third row"


def test_a_workbook_that_is_encrypted_is_a_fact() -> None:
    records = bytes.fromhex("09081000") + bytes(16) + bytes.fromhex("2f000400") + bytes(4)
    for data, content_type in (
        (offices.ole({"EncryptedPackage": bytes(5000)}), offices.XLSX),
        (offices.ole({"Workbook": records.ljust(5000, b"\0")}), offices.XLS),
        (offices.odf(offices.ODS, "", encryption="<manifest:encryption-data/>"), offices.ODS),
    ):
        made, emitted = processed(data, content_type)
        assert info_of(made).encrypted
        assert (made.preview, made.text, made.warnings, emitted) == (None, "", (), {})


# --- the bounds of a record


@pytest.mark.parametrize(
    "sheets",
    [
        {"Wide": [[f"column {n} {'ü' * 300}" for n in range(500)], list(range(500))]},
        {f"Sheet {n}": TABLE for n in range(150)},
        {f"{n}{'工' * 900}": TABLE for n in range(120)},
        {f"Sheet {n}": [["word " * 300] * 10] * 7 for n in range(30)},
    ],
    ids=["wide", "many", "long names", "long values"],
)
def test_the_facts_of_any_workbook_fit_the_record(sheets: dict[str, list[list[offices.Value]]]) -> None:
    made, _ = processed(offices.xlsx(sheets))
    info = info_of(made)
    assert len(info.model_dump_json().encode()) <= MAX_BYTES
    assert info.sheet_count == len(sheets)
    assert 0 < len(info.sheets) <= 100
    assert "facts_trimmed" in codes(made)
    assert info.sheets[0].header, "the first sheet gets most"


def test_many_rows_take_little_time_and_memory() -> None:
    data = offices.many_rows(20_000)
    before = spent()
    made, _ = processed(data)
    assert spent() - before < 1.0
    [sheet] = info_of(made).sheets
    assert (sheet.rows, sheet.columns) == (20_000, 5)
    assert codes(made) == []


def spent() -> float:
    """CPU seconds of this process and its children."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def test_text_above_the_bound_is_cut_and_rows_are_counted_all_the_same() -> None:
    made, _ = processed(offices.xlsx({"One": [["words " * 20] * 10] * 2000}))
    assert len(made.text) <= 2_000_000
    assert info_of(made).sheets[0].rows == 2000
    assert codes(made) == ["text_cut"]


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(reading, "LIMITS", child.Limits(memory=400 * 1024**2, seconds=3))
    yield


@pytest.mark.usefixtures("tight")
def test_two_cells_that_span_a_whole_sheet_take_only_the_childs_memory() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    made, _ = processed(offices.archive(offices.xlsx_parts({"Far": rows}, title="A title")))
    info = info_of(made)
    assert (info.title, info.sheet_count) == ("A title", 1)
    assert (info.sheets[0].name, info.sheets[0].rows) == ("Far", None)
    assert codes(made) == ["too_costly_to_read"]


@pytest.mark.usefixtures("tight")
def test_a_cell_repeated_over_a_whole_sheet_is_refused_by_the_reader() -> None:
    body = (
        '<office:spreadsheet><table:table table:name="x"><table:table-row table:number-rows-repeated="1048576">'
        '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/>'
        "</table:table-row></table:table></office:spreadsheet>"
    )
    made, _ = processed(offices.odf(offices.ODS, body), offices.ODS)
    assert codes(made) == ["text_not_read"]


# --- damaged files


def damaged() -> dict[str, bytes]:
    sound = offices.xlsx_parts({"One": "".join(offices.sheet_rows(TABLE))})
    checksum = bytearray(offices.archive(sound))
    checksum[checksum.rfind(b"PK\1\2") + 16] ^= 1  # the last entry is the sheet
    return {
        "laughs": offices.archive(offices.xlsx_parts({"One": "<row><c><v>&i;</v></c></row>"}, offices.LAUGHS)),
        "cut": offices.archive(sound)[:-30],
        "no workbook": offices.archive({name: body for name, body in sound.items() if name != "xl/workbook.xml"}),
        "workbook no xml": offices.archive(sound | {"xl/workbook.xml": "<workbook"}),
        "sheet no xml": offices.archive(sound | {"xl/worksheets/sheet1.xml": "<worksheet><sheetData><row"}),
        "checksum": bytes(checksum),
    }


@pytest.mark.parametrize("name", ["laughs", "cut", "no workbook", "workbook no xml", "sheet no xml", "checksum"])
def test_a_damaged_workbook_is_corrupt(name: str) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(damaged()[name])
    assert fault.value.code == "corrupt"


def test_a_sound_workbook_that_the_reader_does_not_know_is_not_corrupt() -> None:
    made, _ = processed(offices.ole({"Words": bytes(5000)}), offices.XLS)
    assert codes(made) == ["text_not_read"]
    assert info_of(made).sheet_count is None


def test_a_panic_of_the_reader_is_no_crash() -> None:
    """calamine looks for a sheet's relation without a doubt, so it panics where there is none."""
    entry = b"\x9c\x01\x1a" + bytes(8) + _wide("rId9") + _wide("S")  # BrtBundleSh ([MS-XLSB] 2.4.312)
    parts = offices.xlsx_parts({"S": ""}, title="A title")
    parts = {name.replace("workbook.xml", "workbook.bin"): body for name, body in parts.items()}
    parts["_rels/.rels"] = offices.relations(
        ("a", "officeDocument", "xl/workbook.bin"), ("b", "core-properties", "docProps/core.xml")
    )
    parts["xl/workbook.bin"] = b"\x8f\x01\x00" + entry + b"\x90\x01\x00"
    made, _ = processed(offices.archive(parts), "application/vnd.ms-excel.sheet.binary.macroenabled.12")
    assert codes(made) == ["text_not_read"]
    assert info_of(made).title == "A title"


def _wide(text: str) -> bytes:
    return len(text).to_bytes(4, "little") + text.encode("utf-16-le")


def test_the_same_workbook_gives_the_same_bytes() -> None:
    data = offices.xlsx({"One": TABLE})
    assert processed(data) == processed(data)
    assert {*processed(data, only="w640")[1]} == {"w640.webp", "w640.jpg"}


def test_the_name_of_a_sheet_has_no_controls_for_search() -> None:
    made, _ = processed(offices.ods([["a"], ["1"]], name="One\x7f"), offices.ODS)
    assert [name for name in made.headings if has_controls(name)] == []
    assert "One" in made.headings


def test_an_old_workbook_is_read() -> None:
    made, _ = processed(offices.ole({"Workbook": offices.biff()}), offices.XLS)
    assert [(sheet.name, sheet.rows, sheet.first_rows) for sheet in info_of(made).sheets] == [
        ("One", 2, [["1.5", "2.5"]])
    ]


def test_a_binary_workbook_is_read() -> None:
    made, _ = processed(offices.xlsb(), offices.XLSB)
    assert [(sheet.name, sheet.rows, sheet.columns) for sheet in info_of(made).sheets] == [("One", 2, 1)]


def test_a_workbook_at_which_the_reader_panics_has_its_properties() -> None:
    """calamine looks for a short stream in a place that this file does not have."""
    streams = {"Workbook": offices.biff().rstrip(b"\0"), "\5SummaryInformation": offices.properties({2: "A title"})}
    made, _ = processed(offices.ole(streams), offices.XLS)
    assert (info_of(made).title, [warning.code for warning in made.warnings]) == ("A title", ["text_not_read"])
