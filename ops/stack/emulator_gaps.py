"""Makes up for what the emulator's CloudFormation (MiniStack 1.5.33) accepts in the template but does not do.

The template follows AWS's documentation alone. On AWS, nothing in this module has an effect. Some gaps remain: the
emulator answers 403 for a missing rendition (AWS answers 404 to whoever may list the bucket); it ignores key groups,
updates that change only outputs, the roles' permissions boundary, and `--revert-drift`; it gives a resource that is
made again the name of its predecessor; and it stores lifecycle rules but does not run them.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from urllib.parse import urlsplit

import boto3


def is_emulator(endpoint_url: str) -> bool:
    """True if a client's endpoint is not AWS's (amazonaws.com, amazonaws.com.cn, api.aws)."""
    host = urlsplit(endpoint_url).hostname or ""
    return not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def requires_tls(endpoint_url: str) -> str:
    """The template's RequireTls. It is `false` only for an emulator over plain HTTP, because that enforces policies."""
    return "false" if endpoint_url.startswith("http://") and is_emulator(endpoint_url) else "true"


def architecture(endpoint_url: str) -> str | None:
    """This machine's architecture if the functions will run on it, which is so on the emulator; None on AWS."""
    return machine_architecture() if is_emulator(endpoint_url) else None


def machine_architecture() -> str | None:
    """Lambda's name for this machine's processor; None when Lambda does not have such processors."""
    return {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())


def enable_expiry(session: boto3.Session, outputs: Mapping[str, str]) -> None:
    """Turns the table's TTL on, because the emulator's AWS::DynamoDB::Table ignores TimeToLiveSpecification."""
    dynamodb = session.client("dynamodb")
    if not is_emulator(dynamodb.meta.endpoint_url):
        return
    table = outputs["Table"]
    status = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if status not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


def enable_recovery(session: boto3.Session, outputs: Mapping[str, str]) -> None:
    """Turns the table's point-in-time recovery on, because the emulator's AWS::DynamoDB::Table ignores it, too."""
    dynamodb = session.client("dynamodb")
    if not is_emulator(dynamodb.meta.endpoint_url):
        return
    table = outputs["Table"]
    found = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    if found["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] != "ENABLED":
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
