"""The terms that a file is found by: the items of its index, as pure functions of its record."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from chalicelib.catalog.keys import BETWEEN, entry, facet_partition, sort_partition, word_partition
from chalicelib.model import File, ImageInfo, Status, timestamp

# The key of an index item: (pk, sk). The item has no other attribute.
Posting = tuple[str, str]

# One thing that a file is found by, as a text: `=status=ready`, `<size\t00000000000000000123`, `~word`. With tenant, id
# and index shard it becomes a posting. Without them it is short enough to be stored for every file.
Term = str

MAX_WORDS = 64
MIN_WORD, MAX_WORD = 2, 32  # characters
MAX_TEXT = 4096  # characters of one text that are split into words
MAX_NAME_BYTES = 900  # bytes of a file name in a sort key, which may have 1,024 together with the id

_ASCII = re.compile(r"[a-z0-9]{2,}")

# Two or more characters of Chinese or Japanese: CJK ideographs, kana and their marks, after NFKC. Korean has spaces.
_UNSPACED = re.compile(
    "([\u3005-\u3007\u3041-\u3096\u3099-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{2,})"
)

SORTS = ("updated", "size", "filename")

# The revision of a file whose first change was that a worker claimed it.
CLAIMED = 2


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
        ("status", listed_status(file)),
        ("content_type", essence),
        ("content_type", f"{essence.partition('/')[0]}/*"),
    }
    if file.kind:
        found.add(("kind", str(file.kind)))
    if file.owner:
        found.add(("owner", file.owner))
    return found | {("tag", tag) for tag in file.tags}


def is_just_claimed(file: File) -> bool:
    """True for a file that is processed for the first time, and that nobody changed since it was created.

    It soon goes on to another state. Until then its postings stay as they were, which saves four writes: it is in the
    list of the files that wait for their upload, and has its creation as its last update.
    """
    return file.status is Status.PROCESSING and file.kind is None and file.revision == CLAIMED


def listed_status(file: File) -> str:
    """The status under which the index lists a file."""
    return str(Status.AWAITING_UPLOAD if is_just_claimed(file) else file.status)


def media_type(content_type: str) -> str:
    """A content type without its parameters: `text/plain` for `Text/Plain; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def sorted_by(file: File, order: str) -> str:
    """A text that sorts as the files do: by time, by bytes (0 while unknown), or by name without its case."""
    if order == "updated":
        return timestamp(file.created_at if is_just_claimed(file) else file.updated_at)
    if order == "size":
        return f"{file.size or 0:020d}"
    return sortable_name(file.filename)


def sortable_name(name: str) -> str:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return folded.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def words_of(file: File) -> set[str]:
    """The words that a file is found by: those of `places_of`, in any place."""
    return {word for words in places_of(file).values() for word in words}


def places_of(file: File) -> dict[str, set[str]]:
    """The words by the place where they stand.

    At most 64 words of `filename`, `tags` and `image` (artist, title, keywords and caption) count, in this order.
    `text` has those that were found inside the file, and `services` those that services answered. Both are few enough.
    """
    places = {"filename": [file.filename], "tags": file.tags, "image": _said(file.image)}
    split = {place: [word for text in texts for word in split_words(text)] for place, texts in places.items()}
    counted = set(_first(MAX_WORDS, (word for words in split.values() for word in words)))
    found = {place: counted.intersection(words) for place, words in split.items()}
    said = [text for state in file.services.values() for text in state.words]
    return found | {"text": _words_in(file.words), "services": _words_in(said)}


def _said(image: ImageInfo | None) -> list[str]:
    if image is None:
        return []
    return list(filter(None, [image.artist, image.title, *(image.keywords or ()), image.caption]))


def _words_in(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in split_words(text)}


def _first(count: int, words: Iterable[str]) -> Iterator[str]:
    seen: dict[str, None] = {}
    for word in words:
        seen.setdefault(word)
        if len(seen) == count:
            break
    return iter(seen)


def split_words(text: str) -> list[str]:
    """The words of a text, in the index and in queries alike: its runs, cut at 32 characters.

    Chinese and Japanese are written without spaces. In a run of them, each two neighbours are a word.
    """
    return [word for run in runs(text) for word in _words(run)]


def runs(text: str) -> list[str]:
    """The words as they are written: runs of two or more letters, marks and digits, in NFKC and lower case."""
    text = text[:MAX_TEXT]
    if text.isascii():
        return _ASCII.findall(text.lower())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    spaced = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return [run for run in spaced.split() if len(run) >= MIN_WORD]


def _words(run: str) -> Iterator[str]:
    if run.isascii():
        yield run[:MAX_WORD]
        return
    for part in _UNSPACED.split(run):
        if _UNSPACED.fullmatch(part):
            yield from map("".join, pairwise(part))
        elif len(part) >= MIN_WORD:
            yield part[:MAX_WORD]
