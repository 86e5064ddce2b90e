"""`python -m ops backfill`: existing files go through the pipeline again, after a recipe has changed.

Each is opened as `POST /v1/files/ID/reprocess` opens it, so that what is served stays until the new renditions are
there. Stopped and run again, it goes on: it passes over what the recipe, as it is now, has made or is making.

What made a file is compared by the stage's architecture, not by this computer's; the rest of the engine's name
(recipes.ENGINE_VERSION) is of this checkout, so deploy first.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.model import ErrorCode, File, Kind, Status
from ops import config
from ops.errors import OpsError
from ops.progress import Bar, Pace, confirm, moment, rate

# US dollars in us-east-1, 2026-11, without free tiers: of a GB-second (arm64) and a request of Lambda
# (https://aws.amazon.com/lambda/pricing/), a GET and a PUT (https://aws.amazon.com/s3/pricing/), a request of SQS
# (https://aws.amazon.com/sqs/pricing/) and a write unit (https://aws.amazon.com/dynamodb/pricing/on-demand/).
GB_SECOND, RUN, GET, PUT, MESSAGE, WRITE = 1.33334e-5, 2e-7, 4e-7, 5e-6, 4e-7, 6.25e-7
FUNCTION_GB = 1769 / 1024
# Write units of a record of 3 KB with its indexes, three times over, and of the entries of the list and the feed.
WRITES = 40
RENDITIONS = 12  # of a file that has none yet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--recipe", required=True, help="the recipe to make them by")
    parser.add_argument("--from", dest="was", metavar="RECIPE", help="files that have this recipe (default: the same)")
    parser.add_argument("--since", type=moment, metavar="TIME", help="files created since then (ISO 8601)")
    parser.add_argument("--until", type=moment, metavar="TIME", help="files created before then")
    parser.add_argument("--status", choices=["ready", "failed"], default="ready", help="failed: for our own fault only")
    parser.add_argument("--tenant", help="files of this tenant only")
    parser.add_argument("--kind", choices=[str(kind) for kind in Kind], help="files of this kind only")
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="how many a second (default: 10)")
    parser.add_argument(
        "--seconds", type=float, default=3.0, metavar="S", help="of processing a file, for the estimate (default: 3)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only count, and estimate the cost")
    parser.add_argument("--yes", action="store_true", help="begin without asking")


@dataclass(frozen=True)
class Wanted:
    """Which files; None: any. `engines`: those that the stage's functions may have."""

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
    """Of what the recipe makes of this file today, by each engine."""
    from chalicelib.renditions import places

    made_by = places.recipe_of(file.model_copy(update={"wanted_recipe": recipe}))
    return {made_by.fingerprint_by(engine) for engine in engines}


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    from chalicelib.renditions.engine import engines_of
    from chalicelib.renditions.recipes import RECIPES

    architecture = config.architecture_of(config.read_config(args.project_dir), args.stage)
    for name in (args.recipe, args.was or args.recipe):
        if name not in RECIPES:
            raise OpsError(f"There is no recipe {name!r}. There are: {', '.join(sorted(RECIPES))}.")
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
    print(f"{len(files)} files to process; at {args.rate:g}/s this sends for {duration(len(files) / args.rate)}.")
    if not files:
        return 0
    print(
        f"{dollars(cost(len(files), renditions, args.seconds))} at {args.seconds:g} s a file: list prices of "
        "us-east-1 (ops/backfill.py names the pages), storage and free tiers left out."
    )
    if args.dry_run:
        return 0
    if not confirm("Begin?", yes=args.yes):
        print("Nothing was changed.")
        return 1
    done = backfill(wanted, files, Pace(args.rate))
    said = {"sent": "sent to be processed", "passed": "changed meanwhile", "missing": "without their original"}
    print(", ".join(f"{done[name]} {words}" for name, words in said.items() if done[name] or name == "sent"))
    return 1 if done["missing"] else 0


def matching(wanted: Wanted, tenant: str | None) -> list[File]:
    from chalicelib.catalog import scanning

    pages = scanning.files_of_tenant(tenant) if tenant else scanning.every_file()
    return [_short(file) for page in pages for file in page if file in wanted]


def _short(file: File) -> File:
    """What is kept of each: a million records must fit into memory."""
    return file.model_copy(update={"image": None, "metadata": {}, "tags": []})


def cost(files: int, renditions: int, seconds: float) -> float:
    """US dollars. Three requests a message: it is sent, received and deleted."""
    each = seconds * FUNCTION_GB * GB_SECOND + RUN + 2 * GET + 3 * MESSAGE + WRITES * WRITE
    return files * each + renditions * PUT


def dollars(amount: float) -> str:
    return f"About ${amount:.2f}" if amount >= 0.01 else "Less than a cent"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def backfill(wanted: Wanted, files: list[File], pace: Pace) -> Counter[str]:
    """Opens and sends each that is still wanted: counts of `sent`, `passed` and `missing`.

    The record goes first; a message that is lost then, the sweep sends again.
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
                print(f"{file.id} has no original any more")
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
