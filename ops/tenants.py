"""`python -m ops tenants …`: shows or changes tenants' settings, shows their usage, exports or erases a tenant."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from chalicelib.catalog.quotas import MOST, QUOTAS
from chalicelib.model import TENANT_PATTERN
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES
from chalicelib.text import is_number
from ops import tenant_usage
from ops.config import add_stage_arguments, load_stage
from ops.erasure import command as erasure
from ops.erasure import export
from ops.errors import OpsError

if TYPE_CHECKING:
    from chalicelib.catalog.tenants import Tenant

# Tenants that one query reads.
LISTED_AT_ONCE = 100

EXAMPLES = (
    "tenants show acme --stage dev",
    "tenants set acme --stage dev --default-recipe avatar",
    "tenants set acme --stage dev --unscannable accept",
    "tenants set acme --stage dev --quota files=100000 --quota renders_per_day=none",
    "tenants list --stage dev",
    "tenants suspend acme --stage dev",
    "tenants resume acme --stage dev",
    "tenants usage acme --stage dev",
    "tenants export acme --stage dev --to exports/acme",
    "tenants erase acme --stage dev --dry-run",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="{list,show,set,suspend,resume,usage,export,erase}"
    )
    every = verbs.add_parser(
        "list", help="list the tenants", description="List the stage's tenants and their settings."
    )
    show = verbs.add_parser("show", help="show a tenant's settings", description="Show a tenant's settings.")
    change = verbs.add_parser(
        "set",
        help="change a tenant's settings",
        description="Change a tenant's settings. The change takes effect within a minute.",
    )
    change.add_argument(
        "--default-recipe",
        choices=[*sorted(RECIPES), "none"],
        help=f"the recipe of files that are created without one; none: use the stage's, {DEFAULT_RECIPE}",
    )
    change.add_argument(
        "--unscannable",
        choices=["refuse", "accept", "none"],
        help="what becomes of files that can't be scanned for malware; none: as the stage's FILEMILL_UNSCANNABLE says",
    )
    change.add_argument(
        "--quota",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=f"a bound of the tenant (repeatable), of {', '.join(QUOTAS)}; NAME=none: use the stage's",
    )
    suspend = verbs.add_parser(
        "suspend",
        help="refuse every request of a tenant",
        description="Refuse every request with a tenant's credentials, and close its sockets, within a minute. What "
        "needs no credential goes on: files are delivered and processed, and webhooks are called.",
    )
    resume = verbs.add_parser(
        "resume", help="let a suspended tenant go on", description="Let a suspended tenant go on, within a minute."
    )
    used = verbs.add_parser(
        "usage",
        help="show what a tenant uses",
        description="Show what a tenant has, what its quotas leave, and what it used on each of the last 90 days.",
    )
    for verb in (show, change, suspend, resume, used):
        verb.add_argument("tenant", help="name of the tenant")
    for verb in (every, show, change, suspend, resume, used):
        add_stage_arguments(verb)
        verb.add_argument("--json", action="store_true", help="print JSON")
    erasure.add_arguments(verbs)
    export.add_arguments(verbs)


def main(args: argparse.Namespace) -> int:
    if args.verb == "list":
        return _list(args)
    if not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(
            f"{args.tenant!r} can't be a tenant's name: use 1 to 63 lower-case letters, digits and hyphens, and no "
            "hyphen first."
        )
    values = _wanted(args)
    if args.verb == "set" and not values:
        raise OpsError("Say what to set: --default-recipe, --unscannable, --quota, or several of them.")
    os.environ.update(load_stage(args.project_dir, args.stage))
    if args.verb == "usage":
        return tenant_usage.show(args.tenant, as_json=args.json)
    if args.verb == "erase":
        return erasure.main(args)
    if args.verb == "export":
        return export.main(args)
    from chalicelib.catalog import tenants

    if values:
        tenants.change_tenant(args.tenant, values)
    tenant = tenants.get_tenant(args.tenant)
    print(json.dumps(asdict(tenant)) if args.json else _line(tenant))
    return 0


def _list(args: argparse.Namespace) -> int:
    """Prints all tenants that have a key or settings. Those of former releases are found by their keys."""
    os.environ.update(load_stage(args.project_dir, args.stage))
    from chalicelib.catalog import credentials, tenant_keys, tenants

    for key in credentials.api_keys():
        if not key.is_operator:
            tenant_keys.adopt(key)
    page = tenants.page(LISTED_AT_ONCE, None)
    found = page.tenants
    while page.cursor:
        page = tenants.page(LISTED_AT_ONCE, page.cursor)
        found += page.tenants
    if args.json:
        print(json.dumps([asdict(tenant) for tenant in found]))
    for tenant in [] if args.json else found:
        print(_line(tenant))
    return 0


def _line(tenant: Tenant) -> str:
    from chalicelib.settings import settings

    recipe = tenant.default_recipe or f"{DEFAULT_RECIPE} (not set)"
    rule = tenant.unscannable or f"{settings().unscannable} (not set)"
    bounds = "".join(f", {name} {bound}" for name, bound in sorted(tenant.quotas.items()))
    state = "suspended, " if tenant.suspended else ""
    return f"{tenant.name}: {state}default recipe {recipe}, unscannable files {rule}{bounds}"


def _wanted(args: argparse.Namespace) -> dict[str, Any]:
    """The settings to change; None unsets one. Raises OpsError for a quota that is none."""
    if args.verb in ("suspend", "resume"):
        return {"suspended": args.verb == "suspend"}
    if args.verb != "set":
        return {}
    given = {"default_recipe": args.default_recipe, "unscannable": args.unscannable}
    values: dict[str, Any] = {name: None if each == "none" else each for name, each in given.items() if each}
    if args.quota:
        values["quotas"] = dict(map(_quota, args.quota))
    return values


def _quota(text: str) -> tuple[str, int | None]:
    name, _, bound = text.partition("=")
    if name not in QUOTAS or not (bound == "none" or is_number(bound, 16)) or (bound != "none" and int(bound) > MOST):
        raise OpsError(
            f"--quota {text} is no quota: write NAME=NUMBER or NAME=none, where NAME is one of {', '.join(QUOTAS)}."
        )
    return name, None if bound == "none" else int(bound)
