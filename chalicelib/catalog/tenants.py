"""The operator's settings for a tenant. A tenant needs no record of its own: its first API key is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from chalicelib import aws
from chalicelib.catalog import actors
from chalicelib.catalog.dynamodb import attributes, get_item
from chalicelib.catalog.keys import tenant_key
from chalicelib.settings import settings


@dataclass(frozen=True)
class Tenant:
    """One tenant's settings; None means the stage's own.

    `default_recipe` is for files that are created without a recipe. `unscannable` is `refuse` or `accept`: what becomes
    of files that can't be scanned for malware. A tenant that is `suspended` is refused everything. `quotas` has the
    tenant's own bounds by their names; those that are missing are the stage's.
    """

    name: str
    default_recipe: str | None = None
    unscannable: str | None = None
    suspended: bool = False
    quotas: Mapping[str, int] = field(default_factory=dict)


def get_tenant(name: str) -> Tenant:
    """One GetItem, strongly consistent. A tenant without a record has the defaults."""
    values = get_item(tenant_key(name)) or {}
    return Tenant(
        name,
        values.get("default_recipe"),
        values.get("unscannable"),
        values.get("suspended", False),
        values.get("quotas", {}),
    )


def put_tenant(tenant: Tenant) -> None:
    """One PutItem. It replaces everything that was set before."""
    item = {**tenant_key(tenant.name), **asdict(tenant), "changed_by": actors.noted()}
    aws.dynamodb().put_item(TableName=settings().table, Item=attributes(item))


def unscannable(name: str) -> str:
    """`refuse` or `accept`: the tenant's rule for files that can't be scanned. One GetItem."""
    return get_tenant(name).unscannable or settings().unscannable
