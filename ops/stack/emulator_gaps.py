"""What the emulator's CloudFormation (MiniStack 1.5.33) takes from the template without doing it, done through the API.

AWS's documentation decides what the template says; against AWS nothing here does anything. What can't be done so: the
emulator answers 403 for a missing rendition (AWS: 404, for who may list), ignores key groups, updates of outputs alone
and `--revert-drift`, and stores lifecycle rules without running them.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import boto3


def is_emulator(endpoint_url: str) -> bool:
    """Whether a client's endpoint is somewhere else than at AWS (amazonaws.com, amazonaws.com.cn)."""
    host = urlsplit(endpoint_url).hostname or ""
    return not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def requires_tls(endpoint_url: str) -> str:
    """The template's RequireTls: `false` only at an emulator reached over plain HTTP, which enforces policies, too."""
    return "false" if endpoint_url.startswith("http://") and is_emulator(endpoint_url) else "true"


def architecture(endpoint_url: str) -> str | None:
    """This machine's, by Lambda's name for it, when the functions will run on it; None at AWS."""
    return machine_architecture() if is_emulator(endpoint_url) else None


def template(endpoint_url: str, text: str) -> str:
    """The template without what the emulator refuses even where its condition is false: a budget."""
    if not is_emulator(endpoint_url):
        return text
    return re.sub(r"\n  Budget:\n(?:    .*\n|\n)*?(?=\n  \S)", "", text)


def machine_architecture() -> str | None:
    """Lambda's name for this machine's processor; None when Lambda has none."""
    return {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())


def mend(session: boto3.Session, outputs: Mapping[str, str]) -> None:
    """Turns the table's TTL on: the emulator's AWS::DynamoDB::Table drops TimeToLiveSpecification."""
    dynamodb = session.client("dynamodb")
    if not is_emulator(dynamodb.meta.endpoint_url):
        return
    table = outputs["Table"]
    status = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if status not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
