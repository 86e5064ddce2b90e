"""`/v1/tenants`: what an operator sets for the stage's tenants. Only operator keys open these routes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from chalice import Blueprint, Response
from pydantic import AfterValidator, Field

from chalicelib.api import cursors
from chalicelib.api.answers import Resource
from chalicelib.api.auth.callers import ORDINARY, Scope
from chalicelib.api.auth.rights import Rights
from chalicelib.api.errors import Problem
from chalicelib.api.fields import Cursor, RecipeName, WholeNumber, wrong
from chalicelib.api.key_bodies import CreateKey, KeyWithSecretResource, make, wanted
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog import memory, quotas, tenant_keys, tenants
from chalicelib.catalog.tenants import Tenant
from chalicelib.model import TENANT_PATTERN
from chalicelib.observability import append, logger

routes = Blueprint(__name__)

MAX_LISTED = 100

_ONE = "/v1/tenants/{tenant}"

# Cursors are bound to their list. No tenant's list has this name.
_LIST = "operator/tenants"


def _check_quotas(values: dict[str, int | None]) -> dict[str, int | None]:
    if unknown := sorted(values.keys() - quotas.QUOTAS.keys()):
        raise wrong(f"must name quotas, and {unknown[0]!r} is none: {', '.join(quotas.QUOTAS)}")
    return values


Quotas = Annotated[
    dict[str, Annotated[int, Field(ge=0, le=quotas.MOST)] | None],
    Field(max_length=len(quotas.QUOTAS), description="Quota → its bound; null for the stage's own"),
    AfterValidator(_check_quotas),
]


class ListTenants(Query):
    """The query of the list."""

    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_LISTED)] = 50
    cursor: Cursor | None = None


class PutTenant(Body):
    """The body of `PUT /v1/tenants/{tenant}`: all settings. Those that are left out are the stage's own."""

    default_recipe: RecipeName | None = None
    unscannable: Literal["refuse", "accept"] | None = None
    suspended: bool = False
    quotas: Quotas = Field(default_factory=dict)


class PatchTenant(PutTenant):
    """The body of `PATCH /v1/tenants/{tenant}`: the settings to change. null gives the stage's own.

    Quotas that are left out stay as they are.
    """


class TenantResource(Resource):
    """A tenant and its settings; null, and a quota that is missing, mean the stage's own."""

    name: str = Field(pattern=f"^{TENANT_PATTERN.pattern}$")
    default_recipe: str | None
    unscannable: str | None
    suspended: bool
    quotas: dict[str, int]


class TenantPage(Resource):
    """Tenants, by name."""

    items: list[TenantResource]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


@route(
    routes,
    "GET",
    "/v1/tenants",
    scope=Scope.TENANTS_ADMIN,
    query=ListTenants,
    returns={200: TenantPage},
    problems=("invalid_cursor",),
)
def list_tenants(call: Call, query: ListTenants) -> Response:
    """List the stage's tenants, by name.

    A tenant is listed once it has a key or settings. The list follows as a rule within a second. Costs one or two
    DynamoDB queries.
    """
    if query.cursor is None:
        tenant_keys.adopt_all()
    page = tenants.page(query.limit, cursors.decode(query.cursor, _LIST) if query.cursor else None)
    return json_response(
        {
            "items": [asdict(tenant) for tenant in page.tenants],
            "next_cursor": cursors.encode(page.cursor, _LIST) if page.cursor else None,
        }
    )


@route(routes, "GET", _ONE, scope=Scope.TENANTS_ADMIN, returns={200: TenantResource}, problems=("not_found",))
def get_tenant(call: Call, tenant: str) -> Response:
    """Get a tenant's settings. Costs one DynamoDB read."""
    return json_response(asdict(_known(tenant)))


@route(
    routes,
    "PUT",
    _ONE,
    scope=Scope.TENANTS_ADMIN,
    body=PutTenant,
    returns={200: TenantResource, 201: TenantResource},
)
def put_tenant(call: Call, body: PutTenant, tenant: str) -> Response:
    """Make a tenant, or replace all of its settings. They take effect within a minute.

    The name has 1 to 63 lower-case letters, digits and hyphens, and no hyphen first. Costs one DynamoDB write.
    """
    _check_name(tenant)
    bounds = {name: bound for name, bound in body.quotas.items() if bound is not None}
    made = Tenant(tenant, body.default_recipe, body.unscannable, body.suspended, bounds)
    is_new = tenants.put_tenant(made)
    _changed(tenant)
    return json_response(asdict(made), 201 if is_new else 200)


@route(
    routes,
    "PATCH",
    _ONE,
    scope=Scope.TENANTS_ADMIN,
    body=PatchTenant,
    returns={200: TenantResource},
    problems=("not_found",),
)
def patch_tenant(call: Call, body: PatchTenant, tenant: str) -> Response:
    """Change a tenant's settings: suspend it or let it go on, set quotas, choose its default recipe.

    The change takes effect within a minute. While a tenant is suspended, every request with its credentials is 403
    `tenant_suspended`, and its sockets are closed. Costs two or three DynamoDB reads and a write.
    """
    if not body.model_fields_set:
        raise Problem("invalid_field", "The body must have at least one field to change.", field="body")
    _known(tenant)
    tenants.change_tenant(tenant, {name: getattr(body, name) for name in body.model_fields_set})
    _changed(tenant)
    return json_response(asdict(_known(tenant)))


@route(
    routes,
    "POST",
    f"{_ONE}/keys",
    scope=Scope.TENANTS_ADMIN,
    body=CreateKey,
    returns={201: KeyWithSecretResource},
    problems=("not_found", "too_many_keys"),
    headers=("Location",),
)
def create_tenant_key(call: Call, body: CreateKey, tenant: str) -> Response:
    """Make an API key of a tenant, such as its first one, which makes the others.

    The key is shown only in this answer. Costs a DynamoDB read, a query that counts the tenant's keys, and two writes.
    """
    _known(tenant)
    everything = Rights(frozenset(ORDINARY))
    return make(tenant, body, wanted(body, everything), call.caller)


def _check_name(tenant: str) -> None:
    if not TENANT_PATTERN.fullmatch(tenant):
        detail = "`tenant`: must be 1 to 63 lower-case letters, digits and hyphens, and no hyphen first."
        raise Problem("invalid_field", detail, field="tenant")


def _known(name: str) -> Tenant:
    """The tenant: one GetItem. Raises Problem `not_found` for one without a record."""
    found = tenants.find_tenant(name) if TENANT_PATTERN.fullmatch(name) else None
    if found is None:
        raise Problem("not_found", "There is no tenant of this name. `PUT` makes it.")
    append(about=name)
    return found


def _changed(name: str) -> None:
    memory.forget_one(tenants.get_tenant, name)
    logger.info("tenant changed", extra={"about": name})
