"""The operator's settings for a tenant. A tenant needs no record of its own: its first API key is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chalicelib import aws
from chalicelib.catalog import actors
from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, read, update
from chalicelib.catalog.keys import BY_CREATED, TENANTS, tenant_key
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


@dataclass(frozen=True)
class TenantPage:
    """Tenants by their names. `cursor` is the last one of the page; None on the last page."""

    tenants: list[Tenant]
    cursor: str | None


def _tenant(name: str, values: Mapping[str, Any]) -> Tenant:
    return Tenant(
        name,
        values.get("default_recipe"),
        values.get("unscannable"),
        values.get("suspended", False),
        values.get("quotas", {}),
    )


def get_tenant(name: str) -> Tenant:
    """One GetItem, strongly consistent. A tenant without a record has the defaults."""
    return _tenant(name, get_item(tenant_key(name)) or {})


def find_tenant(name: str) -> Tenant | None:
    """The same, and None for a tenant without a record."""
    values = get_item(tenant_key(name))
    return _tenant(name, values) if values else None


def put_tenant(tenant: Tenant) -> bool:
    """One UpdateItem. It replaces all settings that were there before. True if there was no record."""
    return _written(tenant.name, {**asdict(tenant), "changed_by": actors.noted()})


def change_tenant(name: str, values: Mapping[str, Any]) -> None:
    """Changes these settings; None unsets one. The others stay as they are. One UpdateItem.

    `quotas` has the quotas to change, of which None unsets one: a GetItem more, and more calls while others change
    them.
    """
    values = {**values, "changed_by": actors.noted()}
    if "quotas" not in values:
        _written(name, values)
        return
    while True:
        found = get_item(tenant_key(name)) or {}
        before = found.get("quotas")
        merged = {**(before or {}), **values["quotas"]}
        quotas = {quota: bound for quota, bound in merged.items() if bound is not None}
        condition = "attribute_not_exists(quotas)" if before is None else "quotas = :before"
        try:
            _written(name, {**values, "quotas": quotas}, condition, {} if before is None else {":before": before})
        except ConditionFailedError:
            continue  # somebody else was quicker
        return


def note(name: str, *, new: bool = True) -> None:
    """Makes a record of a tenant, unless there is one in the list: one UpdateItem.

    A new tenant's record says who made it. Of a tenant of a former release nobody knows.
    """
    try:
        _written(name, {"changed_by": actors.noted()} if new else {}, "attribute_not_exists(list_pk)")
    except ConditionFailedError:
        return


def page(limit: int, after: str | None) -> TenantPage:
    """A page of the stage's tenants that have a record: one Query, eventually consistent."""
    start = {":after": {"S": after}} if after else {}
    reply = aws.dynamodb().query(
        TableName=settings().table,
        IndexName=BY_CREATED,
        KeyConditionExpression="list_pk = :pk" + (" AND list_sk > :after" if after else ""),
        ExpressionAttributeValues={":pk": {"S": TENANTS}, **start},
        Limit=limit,
    )
    found = [read(item) for item in reply["Items"]]
    last = reply.get("LastEvaluatedKey")
    return TenantPage([_tenant(each["list_sk"], each) for each in found], last["list_sk"]["S"] if last else None)


def unscannable(name: str) -> str:
    """`refuse` or `accept`: the tenant's rule for files that can't be scanned. One GetItem."""
    return get_tenant(name).unscannable or settings().unscannable


def _written(name: str, values: Mapping[str, Any], condition: str = "", using: Mapping[str, Any] | None = None) -> bool:
    """Writes settings, and the tenant's place in the list. True if there was no record."""
    before = update(
        tenant_key(name),
        values={**{each: value for each, value in values.items() if value is not None}, **_place(name)},
        remove=[each for each, value in values.items() if value is None],
        condition=condition,
        using=using or {},
        returning="ALL_OLD",
    )
    return not before


def _place(name: str) -> dict[str, str]:
    return {"name": name, "list_pk": TENANTS, "list_sk": name}
