"""Files by words."""

from __future__ import annotations

import pytest

from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.index import search, writer
from chalicelib.catalog.index.terms import split_words
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import entry, word_partition
from chalicelib.model import File, ImageInfo, Status
from tests.catalog.fake import FakeDynamoDB
from tests.making import file


def indexed(table: FakeDynamoDB, *files: File) -> None:
    for each in files:
        table.write_record(each)
    writer.index([Change(each) for each in files])


def found(*words: str, limit: int = 10) -> list[str]:
    return [each.file.id for each in search.search("acme", words, limit)]


def image(**values: str | list[str]) -> ImageInfo:
    return ImageInfo(width=1, height=1, format="png", thumbhash="a", dominant_color="#000000", **values)  # type: ignore[arg-type]


def test_a_file_is_found_by_its_name_tags_artist_and_caption(table: FakeDynamoDB) -> None:
    of = file(1, filename="beach.jpg", tags=["holiday"], image=image(artist="Ansel Adams", caption="Half Dome"))
    indexed(table, of, file(2, filename="other.png", tags=[]))
    for word in ("beach", "jpg", "holiday", "ansel", "adams", "half", "dome", "be", "holi"):
        assert found(word) == [of.id], word
    assert found("each") == [], "only the beginning of a word counts"


def test_a_file_is_found_by_its_title_and_keywords_even_if_its_caption_is_long(table: FakeDynamoDB) -> None:
    said = image(
        title="Sunset", keywords=["Yosemite Valley", "granit"], caption=" ".join(f"word{n}" for n in range(90))
    )
    of = file(1, filename="a.jpg", tags=[], image=said)
    indexed(table, of, file(2, filename="other.png", tags=[]))
    for word in ("sunset", "yosemite", "valley", "gran", "word1"):
        assert found(word) == [of.id], word
    assert search.search("acme", ["valley"], 10)[0].places == ("image",)


def test_most_words_come_first_then_whole_words_then_the_newest(table: FakeDynamoDB) -> None:
    names = ["catalog.a", "cat.b", "cat dog.c", "cats.d", "cat.e"]
    files = [file(number, filename=name, tags=[]) for number, name in enumerate(names)]
    indexed(table, *files)
    assert found("cat", "dog") == [files[number].id for number in (2, 4, 1, 3, 0)]
    assert [each.matched for each in search.search("acme", ["cat", "dog"], 10)] == [2, 1, 1, 1, 1]
    assert found("cat", "dog", limit=2) == [files[2].id, files[4].id]


def test_a_file_that_changed_since_is_matched_again(table: FakeDynamoDB) -> None:
    files = [file(number, filename=f"cat {number}.jpg", tags=[]) for number in range(4)]
    indexed(table, *files)
    table.write_record(files[0].model_copy(update={"filename": "dog.jpg"}))
    table.write_record(files[1].model_copy(update={"status": Status.DELETED}))
    table.write_record(files[2].model_copy(update={"tenant": "other"}))
    assert found("cat") == [files[3].id]


def test_files_that_changed_since_take_no_place_from_others(table: FakeDynamoDB) -> None:
    files = [file(number, filename=f"cat {number}.jpg", tags=[]) for number in range(search.SPARE + 2)]
    indexed(table, *files)
    for each in files[2:]:
        table.write_record(each.model_copy(update={"filename": "dog.jpg"}))
    assert found("cat", limit=2) == [files[1].id, files[0].id]
    assert found("cat", limit=1) == [files[1].id]


def test_no_more_words_are_looked_up_than_the_bound(table: FakeDynamoDB) -> None:
    words = [f"w{number}" for number in range(search.MAX_QUERY_WORDS + 1)]
    indexed(table, file(1, filename=words[-1], tags=[]))
    assert found(*words[1:]) == [file(1).id]
    table.measure()
    assert found(*words) == []
    assert table.calls["Query"] == 2 * search.MAX_QUERY_WORDS


@pytest.mark.parametrize("word", ["cat", "catalog"])
def test_a_whole_word_is_not_the_beginning_of_another(table: FakeDynamoDB, word: str) -> None:
    indexed(table, file(1, filename="cat", tags=[]), file(2, filename="catalog", tags=[]))
    assert found(word)[0] == file(1 if word == "cat" else 2).id


def test_the_answer_says_where_a_word_was_found(table: FakeDynamoDB) -> None:
    files = [
        file(1, filename="invoice.pdf", tags=[], words=["hydrogen"]),
        file(2, filename="hydro.txt", tags=["Hydrogen"], image=image(caption="an invoice")),
    ]
    indexed(table, *files)
    places = {each.file.id: each.places for each in search.search("acme", ["hydrogen", "inv"], 10)}
    assert places == {files[0].id: ("filename", "text"), files[1].id: ("tags", "image")}


def test_words_inside_a_file_lead_to_it_until_they_change(table: FakeDynamoDB) -> None:
    made = file(1, filename="a.pdf", tags=[], words=["hydrogen"])
    indexed(table, made)
    assert found("hydr") == [made.id]
    changed = made.model_copy(update={"words": ["helium"], "revision": 4})
    indexed(table, changed)
    assert (found("hydr"), found("helium")) == ([], [made.id])


def test_a_file_of_the_release_before_is_found_by_what_found_it_then(table: FakeDynamoDB) -> None:
    """Its word is the whole run; now a query has pairs, the first of which begins that word."""
    made = file(1, filename="東京都庁.jpg", tags=[])
    table.write_record(made)
    key = {"pk": word_partition("acme", "東京都庁", 0), "sk": entry("東京都庁", made.id)}
    table.put(attributes(key))
    for query in ("東京都庁", "東京", "東京都"):
        assert found(*split_words(query)) == [made.id], query


def test_chinese_and_japanese_are_found_in_the_middle_of_a_run(table: FakeDynamoDB) -> None:
    one, other = file(1, filename="新東京タワー.jpg", tags=[]), file(2, filename="京都タワー.jpg", tags=[])
    indexed(table, one, other)
    assert found(*split_words("東京")) == [one.id]
    assert found(*split_words("京都タワー")) == [other.id, one.id]
