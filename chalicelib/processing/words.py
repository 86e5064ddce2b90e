"""The words inside a file by which search finds it: a bounded number, chosen well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chalicelib.catalog.index.terms import split_words

# Words of one file. Each costs about one write unit when it is indexed (docs/scale.md).
MAX_WORDS = 40

# Characters of the text that are looked at.
MAX_TEXT = 1_000_000

_PIECE = 4000  # characters; `split_words` looks at no more at once


def chosen_words(headings: Iterable[str], text: str) -> list[str]:
    """At most MAX_WORDS: first those of the headings, in their order, then the text's, the rare before the common."""
    found = dict.fromkeys(word for heading in headings for word in split_words(heading))
    counted = Counter(word for piece in _pieces(text[:MAX_TEXT]) for word in split_words(piece))
    # Of words that are equally rare, the longer one says more.
    rest = sorted(counted, key=lambda word: (counted[word], -len(word), word))
    return list(dict.fromkeys([*found, *rest]))[:MAX_WORDS]


def _pieces(text: str) -> Iterable[str]:
    """The text in pieces that end between words, where they can."""
    at = 0
    while at < len(text):
        end = at + _PIECE
        if end < len(text):
            space = max(text.rfind(" ", at + 1, end), text.rfind("\n", at + 1, end))
            end = space if space > at else end
        yield text[at:end]
        at = end
