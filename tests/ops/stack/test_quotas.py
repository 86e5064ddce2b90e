"""The template's sizes, held to AWS's quotas, which neither cfn-lint nor the emulator looks at."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ops.stack import template
from ops.stack.roles import resolved
from tests.stage import ROOT

# The longest that a stage may be.
PLACES = {"AWS::Partition": "aws", "AWS::Region": "ap-southeast-1", "AWS::AccountId": "1" * 12, "Stage": "s" * 16}
ARN = "arn:aws:service:ap-southeast-1:123456789012:filemill-ssssssssssssssss-LogicalIdOfSomething-ABCDEFGHIJKL"

# Characters of all inline policies of a role, without white space:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
INLINE = 10_240
# Bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
BUCKET_POLICY = 20 * 1024
# Bytes: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
QUEUE_POLICY = 8192
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
RESOURCES, OUTPUTS, PARAMETERS = 500, 200, 200
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
BEHAVIOURS, ORIGIN_GROUPS, ORIGINS = 75, 10, 100

DOCUMENT = template.document(ROOT)
RESOURCES_BY_NAME: dict[str, Any] = DOCUMENT["Resources"]


class Longest(dict[str, str]):
    """A long value for each reference."""

    def __missing__(self, name: str) -> str:
        return ARN


class Yes(dict[str, bool]):
    """Every condition holds, so that each policy has all its statements."""

    def __missing__(self, name: str) -> bool:
        return True


def of_type(name: str) -> list[str]:
    return [logical for logical, each in RESOURCES_BY_NAME.items() if each["Type"] == name]


def length(document: Any) -> int:
    return len("".join(json.dumps(resolved(document, Longest(PLACES), Yes())).split()))


@pytest.mark.parametrize("role", of_type("AWS::IAM::Role"))
def test_a_role_is_within_iams_bounds(role: str) -> None:
    """The description's bounds: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""
    said = RESOURCES_BY_NAME[role]["Properties"]
    assert sum(length(each["PolicyDocument"]) for each in said["Policies"]) < INLINE
    description = resolved(said["Description"], Longest(PLACES), Yes())
    assert len(description) <= 1000
    assert re.fullmatch(r"[\t\n\r -~¡-ÿ]*", description)


@pytest.mark.parametrize(
    ("kind", "most"), [("AWS::S3::BucketPolicy", BUCKET_POLICY), ("AWS::SQS::QueuePolicy", QUEUE_POLICY)]
)
def test_a_policy_of_a_resource_is_within_its_bound(kind: str, most: int) -> None:
    found = {name: length(RESOURCES_BY_NAME[name]["Properties"]["PolicyDocument"]) for name in of_type(kind)}
    assert found
    assert max(found.values()) < most


def test_the_stack_is_within_cloudformations_bounds() -> None:
    assert len(RESOURCES_BY_NAME) < RESOURCES
    assert len(DOCUMENT["Outputs"]) < OUTPUTS
    assert len(DOCUMENT["Parameters"]) < PARAMETERS


def test_the_distribution_is_within_cloudfronts_bounds() -> None:
    said = RESOURCES_BY_NAME["Distribution"]["Properties"]["DistributionConfig"]
    found = resolved(said, Longest(PLACES), Yes())
    assert len(found["CacheBehaviors"]) < BEHAVIOURS
    assert len(found["Origins"]) < ORIGINS
    assert found["OriginGroups"]["Quantity"] == len(found["OriginGroups"]["Items"]) < ORIGIN_GROUPS
    assert all(len(each["PathPattern"]) <= 255 for each in found["CacheBehaviors"])


def test_the_function_stream_gives_up_before_cloudfront_does() -> None:
    """Its answer comes before the origin's time is over, and an origin group fails over for reads alone.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html
    """
    config = json.loads((ROOT / ".chalice/config.json").read_text())["lambda_functions"]
    said = resolved(RESOURCES_BY_NAME["Distribution"]["Properties"]["DistributionConfig"], Longest(PLACES), Yes())
    times = {each["Id"]: each["CustomOriginConfig"]["OriginReadTimeout"] for each in said["Origins"][1:]}
    groups = {each["Id"] for each in said["OriginGroups"]["Items"]}
    for function in ("render", "stream"):
        assert config[function]["lambda_timeout"] < times[function]
    for behaviour in said["CacheBehaviors"]:
        if behaviour["TargetOriginId"] in groups:
            assert set(behaviour["AllowedMethods"]) <= {"GET", "HEAD", "OPTIONS"}
