"""`python -m ops provision --delete`: everything that provision made, undone; files only when that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from chalicelib.settings import PREFIX
from ops import config
from ops.errors import OpsError, as_sentences
from ops.stack import deployment, signing_key
from ops.stack.names import policy_file, stack_name, whereabouts
from ops.stack.policies import POLICIES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

Progress = deployment.Progress

COUNT_LIMIT = 100_000  # nobody waits for millions to be counted, a thousand a request


def unprovision(stage: str, project_dir: Path, *, delete_files: bool = False, progress: Progress = print) -> None:
    """Deletes a stage's stack, table, keys, and its entry in `.chalice/config.json`. It can be repeated.

    Raises
    ------
    OpsError
        The app is still deployed; or a bucket holds files and `delete_files` is not set. Nothing was deleted then.
    """
    before = config.read_config(project_dir)
    recorded = config.stage_variables(before, stage)
    if config.deployed_resources(project_dir, stage):
        raise OpsError(f"The app is still deployed: run `chalice delete --stage {stage}` first, then this again.")

    with as_sentences():
        session = boto3.Session()
        account, region = whereabouts(session, stage, recorded)
        progress(f"stage {stage}: account {account}, region {region}")
        cfn, s3 = session.client("cloudformation"), session.client("s3")
        made = deployment.describe(cfn, stack_name(stage))
        outputs = deployment.outputs(made) if made else {}
        buckets = [
            name
            for name in (
                f"filemill-{stage}-originals-{account}-{region}",
                f"filemill-{stage}-derived-{account}-{region}",
            )
            if _exists(s3, name)
        ]
        if delete_files:
            for bucket in buckets:
                empty(s3, bucket, progress)
        else:
            refuse_files(s3, stage, buckets)
        deployment.delete(cfn, stack_name(stage), progress)
        # The stack leaves the table behind on purpose (DeletionPolicy), and an interrupted run may have, too.
        if table := outputs.get("Table") or recorded.get(f"{PREFIX}TABLE"):
            _delete_table(session.client("dynamodb"), table)
        signing_key.delete(session.client("cloudfront"), session.client("ssm"), stage, region)

    for name, _ in POLICIES.values():
        (project_dir / ".chalice" / policy_file(stage, name)).unlink(missing_ok=True)
    config.write_json(config.config_path(project_dir), config.without_stage(config.read_config(project_dir), stage))
    progress(f"stage {stage} is gone")


def refuse_files(s3: S3Client, stage: str, buckets: list[str]) -> None:
    """Raises OpsError while a bucket holds an object, an old version, or a part of an unfinished upload."""
    held = []
    for bucket in buckets:
        objects = 0
        for batch in _versions(s3, bucket):
            objects += len(batch)
            if objects >= COUNT_LIMIT:
                break
        parts = sum(1 for _ in _uploads(s3, bucket))
        if objects:
            held.append(f"{bucket} holds {objects:,}{' or more' * (objects >= COUNT_LIMIT)} object versions")
        if parts:
            held.append(f"{bucket} holds {parts:,} unfinished uploads")
    if held:
        raise OpsError(
            f"Nothing was deleted: {'; '.join(held)}. To delete those for good, too: "
            f"`python -m ops provision --stage {stage} --delete --delete-files`."
        )


def empty(s3: S3Client, bucket: str, progress: Progress) -> None:
    """Deletes every version, delete marker and unfinished upload in a bucket."""
    deleted = 0
    for batch in _versions(s3, bucket):
        reply = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        if errors := reply.get("Errors"):
            raise OpsError(f"{bucket}: {errors[0]['Key']} could not be deleted: {errors[0]['Message']}")
        deleted += len(batch)
        progress(f"{bucket}: {deleted:,} object versions deleted")
    for key, upload_id in _uploads(s3, bucket):
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        progress(f"{bucket}: unfinished upload of {key} aborted")


def _versions(s3: S3Client, bucket: str) -> Any:
    """Batches of at most 1,000 (what DeleteObjects takes), of versions and delete markers."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        if found := [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            yield [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in found]


def _uploads(s3: S3Client, bucket: str) -> Any:
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            yield upload["Key"], upload["UploadId"]


def _exists(s3: S3Client, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def _delete_table(dynamodb: DynamoDBClient, table: str) -> None:
    try:
        dynamodb.delete_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 2})
