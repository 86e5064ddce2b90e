"""Finds the stage that a command is to work on. `python -m ops` calls this before every command with `--stage`."""

from __future__ import annotations

import argparse
from pathlib import Path

import boto3

from ops import config
from ops.errors import OpsError
from ops.local import running
from ops.local.project import STAGE as LOCAL
from ops.stack.names import whereabouts


def enter(args: argparse.Namespace) -> None:
    """Points the command to its stage: to the emulator if that is the running local stage, else to AWS.

    Raises
    ------
    OpsError
        The local stage is asked for and does not run, or the stage is in another account or region than the
        credentials.
    """
    if args.stage == LOCAL:
        _enter_local(args)
    recorded = config.stage_variables(config.read_config(args.project_dir), args.stage)
    if recorded:
        whereabouts(boto3.Session(), args.stage, recorded)


def _enter_local(args: argparse.Namespace) -> None:
    found = running.attach(args.project_dir)
    if found is None:
        return
    args.project_dir = Path(found.project_dir)
    if getattr(args, "delete", False):
        raise OpsError(
            "The local stage is deleted with its folder: stop `make run`, then delete .local (but not .local/emulator, "
            "which holds the emulator itself)."
        )
    if "front_door" in args and not args.front_door:
        args.front_door = found.front_door
