"""The differences between AWS's regions, as data; and the regions where Filemill can't be.

CloudFormation refuses a template with a type that the region does not have, even where the resource's condition is
false. So `ops provision` leaves such a resource out of the template, or says why the stage can't be there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

import boto3

from ops.errors import OpsError

# Types of the template → the regions of AWS's main partition whose CloudFormation does not have them.
# The source is AWS's own schemas of each region, as cfn-lint has them. A test compares this table with those:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/resource-type-schemas.html
LACKING: dict[str, frozenset[str]] = {
    "AWS::Budgets::Budget": frozenset(
        (
            *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-3", "ap-south-2", "ca-west-1"),
            *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
            *("eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2"),
            *("il-central-1", "me-central-1", "mx-central-1"),
        )
    ),
    "AWS::Lambda::Url": frozenset(
        (
            *("ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
            *("ca-west-1", "eu-central-2", "il-central-1", "me-central-1", "mx-central-1"),
        )
    ),
}

# The regions without function URLs. CloudFormation has the type in one of them, which Lambda's documentation names:
# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
WITHOUT_FUNCTION_URLS = LACKING["AWS::Lambda::Url"] | {"eu-south-2"}

# The template's parameters that ask for function URLs.
ON_DEMAND = "OnDemand"
STREAMS = "Streams"

# The partition that has all of CloudFront. In China it has no functions and no origin access control; in GovCloud and
# in the isolated and sovereign partitions AWS's SDK knows no CloudFront at all.
PARTITION = "aws"

MAX_BUCKET_NAME = 63  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html


_REGION_OF_ARN = re.compile(r"arn:[\w-]+:[\w-]+:([a-z]{2}[\w-]+-\d+):")


def named_in(policies: Any) -> set[str]:
    """The regions that the ARNs in policies name. A role has no region, but its policies tell where it is used."""
    return set(_REGION_OF_ARN.findall(json.dumps(policies)))


def check_region(session: boto3.Session, region: str) -> None:
    """Refuses a region outside of AWS's main partition.

    Raises
    ------
    OpsError
        The region is in China, in GovCloud, or in an isolated or sovereign partition.
    """
    partition = session.get_partition_for_region(region)
    if partition != PARTITION:
        raise OpsError(
            f"Filemill can't be in {region}: it needs CloudFront with functions and origin access control, which the "
            f"partition {partition} does not have. Set AWS_DEFAULT_REGION to a region of the partition {PARTITION}."
        )


def check_bucket_name(name: str) -> None:
    """Refuses a stage whose name is too long for the buckets' names in this region."""
    if len(name) > MAX_BUCKET_NAME:
        raise OpsError(
            f"The bucket's name {name} would have {len(name)} characters, and S3 allows {MAX_BUCKET_NAME}. Choose a "
            f"stage name that is {len(name) - MAX_BUCKET_NAME} shorter."
        )


def api_domain(api_id: str, region: str) -> str:
    """Host of a REST API. `amazonaws.com` is right wherever `check_region` lets a stage be."""
    return f"{api_id}.execute-api.{region}.amazonaws.com"


def wants_budget(parameters: Mapping[str, str]) -> bool:
    """True if the template's parameters ask for a budget."""
    try:
        return float(parameters.get("MonthlyBudget") or 0) != 0
    except ValueError:
        return True  # not a number: CloudFormation says so


def fitted(template: Mapping[str, Any], region: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template as this region can take it: without its budget, unless one is asked for, and without function URLs.

    `template` is the parsed template; `parameters` are the values that its parameters will have, as far as they are
    known.

    Raises
    ------
    OpsError
        A budget is asked for in a region whose CloudFormation has none.
    """
    if region in WITHOUT_FUNCTION_URLS:
        template = without(template, {"HasFunctionUrl", "AsksFunction", "HasStream"}, {ON_DEMAND, STREAMS})
    resources, conditions = dict(template["Resources"]), dict(template.get("Conditions", {}))
    if not wants_budget(parameters):
        resources.pop("Budget", None)
        conditions.pop("HasBudget", None)
    elif region in LACKING["AWS::Budgets::Budget"]:
        raise OpsError(
            f"CloudFormation can't make a budget in {region}. Leave it out with `--set MonthlyBudget=0`, and make the "
            "budget in AWS's Billing console: it is one for the whole account, wherever its stages are."
        )
    return {**template, "Resources": resources, **({"Conditions": conditions} if conditions else {})}


def without(template: Mapping[str, Any], conditions: Collection[str], parameters: Collection[str]) -> dict[str, Any]:
    """The template when these conditions are false: without them, what needs them, and the parameters that they ask."""

    def decided(node: Any) -> Any:
        match node:
            case {"Fn::If": [name, _, otherwise]} if name in conditions:
                return decided(otherwise)
            case dict():
                return {name: decided(value) for name, value in node.items()}
            case list():
                return [decided(value) for value in node]
        return node

    kept = {
        name: decided(resource)
        for name, resource in template["Resources"].items()
        if resource.get("Condition") not in conditions
    }
    left = {name: value for name, value in template["Conditions"].items() if name not in conditions}
    asked = {name: value for name, value in template["Parameters"].items() if name not in parameters}
    return {**template, "Parameters": asked, "Resources": kept, "Conditions": left}
