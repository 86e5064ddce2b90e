"""Defaults of a tenant: the recipe that its new files get."""

from __future__ import annotations

from chalicelib.catalog import tenants
from chalicelib.catalog.memory import look_up
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES


def default_recipe(tenant: str) -> str:
    """The recipe of files whose creator names none.

    At most one read of the table; none while this process remembers the tenant. A default that names a recipe which no
    longer exists is passed over.
    """
    chosen: str | None = look_up(tenants.get_tenant, tenant).default_recipe
    return chosen if chosen in RECIPES else DEFAULT_RECIPE
