"""The WebSocket API's deployment and throttling.

A stage serves a deployment, which is a copy of the API's routes and integrations. Chalice makes one only together with
the API. When it deploys again, it replaces the routes and integrations, and the stage does not learn of it. So
`ops provision`, which runs after it in `make deploy`, makes a new deployment when they say something else than the
stage's deployment does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.settings import PREFIX
from ops.stack.patience import if_there, patiently

if TYPE_CHECKING:
    from collections.abc import Mapping

# The routes that Chalice makes for app.py's three handlers. While a deployment is under way, some are missing.
ROUTES = frozenset(("$connect", "$default", "$disconnect"))

# Each deployment of `chalice deploy` has other ids, though the routes say the same.
_IDS = frozenset(("RouteId", "IntegrationId", "Target"))


# Gives the requests that the account may make: a second, and at once.
Quota = Callable[[], tuple[float, int]]


class Pending(NamedTuple):
    """The differences: if there is no stage, if the routes wait for a deployment, and the throttling to set.

    `description` is that of the deployment which the routes need. `incomplete` are the routes that are missing: then
    nothing is deployed, because the stage still serves what it did.
    """

    description: str
    incomplete: frozenset[str]
    no_stage: bool
    undeployed: bool
    throttling: dict[str, Any]

    @property
    def any(self) -> bool:
        return self.no_stage or self.undeployed or bool(self.throttling)


def configure(client: Any, api_id: str, stage: str, variables: Mapping[str, str], quota: Quota) -> bool:
    """Deploys the routes if the stage serves others, and sets its throttling. Returns True if it changed anything.

    It also makes a stage that is missing: a deployment that was stopped leaves an API without one, and Chalice makes it
    only together with the API. An API that does not exist, or lacks routes, is left to `chalice deploy`.
    """
    found = pending(client, api_id, stage, variables, quota)
    if found is None or found.incomplete or not found.any:
        return False
    change: dict[str, Any] = {"ApiId": api_id, "StageName": stage, **found.throttling}
    if found.no_stage or found.undeployed:
        made = patiently(client.create_deployment, ApiId=api_id, Description=found.description)
        change["DeploymentId"] = made["DeploymentId"]
    patiently(client.create_stage if found.no_stage else client.update_stage, **change)
    return True


def pending(client: Any, api_id: str, stage: str, variables: Mapping[str, str], quota: Quota) -> Pending | None:
    """The changes that `configure` would make. None if there is no such API."""
    if if_there(client.get_api, ApiId=api_id) is None:
        return None
    routes = _routes(client, api_id)
    wanted = description(routes)
    now = if_there(client.get_stage, ApiId=api_id, StageName=stage)
    return Pending(
        description=wanted,
        incomplete=ROUTES - {key for key, target in routes.items() if target["Integration"]},
        no_stage=now is None,
        undeployed=now is not None and _deployed(client, api_id, now) != wanted,
        throttling=throttling((now or {}).get("DefaultRouteSettings") or {}, variables, quota),
    )


def _routes(client: Any, api_id: str) -> dict[str, dict[str, Any]]:
    """The routes by their keys, each with its integration, and without ids."""
    pages = client.get_paginator("get_integrations").paginate(ApiId=api_id)
    integrations = {f"integrations/{each['IntegrationId']}": each for page in pages for each in page["Items"]}
    pages = client.get_paginator("get_routes").paginate(ApiId=api_id)
    return {
        route["RouteKey"]: _plain(route) | {"Integration": _plain(integrations.get(route.get("Target", ""), {}))}
        for page in pages
        for route in page["Items"]
    }


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in _IDS}


def description(routes: Mapping[str, Any]) -> str:
    """The description of a deployment of these routes. It tells what the deployment serves; AWS itself does not."""
    digest = hashlib.sha256(json.dumps(routes, sort_keys=True, default=str).encode()).hexdigest()
    return f"Filemill's routes ({digest[:12]})"


def _deployed(client: Any, api_id: str, stage: Mapping[str, Any]) -> str:
    """The description of the deployment that a stage serves."""
    if not (deployment := stage.get("DeploymentId")):
        return ""
    found = if_there(client.get_deployment, ApiId=api_id, DeploymentId=deployment)
    return str((found or {}).get("Description", ""))


def quota_of(apigateway: Any) -> Quota:
    """Asks for the account's quota: one GetAccount of API Gateway's first API, which knows it for all kinds of APIs."""

    def ask() -> tuple[float, int]:
        found = apigateway.get_account()["throttleSettings"]
        return found["rateLimit"], found["burstLimit"]

    return ask


def throttling(settings: Mapping[str, Any], variables: Mapping[str, str], quota: Quota) -> dict[str, Any]:
    """The change that gives all routes together the stage's limit, as for the REST API. Other settings stay.

    A stage's limit can be changed, but not taken away. Without one it becomes the account's quota, which a limit may
    not exceed: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
    """
    rate = int(variables.get(f"{PREFIX}RATE_LIMIT") or 0)
    burst = int(variables.get(f"{PREFIX}RATE_BURST") or 0) or rate
    now = (settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit"))
    if not rate and not any(now):
        return {}
    wanted = (rate, burst) if rate else quota()
    if now == wanted:
        return {}
    return {
        "DefaultRouteSettings": {**settings, "ThrottlingRateLimit": float(wanted[0]), "ThrottlingBurstLimit": wanted[1]}
    }
