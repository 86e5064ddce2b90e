"""The words of a picture: where each format has them, which of them count, and that nothing hostile gets through."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL.ExifTags import Base

from chalicelib.model import ImageInfo
from chalicelib.processing.image import metadata
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.image.exif import line
from tests import images, pngs
from tests import words_of_pictures as words
from tests.fuzzing import mutated
from tests.processing.image.checks import MEMORY, PHOTO, opened, process

XMP = {
    "dc:title": {"x-default": "Title X"},
    "dc:creator": ["Ann X", "Bo X"],
    "dc:rights": {"x-default": "© X"},
    "dc:description": {"de": "Beschreibung", "x-default": "Caption X"},
    "dc:subject": ["sea x", "sand x"],
    "photoshop:DateCreated": "2001-01-01T01:01:01Z",
}
PACKET = words.xmp(XMP)
IIM = words.iim(
    [
        *((5, b"Title I"), (80, b"Ann I"), (80, b"Bo I"), (116, b"(c) I"), (120, b"Caption I")),
        *((25, b"sea i"), (25, b"sand i"), (55, b"20020202"), (60, b"020202+0000")),
    ]
)
EXIF: dict[int, Any] = {Base.Artist: "Ann E; Bo E", Base.Copyright: "(c) E", Base.ImageDescription: "Caption E"}
EXIF_DATE: dict[int, Any] = {Base.DateTimeOriginal: "2003:03:03 03:03:03"}


def said(data: bytes) -> dict[str, Any]:
    """The record's words and date, as JSON has them, without those that are missing."""
    info = process(data)[0].model_dump(mode="json")
    found = {name: info.get(name) for name in ("title", "artist", "copyright", "caption", "keywords")}
    return {name: value for name, value in (found | {"taken_at": info["exif"].get("taken_at")}).items() if value}


def of(source: str, **changes: Any) -> dict[str, Any]:
    return {
        "title": f"Title {source}",
        "artist": f"Ann {source}; Bo {source}",
        "copyright": f"{'©' if source == 'X' else '(c)'} {source}",
        "caption": f"Caption {source}",
        "keywords": [f"sea {source.lower()}", f"sand {source.lower()}"],
        "taken_at": "2001-01-01T01:01:01+00:00" if source == "X" else "2002-02-02T02:02:02+00:00",
    } | changes


X, I = of("X"), of("I")  # noqa: E741
FROM_EXIF = {"artist": "Ann E; Bo E", "copyright": "(c) E", "caption": "Caption E", "taken_at": "2003-03-03T03:03:03"}


# Where words are


@pytest.mark.parametrize(
    "data",
    [
        words.jpeg(xmp=PACKET),
        words.png(words.text_chunk("XML:com.adobe.xmp", PACKET, "iTXt")),
        words.png(words.text_chunk("XML:com.adobe.xmp", PACKET, "packed iTXt")),
        words.png(words.text_chunk("XML:com.adobe.xmp", PACKET, "tEXt")),
        words.png(words.text_chunk("XML:com.adobe.xmp", PACKET, "zTXt")),
        words.png(behind=words.text_chunk("XML:com.adobe.xmp", PACKET, "iTXt")),
        words.png(words.raw_profile("xmp", PACKET)),
        words.png(words.raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + PACKET)),
        words.tiff(xmp=PACKET),
        words.tiff(xmp=PACKET, order=">"),
        words.tiff(xmp=PACKET, deep=True),
        words.webp(PACKET),
        words.avif(PACKET),
        words.gif(PACKET),
        words.jp2(xmp=PACKET),
    ],
)
def test_xmp_is_read_in_every_format(data: bytes) -> None:
    assert said(data) == X


@pytest.mark.parametrize(
    "data",
    [
        words.jpeg(photoshop=words.resources(IIM)),
        words.tiff(iptc=IIM),
        words.tiff(iptc=IIM, order=">"),
        words.tiff(iptc=IIM, deep=True),
        words.tiff(photoshop=words.resources(IIM)),
        words.png(words.raw_profile("iptc", IIM)),
        words.png(words.raw_profile("iptc", words.resources(IIM))),
        words.png(words.raw_profile("8bim", words.resources(IIM))),
        words.jp2(iptc=IIM),
    ],
)
def test_iptc_is_read_in_every_format(data: bytes) -> None:
    assert said(data) == I


@pytest.mark.parametrize(
    "data",
    [
        words.jpeg(exif=EXIF, more_exif=EXIF_DATE),
        words.png(words.raw_profile("exif", images.exif_block(EXIF, more=EXIF_DATE))),
        words.png(pngs.chunk(b"eXIf", images.exif_block(EXIF, more=EXIF_DATE)[6:])),
        words.jp2(exif=images.exif_block(EXIF, more=EXIF_DATE)[6:]),
        images.encoded(images.picture(16, 16), "WEBP", exif=images.exif_block(EXIF, more=EXIF_DATE)),
    ],
)
def test_exif_is_read_in_every_format(data: bytes) -> None:
    assert said(data) == FROM_EXIF


@pytest.mark.parametrize("sort", ["tEXt", "zTXt", "iTXt", "packed iTXt"])
def test_the_texts_of_a_png_are_read(sort: str) -> None:
    texts = {
        "Title": "A door",
        "Author": "José Müller",
        "Description": "Where is it?",
        "copyright": "© Ann",
        "Creation Time": "Sat, 30 May 2020 15:56:01 GMT",
        "Comment": "Created with a program",
    }
    data = words.png(*(words.text_chunk(name, text, sort) for name, text in texts.items()))
    assert said(data) == {
        "title": "A door",
        "artist": "José Müller",
        "caption": "Where is it?",
        "copyright": "© Ann",
        "taken_at": "2020-05-30T15:56:01+00:00",
    }


def test_a_jpegs_packet_may_go_on_in_other_segments() -> None:
    name = b"0123456789ABCDEF0123456789ABCDEF"
    first = words.xmp({"xmpNote:HasExtendedXMP": name.decode(), "dc:rights": {"x-default": "© X"}})
    second = words.xmp({"dc:description": {"x-default": "long " * 150}, "dc:rights": {"x-default": "later"}})
    pieces = words.extension(second, name)
    assert len(pieces) > 2
    assert said(words.jpeg(xmp=first, extension=pieces)) == {"copyright": "© X", "caption": ("long " * 150).strip()}
    strange = words.extension(second, name[::-1])
    lying = [name + struct.pack(">2I", 10, 0) + second]
    for wrong in (
        strange,
        lying,
        [piece[:34] for piece in pieces],
        [name + b"\xff" * 8 + b"x"],
        [name + b"\0\0\0\1\0\0\0\xffxx"],
    ):
        assert said(words.jpeg(xmp=first, extension=wrong)) == {"copyright": "© X"}


# Which of them count


@pytest.mark.parametrize("format", [words.jpeg, words.tiff])
def test_xmp_counts_before_iptc_unless_a_checksum_shows_that_iptc_is_newer(format: Callable[..., bytes]) -> None:
    assert said(format(xmp=PACKET, photoshop=words.resources(IIM))) == X
    assert said(format(xmp=PACKET, photoshop=words.resources(IIM, digest_of=IIM))) == X
    assert said(format(xmp=PACKET, photoshop=words.resources(IIM, digest_of=b"as it was"))) == I


def test_exif_counts_before_both() -> None:
    for block in (words.resources(IIM), words.resources(IIM, digest_of=b"as it was")):
        data = words.jpeg(exif=EXIF, more_exif=EXIF_DATE, xmp=PACKET, photoshop=block)
        others = I if b"8BIM\4\x25" in block else X
        assert said(data) == {**others, **FROM_EXIF}


@pytest.mark.parametrize("blank", [b"   ", b"\0\0\0", b"??? ??", "Иван".encode("cp1251"), b"\xff\xfe"])
def test_a_blank_or_lost_text_lets_the_next_one_count(blank: bytes) -> None:
    empty: dict[int, Any] = dict.fromkeys(EXIF, blank)
    date: dict[int, Any] = {Base.DateTimeOriginal: "    :  :     :  :  "}
    assert said(words.jpeg(exif=empty, more_exif=date, xmp=PACKET)) == X
    assert (
        said(words.jpeg(exif=empty, xmp=words.xmp({name: [" "] for name in XMP}), photoshop=words.resources(IIM))) == I
    )


def test_each_word_is_looked_for_by_itself() -> None:
    packet = words.xmp({"dc:subject": ["sea x"], "dc:title": ["Title X"]})
    block = words.resources(words.iim([(80, b"Ann I"), (25, b"sea i")]))
    found = said(words.jpeg(exif={Base.Copyright: "(c) E"}, xmp=packet, photoshop=block))
    assert found == {"title": "Title X", "artist": "Ann I", "copyright": "(c) E", "keywords": ["sea x"]}


def test_xmps_own_copies_of_exif_come_behind_its_others() -> None:
    copies = {"tiff:Artist": "Bo", "tiff:Copyright": "(c) Bo", "tiff:ImageDescription": {"x-default": "Door"}}
    expected = {"artist": "Bo", "copyright": "(c) Bo", "caption": "Door"}
    assert said(words.jpeg(xmp=words.xmp(copies))) == expected
    assert said(words.jpeg(xmp=words.xmp(copies | XMP))) == X


def test_iptcs_text_that_had_no_room_is_restored_from_xmp() -> None:
    name, long = "A" * 30 + "üb", "sea " * 20
    packet = words.xmp({"dc:creator": [name + "er Alles"], "dc:subject": ["dune", long.strip()]})
    cut = (name.encode()[:32]).decode("utf-8", "ignore").encode()
    fields = [(80, cut), (25, b"beach"), (25, long.encode()[:64])]
    block = words.resources(words.iim(fields, b"\x1b%G"), digest_of=b"as it was")
    found = said(words.jpeg(xmp=packet, photoshop=block))
    assert found == {"artist": name + "er Alles", "keywords": ["beach", long.strip()]}


def test_png_and_windows_come_last() -> None:
    texts = [words.text_chunk(name, "PNG") for name in ("Title", "Author", "Copyright", "Description")]
    assert said(words.png(*texts, words.text_chunk("XML:com.adobe.xmp", PACKET, "iTXt"))) == X
    windows: dict[int, Any] = {
        tag: "Windows".encode("utf-16-le") for tag in (Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords)
    }
    assert said(words.jpeg(exif=windows, xmp=PACKET)) == X
    assert said(words.jpeg(exif=windows)) == {
        **dict.fromkeys(("title", "artist", "caption"), "Windows"),
        "keywords": ["Windows"],
    }


@pytest.mark.parametrize(
    ("exif", "xmp", "iptc", "expected"),
    [
        ({Base.DateTimeDigitized: "2004:04:04 04:04:04"}, {}, [], "2004-04-04T04:04:04"),
        ({Base.DateTimeDigitized: "2004:04:04 04:04:04"}, {"photoshop:DateCreated": "1920"}, [], "1920"),
        ({Base.DateTimeDigitized: "2004:04:04 04:04:04"}, {}, [(55, b"19200000")], "1920"),
        ({Base.DateTimeDigitized: "2004:04:04 04:04:04"}, {"xmp:CreateDate": "2010-01-01"}, [], "2004-04-04T04:04:04"),
        ({}, {"xmp:CreateDate": "2010-01-01"}, [], "2010-01-01"),
        ({}, {"exif:DateTimeOriginal": "2010-01-01T10:10:10.5+01:00"}, [], "2010-01-01T10:10:10.5+01:00"),
        ({}, {"photoshop:DateCreated": "nonsense", "exif:DateTimeOriginal": "2010-01-01"}, [], "2010-01-01"),
        ({}, {"exif:DateTimeDigitized": "2010-01-01"}, [], "2010-01-01"),
        ({}, {}, [(62, b"20100101"), (63, b"101010+0100")], "2010-01-01T10:10:10+01:00"),
        ({}, {"xmp:CreateDate": "2011"}, [(55, b"20100101")], "2010-01-01"),
        ({}, {"xmp:ModifyDate": "2011"}, [], None),
        ({Base.DateTime: "2004:04:04 04:04:04"}, {}, [], None),
        (
            {
                Base.DateTimeOriginal: "2004:04:04 04:04:04",
                Base.SubsecTimeOriginal: "07",
                Base.OffsetTimeOriginal: "-03:30",
            },
            {"photoshop:DateCreated": "1920"},
            [],
            "2004-04-04T04:04:04.07-03:30",
        ),
    ],
)
def test_the_date_is_when_it_was_taken_or_else_digitized(
    exif: dict[int, Any], xmp: dict[str, Any], iptc: list[tuple[int, bytes]], expected: str | None
) -> None:
    block = words.resources(words.iim(iptc)) if iptc else b""
    data = words.jpeg(more_exif=exif or None, xmp=words.xmp(xmp) if xmp else b"", photoshop=block)
    assert said(data).get("taken_at") == expected


# How they are written


@pytest.mark.parametrize(
    ("artist", "expected"),
    [
        ("Ann", "Ann"),
        ("Ann; Bo", "Ann; Bo"),
        ("Ann;Bo;;", "Ann; Bo"),
        ('"Ann; Bo"; "The ""C"""', 'Ann; Bo; The "C"'),
        (";", None),
        ('"Ann', '"Ann'),
        ('"' * 900, '"' * 900),
    ],
)
def test_exifs_one_artist_may_be_several(artist: str, expected: str | None) -> None:
    assert said(words.jpeg(exif={Base.Artist: artist})).get("artist") == expected


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (b"Ann\0Editor\0", "Ann"),
        (b" \0Editor\0", "Editor"),
        ("© Ann".encode(), "© Ann"),
        ("© Müller".encode("latin-1"), "© Müller"),
        ("© Ann".encode().decode("latin-1").encode(), "© Ann"),  # UTF-8 twice
        ("山田太郎".encode("cp932"), "山田太郎"),
        ("Ann".encode("utf-16"), "Ann"),
        (b"A\0n\0n\0a\0", "Anna"),
        (b"\0A\0n\0n\0a", "Anna"),
        ("Иван".encode("cp1251"), None),
    ],
)
def test_a_notice_of_exif_is_read_in_the_encoding_it_has(notice: bytes, expected: str | None) -> None:
    info, out = process(words.jpeg(exif={Base.Copyright: notice}))
    assert info.copyright == expected
    for _, encoded in out.values():  # the same words are in the renditions
        kept = opened(encoded).getexif().get(Base.Copyright)
        assert (kept and str(kept).encode("latin-1").decode()) == expected


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"ASCII\0\0\0At the sea\0\0\0", "At the sea"),
        (b"ASCII\0\0\0" + "Zürich am See".encode("latin-1"), "Zürich am See"),
        (b"UNICODE\0" + "At the sea".encode("utf-16-le"), "At the sea"),
        (b"UNICODE\0" + "At the sea".encode("utf-16-be"), "At the sea"),
        (b"UNICODE\0" + "海で遊ぶ 子供たち".encode("utf-16-be"), "海で遊ぶ 子供たち"),
        (b"UNICODE\0" + "Иди к Люли".encode("utf-16"), "Иди к Люли"),
        (b"UNICODE\0At the sea, by a careless program", "At the sea, by a careless program"),
        (b"JIS\0\0\0\0\0" + "海で".encode("iso2022_jp"), "海で"),
        (b"JIS\0\0\0\0\0" + "海で".encode("cp932"), "海で"),
        (bytes(8) + "Am Meer \u2013 früh".encode(), "Am Meer \u2013 früh"),
        (b"At the sea", "At the sea"),
        (b"ASCII\0\0\0" + b" " * 40, None),
        (b"ASCII\0\0\0GCM_TAG\0", None),
        (b"ASCII\0\0\0filter: 0; intensity: 0.5; mask: 0; module: a;", None),
        (bytes(64), None),
        (bytes(8) + bytes(range(128, 256)), None),
        (b"\xff\x01\0\x07\x88\0\0\0binary data", None),
    ],
)
def test_exifs_comment_is_a_caption_if_a_person_wrote_it(comment: bytes, expected: str | None) -> None:
    assert said(words.jpeg(more_exif={Base.UserComment: comment})).get("caption") == expected


def test_windows_writes_utf_16() -> None:
    tags = {Base.XPKeywords: "море; 海 ;sea;Sea;;", Base.XPAuthor: "Łódź", Base.XPComment: "日本の海"}
    data = words.jpeg(exif={tag: text.encode("utf-16-le") + b"\0\0" for tag, text in tags.items()})
    assert said(data) == {"keywords": ["море", "海", "sea"], "artist": "Łódź", "caption": "日本の海"}


def test_texts_of_png_and_xmp_that_name_the_wrong_encoding() -> None:
    chunks = [
        words.text_chunk("Author", "Müller".encode()),  # tEXt should be Latin-1
        words.text_chunk("Title", "山田".encode("cp932")),
        words.text_chunk("Copyright", "Иван".encode("cp1251")),
        words.text_chunk("Description", "ÀÁÂ is three letters", "iTXt"),
    ]
    assert said(words.png(*chunks)) == {"artist": "Müller", "title": "山田", "caption": "ÀÁÂ is three letters"}
    broken = words.xmp({"dc:rights": {"x-default": "QQ"}, "dc:subject": ["sea", "QQ"]}).replace(
        b"QQ", b"\xe8\xe2\xe0\xed"
    )
    assert said(words.jpeg(xmp=broken)) == {"keywords": ["sea"]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Â© Müller", "Â© Müller"),  # a mixture: left as it is
        ("MÃ¼ller Â© 2020", "Müller © 2020"),
        ("å±±ç”°", "山田"),
        ("São Paulo, ÀÁÂ", "São Paulo, ÀÁÂ"),
        ("a\ufffdb", None),
        ("????", None),
        ("why?", "why?"),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("a\u202eb\x07c", "a b c"),
    ],
)
def test_a_line(value: str, expected: str | None) -> None:
    assert line(value) == expected


def test_words_are_bounded() -> None:
    many = words.xmp({"dc:subject": [f"word {n} " + "x" * 15 for n in range(300)], "dc:description": ["long " * 5000]})
    found = said(words.jpeg(xmp=many))
    assert len(found["keywords"]) == 87
    assert sum(map(len, found["keywords"])) <= metadata.MAX_ALL_KEYWORDS
    assert len(found["caption"]) <= metadata.MAX_TEXT
    assert len(said(words.jpeg(xmp=words.xmp({"dc:subject": [f"{n}" for n in range(300)]})))["keywords"]) == 100
    names = words.xmp({"dc:creator": [f"Name {n:04}" for n in range(400)]})
    assert len(said(words.jpeg(xmp=names))["artist"]) <= metadata.MAX_TEXT
    listed = "one, two; " + "three" * 30 + ", four"
    assert said(words.jpeg(xmp=words.xmp({"dc:subject": [listed]})))["keywords"] == [
        "one",
        "two",
        ("three" * 30)[:100],
        "four",
    ]


def test_what_is_not_known_is_missing() -> None:
    info = process(images.jpeg(16, 16))[0]
    assert not {"title", "keywords"} & info.model_dump(mode="json").keys()
    assert info.caption is None
    known = process(words.jpeg(xmp=PACKET))[0].model_dump(mode="json")
    assert ImageInfo.model_validate(known).model_dump(mode="json") == known


# The words that go into renditions


def test_renditions_keep_whose_it_is_and_nothing_else() -> None:
    place = "<exif:GPSLatitude>48,51.5N</exif:GPSLatitude><exif:GPSLongitude>2,17E</exif:GPSLongitude>"
    data = words.jpeg(
        xmp=words.xmp(XMP, inside=place),
        photoshop=words.resources(IIM),
        more_exif={Base.UserComment: b"ASCII\0\0\0a b"},
    )
    for _, encoded in process(data)[1].values():
        assert dict(opened(encoded).getexif()) == {Base.Artist: "Ann X; Bo X", Base.Copyright: "Â© X"}  # UTF-8
        assert not any(word in encoded for word in (b"GPS", b"sea x", b"Caption", b"adobe", b"8BIM", b"Title"))
    out: list[bytes] = []
    asked = replace(PHOTO, keep=("caption",), keep_gps=True)
    info = process_image(data, asked, memory=MEMORY, emit=lambda _, encoded: out.append(encoded))
    assert "gps" not in info.exif
    for encoded in out:
        assert dict(opened(encoded).getexif()) == {Base.ImageDescription: "Caption X"}


# Hostile files


def seeds() -> list[bytes]:
    block = words.resources(IIM, digest_of=b"as it was")
    return [
        words.jpeg(exif=EXIF, more_exif={Base.UserComment: b"UNICODE\0a\0 \0b\0"}, xmp=PACKET, photoshop=block),
        words.png(words.text_chunk("XML:com.adobe.xmp", PACKET, "iTXt"), words.text_chunk("Title", "A")),
        words.png(words.raw_profile("xmp", PACKET), words.raw_profile("8bim", block)),
        words.tiff(xmp=PACKET, iptc=IIM, photoshop=block),
        words.tiff(xmp=PACKET, iptc=IIM, deep=True),
        words.gif(PACKET),
        words.webp(PACKET),
        words.jp2(xmp=PACKET, iptc=IIM, exif=images.exif_block(EXIF)[6:]),
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(8))
def test_changed_files_give_bounded_words_or_none(number: int) -> None:
    from chalicelib.model import PermanentFault

    generator, found = random.Random(number), seeds()
    for _ in range(40):
        data = mutated(found[number], generator, generator.choice(found))
        begun = time.process_time()
        try:
            info = process(data, widths=(16,))[0]
        except PermanentFault:
            continue
        assert time.process_time() - begun < 2
        text = json.dumps(info.model_dump(mode="json"), allow_nan=False, ensure_ascii=False)
        assert len(text) < 20_000
        assert not any(ord(c) < 32 or c == "\ufffd" for c in text)


def test_hostile_blocks_take_little_time() -> None:
    blocks = [
        b"8BIM\4\4\0\0\0\0\0\0" * 5000,
        words.resources(b"\x1c\x02\x19\0\0" * 12_000),
        words.resources(words.iim([(25, b"\x8e" * 60)] * 900)),
    ]
    chunks = [
        words.raw_profile("xmp", b"<a>" * 300_000),
        words.text_chunk("Raw profile type iptc", "\nx\n99999999\n" + "00 " * 300_000),
        words.text_chunk("Raw profile type iptc", "\n" * 1_000_000),
        words.text_chunk("Creation Time", "1 " * 500_000),
        words.text_chunk("Description", "\xc2" * 1_000_000),
        words.text_chunk("XML:com.adobe.xmp", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + PACKET, "iTXt"),
    ]
    files = [words.jpeg(photoshop=block) for block in blocks] + [words.png(chunk) for chunk in chunks]
    files.append(words.gif(b"<" + b"\x21\xff\x0bXMP DataXMP" * 50_000))
    for data in files:
        begun = time.process_time()
        process(data)
        assert time.process_time() - begun < 1.5
