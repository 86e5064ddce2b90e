"""The bucket of templates on moto: closed, encrypted, tagged, emptied by time, and never somebody else's."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stack.template_bucket import LIMIT, TemplateBucket

NAME, ACCOUNT = "filemill-prod-templates-123456789012-eu-west-1", "123456789012"
TAGS = {"app": "filemill", "stage": "prod"}


@pytest.fixture
def bucket(cloud: None) -> TemplateBucket:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    return TemplateBucket(boto3.client("s3", region_name="eu-west-1"), NAME, ACCOUNT, "eu-west-1")


def test_it_is_closed_encrypted_tagged_and_forgets_old_templates(bucket: TemplateBucket) -> None:
    for _ in range(2):
        bucket.ensure(TAGS, tls_only=True)
    s3: Any = bucket.s3
    closed = s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    assert len(closed) == 4
    encryption = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert (rule["Status"], rule["Expiration"]) == ("Enabled", {"Days": 30})
    assert s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == [{"Key": k, "Value": v} for k, v in TAGS.items()]
    (deny,) = json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert deny["Resource"] == [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"]
    assert s3.get_bucket_location(Bucket=NAME)["LocationConstraint"] == "eu-west-1"


def test_an_emulator_over_plain_http_is_not_shut_out(bucket: TemplateBucket) -> None:
    bucket.ensure(TAGS, tls_only=False)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        bucket.s3.get_bucket_policy(Bucket=NAME)


def test_us_east_1_takes_no_location(cloud: None) -> None:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    name = NAME.replace("eu-west-1", "us-east-1")
    bucket = TemplateBucket(boto3.client("s3", region_name="us-east-1"), name, ACCOUNT, "us-east-1")
    bucket.ensure(TAGS, tls_only=True)
    assert bucket.s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None


# Below without `tls_only`: moto denies by a bucket's policy without reading its condition.


def test_the_same_template_has_the_same_address_and_its_parameters_are_read_from_it(bucket: TemplateBucket) -> None:
    bucket.ensure(TAGS, tls_only=False)
    document = {"Parameters": {"Stage": {"Type": "String"}, "App": {}}, "Resources": {"ä": 1}}
    first, again = bucket.upload(document), bucket.upload(document)
    assert first == again
    assert first.parameters == ("Stage", "App")
    address, _, key = first.url.rpartition("/")
    assert address == f"https://s3.eu-west-1.amazonaws.com/{NAME}"
    assert json.loads(bucket.s3.get_object(Bucket=NAME, Key=key)["Body"].read()) == document
    assert bucket.upload({**document, "Resources": {}}).url != first.url


def test_a_template_above_cloudformations_limit_is_refused(bucket: TemplateBucket) -> None:
    with pytest.raises(OpsError, match="CloudFormation takes 1,000,000"):
        bucket.upload({"Resources": {"A": "x" * LIMIT}})


class Foreign:
    """S3 where another account has the bucket: it refuses whoever names the owner that they expect."""

    def head_bucket(self, Bucket: str, ExpectedBucketOwner: str) -> None:  # noqa: N803
        assert (Bucket, ExpectedBucketOwner) == (NAME, ACCOUNT)
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")


def test_a_bucket_of_somebody_else_is_never_used() -> None:
    bucket = TemplateBucket(Foreign(), NAME, ACCOUNT, "eu-west-1")  # type: ignore[arg-type]
    with pytest.raises(OpsError, match=f"You may not use the bucket {NAME}.*another stage name"):
        bucket.ensure(TAGS, tls_only=True)


def test_deleting_leaves_nothing_and_can_be_repeated(bucket: TemplateBucket) -> None:
    bucket.ensure(TAGS, tls_only=False)
    bucket.upload({"Resources": {}})
    for _ in range(2):
        bucket.delete()
        assert bucket.s3.list_buckets()["Buckets"] == []
