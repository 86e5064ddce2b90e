"""The words inside a file that search gets."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.index.terms import split_words
from chalicelib.processing import words
from chalicelib.processing.words import chosen_words


def test_headings_come_first_in_their_order() -> None:
    assert chosen_words(["The Title", "An author"], "one two title", 40)[:4] == ["the", "title", "an", "author"]
    assert chosen_words(["one two three"], "four", 2) == ["one", "two"]


def test_the_rare_and_what_a_text_is_about_come_before_the_common() -> None:
    text = "of the report and the report of the engine and the engine of the 1234 and a saw of the report of the owl"
    found = chosen_words([], text, 40)
    assert found == ["saw", "report", "owl", "engine", "1234", "of", "the", "and"]
    assert chosen_words([], "the " * 1000 + "zebra", 1) == ["zebra"]
    assert chosen_words([], "する" + "東京です" * 9, 40)[1] == "東京"


def test_codes_do_not_take_the_places_of_words() -> None:
    log = "".join(f"2026-11-22 {number:032x} request done\n" for number in range(500)) + "segfault in worker\n"
    assert set(chosen_words([], log, 5)) == {"segfault", "in", "worker", "request", "done"}


def test_chinese_and_japanese_are_pairs() -> None:
    assert chosen_words(["東京タワー"], "新宿区", 40) == ["東京", "京タ", "タワ", "ワー", "新宿", "宿区"]


def test_none_are_wanted() -> None:
    assert chosen_words(["a title"], "words", 0) == []


@given(st.text(max_size=400), st.integers(0, 50))
def test_all_words_of_a_short_text_are_found(text: str, most: int) -> None:
    found = chosen_words([], text, most)
    every = set(split_words(text))
    assert len(found) == len(set(found)) == min(most, len(every))
    assert set(found) <= every


def test_no_word_is_cut_between_pieces() -> None:
    text = "".join(f"number{number} " for number in range(5000))
    assert len(set(chosen_words([], text, 100_000))) == 5000
    assert set(chosen_words([], text, 100_000)) == set(text.split())


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    text = "begin " * (words.MAX_TEXT // 6 + 1000) + "end"
    assert chosen_words([], text, 40) == ["begin"]


def test_a_long_text_takes_little_time() -> None:
    for text in ("x" * 2_000_000, "word nöch\n" * 200_000, "日本" * 1_000_000):
        began = time.process_time()
        chosen_words([], text, 40)
        assert time.process_time() - began < 3
