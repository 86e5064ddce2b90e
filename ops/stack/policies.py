"""The functions' IAM policies, as plain dicts with exact ARNs.

Every function of app.py has an entry in POLICIES; `ops provision` writes it to `.chalice/policy-STAGE-….json`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Policy = dict[str, Any]
Statement = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """One stage's resources in one account, from which ARNs are made. `parameters` are SSM names with their slash."""

    stage: str
    partition: str
    region: str
    account: str
    originals_bucket: str
    derived_bucket: str
    table: str
    table_stream_arn: str
    ingest_queue_arn: str
    import_queue_arn: str
    distribution_id: str
    parameters: tuple[str, ...]
    app_name: str = "filemill"
    xray: bool = False

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def bucket(self, name: str) -> str:
        return f"arn:{self.partition}:s3:::{name}"

    def function_name(self, function: str) -> str:
        """Chalice names the API's function `APP-STAGE`, and every other `APP-STAGE-FUNCTION`."""
        return f"{self.app_name}-{self.stage}" + ("" if function == "api_handler" else f"-{function}")

    def function_arn(self, function: str) -> str:
        return self.arn("lambda", f"function:{self.function_name(function)}")

    @property
    def table_arn(self) -> str:
        return self.arn("dynamodb", f"table/{self.table}")

    @property
    def distribution_arn(self) -> str:
        return f"arn:{self.partition}:cloudfront::{self.account}:distribution/{self.distribution_id}"


def _allow(sid: str, actions: list[str], *resources: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _policy(*statements: Statement) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _logs(place: Place, function: str) -> Statement:
    """Lets a function write to its own log group."""
    group = place.arn("logs", f"log-group:/aws/lambda/{place.function_name(function)}")
    # The first resource is the group itself, to create it; the second is everything below it: the streams.
    return _allow("OwnLogs", ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], group, f"{group}:*")


def traced(policy: Policy, place: Place) -> Policy:
    """Adds what AWS X-Ray needs, if the stage uses it. Its actions have no resources."""
    if not place.xray:
        return policy
    tracing = _allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")
    return {**policy, "Statement": [*policy["Statement"], tracing]}


def _deliveries(queue_arn: str) -> Statement:
    """Lets Lambda read a queue for the function, and the function decide when a message comes back."""
    actions = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return _allow("Deliveries", actions, queue_arn)


def api(place: Place) -> Policy:
    """The API: signs uploads (a signed request may do what its signer may), writes records, moves and deletes files."""
    originals, derived = place.bucket(place.originals_bucket), place.bucket(place.derived_bucket)
    return _policy(
        _allow(
            "Records",
            [
                "dynamodb:BatchGetItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ],
            place.table_arn,
        ),
        _allow("Lists", ["dynamodb:Query"], f"{place.table_arn}/index/*"),
        _allow(
            "Originals",
            [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:ListMultipartUploadParts",
                "s3:PutObject",
            ],
            f"{originals}/*",
        ),
        _allow("OriginalVersions", ["s3:ListBucketVersions"], originals),
        # It copies renditions to another address when a file's visibility changes, so it reads and writes them.
        _allow("Renditions", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], f"{derived}/*"),
        _allow("RenditionNames", ["s3:ListBucket"], derived),
        _allow("OnDemand", ["lambda:InvokeFunction"], place.function_arn("render")),
        # It needs no kms:Decrypt: whoever may read the parameter through SSM may use the key aws/ssm there.
        # https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
        _allow(
            "Secrets",
            ["ssm:GetParameter"],
            *(place.arn("ssm", f"parameter{name}") for name in place.parameters),
        ),
        _allow("Work", ["sqs:SendMessage"], place.import_queue_arn, place.ingest_queue_arn),
        _allow("Purge", ["cloudfront:CreateInvalidation"], place.distribution_arn),
        _logs(place, "api_handler"),
    )


def process(place: Place) -> Policy:
    """The process function: reads one version of an original, writes its renditions, updates its record."""
    originals, derived = place.bucket(place.originals_bucket), place.bucket(place.derived_bucket)
    return _policy(
        _allow("Records", ["dynamodb:GetItem", "dynamodb:UpdateItem"], place.table_arn),
        # Deleting one version needs both: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
        _allow(
            "Originals",
            ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObjectVersion"],
            f"{originals}/*",
        ),
        _allow("Renditions", ["s3:DeleteObject", "s3:PutObject"], f"{derived}/*"),
        _allow("RenditionNames", ["s3:ListBucket"], derived),
        _deliveries(place.ingest_queue_arn),
        _allow("Again", ["sqs:SendMessage"], place.ingest_queue_arn),
        _logs(place, "process"),
    )


def fetch(place: Place) -> Policy:
    """The fetch function, which downloads from strangers: adds originals and updates records, but can't read files."""
    return _policy(
        _allow("Records", ["dynamodb:GetItem", "dynamodb:UpdateItem"], place.table_arn),
        _allow(
            "Originals",
            ["s3:AbortMultipartUpload", "s3:PutObject"],
            f"{place.bucket(place.originals_bucket)}/*",
        ),
        _deliveries(place.import_queue_arn),
        _logs(place, "fetch"),
    )


def index(place: Place) -> Policy:
    """The index function: reads the table's stream and writes lists, feed and counts; reads no file and no secret."""
    return _policy(
        _allow(
            "Index",
            [
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
            place.table_arn,
        ),
        # Lambda needs this to read the stream for the function.
        _allow(
            "Stream",
            ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
            place.table_stream_arn,
        ),
        _logs(place, "index"),
    )


def render(place: Place) -> Policy:
    """The render function: reads a record and one version of an original, writes one rendition or deletes it again."""
    originals, derived = place.bucket(place.originals_bucket), place.bucket(place.derived_bucket)
    return _policy(
        _allow("Records", ["dynamodb:GetItem"], place.table_arn),
        _allow("Originals", ["s3:GetObjectVersion"], f"{originals}/*"),
        _allow("Renditions", ["s3:DeleteObject", "s3:PutObject"], f"{derived}/*"),
        _logs(place, "render"),
    )


def sweep(place: Place) -> Policy:
    """The sweep: ends and removes records, deletes objects that belong to no record, sends lost messages again.

    It reads no file, but S3 allows HeadObject only to whoever may call GetObject.
    """
    originals, derived = place.bucket(place.originals_bucket), place.bucket(place.derived_bucket)
    return _policy(
        _allow(
            "Records",
            ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"],
            place.table_arn,
        ),
        _allow("Due", ["dynamodb:Query"], f"{place.table_arn}/index/by_due"),
        _allow(
            "Originals",
            [
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:GetObject",
                "s3:GetObjectVersion",
            ],
            f"{originals}/*",
        ),
        _allow("OriginalVersions", ["s3:ListBucketVersions"], originals),
        _allow("Renditions", ["s3:DeleteObject"], f"{derived}/*"),
        _allow("RenditionNames", ["s3:ListBucket"], derived),
        _allow("Work", ["sqs:GetQueueAttributes", "sqs:SendMessage"], place.import_queue_arn, place.ingest_queue_arn),
        _allow("Purge", ["cloudfront:CreateInvalidation"], place.distribution_arn),
        _logs(place, "sweep"),
    )


# Chalice's name of a function → (name in the policy's file name, the policy).
POLICIES: dict[str, tuple[str, Callable[[Place], Policy]]] = {
    "api_handler": ("api", api),
    "process": ("process", process),
    "fetch": ("fetch", fetch),
    "index": ("index", index),
    "render": ("render", render),
    "sweep": ("sweep", sweep),
}
