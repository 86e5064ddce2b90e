"""Buckets and a table that are open, or do not send their events, are found."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.settings import load
from ops.doctor import storage
from ops.doctor.patient import Patient
from tests.stage import STAGE, aws_client, table_definition

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:ingest"


def test_a_bucket_that_does_not_tell_the_queue_of_every_object_is_found() -> None:
    right: dict[str, Any] = {"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}
    narrow = {**right, "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "x/"}]}}}
    assert storage.assess_notification({"QueueConfigurations": [right]}, QUEUE, "provision") == ""
    assert "some keys only" in storage.assess_notification({"QueueConfigurations": [narrow]}, QUEUE, "provision")
    for wrong in ({}, {"QueueConfigurations": [{**right, "QueueArn": "other"}]}):
        assert "does not tell the ingest queue" in storage.assess_notification(wrong, QUEUE, "provision")


def test_a_bucket_that_browsers_cannot_upload_to_is_found(patient: Patient) -> None:
    s3 = aws_client("s3")
    s3.create_bucket(Bucket="originals", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "does not allow uploads from browsers" in storage.check_cors(patient)
    assert "run `python -m ops provision --stage test --revert-drift`" in storage.check_cors(patient)
    rule: dict[str, Any] = {"AllowedMethods": ["POST", "PUT"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Location"]}
    s3.put_bucket_cors(Bucket="originals", CORSConfiguration={"CORSRules": [rule]})
    assert "hides ETag" in storage.check_cors(patient)
    rule["ExposeHeaders"] = ["ETag"]
    s3.put_bucket_cors(Bucket="originals", CORSConfiguration={"CORSRules": [rule]})
    assert storage.check_cors(patient) == ""


def test_a_table_without_expiry_or_with_another_stream_is_found(patient: Patient) -> None:
    dynamodb = aws_client("dynamodb")
    bare = {name: value for name, value in table_definition().items() if name != "StreamSpecification"}
    dynamodb.create_table(TableName="filemill-test", **bare)
    assert "ttl" in storage.check_expiry(patient)
    assert "no stream" in storage.check_stream(patient)
    dynamodb.update_time_to_live(
        TableName="filemill-test", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = dynamodb.update_table(TableName="filemill-test", StreamSpecification=stream)["TableDescription"]
    assert storage.check_expiry(patient) == ""
    assert "another stream than the recorded one" in storage.check_stream(patient)
    recorded = load({**STAGE, "FILEMILL_TABLE_STREAM_ARN": table["LatestStreamArn"]})
    assert storage.check_stream(Patient(patient.session, patient.region, patient.project_dir, recorded)) == ""


def test_buckets_that_are_open_or_keep_no_versions_are_found(patient: Patient) -> None:
    s3 = aws_client("s3")
    for bucket in ("originals", "derived"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "originals could be made public" in storage.check_buckets(patient)
    closed = dict.fromkeys(storage.PUBLIC_ACCESS_BLOCK, True)
    s3.put_public_access_block(Bucket="originals", PublicAccessBlockConfiguration=closed)
    partly = {**closed, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket="derived", PublicAccessBlockConfiguration=partly)
    assert "derived could be made public" in storage.check_buckets(patient)
    s3.put_public_access_block(Bucket="derived", PublicAccessBlockConfiguration=closed)
    assert "originals keeps no versions" in storage.check_buckets(patient)
    s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
    assert "does not let the distribution read" in storage.check_buckets(patient)
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::derived/f/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/EDIST"}},
    }
    s3.put_bucket_policy(Bucket="derived", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert storage.check_buckets(patient) == ""
    statement["Condition"] = {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/OTHER"}}
    assert "does not let" in storage.assess_bucket_policy({"Statement": [statement]}, "EDIST", "provision")
