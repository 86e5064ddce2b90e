"""The words inside a file by which search finds it: a bounded number, chosen well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chalicelib.catalog.index.terms import MAX_TEXT as PIECE
from chalicelib.catalog.index.terms import split_words

# Characters of the text that are looked at.
MAX_TEXT = 1_000_000


def chosen_words(headings: Iterable[str], text: str, most: int) -> list[str]:
    """At most `most` words: first those of the headings, in their order, then the text's, the rare before the common.

    Of words that are equally rare, those without digits come first, because numbers and codes are rare, but say little;
    then those that come first in the text.
    """
    if not most:
        return []
    found = dict.fromkeys(word for heading in headings for word in split_words(heading))
    if len(found) < most:
        counted = Counter(word for piece in _pieces(text) for word in split_words(piece))
        # `sorted` keeps the order of the text.
        found |= dict.fromkeys(sorted(counted, key=lambda word: (counted[word], _has_digits(word))))
    return list(found)[:most]


def _has_digits(word: str) -> bool:
    return any(map(str.isdigit, word))


def _pieces(text: str) -> Iterable[str]:
    """The beginning of the text in pieces of the length that `split_words` looks at. They end between words, where they can."""
    at = 0
    while at < min(len(text), MAX_TEXT):
        end = at + PIECE
        if end < len(text):
            space = max(text.rfind(" ", at + 1, end), text.rfind("\n", at + 1, end))
            end = space if space > at else end
        yield text[at:end]
        at = end
