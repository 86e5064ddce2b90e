"""`python -m ops scan`: sends files through the malware scan that are older than it, or that have no verdict.

Until a file is found clean, its original can't be downloaded or processed again. The command can be stopped and run
again: it skips files that have a verdict.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from chalicelib.model import File, ScanStatus, Status
from ops import config, selection
from ops.errors import OpsError
from ops.progress import Bar, Pace, confirm, moment, rate

EXAMPLES = (
    "scan --stage prod --dry-run",
    "scan --stage prod --tenant acme --rate 20/s --yes",
    "scan --stage prod --again --until 2026-06-01",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--tenant", help="only files of this tenant")
    parser.add_argument("--since", type=moment, metavar="TIME", help="only files created since then (ISO 8601)")
    parser.add_argument("--until", type=moment, metavar="TIME", help="only files created before then (ISO 8601)")
    parser.add_argument("--again", action="store_true", help="also files that were found clean, or unscannable")
    parser.add_argument("--rate", type=rate, default=10.0, metavar="N/s", help="files per second (default: 10)")
    parser.add_argument("--dry-run", action="store_true", help="change nothing, only count")
    parser.add_argument("--yes", action="store_true", help="begin without asking")


def main(args: argparse.Namespace) -> int:
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    from chalicelib.settings import settings

    if settings().scan == "off":
        raise OpsError(
            f"The stage {args.stage} scans nothing. Run `python -m ops provision --stage {args.stage} "
            "--set Scan=guardduty` and `make deploy` first (docs/scanning.md)."
        )
    files = matching(args.tenant, args.since, args.until, again=args.again)
    size = files.size / 1000**3
    print(f"{len(files)} files to scan, {size:.2f} GB in all (docs/scanning.md says what GuardDuty costs).")
    if args.dry_run or not files:
        return 0
    if not confirm("Begin?", yes=args.yes):
        print("Nothing was sent.")
        return 1
    done = send(files, Pace(args.rate), again=args.again)
    said = {"sent": "sent", "passed": "skipped, because they have changed meanwhile"}
    print(", ".join(f"{done[name]} {words}" for name, words in said.items() if done[name] or name == "sent"))
    print("The verdicts come later. Run this again to see which files have none.")
    return 0


def is_wanted(file: File, *, again: bool) -> bool:
    """True for a file with bytes that has no verdict; with `again` also for others, unless malware was found.

    A file that is being processed waits for its verdict already.
    """
    from chalicelib.catalog import scans

    if file.status not in (Status.READY, Status.FAILED) or file.version_id is None or file.refused:
        return False
    found = scans.verdict(file, file.version_id)
    return found is None or (again and found.status is not ScanStatus.INFECTED)


def matching(tenant: str | None, since: datetime | None, until: datetime | None, *, again: bool) -> selection.Files:
    """The wanted files of one tenant, or of all."""
    return selection.Files(
        file
        for page in selection.pages(tenant)
        for file in page
        if is_wanted(file, again=again) and selection.created_within(file, since, until)
    )


def send(files: Sequence[selection.Chosen], pace: Pace, *, again: bool) -> Counter[str]:
    """Sends the message of each file that is still wanted. Counts the files `sent` and `passed`."""
    from chalicelib.queues.ingest import send_scan

    done: Counter[str] = Counter()
    with Bar(len(files), "files") as bar:
        for file in selection.as_of_now(files):
            if file is None or not is_wanted(file, again=again):
                done["passed"] += 1
            else:
                pace.wait()
                send_scan(file)
                done["sent"] += 1
            bar.step()
    return done
