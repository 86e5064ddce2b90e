"""`python -m ops preflight`: says what the account and region will refuse, before anything is made. It only reads.

Each check prints one line: ok, REFUSED with what to do, or "can't tell" where AWS does not say, or may not be asked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from functools import partial

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ops import config
from ops.errors import DENIED, OpsError, as_sentences, sentence
from ops.preflight import locked, parameters, permissions, quotas, region, taken
from ops.preflight.site import Check, Site, open_site, refused, unknown
from ops.report import Mark, Outcome, show
from ops.stack.names import FUNCTIONS

EXAMPLES = (
    "preflight --stage dev",
    "preflight --stage prod --set MonthlyBudget=50 --set AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:ops",
    "preflight --stage prod --json",
)

WIDTH = 12  # characters of the longest mark, and two


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    config.add_parameter_argument(parser, "check a parameter of .chalice/resources.yaml that you are about to set")
    parser.add_argument("--json", action="store_true", help="print one JSON object with every check and its result")


def main(args: argparse.Namespace) -> int:
    config.check_stage(args.stage, FUNCTIONS)
    with as_sentences():
        site = open_site(boto3.Session(), args.stage, args.project_dir, dict(args.set))
    chosen = CHECKS if site.enabled else region.ENABLED
    if not args.json:
        say = partial(print, flush=True)
        say(f"stage {site.stage}: account {site.account}, region {site.region}")
        return show(examine(site, chosen), say, WIDTH)
    found = list(examine(site, chosen))
    count = {mark: sum(each.mark is mark for each in found) for mark in (Mark.REFUSED, Mark.UNKNOWN)}
    checks = [{"check": each.name, "result": each.mark, "sentence": each.sentence} for each in found]
    totals = {"refused": count[Mark.REFUSED], "unknown": count[Mark.UNKNOWN]}
    place = {"stage": site.stage, "account": site.account, "region": site.region}
    print(json.dumps({**place, **totals, "checks": checks}, indent=2))
    return int(count[Mark.REFUSED] > 0)


def examine(site: Site, chosen: Mapping[str, Check]) -> Iterator[Outcome]:
    """Runs the checks one after another. A call that AWS does not answer makes its check "can't tell"."""
    for name, check in chosen.items():
        try:
            verdict = check(site)
        except ClientError as error:
            verdict = unknown(unanswered(error, site.last_action))
        except BotoCoreError as error:
            verdict = unknown(sentence(error))
        except OpsError as error:
            verdict = refused(str(error))
        yield Outcome(name, verdict.mark, verdict.sentence)


def unanswered(error: ClientError, action: str) -> str:
    """The reason why a check can't tell. `action` is IAM's name of the call that failed."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in DENIED:
        return f"you do not have the permission {action}; ask for it to have this checked"
    message = error.response.get("Error", {}).get("Message", "")
    return f"{action} is not answered here ({code}{': ' + message if message else ''})"


CHECKS: dict[str, Check] = {
    **region.ENABLED,
    **region.CHECKS,
    "the packages are the locked ones": locked.check,
    "you may deploy": permissions.check,
    **taken.CHECKS,
    **parameters.CHECKS,
    **quotas.CHECKS,
}
