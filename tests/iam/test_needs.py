"""The rights that calls need, where they are not named like the operation."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from tests.iam.needs import Place, form_needs, needs

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/t"
ROLE = "arn:aws:iam::123456789012:role/r"

CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("s3.HeadObject", {"Bucket": "b", "Key": "k"}, {"s3:GetObject arn:aws:s3:::b/k"}),
    ("s3.HeadObject", {"Bucket": "b", "Key": "k", "VersionId": "1"}, {"s3:GetObjectVersion arn:aws:s3:::b/k"}),
    ("s3.ListObjectsV2", {"Bucket": "b", "Prefix": "k"}, {"s3:ListBucket arn:aws:s3:::b"}),
    ("s3.UploadPart", {"Bucket": "b", "Key": "k"}, {"s3:PutObject arn:aws:s3:::b/k"}),
    (
        "s3.CopyObject",
        {"Bucket": "b", "Key": "new", "CopySource": {"Bucket": "a", "Key": "old", "VersionId": "1"}},
        {"s3:PutObject arn:aws:s3:::b/new", "s3:GetObjectVersion arn:aws:s3:::a/old"},
    ),
    (
        "s3.CopyObject",
        {"Bucket": "b", "Key": "k", "CopySource": "a/b/c"},
        {"s3:PutObject arn:aws:s3:::b/k", "s3:GetObject arn:aws:s3:::a/b/c"},
    ),
    (
        "s3.DeleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l", "VersionId": "1"}]}},
        {
            "s3:DeleteObject arn:aws:s3:::b/k",
            "s3:DeleteObject arn:aws:s3:::b/l",
            "s3:DeleteObjectVersion arn:aws:s3:::b/l",
        },
    ),
    (
        "dynamodb.TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}}]},
        {f"dynamodb:PutItem {TABLE}", f"dynamodb:ConditionCheckItem {TABLE}"},
    ),
    ("dynamodb.Query", {"TableName": "t", "IndexName": "i"}, {f"dynamodb:Query {TABLE}/index/i"}),
    ("dynamodb.BatchWriteItem", {"RequestItems": {"t": []}}, {f"dynamodb:BatchWriteItem {TABLE}"}),
    (
        "sqs.SendMessageBatch",
        {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q"},
        {"sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:q"},
    ),
    (
        "lambda.Invoke",
        {"FunctionName": "f"},
        {"lambda:InvokeFunction arn:aws:lambda:eu-west-1:123456789012:function:f"},
    ),
    (
        "lambda.CreateFunction",
        {"FunctionName": "f", "Role": ROLE, "Layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:l:1"]},
        {
            "lambda:CreateFunction arn:aws:lambda:eu-west-1:123456789012:function:f",
            "lambda:GetLayerVersion arn:aws:lambda:eu-west-1:123456789012:layer:l:1",
            f"iam:PassRole {ROLE}",
        },
    ),
    (
        "apigateway.PutGatewayResponse",
        {"restApiId": "a", "responseType": "THROTTLED"},
        {"apigateway:PUT arn:aws:apigateway:eu-west-1::/restapis/a/gatewayresponses/THROTTLED"},
    ),
    ("apigatewayv2.CreateApi", {"Name": "a"}, {"apigateway:POST arn:aws:apigateway:eu-west-1::/apis"}),
    (
        "apigatewayv2.UpdateStage",
        {"ApiId": "a", "StageName": "api"},
        {"apigateway:PATCH arn:aws:apigateway:eu-west-1::/apis/a/stages/api"},
    ),
    (
        "events.PutEvents",
        {"Entries": [{"EventBusName": "b"}, {}]},
        {
            "events:PutEvents arn:aws:events:eu-west-1:123456789012:event-bus/b",
            "events:PutEvents arn:aws:events:eu-west-1:123456789012:event-bus/default",
        },
    ),
    (
        "events.DescribeEventBus",
        {"Name": "b"},
        {"events:DescribeEventBus arn:aws:events:eu-west-1:123456789012:event-bus/b"},
    ),
    ("events.ListEventBuses", {}, {"events:ListEventBuses *"}),
    (
        "apigatewaymanagementapi.PostToConnection",
        {"ConnectionId": "c", "Data": b""},
        {"execute-api:ManageConnections arn:aws:execute-api:eu-west-1:123456789012:anyapi/api/POST/@connections/c"},
    ),
    (
        "apigatewaymanagementapi.DeleteConnection",
        {"ConnectionId": "c"},
        {"execute-api:ManageConnections arn:aws:execute-api:eu-west-1:123456789012:anyapi/api/DELETE/@connections/c"},
    ),
    ("sts.GetCallerIdentity", {}, set()),
]


@pytest.mark.parametrize(
    ("operation", "params", "wanted"), CASES, ids=lambda each: each if isinstance(each, str) else ""
)
def test_a_call_needs(operation: str, params: dict[str, Any], wanted: set[str]) -> None:
    service, _, name = operation.partition(".")
    model = Session().get_service_model(service).operation_model(name)
    assert {f"{need.action} {need.resource}" for need in needs(model, params, Place())} == wanted


def test_a_form_needs_what_its_upload_needs() -> None:
    [need] = form_needs("b", "tenant/${filename}")
    assert (need.action, need.resource) == ("s3:PutObject", "arn:aws:s3:::b/tenant/*")


def test_a_service_or_an_operation_that_is_not_known_is_an_error() -> None:
    for service, name, params in (
        ("rds", "DescribeEvents", {}),
        ("s3", "SelectObjectContent", {"Bucket": "b", "Key": "k"}),
    ):
        model = Session().get_service_model(service).operation_model(name)
        with pytest.raises(NotImplementedError, match=r"tests/iam/needs\.py"):
            needs(model, params, Place())
