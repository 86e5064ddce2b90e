"""Small Office files, sound and hostile ones, written by hand with zipfile."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

OOXML = "application/vnd.openxmlformats-officedocument."
ODF = "application/vnd.oasis.opendocument."
DOCX = f"{OOXML}wordprocessingml.document"
XLSX = f"{OOXML}spreadsheetml.sheet"
PPTX = f"{OOXML}presentationml.presentation"
ODT, ODS, ODP = f"{ODF}text", f"{ODF}spreadsheet", f"{ODF}presentation"
EPUB, RTF, DOC, XLS = "application/epub+zip", "application/rtf", "application/msword", "application/vnd.ms-excel"
PPT = "application/vnd.ms-powerpoint"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"

Parts = Mapping[str, str | bytes]

LAUGHS = (
    '<!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
"""A document type of which `&i;` is a hundred million words."""


def archive(parts: Parts, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as package:
        for name, body in parts.items():
            # OpenDocument and EPUB are told by this entry, which is stored as it is.
            how = zipfile.ZIP_STORED if name == "mimetype" else method
            package.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), body, how)
    return out.getvalue()


def relations(*named: tuple[str, str, str]) -> str:
    """Each with its id, the last word of its type, and its target."""
    rows = "".join(f'<Relationship Id="{i}" Type="{_R}/{kind}" Target="{target}"/>' for i, kind, target in named)
    return f'{_XML}<Relationships xmlns="{_RELS}">{rows}</Relationships>'


def core(title: str = "", author: str = "", created: str = "", modified: str = "") -> str:
    return (
        f'{_XML}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>{escape(author)}</dc:creator>"
        f"<dcterms:created>{created}</dcterms:created><dcterms:modified>{modified}</dcterms:modified>"
        "</cp:coreProperties>"
    )


def _content_types(part: str, content_type: str) -> str:
    return f'{_XML}<Types><Override PartName="{part}" ContentType="{content_type}.main+xml"/></Types>'


# --- Word

_STYLES = f'<w:styles xmlns:w="{_W}"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style></w:styles>'


def paragraph(text: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def docx_parts(body: str, doctype: str = "", **properties: str) -> dict[str, str | bytes]:
    return {
        "[Content_Types].xml": _content_types("/word/document.xml", DOCX),
        "_rels/.rels": relations(
            ("a", "officeDocument", "word/document.xml"),
            ("b", "core-properties", "docProps/core.xml"),
            ("c", "extended-properties", "docProps/app.xml"),
        ),
        "docProps/core.xml": core(**properties),
        "docProps/app.xml": "<Properties><Pages>7</Pages><Words>4000</Words></Properties>",
        "word/_rels/document.xml.rels": relations(("s", "styles", "styles.xml"), ("f", "footnotes", "footnotes.xml")),
        "word/styles.xml": _STYLES,
        "word/footnotes.xml": f'<w:footnotes xmlns:w="{_W}">{paragraph("A footnote.")}</w:footnotes>',
        "word/document.xml": f'{_XML}{doctype}<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>',
    }


def docx(*texts: str, **properties: str) -> bytes:
    return archive(docx_parts("".join(paragraph(text) for text in texts), **properties))


# --- PowerPoint


def pptx_parts(slides: Sequence[tuple[str, Sequence[str]]], **properties: str) -> dict[str, str | bytes]:
    """Slides with a title, and lines. The first slide of the file is the last one of the deck's list of parts."""
    numbers = range(len(slides), 0, -1)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types("/ppt/presentation.xml", PPTX),
        "_rels/.rels": relations(
            ("a", "officeDocument", "ppt/presentation.xml"), ("b", "core-properties", "docProps/core.xml")
        ),
        "docProps/core.xml": core(**properties),
        "docProps/thumbnail.jpeg": b"\xff\xd8\xff the template's",
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}"><p:sldIdLst>'
        + "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n in numbers)
        + "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(*((f"r{n}", "slide", f"slides/slide{n}.xml") for n in numbers)),
    }
    for number, (title, lines) in zip(numbers, slides, strict=True):
        parts[f"ppt/slides/slide{number}.xml"] = _slide(title, lines)
        parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations(
            ("n", "notesSlide", f"../notesSlides/notesSlide{number}.xml")
        )
        parts[f"ppt/notesSlides/notesSlide{number}.xml"] = _slide("", [f"Say this {number}."])
    return parts


def _slide(title: str, lines: Sequence[str]) -> str:
    def shape(texts: Sequence[str], placeholder: str) -> str:
        body = "".join(f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p>" for text in texts)
        return f'<p:sp><p:nvPr><p:ph type="{placeholder}"/></p:nvPr><p:txBody>{body}</p:txBody></p:sp>'

    shapes = (shape([title], "title") if title else "") + shape(lines, "body")
    return f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}"><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>'


def pptx(*slides: tuple[str, Sequence[str]], **properties: str) -> bytes:
    return archive(pptx_parts(slides, **properties))


# --- Excel

Value = str | int | float | bool | None


def sheet_rows(rows: Iterable[Sequence[Value]], first: int = 1) -> Iterable[str]:
    for number, row in enumerate(rows, first):
        cells = "".join(_cell(f"{column_name(at)}{number}", value) for at, value in enumerate(row) if value is not None)
        yield f'<row r="{number}">{cells}</row>'


def column_name(number: int) -> str:
    return (column_name(number // 26 - 1) if number >= 26 else "") + chr(65 + number % 26)


def _cell(place: str, value: Value) -> str:
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def xlsx_parts(sheets: Mapping[str, str], doctype: str = "", **properties: str) -> dict[str, str | bytes]:
    """`sheets` have names and the rows in XML."""
    numbered = list(enumerate(sheets.items(), 1))
    names = "".join(f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="r{n}"/>' for n, (name, _) in numbered)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types("/xl/workbook.xml", XLSX),
        "_rels/.rels": relations(
            ("a", "officeDocument", "xl/workbook.xml"), ("b", "core-properties", "docProps/core.xml")
        ),
        "docProps/core.xml": core(**properties),
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_S}" xmlns:r="{_R}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            *((f"r{n}", "worksheet", f"worksheets/sheet{n}.xml") for n, _ in numbered)
        ),
    }
    for number, (_, rows) in numbered:
        body = f'{_XML}{doctype}<worksheet xmlns="{_S}"><sheetData>{rows}</sheetData></worksheet>'
        parts[f"xl/worksheets/sheet{number}.xml"] = body
    return parts


def xlsx(sheets: Mapping[str, Iterable[Sequence[Value]]], **properties: str) -> bytes:
    return archive(xlsx_parts({name: "".join(sheet_rows(rows)) for name, rows in sheets.items()}, **properties))


def many_rows(count: int, columns: int = 5) -> bytes:
    """A workbook of so many rows: a header, then words, numbers and truth."""

    def row(n: int) -> list[Value]:
        return [f"word {n}", n, n * 1.25, n % 2 == 0, f"a{n % 100}"]

    rows = (row(n)[:columns] for n in range(count - 1))
    return xlsx({"Data": [["name", "count", "price", "sold", "group"][:columns], *rows]})


def biff() -> bytes:
    """The stream `Workbook` of an xls with one sheet: two words in the first row, two numbers below."""

    def record(kind: int, body: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    def begin(kind: int) -> bytes:
        return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0xDBB, 1996, 0, 0x600))

    words = [b"name", b"count"]
    shared = record(0xFC, struct.pack("<II", 2, 2) + b"".join(struct.pack("<HB", len(w), 0) + w for w in words))
    cells = b"".join(record(0xFD, struct.pack("<HHHI", 0, n, 0, n)) for n in range(2))
    cells += b"".join(record(0x203, struct.pack("<HHHd", 1, n, 0, n + 1.5)) for n in range(2))
    sheet = begin(0x10) + record(0x200, struct.pack("<IIHHH", 0, 2, 0, 2, 0)) + cells + record(0x0A)
    start = begin(5) + record(0x42, struct.pack("<H", 1200))
    place = len(start) + 4 + 8 + 3 + len(shared) + 4
    bound = record(0x85, struct.pack("<IBBBB", place, 0, 0, 3, 0) + b"One")
    return (start + bound + shared + record(0x0A) + sheet).ljust(
        4096, b"\0"
    )  # a shorter one stands elsewhere in a file


def xlsb() -> bytes:
    """A workbook whose parts are binary: one sheet with a word and a number."""

    def record(kind: int, body: bytes = b"") -> bytes:
        number = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
        return number + bytes([len(body)]) + body

    def wide(text: str) -> bytes:
        return struct.pack("<I", len(text)) + text.encode("utf-16-le")

    bundle = struct.pack("<II", 0, 1) + wide("r1") + wide("One")
    book = record(131) + record(143) + record(156, bundle) + record(144) + record(132)
    cells = record(0, struct.pack("<IIHBBI", 0, 0, 300, 0, 0, 0)) + record(6, struct.pack("<II", 0, 0) + wide("word"))
    cells += record(0, struct.pack("<IIHBBI", 1, 0, 300, 0, 0, 0)) + record(5, struct.pack("<IId", 0, 0, 1.5))
    sheet = (
        record(129) + record(148, struct.pack("<IIII", 0, 1, 0, 0)) + record(145) + cells + record(146) + record(130)
    )
    return archive(
        {
            "[Content_Types].xml": _content_types(
                "/xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroEnabled"
            ),
            "_rels/.rels": relations(("a", "officeDocument", "xl/workbook.bin")),
            "xl/workbook.bin": book,
            "xl/_rels/workbook.bin.rels": relations(("r1", "worksheet", "worksheets/sheet1.bin")),
            "xl/worksheets/sheet1.bin": sheet,
        }
    )


# --- OpenDocument

_ODF_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "drawing", "presentation", "meta", "manifest")
).replace("xmlns:drawing=", "xmlns:draw=")


def odf_parts(kind: str, body: str, doctype: str = "", meta: str = "", encryption: str = "") -> dict[str, str | bytes]:
    return {
        "mimetype": kind,
        "META-INF/manifest.xml": f"<manifest:manifest {_ODF_SPACES}>"
        f'<manifest:file-entry manifest:full-path="content.xml">{encryption}</manifest:file-entry></manifest:manifest>',
        "meta.xml": f'<office:document-meta {_ODF_SPACES} xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta>{meta}'
        "</office:meta></office:document-meta>",
        "content.xml": f"{_XML}{doctype}<office:document-content {_ODF_SPACES}><office:body>{body}</office:body>"
        "</office:document-content>",
    }


def odf(kind: str, body: str, **more: str) -> bytes:
    return archive(odf_parts(kind, body, **more))


def ods(rows: Iterable[Sequence[str]], name: str = "Sheet", **more: str) -> bytes:
    def cell(value: str) -> str:
        kind = f'"float" office:value="{value}"' if value.isdigit() else '"string"'
        return f"<table:table-cell office:value-type={kind}><text:p>{escape(value)}</text:p></table:table-cell>"

    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    return odf(
        ODS,
        f'<office:spreadsheet><table:table table:name="{name}">{body}</table:table></office:spreadsheet>',
        **more,
    )


# --- EPUB


def epub_parts(
    chapters: Sequence[str], metadata: str = "", more: Parts | None = None, items: str = ""
) -> dict[str, str | bytes]:
    """Chapters are the contents of `body`."""
    entries = "".join(f'<item id="c{n}" href="text/c%20{n}.xhtml"/>' for n in range(len(chapters)))
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    parts: dict[str, str | bytes] = {
        "mimetype": EPUB,
        "META-INF/container.xml": '<container><rootfile full-path="OEBPS/book.opf"/></container>',
        "OEBPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{metadata}</metadata><manifest>{entries}{items}</manifest><spine>{order}</spine></package>",
    }
    for number, chapter in enumerate(chapters):
        parts[f"OEBPS/text/c {number}.xhtml"] = (
            '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
            f"<html><head><title>no words of the book</title></head><body>{chapter}</body></html>"
        )
    return parts | dict(more or {})


def epub(*chapters: str, metadata: str = "") -> bytes:
    return archive(epub_parts(chapters, metadata))


# --- OLE


def ole(streams: Mapping[str, bytes]) -> bytes:
    """A compound file with these streams at its top, each in sectors of 512 bytes."""
    blocks: list[bytes] = []
    table: list[int] = []

    def add(body: bytes) -> int:
        start = len(blocks)
        pieces = [body[at : at + 512].ljust(512, b"\0") for at in range(0, max(1, len(body)), 512)]
        blocks.extend(pieces)
        table.extend([*range(start + 1, start + len(pieces)), 0xFFFFFFFE])
        return start

    names = list(streams)
    places = [add(body) for body in streams.values()]
    entries = [_entry("Root Entry", 5, child=1 if names else 0xFFFFFFFF)]
    for number, (name, place) in enumerate(zip(names, places, strict=True), 1):
        right = number + 1 if number < len(names) else 0xFFFFFFFF
        entries.append(_entry(name, 2, right=right, start=place, size=len(streams[name])))
    directory = add(b"".join(entries))
    table.append(0xFFFFFFFD)
    fat = len(blocks)
    blocks.append(struct.pack("<128I", *table, *[0xFFFFFFFF] * (128 - len(table))))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    # All streams are larger than the bound of small ones, which is 0.
    header += struct.pack("<IIIIIIIII", 0, 1, directory, 0, 0, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", fat, *[0xFFFFFFFF] * 108)
    return header + b"".join(blocks)


def _entry(
    name: str, kind: int, *, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF, start: int = 0, size: int = 0
) -> bytes:
    encoded = name.encode("utf-16-le")
    head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, 0xFFFFFFFF, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def properties(values: Mapping[int, str | int | bytes]) -> bytes:
    """A property set: text, numbers, and times in the eight bytes of FILETIME."""
    bodies = {1: struct.pack("<II", 2, 65001)}
    for number, value in values.items():
        if isinstance(value, str):
            encoded = value.encode() + b"\0"
            bodies[number] = struct.pack("<II", 30, len(encoded)) + encoded
        else:
            bodies[number] = struct.pack("<II", 3, value) if isinstance(value, int) else struct.pack("<I", 64) + value
    at, places, content = 8 + 8 * len(bodies), b"", b""
    for number, body in bodies.items():
        places += struct.pack("<II", number, at + len(content))
        content += body
    section = struct.pack("<II", at + len(content), len(bodies)) + places + content
    return struct.pack("<HHI16xI16sI", 0xFFFE, 0, 0, 1, bytes(16), 48) + section


# --- hostile ones


def with_size(data: bytes, name: str, size: int) -> bytes:
    """The archive with another size of an entry, in its directory."""
    out = bytearray(data)
    encoded = name.encode()
    at = out.rfind(b"PK\1\2")
    while at >= 0 and out[at + 46 : at + 46 + len(encoded)] != encoded:
        at = out.rfind(b"PK\1\2", 0, at)
    struct.pack_into("<I", out, at + 24, size)
    return bytes(out)
