"""The operator's settings for a tenant. A tenant needs no record of its own: its first API key is enough."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes, get_item
from chalicelib.catalog.keys import tenant_key
from chalicelib.settings import settings


@dataclass(frozen=True)
class Tenant:
    """One tenant's settings; None means the stage's own.

    `default_recipe` is for files that are created without a recipe. `unscannable` is `refuse` or `accept`: what becomes
    of files that can't be scanned for malware.
    """

    name: str
    default_recipe: str | None = None
    unscannable: str | None = None


def get_tenant(name: str) -> Tenant:
    """One GetItem, strongly consistent. A tenant without a record has the defaults."""
    values = get_item(tenant_key(name)) or {}
    return Tenant(name, values.get("default_recipe"), values.get("unscannable"))


def put_tenant(tenant: Tenant) -> None:
    """One PutItem. It replaces everything that was set before."""
    aws.dynamodb().put_item(TableName=settings().table, Item=attributes({**tenant_key(tenant.name), **asdict(tenant)}))


def unscannable(name: str) -> str:
    """`refuse` or `accept`: the tenant's rule for files that can't be scanned. One GetItem."""
    return get_tenant(name).unscannable or settings().unscannable
