"""Checks of the WebSocket API: its stage, its deployment, and the front door's way to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops import config
from ops.doctor.patient import Patient
from ops.stack import cloudformation, socket_gateway
from ops.stack.names import stack_name

PATH = "/ws"


def check_deployment(patient: Patient) -> str:
    """Finds an API without its routes or its stage, and a stage that still serves former routes."""
    if not patient.socket_api_id:
        return f"Chalice's record has no WebSocket API; {patient.redeploy}"
    recorded, stage = config.read_config(patient.project_dir), patient.settings.stage
    found = socket_gateway.pending(
        patient.client("apigatewayv2"),
        patient.socket_api_id,
        config.api_stage(recorded, stage),
        config.stage_variables(recorded, stage),
        socket_gateway.quota_of(patient.client("apigateway")),
    )
    if found is None:
        return f"there is no WebSocket API {patient.socket_api_id}; {patient.redeploy}"
    if found.incomplete:
        return f"it has no route {', '.join(sorted(found.incomplete))}: its deployment was stopped; {patient.deploy}"
    if found.no_stage:
        return f"it has no stage, so nobody can connect; {patient.provision}"
    if found.undeployed:
        return f"its stage still serves former routes; {patient.provision}"
    return f"its throttling is not as recorded; {patient.provision}" if found.throttling else ""


def check_front_door(patient: Patient) -> str:
    if not patient.socket_api_id:
        return f"Chalice's record has no WebSocket API; {patient.redeploy}"
    stack = cloudformation.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    if not cloudformation.parameters(stack).get("SocketDomain", "").startswith(f"{patient.socket_api_id}."):
        return f"the distribution does not know the WebSocket API's address; {patient.provision} again"
    cloudfront = patient.client("cloudfront")
    found = cloudfront.get_distribution_config(Id=patient.settings.distribution_id)["DistributionConfig"]
    return assess_behavior(found, patient)


def assess_behavior(distribution: Mapping[str, Any], patient: Patient) -> str:
    """`distribution` is its configuration."""
    paths = {each["PathPattern"]: each for each in distribution.get("CacheBehaviors", {}).get("Items", [])}
    if PATH not in paths:
        return f"the distribution has no behaviour for {PATH}; {patient.revert}"
    if not paths[PATH].get("FunctionAssociations", {}).get("Items"):
        return f"{PATH} has no function, so it does not lead to the API's stage; {patient.revert}"
    return ""
