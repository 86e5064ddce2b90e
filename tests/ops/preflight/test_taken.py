"""A name that something else has is refused, and one that the stage has itself is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.preflight import examine, taken
from ops.preflight.site import Site
from ops.report import Mark
from tests.scripted import Aws, Failure
from tests.stage import ROOT


@pytest.mark.parametrize(
    ("status", "mark", "says"),
    [
        ("UPDATE_COMPLETE", Mark.OK, ""),
        ("ROLLBACK_COMPLETE", Mark.OK, ""),
        ("UPDATE_IN_PROGRESS", Mark.OK, "will wait until that has ended"),
        ("DELETE_FAILED", Mark.REFUSED, "`python -m ops provision --stage dev --delete`"),
        ("UPDATE_ROLLBACK_FAILED", Mark.REFUSED, "continue-update-rollback --stack-name filemill-dev"),
    ],
)
def test_a_stuck_stack_is_refused(status: str, mark: Mark, says: str, stack: dict[str, Any]) -> None:
    verdict = taken.assess_stack({**stack["Stacks"][0], "StackStatus": status}, "dev")
    assert verdict.mark is mark
    assert says in verdict.sentence
    assert bool(verdict.sentence) == bool(says)


def test_a_stack_of_something_else_is_refused(stack: dict[str, Any]) -> None:
    verdict = taken.assess_stack({**stack["Stacks"][0], "Parameters": []}, "dev")
    assert verdict.mark is Mark.REFUSED
    assert "the stack filemill-dev is not Filemill's" in verdict.sentence
    assert taken.assess_stack({"StackStatus": "REVIEW_IN_PROGRESS"}, "dev").mark is Mark.OK


@pytest.mark.parametrize(
    ("status", "mark", "says"),
    [
        (404, Mark.OK, ""),
        (200, Mark.REFUSED, "`aws s3 rb s3://filemill-dev-originals-123456789012-eu-west-1 --force`"),
        (301, Mark.REFUSED, "exists, but the stage's stack does not"),
        (403, Mark.REFUSED, "belongs to another account or is closed to you"),
        (500, Mark.UNKNOWN, "S3 answers 500"),
    ],
)
def test_a_bucket_of_the_name_is_refused(
    aws: Aws, site: Callable[..., Site], status: int, mark: Mark, says: str
) -> None:
    aws.answers["s3.HeadBucket"] = {} if status == 200 else Failure(str(status), status)
    verdict = taken.check_buckets(site())
    assert verdict.mark is mark
    assert says in verdict.sentence


def test_the_buckets_of_a_stack_that_stands_are_its_own(
    aws: Aws, site: Callable[..., Site], stack: dict[str, Any]
) -> None:
    aws.answers |= {"cloudformation.DescribeStacks": stack, "s3.HeadBucket": {}}
    assert taken.check_buckets(site()).mark is Mark.OK
    stack["Stacks"][0]["StackStatus"] = "ROLLBACK_COMPLETE"
    assert taken.check_buckets(site()).mark is Mark.REFUSED, "it will be deleted first, and the bucket may stay"


def test_a_function_of_another_app_is_refused(aws: Aws, site: Callable[..., Site]) -> None:
    def theirs(request: dict[str, Any]) -> Any:
        other = request["url_path"].endswith("/filemill-dev-process/configuration")
        return {"Environment": {"Variables": {} if other else {"FILEMILL_STAGE": "dev"}}}

    aws.answers["lambda.GetFunctionConfiguration"] = theirs
    verdict = taken.check_functions(site())
    assert verdict.mark is Mark.REFUSED
    assert "the Lambda function filemill-dev-process is another app's" in verdict.sentence
    aws.answers["lambda.GetFunctionConfiguration"] = {"Environment": {"Variables": {"FILEMILL_STAGE": "dev"}}}
    assert taken.check_functions(site()).mark is Mark.OK


def role_policy(region: str) -> dict[str, Any]:
    arns = [f"arn:aws:sqs:{region}:123456789012:q", "arn:aws:s3:::bucket/*", "arn:aws:cloudfront::1:distribution/E"]
    document = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": arns}]}
    return {"RoleName": "r", "PolicyName": "r", "PolicyDocument": json.dumps(document)}


def test_the_roles_of_another_regions_stage_are_refused_where_chalice_would_take_them_over(
    aws: Aws, site: Callable[..., Site], project: Path
) -> None:
    aws.answers |= {"iam.ListRolePolicies": {"PolicyNames": ["r"]}, "iam.GetRolePolicy": role_policy("us-east-1")}
    assert taken.check_roles(site()).mark is Mark.OK, "the stack makes all of this stage's roles"
    functions = {"fetch": {"manage_iam_role": True}}
    recorded = {"app_name": "filemill", "stages": {"dev": {"lambda_functions": functions}}}
    (project / ".chalice/config.json").write_text(json.dumps(recorded))
    chosen = {"the roles": taken.check_roles}
    (refusal,) = examine(site(), chosen)
    assert refusal.mark is Mark.REFUSED
    assert "filemill-dev-fetch belongs to a stage 'dev' in us-east-1" in refusal.sentence
    aws.answers["iam.GetRolePolicy"] = role_policy("eu-west-1")
    assert taken.check_roles(site()).mark is Mark.OK


def test_a_bus_of_the_name_is_refused_unless_it_is_the_stacks(
    aws: Aws, site: Callable[..., Site], stack: dict[str, Any]
) -> None:
    assert taken.check_bus(site()).mark is Mark.OK
    aws.answers["events.DescribeEventBus"] = {"Name": "filemill-dev"}
    verdict = taken.check_bus(site())
    assert verdict.mark is Mark.REFUSED
    assert "`aws events delete-event-bus --name filemill-dev`" in verdict.sentence
    aws.answers["cloudformation.DescribeStacks"] = stack
    assert taken.check_bus(site()).mark is Mark.REFUSED, "a former version's stack, which has no bus"
    stack["Stacks"][0]["Outputs"].append({"OutputKey": "EventBus", "OutputValue": "filemill-dev"})
    assert taken.check_bus(site()).mark is Mark.OK


@pytest.mark.parametrize("suffix", ["", "-files", "-app", "-negotiate"])
def test_cloudfronts_names_that_a_former_stage_left_are_refused(suffix: str) -> None:
    found = {"cache policy": ["other", f"filemill-dev-eu-west-1{suffix}"], "function": ["filemill-dev-eu-west-2-files"]}
    verdict = taken.assess_cdn_names(found, "dev", "eu-west-1")
    assert verdict.mark is Mark.REFUSED
    assert f"CloudFront has the cache policy filemill-dev-eu-west-1{suffix} already" in verdict.sentence
    assert taken.assess_cdn_names({"function": found["function"]}, "dev", "eu-west-1").mark is Mark.OK


def test_the_templates_names_in_cloudfront_are_the_ones_that_are_looked_for() -> None:
    text = (ROOT / ".chalice/resources.yaml").read_text(encoding="utf-8")
    suffixes = re.findall(r"Name: !Sub \"filemill-\$\{Stage\}-\$\{AWS::Region\}([a-z-]*)\"", text)
    assert set(suffixes) == {"", "-files", "-app", "-console", "-module", "-negotiate", "-render", "-socket"}
    for suffix in suffixes:
        verdict = taken.assess_cdn_names({"any": [f"filemill-dev-eu-west-1{suffix}"]}, "dev", "eu-west-1")
        assert verdict.mark is Mark.REFUSED


def test_a_table_that_a_former_stage_left_is_mentioned(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["dynamodb.ListTables"] = {"TableNames": ["filemill-dev-Table-OLD", "filemill-dev2-Table-X"]}
    verdict = taken.check_tables(site())
    assert verdict.mark is Mark.OK
    assert "the table filemill-dev-Table-OLD is left" in verdict.sentence
