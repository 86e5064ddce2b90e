"""`python -m ops tenants show|set`: shows or changes the settings of one tenant."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

from chalicelib.model import TENANT_PATTERN
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES
from ops.config import add_stage_arguments, load_stage
from ops.errors import OpsError

EXAMPLES = (
    "tenants show acme --stage dev",
    "tenants set acme --stage dev --default-recipe avatar",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="{show,set}")
    show = verbs.add_parser("show", help="show a tenant's settings", description="Show a tenant's settings.")
    change = verbs.add_parser(
        "set",
        help="change a tenant's settings",
        description="Change a tenant's settings. The change takes effect within a minute.",
    )
    change.add_argument(
        "--default-recipe",
        required=True,
        choices=[*sorted(RECIPES), "none"],
        help=f"the recipe of files that are created without one; none: use the stage's, {DEFAULT_RECIPE}",
    )
    for verb in (show, change):
        verb.add_argument("tenant", help="name of the tenant")
        add_stage_arguments(verb)
        verb.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    if not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError(
            f"{args.tenant!r} can't be a tenant's name: use 1 to 63 lower-case letters, digits and hyphens, and no "
            "hyphen first."
        )
    os.environ.update(load_stage(args.project_dir, args.stage))
    from chalicelib.catalog import tenants

    if args.verb == "set":
        recipe = None if args.default_recipe == "none" else args.default_recipe
        tenants.put_tenant(tenants.Tenant(args.tenant, recipe))
    tenant = tenants.get_tenant(args.tenant)
    if args.json:
        print(json.dumps(asdict(tenant)))
    else:
        print(f"{tenant.name}: default recipe {tenant.default_recipe or f'{DEFAULT_RECIPE} (not set)'}")
    return 0
