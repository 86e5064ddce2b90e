"""Search for files by words: of their names, tags, artists, titles, keywords and captions, and of the text inside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.catalog.dynamodb import batch_get
from chalicelib.catalog.files import in_rounds
from chalicelib.catalog.index.ranges import Budget, Walk
from chalicelib.catalog.index.terms import places_of
from chalicelib.catalog.keys import BETWEEN, LAST, entry, entry_id, facet_partition, marker_key, word_partition
from chalicelib.catalog.room import Room
from chalicelib.model import File, Status
from chalicelib.settings import settings

MAX_QUERY_WORDS = 8
# Queries for one range: one, and more only if DynamoDB ends a page early.
RANGE_QUERIES = 4
# Entries that one Query reads: for each word and shard so many that are the word, and so many that begin with it.
WORD_READS = 250
# Files of one owner that a search looks at: the newest. An index's note on a file is a few KB.
OWN_FILES = 2000
# Records that are read beyond the limit, because some may no longer match.
SPARE = 20

# By id: how many of the words a file has, and how many of them as whole words.
Ranks = dict[str, list[int]]


@dataclass(frozen=True)
class Found:
    """A file, how many of the words in the query it has, and the places where it has them (`terms.places_of`)."""

    file: File
    matched: int
    places: tuple[str, ...] = ()


def search(
    tenant: str, words: Sequence[str], limit: int, room: Room | None = None, *, owner: str | None = None
) -> list[Found]:
    """Files that have one of these words, or a word that begins with one. `words` are as `split_words` gives them.

    Files with the most words come first, then those with more whole words, then the newest. Ids that come next, but
    whose records were not looked at because the answer is full, are noted in `room`.

    Costs two Queries for each word and index shard, and a BatchGetItem for each hundred records. If thousands of files
    have a word, only the 250 newest in each shard are ranked. If thousands have words that begin with it, only the last
    250 in the alphabet are.

    With `owner`, only that owner's files are found, however many others have the same words: its OWN_FILES newest are
    looked at. That costs a Query for each index shard, and a BatchGetItem for each hundred of these files.
    """
    words = words[:MAX_QUERY_WORDS]
    ranks = _ranks(tenant, words) if owner is None else _ranks_of_own(tenant, words, owner)
    best = sorted(ranks, key=lambda file_id: (*ranks[file_id], file_id), reverse=True)[: limit + SPARE]
    room = room or Room()
    found: list[Found] = []
    done = 0
    # Eventually consistent, as the index is: the answer shows files as they were a moment ago.
    for _, file in in_rounds(best, room):
        seen = file is not None and file.tenant == tenant and owner in (None, file.owner)
        match = _found(file, words) if file and seen else None
        if match and match.matched:
            if not room.takes(match.file):
                break
            found.append(match)
        done += 1
        if len(found) == limit:
            break
    room.leave(best[done:][: limit - len(found)])
    return found


def _ranks(tenant: str, words: Sequence[str]) -> Ranks:
    ranks: Ranks = defaultdict(lambda: [0, 0])
    for word in words:
        whole: set[str] = set()
        begun: set[str] = set()
        for shard in range(settings().list_shards):
            partition = word_partition(tenant, word, shard)
            whole |= _read(partition, entry(word, ""), entry(word, LAST))
            begun |= _read(partition, word + " ", word + LAST)
        for file_id in whole | begun:
            ranks[file_id][0] += 1
            ranks[file_id][1] += file_id in whole
    return ranks


def _ranks_of_own(tenant: str, words: Sequence[str], owner: str) -> Ranks:
    """The ranks of an owner's newest files, by the words that the index's own notes on them have."""
    ids: list[str] = []
    for shard in range(settings().list_shards):
        walk = Walk(
            facet_partition(tenant, "owner", owner, shard), False, OWN_FILES, Budget(RANGE_QUERIES), BETWEEN, LAST
        )
        ids += [walk.key(item) for item in walk.first()]
    newest = sorted(ids, reverse=True)[:OWN_FILES]
    ranks: Ranks = {}
    for marker in batch_get(map(marker_key, newest)):
        held = {term[1:] for term in marker["terms"] if term.startswith("~")}
        has = [(word in held, any(each.startswith(word) for each in held)) for word in words]
        if any(begun for _, begun in has):
            file_id = marker["pk"].removeprefix("FILE#")
            ranks[file_id] = [sum(begun for _, begun in has), sum(whole for whole, _ in has)]
    return ranks


def _found(file: File, words: Sequence[str]) -> Found:
    """The file with the words that it has by now; a deleted one has none."""
    if file.status is Status.DELETED:
        return Found(file, 0)
    places = {
        place: {word for word in words if any(own.startswith(word) for own in held)}
        for place, held in places_of(file).items()
    }
    return Found(file, len(set().union(*places.values())), tuple(place for place, held in places.items() if held))


def _read(partition: str, low: str, high: str) -> set[str]:
    """The ids of the last entries in a range: one Query as a rule."""
    walk = Walk(partition, False, WORD_READS, Budget(RANGE_QUERIES), low, high)
    return {entry_id(walk.key(item)) for item in walk.first()}
