"""The words inside a file by which search finds it: a bounded number, chosen well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from chalicelib.catalog.index.terms import MAX_TEXT as PIECE
from chalicelib.catalog.index.terms import split_words

_IDEOGRAPHS = "\u3400"  # the first one; kana, with which Japanese writes its small words, come before

# Characters of the text that are looked at.
MAX_TEXT = 1_000_000


def chosen_words(headings: Iterable[str], text: str, most: int) -> list[str]:
    """At most `most` words: first those of the headings, in their order, then the text's.

    Two orders of the text's words take turns. One begins with the rarest words: names, and what is said once. The other
    begins with what the text is about: words that it repeats, and that are rare in the language, as long words are. (Of
    250 manuals, 40 words had 59 % of those that a manual says three times and few others say; the rarest alone had
    18 %.)
    Words with digits come late in both, because codes are rare, but say little.
    """
    if not most:
        return []
    found = dict.fromkeys(word for heading in headings for word in split_words(heading))
    if len(found) < most:
        counted = Counter(word for piece in _pieces(text) for word in split_words(piece))
        # `sorted` keeps the order of the text.
        rare = sorted(counted, key=lambda word: (counted[word], _has_digits(word)))
        about = sorted(counted, key=lambda word: -counted[word] * _weight(word))
        found |= dict.fromkeys(word for pair in zip(rare, about, strict=True) for word in pair)
    return list(found)[:most]


def _weight(word: str) -> int:
    """Grows with the rareness of a word in its language. Of three letters are many that every text has."""
    if _has_digits(word):
        return 0
    if len(word) == 2:
        return 2 if min(word) >= _IDEOGRAPHS else 0
    return max(0, len(word) - 3)


def _has_digits(word: str) -> bool:
    return any(map(str.isdigit, word))


def _pieces(text: str) -> Iterable[str]:
    """The beginning of the text, in pieces that `split_words` takes. They end between words, where they can."""
    at = 0
    while at < min(len(text), MAX_TEXT):
        end = at + PIECE
        if end < len(text):
            space = max(text.rfind(" ", at + 1, end), text.rfind("\n", at + 1, end))
            end = space if space > at else end
        yield text[at:end]
        at = end
