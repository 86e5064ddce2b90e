"""The terms that a file is found by: the items of its index, as pure functions of its record."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from chalicelib.catalog.keys import BETWEEN, entry, facet_partition, sort_partition, word_partition
from chalicelib.model import File, Status, timestamp

# The key of an index item: (pk, sk). The item has no other attribute.
Posting = tuple[str, str]

# One thing that a file is found by, as a text: `=status=ready`, `<size\t00000000000000000123`, `~word`. With tenant, id
# and index shard it becomes a posting. Without them it is short enough to be stored for every file.
Term = str

MAX_WORDS = 64
MIN_WORD, MAX_WORD = 2, 32  # characters
MAX_TEXT = 4096  # characters of one text that are split into words
MAX_NAME_BYTES = 900  # bytes of a file name in a sort key, which may have 1,024 together with the id

SORTS = ("updated", "size", "filename")


def terms(file: File) -> frozenset[Term]:
    """Everything that a file is found by: about a dozen terms, and its words. A deleted file has none."""
    if file.status is Status.DELETED:
        return frozenset()
    facets = {f"={name}={value}" for name, value in facets_of(file)}
    sorts = {f"<{order}{BETWEEN}{sorted_by(file, order)}" for order in SORTS}
    return frozenset(facets | sorts | {f"~{word}" for word in words_of(file)})


def posting(term: Term, tenant: str, file_id: str, shard: int) -> Posting:
    """The key of a file's index item for this term."""
    kind, text = term[0], term[1:]
    if kind == "=":
        name, _, value = text.partition("=")
        return facet_partition(tenant, name, value, shard), file_id
    if kind == "<":
        order, _, value = text.partition(BETWEEN)
        return sort_partition(tenant, order, shard), entry(value, file_id)
    return word_partition(tenant, text, shard), entry(text, file_id)


def postings(file: File, shard: int) -> frozenset[Posting]:
    """The keys of all index items of a file, in one index shard."""
    return frozenset(posting(term, file.tenant, file.id, shard) for term in terms(file))


def facets_of(file: File) -> set[tuple[str, str]]:
    """(name, value) of each list that a filter may read."""
    essence = media_type(file.content_type)
    found = {
        ("status", str(file.status)),
        ("content_type", essence),
        ("content_type", f"{essence.partition('/')[0]}/*"),
    }
    if file.kind:
        found.add(("kind", str(file.kind)))
    return found | {("tag", tag) for tag in file.tags}


def media_type(content_type: str) -> str:
    """A content type without its parameters: `text/plain` for `Text/Plain; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def sorted_by(file: File, order: str) -> str:
    """A text that sorts as the files do: by time, by bytes (0 while unknown), or by name without its case."""
    if order == "updated":
        return timestamp(file.updated_at)
    if order == "size":
        return f"{file.size or 0:020d}"
    return sortable_name(file.filename)


def sortable_name(name: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return folded.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def words_of(file: File) -> set[str]:
    """The words that a file is found by: at most 64, first those of its name, then of tags, artist and caption."""
    texts = [file.filename, *file.tags]
    if file.image:
        texts += [file.image.artist or "", file.image.caption or ""]
    texts += file.words
    return set(_first(MAX_WORDS, (word for text in texts for word in split_words(text))))


def _first(count: int, words: Iterable[str]) -> Iterator[str]:
    seen: dict[str, None] = {}
    for word in words:
        seen.setdefault(word)
        if len(seen) == count:
            break
    return iter(seen)


def split_words(text: str) -> list[str]:
    """The words of a text: runs of letters, marks and digits, in NFKC and lower case.

    Words of one character are left out. Words are cut at 32 characters, in the index and in queries alike.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text[:MAX_TEXT]).casefold())
    spaced = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return [word[:MAX_WORD] for word in spaced.split() if len(word) >= MIN_WORD]
