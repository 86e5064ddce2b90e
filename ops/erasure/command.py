"""`python -m ops tenants erase`: erases a tenant, proves that nothing is left, and says what can't be erased."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from ops.config import add_stage_arguments
from ops.progress import Pace, confirm_name, rate

if TYPE_CHECKING:
    from ops.erasure.erase import Eraser
    from ops.erasure.walk import Found


def add_arguments(verbs: Any) -> None:
    """Adds the verb to those of `ops tenants`."""
    verb: argparse.ArgumentParser = verbs.add_parser(
        "erase",
        help="erase a tenant with all that it has",
        description="Erase a tenant: its files, records, keys, webhooks and all else. It can't be undone. If it is "
        "stopped, run it again. At the end it walks over the whole table and both buckets, to prove that nothing is "
        "left.",
    )
    verb.add_argument("tenant", help="name of the tenant")
    add_stage_arguments(verb)
    verb.add_argument("--dry-run", action="store_true", help="change nothing, only count what there is")
    verb.add_argument("--yes", action="store_true", help="do not ask for the name")
    verb.add_argument("--including-held", action="store_true", help="erase files under legal hold, too")
    verb.add_argument("--keep-audit", action="store_true", help="keep the tenant's audit entries until their own end")
    verb.add_argument(
        "--rate",
        type=rate,
        default=20.0,
        metavar="N/s",
        help="pages of the table a second, of 256 read units each (default: 20)",
    )
    verb.add_argument("--json", action="store_true", help="print the report as JSON")


def main(args: argparse.Namespace) -> int:
    from ops.erasure.erase import Eraser, HeldError

    eraser = Eraser(args.tenant, Pace(args.rate), args.including_held, args.keep_audit)
    if args.dry_run:
        found = eraser.look()
        _say(args, {"tenant": args.tenant, "dry_run": True, "found": found.counts, "held": sorted(found.held)})
        return 0
    if not args.yes:
        found = eraser.look()
        if found.held and not args.including_held:
            raise HeldError(found.held)
        print(_counted(found))
    confirm_name(f"All of {args.tenant} is erased for ever.", args.tenant, yes=args.yes)
    _say(args, report(eraser))
    return 0


def report(eraser: Eraser) -> dict[str, Any]:
    """Erases, and gives the report as JSON."""
    from chalicelib.model import now, timestamp
    from ops.erasure.remains import remains

    began = timestamp(now())
    done = eraser.erase()
    return {
        "tenant": eraser.tenant,
        "dry_run": False,
        "began": began,
        "ended": timestamp(now()),
        "rounds": done.rounds,
        "removed": {name: number for name, number in done.removed.items() if number},
        "proof": {"left": done.proof.counts, "looked_at": dict(done.proof.looked_at)},
        "remains": [
            {"what": each.what, "until": timestamp(each.until) if each.until else None}
            for each in remains(keep_audit=eraser.keep_audit)
        ],
    }


def _say(args: argparse.Namespace, said: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(said))
        return
    if said["dry_run"]:
        print(f"{said['tenant']} has: {_listed(said['found'])}")
        if said["held"]:
            print(f"{len(said['held'])} files are under legal hold: {', '.join(said['held'][:10])}")
        return
    looked_at = _listed(said["proof"]["looked_at"])
    print(f"{said['tenant']} is erased. Removed: {_listed(said['removed'])}")
    print(f"The last walk looked at {looked_at}, and found nothing of {said['tenant']}.")
    print("A note stays in the place of its settings: the name is suspended, and when it was erased.")
    print("This can't be erased by tenant, and ends by itself:")
    for each in said["remains"]:
        print(f"- {each['what']}: {'until ' + each['until'] if each['until'] else 'you decide for how long'}")


def _counted(found: Found) -> str:
    return f"There is: {_listed(found.counts)}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "nothing"
