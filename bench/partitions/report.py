"""The page that `bench partitions` writes."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.capacity_units import (
    ITEM_STORAGE,
    PARTITION_BYTES,
    PARTITION_READ_UNITS,
    PARTITION_WRITE_UNITS,
    TABLE_UNITS,
)
from bench.partitions.figures import KINDS, PAGE, Results, pages, shards_needed, storage
from bench.partitions.heat import BATCH, BIG_BATCH, SAMPLE, SAMPLE_PER_SHARD, Heat
from bench.partitions.uploads import Life

# Assumed, of one turn on a feed's head: it is read, an entry put, markers written, and the head. One after another.
TURN_SECONDS = (0.02, 0.04)
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
INDEXES = ("LIST", "DUE", "SHA")  # the others are in the table itself
WAYS = {
    "all writes": f"batches of {BATCH} of all the table's writes, without the trigger's filter",
    "files only": f"batches of {BATCH} of files' records",
    "big": f"batches of {BIG_BATCH:,} of files' records",
    "chosen": f"batches of {BATCH} of files' records, each put into one shard that the invocation chooses",
    "kept": f"batches of {BATCH}; a file stays in the feed shard of the process that indexed it first",
}


def page(results: Results, of: list[Life], rate: float, files: float, error: dict[str, float]) -> str:
    """The page, in Markdown."""
    first = next(iter(results.values()))
    lines = [
        f"# Partitions at {rate:,.0f} uploads a second and {files:,.0f} files",
        "",
        "Simulated, not measured: real keys and records, write units by DynamoDB's published rules, a sample scaled "
        f"linearly. One partition takes {PARTITION_WRITE_UNITS:,} write units and {PARTITION_READ_UNITS:,} read units "
        "a second; **bold** is more. Each upload is created, claimed and finished, and each of these reaches the index "
        "by itself. `python -m bench partitions` makes this page.",
        *one_upload(first, rate),
    ]
    for name, heats in results.items():
        lines += hottest_keys(name, heats, rate)
    lines += feed_heads(results, rate)
    lines += reads(of, first)
    lines += stored(of, files)
    lines += exactness(first, error)
    return "\n".join(lines) + "\n"


def one_upload(heats: dict[int, Heat], rate: float) -> list[str]:
    """The write units of one upload by kind of item."""
    fewest = min(heats)
    heat = heats[fewest]
    lines = [
        "",
        "## One upload",
        "",
        f"| | write units, {fewest} shard{'s' * (fewest > 1)} | at the rate, a second |",
        "|---|--:|--:|",
    ]
    for kind in KINDS:
        lines.append(f"| {WHAT[kind]} | {heat.units_per_file(kind):.1f} | {heat.units_per_file(kind) * rate:,.0f} |")
    lines.append(f"| **in all** | {heat.units_per_file():.1f} | {heat.units_per_file() * rate:,.0f} |")
    in_table = sum(heat.units_per_file(kind) for kind in KINDS if kind not in INDEXES)
    return [
        *lines,
        "",
        f"The table itself takes {in_table * rate:,.0f} of these units a second. An on-demand table's default quota is "
        f"{TABLE_UNITS:,}, which is {TABLE_UNITS / in_table:,.0f} uploads a second; AWS raises it on request.",
    ]


def hottest_keys(name: str, heats: dict[int, Heat], rate: float) -> list[str]:
    """The hottest key of each kind for one workload, by number of shards."""
    lines = ["", f"## {name[0].upper()}{name[1:]}", "", "Write units a second of the hottest key:", ""]
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
    return lines


def feed_heads(results: Results, rate: float) -> list[str]:
    """How often the busiest head of a feed is written, by how the stream's batches are made."""
    low, high = (1 / seconds for seconds in reversed(TURN_SECONDS))
    lines = [
        "",
        "## The feed's heads",
        "",
        "Positions of one feed shard are given out in turns, one after another. A turn reads the head, and writes "
        f"entries, markers and the head. At an assumed {TURN_SECONDS[0] * 1000:.0f} to {TURN_SECONDS[1] * 1000:.0f} ms "
        f"a head takes {low:.0f} to {high:.0f} turns a second, fewer when invocations collide. Turns a second of the "
        "busiest head:",
    ]
    for name, heats in results.items():
        lines += ["", f"| {name} | {' | '.join(f'{s} shards' if s > 1 else '1 shard' for s in heats)} |"]
        lines += ["|---|" + "--:|" * len(heats)]
        for way, what in WAYS.items():
            cells = [f"**{t:,.0f}**" if (t := heat.turns[way]) > low else f"{t:,.1f}" for heat in heats.values()]
            lines.append(f"| {what} | {' | '.join(cells)} |")
            if way == "kept":
                cells = [f"{heat.kept_feed:,.0f}" for heat in heats.values()]
                lines.append(f"| … write units of the hottest feed then | {' | '.join(cells)} |")
            if way == "files only":
                spans = [[min(rate, rate * most / heat.turns[way]) for most in (low, high)] for heat in heats.values()]
                cells = [f"{lowest:,.0f} to {highest:,.0f}" for lowest, highest in spans]
                lines.append(f"| … uploads/s that these keep up with | {' | '.join(cells)} |")
    return lines


def reads(of: list[Life], heats: dict[int, Heat]) -> list[str]:
    """The read units of a page of the list."""
    lines = [
        "",
        "## Reads",
        "",
        f"Read units of a page of the {PAGE} newest files of one tenant, and pages a second that each list partition "
        "can give. Each shard is asked for its share of a page and a little more, and again where that was too little:",
        "",
        "| shards | all of a page from each shard | its share | pages a second | shards that are asked again, a page |",
        "|--:|--:|--:|--:|--:|",
    ]
    for shards in heats:
        page = pages(of, shards)
        lines.append(
            f"| {shards} | {page.whole:,.0f} | {page.share:,.1f} | {PARTITION_READ_UNITS * shards / page.share:,.0f} "
            f"| {page.again:.2f} |"
        )
    return lines


def stored(of: list[Life], files: float) -> list[str]:
    """The bytes that the files take in the table, by kind of item."""
    lines = [
        "",
        f"## Storage of {files:,.0f} files",
        "",
        "| kind | bytes a file | in all, TB | partitions of 10 GB |",
        "|---|--:|--:|--:|",
    ]
    sizes = storage(of)
    for kind, size in [*sizes.items(), ("**in all**", sum(sizes.values()))]:
        total = size * files
        lines.append(f"| {kind} | {size:,.0f} | {total / 1e12:.2f} | {math.ceil(total / PARTITION_BYTES):,} |")
    return [
        *lines,
        "",
        f"With {ITEM_STORAGE} bytes an item that DynamoDB bills beside its own. The table has no local index, so a "
        "partition key's items may take more than 10 GB: DynamoDB divides them by their sort keys.",
    ]


def exactness(heats: dict[int, Heat], error: dict[str, float]) -> list[str]:
    """How much the figures depend on the sample."""
    worst = max(error, key=lambda kind: error[kind])
    return [
        "",
        "## How exact",
        "",
        f"Samples are of {SAMPLE:,} uploads, or {SAMPLE_PER_SHARD} a shard. One twice as large, drawn anew, changes "
        f"the hottest keys of one tenant at {middle(heats)} shards by {error[worst]:.1%} at most ({worst}). The "
        "hottest of many shards is overstated by the sample's chance; `shards needed` goes by the mean.",
    ]


def middle(shards: Iterable[int]) -> int:
    ordered = sorted(shards)
    return ordered[len(ordered) // 2]


def _against_limit(units: float) -> str:
    text = f"{units:,.0f}"
    return f"**{text}** ({units / PARTITION_WRITE_UNITS:.1f}x)" if units > PARTITION_WRITE_UNITS else text
