"""Decks: facts, text by slides, titles, and a card of the first slide."""

from __future__ import annotations

import io

import pytest

from chalicelib.facts import PresentationInfo
from chalicelib.model import PermanentFault, Rendition
from chalicelib.processing import presentation
from chalicelib.processing.image import cards
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.processing.office import openxml
from chalicelib.renditions.recipes import RECIPES
from tests import offices

Emitted = dict[str, tuple[Rendition, bytes]]


def processed(data: bytes, content_type: str = offices.PPTX, **more: object) -> tuple[Made, Emitted]:
    emitted: Emitted = {}
    order = Order(RECIPES["document"], 1769 * 1024**2, **more)  # type: ignore[arg-type]
    source = Source(content_type, len(data), io.BytesIO(data))
    made = presentation.process(
        source, order, lambda rendition, body: emitted.update({rendition.basename: (rendition, body)})
    )
    return made, emitted


def info_of(made: Made) -> PresentationInfo:
    assert isinstance(made.info, PresentationInfo)
    return made.info


def test_a_deck_is_read_in_the_order_of_its_slides() -> None:
    slides = (("The start", ["one", "two"]), ("The middle", ["three"]), ("", ["the end"]))
    made, emitted = processed(offices.pptx(*slides, title="A deck", author="An Author", created="2026-11-22"))
    info = info_of(made)
    assert (info.format, info.slides, info.title, info.author, info.words) == ("pptx", 3, "A deck", "An Author", 18)
    assert info.created_at == "2026-11-22T00:00:00.000Z"
    assert [slide.split("\n") for slide in made.text.split("\f")] == [
        ["The start", "one", "two", "Say this 3.", ""],
        ["The middle", "three", "Say this 2.", ""],
        ["the end", "Say this 1."],
    ]
    assert made.headings == ("A deck", "An Author", "The start", "The middle")
    assert made.preview
    assert (made.preview.width, made.preview.height) == (1280, 720), "the template's thumbnail is not taken"
    assert {"w320.webp", "w1280.jpg"} <= emitted.keys()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str]]:
    """The words on the card of a slide: title and lines."""
    found: list[tuple[str | None, str]] = []
    monkeypatch.setattr(cards, "slide", lambda *words: found.append(words))
    return found


def test_the_card_shows_the_slide_without_its_notes_and_with_its_own_title(
    drawn: list[tuple[str | None, str]],
) -> None:
    processed(offices.pptx(("", ["one"]), ("The middle", ["two"]), title="A deck"))
    processed(offices.pptx(("The start", ["one"]), ("The middle", ["two"]), title="A deck"))
    processed(offices.pptx(("", []), ("The middle", ["two"]), title="A deck"))
    page = "<draw:page><text:p>{}</text:p><presentation:notes><text:p>Say.</text:p></presentation:notes></draw:page>"
    for first in ("one", ""):
        body = f"<office:presentation>{page.format(first)}{page.format('two')}</office:presentation>"
        processed(offices.odf(offices.ODP, body), offices.ODP)
    assert drawn == [
        ("A deck", "one"),
        ("The start", "The start\none"),
        ("The middle", "The middle\ntwo"),
        (None, "one"),
        (None, "two"),
    ]


def test_numbers_and_dates_that_a_program_fills_in_are_no_words() -> None:
    parts = offices.pptx_parts([("The start", ["one"])])
    field = '<a:fld type="{}"><a:t>{}</a:t></a:fld>'
    fields = field.format("slidenum", "17") + field.format("datetimeFigureOut", "1/2/2003") + field.format("x", "kept")
    slide = str(parts["ppt/slides/slide1.xml"]).replace("</a:p>", f"{fields}</a:p>", 1)
    made, _ = processed(offices.archive(parts | {"ppt/slides/slide1.xml": slide}))
    assert made.text.split("\n")[:2] == ["The startkept", "one"]


def test_a_deck_of_opendocument_is_read() -> None:
    body = (
        '<office:presentation><draw:page><draw:frame presentation:class="title"><draw:text-box>'
        "<text:p>The start</text:p></draw:text-box></draw:frame>"
        "<draw:frame><draw:text-box><text:p>words</text:p></draw:text-box></draw:frame>"
        "<presentation:notes><text:p>Say this.</text:p></presentation:notes></draw:page>"
        "<draw:page><draw:frame><text:p>the end</text:p></draw:frame></draw:page></office:presentation>"
    )
    made, _ = processed(offices.odf(offices.ODP, body), offices.ODP)
    assert (info_of(made).slides, info_of(made).words) == (2, 7)
    assert made.text == "The start\nwords\nSay this.\n\fthe end"
    assert made.headings == ("The start",)


def test_a_slide_that_is_damaged_does_not_take_the_others() -> None:
    parts = offices.pptx_parts([("One", []), ("Two", [])])
    made, _ = processed(offices.archive(parts | {"ppt/slides/slide2.xml": "<broken"}))
    assert (info_of(made).slides, made.text.split()) == (2, ["Two", "Say", "this", "1."])
    assert [warning.code for warning in made.warnings] == ["text_cut"]


def test_slides_above_the_bound_are_counted_and_not_read() -> None:
    made, _ = processed(offices.pptx(*((f"Slide {n}", []) for n in range(openxml.MAX_SLIDES + 5))))
    assert info_of(made).slides == openxml.MAX_SLIDES + 5
    assert made.text.count("\f") == openxml.MAX_SLIDES - 1
    assert [warning.code for warning in made.warnings] == ["text_cut"]


def test_of_an_old_deck_the_properties_are_read() -> None:
    streams = {
        "PowerPoint Document": bytes(100),
        "\5SummaryInformation": offices.properties({2: "A deck"}),
        "\5DocumentSummaryInformation": offices.properties({7: 12}),
    }
    made, _ = processed(offices.ole(streams), offices.PPT)
    assert (info_of(made).format, info_of(made).title, info_of(made).slides) == ("ppt", "A deck", 12)
    assert [warning.code for warning in made.warnings] == ["text_not_read"]


def test_an_encrypted_old_deck_is_a_fact() -> None:
    user = bytes(12) + bytes.fromhex("dfc4d1f3") + bytes(40)
    made, _ = processed(offices.ole({"PowerPoint Document": bytes(100), "Current User": user}), offices.PPT)
    assert info_of(made).encrypted
    assert (made.preview, made.warnings) == (None, ())


def test_a_deck_without_its_main_part_is_corrupt() -> None:
    parts = offices.pptx_parts([("One", [])])
    del parts["ppt/presentation.xml"]
    with pytest.raises(PermanentFault) as fault:
        processed(offices.archive(parts))
    assert fault.value.code == "corrupt"


def test_the_same_deck_gives_the_same_bytes() -> None:
    data = offices.pptx(("One", ["two"]))
    assert processed(data) == processed(data)
    assert {*processed(data, only="w640")[1]} == {"w640.webp", "w640.jpg"}
