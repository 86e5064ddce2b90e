"""Deletes single things of a stage that `chalice deploy` made and that Chalice's record can't or should not hold."""

from __future__ import annotations

import json
from typing import Any

from ops.stack.inventory import Client, Deployment, Resource
from ops.stack.names import SOCKET_FUNCTIONS
from ops.stack.patience import if_there, listed


def delete(client: Client, here: Deployment, resource: Resource) -> None:
    """Deletes one thing that `ops.stack.inventory` has found. Does nothing if it is gone already."""
    _DELETE[resource["resource_type"]](client, here, resource)


def _layer(client: Client, here: Deployment, resource: Resource) -> None:
    # Functions that use it keep a copy: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteLayerVersion.html
    name, _, version = resource["layer_version_arn"].rpartition(":")
    if_there(client("lambda").delete_layer_version, LayerName=name.rpartition(":")[2], VersionNumber=int(version))


def _role(client: Client, here: Deployment, resource: Resource) -> None:
    delete_role(client("iam"), resource["role_name"])


def delete_role(iam: Any, role: str) -> None:
    """Deletes a role with all its policies, because IAM wants these gone before. Does nothing if it is gone already."""
    for policy in listed(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=role):
        if_there(iam.detach_role_policy, RoleName=role, PolicyArn=policy["PolicyArn"])
    # The own policies go last: they say whose role it is, should this be stopped between two calls.
    for name in listed(iam, "list_role_policies", "PolicyNames", RoleName=role):
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
    revoke(client, here, resource)  # first: once the API is gone, nobody would find it any more
    if_there(client("apigateway").delete_rest_api, restApiId=resource["rest_api_id"])


def _websocket_api(client: Client, here: Deployment, resource: Resource) -> None:
    # Its routes, integrations, deployments and stages go with it.
    revoke(client, here, resource)
    if_there(client("apigatewayv2").delete_api, ApiId=resource["websocket_api_id"])


# The functions that an API may call, by its kind.
_CALLED = {"rest_api": ("api_handler",), "websocket_api": SOCKET_FUNCTIONS}


def revoke(client: Client, here: Deployment, resource: Resource) -> None:
    """Takes back an API's permission to call the stage's functions. Does nothing for other resources."""
    kind = resource["resource_type"]
    for function in _CALLED.get(kind, ()):
        functions, name = client("lambda"), here.function_name(function)
        policy = json.loads((if_there(functions.get_policy, FunctionName=name) or {}).get("Policy", "{}"))
        for statement in policy.get("Statement", []):
            source = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "")
            if f":{resource[f'{kind}_id']}/" in source:
                if_there(functions.remove_permission, FunctionName=name, StatementId=statement["Sid"])


_DELETE: dict[str, Any] = {
    "lambda_layer": _layer,
    "iam_role": _role,
    "lambda_function": _function,
    "sqs_event": _mapping,
    "dynamodb_event": _mapping,
    "cloudwatch_event": _rule,
    "rest_api": _rest_api,
    "websocket_api": _websocket_api,
}
