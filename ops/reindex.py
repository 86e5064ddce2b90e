"""`python -m ops reindex`: gives every file to the index, as the table's stream would have done.

It is for a stage that is older than its index, or whose stream was not read for a day. A file that the index knows
already costs one read. Running it again changes nothing.
"""

from __future__ import annotations

import argparse
import os
from itertools import batched

from ops import config
from ops.prices import READ, WRITE, dollars
from ops.progress import Bar, Pace, duration, rate

BATCH = 100  # files, as many as the stream's trigger delivers at once

# Write units of a file that is new to the index, and the cost of one that it has (its record, its marker, the head of
# its feed shard), in US dollars: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
WRITES = 15
KNOWN = 2.5 * READ

EXAMPLES = (
    "reindex --stage dev --dry-run",
    "reindex --stage dev --tenant acme",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--tenant", help="only files of this tenant")
    parser.add_argument("--rate", type=rate, default=200.0, metavar="N/s", help="files per second (default: 200)")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only count the files")


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    looked_at, fresh = reindex(args.tenant, Pace(args.rate / BATCH), dry_run=args.dry_run)
    print(
        f"{looked_at} files"
        + (f". {estimate(looked_at, args.rate)}" if args.dry_run else f", {fresh} of them new to the index")
    )
    return 0


def estimate(files: int, rate: float) -> str:
    """The sentence about time and cost."""
    known, new = (dollars(files * each) for each in (KNOWN, KNOWN + WRITES * WRITE))
    return (
        f"At {rate:g}/s that takes {duration(files / rate)}. {known} if the index has them all, {new.lower()} if it "
        "has none, by the list prices of us-east-1 (sources in ops/prices.py)."
    )


def reindex(tenant: str | None, pace: Pace, *, dry_run: bool = False) -> tuple[int, int]:
    """(number of files, number of those that the index did not have in their present state)."""
    from chalicelib.catalog import scanning
    from chalicelib.catalog.index import writer

    looked_at = fresh = 0
    with Bar(0, "files") as bar:
        for page in scanning.files_of_tenant(tenant) if tenant else scanning.every_file():
            for files in batched(page, BATCH):
                if not dry_run:
                    pace.wait()
                    fresh += writer.index([writer.Change(file, ()) for file in files])
                looked_at += len(files)
                for _ in files:
                    bar.step()
    return looked_at, fresh
