"""Deletes single things of a stage that `chalice deploy` made and that Chalice's record can't or should not hold."""

from __future__ import annotations

import json
from typing import Any

from ops.stack.inventory import Client, Deployment, Resource
from ops.stack.patience import if_there


def delete(client: Client, here: Deployment, resource: Resource) -> None:
    """Deletes one thing that `ops.stack.inventory` has found. Does nothing if it is gone already."""
    _DELETE[resource["resource_type"]](client, here, resource)


def _layer(client: Client, here: Deployment, resource: Resource) -> None:
    # Functions that use it keep a copy: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html
    name, _, version = resource["layer_version_arn"].rpartition(":")
    if_there(client("lambda").delete_layer_version, LayerName=name.rpartition(":")[2], VersionNumber=int(version))


def _role(client: Client, here: Deployment, resource: Resource) -> None:
    iam, role = client("iam"), resource["role_name"]
    for name in (if_there(iam.list_role_policies, RoleName=role) or {}).get("PolicyNames", []):
        if_there(iam.delete_role_policy, RoleName=role, PolicyName=name)
    if_there(iam.delete_role, RoleName=role)


def _function(client: Client, here: Deployment, resource: Resource) -> None:
    if_there(client("lambda").delete_function, FunctionName=resource["lambda_arn"])


def _mapping(client: Client, here: Deployment, resource: Resource) -> None:
    if_there(client("lambda").delete_event_source_mapping, UUID=resource["event_uuid"])


def _rule(client: Client, here: Deployment, resource: Resource) -> None:
    events, name = client("events"), resource["rule_name"]
    targets = (if_there(events.list_targets_by_rule, Rule=name) or {}).get("Targets", [])
    if targets:
        if_there(events.remove_targets, Rule=name, Ids=[target["Id"] for target in targets])
    if_there(events.delete_rule, Name=name)


def _rest_api(client: Client, here: Deployment, resource: Resource) -> None:
    revoke(client, here, resource["rest_api_id"])  # first: once the API is gone, nobody would find it any more
    if_there(client("apigateway").delete_rest_api, restApiId=resource["rest_api_id"])


def revoke(client: Client, here: Deployment, api_id: str) -> None:
    """Takes back an API's permission to call the stage's function."""
    functions, name = client("lambda"), here.function_name("api_handler")
    policy = json.loads((if_there(functions.get_policy, FunctionName=name) or {}).get("Policy", "{}"))
    for statement in policy.get("Statement", []):
        source = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "")
        if f":{api_id}/" in source:
            if_there(functions.remove_permission, FunctionName=name, StatementId=statement["Sid"])


_DELETE: dict[str, Any] = {
    "lambda_layer": _layer,
    "iam_role": _role,
    "lambda_function": _function,
    "sqs_event": _mapping,
    "dynamodb_event": _mapping,
    "cloudwatch_event": _rule,
    "rest_api": _rest_api,
}
