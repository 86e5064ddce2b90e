"""Checks of the operator's own permissions, by asking IAM to simulate them.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ops import config
from ops.preflight.site import Site, Verdict, fine, refused, unknown
from ops.stack.names import bus_name, has_media

Statement = Mapping[str, Any]

HELP = "docs/operations.md#what-an-operator-may-do"
SHOWN = 8  # actions that a sentence names

_ASSUMED = re.compile(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.+")


def needed(site: Site) -> Sequence[Statement]:
    """The permissions that deploying a stage needs, as statements of a policy. The essential ones: one group a service.

    A policy limits resources by their names, so each group names one resource as it will be.
    """
    where = f"{site.region}:{site.account}"
    name = f"filemill-{site.stage}"
    arn = f"arn:{site.partition}:"
    ffmpeg = has_media(config.stage_variables(site.recorded, site.stage))
    layers = [f"{name}-managed-layer", *([f"{name}-media"] if ffmpeg else [])]

    def on(resource: str, service: str, *operations: str) -> Statement:
        return {"Action": [f"{service}:{operation}" for operation in operations], "Resource": resource}

    return (
        on(
            f"{arn}cloudformation:{where}:stack/{name}/new",
            "cloudformation",
            *("CreateChangeSet", "DescribeChangeSet", "DescribeStackEvents", "DescribeStacks", "ExecuteChangeSet"),
            "UpdateTerminationProtection",
        ),
        on(
            f"{arn}s3:::{name}-originals-{site.account}-{site.region}",
            "s3",
            *("CreateBucket", "PutBucketCORS", "PutBucketNotification", "PutBucketPolicy", "PutBucketVersioning"),
            *("PutBucketPublicAccessBlock", "PutEncryptionConfiguration", "PutLifecycleConfiguration"),
        ),
        on(
            f"{arn}dynamodb:{where}:table/{name}-Table-NEW",
            "dynamodb",
            *("CreateTable", "DescribeTable", "UpdateContinuousBackups", "UpdateTimeToLive"),
        ),
        on(
            f"{arn}sqs:{where}:{name}-IngestQueue-NEW", "sqs", "CreateQueue", "GetQueueAttributes", "SetQueueAttributes"
        ),
        on(
            "*",
            "cloudfront",
            *("CreateCachePolicy", "CreateDistribution", "CreateKeyGroup"),
            *("CreateOriginAccessControl", "CreatePublicKey", "CreateResponseHeadersPolicy"),
        ),
        on(
            f"{arn}cloudfront::{site.account}:function/{name}-{site.region}-negotiate",
            "cloudfront",
            *("CreateFunction", "PublishFunction"),
        ),
        on(f"{arn}ssm:{where}:parameter/filemill/{site.stage}/secret", "ssm", "GetParameter", "PutParameter"),
        on(
            f"{arn}lambda:{where}:function:{name}",
            "lambda",
            *("AddPermission", "CreateFunction", "GetFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration"),
            *("GetFunctionConfiguration", "PutFunctionConcurrency"),
        ),
        on(
            f"{arn}lambda:{where}:function:{name}-deliver",
            "lambda",
            *("GetFunctionRecursionConfig", "PutFunctionRecursionConfig"),
        ),
        *(
            on(
                f"{arn}lambda:{where}:function:{name}-{function}",
                "lambda",
                *("CreateFunctionUrlConfig", "DeleteFunctionUrlConfig", "GetFunctionUrlConfig"),
                *("UpdateFunctionUrlConfig", "RemovePermission"),
            )
            for function in ("render", "stream")
        ),
        on(
            f"{arn}lambda:{where}:function:{name}-stream",
            "lambda",
            *("DeleteFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig"),
            *("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"),
        ),
        on("*", "lambda", "CreateEventSourceMapping", "GetAccountSettings", "ListLayerVersions"),
        *(on(f"{arn}lambda:{where}:layer:{each}", "lambda", "PublishLayerVersion") for each in layers),
        # Whoever gives a layer to a function must be allowed to read that version:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
        *(
            on(f"{arn}lambda:{where}:layer:{each}:1", "lambda", "DeleteLayerVersion", "GetLayerVersion")
            for each in layers
        ),
        on(f"{arn}iam::{site.account}:role/{name}-process", "iam", "CreateRole", "PassRole", "PutRolePolicy"),
        on(f"{arn}apigateway:{site.region}::/restapis", "apigateway", "POST"),
        on(f"{arn}apigateway:{site.region}::/apis", "apigateway", "POST"),
        on(f"{arn}events:{where}:event-bus/{bus_name(site.stage)}", "events", "CreateEventBus", "DescribeEventBus"),
        on(f"{arn}events:{where}:rule/{name}-sweep-event", "events", "PutRule", "PutTargets"),
        on(f"{arn}cloudwatch:{where}:alarm:{name}-SweepAlarm-NEW", "cloudwatch", "PutMetricAlarm"),
    )


def check(site: Site) -> Verdict:
    caller = site.client("sts").get_caller_identity()["Arn"]
    if caller.endswith(":root"):
        return fine("you are the account's root user, who may do everything; a role with fewer rights is safer")
    principal = principal_of(caller, site.client("iam"))
    if principal is None:
        return unknown(f"IAM can simulate users and roles only, and you are {caller}")
    missing: list[str] = []
    unsure: list[str] = []
    for statement in needed(site):
        for result in simulated(site, principal, statement):
            if result["EvalDecision"] == "allowed":
                continue
            # IAM can't know a condition's value that only the real request has.
            (unsure if result.get("MissingContextValues") else missing).append(result["EvalActionName"])
    return assess(missing, unsure, principal)


def principal_of(caller: str, iam: Any) -> str | None:
    """The ARN of the user or role whose permissions `caller` has; None if it is neither.

    A session's ARN does not have the path of its role, so IAM is asked for it. Without that permission, it is taken as
    a role without a path.
    """
    if ":user/" in caller:
        return caller
    session = _ASSUMED.fullmatch(caller)
    if session is None:
        return None
    partition, account, role = session.groups()
    try:
        return str(iam.get_role(RoleName=role)["Role"]["Arn"])
    except ClientError:
        return f"arn:{partition}:iam::{account}:role/{role}"


def simulated(site: Site, principal: str, statement: Statement) -> list[Any]:
    """IAM's decision on each action of a statement."""
    resources = [statement["Resource"]] if isinstance(statement["Resource"], str) else list(statement["Resource"])
    wanted = {} if resources == ["*"] else {"ResourceArns": resources}
    return site.pages(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        PolicySourceArn=principal,
        ActionNames=list(statement["Action"]),
        **wanted,
    )


def assess(missing: Iterable[str], unsure: Iterable[str], principal: str) -> Verdict:
    if actions := sorted(set(missing)):
        return refused(f"{principal} may not {_some(actions)}; ask for the permissions of an operator ({HELP})")
    if actions := sorted(set(unsure)):
        return unknown(f"{principal} may {_some(actions)} under conditions that only the real request can show")
    return fine()


def _some(actions: Sequence[str]) -> str:
    more = f" and {len(actions) - SHOWN} more" if len(actions) > SHOWN else ""
    return f"{', '.join(actions[:SHOWN])}{more}"
