"""`python -m ops tenants show|set`: what a stage does for one tenant."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from chalicelib.model import TENANT_PATTERN
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES
from ops.config import load_stage
from ops.errors import OpsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    show = verbs.add_parser("show", help="what is set for a tenant")
    change = verbs.add_parser("set", help="set it; it is followed within a minute")
    change.add_argument(
        "--default-recipe",
        required=True,
        choices=[*sorted(RECIPES), "none"],
        help=f"what files get whose creator names no recipe; none: the stage's ({DEFAULT_RECIPE})",
    )
    for verb in (show, change):
        verb.add_argument("tenant")
        verb.add_argument("--stage", required=True)
        verb.add_argument("--project-dir", type=Path, default=Path())
        verb.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    if not TENANT_PATTERN.fullmatch(args.tenant):
        raise OpsError("a tenant is 1 to 63 lower-case letters, digits and hyphens, and starts with no hyphen.")
    os.environ.update(load_stage(args.project_dir, args.stage))
    from chalicelib.catalog import tenants

    if args.verb == "set":
        recipe = None if args.default_recipe == "none" else args.default_recipe
        tenants.put_tenant(tenants.Tenant(args.tenant, recipe))
    tenant = tenants.get_tenant(args.tenant)
    if args.json:
        print(json.dumps(asdict(tenant)))
    else:
        print(f"{tenant.name}: default recipe {tenant.default_recipe or f'not set, so {DEFAULT_RECIPE}'}")
    return 0
