"""`python -m ops tenants show|set|export|erase`: shows or changes a tenant's settings, exports or erases it."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from chalicelib.model import TENANT_PATTERN
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES
from ops.config import add_stage_arguments, load_stage
from ops.erasure import command as erasure
from ops.erasure import export
from ops.errors import OpsError

if TYPE_CHECKING:
    from chalicelib.catalog.tenants import Tenant

EXAMPLES = (
    "tenants show acme --stage dev",
    "tenants set acme --stage dev --default-recipe avatar",
    "tenants set acme --stage dev --unscannable accept",
    "tenants export acme --stage dev --to exports/acme",
    "tenants erase acme --stage dev --dry-run",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{show,set,export,erase}")
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
    for verb in (show, change):
        verb.add_argument("tenant", help="name of the tenant")
        add_stage_arguments(verb)
        verb.add_argument("--json", action="store_true", help="print JSON")
    erasure.add_arguments(verbs)
    export.add_arguments(verbs)


def main(args: argparse.Namespace) -> int:
    if not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(
            f"{args.tenant!r} can't be a tenant's name: use 1 to 63 lower-case letters, digits and hyphens, and no "
            "hyphen first."
        )
    if args.verb == "set" and args.default_recipe is None and args.unscannable is None:
        raise OpsError("Say what to set: --default-recipe, --unscannable, or both.")
    os.environ.update(load_stage(args.project_dir, args.stage))
    if args.verb == "erase":
        return erasure.main(args)
    if args.verb == "export":
        return export.main(args)
    from chalicelib.catalog import tenants
    from chalicelib.settings import settings

    if args.verb == "set":
        tenants.put_tenant(_changed(tenants.get_tenant(args.tenant), args))
    tenant = tenants.get_tenant(args.tenant)
    if args.json:
        print(json.dumps(asdict(tenant)))
    else:
        recipe = tenant.default_recipe or f"{DEFAULT_RECIPE} (not set)"
        rule = tenant.unscannable or f"{settings().unscannable} (not set)"
        print(f"{tenant.name}: default recipe {recipe}, unscannable files {rule}")
    return 0


def _changed(tenant: Tenant, args: argparse.Namespace) -> Tenant:
    """The tenant with the settings that were given; `none` unsets one."""

    def chosen(given: str | None, was: str | None) -> str | None:
        return was if given is None else None if given == "none" else given

    return replace(
        tenant,
        default_recipe=chosen(args.default_recipe, tenant.default_recipe),
        unscannable=chosen(args.unscannable, tenant.unscannable),
    )
