"""`python -m ops provision --delete`: deletes everything that provision made. Files are deleted only on request."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from chalicelib.settings import camel_to_variable
from ops import config, package
from ops.errors import OpsError, as_sentences
from ops.progress import confirm_name
from ops.stack import (
    adoption,
    cloudformation,
    console,
    deployment,
    inventory,
    logs,
    media_layer,
    patience,
    removal,
    signing_key,
)
from ops.stack.cloudformation import Progress
from ops.stack.former_roles import FormerRoles
from ops.stack.inventory import Client, Deployment, Resource
from ops.stack.names import FUNCTIONS, bucket_name, bus_name, policy_file, stack_name, whereabouts
from ops.stack.objects import delete
from ops.stack.template_bucket import TemplateBucket

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

COUNT_LIMIT = 100_000  # S3 lists a thousand versions per request, so counting millions would take too long


def unprovision(
    stage: str, project_dir: Path, *, delete_files: bool = False, yes: bool = True, progress: Progress = print
) -> None:
    """Deletes a stage's stack, table, roles and keys, and its entry in `.chalice/config.json`. It can be repeated.

    Without `yes` it asks for the stage's name first.

    Raises
    ------
    OpsError
        There is no such stage, its name was not typed, the app is still deployed, the event bus has rules, or a bucket
        holds files and `delete_files` is not set. The stage is as it was then.
    """
    recorded = config.stage_variables(config.read_config(project_dir), stage)
    with as_sentences():
        session = boto3.Session()
        account, region = whereabouts(session, stage, recorded)
        progress(f"stage {stage}: account {account}, region {region}")
        client: Any = session.client
        cfn = session.client("cloudformation")
        place = (session.get_partition_for_region(region), region, account)
        here = inventory.deployment(project_dir, stage, place, cloudformation.describe(cfn, stack_name(stage)))
        left = find_app(client, project_dir, here, progress)
        check_known(project_dir, here, left)
        refuse_rules(client, stage)
        table = find_table(cfn, stage, recorded)
        key = find_output(cfn, stage, recorded, "EncryptionKeyArn")
        what = "its stack, records and keys" + (", and every file" if delete_files else "")
        confirm_name(f"This deletes stage {stage}: {what}.", stage, yes=yes)
        delete_app(client, project_dir, here, left, progress)
        clear_buckets(session.client("s3"), stage, account, region, progress, delete_files=delete_files)
        deployment.delete(cfn, stack_name(stage), progress)
        # The stack keeps the table on purpose (DeletionPolicy). A run that was interrupted may have left it, too.
        if table:
            delete_table(session.client("dynamodb"), table)
        delete_roles(session, project_dir, stage, region, progress)
        media_layer.remove_unused(client("lambda"), media_layer.name_of(here.app, stage), [])
        templates = bucket_name(stage, "templates", account, region)
        TemplateBucket(session.client("s3"), templates, account, region).delete()
        signing_key.delete(session.client("cloudfront"), session.client("ssm"), stage, region)
        if groups := logs.delete(session.client("logs"), log_groups(project_dir, here)):
            progress(f"deleted the log groups {', '.join(groups)}")
    forget(project_dir, stage)
    progress(f"stage {stage} is deleted")
    if key:
        progress(
            f"the KMS key {key} is kept, because backups of the table can be opened with it alone. If it was made for "
            "this stage and you need none of them, delete it: `aws kms schedule-key-deletion --key-id "
            f"{key} --pending-window-in-days 30` (docs/encryption.md)"
        )


def check_known(project_dir: Path, here: Deployment, left: list[Resource]) -> None:
    """Refuses a stage that is neither recorded here nor in the account. `left` is what AWS has of its app."""
    recorded = config.read_config(project_dir)
    known = here.stage in recorded.get("stages", {}) or config.deployed_resources(project_dir, here.stage) is not None
    if not (known or here.has_stack or left):
        raise OpsError(
            f"There is no stage {here.stage!r}: it is not in {config.config_path(project_dir)}, and this account and "
            f"region have no stack {stack_name(here.stage)}. {config.provisioned_here(recorded)}"
        )


def find_app(client: Client, project_dir: Path, here: Deployment, progress: Progress) -> list[Resource]:
    """Everything that AWS has of what `chalice deploy` made and that Chalice can't delete any more.

    It corrects Chalice's record, so that `chalice delete` finds all of it.

    Raises
    ------
    OpsError
        The app is still deployed, and `chalice delete` can delete it.
    """
    left = adoption.adopt(client, project_dir, here, progress)
    # A former role alone does not need Chalice: `delete_roles` deletes it.
    app = [resource for resource in left if resource["resource_type"] != "iam_role"]
    if app and (here.is_configured or here.has_stack):
        first = "" if here.is_configured else f"`python -m ops provision --stage {here.stage}`, then "
        raise OpsError(
            f"The app is still deployed ({', '.join(map(inventory.describe, app))}): run {first}"
            f"`chalice delete --stage {here.stage}` first, then run this command again."
        )
    return left


def refuse_rules(client: Client, stage: str) -> None:
    """Raises OpsError while the event bus has rules of others, because AWS deletes no bus that has rules.

    They are not the stage's, so they are not deleted here: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html
    """
    bus = bus_name(stage)
    if rules := inventory.bus_rules(client("events"), bus):
        raise OpsError(
            f"Nothing was deleted: the event bus {bus} has rules ({', '.join(rules)}), by which others hear of events, "
            "and AWS deletes no bus that has rules. Delete each with `aws events remove-targets` and `aws events "
            f"delete-rule --event-bus-name {bus} --name RULE`, then run this command again."
        )


def delete_app(client: Client, project_dir: Path, here: Deployment, left: list[Resource], progress: Progress) -> None:
    """Deletes what `find_app` found, and triggers whose function is gone."""
    for resource in reversed(left):
        progress(f"deleting {inventory.describe(resource)}")
        removal.delete(client, here, resource)
    if left:
        config.record_deployed(project_dir, here.stage, [])
    # Lambda keeps a trigger whose function is gone, such as one of a queue of the operator's own.
    functions = client("lambda")
    for mapping in inventory.mappings(functions, here, FUNCTIONS):
        patience.if_there(functions.delete_event_source_mapping, UUID=mapping["UUID"])


def log_groups(project_dir: Path, here: Deployment) -> list[str]:
    """The functions' log groups, and API Gateway's own."""
    groups = logs.groups(config.read_config(project_dir), here.stage)
    return [*groups, logs.api_group(here.front_api, here.api_stage)] if here.front_api else groups


def find_table(cfn: CloudFormationClient, stage: str, recorded: Mapping[str, str]) -> str | None:
    """The table's name: from the stack, or, when that is deleted already, from the recorded variables."""
    return find_output(cfn, stage, recorded, "Table")


def find_output(cfn: CloudFormationClient, stage: str, recorded: Mapping[str, str], name: str) -> str | None:
    """An output of the stack, or, when that is deleted already, the variable that was recorded of it."""
    made = cloudformation.describe(cfn, stack_name(stage))
    outputs = cloudformation.outputs(made) if made else {}
    return outputs.get(name) or recorded.get(camel_to_variable(name))


def clear_buckets(
    s3: S3Client, stage: str, account: str, region: str, progress: Progress, *, delete_files: bool
) -> None:
    """Empties both buckets, or raises OpsError if `delete_files` is not set and one of them holds something.

    The console does not count: it comes from the project's folder.
    """
    originals, derived = (bucket_name(stage, kind, account, region) for kind in ("originals", "derived"))
    buckets = [name for name in (originals, derived) if _exists(s3, name)]
    if not delete_files:
        refuse_files(s3, stage, buckets, derived)
        if derived in buckets:
            empty_of_console(s3, derived)
        return
    for bucket in buckets:
        empty(s3, bucket, progress)


def refuse_files(s3: S3Client, stage: str, buckets: list[str], derived: str) -> None:
    """Raises OpsError while a bucket holds an object, an old version, or a part of an unfinished upload.

    The console's objects in the bucket `derived` do not count. In the other one, such a key is a file of the tenant
    `console`.
    """
    held = []
    for bucket in buckets:
        objects = 0
        for batch in _versions(s3, bucket):
            objects += sum(bucket != derived or not each["Key"].startswith(console.PREFIX) for each in batch)
            if objects >= COUNT_LIMIT:
                break
        parts = sum(1 for _ in _uploads(s3, bucket))
        if objects:
            held.append(f"{bucket} holds {objects:,}{' or more' * (objects >= COUNT_LIMIT)} object versions")
        if parts:
            held.append(f"{bucket} holds {parts:,} unfinished uploads")
    if held:
        raise OpsError(
            f"Nothing was deleted: {'; '.join(held)}. To delete these for good, run "
            f"`python -m ops provision --stage {stage} --delete --delete-files`."
        )


def empty(s3: S3Client, bucket: str, progress: Progress) -> None:
    """Deletes every version, delete marker and unfinished upload in a bucket."""
    deleted = 0
    for batch in _versions(s3, bucket):
        delete(s3, bucket, batch)
        deleted += len(batch)
        progress(f"{bucket}: {deleted:,} object versions deleted")
    for key, upload_id in _uploads(s3, bucket):
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        progress(f"{bucket}: unfinished upload of {key} aborted")


def empty_of_console(s3: S3Client, bucket: str) -> None:
    """Deletes the console's objects from the derived bucket, in all versions if somebody has turned versions on."""
    for batch in _versions(s3, bucket, console.PREFIX):
        delete(s3, bucket, batch)


def _versions(s3: S3Client, bucket: str, prefix: str = "") -> Any:
    """All versions and delete markers, in batches of at most 1,000, which is DeleteObjects's limit."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
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


def delete_table(dynamodb: DynamoDBClient, table: str) -> None:
    """Deletes the table, if it is there, and waits until it is gone."""
    try:
        dynamodb.delete_table(TableName=table)
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 2})


def delete_roles(session: boto3.Session, project_dir: Path, stage: str, region: str, progress: Progress) -> None:
    """Deletes the functions' roles: the stack's, which outlive it on purpose, and those of former versions."""
    app = config.app_name(config.read_config(project_dir))
    roles = FormerRoles(session.client("iam"), session.client("lambda"), app, stage, region)
    for role in roles.remove_all():
        progress(f"deleted the role {role}")


def forget(project_dir: Path, stage: str) -> None:
    """Removes what deploying the stage made in the project folder, and its entry in `.chalice/config.json`.

    Packed libraries and bytecode serve every stage, so they go with the last one.
    """
    folder = project_dir / ".chalice"
    for function in FUNCTIONS:
        (folder / policy_file(stage, function)).unlink(missing_ok=True)  # former versions wrote it
    if not config.deployed_resources(project_dir, stage):
        (folder / "deployed" / f"{stage}.json").unlink(missing_ok=True)
    left = config.without_stage(config.read_config(project_dir), stage)
    config.write_json(config.config_path(project_dir), left)
    if (folder / "deployed").exists() and not any((folder / "deployed").iterdir()):
        (folder / "deployed").rmdir()
    if not left.get("stages"):
        shutil.rmtree(folder / "deployments", ignore_errors=True)
        package.remove(project_dir)
