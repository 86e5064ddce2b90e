"""The operator's settings for a tenant. A tenant needs no record of its own: its first API key is enough."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes, get_item
from chalicelib.catalog.keys import tenant_key
from chalicelib.settings import settings


@dataclass(frozen=True)
class Tenant:
    """`default_recipe` is for files that are created without a recipe; None means the stage's own default."""

    name: str
    default_recipe: str | None = None


def get_tenant(name: str) -> Tenant:
    """One GetItem, strongly consistent. A tenant without a record has the defaults."""
    values = get_item(tenant_key(name)) or {}
    return Tenant(name, values.get("default_recipe"))


def put_tenant(tenant: Tenant) -> None:
    """One PutItem. It replaces everything that was set before."""
    item = {**tenant_key(tenant.name), "name": tenant.name, "default_recipe": tenant.default_recipe}
    aws.dynamodb().put_item(TableName=settings().table, Item=attributes(item))
