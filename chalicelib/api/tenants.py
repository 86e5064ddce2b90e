"""What a tenant has chosen."""

from __future__ import annotations

from chalicelib.api.auth.memory import look_up
from chalicelib.catalog import tenants
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES


def default_recipe(tenant: str) -> str:
    """The recipe of files whose creator names none. At most one read; none while the tenant is remembered."""
    chosen: str | None = look_up(tenants.get_tenant, tenant).default_recipe
    return chosen if chosen in RECIPES else DEFAULT_RECIPE
