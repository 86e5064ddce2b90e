"""`python -m ops auth check|set`: explains why a sign-in token is accepted or refused, and records the issuers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib import issuers
from chalicelib.settings import check_room
from ops import config
from ops.config import add_stage_arguments, load_stage
from ops.errors import OpsError

if TYPE_CHECKING:
    from chalicelib.api.auth.callers import Caller

SETTING = "FILEMILL_OIDC"
STDIN = "-"

EXAMPLES = (
    "auth set --stage dev issuers.json",
    "auth check --stage dev eyJhbGciOi…",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{check,set}")
    check = verbs.add_parser(
        "check",
        help="explain a sign-in token",
        description="Check a sign-in token as the API does, and say each step. It may ask the issuer for its keys.",
    )
    check.add_argument("token", help="the token, or - to read it from the standard input")
    record = verbs.add_parser(
        "set",
        help="record the issuers",
        description=f"Check a JSON list of issuers, and write it as {SETTING} into .chalice/config.json. "
        "`make deploy` puts it into effect. An empty list takes sign-in tokens away.",
    )
    record.add_argument("file", type=Path, help="a JSON file; docs/sign-in-tokens.md has examples")
    for verb in (check, record):
        add_stage_arguments(verb)
    check.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    return _set(args) if args.verb == "set" else _check(args)


def _check(args: argparse.Namespace) -> int:
    """Exit code 0: the token is accepted; 1: it is refused."""
    os.environ.update(load_stage(args.project_dir, args.stage))
    given = sys.stdin.read() if args.token == STDIN else args.token
    report = explain(given.strip().removeprefix("Bearer ").strip())
    if args.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        for step in report["steps"]:
            print(f"  ok  {step}")
        if report["accepted"]:
            print(f"Accepted until {report['until']}: tenant {report['tenant']}, owner {report['owner']!r},")
            print(f"  scopes {' '.join(report['scopes']) or 'none, so that every request is refused'},")
            print(f"  named {report['key_id']} in logs.")
        else:
            print(f"Refused: {report['reason']}.")
    return 0 if report["accepted"] else 1


def explain(token: str) -> dict[str, Any]:
    """The steps of a check that went well, and its result."""
    from chalicelib.api.auth import sign_in
    from chalicelib.api.auth.issuer_keys import NoKeysError
    from chalicelib.api.auth.jwt import RefusedError
    from chalicelib.settings import settings

    steps: list[str] = []
    try:
        if not settings().issuers:
            raise RefusedError(f"the stage has no issuers: set {SETTING} with `python -m ops auth set`")
        caller = sign_in.examine(token, settings().issuers, steps.append)
    except RefusedError as refused:
        return {"accepted": False, "steps": steps, "reason": str(refused)}
    except NoKeysError:
        reason = "the issuer's keys can't be had, and the stage keeps none that are young enough"
        return {"accepted": False, "steps": steps, "reason": reason}
    return {"accepted": True, "steps": steps, **_shown(caller)}


def _shown(caller: Caller) -> dict[str, Any]:
    assert caller.user
    return {
        "tenant": caller.tenant,
        "scopes": sorted(caller.scopes),
        "owner": caller.user.owner,
        "until": datetime.fromtimestamp(caller.user.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "key_id": caller.key_id,
    }


def _set(args: argparse.Namespace) -> int:
    recorded = config.read_config(args.project_dir)
    if args.stage not in recorded.get("stages", {}):
        raise OpsError(f"There is no stage {args.stage!r}. {config.provisioned_here(recorded)}")
    try:
        text = args.file.read_text(encoding="utf-8")
    except OSError as error:
        raise OpsError(f"{args.file} can't be read: {error.strerror}.") from None
    compact = _compact(text)
    check_room({**config.stage_variables(recorded, args.stage), SETTING: compact})
    variables = recorded["stages"][args.stage].setdefault("environment_variables", {})
    variables[SETTING] = compact
    if not compact:
        del variables[SETTING]
    config.write_json(config.config_path(args.project_dir), recorded)
    count = len(issuers.read(compact))
    print(f"Stage {args.stage} has {count} issuer{'' if count == 1 else 's'} of sign-in tokens.")
    print("`make deploy` puts it into effect.", file=sys.stderr)
    return 0


def _compact(text: str) -> str:
    """The setting's value. Raises OpsError."""
    try:
        entries = json.loads(text)
        compact = json.dumps(entries, ensure_ascii=False, separators=(",", ":")) if entries else ""
        issuers.read(compact)
    except ValueError as error:
        raise OpsError(f"The issuers are wrong: {error}.") from None
    return compact
