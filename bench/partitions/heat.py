"""Counts the write units of a sample of uploads by partition key, and scales them to a rate."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bench.capacity_units import PARTITION_WRITE_UNITS, write_units
from bench.partitions.uploads import START, Life, Workload, file_id_at, kind_of, tenant_name
from chalicelib.catalog import keys
from chalicelib.catalog.index.terms import Posting, Term, posting
from chalicelib.catalog.index.turns import FILES_A_TURN

RATE = 10_000
SEED = 5
# Uploads in a sample: enough for hundreds in each of many shards.
SAMPLE = 10_000
SAMPLE_PER_SHARD = 300
BATCH = 100  # records of the stream per invocation of the index
BIG_BATCH = 1000


@dataclass(frozen=True)
class Design:
    """The keys under test. A test replaces them by bad ones."""

    list_partition: Callable[[str, int], str] = keys.list_partition
    due_partition: Callable[[str], str] = lambda file_id: keys.due_keys(file_id, START)["due_pk"]
    sha_partition: Callable[[str, str], str] = keys.sha256_partition
    posting: Callable[[Term, str, str, int], Posting] = posting
    feed_partition: Callable[[str, int], str] = keys.feed_partition
    head_partition: Callable[[str, int], str] = lambda tenant, shard: keys.head_key(tenant, shard)["pk"]


@dataclass
class Heat:
    """A sample's write units by partition key. Times `scale`, they are units per second at the rate.

    `shared` counts the keys that many files write; their units grow with the rate. `alone` is, by kind, the most that
    the key of a single file gets in its life; that does not grow.
    """

    scale: float
    files: int
    shared: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    alone: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    turns: dict[str, float] = field(default_factory=dict)  # per second on the busiest head, by how batches are made
    kept_feed: float = 0.0  # entries a second of the hottest feed, if each process keeps to one feed shard

    def add(self, partition: str, units: int) -> None:
        kind = kind_of(partition)
        self.shared[kind][partition] += units
        self.total[kind] += units

    def add_alone(self, kind: str, units: int) -> None:
        self.alone[kind] = max(self.alone[kind], units)
        self.total[kind] += units

    def hottest(self, kind: str) -> tuple[str, float]:
        """The hottest key, and its write units per second."""
        shared = [(key, units * self.scale) for key, units in self.shared[kind].most_common(1)]
        return max([*shared, (f"{kind}#…", float(self.alone[kind]))], key=lambda pair: pair[1])

    def over(self) -> dict[str, float]:
        """Kinds whose hottest key is over the limit, and by which factor."""
        return {
            kind: units / PARTITION_WRITE_UNITS
            for kind in self.total
            if (units := self.hottest(kind)[1]) > PARTITION_WRITE_UNITS
        }

    def units_per_file(self, kind: str | None = None) -> float:
        return (self.total[kind] if kind else self.total.total()) / self.files


def simulate(
    workload: Workload,
    shards: int,
    of: list[Life],
    *,
    rate: float = RATE,
    sample: int | None = None,
    seed: int = SEED,
    design: Design = Design(),
) -> Heat:
    """Sends a sample of uploads through the keys.

    Each file's three revisions reach the index in three batches. That is the worst case: together they cost less.
    """
    dice = random.Random(f"{seed} {workload.name} {shards}")
    count = sample or max(SAMPLE, SAMPLE_PER_SHARD * shards)
    heat = Heat(rate / count, count)
    revisions: list[tuple[str, int]] = []
    revisions_of: list[tuple[str, int]] = []  # tenant and number of revisions of each file
    written: Counter[str] = Counter()
    derived = 0  # writes to the table, without those of files' records
    for number, who in enumerate(dice.choices(range(len(workload.shares)), workload.shares, k=count)):
        life, tenant = of[number % len(of)], tenant_name(who)
        moment = START + timedelta(seconds=number / rate)
        file_id = file_id_at(dice, moment)
        shard = keys.shard_of(file_id, shards)
        same = who == 0 and dice.random() * workload.shares[0] < workload.same
        sha256 = "0" * 64 if same else f"{dice.getrandbits(256):064x}"
        written[design.list_partition(tenant, shard)] += life.units["LIST"]
        written[design.due_partition(file_id)] += life.units["DUE"]
        if same:
            written[design.sha_partition(tenant, sha256)] += life.units["SHA"]
        else:
            heat.add_alone(kind_of(design.sha_partition(tenant, sha256)), life.units["SHA"])
        written[design.feed_partition(tenant, shard)] += life.units["FEED"]
        heat.add_alone("FILE", life.units["FILE"])
        for term, units in life.postings:
            written[design.posting(term, tenant, file_id, shard)[0]] += units
        revisions += [(tenant, shard)] * len(life.files)
        revisions_of.append((tenant, len(life.files)))
        # Markers and entries; each turn writes the head once.
        derived += len(life.postings) + 3 + 3
    for partition, units in written.items():
        heat.add(partition, units)
    dice.shuffle(revisions)
    turns = _turns(revisions, BATCH)
    for feed, count in turns.items():
        heat.add(design.head_partition(*feed), count * write_units(1, 1))
    share = len(revisions) / (len(revisions) + derived + turns.total())
    ways = {
        "all writes": _turns(revisions, max(1, round(BATCH * share))),
        "files only": turns,
        "big": _turns(revisions, BIG_BATCH),
        "chosen": _turns([(tenant, 0) for tenant, _ in revisions], BATCH, over=shards),
    }
    kept = _kept(heat, revisions_of, shards, dice)
    ways["kept"] = kept[0]
    heat.kept_feed = max(kept[1].values()) * heat.scale
    heat.turns = {way: max(counted.values()) * heat.scale for way, counted in ways.items()}
    return heat


def _kept(
    heat: Heat, files: list[tuple[str, int]], shards: int, dice: random.Random
) -> tuple[Counter[tuple[str, int]], Counter[tuple[str, int]]]:
    """Turns and entries of each feed, if the first process that indexes a file puts it into the process's own shard.

    The stream has a shard for each thousand write units a second of the table, and one process reads each. All
    revisions of a file are in one stream shard, so as a rule one process puts all of them into one feed shard.
    """
    in_table = heat.total.total() - sum(heat.total[kind] for kind in ("LIST", "DUE", "SHA"))
    readers = max(1, round(in_table * heat.scale / PARTITION_WRITE_UNITS))
    own = [dice.randrange(shards) for _ in range(readers)]
    waiting: dict[tuple[int, str], int] = defaultdict(int)
    for tenant, revisions in files:
        waiting[dice.randrange(readers), tenant] += revisions
    read: Counter[int] = Counter()
    for (reader, _), revisions in waiting.items():
        read[reader] += revisions
    turns: Counter[tuple[str, int]] = Counter()
    entries: Counter[tuple[str, int]] = Counter()
    for (reader, tenant), revisions in waiting.items():
        # Batches are full where the rate is high: a reader's records are cut into batches of BATCH.
        batches = max(1, math.ceil(read[reader] / BATCH))
        in_each = revisions / batches
        turns[tenant, own[reader]] += round(batches * max(min(1.0, in_each), in_each / FILES_A_TURN))
        entries[tenant, own[reader]] += revisions
    return turns, entries


def _turns(revisions: list[tuple[str, int]], batch: int, over: int = 1) -> Counter[tuple[str, int]]:
    """Turns on each feed's head if the stream delivers `batch` revisions at a time.

    With `over`, an invocation puts a tenant's files into the next of that many shards, not into each file's own.
    """
    turns: Counter[tuple[str, int]] = Counter()
    following: Counter[tuple[str, int]] = Counter()
    for records in itertools.batched(revisions, batch):
        for feed, files in Counter(records).items():
            for _ in range(-(-files // FILES_A_TURN)):
                turns[feed[0], feed[1] + following[feed] % over] += 1
                following[feed] += 1
    return turns
