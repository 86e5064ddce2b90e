"""`python -m bench partitions`: the hottest partition of each kind, at a rate of uploads, against DynamoDB's limits.

Nothing is measured: a sample of uploads goes through the table's real keys (`chalicelib/catalog`), on records that the
real catalog wrote to a mocked table, and each write is counted in capacity units by the published rules
(`bench/capacity_units.py`). The sample is taken as a share of a second and scaled linearly to the rate.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from moto import mock_aws
from ulid import ULID

from bench.capacity_units import (
    ITEM_STORAGE,
    PARTITION_BYTES,
    PARTITION_READ_UNITS,
    PARTITION_WRITE_UNITS,
    TABLE_UNITS,
    Item,
    indexes,
    item_size,
    read_units,
    write_units,
)
from chalicelib import settings
from chalicelib.catalog import claims, keys
from chalicelib.catalog import files as catalog_files
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.index.terms import Posting, Term, posting, postings, terms
from chalicelib.catalog.index.writer import FILES_A_TRANSACTION, Marker, counted
from chalicelib.model import File, ImageInfo, Kind, Rendition, Status, Visibility
from tests.stage import aws_client, provisioned, table_definition

RATE = 10_000
FILES = 1_000_000_000
SHARDS = (1, 16, 64, 256)
SEED = 5
START = datetime(2026, 11, 22, 12, tzinfo=UTC)

# Uploads in a sample: enough that each of many shards gets hundreds.
SAMPLE = 10_000
SAMPLE_PER_SHARD = 300
LIVES = 70

PAGE = 50  # files of a page of the list, unless the client says otherwise
BATCH = 100  # records of the stream that one invocation of the index gets
BIG_BATCH = 1000
# Assumed, of one turn on a feed's head: it is read, a transaction written, and the head shown. One turn after another.
TURN_SECONDS = (0.02, 0.04)

KINDS = ("FILE", "LIST", "DUE", "SHA", "FACET", "SORT", "WORD", "FEED", "SEQ")

# --- what is uploaded


@dataclass(frozen=True)
class Workload:
    """Who uploads: each tenant's share of all uploads. `same` is the share that has one and the same content."""

    name: str
    shares: tuple[float, ...]
    same: float = 0.0


def _zipf(tenants: int) -> tuple[float, ...]:
    weights = [1 / rank for rank in range(1, tenants + 1)]
    return tuple(weight / sum(weights) for weight in weights)


WORKLOADS = (
    Workload("one tenant", (1.0,)),
    Workload("1,000 tenants by Zipf", _zipf(1000)),
    Workload("half one tenant, half 999 by Zipf; 5% one content", (0.5, *(0.5 * s for s in _zipf(999))), same=0.05),
)


@dataclass(frozen=True)
class Life:
    """One file as created, claimed and finished: the records, and their items as the table has them."""

    files: tuple[File, File, File]
    items: tuple[Item, Item, Item]
    markers: tuple[Item, Item, Item]  # what the index holds of the file after each
    entries: tuple[Item, Item, Item]  # its entry in the feed
    units: Counter[str]  # write units in all: of the record and the marker (FILE), its copies (LIST, DUE, SHA), FEED
    postings: list[tuple[Term, int]]  # each put or deleted in that life, and its write units

    @property
    def ready(self) -> File:
        return self.files[-1]


def lives(count: int, seed: int) -> list[Life]:
    """Files of an invented but usual make, written by the real catalog to a mocked table: six of seven are photos."""
    dice = random.Random(seed)
    with mock_aws():
        provisioned(b"")
        return [_life(dice, number) for number in range(count)]


_WIDTHS = (160, 320, 640, 960, 1280, 1920)
_NAMES = ("beach", "team", "invoice", "launch", "sunset", "menu", "winter", "garden", "product", "draft")


def _life(dice: random.Random, number: int) -> Life:
    photo = number % 7 != 0
    name = f"IMG_{dice.randrange(10_000):04}.jpg" if number % 2 else f"{'-'.join(dice.sample(_NAMES, 3))}-{number}.jpg"
    file = File(
        id=_file_id(dice, START),
        tenant=_tenant(0),
        status=Status.AWAITING_UPLOAD,
        filename=name if photo else name.replace("jpg", "pdf"),
        content_type="image/jpeg" if photo else "application/pdf",
        size=dice.randrange(50_000, 8_000_000),
        visibility=Visibility.PUBLIC,
        recipe="photo",
        tags=dice.sample(["campaign", "press", "shop", "intern", "archive"], dice.randrange(4)),
        revision=1,
        created_at=START,
        updated_at=START,
        expires_at=START + timedelta(hours=1),
        correlation_id=f"{dice.getrandbits(128):032x}",
    )
    snapshots: list[Item] = []

    def look() -> None:
        got = aws_client("dynamodb").get_item(TableName=settings.settings().table, Key=_typed(keys.file_key(file.id)))
        snapshots.append(got["Item"])

    catalog_files.create(file)
    look()
    claimed = claims.claim(
        file.id,
        version_id=f"{dice.getrandbits(160):032x}",
        sequencer=f"{dice.getrandbits(72):018X}",
        claim_id=f"{dice.getrandbits(128):032x}",
        lease=timedelta(minutes=3),
    )
    assert isinstance(claimed, File)
    look()
    ready = claims.finish(
        claimed,
        kind=Kind.IMAGE if photo else Kind.OTHER,
        content_type=file.content_type,
        size=file.size or 0,
        sha256=f"{dice.getrandbits(256):064x}",
        info=_image(dice) if photo else None,
        renditions=[_rendition(width, form) for width in _WIDTHS for form in ("jpeg", "webp")] if photo else [],
        source_version=f"{dice.getrandbits(64):016x}",
        made_with=f"{dice.getrandbits(64):016x}",
    )
    assert ready is not None
    look()
    created, claimed, ready = (
        record.model_copy(update={"updated_at": START + timedelta(seconds=record.revision)})
        for record in (file, claimed, ready)
    )
    files, items = (created, claimed, ready), (snapshots[0], snapshots[1], snapshots[2])
    markers, entries = _in_index(files)
    units = _record_units(items) + _transaction_units("FILE", markers, replaced=True)
    units += _transaction_units("FEED", entries, replaced=False)
    return Life(files, items, markers, entries, units, _posting_writes(files))


def _image(dice: random.Random) -> ImageInfo:
    return ImageInfo(
        width=4000,
        height=3000,
        format="jpeg",
        thumbhash="HgkKZZpyiXawZ4iIeKeGd4Db+Id9",
        dominant_color="#db292a",
        exif={
            "make": "Canon",
            "model": "Canon EOS R6",
            "taken_at": "2026-04-12T18:30:12",
            "exposure_time": 0.004,
            "f_number": 2.8,
            "iso": 400,
            "focal_length": 35.0,
        },
        megapixels=12.0,
        color_space="sRGB",
        has_alpha=False,
        blurhash="LmJHjShwj0tvi@|psSJVjXsljsWX",
        palette=["#29c83c", "#db292a", "#333cdb", "#e5dc3c", "#d9d147"],
        phash="93666e996466c699",
        sharpness=32.9,
        caption=" ".join(dice.sample(_NAMES, 6)) if dice.random() < 0.3 else None,
    )


def _rendition(width: int, form: str) -> Rendition:
    return Rendition(
        name=f"w{width}",
        format=form,
        content_type=f"image/{form}",
        width=width,
        height=width * 3 // 4,
        size=width * width // 12,
    )


def _typed(key: keys.Key) -> dict[str, Any]:
    return {name: {"S": value} for name, value in key.items()}


def _file_id(dice: random.Random, moment: datetime) -> str:
    return f"file_{ULID.from_bytes(int(moment.timestamp() * 1000).to_bytes(6, 'big') + dice.randbytes(10))}"


def _tenant(number: int) -> str:
    return f"tenant-{number:04}"


def _record_units(items: tuple[Item, Item, Item]) -> Counter[str]:
    units: Counter[str] = Counter()
    of_table = indexes(table_definition())
    before: Item | None = None
    for after in items:
        units["FILE"] += write_units(item_size(before) if before else 0, item_size(after))
        for index in of_table:
            for partition, cost in index.writes(before, after):
                units[kind_of(partition)] += cost
        before = after
    return units


def _in_index(files: tuple[File, File, File]) -> tuple[tuple[Item, Item, Item], tuple[Item, Item, Item]]:
    shard, position = 100, 3_000_000  # of the length that they have in a big stage

    def marker(file: File) -> Item:
        held = Marker(shard, file.revision, position, terms(file), counted(file))
        return attributes(held.item(file.id))

    def entry(file: File) -> Item:
        values = {"file_id": file.id, "revision": file.revision}
        return attributes({**keys.feed_key(file.tenant, shard, position), **values})

    first, second, third = files
    return (marker(first), marker(second), marker(third)), (entry(first), entry(second), entry(third))


def posting_size(pk: str, sk: str) -> int:
    return item_size({"pk": {"S": pk}, "sk": {"S": sk}})


def _posting_writes(files: tuple[File, File, File]) -> list[tuple[Term, int]]:
    writes: list[tuple[Term, int]] = []
    before = frozenset[Term]()
    for file in files:
        after = terms(file)
        changed = sorted(before ^ after)
        writes += [(t, write_units(0, posting_size(*posting(t, file.tenant, file.id, 100)))) for t in changed]
        before = after
    return writes


def _transaction_units(kind: str, items: tuple[Item, Item, Item], *, replaced: bool) -> Counter[str]:
    """Of three writes in transactions; where not `replaced`, each is another item and the one before is deleted."""
    sizes = [item_size(item) for item in items]
    units = 0
    for before, after in itertools.pairwise([0, *sizes]):
        if replaced or not before:
            units += write_units(before, after, transaction=True)
        else:
            units += write_units(before, 0, transaction=True) + write_units(0, after, transaction=True)
    return Counter({kind: units})


def kind_of(partition: str) -> str:
    return partition.partition("#")[0]


# --- where it is written


@dataclass(frozen=True)
class Design:
    """The keys under test; a test plants bad ones."""

    list_partition: Callable[[str, int], str] = keys.list_partition
    due_partition: Callable[[str], str] = lambda file_id: keys.due_keys(file_id, START)["due_pk"]
    sha_partition: Callable[[str, str], str] = keys.sha256_partition
    posting: Callable[[Term, str, str, int], Posting] = posting
    feed_partition: Callable[[str, int], str] = keys.feed_partition
    head_partition: Callable[[str, int], str] = lambda tenant, shard: keys.head_key(tenant, shard)["pk"]


@dataclass
class Heat:
    """A sample's write units by partition key, and what of them a second is at the rate.

    `shared` are keys that many files write; their units grow with the rate. `alone` is, by kind, the most that any key
    of a single file gets in its whole life; it does not.
    """

    scale: float
    files: int
    shared: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    alone: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    turns: dict[str, float] = field(default_factory=dict)  # a second on the busiest head, by how batches are made

    def add(self, partition: str, units: int) -> None:
        kind = kind_of(partition)
        self.shared[kind][partition] += units
        self.total[kind] += units

    def add_alone(self, kind: str, units: int) -> None:
        self.alone[kind] = max(self.alone[kind], units)
        self.total[kind] += units

    def hottest(self, kind: str) -> tuple[str, float]:
        """The key that gets most, and its write units a second."""
        shared = [(key, units * self.scale) for key, units in self.shared[kind].most_common(1)]
        return max([*shared, (f"{kind}#…", float(self.alone[kind]))], key=lambda pair: pair[1])

    def over(self) -> dict[str, float]:
        """Kinds whose hottest key is over the limit: by how many times."""
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
    """A sample of uploads through the keys. Each file's three revisions reach the index in three batches (the worst
    case: those that come together cost less)."""
    dice = random.Random(f"{seed} {workload.name} {shards}")
    count = sample or max(SAMPLE, SAMPLE_PER_SHARD * shards)
    heat = Heat(rate / count, count)
    revisions: list[tuple[str, int]] = []
    written: Counter[str] = Counter()
    derived = 0  # writes to the table other than of files' records
    for number, who in enumerate(dice.choices(range(len(workload.shares)), workload.shares, k=count)):
        life, tenant = of[number % len(of)], _tenant(who)
        moment = START + timedelta(seconds=number / rate)
        file_id = _file_id(dice, moment)
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
        # Markers, entries and the entries before them; each turn on a head writes it twice.
        derived += len(life.postings) + 3 + 5
    for partition, units in written.items():
        heat.add(partition, units)
    dice.shuffle(revisions)
    turns = _turns(revisions, BATCH)
    for feed, count in turns.items():
        # A transaction that takes positions, and an update that shows them.
        heat.add(design.head_partition(*feed), count * (write_units(0, 1, transaction=True) + write_units(1, 1)))
    share = len(revisions) / (len(revisions) + derived + 2 * turns.total())
    ways = {
        "all writes": _turns(revisions, max(1, round(BATCH * share))),
        "files only": turns,
        "big": _turns(revisions, BIG_BATCH),
        "chosen": _turns([(tenant, 0) for tenant, _ in revisions], BATCH, over=shards),
    }
    heat.turns = {way: max(counted.values()) * heat.scale for way, counted in ways.items()}
    return heat


def _turns(revisions: list[tuple[str, int]], batch: int, over: int = 1) -> Counter[tuple[str, int]]:
    """Turns on each feed's head when the stream hands out so many revisions at a time.

    With `over`, the invocation puts a tenant's files into whichever of so many shards is next, not into each file's.
    """
    turns: Counter[tuple[str, int]] = Counter()
    following: Counter[tuple[str, int]] = Counter()
    for records in itertools.batched(revisions, batch):
        for feed, files in Counter(records).items():
            for _ in range(-(-files // FILES_A_TRANSACTION)):
                turns[feed[0], feed[1] + following[feed] % over] += 1
                following[feed] += 1
    return turns


# --- what is said of it


WHAT = {
    "FILE": "`FILE#id`: the record and its marker",
    "LIST": "`LIST#tenant#shard`: newest first (`by_created`, whole records)",
    "DUE": "`DUE#0…`: what is due (`by_due`)",
    "SHA": "`SHA#tenant#hash`: duplicates (`by_sha256`)",
    "FACET": "`FACET#tenant#name=value#shard`: filters",
    "SORT": "`SORT#tenant#order#shard`: orders",
    "WORD": "`WORD#tenant#two letters#shard`: words",
    "FEED": "`FEED#tenant#shard`: changes",
    "SEQ": "`SEQ#tenant#shard`: a feed's head, with the counts",
}
# Kinds that FILEMILL_LIST_SHARDS divides evenly; a head does not (see the feed's heads).
SHARDED = ("LIST", "FACET", "SORT", "WORD", "FEED")
INDEXES = ("LIST", "DUE", "SHA")  # the others are in the table itself

WAYS = {
    "all writes": f"batches of {BATCH} of all the table's writes, without the trigger's filter",
    "files only": f"batches of {BATCH} of files' records",
    "big": f"batches of {BIG_BATCH:,} of files' records",
    "chosen": f"batches of {BATCH} of files' records, each put into one shard that the invocation chooses",
}

Results = dict[str, dict[int, Heat]]


def storage(of: list[Life]) -> dict[str, float]:
    """Mean bytes that are kept, and billed, of a ready file, by kind of item."""
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


def page_units(of: list[Life], limit: int = PAGE) -> float:
    """Read units that a page of the newest files takes of each list partition.

    `catalog.list_files` asks every shard for a page and one more, eventually consistent, whole records.
    """
    size = fmean(item_size(life.items[-1]) for life in of)
    return read_units(round(size * (limit + 1)), consistent=False)


def shards_needed(kind: str, heats: dict[int, Heat]) -> int | None:
    """Partitions that the busiest tenant's (of DUE, the stage's) writes of this kind need; None for other kinds."""
    fewest = min(heats)
    if kind == "DUE":
        heat = heats[fewest]
        return math.ceil(heat.total[kind] * heat.scale / PARTITION_WRITE_UNITS)
    if kind in SHARDED:
        return math.ceil(heats[fewest].hottest(kind)[1] * fewest / PARTITION_WRITE_UNITS)
    return None


def scaling_error(of: list[Life], rate: float, shards: int) -> dict[str, float]:
    """By kind, by how much the hottest key's figure changes when the sample is doubled (and drawn anew)."""
    count = max(SAMPLE, SAMPLE_PER_SHARD * shards)
    once, twice = (simulate(WORKLOADS[0], shards, of, rate=rate, sample=count * n, seed=SEED + n) for n in (1, 2))
    return {kind: abs(once.hottest(kind)[1] / twice.hottest(kind)[1] - 1) for kind in KINDS}


def report(results: Results, of: list[Life], rate: float, files: float, error: dict[str, float]) -> str:
    first = next(iter(results.values()))
    fewest = min(first)
    lines = [
        f"# Partitions at {rate:,.0f} uploads a second and {files:,.0f} files",
        "",
        "Simulated, not measured: real keys and records, write units by DynamoDB's published rules, a sample scaled "
        f"linearly. One partition takes {PARTITION_WRITE_UNITS:,} write units and {PARTITION_READ_UNITS:,} read units "
        "a second; **bold** is more. Each upload is created, claimed and finished, and each of these reaches the index "
        "by itself. `python -m bench partitions` makes this page.",
        "",
        "## One upload",
        "",
        f"| | write units, {fewest} shard{'s' * (fewest > 1)} | at the rate, a second |",
        "|---|--:|--:|",
    ]
    heat = first[fewest]
    for kind in KINDS:
        lines.append(f"| {WHAT[kind]} | {heat.units_per_file(kind):.1f} | {heat.units_per_file(kind) * rate:,.0f} |")
    lines.append(f"| **in all** | {heat.units_per_file():.1f} | {heat.units_per_file() * rate:,.0f} |")
    in_table = sum(heat.units_per_file(kind) for kind in KINDS if kind not in INDEXES)
    lines += [
        "",
        f"The table itself takes {in_table * rate:,.0f} of these units a second. An on-demand table's default quota is "
        f"{TABLE_UNITS:,}, which is {TABLE_UNITS / in_table:,.0f} uploads a second; AWS raises it on request.",
    ]
    for name, heats in results.items():
        lines += ["", f"## {name[0].upper()}{name[1:]}", "", "Write units a second of the hottest key:", ""]
        lines += [f"| kind | {' | '.join(f'{s} shards' if s > 1 else '1 shard' for s in heats)} | shards needed |"]
        lines += ["|---|" + "--:|" * (len(heats) + 1)]
        for kind in KINDS:
            cells = [_against_limit(heat.hottest(kind)[1]) for heat in heats.values()]
            needed = shards_needed(kind, heats)
            lines.append(f"| {kind} | {' | '.join(cells)} | {needed or ''} |")
        for label, without in (("uploads/s that these hold", ()), ("… with enough DUE partitions", ("DUE",))):
            held = [
                rate / max([1.0, *(times for k, times in h.over().items() if k not in without)]) for h in heats.values()
            ]
            lines.append(f"| {label} | {' | '.join(f'{uploads:,.0f}' for uploads in held)} | |")
    low, high = (1 / seconds for seconds in reversed(TURN_SECONDS))
    lines += [
        "",
        "## The feed's heads",
        "",
        "Positions of one feed shard are given out in turns, one after another. A turn is a read, a transaction and an "
        f"update; at an assumed {TURN_SECONDS[0] * 1000:.0f} to {TURN_SECONDS[1] * 1000:.0f} ms a head takes "
        f"{low:.0f} to {high:.0f} turns a second, fewer when invocations collide. Turns a second of the busiest head:",
    ]
    for name, heats in results.items():
        lines += ["", f"| {name} | {' | '.join(f'{s} shards' if s > 1 else '1 shard' for s in heats)} |"]
        lines += ["|---|" + "--:|" * len(heats)]
        for way, what in WAYS.items():
            cells = [f"**{t:,.0f}**" if (t := heat.turns[way]) > low else f"{t:,.1f}" for heat in heats.values()]
            lines.append(f"| {what} | {' | '.join(cells)} |")
            if way == "files only":
                spans = [[min(rate, rate * most / heat.turns[way]) for most in (low, high)] for heat in heats.values()]
                cells = [f"{lowest:,.0f} to {highest:,.0f}" for lowest, highest in spans]
                lines.append(f"| … uploads/s that these keep up with | {' | '.join(cells)} |")
    each = page_units(of)
    lines += [
        "",
        "## Reads",
        "",
        f"A page of the {PAGE} newest files takes {each:.0f} read units of every list partition, so a tenant can have "
        f"{PARTITION_READ_UNITS / each:,.0f} such pages a second however many shards there are, and a page costs "
        + ", ".join(f"{each * s:,.0f} ({s})" for s in first)
        + " read units with so many shards.",
        "",
        f"## Storage of {files:,.0f} files",
        "",
        "| kind | bytes a file | in all, TB | partitions of 10 GB |",
        "|---|--:|--:|--:|",
    ]
    stored = storage(of)
    for kind, size in [*stored.items(), ("**in all**", sum(stored.values()))]:
        total = size * files
        lines.append(f"| {kind} | {size:,.0f} | {total / 1e12:.2f} | {math.ceil(total / PARTITION_BYTES):,} |")
    worst = max(error, key=lambda kind: error[kind])
    lines += [
        "",
        f"With {ITEM_STORAGE} bytes an item that DynamoDB bills beside its own. The table has no local index, so a "
        "partition key's items may take more than 10 GB: DynamoDB divides them by their sort keys.",
        "",
        "## How exact",
        "",
        f"Samples are of {SAMPLE:,} uploads, or {SAMPLE_PER_SHARD} a shard. One twice as large, drawn anew, changes "
        f"the hottest keys of one tenant at {_middle(first)} shards by {error[worst]:.1%} at most ({worst}). The "
        "hottest of many shards is overstated by the sample's chance; `shards needed` goes by the mean.",
    ]
    return "\n".join(lines) + "\n"


def _middle(shards: Iterable[int]) -> int:
    ordered = sorted(shards)
    return ordered[len(ordered) // 2]


def _against_limit(units: float) -> str:
    text = f"{units:,.0f}"
    return f"**{text}** ({units / PARTITION_WRITE_UNITS:.1f}x)" if units > PARTITION_WRITE_UNITS else text


def figures(results: Results, of: list[Life], rate: float, files: float, error: dict[str, float]) -> dict[str, Any]:
    """The same as values: units a second by workload, shards and kind; bytes; shares."""
    by_workload = {
        name: {
            str(shards): {
                "hottest": {kind: heat.hottest(kind) for kind in KINDS},
                "over": heat.over(),
                "turns": heat.turns,
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
        "page_read_units": page_units(of),
        "bytes_per_file": storage(of),
        "scaling_error": error,
    }


def run(
    rate: float = RATE,
    files: float = FILES,
    shards: Sequence[int] = SHARDS,
    json_file: Path | None = None,
) -> None:
    """Simulates, and prints the page; `json_file` is written, the page (.md) next to it."""
    progress = Progress(len(WORKLOADS) * len(shards) + 2)
    of = lives(LIVES, SEED)
    progress.step()
    # The longest first, so that both processes end together.
    jobs = sorted(itertools.product(WORKLOADS, sorted(set(shards))), key=lambda job: -job[1])
    done: dict[tuple[str, int], Heat] = {}
    with ProcessPoolExecutor() as pool:
        checked = pool.submit(scaling_error, of, rate, _middle(shards))
        waiting = {pool.submit(simulate, workload, n, of, rate=rate): (workload.name, n) for workload, n in jobs}
        for future in as_completed(waiting):
            done[waiting[future]] = future.result()
            progress.step()
        error = checked.result()
        progress.step()
    results = {w.name: {count: done[w.name, count] for count in sorted(set(shards))} for w in WORKLOADS}
    text = report(results, of, rate, files, error)
    print(text)
    if json_file:
        exact = json.dumps(figures(results, of, rate, files, error))
        values = json.loads(exact, parse_float=lambda x: round(float(x), 4))
        json_file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        json_file.with_suffix(".md").write_text(text)


class Progress:
    """A bar on a terminal's standard error; elsewhere nothing."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done = steps, 0
        self._draw()

    def step(self) -> None:
        self.done += 1
        self._draw()

    def _draw(self) -> None:
        if sys.stderr.isatty():
            end = "\n" if self.done == self.steps else ""
            bar = "#" * (30 * self.done // self.steps)
            print(f"\rbench: [{bar:<30}] {self.done}/{self.steps}", end=end, file=sys.stderr, flush=True)
