"""A stage's tags: which ones, which are refused, and that what nobody else tags gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from ops.errors import OpsError
from ops.stack import signing_key, tags, template
from tests.stage import aws_client

ROOT = Path(__file__).parents[3]


def test_a_stage_has_its_own_tags_the_recorded_ones_and_those_given_now() -> None:
    recorded = {"tags": {"cost": "1"}, "stages": {"prod": {"tags": {"team": "media", "app": "filemill"}}}}
    assert tags.of_stage(recorded, "prod", {"team": "web", "x": ""}) == {
        "app": "filemill",
        "stage": "prod",
        "cost": "1",
        "team": "web",
        "x": "",
    }
    assert tags.own(recorded, {"cost": "1", "team": "web"}) == {"team": "web"}


def test_an_operators_own_app_or_stage_tag_wins_in_whatever_case() -> None:
    """IAM takes no two tags that differ in case only."""
    assert tags.of_stage({"tags": {"App": "media", "stage": "live"}}, "prod", {}) == {"App": "media", "stage": "live"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"aws:x": "1"}, "only AWS itself"),
        ({"": "1"}, "1 to 128 characters"),
        ({"k" * 129: "1"}, "1 to 128 characters"),
        ({"k": "v" * 257}, "at most 256"),
        ({"a,b": "1"}, "a,b=1 can't be a tag"),
        ({"Team": "1", "team": "2"}, "differ in upper and lower case only"),
        ({f"k{n}": "1" for n in range(48)}, "There are 50 tags"),
    ],
)
def test_tags_that_aws_would_refuse_are_refused_first(given: dict[str, str], says: str) -> None:
    with pytest.raises(OpsError, match=says):
        tags.of_stage({}, "prod", given)
    assert tags.of_stage({}, "prod", {"k" * 128: "v" * 256, "Größe": "a b_.:/=+-@"})


def test_what_neither_cloudformation_nor_chalice_tags_is_tagged(cloud: None) -> None:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    ssm, gateway, events = aws_client("ssm"), aws_client("apigateway"), aws_client("events")
    for name in (signing_key.key_parameter("prod"), signing_key.secret_parameter("prod")):
        ssm.put_parameter(Name=name, Value="x", Type="SecureString")
    api = gateway.create_rest_api(name="filemill")["id"]  # moto takes its tags, but does not show them
    rule = events.put_rule(Name="filemill-prod-sweep-event", ScheduleExpression="rate(5 minutes)")["RuleArn"]
    gone = {"resource_type": "rest_api", "rest_api_id": "gone"}
    deployed = [
        {"resource_type": "rest_api", "rest_api_id": api},
        {"resource_type": "cloudwatch_event", "rule_name": "filemill-prod-sweep-event"},
        {"resource_type": "cloudwatch_event", "rule_name": "filemill-test-gone"},
        {"resource_type": "lambda_function", "lambda_arn": "arn"},
        gone,
    ]
    tags.put(boto3.Session(), "prod", "aws:eu-west-1:123456789012", deployed, "api", {"team": "media"})
    pairs = [{"Key": "team", "Value": "media"}]
    for name in (signing_key.key_parameter("prod"), signing_key.secret_parameter("prod")):
        assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"] == pairs
    assert events.list_tags_for_resource(ResourceARN=rule)["Tags"] == pairs


class Session:
    """Stands in for boto3's session, and remembers what was tagged. moto can't tag a trigger or an API's stage."""

    def __init__(self) -> None:
        self.tagged: list[str] = []

    def client(self, service: str) -> Session:
        return self

    def tag_resource(self, **what: Any) -> None:
        self.tagged.append(
            next(
                str(value)
                for name, value in what.items()
                if name.lower().endswith(("arn", "source")) or name == "Resource"
            )
        )

    def add_tags_to_resource(self, **what: Any) -> None:
        self.tagged.append(what["ResourceId"])


def test_triggers_and_the_apis_stage_are_tagged_too() -> None:
    session = Session()
    deployed = [
        {"resource_type": "sqs_event", "event_uuid": "u-1"},
        {"resource_type": "dynamodb_event", "event_uuid": "u-2"},
        {"resource_type": "rest_api", "rest_api_id": "abc"},
        {"resource_type": "websocket_api", "websocket_api_id": "ws1"},
    ]
    tags.put(session, "prod", "aws:eu-west-1:123456789012", deployed, "live", {"a": "b"})  # type: ignore[arg-type]
    assert session.tagged == [
        *signing_key.parameters("prod"),
        "arn:aws:lambda:eu-west-1:123456789012:event-source-mapping:u-1",
        "arn:aws:lambda:eu-west-1:123456789012:event-source-mapping:u-2",
        "arn:aws:apigateway:eu-west-1::/restapis/abc",
        "arn:aws:apigateway:eu-west-1::/restapis/abc/stages/live",
        "arn:aws:apigateway:eu-west-1::/apis/ws1",
        "arn:aws:apigateway:eu-west-1::/apis/ws1/stages/live",
    ]


def test_the_docs_name_each_type_of_the_template_that_can_bear_no_tags() -> None:
    types = {each["Type"] for each in template.document(ROOT)["Resources"].values()}
    schemas = {kind: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema for kind in types}
    cannot = {kind for kind, schema in schemas.items() if not schema.get("tagging", {}).get("taggable")}
    names = {
        "AWS::S3::BucketPolicy": "policies of buckets and queues",
        "AWS::SQS::QueuePolicy": "policies of buckets and queues",
        "AWS::CloudFront::CachePolicy": "CloudFront's policies, its origin access controls",
        "AWS::CloudFront::ResponseHeadersPolicy": "CloudFront's policies, its origin access controls",
        "AWS::Lambda::EventInvokeConfig": "how long events wait for `stream`",
        "AWS::Lambda::Url": "the URLs of the functions `render` and `stream` with their permissions",
        "AWS::Lambda::Permission": "the URLs of the functions `render` and `stream` with their permissions",
        "AWS::Events::Archive": "the archive of events",
        "AWS::CloudFront::OriginAccessControl": "CloudFront's policies, its origin access controls",
    }
    assert cannot == set(names)
    text = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    assert all(name in text for name in names.values())
