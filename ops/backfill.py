"""`python -m ops backfill`: processes existing files again, after a recipe has changed.

It does the same as `POST /v1/files/ID/reprocess`: the old renditions are served until the new ones are ready. It can
be stopped and run again; it skips files that the present recipe has made, or is making.

To know which recipe made a file, it compares the engine's name. That name contains the stage's architecture (not this
computer's) and the engine version of this checkout (renditions/engine.py), so deploy before you run this.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib import wheels
from chalicelib.model import ErrorCode, File, Kind, Status
from ops import config
from ops.errors import OpsError
from ops.progress import Bar, Pace, confirm, moment, rate

# Prices in US dollars, us-east-1, 2026-11, without free tiers: a GB-second (arm64) and a request of Lambda
# (https://aws.amazon.com/lambda/pricing/), a GET and a PUT (https://aws.amazon.com/s3/pricing/), a request of SQS
# (https://aws.amazon.com/sqs/pricing/) and a write unit (https://aws.amazon.com/dynamodb/pricing/on-demand/).
GB_SECOND, RUN, GET, PUT, MESSAGE, WRITE = 1.33334e-5, 2e-7, 4e-7, 5e-6, 4e-7, 6.25e-7
FUNCTION_GB = 1769 / 1024
# Write units per file: a record of 3 KB with its indexes is written three times, and so are its list and feed entries.
WRITES = 40
RENDITIONS = 12  # assumed for a file that has none yet


EXAMPLES = (
    "backfill --stage dev --recipe photo --kind image --dry-run",
    "backfill --stage dev --recipe photo --since 2026-01-01 --rate 10/s --yes",
    "backfill --stage dev --recipe photo --status failed",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--recipe", required=True, help="process the files with this recipe")
    parser.add_argument(
        "--from", dest="was", metavar="RECIPE", help="only files that have this recipe now (default: the same recipe)"
    )
    parser.add_argument("--since", type=moment, metavar="TIME", help="only files created since then (ISO 8601)")
    parser.add_argument("--until", type=moment, metavar="TIME", help="only files created before then (ISO 8601)")
    parser.add_argument(
        "--status",
        choices=["ready", "failed"],
        default="ready",
        help="only files with this status; failed: only those with the error `internal` (default: ready)",
    )
    parser.add_argument("--tenant", help="only files of this tenant")
    parser.add_argument("--kind", choices=[str(kind) for kind in Kind], help="files of this kind only")
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="files per second (default: 10)")
    parser.add_argument(
        "--seconds", type=float, default=3.0, metavar="S", help="for the estimate: seconds per file (default: 3)"
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only count and estimate the cost")
    parser.add_argument("--yes", action="store_true", help="begin without asking")


@dataclass(frozen=True)
class Wanted:
    """Which files are to be processed. None means any. `engines` are the names that the stage's engine may have."""

    recipe: str
    was: str
    engines: tuple[str, ...]
    status: Status = Status.READY
    since: datetime | None = None
    until: datetime | None = None
    kind: Kind | None = None

    def __contains__(self, file: File) -> bool:
        if (self.since and file.created_at < self.since) or (self.until and file.created_at >= self.until):
            return False
        if file.recipe != self.was and file.recipe != self.recipe:
            return False
        if self.kind and file.kind is not self.kind:
            return False
        if file.status is not self.status or file.version_id is None:
            return False
        if self.status is Status.FAILED:
            return bool(file.error and file.error.code is ErrorCode.INTERNAL)
        return file.made_with not in fingerprints(file, self.recipe, self.engines)


def fingerprints(file: File, recipe: str, engines: Iterable[str]) -> set[str]:
    """Fingerprints of what the present recipe makes of this file, one per engine."""
    from chalicelib.renditions import places

    made_by = places.recipe_of(file.model_copy(update={"wanted_recipe": recipe}))
    return {made_by.fingerprint_by(engine) for engine in engines}


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    from chalicelib.renditions.engine import engines_of
    from chalicelib.renditions.recipes import RECIPES

    architecture = wheels.architecture_of(config.read_config(args.project_dir), args.stage)
    for name in (args.recipe, args.was or args.recipe):
        if name not in RECIPES:
            raise OpsError(f"There is no recipe {name!r}. Choose one of {', '.join(sorted(RECIPES))}.")
    wanted = Wanted(
        args.recipe,
        args.was or args.recipe,
        engines_of(architecture),
        Status(args.status),
        args.since,
        args.until,
        Kind(args.kind) if args.kind else None,
    )
    files = matching(wanted, args.tenant)
    renditions = sum(len(file.renditions) or RENDITIONS for file in files)
    print(f"{len(files)} files to process; at {args.rate:g}/s, sending them takes {duration(len(files) / args.rate)}.")
    if not files:
        return 0
    print(
        f"{dollars(cost(len(files), renditions, args.seconds))} at {args.seconds:g} s per file, by the list prices of "
        "us-east-1 (sources in ops/backfill.py), without storage and without free tiers."
    )
    if args.dry_run:
        return 0
    if not confirm("Begin?", yes=args.yes):
        print("Nothing was changed.")
        return 1
    done = backfill(wanted, files, Pace(args.rate))
    said = {"sent": "sent", "passed": "skipped, because they have changed meanwhile", "missing": "without an original"}
    print(", ".join(f"{done[name]} {words}" for name, words in said.items() if done[name] or name == "sent"))
    return 1 if done["missing"] else 0


def matching(wanted: Wanted, tenant: str | None) -> list[File]:
    """The wanted files of one tenant, or of all."""
    from chalicelib.catalog import scanning

    pages = scanning.files_of_tenant(tenant) if tenant else scanning.every_file()
    return [_short(file) for page in pages for file in page if file in wanted]


def _short(file: File) -> File:
    """The record without its large fields, because a million of them must fit into memory."""
    return file.model_copy(update={"image": None, "metadata": {}, "tags": []})


def cost(files: int, renditions: int, seconds: float) -> float:
    """The cost in US dollars. A message takes three requests: it is sent, received and deleted."""
    each = seconds * FUNCTION_GB * GB_SECOND + RUN + 2 * GET + 3 * MESSAGE + WRITES * WRITE
    return files * each + renditions * PUT


def dollars(amount: float) -> str:
    return f"About ${amount:.2f}" if amount >= 0.01 else "Less than a cent"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def backfill(wanted: Wanted, files: list[File], pace: Pace) -> Counter[str]:
    """Opens the records of the files that are still wanted, and sends their messages.

    The record is written first. If the message is lost after that, the sweep sends it again. Counts the files `sent`,
    `passed` (not wanted any more) and `missing` (without an original).
    """
    from chalicelib.catalog import edits
    from chalicelib.queues.ingest import send
    from chalicelib.storage import originals

    done: Counter[str] = Counter()
    with Bar(len(files), "files") as bar:
        for file in _as_of_now(files):
            if file is None or file not in wanted:
                done["passed"] += 1
            elif not originals.exists(file):
                done["missing"] += 1
                print(f"{file.id}: its original is gone")
            else:
                pace.wait()
                opened = edits.reprocess(file, wanted.recipe)
                done["sent" if opened else "passed"] += 1
                if opened:
                    send(opened)
            bar.step()
    return done


def _as_of_now(files: list[File], at_once: int = 100) -> Iterator[File | None]:
    from chalicelib.catalog import due

    for start in range(0, len(files), at_once):
        page: Iterable[File] = files[start : start + at_once]
        found = due.records([file.id for file in page])
        for file in page:
            yield found.get(file.id)
