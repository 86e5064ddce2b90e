"""`python -m ops audit verify|key`: checks that the audit is as it was sealed, and shows the public key of the seals.

`make audit` is another thing: it asks for known faults of the packages (ops/audit.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.model import TENANT_PATTERN, now, timestamp
from ops import config
from ops.errors import OpsError
from ops.progress import Bar, moment

if TYPE_CHECKING:
    from chalicelib.catalog.audit.checking import Report

EXAMPLES = (
    "audit verify --stage prod",
    "audit verify --stage prod --tenant acme --since 2026-06-01",
    "audit key --stage prod",
)

# Characters of a public key in hexadecimal digits.
KEY_DIGITS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{verify,key}")
    verify = verbs.add_parser(
        "verify",
        help="check that nothing was changed since it was sealed",
        description="Read the audit and its seals, and say what was altered, removed or added since it was sealed. "
        "Exit code 0: nothing was. 1: something was. It changes nothing.",
    )
    verify.add_argument("--tenant", help="only this tenant (default: every tenant that has seals or a key)")
    verify.add_argument(
        "--since", type=moment, metavar="TIME", help="only entries since then (ISO 8601); all seals are checked"
    )
    verify.add_argument(
        "--public-key", metavar="HEX", help="the key that you noted earlier (`audit key`); default: the stage's"
    )
    verify.add_argument("--json", action="store_true", help="print JSON")
    key = verbs.add_parser(
        "key",
        help="show the public key of the seals",
        description="Show the public key of the seals, as hexadecimal digits. Note it down at another place: with it, "
        "anybody can check the seals, and a seal that was made with another secret shows.",
    )
    for verb in (verify, key):
        config.add_stage_arguments(verb)


def main(args: argparse.Namespace) -> int:
    if args.verb == "verify" and args.tenant is not None and not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(f"{args.tenant!r} can't be a tenant's name.")
    os.environ.update(config.load_stage(args.project_dir, args.stage))
    from chalicelib import keyring

    if args.verb == "key":
        print(keyring.seal_public_key().hex())
        return 0
    public_key = _public_key(args.public_key) if args.public_key else keyring.seal_public_key()
    reports = {}
    tenants = [args.tenant] if args.tenant is not None else _tenants()
    with Bar(len(tenants), "tenants", sys.stderr) as bar:
        for tenant in tenants:
            reports[tenant] = verify(tenant, public_key, args.since)
            bar.step()
    if args.json:
        print(json.dumps({tenant: _as_json(report) for tenant, report in reports.items()}))
    else:
        print("\n".join(_lines(reports.items())))
    return 1 if any(report.faults for report in reports.values()) else 0


def _public_key(text: str) -> bytes:
    try:
        if len(text) == KEY_DIGITS:
            return bytes.fromhex(text)
    except ValueError:
        pass
    raise OpsError(f"--public-key must be {KEY_DIGITS} hexadecimal digits, as `ops audit key` prints them.")


def _tenants() -> list[str]:
    """Tenants that have seals, and those that have a key: a tenant whose seals were removed shows by its key."""
    from chalicelib.catalog import credentials
    from chalicelib.catalog.audit import seals

    return sorted({*seals.sealed_tenants(), *(key.tenant or "" for key in credentials.api_keys())})


def verify(tenant: str, public_key: bytes, since: datetime | None) -> Report:
    """Checks one tenant of the stage that the settings name."""
    from chalicelib.catalog.audit import checking, pages, seals
    from chalicelib.upkeep import sealing

    # In this order: what is sealed meanwhile is then still counted as not sealed yet, and not as a fault.
    finished = sealing.finished()
    first = timestamp(since)[:19] if since else ""
    found = list(pages.all_of(tenant, first))
    return checking.check(
        seals.all_of(tenant),
        seals.head_of(tenant),
        found,
        public_key=public_key,
        finished=finished,
        moment=now(),
        since=first,
    )


def _as_json(report: Report) -> dict[str, object]:
    faults = [{"place": fault.place, "text": fault.text} for fault in report.faults]
    return {"seals": report.seals, "entries": report.entries, "unsealed": report.unsealed, "faults": faults}


def _lines(reports: Iterable[tuple[str, Report]]) -> Iterable[str]:
    faults = 0
    for tenant, report in reports:
        faults += len(report.faults)
        yet = f", {report.unsealed} of them not sealed yet" if report.unsealed else ""
        sound = "as sealed" if report.seals else "nothing is sealed yet"
        verdict = f"{len(report.faults)} FAULTS" if report.faults else sound
        yield f"{tenant or '(no tenant)'}: {report.entries} entries{yet}, {report.seals} seals: {verdict}"
        yield from (f"  {fault.place}: {fault.text}" for fault in report.faults)
    yield "audit: nothing was changed since it was sealed." if not faults else f"audit: {faults} faults."
