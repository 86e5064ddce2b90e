"""A table with a KMS key is restored with that key, and one without a key with none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ops.restore import tables

AT = datetime(2026, 1, 2, tzinfo=UTC)
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


class DynamoDB:
    """Has one table, and makes another one of it."""

    class exceptions:  # noqa: N801, as boto3 names it
        class ResourceNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, **described: Any) -> None:
        self.present = {"TableArn": "arn:present", "TableStatus": "ACTIVE", "CreationDateTime": AT, **described}
        self.asked: dict[str, Any] = {}

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        if TableName == "present":
            return {"Table": self.present}
        if not self.asked:
            raise self.exceptions.ResourceNotFoundException
        return {"Table": {**self.present, "RestoreSummary": {"SourceTableArn": "arn:present"}}}

    def restore_table_to_point_in_time(self, **asked: Any) -> None:
        self.asked = asked


@pytest.mark.parametrize(
    ("described", "override"),
    [
        ({}, None),
        (
            {"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": KEY}},
            {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
        ),
    ],
)
def test_a_table_is_restored_with_the_present_ones_key(described: dict[str, Any], override: Any) -> None:
    dynamodb = DynamoDB(**described)
    present = tables.find(dynamodb, "present")
    assert present
    tables.make(dynamodb, present, AT, "restored", lambda _: None)
    assert dynamodb.asked.get("SSESpecificationOverride") == override
    assert dynamodb.asked["TargetTableName"] == "restored"
