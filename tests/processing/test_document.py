"""Text documents: facts, text, headings and pictures of sound files, and files that can't be read."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from chalicelib.facts import DocumentInfo
from chalicelib.model import PermanentFault, Rendition
from chalicelib.processing import document
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.renditions.recipes import RECIPES
from tests import images, offices
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import Calls

Emitted = dict[str, tuple[Rendition, bytes]]

BODY = "<office:text>{}</office:text>"


def processed(data: bytes, content_type: str, **more: object) -> tuple[Made, Emitted]:
    emitted: Emitted = {}
    order = Order(RECIPES["document"], 1769 * 1024**2, **more)  # type: ignore[arg-type]
    source = Source(content_type, len(data), io.BytesIO(data))
    made = document.process(
        source, order, lambda rendition, body: emitted.update({rendition.basename: (rendition, body)})
    )
    return made, emitted


def info_of(made: Made) -> DocumentInfo:
    assert isinstance(made.info, DocumentInfo)
    return made.info


def test_a_docx_is_described_and_read() -> None:
    body = (
        offices.paragraph("A heading", "berschrift1")
        + offices.paragraph("Words & more.")
        + "<w:p><w:r><w:t>left</w:t><w:tab/><w:t>right</w:t></w:r>"
        + "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
        + "<mc:AlternateContent xmlns:mc='m'><mc:Choice>"
        + offices.paragraph("box")
        + "</mc:Choice><mc:Fallback>"
        + offices.paragraph("box")
        + "</mc:Fallback></mc:AlternateContent>"
    )
    properties = {"title": "Annual\nreport", "author": "An Author", "created": "2026-11-22T13:00:00+01:00"}
    made, emitted = processed(offices.archive(offices.docx_parts(body, **properties)), offices.DOCX)
    assert info_of(made).model_dump() == {
        "format": "docx",
        "title": "Annual report",
        "author": "An Author",
        "created_at": "2026-11-22T12:00:00.000Z",
        "modified_at": None,
        "pages": 7,
        "words": 10,
        "encrypted": False,
    }
    assert made.text.splitlines() == ["A heading", "Words & more.", "left\tright", "box", "A footnote."]
    assert made.headings == ("Annual report", "An Author", "A heading")
    assert made.warnings == ()
    assert {"w320.webp", "w1280.jpg"} <= emitted.keys()


def test_an_odt_is_described_and_read() -> None:
    meta = (
        "<meta:initial-creator>An Author</meta:initial-creator><dc:title>A title</dc:title>"
        "<dc:date>2026-11-22T10:00:00</dc:date>"
        '<meta:document-statistic meta:page-count="3" meta:word-count="99"/>'
    )
    body = BODY.format(
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:h>A heading</text:h>"
        '<text:p>some<text:s text:c="3"/><text:span>words</text:span><text:tab/>and<text:line-break/>more</text:p>'
    )
    made, _ = processed(offices.odf(offices.ODT, body, meta=meta), offices.ODT)
    info = info_of(made)
    assert (info.format, info.title, info.author, info.pages, info.words) == ("odt", "A title", "An Author", 3, 6)
    assert info.modified_at == "2026-11-22T10:00:00.000Z"
    assert made.text == "A heading\nsome   words\tand\nmore"
    assert made.headings == ("A title", "An Author", "A heading")


def test_an_epub_is_read_in_the_order_of_its_spine() -> None:
    metadata = (
        "<dc:title>A book</dc:title><dc:creator>An Author</dc:creator><dc:date>1851</dc:date>"
        '<meta property="dcterms:modified">2026-11-22T12:00:00Z</meta>'
    )
    chapters = (
        "<h1>One</h1><p>It&nbsp;began\nhere.</p><script>no()</script>",
        "<h2>Two</h2><div>The <b>end</b>.</div>",
    )
    made, _ = processed(offices.epub(*chapters, metadata=metadata), offices.EPUB)
    info = info_of(made)
    assert (info.title, info.author, info.created_at) == ("A book", "An Author", "1851-01-01T00:00:00.000Z")
    assert info.modified_at == "2026-11-22T12:00:00.000Z"
    assert made.text.split("\n") == ["One", "It\N{NO-BREAK SPACE}began here.", "", "Two", "The end."]
    assert made.headings == ("A book", "An Author", "One", "Two")


def test_a_chapter_that_is_damaged_does_not_take_the_others() -> None:
    made, _ = processed(offices.epub("<p>before</p><p>broken", "<p>after</p>"), offices.EPUB)
    assert made.text.split() == ["before", "after"]
    assert [warning.code for warning in made.warnings] == ["text_cut"]


def test_an_rtf_is_described_and_read() -> None:
    data = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator x;}"
        rb"{\info{\title T\'fctle}{\author An Author}{\creatim\yr2026\mo11\dy22\hr13\min5}{\nofpages4}}"
        rb"{\pict 89504e47}\pard Gr\u252?\'dfe {\b bold}\par {\v hidden}cell\cell\emdash \u-10179?\u-8704?\bin3 }}}\{\}"
        rb"\par }trailing"
    )
    made, _ = processed(data, offices.RTF)
    info = info_of(made)
    assert (info.format, info.title, info.author, info.pages) == ("rtf", "Tütle", "An Author", 4)
    assert info.created_at == "2026-11-22T13:05:00.000Z"
    assert made.text == "Grüße bold\ncell\t\N{EM DASH}\N{GRINNING FACE}{}"


def test_an_rtf_of_two_bytes_a_letter_is_read() -> None:
    text = "日本語".encode("cp932")
    made, _ = processed(rb"{\rtf1\ansicpg932 " + b"".join(rb"\'%02x" % byte for byte in text) + b"}", offices.RTF)
    assert made.text == "日本語"


def test_of_an_old_document_the_properties_are_read() -> None:
    moment = (134_084_736_000_000_000).to_bytes(8, "little")
    summary = offices.properties({2: "Ein recht langer Täst", 4: "An Author", 12: moment, 14: 3, 15: 500})
    streams = {"WordDocument": bytes(1024), "\5SummaryInformation": summary}
    made, emitted = processed(offices.ole(streams), offices.DOC)
    info = info_of(made)
    assert (info.format, info.title, info.author, info.pages, info.words) == (
        "doc",
        "Ein recht langer Täst",
        "An Author",
        3,
        500,
    )
    assert info.created_at == "2025-11-24T16:00:00.000Z"
    assert [warning.code for warning in made.warnings] == ["text_not_read"]
    assert {*emitted} >= {"w320.webp"}, "a card with the title"


# --- encrypted files


def encrypted_zip() -> bytes:
    """A docx whose entries zip has encrypted: bit 0 of their flags."""
    data = bytearray(offices.docx("words"))
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + place] |= 1
            at = data.find(signature, at + 4)
    return bytes(data)


def hidden_with(method: str) -> dict[str, str]:
    return {"META-INF/encryption.xml": f'<encryption><EncryptionMethod Algorithm="{method}"/></encryption>'}


ENCRYPTED = {
    "docx": (offices.ole({"EncryptionInfo": bytes(100), "EncryptedPackage": bytes(5000)}), offices.DOCX),
    "docx as doc": (offices.ole({"EncryptedPackage": bytes(5000)}), offices.DOC),
    "doc": (offices.ole({"WordDocument": bytes(11) + b"\1" + bytes(1000)}), offices.DOC),
    "odt": (offices.odf(offices.ODT, "", encryption="<manifest:encryption-data/>"), offices.ODT),
    "zip": (encrypted_zip(), offices.DOCX),
    "epub": (
        offices.archive(
            offices.epub_parts(["<p>x</p>"], more=hidden_with("http://www.w3.org/2001/04/xmlenc#aes128-cbc"))
        ),
        offices.EPUB,
    ),
}


@pytest.mark.parametrize("name", ENCRYPTED)
def test_an_encrypted_document_is_a_fact_and_no_fault(name: str) -> None:
    made, emitted = processed(*ENCRYPTED[name])
    assert info_of(made).encrypted
    assert (made.preview, made.text, made.warnings, emitted) == (None, "", (), {})


def test_a_book_with_hidden_fonts_is_not_encrypted() -> None:
    more = hidden_with("http://www.idpf.org/2008/embedding")
    made, _ = processed(offices.archive(offices.epub_parts(["<p>words</p>"], more=more)), offices.EPUB)
    assert (info_of(made).encrypted, made.text) == (False, "words")


# --- pictures


def test_the_card_shows_the_title_and_the_first_lines() -> None:
    made, emitted = processed(offices.docx("first line", "second line", title="A title"), offices.DOCX)
    assert made.preview
    assert (made.preview.width, made.preview.height) == (1280, 1656)
    with Image.open(io.BytesIO(emitted["w1280.jpg"][1])) as image:
        grey = image.convert("L")
    assert min(grey.crop((60, 60, 400, 130)).tobytes()) < 100, "the title"
    assert min(grey.crop((60, 170, 400, 260)).tobytes()) < 100, "the lines"
    assert min(grey.crop((60, 400, 1200, 1600)).tobytes()) > 200, "nothing else"


def test_a_document_of_other_letters_has_no_picture_and_says_so() -> None:
    made, emitted = processed(offices.docx("日本語のテキスト"), offices.DOCX)
    assert (made.preview, emitted) == (None, {})
    assert [warning.code for warning in made.warnings] == ["no_preview"]
    assert made.text.startswith("日本語")


def test_an_empty_document_has_no_picture_and_says_so() -> None:
    made, emitted = processed(offices.odf(offices.ODT, BODY.format("")), offices.ODT)
    assert (made.preview, emitted, info_of(made).words) == (None, {}, 0)
    assert [(warning.code, "no words" in warning.message) for warning in made.warnings] == [("no_preview", True)]


def test_the_thumbnail_of_an_odt_is_its_picture() -> None:
    parts = offices.odf_parts(offices.ODT, BODY.format("<text:p>words</text:p>"))
    made, _ = processed(offices.archive(parts | {"Thumbnails/thumbnail.png": images.png(180, 256)}), offices.ODT)
    assert made.preview
    assert (made.preview.width, made.preview.height) == (180, 256)


def test_a_thumbnail_on_clear_ground_is_shown_on_paper() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (180, 256), (0, 0, 0, 0)).save(out, "PNG")
    parts = offices.odf_parts(offices.ODT, BODY.format("<text:p>words</text:p>"))
    made, emitted = processed(offices.archive(parts | {"Thumbnails/thumbnail.png": out.getvalue()}), offices.ODT)
    assert made.preview
    assert not made.preview.has_alpha
    with Image.open(io.BytesIO(emitted[f"w{made.preview.width}.webp"][1])) as image:
        assert image.mode == "RGB"
        assert min(image.tobytes()) > 250


@pytest.mark.parametrize(
    "thumbnail", [b"\x89PNG\r\n\x1a\n broken", b"GIF89a", images.png(180, 256)[:60], images.png(1, 1)]
)
def test_a_thumbnail_that_is_damaged_or_tiny_gives_way_to_a_card(thumbnail: bytes) -> None:
    parts = offices.odf_parts(offices.ODT, BODY.format("<text:p>words</text:p>"))
    made, emitted = processed(offices.archive(parts | {"Thumbnails/thumbnail.png": thumbnail}), offices.ODT)
    assert made.preview
    assert (made.preview.width, made.preview.height) == (1280, 1656)
    assert emitted.keys() >= {"w1280.jpg"}


@pytest.mark.parametrize(
    ("items", "metadata"),
    [
        ('<item id="i" href="cover.jpg" properties="cover-image"/>', ""),
        ('<item id="i" href="cover.jpg"/>', '<meta name="cover" content="i"/>'),
    ],
    ids=["3", "2"],
)
def test_the_cover_of_a_book_is_its_picture(items: str, metadata: str) -> None:
    more = {"OEBPS/cover.jpg": images.jpeg(400, 600)}
    made, _ = processed(offices.archive(offices.epub_parts(["<p>x</p>"], metadata, more, items)), offices.EPUB)
    assert made.preview
    assert (made.preview.width, made.preview.height) == (400, 600)


def test_the_same_file_gives_the_same_bytes_and_a_picture_alone_is_the_same() -> None:
    data = offices.docx("again", title="Once")
    first, second = processed(data, offices.DOCX), processed(data, offices.DOCX)
    assert first == second
    made, emitted = processed(data, offices.DOCX, only="w640")
    assert {*emitted} == {"w640.webp", "w640.jpg"}
    assert emitted["w640.jpg"] == first[1]["w640.jpg"]
    assert (made.info, made.text) == (None, "")


# --- damaged files


def without(parts: dict[str, str | bytes], name: str) -> bytes:
    return offices.archive({key: value for key, value in parts.items() if key != name})


def with_wrong_checksum() -> bytes:
    data = bytearray(offices.docx("words"))
    at = data.rfind(b"PK\1\2")  # the last entry is the main part
    data[at + 16] ^= 1
    return bytes(data)


DAMAGED = {
    "cut": (offices.docx("words")[:-30], offices.DOCX),
    "no main part": (without(offices.docx_parts("x"), "word/document.xml"), offices.DOCX),
    "no xml": (offices.archive(offices.docx_parts("<w:p>")), offices.DOCX),
    "checksum": (with_wrong_checksum(), offices.DOCX),
    "laughs": (offices.archive(offices.docx_parts(offices.paragraph("x"), offices.LAUGHS)), offices.DOCX),
    "no content": (without(offices.odf_parts(offices.ODT, ""), "content.xml"), offices.ODT),
    "no book": (without(offices.epub_parts([]), "OEBPS/book.opf"), offices.EPUB),
    "no rtf": (b"words", offices.RTF),
    "ole": (offices.ole({})[:600], offices.DOC),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_document_is_corrupt(name: str) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(*DAMAGED[name])
    assert fault.value.code == "corrupt"
    assert fault.value.message.startswith("The file can't be opened: ")


def test_damaged_properties_take_nothing_but_themselves() -> None:
    parts = offices.docx_parts(offices.paragraph("words"), title="A title")
    made, _ = processed(
        offices.archive(parts | {"docProps/core.xml": "<broken", "word/styles.xml": b"\0"}), offices.DOCX
    )
    assert (info_of(made).title, made.text, made.warnings) == (None, "words\nA footnote.", ())


def test_a_very_large_document_is_stored_and_not_read() -> None:
    source = Source(offices.DOCX, 100 * 1024**2 + 1, io.BytesIO())
    made = document.process(source, Order(RECIPES["document"], 1769 * 1024**2), lambda *_: None)
    assert json.loads(info_of(made).model_dump_json(exclude_none=True)) == {"format": "docx", "encrypted": False}
    assert [warning.code for warning in made.warnings] == ["too_large_to_read"]


# --- through the pipeline


def test_a_document_is_found_by_the_words_inside_it(client: Client, stage: Calls) -> None:
    data = offices.docx("Quicksilver flows downhill.", title="Alchemy", author="An Author")
    file_id = upload(client, data, name="a.docx", content_type=offices.DOCX)
    deliver(file_id)
    stage.settle()
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["document"]["title"]) == ("ready", "document", "Alchemy")
    assert record["preview"]["width"] == 1280
    assert {"w1280", "text"} <= {rendition["name"] for rendition in record["renditions"]}
    for word in ("quicksilver", "alchemy"):
        assert [found["file"]["id"] for found in client("GET", f"/v1/search?q={word}").json["items"]] == [file_id]


def test_a_document_that_is_encrypted_keeps_its_declared_type(client: Client) -> None:
    file_id = upload(client, ENCRYPTED["docx"][0], name="a.docx", content_type=offices.DOCX)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["content_type"]) == ("ready", offices.DOCX)
    assert (record["document"]["format"], record["document"]["encrypted"]) == ("docx", True)


@pytest.mark.parametrize(
    ("declared", "name", "kind", "content_type"),
    [
        ("application/octet-stream", "a.xlsx", "spreadsheet", offices.XLSX),
        ("application/octet-stream", "A.XLSX", "spreadsheet", offices.XLSX),
        (
            "application/octet-stream",
            "deck.pptm",
            "presentation",
            "application/vnd.ms-powerpoint.presentation.macroenabled.12",
        ),
        ("application/octet-stream", "letter.doc", "document", offices.DOC),
        ("application/octet-stream", "letter.odt", "other", "application/encrypted"),
        ("application/octet-stream", "letter", "other", "application/encrypted"),
        ("application/x-ole-storage", "docx", "document", offices.DOCX),
        ("application/encrypted", "x", "other", "application/encrypted"),
    ],
)
def test_of_an_encrypted_file_its_name_tells_the_kind_where_its_type_does_not(
    client: Client, declared: str, name: str, kind: str, content_type: str
) -> None:
    data = ENCRYPTED["docx"][0]
    file_id = upload(client, data, name=name, content_type=declared)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["content_type"]) == ("ready", kind, content_type)
    if kind == "other":
        assert [warning["code"] for warning in record["warnings"]] == ["encrypted"]
    else:
        assert record[kind]["encrypted"]
        assert "warnings" not in record


def test_nobody_is_believed_that_a_file_is_encrypted(client: Client) -> None:
    for data in (bytes(range(256)), offices.ole({"Data": bytes(5000)})):
        file_id = upload(client, data, name="a", content_type="application/encrypted")
        deliver(file_id)
        record = client("GET", f"/v1/files/{file_id}").json
        assert (record["status"], record["kind"]) == ("ready", "other")
        assert "warnings" not in record
