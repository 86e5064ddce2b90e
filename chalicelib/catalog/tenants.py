"""What a stage's operator set for a tenant. Tenants need no record: they come to be with their first key."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes, get_item
from chalicelib.catalog.keys import tenant_key
from chalicelib.settings import settings


@dataclass(frozen=True)
class Tenant:
    """`default_recipe` is what files get whose creator names none; None leaves it to the stage."""

    name: str
    default_recipe: str | None = None


def get_tenant(name: str) -> Tenant:
    """One GetItem, strongly consistent; a tenant that nothing was set for has no record."""
    values = get_item(tenant_key(name)) or {}
    return Tenant(name, values.get("default_recipe"))


def put_tenant(tenant: Tenant) -> None:
    """One PutItem: what was set before is replaced."""
    item = {**tenant_key(tenant.name), "name": tenant.name, "default_recipe": tenant.default_recipe}
    aws.dynamodb().put_item(TableName=settings().table, Item=attributes(item))
