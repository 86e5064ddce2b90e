"""The bucket from which CloudFormation reads the template, because a request may hold only 51,200 bytes of it.

A template in S3 may have 1 MB:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html

The stack can't make this bucket, since it is needed before the stack. Every step can be repeated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stack import template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LIMIT = 1_000_000  # bytes of a template in S3
KEPT_DAYS = 30  # CloudFormation reads a template once, when the change set is made


@dataclass(frozen=True)
class Uploaded:
    """A template in S3: its address, and the names of its parameters."""

    url: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class TemplateBucket:
    """The stage's bucket of templates. `account` owns it, so that nobody else's bucket of that name is ever used."""

    s3: S3Client
    name: str
    account: str
    region: str

    def ensure(self, tags: Mapping[str, str], *, tls_only: bool) -> None:
        """Makes the bucket if it is missing, and sets how it is closed, encrypted, emptied and tagged.

        Raises
        ------
        OpsError
            Somebody else has a bucket of this name.
        """
        self._create()
        ours: Any = {"Bucket": self.name, "ExpectedBucketOwner": self.account}
        self.s3.put_public_access_block(
            **ours,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        encryption: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        self.s3.put_bucket_encryption(**ours, ServerSideEncryptionConfiguration=encryption)
        expiry: Any = {
            "ID": "old-templates",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"Days": KEPT_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
        self.s3.put_bucket_lifecycle_configuration(**ours, LifecycleConfiguration={"Rules": [expiry]})
        self.s3.put_bucket_tagging(
            **ours, Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}
        )
        if tls_only:
            self.s3.put_bucket_policy(**ours, Policy=json.dumps(self._only_over_tls()))

    def exists(self) -> bool:
        """True if the bucket is there.

        Raises
        ------
        OpsError
            Somebody else has a bucket of this name.
        """
        try:
            self.s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.account)
        except ClientError as error:
            if error.response["Error"]["Code"] == "403":
                raise OpsError(
                    f"You may not use the bucket {self.name}, from which CloudFormation reads the template. Ask for "
                    "s3:ListBucket on it; if it belongs to another account, choose another stage name."
                ) from error
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise
            return False
        return True

    def _create(self) -> None:
        if self.exists():
            return
        place: Any = {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        try:
            self.s3.create_bucket(
                Bucket=self.name,
                ObjectOwnership="BucketOwnerEnforced",
                **({} if self.region == "us-east-1" else place),
            )
        except self.s3.exceptions.BucketAlreadyOwnedByYou:
            return  # another run was faster

    def _only_over_tls(self) -> dict[str, Any]:
        bucket = f"arn:aws:s3:::{self.name}"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OnlyOverTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [bucket, f"{bucket}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }

    def upload(self, document: Mapping[str, Any]) -> Uploaded:
        """Stores a template. The same template has the same address.

        Raises
        ------
        OpsError
            The template is larger than CloudFormation allows.
        """
        body = template.compact(document).encode()
        if len(body) > LIMIT:
            raise OpsError(f"The template has {len(body):,} bytes, and CloudFormation takes {LIMIT:,} of them.")
        key = f"{hashlib.sha256(body).hexdigest()}.json"
        self.s3.put_object(
            Bucket=self.name, Key=key, Body=body, ContentType="application/json", ExpectedBucketOwner=self.account
        )
        # The path-style address, which CloudFormation accepts in every region, as the AWS CLI gives it.
        url = f"{self.s3.meta.endpoint_url}/{self.name}/{key}"
        return Uploaded(url, tuple(document.get("Parameters", {})))

    def remove(self, uploaded: Uploaded) -> None:
        """Deletes one template. A change set that was made of it does not need it any more."""
        key = uploaded.url.rpartition("/")[2]
        self.s3.delete_objects(
            Bucket=self.name, Delete={"Objects": [{"Key": key}], "Quiet": True}, ExpectedBucketOwner=self.account
        )

    def delete(self) -> None:
        """Deletes the bucket and the templates in it, as far as it exists."""
        try:
            for page in self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, ExpectedBucketOwner=self.account
            ):
                if found := page.get("Contents"):
                    self.s3.delete_objects(
                        Bucket=self.name,
                        Delete={"Objects": [{"Key": each["Key"]} for each in found], "Quiet": True},
                        ExpectedBucketOwner=self.account,
                    )
            self.s3.delete_bucket(Bucket=self.name, ExpectedBucketOwner=self.account)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchBucket", "404"):
                raise
