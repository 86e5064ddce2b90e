"""Files by words."""

from __future__ import annotations

import pytest

from chalicelib.catalog.index import search, writer
from chalicelib.catalog.index.writer import Change
from chalicelib.model import File, ImageInfo, Status
from tests.catalog.fake import FakeDynamoDB
from tests.making import file


def indexed(table: FakeDynamoDB, *files: File) -> None:
    for each in files:
        table.write_record(each)
    writer.index([Change(each) for each in files])


def found(*words: str, limit: int = 10) -> list[str]:
    return [each.file.id for each in search.search("acme", words, limit)]


def image(**values: str) -> ImageInfo:
    return ImageInfo(width=1, height=1, format="png", thumbhash="a", dominant_color="#000000", **values)  # type: ignore[arg-type]


def test_a_file_is_found_by_its_name_tags_artist_and_caption(table: FakeDynamoDB) -> None:
    of = file(1, filename="beach.jpg", tags=["holiday"], image=image(artist="Ansel Adams", caption="Half Dome"))
    indexed(table, of, file(2, filename="other.png", tags=[]))
    for word in ("beach", "jpg", "holiday", "ansel", "adams", "half", "dome", "be", "holi"):
        assert found(word) == [of.id], word
    assert found("each") == [], "only the beginning of a word counts"


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
