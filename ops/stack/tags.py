"""The tags of a stage: on all that CloudFormation and Chalice make, and on what they leave untagged.

CloudFormation puts the stack's tags on its resources. Chalice puts the tags of `.chalice/config.json` on the functions.
The rest is tagged here: the parameters in SSM, the two APIs, the functions' triggers and the sweep's schedule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import boto3

from ops.config import Config
from ops.errors import OpsError
from ops.stack import signing_key
from ops.stack.patience import if_there

# The characters that every service here accepts: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
_TEXT = re.compile(r"[\w\s.:/=+\-@]*")
MAX_TAGS = 49  # 50 a resource; Chalice adds one of its own to a function


def of_stage(recorded: Config, stage: str, given: Mapping[str, str]) -> dict[str, str]:
    """All tags of a stage: `app` and `stage`, then what `.chalice/config.json` has, then the ones given now.

    Raises
    ------
    OpsError
        A tag is one that AWS does not accept.
    """
    entry = recorded.get("stages", {}).get(stage, {})
    theirs = {**recorded.get("tags", {}), **entry.get("tags", {}), **given}
    lower = [key.lower() for key in theirs]
    tags = {key: value for key, value in {"app": "filemill", "stage": stage}.items() if key not in lower} | theirs
    if len({key.lower() for key in tags}) < len(tags):
        raise OpsError(
            f"Two of the tags {', '.join(sorted(theirs))} differ in upper and lower case only, which IAM does not "
            "accept. Correct `tags` in .chalice/config.json."
        )
    if len(tags) > MAX_TAGS:
        raise OpsError(f"There are {len(tags)} tags, and AWS takes {MAX_TAGS}: remove some in .chalice/config.json.")
    for key, value in tags.items():
        check(key, value)
    return tags


def check(key: str, value: str) -> None:
    """Raises OpsError if AWS does not accept this tag."""
    if not (0 < len(key) <= 128 and len(value) <= 256 and _TEXT.fullmatch(key) and _TEXT.fullmatch(value)):
        raise OpsError(
            f"{key}={value} can't be a tag: a name has 1 to 128 characters, a value at most 256, of letters, digits, "
            "spaces and _ . : / = + - @"
        )
    if key.lower().startswith("aws:"):
        raise OpsError(f"{key} can't be a tag: only AWS itself may set names that begin with aws:")


def own(recorded: Config, tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that belong into the stage's entry: those that the app's own `tags` do not say already."""
    return {key: value for key, value in tags.items() if recorded.get("tags", {}).get(key) != value}


def put(
    session: boto3.Session, stage: str, place: str, deployed: list[dict[str, Any]], api_stage: str, tags: dict[str, str]
) -> None:
    """Tags what neither CloudFormation nor Chalice tags, as far as it exists. Other tags on it stay.

    `place` is `PARTITION:REGION:ACCOUNT`; `deployed` are the resources that Chalice recorded.
    """
    partition, region, account = place.split(":")
    ssm, functions = session.client("ssm"), session.client("lambda")
    pairs: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
    for name in signing_key.parameters(stage):
        if_there(ssm.add_tags_to_resource, ResourceType="Parameter", ResourceId=name, Tags=pairs)
    for resource in deployed:
        if mapping := resource.get("event_uuid"):
            arn = f"arn:{partition}:lambda:{region}:{account}:event-source-mapping:{mapping}"
            if_there(functions.tag_resource, Resource=arn, Tags=tags)
        if resource.get("resource_type") == "rest_api":
            api = f"arn:{partition}:apigateway:{region}::/restapis/{resource['rest_api_id']}"
            for arn in (api, f"{api}/stages/{api_stage}"):
                if_there(session.client("apigateway").tag_resource, resourceArn=arn, tags=tags)
        if resource.get("resource_type") == "websocket_api":
            api = f"arn:{partition}:apigateway:{region}::/apis/{resource['websocket_api_id']}"
            for arn in (api, f"{api}/stages/{api_stage}"):
                if_there(session.client("apigatewayv2").tag_resource, ResourceArn=arn, Tags=tags)
        if resource.get("resource_type") == "cloudwatch_event":
            arn = f"arn:{partition}:events:{region}:{account}:rule/{resource['rule_name']}"
            if_there(session.client("events").tag_resource, ResourceARN=arn, Tags=pairs)
