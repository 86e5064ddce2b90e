from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from chalicelib.delivery.access import Access
from chalicelib.delivery.markup import markup
from chalicelib.delivery.preview import CLEAR
from chalicelib.facts import EmailInfo, FontInfo, PdfInfo, TextInfo
from chalicelib.model import EXTENSIONS, File, ImageInfo, Preview, Rendition, Visibility
from tests.making import ready_file

ACCESS = Access("https://d111.cloudfront.net/f/private/f/v/", "Policy=a&Signature=b")


def photo(*, widths: tuple[int, ...] = (160, 320, 1280, 1920), recipe: str = "photo", **image: Any) -> File:
    values = {"width": 2000, "height": 1500, "format": "jpeg", "has_alpha": False, **image}
    renditions = [
        Rendition(name=f"w{w}", format=f, content_type=f"image/{f}", width=w, height=w * 3 // 4, size=9)
        for w in reversed(widths)  # in whatever order
        for f in ("jpeg", "webp")
    ]
    return ready_file(Visibility.PRIVATE).model_copy(
        update={
            "image": ImageInfo(thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI", dominant_color="#a1b2c3", **values),
            "renditions": renditions,
            "recipe": recipe,
        }
    )


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def names(srcset: str) -> list[str]:
    assert all(f"{ACCESS.base_url}w" in each for each in srcset.split(", "))
    return [each.removeprefix(ACCESS.base_url).replace("?Policy=a&Signature=b", "") for each in srcset.split(", ")]


def test_a_srcset_has_every_width_ascending_and_avif_before_it_was_made() -> None:
    made = markup(photo(), ACCESS)
    assert list(made.srcset) == ["avif", "webp", "jpeg"]
    for format, srcset in made.srcset.items():
        assert names(srcset) == [f"w{w}.{EXTENSIONS[format]} {w}w" for w in (160, 320, 1280, 1920)]
    assert made.sizes == "(max-width: 1920px) 100vw, 1920px"


def test_alt_is_the_caption_or_else_the_title_and_never_the_file_name() -> None:
    words: list[tuple[dict[str, Any], str]] = [({"caption": "A", "title": "B"}, "A"), ({"title": "B"}, "B"), ({}, "")]
    for said, alt in words:
        assert Tags(markup(photo(**said), ACCESS).picture).tags[-1][1]["alt"] == alt


def test_there_is_no_avif_srcset_where_another_format_stands_in_for_it() -> None:
    assert list(markup(photo(frames=3), ACCESS).srcset) == ["webp", "jpeg"]
    huge = photo(widths=(1920,), width=1920, height=16000)
    assert list(markup(huge, ACCESS).srcset) == ["webp", "jpeg"]


def test_a_picture_has_the_best_format_first_and_jpeg_for_all() -> None:
    made = markup(photo(caption='Me & "you" <3'), ACCESS)
    picture, *sources, image = Tags(made.picture).tags
    assert picture[0] == "picture"
    assert [(tag, each["type"]) for tag, each in sources] == [("source", "image/avif"), ("source", "image/webp")]
    assert [each["srcset"] for _, each in sources] == [made.srcset["avif"], made.srcset["webp"]]
    tag, attributes = image
    assert tag == "img"
    assert attributes["src"] == f"{ACCESS.base_url}w1280.jpg?Policy=a&Signature=b"
    assert attributes["srcset"] == made.srcset["jpeg"]
    assert (attributes["width"], attributes["height"]) == ("1920", "1440")
    assert attributes["alt"] == 'Me & "you" <3'
    assert made.placeholder in str(attributes["style"])
    assert made.placeholder.startswith("data:image/png;base64,")


def test_a_file_without_an_image_has_markup_of_the_renditions_that_there_are() -> None:
    made = markup(photo().model_copy(update={"image": None}), ACCESS)
    assert list(made.srcset) == ["webp", "jpeg"]
    assert made.placeholder == CLEAR
    attributes = Tags(made.picture).tags[-1][1]
    assert (attributes["alt"], attributes["width"]) == (photo().filename, "1920")
    assert "style" not in attributes


def test_a_file_without_pictures_among_its_renditions_has_no_picture() -> None:
    text = Rendition(name="text", format="txt", content_type="text/plain", width=1, height=1, size=9)
    made = markup(photo().model_copy(update={"renditions": [text]}), ACCESS)
    assert (made.srcset, made.sizes, made.picture) == ({}, "", "")
    both = markup(photo().model_copy(update={"renditions": [text, *photo().renditions]}), ACCESS)
    assert both == markup(photo(), ACCESS)


def of_one_jpeg(file: File) -> File:
    """The file as its processing leaves it today: with one JPEG."""
    kept = [each for each in file.renditions if each.format == "webp" or each.name == "w1280"]
    return file.model_copy(update={"renditions": kept})


def test_a_photo_with_one_stored_jpeg_has_the_markup_of_one_with_all() -> None:
    assert markup(of_one_jpeg(photo()), ACCESS) == markup(photo(), ACCESS)


def test_where_no_jpeg_can_be_made_the_stored_one_is_the_plain_picture() -> None:
    made = markup(of_one_jpeg(photo(recipe="removed", widths=(160, 320, 640, 1280))), ACCESS)
    assert names(made.srcset["jpeg"]) == ["w1280.jpg 1280w"]
    assert Tags(made.picture).tags[-1][1]["src"] == f"{ACCESS.base_url}w1280.jpg?Policy=a&Signature=b"


def test_a_file_of_a_recipe_that_is_no_more_has_no_formats_on_demand() -> None:
    assert list(markup(photo(recipe="removed"), ACCESS).srcset) == ["webp", "jpeg"]


def test_a_placeholder_stays_behind_opaque_pictures_only() -> None:
    for has_alpha in (True, None):
        assert "style" not in markup(photo(has_alpha=has_alpha), ACCESS).picture


def test_a_picture_wider_than_a_plain_browser_wants_has_its_narrowest() -> None:
    wide = markup(photo(widths=(1600, 1920)), ACCESS)
    assert Tags(wide.picture).tags[-1][1]["src"] == f"{ACCESS.base_url}w1600.jpg?Policy=a&Signature=b"


def test_the_picture_of_a_document_is_told_by_its_title_or_by_its_filename() -> None:
    preview = Preview(width=2000, height=1500, thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI", dominant_color="#ffffff")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"pdf": PdfInfo(title='Report "1"')}, 'Report "1"'),
        ({"pdf": PdfInfo()}, "cat.png"),
        ({"email": EmailInfo(subject="Hello")}, "Hello"),
        ({"font": FontInfo(format="ttf", family="DejaVu")}, "DejaVu"),
        ({"text": TextInfo(format="plain", encoding="utf-8")}, "cat.png"),
    ]
    for facts, expected in cases:
        update = {"image": None, "preview": preview, "filename": "cat.png", **facts}
        tags = Tags(markup(photo().model_copy(update=update), ACCESS).picture).tags
        assert dict(tags)["img"]["alt"] == expected
