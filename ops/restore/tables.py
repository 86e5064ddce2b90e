"""The table of an earlier time: made by DynamoDB, found again after an interruption, and given its settings.

DynamoDB restores the items and their indexes, and nothing else:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_howitworks.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.errors import OpsError
from ops.restore.moments import written
from ops.stack.cloudformation import Progress, pauses

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}

# Tags of a restored table. STARTED is `yes` from the moment on when it is no longer as DynamoDB made it, FINISHED when
# the stage's functions use it and it was compared with the buckets.
STARTED, FINISHED = "filemill:restore-started", "filemill:restore-finished"

# How often recovery is asked for in vain: DynamoDB may not have made the backups of a new table yet.
RECOVERY_TRIES = 30


@dataclass(frozen=True)
class Table:
    """A table, as far as a restore must know it. `restored_from` is the ARN of the table that it was made from.

    `key` is the ARN of the KMS key that it is encrypted with, empty for AWS's own key.
    """

    name: str
    arn: str
    status: str
    stream_arn: str
    restored_from: str
    made: datetime
    key: str = ""


def _prefix(stage: str) -> str:
    return f"filemill-{stage}-restored-"


def name_of(stage: str, at: datetime) -> str:
    """The name of the stage's table as at that moment. It tells a run that was interrupted which table is its own."""
    return f"{_prefix(stage)}{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def moment_of(stage: str, name: str) -> datetime:
    """The moment in such a name."""
    return datetime.strptime(name.removeprefix(_prefix(stage)), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def find(dynamodb: Any, name: str) -> Table | None:
    """The table of this name, or None: one DescribeTable."""
    try:
        found = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    return Table(
        name=name,
        arn=found["TableArn"],
        status=found["TableStatus"],
        stream_arn=found.get("LatestStreamArn", ""),
        restored_from=found.get("RestoreSummary", {}).get("SourceTableArn", ""),
        made=found["CreationDateTime"].astimezone(UTC),
        key=found.get("SSEDescription", {}).get("KMSMasterKeyArn", ""),
    )


def begun(dynamodb: Any, stage: str, present: Table) -> Table | None:
    """The newest table that an earlier run made from the present one, and that the stage does not use yet."""
    names = [
        name
        for page in dynamodb.get_paginator("list_tables").paginate()
        for name in page["TableNames"]
        if name.startswith(_prefix(stage)) and name != present.name
    ]
    for name in sorted(names, reverse=True):
        table = find(dynamodb, name)
        if table and table.restored_from == present.arn:
            return table
    return None


def make(dynamodb: Any, present: Table, at: datetime, name: str, progress: Progress) -> Table:
    """Restores the present table to `at` under another name, or finds that this was done, and waits until it is there.

    Raises
    ------
    OpsError
        There is a table of this name that was not made from the present one.
    """
    table = find(dynamodb, name)
    if table is None:
        progress(f"restoring {present.name} as at {written(at)} into {name}")
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=present.name,
            TargetTableName=name,
            RestoreDateTime=at,
            UseLatestRestorableTime=False,
            **_encryption(present),
        )
    elif table.restored_from != present.arn:
        raise OpsError(
            f"There is a table {name} already, and it was not made from {present.name}. Delete it (`aws dynamodb "
            f"delete-table --table-name {name}`), or choose another second."
        )
    return _active(dynamodb, name, progress)


def _encryption(present: Table) -> dict[str, Any]:
    """The present table's key is said, so that it does not depend on what DynamoDB takes over by itself."""
    if not present.key:
        return {}
    return {"SSESpecificationOverride": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": present.key}}


def _active(dynamodb: Any, name: str, progress: Progress) -> Table:
    said = time.monotonic()
    for seconds in pauses():
        table = find(dynamodb, name)
        if table and table.status == "ACTIVE":
            return table
        if table is None:
            raise OpsError(f"DynamoDB did not make the table {name}. Run the same command again.")
        if time.monotonic() - said > 60:
            said = time.monotonic()
            progress(f"DynamoDB is still restoring {name}; a large table takes hours")
        time.sleep(seconds)
    raise AssertionError("pauses() never ends")


def prepare(dynamodb: Any, table: Table, present: Table, at: datetime, progress: Progress) -> Table:
    """Gives the table everything that DynamoDB does not restore: stream, TTL, recovery, protection, and tags."""
    found = dynamodb.describe_table(TableName=table.name)["Table"]
    if not (found.get("StreamSpecification") or {}).get("StreamEnabled"):
        progress(f"{table.name}: turning the stream on")
        dynamodb.update_table(TableName=table.name, StreamSpecification=STREAM)
        table = _active(dynamodb, table.name, progress)
    ttl = dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(
            TableName=table.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )
    _recoverable(dynamodb, table.name)
    before = dynamodb.describe_table(TableName=present.name)["Table"]
    if before.get("DeletionProtectionEnabled") and not found.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=True)
        table = _active(dynamodb, table.name, progress)
    # Tags of CloudFormation's begin with `aws:`, and nobody else may write them.
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=present.arn)
    tags = [tag for page in pages for tag in page["Tags"] if not tag["Key"].startswith(("aws:", "filemill:restore"))]
    tags += [
        {"Key": "filemill:restored-from", "Value": present.name},
        {"Key": "filemill:restored-to", "Value": written(at)},
    ]
    dynamodb.tag_resource(ResourceArn=table.arn, Tags=tags)
    return table


def is_marked(dynamodb: Any, table: Table, tag: str) -> bool:
    """True if a restore has come so far with this table."""
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=table.arn)
    return {"Key": tag, "Value": "yes"} in [each for page in pages for each in page["Tags"]]


def mark(dynamodb: Any, table: Table, tag: str) -> None:
    dynamodb.tag_resource(ResourceArn=table.arn, Tags=[{"Key": tag, "Value": "yes"}])


def discard(dynamodb: Any, table: Table) -> None:
    """Deletes a restored table that the stage never used. It can be restored again at any time."""
    if dynamodb.describe_table(TableName=table.name)["Table"].get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=table.name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=table.name, WaiterConfig={"Delay": 2})


def _recoverable(dynamodb: Any, name: str) -> None:
    wanted = {"PointInTimeRecoveryEnabled": True}
    for left in range(RECOVERY_TRIES, 0, -1):
        try:
            dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wanted)
            return
        except dynamodb.exceptions.ContinuousBackupsUnavailableException:
            if left == 1:
                raise
            time.sleep(2)
