"""Figures that follow from the counts: storage, the cost of a page, the shards that are needed, and exactness."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from bench.capacity_units import ITEM_STORAGE, PARTITION_WRITE_UNITS, indexes, item_size, read_units
from bench.partitions.heat import SAMPLE, SAMPLE_PER_SHARD, SEED, Heat, simulate
from bench.partitions.uploads import WORKLOADS, Life, kind_of, posting_size
from chalicelib.catalog.index import lists
from chalicelib.catalog.index.terms import postings
from tests.stage import table_definition

KINDS = ("FILE", "LIST", "DUE", "SHA", "FACET", "SORT", "WORD", "FEED", "SEQ")
# Kinds that FILEMILL_LIST_SHARDS divides evenly; a head does not (see the feed's heads).
SHARDED = ("LIST", "FACET", "SORT", "WORD", "FEED")
PAGE = 50  # files of a page of the list, unless the client says otherwise
Results = dict[str, dict[int, Heat]]


def storage(of: list[Life]) -> dict[str, float]:
    """Mean bytes that a ready file takes in the table, as they are billed, by kind of item."""
    sums: Counter[str] = Counter()
    for life in of:
        item = life.items[-1]
        sums["FILE"] += item_size(item) + item_size(life.markers[-1]) + 2 * ITEM_STORAGE
        for index in indexes(table_definition()):
            if projected := index.projected(item):
                sums[kind_of(projected[index.partition]["S"])] += item_size(projected) + ITEM_STORAGE
        for pk, sk in postings(life.files[-1], 100):
            sums[kind_of(pk)] += posting_size(pk, sk) + ITEM_STORAGE
        sums["FEED"] += item_size(life.entries[-1]) + ITEM_STORAGE
    return {kind: sums[kind] / len(of) for kind in KINDS if sums[kind]}


@dataclass(frozen=True)
class Pages:
    """Read units of a page of the newest files: with all of a page read from each shard, and with its `share` only.

    `again` is how many shards are asked a second time for a page.
    """

    whole: float
    share: float
    again: float


def pages(of: list[Life], shards: int, limit: int = PAGE, tries: int = 200) -> Pages:
    """Simulated: files are spread over the shards by chance, and read as `lists` reads them, eventually consistent."""
    size = fmean(item_size(life.items[-1]) for life in of)
    whole = read_units(round(size * (limit + 1)), consistent=False) * shards
    dice = random.Random(f"{SEED} {shards}")
    share = again = 0.0
    for _ in range(tries):
        found = Counter(dice.randrange(shards) for _ in range(limit + 1))
        for shard in range(shards):
            chunk, needed = lists.share(limit, shards), found[shard]
            share += read_units(round(size * chunk), consistent=False)
            # The shard's next item must be known, too.
            while needed >= chunk and chunk <= limit:
                needed, chunk = needed - chunk, min(2 * chunk, limit + 1)
                share += read_units(round(size * chunk), consistent=False)
                again += 1
    return Pages(whole, share / tries, again / tries)


def shards_needed(kind: str, heats: dict[int, Heat]) -> int | None:
    """Partitions that the busiest tenant's writes of this kind need (for DUE: the stage's). None for other kinds."""
    fewest = min(heats)
    if kind == "DUE":
        heat = heats[fewest]
        return math.ceil(heat.total[kind] * heat.scale / PARTITION_WRITE_UNITS)
    if kind in SHARDED:
        return math.ceil(heats[fewest].hottest(kind)[1] * fewest / PARTITION_WRITE_UNITS)
    return None


def scaling_error(of: list[Life], rate: float, shards: int) -> dict[str, float]:
    """By kind: how much the hottest key's figure changes when the sample is drawn again, twice as large."""
    count = max(SAMPLE, SAMPLE_PER_SHARD * shards)
    once, twice = (simulate(WORKLOADS[0], shards, of, rate=rate, sample=count * n, seed=SEED + n) for n in (1, 2))
    return {kind: abs(once.hottest(kind)[1] / twice.hottest(kind)[1] - 1) for kind in KINDS}


def values(results: Results, of: list[Life], rate: float, files: float, error: dict[str, float]) -> dict[str, Any]:
    """The page's figures: units per second by workload, shards and kind; bytes; shares."""
    by_workload = {
        name: {
            str(shards): {
                "hottest": {kind: heat.hottest(kind) for kind in KINDS},
                "over": heat.over(),
                "turns": heat.turns,
                "kept_feed": heat.kept_feed,
                "units_per_upload": {kind: heat.units_per_file(kind) for kind in KINDS},
            }
            for shards, heat in heats.items()
        }
        | {"shards_needed": {kind: shards_needed(kind, heats) for kind in KINDS}}
        for name, heats in results.items()
    }
    return {
        "rate": rate,
        "files": files,
        "workloads": by_workload,
        "page_read_units": {str(shards): asdict(pages(of, shards)) for shards in next(iter(results.values()))},
        "bytes_per_file": storage(of),
        "scaling_error": error,
    }
