"""Checks of the stage's KMS key: that it works, rotates, is used, and lets the services use it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ops.doctor.patient import Patient
from ops.stack import cloudformation
from ops.stack.encryption import ENCRYPT, KEY, OWN, PAGE
from ops.stack.names import stack_name

# Services that use the key in their own name, so that no role of ours can give them the right, and what each needs.
SERVICES: Mapping[str, frozenset[str]] = {
    "s3.amazonaws.com": frozenset({"kms:Decrypt", "kms:GenerateDataKey"}),
    "events.amazonaws.com": frozenset({"kms:Decrypt", "kms:GenerateDataKey"}),
    "cloudfront.amazonaws.com": frozenset({"kms:Decrypt"}),
}


def check(patient: Patient) -> str:
    """Finds a key that is off or about to be deleted, that does not rotate, or that a service may not use."""
    arn = patient.settings.encryption_key_arn
    if not arn:
        return ""
    kms = patient.client("kms")
    # By its ARN, because a key may be in another account, which does not show its policy.
    found = kms.describe_key(KeyId=arn)["KeyMetadata"]
    if wrong := assess_state(found):
        return wrong
    if found.get("Origin", "AWS_KMS") == "AWS_KMS" and not kms.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"]:
        return f"the key {arn} does not rotate; run `aws kms enable-key-rotation --key-id {arn}`"
    parameters = cloudformation.parameters(
        cloudformation.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    )
    if parameters.get(KEY) != OWN and arn.split(":")[4] == patient.settings.ingest_queue_arn.split(":")[4]:
        policy = json.loads(kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
        if wrong := assess_policy(policy, arn):
            return wrong
    return assess_use(arn, dict(_keys(patient)), patient.revert) if parameters.get(ENCRYPT, "true") == "true" else ""


def assess_state(key: Mapping[str, Any]) -> str:
    """`key` is KMS's metadata: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"""
    arn, state = key["Arn"], key["KeyState"]
    if state == "PendingDeletion":
        return (
            f"the key {arn} will be deleted on {key.get('DeletionDate', 'a day that KMS does not tell')}, and with it "
            f"every file and record; run `aws kms cancel-key-deletion --key-id {arn}`, then `aws kms enable-key`"
        )
    if state != "Enabled":
        return f"the key {arn} is {state}, so nothing can be read or stored; run `aws kms enable-key --key-id {arn}`"
    return ""


def assess_policy(policy: Mapping[str, Any], arn: str) -> str:
    """Finds a service that the key's policy does not name. It reads no conditions."""
    for service, needed in SERVICES.items():
        if missing := sorted(needed - set(_allowed(policy["Statement"], service))):
            return f"the policy of {arn} does not allow {service} {', '.join(missing)}; add what {PAGE} lists"
    return ""


def _allowed(statements: Iterable[Mapping[str, Any]], service: str) -> Iterator[str]:
    for statement in statements:
        principal = statement.get("Principal", {})
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement["Effect"] == "Allow" and service in ([named] if isinstance(named, str) else named):
            actions = statement.get("Action", [])
            for action in [actions] if isinstance(actions, str) else actions:
                yield from {"kms:GenerateDataKey*": ("kms:GenerateDataKey",)}.get(action, (action,))


def _keys(patient: Patient) -> Iterator[tuple[str, str]]:
    """(name of what holds data, ARN or id of the key that it uses)."""
    here = patient.settings
    s3, sqs = patient.client("s3"), patient.client("sqs")
    for bucket in (here.originals_bucket, here.derived_bucket):
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        yield bucket, rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID", "")
    table = patient.client("dynamodb").describe_table(TableName=here.table)["Table"]
    yield here.table, table.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
    urls = (here.ingest_queue_url, here.import_queue_url, here.webhook_queue_url, here.media_queue_url)
    for url in filter(None, urls):
        reply = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["KmsMasterKeyId"])
        yield url.rpartition("/")[2], reply.get("Attributes", {}).get("KmsMasterKeyId", "")


def assess_use(arn: str, used: Mapping[str, str], remedy: str) -> str:
    if other := sorted(name for name, key in used.items() if key not in (arn, arn.rpartition("/")[2])):
        return f"not encrypted with {arn}: {', '.join(other)}; {remedy}"
    return ""
