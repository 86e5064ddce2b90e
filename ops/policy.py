"""`python -m ops policy`: prints the IAM policy that an operator needs for a stage. It makes no AWS call."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from chalicelib.settings import PREFIX
from ops import config, operator_policy
from ops.errors import OpsError
from ops.operator_policy import Where

ANY = "*"

EXAMPLES = (
    "policy --stage prod --account 123456789012 --region eu-west-1",
    "policy --stage prod --split",
    "policy --stage prod --part 1",
    "policy --adopt old-photos",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # Under another name, because a command on a stage asks AWS where it is.
    parser.add_argument(
        "--stage",
        dest="of",
        metavar="STAGE",
        default=ANY,
        help="the stage that the policy is for (default: every stage)",
    )
    parser.add_argument(
        "--account", default=ANY, metavar="NUMBER", help="the account (default: the stage's recorded one, or any)"
    )
    parser.add_argument("--region", default=ANY, help="the region (default: the stage's recorded one, or any)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--split", action="store_true", help="print a list of policies, each short enough for a managed policy"
    )
    which.add_argument("--part", type=int, metavar="N", help="print only the Nth policy of that list, from 1")
    which.add_argument(
        "--adopt",
        metavar="BUCKET",
        help="print only what `ops adopt` needs besides: to list and read this bucket",
    )
    parser.add_argument(
        "--project-dir", type=Path, default=Path(), metavar="DIR", help="folder with app.py and .chalice (default: .)"
    )


def main(args: argparse.Namespace) -> int:
    if args.adopt:
        print(json.dumps(operator_policy.policy(operator_policy.adopting(args.adopt)), indent=2))
        return 0
    stated = operator_policy.statements(where(args))
    parts = operator_policy.split(stated)
    if args.part is not None:
        if not 1 <= args.part <= len(parts):
            raise OpsError(f"There is no part {args.part}: the policy has the parts 1 to {len(parts)}.")
        found: object = parts[args.part - 1]
    else:
        found = parts if args.split else operator_policy.policy(stated)
    print(json.dumps(found, indent=2))
    return 0


def where(args: argparse.Namespace) -> Where:
    """The place that the arguments name; for a stage that is provisioned, its account and region are known."""
    account, region = args.account, args.region
    configuration = config.read_config(args.project_dir)
    if args.of != ANY:
        config.check_stage(args.of, ())
        recorded = config.stage_variables(configuration, args.of)
        if arn := recorded.get(f"{PREFIX}INGEST_QUEUE_ARN"):
            known_region, known_account = arn.split(":")[3:5]
            account, region = (
                (known_account if account == ANY else account),
                (known_region if region == ANY else region),
            )
    return Where(args.of, account, region, app=config.app_name(configuration))
