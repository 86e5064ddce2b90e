"""The names, types and metadata of adopted files are ones that the API takes, whatever an object has."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from chalicelib.api import fields
from chalicelib.text import has_controls
from ops.adopt import naming
from ops.adopt.run import Done, Failure
from ops.adopt.source import Details, Object

NAME: TypeAdapter[str] = TypeAdapter(fields.Filename)
TYPE: TypeAdapter[str] = TypeAdapter(fields.ContentType)
METADATA: TypeAdapter[dict[str, object]] = TypeAdapter(fields.Metadata)


def found(key: str) -> Object:
    return Object(key, 1, "e", datetime(2026, 11, 26, tzinfo=UTC))


@given(st.text(min_size=1, max_size=400).filter(lambda key: not key.endswith("/")))
@example("a/b/" + "ü" * 1000 + ".jpeg")
@example("..")
@example("a/ ")
@example("a\\b\x00\u2028c")
@example("." * 300)
def test_each_key_gives_a_name_that_the_api_takes(key: str) -> None:
    name = naming.filename(key)
    assert NAME.validate_python(name) == name
    assert not has_controls(name)


def test_a_name_keeps_what_it_can() -> None:
    assert naming.filename("a/IMG 1.JPG") == "IMG 1.JPG"
    assert naming.filename("日本/写真.jpg") == "写真.jpg"
    assert naming.filename("a/b\\c.txt") == "b_c.txt"
    assert naming.filename("a" * 300 + ".tar.gz") == "a" * 252 + ".gz"
    assert naming.filename("folder/") == ""


@given(st.text(max_size=300) | st.none())
@example("image/jpeg")
@example("IMAGE/JPEG; a=b")
def test_each_type_gives_one_that_the_api_takes(told: str | None) -> None:
    content_type, _ = naming.content_type("a.bin", told)
    assert TYPE.validate_python(content_type) == content_type


@pytest.mark.parametrize(
    ("told", "type_", "guessed"),
    [
        ("text/html", "text/html", False),
        ("binary/octet-stream", "image/jpeg", True),
        ("application/octet-stream", "image/jpeg", True),
        ("nonsense", "image/jpeg", True),
        (None, "image/jpeg", True),
    ],
)
def test_a_type_that_says_nothing_gives_way_to_the_names(told: str | None, type_: str, guessed: bool) -> None:
    assert naming.content_type("a.jpg", told) == (type_, guessed)


texts = st.text(max_size=2000)


@given(st.text(min_size=1, max_size=1024), st.dictionaries(texts, texts, max_size=120), st.text(max_size=30))
@example("k", {"m" * 128: "v", "n" * 129: "v", "": "v"}, "")
def test_all_metadata_is_taken_by_the_api_and_names_the_object(key: str, own: dict[str, str], encoding: str) -> None:
    made = naming.metadata("bucket", found(key), Details(None, encoding or None, own, ""))
    METADATA.validate_python(made)
    assert not any(has_controls(each) for pair in made.items() for each in pair)
    assert made["adopted_from"].startswith("s3://bucket/")
    assert made["adopted_last_modified"] == "2026-11-26T00:00:00.000Z"


def test_own_metadata_is_kept_in_its_own_characters_and_ours_wins() -> None:
    own = {
        "author": "=?UTF-8?B?w4RkYQ==?=",
        "adopted_from": "elsewhere",
        "n" * 129: "too long",
        "b": "=?nonsense?Q?a?=",
    }
    made = naming.metadata("bucket", found("k"), Details(None, "gzip", own, "v1"))
    assert made == {
        "author": "Äda",
        "b": "=?nonsense?Q?a?=",
        "adopted_from": "s3://bucket/k",
        "adopted_last_modified": "2026-11-26T00:00:00.000Z",
        "adopted_version": "v1",
        "adopted_encoding": "gzip",
    }


def test_no_key_steers_the_terminal() -> None:
    out = StringIO()
    Done().fail(Failure("a\x1b]0;x\x07\u202eb\n", "aws", "AWS failed: \x9b1m"), out)
    assert out.getvalue() == "a\\x1b]0;x\\x07\\u202eb\\n: AWS failed: \\x9b1m\n"
