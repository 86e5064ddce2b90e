from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.index.terms import MAX_WORDS, places_of, postings, sortable_name, split_words, words_of
from chalicelib.model import ImageInfo, Status
from tests.making import file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IMG_2034.HEIC", ["img", "2034", "heic"]),
        ("Straße nach Köln", ["strasse", "nach", "köln"]),
        ("cafe\u0301", ["café"]),
        ("\ufb01ne \uff46\uff55\uff4c\uff4c", ["fine", "full"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("東京タワー 猫", ["東京", "京タ", "タワ", "ワー"]),
        ("2026年報告.pdf", ["2026", "年報", "報告", "pdf"]),
        ("abc東京", ["abc", "東京"]),
        ("12月 第3回 猫abc", ["12月", "第3回", "猫abc"]),
        ("ﾄｳｷｮｳ が", ["トウ", "ウキ", "キョ", "ョウ"]),
        ("𠮷野家", ["𠮷野", "野家"]),
        ("서울에서", ["서울에서"]),
        ("abc-DEF_1 x9", ["abc", "def", "x9"]),
        ("a b c - _ .", []),
        ("x" * 40, ["x" * 32]),
        ("", []),
    ],
)
def test_a_text_is_split_into_words_without_case(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_a_file_has_at_most_64_words_those_of_its_name_first() -> None:
    words = words_of(file(1, filename="first.jpg", tags=[" ".join(f"{t}w{n}" for n in range(10)) for t in range(20)]))
    assert len(words) == MAX_WORDS
    assert {"first", "jpg"} <= words


def test_words_that_were_found_inside_a_file_are_beside_the_64() -> None:
    tags = [" ".join(f"{t}w{n}" for n in range(10)) for t in range(20)]
    inside = [f"inside{number}" for number in range(40)]
    words = words_of(file(1, filename="first.jpg", tags=tags, words=inside))
    assert len(words) == MAX_WORDS + 40
    assert set(inside) <= words


def test_the_places_of_words() -> None:
    image = ImageInfo(width=1, height=1, format="png", thumbhash="a", dominant_color="#000000", artist="Ansel Adams")
    services = {"labels": {"status": "waiting", "version": 1, "words": ["mountain"]}}
    made = file(1, filename="half dome.jpg", tags=["half"], image=image, words=["geology", "東京"], services=services)
    assert places_of(made) == {
        "filename": {"half", "dome", "jpg"},
        "tags": {"half"},
        "image": {"ansel", "adams"},
        "text": {"geology", "東京"},
        "services": {"mountain"},
    }


@given(st.text())
def test_ascii_is_split_as_every_text_is(text: str) -> None:
    """A letter that is not ASCII, in a word of its own, takes the long way and changes nothing else."""
    kept = text.encode("ascii", "ignore").decode()
    assert split_words(kept) == [word for word in split_words(f"{kept} éé") if word != "éé"]


def test_the_postings_of_a_file() -> None:
    made = file(7, tags=["a=b#0"], filename="A.jpg")
    assert postings(made, 2) == {
        ("FACET#acme#status=ready#2", made.id),
        ("FACET#acme#kind=image#2", made.id),
        ("FACET#acme#content_type=image/jpeg#2", made.id),
        ("FACET#acme#content_type=image/*#2", made.id),
        ("FACET#acme#tag=a=b#0#2", made.id),
        ("SORT#acme#updated#2", f"2026-11-22T12:00:09.000Z\t{made.id}"),
        ("SORT#acme#size#2", f"{1007:020d}\t{made.id}"),
        ("SORT#acme#filename#2", f"a.jpg\t{made.id}"),
        ("WORD#acme#jp#2", f"jpg\t{made.id}"),
    }
    assert postings(file(7, status=Status.DELETED), 2) == frozenset()


def test_a_name_is_sorted_without_case_and_cut_where_a_key_ends() -> None:
    assert sortable_name("E\u0301A") == "éa"
    long = sortable_name("\N{GRINNING FACE}" * 255)
    assert len(long.encode()) == 900
    assert len(sortable_name("x" + "\N{GRINNING FACE}" * 255).encode()) <= 900
