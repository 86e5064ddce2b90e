"""A quota that a new stage would exceed is refused, with the command that raises it; as far as the quota is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.preflight import quotas
from ops.preflight.site import Site
from ops.report import Mark
from ops.stack.concurrency import QUEUED
from tests.scripted import Aws, Failure

NO_SUCH = Failure("NoSuchResourceException", 404)


def many(number: int, what: Callable[[int], Any] = lambda _: {}) -> list[Any]:
    return [what(n) for n in range(number)]


# The things that the account has, one short of what a new stage needs: operation → answer, by the quota's name.
FULL: dict[str, tuple[str, Any]] = {
    "CloudFront distributions": ("cloudfront.ListDistributions", {"DistributionList": {"Items": many(500)}}),
    "CloudFront cache policies": (
        "cloudfront.ListCachePolicies",
        {"CachePolicyList": {"Items": many(20, lambda n: {"CachePolicy": {"CachePolicyConfig": {"Name": f"p{n}"}}})}},
    ),
    "CloudFront response headers policies": (
        "cloudfront.ListResponseHeadersPolicies",
        {
            "ResponseHeadersPolicyList": {
                "Items": many(
                    17, lambda n: {"ResponseHeadersPolicy": {"ResponseHeadersPolicyConfig": {"Name": f"h{n}"}}}
                )
            }
        },
    ),
    "CloudFront functions": (
        "cloudfront.ListFunctions",
        {"FunctionList": {"Items": many(98, lambda n: {"Name": f"f{n}"})}},
    ),
    "CloudFront origin access controls": (
        "cloudfront.ListOriginAccessControls",
        {"OriginAccessControlList": {"Items": many(99, lambda n: {"Name": f"o{n}"})}},
    ),
    "CloudFront key groups": (
        "cloudfront.ListKeyGroups",
        {"KeyGroupList": {"Items": many(10, lambda n: {"KeyGroup": {"KeyGroupConfig": {"Name": f"g{n}"}}})}},
    ),
    "CloudFront public keys": ("cloudfront.ListPublicKeys", {"PublicKeyList": {"Items": many(10)}}),
    "S3 buckets": ("s3.ListBuckets", {"Buckets": many(9_999)}),
    "DynamoDB tables": ("dynamodb.ListTables", {"TableNames": many(2500, str)}),
    "CloudFormation stacks": ("cloudformation.DescribeStacks", {"Stacks": many(2000)}),
    "regional APIs": ("apigateway.GetRestApis", {"items": many(599)}),
    "EventBridge event buses": (
        "events.ListEventBuses",
        {"EventBuses": [{"Name": "default"}, *many(100, lambda n: {"Name": f"b{n}"})]},
    ),
    "EventBridge rules": ("events.ListRules", {"Rules": many(300)}),
}


@pytest.mark.parametrize("quota", quotas.QUOTAS, ids=lambda quota: quota.what)
def test_a_quota_that_a_stage_would_exceed_is_refused_as_far_as_it_is_known(
    aws: Aws, site: Callable[..., Site], quota: quotas.Quota, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = site()
    monkeypatch.setattr(Site, "stack", None)  # DescribeStacks counts the stacks here
    operation, answer = FULL[quota.what]
    aws.answers |= {operation: answer, "service-quotas.GetServiceQuota": NO_SUCH}
    aws.answers["service-quotas.GetAWSDefaultServiceQuota"] = {"Quota": {"Value": float(quota.default)}}
    verdict = quotas.check_quota(quota, here)
    used = quota.default - quota.needed + 1
    assert f"the account has {used:,} of at most {quota.default:,} {quota.what}, and a stage needs" in verdict.sentence
    assert "delete some that nobody needs" in verdict.sentence
    if quota.code:
        assert verdict.mark is Mark.REFUSED
        assert f"--service-code {quota.service} --quota-code {quota.code} --desired-value {used + quota.needed}" in (
            verdict.sentence
        )
        region = "us-east-1" if quota.everywhere else "eu-west-1"
        assert f"--region {region}`" in verdict.sentence
        assert ("service-quotas.GetServiceQuota", region) in aws.calls
    elif quota.fixed:
        assert verdict.mark is Mark.REFUSED
        assert "AWS does not raise this quota" in verdict.sentence
    else:
        assert verdict.mark is Mark.UNKNOWN
        assert "unless AWS has raised the quota" in verdict.sentence


def test_a_stage_of_a_former_release_needs_room_for_what_is_new_in_this_one(
    aws: Aws, site: Callable[..., Site], stack: dict[str, Any]
) -> None:
    quota = next(each for each in quotas.QUOTAS if each.what == "CloudFront response headers policies")
    aws.answers["cloudformation.DescribeStacks"] = stack
    aws.answers["service-quotas.GetServiceQuota"] = {"Quota": {"Value": 20.0}}

    def account(others: int, *suffixes: str) -> None:
        names = [*(f"h{n}" for n in range(others)), *(f"filemill-dev-eu-west-1-{suffix}" for suffix in suffixes)]
        items = [{"ResponseHeadersPolicy": {"ResponseHeadersPolicyConfig": {"Name": name}}} for name in names]
        aws.answers["cloudfront.ListResponseHeadersPolicies"] = {"ResponseHeadersPolicyList": {"Items": items}}

    account(17, "files", "app")
    assert "has 19 of at most 20 CloudFront response headers policies, and a stage needs 2 more" in (
        quotas.check_quota(quota, site()).sentence
    )
    account(16, "files", "app")
    assert quotas.check_quota(quota, site()).mark is Mark.OK
    account(18, "files", "app", "console", "module")
    assert quotas.check_quota(quota, site()).mark is Mark.OK, "it needs no more"


def test_a_quota_that_was_raised_and_one_that_may_not_be_read_stop_nobody(aws: Aws, site: Callable[..., Site]) -> None:
    quota = next(each for each in quotas.QUOTAS if each.what == "EventBridge rules")
    aws.answers |= dict([FULL[quota.what]])
    aws.answers["service-quotas.GetServiceQuota"] = {"Quota": {"Value": 301.0}}
    assert quotas.check_quota(quota, site()).mark is Mark.OK
    del aws.answers["service-quotas.GetServiceQuota"]
    assert quotas.check_quota(quota, site()).mark is Mark.UNKNOWN


def test_a_quota_that_is_lower_in_this_account_than_documented_counts(aws: Aws, site: Callable[..., Site]) -> None:
    quota = next(each for each in quotas.QUOTAS if each.what == "DynamoDB tables")
    aws.answers["dynamodb.ListTables"] = {"TableNames": many(10, str)}
    aws.answers["service-quotas.GetServiceQuota"] = {"Quota": {"Value": 10.0}}
    assert "the account has 10 of at most 10 DynamoDB tables" in quotas.check_quota(quota, site()).sentence
    aws.answers["service-quotas.GetServiceQuota"] = {"Quota": {"Value": 11.0}}
    assert quotas.check_quota(quota, site()).mark is Mark.OK


def limits(**changes: int) -> dict[str, Any]:
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10, "TotalCodeSize": 80_530_636_800}
    return {"AccountLimit": limit, "AccountUsage": {"TotalCodeSize": 0, **changes}}


def test_a_small_account_is_told_what_will_be_capped_and_goes_on(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["lambda.GetAccountSettings"] = limits()
    verdict = quotas.check_concurrency(site())
    assert verdict.mark is Mark.OK
    assert all(f"`{name}` may run" in verdict.sentence for name in QUEUED if name != "media")
    assert "`media` is left out" in verdict.sentence
    assert "--quota-code L-B99A9384" in verdict.sentence


def test_a_reservation_that_leaves_too_little_is_refused(aws: Aws, site: Callable[..., Site], project: Path) -> None:
    recorded = {"stages": {"dev": {"lambda_functions": {"api_handler": {"reserved_concurrency": 4}}}}}
    (project / ".chalice/config.json").write_text(json.dumps(recorded))
    aws.answers["lambda.GetAccountSettings"] = limits()
    verdict = quotas.check_concurrency(site())
    assert verdict.mark is Mark.REFUSED
    assert "(api_handler 4) would leave 6 of the account's 10 concurrent executions" in verdict.sentence


def test_full_code_storage_and_full_roles_are_refused(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["lambda.GetAccountSettings"] = limits(TotalCodeSize=80_530_636_800 - quotas.CODE_BYTES)
    assert quotas.check_code_storage(site()).mark is Mark.OK
    aws.answers["lambda.GetAccountSettings"] = limits(TotalCodeSize=80_530_636_801 - quotas.CODE_BYTES)
    assert "Lambda stores 80,357 of at most 80,531 MB of code" in quotas.check_code_storage(site()).sentence
    aws.answers["iam.GetAccountSummary"] = {"SummaryMap": {"Roles": 987, "RolesQuota": 1000}}
    assert quotas.check_roles(site()).mark is Mark.OK
    aws.answers["iam.GetAccountSummary"] = {"SummaryMap": {"Roles": 988, "RolesQuota": 1000}}
    assert "988 of at most 1,000 IAM roles, and a stage needs 13" in quotas.check_roles(site()).sentence
