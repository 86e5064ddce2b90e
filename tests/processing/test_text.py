"""Text of any sort: facts, counts, words and pictures; and hostile texts that harm nobody."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from chalicelib.facts import MAX_BYTES as MAX_FACTS
from chalicelib.facts import TextInfo
from chalicelib.model import Rendition
from chalicelib.processing import text, text_outline, text_reader
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.renditions.recipes import RECIPES
from tests import texts

MEMORY = 1769 * 1024**2
DOCUMENT = RECIPES["document"]

Emitted = dict[str, tuple[Rendition, bytes]]


def processed(
    data: bytes, content_type: str = "text/plain", filename: str = "a", **more: object
) -> tuple[Made, Emitted]:
    emitted: Emitted = {}
    source = Source(content_type, len(data), io.BytesIO(data), filename)
    order = Order(DOCUMENT, MEMORY, **more)  # type: ignore[arg-type]
    made = text.process(source, order, lambda rendition, body: emitted.update({rendition.basename: (rendition, body)}))
    return made, emitted


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_picture", lambda *_: (None, []))


def described(data: bytes, content_type: str = "text/plain", filename: str = "a") -> TextInfo:
    return info_of(processed(data, content_type, filename)[0])


def info_of(made: Made) -> TextInfo:
    assert isinstance(made.info, TextInfo)
    assert len(made.info.model_dump_json().encode()) <= MAX_FACTS
    return made.info


def codes(made: Made) -> list[str]:
    return [warning.code for warning in made.warnings]


def test_a_text_is_described() -> None:
    made, emitted = processed("Größe und Straße\r\nzwei  Zeilen".encode("cp1252"))
    info = info_of(made)
    assert (info.format, info.encoding, info.lines, info.words) == ("plain", "windows-1252", 2, 5)
    assert info.excerpt == "Größe und Straße zwei Zeilen"
    assert made.text == "Größe und Straße\r\nzwei  Zeilen"
    assert made.headings == ("Größe und Straße",)
    assert made.warnings == ()
    assert made.preview
    assert {"w320.webp", "w640.webp", "w1280.jpg"} <= emitted.keys()
    with Image.open(io.BytesIO(emitted["w640.webp"][1])) as image:
        shades = image.convert("L").tobytes()
    assert (min(shades) < 120, max(shades)) == (True, 255), "dark letters on white paper"


def test_only_one_picture_is_made_on_demand() -> None:
    made, emitted = processed(b"some words", only="w640")
    assert {*emitted} == {"w640.webp", "w640.jpg"}
    assert (made.info, made.text) == (None, "")


def test_the_same_file_gives_the_same_bytes_and_facts() -> None:
    data = b"a,b\n1,2\n" * 1000
    assert processed(data, "text/csv") == processed(data, "text/csv")


def test_letters_without_a_font_give_no_picture_and_say_so() -> None:
    made, emitted = processed("日本語のテキスト\n".encode() * 20)
    assert (made.preview, emitted) == (None, {})
    assert codes(made) == ["no_preview"]
    assert info_of(made).lines == 20


# --- counts


TEXTS = st.text(st.sampled_from('ab é日\n\r\t\x0b\x1c\u2028\u3000,;"'), max_size=80)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["utf-8", "utf-16"]), st.integers(8, 40))
def test_counts_are_those_of_python_for_pieces_of_any_length(words: str, encoding: str, piece: int) -> None:
    data = words.encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_picture", lambda *_: (None, []))
        patch.setattr(text_reader, "PIECE", piece)
        made, _ = processed(data)
    assert info_of(made).lines == len(io.StringIO(words, newline=None).readlines())
    assert info_of(made).words == len(words.split())
    assert made.text == words


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize("before", range(8))
def test_a_line_end_or_a_word_between_two_pieces_is_counted_once(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_reader, "PIECE", 8)
    info = described(b"a" * before + b"\r\nword\r\n")
    assert (info.lines, info.words) == (2, 1 + (before > 0))


@given(TEXTS, st.integers(8, 40))
def test_lines_are_those_of_python_for_pieces_of_any_length(words: str, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_reader, "PIECE", piece)
        reader = text_reader.Reader(io.BytesIO(words.encode()), "", 1000)
        assert list(reader.each_line(count_words=True)) == io.StringIO(words, newline="").readlines()


@pytest.mark.usefixtures("no_picture")
def test_words_of_a_long_text_are_not_counted_but_its_lines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_COUNTED", 100)
    info = described(b"two words\n" * 11)
    assert (info.lines, info.words) == (11, None)


# --- formats


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize(
    ("content_type", "filename", "data", "expected"),
    [
        ("text/csv", "a.txt", b"a", "csv"),
        ("text/plain", "a.CSV", b"a", "csv"),
        ("text/csv; charset=utf-8", "", b"a", "csv"),
        ("text/plain", "a.log", b"a", "log"),
        ("text/plain", "a.py", b"a", "source"),
        ("text/x-script", "run", b"#!/bin/sh", "source"),
        ("text/javascript", "", b"a", "source"),
        ("text/plain", "a", b' {"a": 1}', "json"),
        ("text/plain", "a", b"{a}", "plain"),
        ("text/plain", "a", b"[1] see below", "plain"),
        ("application/ld+json", "a", b"{", "json"),
        ("application/atom+xml", "a", b"<feed/>", "xml"),
        ("application/xhtml+xml", "a", b"<html/>", "html"),
        ("text/plain", "a", b"\n<?xml version='1.0'?><a/>", "xml"),
        ("text/vtt", "a", b"WEBVTT", "vtt"),
        ("application/x-subrip", "a", b"1", "srt"),
        ("text/markdown", "README", b"# a", "markdown"),
        ("application/yaml", "a.yml", b"a: 1", "plain"),
        ("text/plain", "csv", b"a", "csv"),
    ],
)
def test_the_format(content_type: str, filename: str, data: bytes, expected: str) -> None:
    assert described(data, content_type, filename).format == expected


def test_a_table_is_described() -> None:
    rows = "".join(f"{n};Name {n};{n},5;2026-11-{n % 28 + 1:02d}\r\n" for n in range(3000))
    made, _ = processed(f"Nr;Name;Preis;Tag\r\n{rows}".encode("utf-16"), "text/csv")
    info = info_of(made)
    assert (info.delimiter, info.rows, info.lines, info.encoding) == (";", 3000, 3001, "utf-16")
    named = [(column.name, column.type) for column in info.columns]
    assert named == [("Nr", "integer"), ("Name", "text"), ("Preis", "number"), ("Tag", "date")]
    assert made.headings == ("Nr", "Name", "Preis", "Tag")
    assert made.warnings == ()


def test_a_table_of_one_column_has_no_delimiter() -> None:
    info = described(b"name\nAnna\nBen\n", "text/csv")
    assert (info.delimiter, info.rows, [column.name for column in info.columns]) == (None, 2, ["name"])


def test_a_letter_that_was_called_csv_is_no_table() -> None:
    info = described(b"Dear Sir,\nthank you, and so on,\nbye\n", "text/csv")
    assert (info.delimiter, info.rows, info.columns, info.lines) == (None, None, [], 3)


def test_values_with_newlines_are_one_row() -> None:
    info = described(b'a,b\n"one\ntwo\r\nthree",2\n"x",3\n', "text/csv")
    assert (info.rows, info.lines) == (2, 5)


def test_columns_that_do_not_fit_the_record_are_left_out_and_it_is_said() -> None:
    names = [f"{'名' * 190}{number}" for number in range(90)]
    made, _ = processed((",".join(names) + "\n" + ",".join("1" * 90) + "\n").encode(), "text/csv")
    assert codes(made) == ["no_preview", "facts_trimmed"]
    kept = len(info_of(made).columns)
    assert 10 < kept < 90
    assert made.warnings[1].message == f"The record lists the first {kept} of 90 columns."
    many, _ = processed(b",".join(b"x" for _ in range(101)) + b"\n", "text/csv")
    assert codes(many) == ["facts_trimmed"]


def test_json_has_a_structure() -> None:
    document = {"name": "x", "tags": ["a"], "n": 1, "f": 1.5, "t": True, "none": None, "deep": {"a": {"b": {"c": 1}}}}
    info = described(json.dumps(document).encode(), "application/json")
    deep = {"type": "object", "size": 1, "keys": {"b": {"type": "object", "size": 1}}}
    assert info.structure == {
        "type": "object",
        "size": 7,
        "keys": {
            "name": {"type": "text"},
            "tags": {"type": "list", "length": 1, "of": {"type": "text"}},
            "n": {"type": "integer"},
            "f": {"type": "number"},
            "t": {"type": "boolean"},
            "none": {"type": "null"},
            "deep": {"type": "object", "size": 1, "keys": {"a": deep}},
        },
    }
    assert described(b"null", "application/json").structure == {"type": "null"}
    assert described(b"{,}", "application/json").structure is None


@pytest.mark.usefixtures("no_picture")
def test_json_of_several_megabytes_has_a_structure() -> None:
    info = described(json.dumps([{"id": number} for number in range(300_000)]).encode(), "application/json")
    assert info.structure["length"] == 300_000


def test_values_on_lines_have_the_structure_of_the_first() -> None:
    info = described(b'\n{"a": 1}\n{"b": 2}\n', "application/x-ndjson")
    assert info.structure == {"type": "lines", "of": {"type": "object", "size": 1, "keys": {"a": {"type": "integer"}}}}
    assert (info.lines, described(b"no\n", "application/x-ndjson").structure) == (3, None)


def test_a_large_structure_is_cut_to_the_records_bound_and_it_is_said() -> None:
    value: object = 1
    for _ in range(3):
        value = {f"{'k' * 90}{number}": value for number in range(20)}
    made, _ = processed(json.dumps(value).encode(), "application/json")
    assert len(info_of(made).structure["keys"]) == 20
    assert codes(made) == ["facts_trimmed"]
    widest = {f"{'鍵' * 90}{number}": 1 for number in range(100)}
    assert described(json.dumps(widest).encode(), "application/json").structure["size"] == 100


def test_nothing_in_xml_is_resolved() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "lol"><!ENTITY c "&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>'
    made, _ = processed(f"{bomb}<a key='v'>words &c; &d;</a>".encode(), "application/xml")
    assert "lol" not in made.text
    assert "root" not in made.text
    assert "words &c; &d;" in made.text
    assert info_of(made).excerpt.startswith("<?xml")


def test_html_is_found_by_what_a_reader_sees() -> None:
    page = b"""<html lang='de-AT'><head><title>The &amp; title</title><script>var secret = "<b>";</script>
<style>p { color: hidden }</style></head><body>
<h2 class=x>Part one</h2><!-- a note --><p>Words&nbsp;here</p></body></html>"""
    made, _ = processed(page, "text/html")
    assert made.headings == ("The & title", "Part one")
    assert info_of(made).language == "de-AT"
    assert info_of(made).excerpt == "The & title Part one Words here"
    for word in ("secret", "hidden", "class", "html", "note", "--"):
        assert word not in made.text, word
    assert "Words\u00a0here" in made.text


@pytest.mark.parametrize(
    ("format", "text", "words"),
    [
        ("html", "<p>one<!-- a <b> c -->two<!-- the rest", "onetwo"),
        ("html", "<!--><p>one</p>-->two", "two"),
        ("xml", "<a>A&amp;B<!-- c --> &#xe9;</a>", "A&B é"),
        ("vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Roger>Tom &amp; Jo</v>", "Tom & Jo"),
        ("srt", "1\n00:00:01,000 --> 00:00:02,000\n<i>Tom &amp; Jo</i>", "Tom &amp; Jo"),
    ],
)
def test_words_have_neither_comments_nor_entities(format: str, text: str, words: str) -> None:
    assert text_outline.readable(format, text) == words


def test_the_excerpt_of_subtitles_is_what_is_said() -> None:
    assert described(b"1\n00:00:01,000 --> 00:00:02,000\nGood day.\n", "text/plain", "a.srt").excerpt == "Good day."


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [
        ("application/x-ruby", "a"),
        ("application/x-perl", "a"),
        ("application/typescript", "a"),
        ("text/x-perl", "a"),
        ("text/x-c++src", "a"),
        ("text/x-python", "a"),
        ("text/plain", "a.pl"),
        ("text/plain", "A.KT"),
    ],
)
def test_source_code_is_told_by_type_or_extension(content_type: str, filename: str) -> None:
    assert described(b"x = 1\n", content_type, filename).format == "source"


@pytest.mark.parametrize(
    ("markdown", "headings"),
    [
        ("# One\n\ntext\n\n## Two ##\n### C#\n", ("One", "Two", "C#")),
        ("Title\n=====\n\nPart\n---\n", ("Title", "Part")),
        ("```\n# comment\n```\n# Real\n~~~\n```\n# no\n~~~\n", ("Real",)),
        ("#hashtag\n    # code\n####### seven\n", ()),
        ("---\ntitle: x\n---\n", ("title: x",)),
        ("# " + "long " * 100, (("long " * 40).strip(),)),
        ("".join(f"# {n}\n" for n in range(50)), tuple(str(n) for n in range(20))),
    ],
)
def test_headings_of_markdown(markdown: str, headings: tuple[str, ...]) -> None:
    assert text_outline.headings("markdown", markdown) == headings


def test_subtitles_are_found_by_what_is_said() -> None:
    srt = b"1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i> there\n\n2\n00:00:03,000 --> 00:00:04,000\nBye 42\n"
    assert processed(srt, "application/x-subrip")[0].text == "Hello there\nBye 42"
    vtt = b"WEBVTT\n\n00:01.000 --> 00:02.000 align:start\nHello\n"
    assert processed(vtt, "text/vtt")[0].text == "Hello"


# --- hostile texts


class Repeated(io.RawIOBase):
    """A source of any size that takes no memory: one piece again and again. It counts what was read."""

    def __init__(self, piece: bytes, size: int) -> None:
        self.size, self.read_bytes = size, 0
        self._piece = piece * (2 * text_reader.PIECE // len(piece) + 1)
        self._period, self._at = len(piece), 0

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == 0
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= text_reader.PIECE
        size = min(size, self.size - self._at)
        begin = self._at % self._period
        self._at += size
        self.read_bytes += size
        return self._piece[begin : begin + size]


def repeated(piece: bytes, size: int, content_type: str) -> tuple[Made, Repeated]:
    data = Repeated(piece, size)
    source = Source(content_type, size, data, "a")  # type: ignore[arg-type]
    return text.process(source, Order(DOCUMENT, MEMORY), lambda *_: None), data


def traced(piece: bytes, size: int, content_type: str) -> tuple[Made, Repeated, float]:
    """The same, and the peak of Python's memory in MiB."""
    tracemalloc.start()
    try:
        made, data = repeated(piece, size, content_type)
        return made, data, tracemalloc.get_traced_memory()[1] / 1024**2
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize("piece", [b"a,", b"\0", b"ab,", '"\U0001f600,'.encode(), b"x"])
def test_one_line_as_long_as_a_file_may_be_takes_little_memory(piece: bytes) -> None:
    made, _, peak = traced(piece, 6 * 1024**2, "text/csv")
    info = info_of(made)
    assert (info.lines, info.rows) == (1, None)
    assert "rows_not_counted" in codes(made) or info.columns == []
    assert peak < 200


@pytest.mark.usefixtures("no_picture")
def test_a_line_of_a_gigabyte_is_looked_at_and_not_read() -> None:
    made, data, peak = traced(b"a,1;", 1024**3, "text/csv")
    assert data.read_bytes == text.HEAD
    assert "too_large_to_read" in codes(made)
    assert (info_of(made).lines, info_of(made).rows) == (None, None)
    assert peak < 20


@pytest.mark.usefixtures("no_picture")
def test_a_table_that_is_too_large_has_its_columns() -> None:
    made, _ = repeated(b"12,word\n", text.MAX_BYTES + 1, "text/csv")
    info = info_of(made)
    assert ([column.type for column in info.columns], info.rows, info.delimiter) == (["integer", "text"], None, ",")
    assert codes(made) == ["too_large_to_read"]


@pytest.mark.usefixtures("no_picture")
def test_no_byte_is_read_twice_but_the_first_look() -> None:
    made, data = repeated(b"a,b,c\n", 6 * 1024**2, "text/csv")
    assert data.read_bytes == data.size + text.HEAD
    assert info_of(made).rows == 1024**2


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-ndjson"])
@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_json_of_a_hundred_thousand_levels_is_only_text(content_type: str, opened: bytes) -> None:
    made, _ = processed(opened * 100_000, content_type)
    assert info_of(made).structure in (None, {"type": "lines", "of": None})
    assert info_of(made).lines == 1


@pytest.mark.usefixtures("no_picture")
def test_a_number_of_a_million_digits_is_only_text() -> None:
    assert described(b"[" + b"9" * 1_000_000 + b"]", "application/json").structure is None


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, b" \n" * 5000, b"\x1b[31mred\x1b[0m\n" * 10, b"\xff" * 5000])
@pytest.mark.parametrize("content_type", ["text/plain", "text/csv", "application/json", "text/html"])
def test_bytes_that_say_nothing_are_described(data: bytes, content_type: str) -> None:
    info = described(data, content_type)
    assert "\0" not in info.excerpt
    assert "\x1b" not in info.excerpt


def slow_texts() -> Iterator[tuple[str, str]]:
    """Texts for which a careless pattern takes time that grows with the square of the length."""
    yield "text/html", "<script" * 200_000
    yield "text/html", "<script>" * 200_000
    yield "text/html", "<" * 1_000_000
    yield "text/html", "<!--" * 300_000
    yield "text/html", "<html " + "lang " * 200_000
    yield "text/html", "<html " * 200_000
    yield "text/html", "&" * 1_000_000
    yield "text/html", "<h1 " * 300_000
    yield "application/xml", "<a " * 400_000
    yield "application/xml", "]" * 1_000_000 + "<![CDATA["
    yield "text/markdown", "# a" + " " * 1_000_000 + "#"
    yield "text/markdown", "=" * 1_000_000
    yield "text/markdown", "a\n-\n" * 250_000
    yield "application/x-subrip", "1" * 1_000_000
    yield "application/x-subrip", "1,:." * 250_000
    yield "text/csv", '"' * 1_000_000
    yield "text/csv", "1,5;" * 250_000
    yield "text/csv", "a\n" * 500_000
    yield "text/plain", "charset=" * 100_000
    yield "text/plain", "word " * 200_000


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize("number", range(20))
def test_no_text_takes_time_that_grows_with_the_square_of_its_length(number: int) -> None:
    content_type, words = list(slow_texts())[number]
    began = time.process_time()
    described(words.encode(), content_type)
    assert time.process_time() - began < 3


def test_changed_texts_of_every_format_are_described() -> None:
    """`python -m bench.fuzz text` does more."""
    outcomes, bad = texts.fuzz(seed=20_261_126, count=600)
    assert bad == []
    assert outcomes == {"ready": 600}
