"""`python -m ops hold put|release|list`: puts files under legal hold, releases them, and lists those that are held."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from chalicelib.model import timestamp
from ops.config import add_stage_arguments, load_stage
from ops.errors import OpsError

if TYPE_CHECKING:
    from chalicelib.model import File

EXAMPLES = (
    "hold put --stage prod file_01KAP3Y5ZD4Q8R2V7W9XABCDEF",
    "hold release --stage prod file_01KAP3Y5ZD4Q8R2V7W9XABCDEF",
    "hold list --stage prod --tenant acme",
)

# How often a change is made again that others overtook.
TRIES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{put,release,list}")
    put = verbs.add_parser(
        "put",
        help="put files under legal hold",
        description="Put files under legal hold. Nothing deletes them until they are released.",
    )
    release = verbs.add_parser(
        "release",
        help="release files from legal hold",
        description="Release files from legal hold. What the hold has kept from being deleted goes within minutes.",
    )
    show = verbs.add_parser(
        "list",
        help="list the files under legal hold",
        description="List the files under legal hold. Reads the whole table: one read unit for each 4 KB.",
    )
    show.add_argument("--tenant", help="only files of this tenant")
    for verb in (put, release):
        verb.add_argument("ids", nargs="+", metavar="FILE", help="a file's id")
    for verb in (put, release, show):
        add_stage_arguments(verb)
        verb.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    os.environ.update(load_stage(args.project_dir, args.stage))
    if args.verb == "list":
        return _list(args)
    from chalicelib.catalog import actors

    actors.system("ops hold")
    done = [_changed(file_id, put=args.verb == "put") for file_id in args.ids]
    if args.json:
        print(json.dumps([_facts(file) for file in done]))
    else:
        for file in done:
            print(f"{file.id} of tenant {file.tenant} is {'under legal hold' if file.legal_hold else 'not held'}.")
    return 0


def _changed(file_id: str, *, put: bool) -> File:
    """The file after the change. Raises OpsError if there is none, or it can't be held."""
    from chalicelib.catalog import files, holds
    from chalicelib.model import FILE_ID_PATTERN, Status

    for _ in range(TRIES):
        file = files.record(file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
        if file is None or (file.status is Status.DELETED and file.restore_until is None):
            raise OpsError(f"There is no file {file_id}, or it is deleted for good.")
        if bool(file.legal_hold) == put:
            return file
        if put and not holds.may_be_held(file):
            raise OpsError(
                f"{file_id} is {file.status} and can't be held: only files that are ready or failed, and deleted ones "
                "that can be restored, and only if their bytes are stored."
            )
        if changed := holds.hold(file) if put else holds.release(file):
            return changed
    raise OpsError(f"Others change {file_id} all the time. Try again.")


def _list(args: argparse.Namespace) -> int:
    from chalicelib.catalog import scanning

    held = [file for file in scanning.held_files() if args.tenant in (None, file.tenant)]
    if args.json:
        print(json.dumps([_facts(file) for file in held]))
    for file in [] if args.json else held:
        assert file.legal_hold
        print(f"{file.id}  {file.tenant:20}  {file.status:10}  since {timestamp(file.legal_hold.since)}")
    return 0


def _facts(file: File) -> dict[str, Any]:
    held = file.legal_hold.model_dump(mode="json") if file.legal_hold else None
    return {"id": file.id, "tenant": file.tenant, "status": file.status, "legal_hold": held}
