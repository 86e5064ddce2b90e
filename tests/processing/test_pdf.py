"""PDF: facts, text and pictures of sound files, and hostile files that harm nobody."""

from __future__ import annotations

import io
import json
import random
import time
from collections.abc import Callable

import pytest
from PIL import Image

from chalicelib.facts import PdfInfo
from chalicelib.model import PermanentFault, Rendition
from chalicelib.processing import child, pdf
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.renditions.recipes import RECIPES
from tests import pdfs

MEMORY = 1769 * 1024**2
DOCUMENT = RECIPES["document"]

Emitted = dict[str, tuple[Rendition, bytes]]


def processed(data: bytes, **more: object) -> tuple[Made, Emitted]:
    emitted: Emitted = {}
    source = Source("application/pdf", len(data), io.BytesIO(data), "a.pdf")
    order = Order(DOCUMENT, MEMORY, **more)  # type: ignore[arg-type]
    made = pdf.process(source, order, lambda rendition, body: emitted.update({rendition.basename: (rendition, body)}))
    return made, emitted


def info_of(made: Made) -> PdfInfo:
    assert isinstance(made.info, PdfInfo)
    return made.info


def test_a_document_is_described_and_its_pages_are_read() -> None:
    info = "/Title (The Title) /Author (An Author) /CreationDate (D:20261122130000+01'00')"
    made, emitted = processed(pdfs.pages(["first page", "second page", ""], info=info))
    facts = info_of(made)
    assert (facts.pages, facts.title, facts.author) == (3, "The Title", "An Author")
    assert facts.created_at == "2026-11-22T12:00:00.000Z"
    assert facts.sizes == [[595, 842]] * 3
    assert (facts.encrypted, facts.forms, facts.signatures, facts.attachments) == (False, False, 0, 0)
    assert made.text.split("\f") == ["first page", "second page"]
    assert made.headings == ("The Title", "An Author")
    assert json.loads(emitted["text.json"][1]) == {
        "pages": [{"page": 1, "text": "first page"}, {"page": 2, "text": "second page"}]
    }
    assert made.warnings == ()


def test_the_first_page_is_a_picture_in_the_widths_of_the_recipe() -> None:
    made, emitted = processed(pdfs.pages(["words"]))
    assert made.preview
    assert (made.preview.width, made.preview.height) == (1682, 2380)
    assert {"w320.webp", "w640.webp", "w1280.webp", "w1280.jpg"} <= emitted.keys()
    with Image.open(io.BytesIO(emitted["w640.webp"][1])) as image:
        assert image.size == (640, 906)
        shades = image.convert("L").tobytes()
    assert min(shades) < 100
    assert max(shades) > 250, "black words on a white page"


def test_another_page_is_drawn_when_it_is_asked_for() -> None:
    data = pdfs.pages(["", "a page with words"])
    _, first = processed(data, only="w640")
    made, second = processed(data, only="w640", page=2)
    assert {*first} == {*second} == {"w640.webp", "w640.jpg"}
    assert first["w640.webp"][1] != second["w640.webp"][1]
    assert made.text == ""
    _, none = processed(data, only="w640", page=3)
    assert none == {}


def test_the_same_file_gives_the_same_bytes() -> None:
    data = pdfs.pages(["again"])
    assert processed(data)[1] == processed(data)[1]


def test_an_encrypted_document_is_a_fact_and_no_fault() -> None:
    made, emitted = processed(pdfs.encrypted())
    assert info_of(made).encrypted
    assert (made.preview, emitted, made.warnings) == (None, {}, ())


def test_scripts_are_counted_and_never_run() -> None:
    names = "<< /JavaScript << /Names [(a) << /S /JavaScript /JS (app.alert\\(1\\)) >>] >> >>"
    made, _ = processed(pdfs.pages(["x"], Names=names, OpenAction="<< /S /Launch /F (/bin/sh) >>"))
    assert info_of(made).scripts == 1


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(5000), pdfs.pages(["x"])[:300]], ids=["empty", "zeros", "cut"]
)
def test_a_damaged_document_is_corrupt(data: bytes) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(data)
    assert fault.value.code == "corrupt"


@pytest.mark.parametrize(
    ("data", "width", "height"),
    [
        (pdfs.pages(["x"], size=(14400, 14400)), 2000, 2000),
        (pdfs.pages(["x"], size=(3, 3)), 2560, 2560),
        (pdfs.pages(["x"], size=(5000, 10)), 2560, 5),
    ],
    ids=["huge", "tiny", "thin"],
)
def test_a_page_of_any_size_is_drawn_within_the_bounds(data: bytes, width: int, height: int) -> None:
    made, _ = processed(data)
    assert made.preview
    assert abs(made.preview.width - width) <= 560, made.preview
    assert made.preview.width * made.preview.height <= 4_100_000


def test_a_hundred_thousand_pages_cost_no_more_than_five_hundred() -> None:
    began = time.process_time()
    made, _ = processed(pdfs.many_pages())
    assert info_of(made).pages == 100_000
    assert time.process_time() - began < 5
    assert [warning.code for warning in made.warnings] == ["text_cut"]


def test_a_document_in_object_streams_is_read() -> None:
    made, _ = processed(pdfs.object_streams())
    assert (info_of(made).pages, made.text, made.warnings) == (1, "words", ())


def test_a_stream_of_objects_that_extends_itself_is_read_once() -> None:
    made, _ = processed(pdfs.object_streams(extends="4 0 R"))
    assert (info_of(made).pages, made.text) == (1, "words")


@pytest.mark.parametrize("loop", [pdfs.loop_of_object_streams, pdfs.ring_of_object_streams])
def test_a_loop_of_object_streams_is_corrupt(loop: Callable[[], bytes]) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(loop())
    assert fault.value.code == "corrupt"


@pytest.mark.parametrize(
    "bomb", [pdfs.form_bomb, pdfs.form_of_itself, pdfs.loop_of_pages], ids=["forms", "itself", "loop"]
)
def test_a_bomb_ends_with_a_warning_or_as_corrupt(bomb: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "LIMITS", child.Limits(memory=512 * 1024**2, seconds=2))
    try:
        made, _ = processed(bomb())  # type: ignore[operator]
    except PermanentFault as fault:
        assert fault.code == "corrupt"
    else:
        assert made.warnings


def test_a_stream_that_unpacks_to_gigabytes_takes_only_the_childs_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "LIMITS", child.Limits(memory=256 * 1024**2, seconds=2))
    made, emitted = processed(pdfs.stream_bomb(200 * 1024**2))
    assert made.warnings
    assert "text.json" not in emitted


def test_a_very_large_document_is_stored_and_not_read() -> None:
    source = Source("application/pdf", pdf.MAX_BYTES + 1, io.BytesIO(), "a.pdf")
    made = pdf.process(source, Order(DOCUMENT, MEMORY), lambda *_: None)
    assert info_of(made).pages is None
    assert [warning.code for warning in made.warnings] == ["too_large_to_read"]


@pytest.mark.parametrize("seed", range(15))
def test_damage_anywhere_never_does_more_than_fail(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(pdfs.pages(["some words", "more words"], info="/Title (A title)"))
    for _ in range(chance.choice((1, 3, 30))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        made, _ = processed(bytes(data))
    except PermanentFault as fault:
        assert fault.code == "corrupt"
    else:
        assert len(info_of(made).model_dump_json()) < 16 * 1024


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D:20261122130000+01'00'", "2026-11-22T12:00:00.000Z"),
        ("D:20261122130000Z", "2026-11-22T13:00:00.000Z"),
        ("D:2026", "2026-01-01T00:00:00.000Z"),
        ("20261122130000-05'30", "2026-11-22T18:30:00.000Z"),
        ("yesterday", None),
        ("D:99999999999999", None),
        ("D:20261122130000+99'99'", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_of_many_writers(text: str | None, expected: str | None) -> None:
    assert pdf._date(text) == expected
