"""`python -m ops backfill`: brings what is new to the files that exist: a recipe, processors, or a service.

For recipes and processors it does the same as `POST /v1/files/ID/reprocess`: the old renditions are served until the
new ones are ready. It can be stopped and run again; it skips files that have what is new, or are getting it.

To know which recipe made a file, it compares the engine's name. That name contains the stage's architecture (not this
computer's) and the engine version of this checkout (renditions/engine.py), so deploy before you run this.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib import wheels
from chalicelib.model import ErrorCode, File, Kind, Status
from ops import config, selection
from ops.backfill_choices import Behind, Bounds, Choice, Unasked
from ops.errors import OpsError
from ops.prices import FUNCTION_GB, GB_SECOND, GET, MESSAGE, PUT, RUN, WRITE, dollars
from ops.progress import Bar, Pace, confirm, duration, moment, rate

if TYPE_CHECKING:
    from chalicelib.processing.services import Service

# Write units per file: a record of 3 KB with its indexes is written three times (21), and the index is told three times
# (18: status, last update, entry, marker and head).
WRITES = 40
RENDITIONS = 12  # assumed for a file that has none yet
# A service's own price for one file. DetectLabels, the first million a month: https://aws.amazon.com/rekognition/pricing/
ASKED = {"labels": 1e-3}


EXAMPLES = (
    "backfill --stage dev --recipe photo --kind image --dry-run",
    "backfill --stage dev --recipe photo --since 2026-01-01 --rate 10/s --yes",
    "backfill --stage dev --recipe photo --status failed",
    "backfill --stage dev --processors --kind pdf --dry-run",
    "backfill --stage dev --service labels --since 2026-01-01",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--recipe", help="process the files with this recipe")
    what.add_argument(
        "--processors",
        action="store_true",
        help="process the files again that have a processor, or a newer one, by now",
    )
    what.add_argument("--service", metavar="NAME", help="ask this service about the files for which it has no result")
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
    parser.add_argument("--type", metavar="TYPE", help="files of this content type only (not with --recipe)")
    parser.add_argument("--failed", action="store_true", help="with --service: ask again about files that it refused")
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="files per second (default: 10)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=3.0,
        metavar="S",
        help="for the estimate: seconds of `process` per file (default: 3)",
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
        if not selection.created_within(file, self.since, self.until):
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

    def of(self, page: Iterable[File]) -> Iterator[File]:
        return (file for file in page if file in self)

    def open(self, file: File) -> File | None:
        from chalicelib.catalog import edits

        return edits.reprocess(file, self.recipe)

    def send(self, opened: File) -> None:
        from chalicelib.queues import ingest

        ingest.send(opened)


def fingerprints(file: File, recipe: str, engines: Iterable[str]) -> set[str]:
    """Fingerprints of what the present recipe makes of this file, one per engine."""
    from chalicelib.renditions import places

    made_by = places.recipe_of(file.model_copy(update={"wanted_recipe": recipe}))
    return {made_by.fingerprint_by(engine) for engine in engines}


def main(args: argparse.Namespace) -> int:
    _refuse_what_does_not_go_together(args)
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    wanted = choice(args)
    files = matching(wanted, args.tenant)
    if isinstance(wanted, Behind) and wanted.no_recipe:
        print(f"{wanted.no_recipe} files have a recipe that there is no more. Choose one: --recipe NAME --from OLD.")
    print(f"{len(files)} files to process; at {args.rate:g}/s, sending them takes {duration(len(files) / args.rate)}.")
    if not files:
        return 0
    print(estimate(wanted, files, args.seconds))
    if args.dry_run:
        return 0
    if not confirm("Begin?", yes=args.yes):
        print("Nothing was changed.")
        return 1
    done = backfill(wanted, files, Pace(args.rate))
    said = {"sent": "sent", "passed": "skipped, because they have changed meanwhile", "missing": "without an original"}
    print(", ".join(f"{done[name]} {words}" for name, words in said.items() if done[name] or name == "sent"))
    return 1 if done["missing"] else 0


def _refuse_what_does_not_go_together(args: argparse.Namespace) -> None:
    if (args.was or args.status != "ready") and not args.recipe:
        raise OpsError("--from and --status can only be used together with --recipe.")
    if args.type and args.recipe:
        raise OpsError("--type can only be used together with --processors or --service.")
    if args.failed and not args.service:
        raise OpsError("--failed can only be used together with --service.")


def choice(args: argparse.Namespace) -> Choice:
    """The files that the arguments ask for. The stage's settings must be in the environment. Raises OpsError."""
    bounds = Bounds(args.since, args.until, Kind(args.kind) if args.kind else None, args.type)
    if args.processors:
        return Behind(bounds)
    return Unasked(service_of(args.service), bounds, args.failed) if args.service else wanted_of(args)


def service_of(name: str) -> Service:
    """The service of this name. Raises OpsError if the stage does not run it."""
    from chalicelib.processing import services

    for service in services.enabled():
        if service.name == name:
            return service
    raise OpsError(
        f"The stage does not run the service {name!r}. Name it in FILEMILL_SERVICES in .chalice/config.json, and run "
        "`ops provision` and `make deploy`."
    )


def wanted_of(args: argparse.Namespace) -> Wanted:
    """The files of a recipe that the arguments ask for. Raises OpsError if there is no such recipe."""
    from chalicelib.renditions.engine import engines_of
    from chalicelib.renditions.recipes import RECIPES

    architecture = wheels.architecture_of(config.read_config(args.project_dir), args.stage)
    for name in (args.recipe, args.was or args.recipe):
        if name not in RECIPES:
            raise OpsError(f"There is no recipe {name!r}. Choose one of {', '.join(sorted(RECIPES))}.")
    return Wanted(
        args.recipe,
        args.was or args.recipe,
        engines_of(architecture),
        Status(args.status),
        args.since,
        args.until,
        Kind(args.kind) if args.kind else None,
    )


def matching(wanted: Choice, tenant: str | None) -> selection.Files:
    """The wanted files of one tenant, or of all."""
    return selection.Files(file for page in selection.pages(tenant) for file in wanted.of(page))


def estimate(wanted: Choice, files: Sequence[selection.Chosen], seconds: float) -> str:
    """The sentence about the cost."""
    each = ASKED.get(wanted.service.name) if isinstance(wanted, Unasked) else 0
    renditions = 0 if isinstance(wanted, Unasked) else sum(file.renditions or RENDITIONS for file in files)
    amount = cost(len(files), renditions, seconds) + len(files) * (each or 0)
    more = "" if each is not None else " What the service itself costs is not in it."
    return (
        f"{dollars(amount)} at {seconds:g} s per file, by the list prices of us-east-1 (sources in ops/prices.py), "
        f"without storage and without free tiers.{more}"
    )


def cost(files: int, renditions: int, seconds: float) -> float:
    """The cost in US dollars. A message takes three requests: it is sent, received and deleted."""
    each = seconds * FUNCTION_GB * GB_SECOND + RUN + 2 * GET + 3 * MESSAGE + WRITES * WRITE
    return files * each + renditions * PUT


def backfill(wanted: Choice, files: Sequence[selection.Chosen], pace: Pace) -> Counter[str]:
    """Opens the records of the files that are still wanted, and sends their messages.

    The record is written first. If the message is lost after that, the sweep sends it again. Counts the files `sent`,
    `passed` (not wanted any more) and `missing` (without an original).
    """
    from chalicelib.storage import originals

    done: Counter[str] = Counter()
    with Bar(len(files), "files") as bar:
        for file in selection.as_of_now(files):
            if file is None or file not in wanted:
                done["passed"] += 1
            elif not originals.exists(file):
                done["missing"] += 1
                print(f"{file.id}: its original is gone")
            else:
                pace.wait()
                opened = wanted.open(file)
                done["sent" if opened else "passed"] += 1
                if opened:
                    wanted.send(opened)
            bar.step()
    return done
