"""`python -m ops adopt s3://BUCKET/PREFIX`: objects of another bucket in the account become files of a tenant.

S3 copies the bytes from bucket to bucket, and the pipeline begins by itself. Nothing in the other bucket is changed or
deleted. It can be stopped and run again: it does what is left.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from chalicelib.model import TENANT_PATTERN, Visibility
from chalicelib.renditions.recipes import RECIPES
from ops import config
from ops.errors import OpsError
from ops.progress import Pace, confirm, positive, rate

if TYPE_CHECKING:
    from ops.adopt.adopting import Wishes

EXAMPLES = (
    "adopt s3://old-photos --tenant acme --stage dev --dry-run",
    "adopt s3://old-photos/2026/ --tenant acme --stage dev --rate 50/s --jobs 16 --yes",
    "adopt s3://old-photos --tenant acme --stage dev --include '*.jpg' --exclude 'thumbs/*' --tag old",
)

MOST_JOBS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("source", metavar="s3://BUCKET/PREFIX", help="the bucket, and how the keys begin")
    parser.add_argument("--tenant", required=True, help="the tenant that gets the files")
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="only keys like this, behind the prefix; * stands for any text, slashes too (repeatable)",
    )
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="no keys like this (repeatable; wins)"
    )
    parser.add_argument(
        "--visibility", choices=[str(each) for each in Visibility], default="private", help="default: private"
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), help="default: the tenant's")
    parser.add_argument("--tag", action="append", default=[], help="a tag of each file (repeatable)")
    parser.add_argument("--owner", help="the end user whose files they are (default: nobody's)")
    parser.add_argument("--ignore-quotas", action="store_true", help="do not ask the tenant's quotas")
    parser.add_argument(
        "--requester-pays", action="store_true", help="pay for the requests to a bucket whose requesters pay"
    )
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="files per second (default: 10)")
    parser.add_argument(
        "--jobs", type=positive, default=8, metavar="N", help=f"files at the same time, up to {MOST_JOBS} (default: 8)"
    )
    parser.add_argument(
        "--queue",
        type=positive,
        default=1000,
        metavar="N",
        help="wait while more messages than this wait to be processed (default: 1000)",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only count and estimate the cost")
    parser.add_argument("--json", action="store_true", help="print a report as JSON")
    parser.add_argument("--yes", action="store_true", help="begin without asking")


def main(args: argparse.Namespace) -> int:
    _refuse_what_no_file_may_have(args)
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    from chalicelib.settings import settings
    from ops.adopt import run, telling
    from ops.adopt.adopting import Adopter
    from ops.adopt.copying import Copier, client_for
    from ops.adopt.source import Globs, open_source

    wishes = _wishes(args)
    source = open_source(
        args.source,
        requester_pays=args.requester_pays,
        globs=Globs(tuple(args.include), tuple(args.exclude)),
    )
    if source.bucket in (settings().originals_bucket, settings().derived_bucket):
        raise OpsError(f"The bucket {source.bucket} is the stage's own: its objects are files already.")
    client = client_for(args.jobs)
    adopter = Adopter(source, wishes, Copier(source, client))

    def say(line: str) -> None:
        print(line, file=sys.stderr if args.json else sys.stdout)

    planned = run.plan(adopter)
    other_region = source.region != client.meta.region_name
    for line in telling.described(source, wishes, planned, args.rate, other_region=other_region):
        say(line)
    done = None
    if not args.dry_run and planned.wanted + planned.refused.total():
        if planned.wanted and not confirm("Begin?", yes=args.yes):
            say("Nothing was changed.")
            return 1
        done = run.run(
            adopter,
            planned.wanted + planned.refused.total(),
            jobs=args.jobs,
            pace=Pace(args.rate),
            brake=run.Brake(args.queue),
        )
        for line in telling.told(done):
            say(line)
    if args.json:
        print(json.dumps(telling.report(adopter, planned, done, other_region=other_region)))
    return 1 if done and (done.failed or done.out_of_quota) else 0


def _refuse_what_no_file_may_have(args: argparse.Namespace) -> None:
    from chalicelib.api import fields

    if not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(f"{args.tenant!r} can't be a tenant's name.")
    if args.jobs > MOST_JOBS:
        raise OpsError(f"--jobs can be {MOST_JOBS} at most.")
    if args.json and not (args.yes or args.dry_run):
        raise OpsError("With --json nothing can be asked. Add --yes to begin without asking, or --dry-run.")
    checks: list[tuple[str, Any, Any]] = [
        ("--tag", fields.Tags, args.tag),
        ("--owner", fields.Owner | None, args.owner),
    ]
    for name, kind, value in checks:
        try:
            found = TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            raise OpsError(f"{name} can't be that: {error.errors()[0]['msg']}.") from None
        setattr(args, name.removeprefix("--"), found)


def _wishes(args: argparse.Namespace) -> Wishes:
    """The options of the files, with the quotas that hold. Raises OpsError for a tenant that is suspended."""
    from chalicelib.catalog import quotas, tenants
    from ops.adopt.adopting import Wishes

    tenant = tenants.get_tenant(args.tenant)
    if tenant.suspended:
        raise OpsError(f"The tenant {args.tenant} is suspended. `ops tenants resume {args.tenant}` lets it go on.")
    return Wishes(
        args.tenant,
        Visibility(args.visibility),
        args.recipe,
        args.tag,
        args.owner,
        {} if args.ignore_quotas else quotas.limits(tenant),
    )
