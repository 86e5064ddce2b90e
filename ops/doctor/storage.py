"""Checks of the buckets and the table: closed, versioned, and able to send their events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ops.doctor.patient import Patient

PUBLIC_ACCESS_BLOCK = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def check_notification(patient: Patient) -> str:
    reply = patient.client("s3").get_bucket_notification_configuration(Bucket=patient.settings.originals_bucket)
    return assess_notification(reply, patient.settings.ingest_queue_arn, patient.revert)


def assess_notification(reply: Mapping[str, Any], queue_arn: str, remedy: str) -> str:
    for target in reply.get("QueueConfigurations", []):
        if target["QueueArn"] == queue_arn and "s3:ObjectCreated:*" in target["Events"]:
            filtered = target.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            return f"the queue hears about some keys only ({filtered}); {remedy}" if filtered else ""
    return f"the originals bucket does not tell the ingest queue about new objects; {remedy}"


def check_cors(patient: Patient) -> str:
    s3 = patient.client("s3")
    try:
        rules = s3.get_bucket_cors(Bucket=patient.settings.originals_bucket)["CORSRules"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchCORSConfiguration":
            raise
        rules = []
    return assess_cors(rules, patient.revert)


def assess_cors(rules: list[Mapping[str, Any]], remedy: str) -> str:
    uploads = [r for r in rules if {"POST", "PUT"} <= set(r["AllowedMethods"])]
    if not uploads:
        return f"the originals bucket does not allow uploads from browsers; {remedy}"
    if not any("etag" in (h.lower() for h in r.get("ExposeHeaders", [])) for r in uploads):
        return f"the originals bucket hides ETag, so browsers can't complete a multipart upload; {remedy}"
    return ""


def check_buckets(patient: Patient) -> str:
    """Finds a bucket that could be made public, or that could lose files."""
    s3, here = patient.client("s3"), patient.settings
    for bucket in (here.originals_bucket, here.derived_bucket):
        try:
            block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
                raise
            block = {}
        if not all(block.get(name) for name in PUBLIC_ACCESS_BLOCK):
            return f"{bucket} could be made public: its public access is not blocked; {patient.revert}"
    if s3.get_bucket_versioning(Bucket=here.originals_bucket).get("Status") != "Enabled":
        return f"{here.originals_bucket} keeps no versions: an upload could overwrite a file; {patient.revert}"
    try:
        policy = json.loads(s3.get_bucket_policy(Bucket=here.derived_bucket)["Policy"])
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        policy = {}
    return assess_bucket_policy(policy, here.distribution_id, patient.revert)


def assess_bucket_policy(policy: Mapping[str, Any], distribution_id: str, remedy: str) -> str:
    for statement in policy.get("Statement", []):
        reads = statement["Effect"] == "Allow" and "s3:GetObject" in statement["Action"]
        if reads and f":distribution/{distribution_id}" in json.dumps(statement.get("Condition", {})):
            return ""
    return f"the derived bucket does not let the distribution read, so nothing is delivered; {remedy}"


def check_expiry(patient: Patient) -> str:
    reply = patient.client("dynamodb").describe_time_to_live(TableName=patient.settings.table)
    ttl = reply["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") and ttl.get("AttributeName") == "ttl":
        return ""
    return f"the table does not delete items when their `ttl` has passed; {patient.revert}"


def check_stream(patient: Patient) -> str:
    table = patient.client("dynamodb").describe_table(TableName=patient.settings.table)["Table"]
    stream = table.get("StreamSpecification") or {}
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        return f"the table has no stream with old and new images; {patient.revert}"
    # A stream that was turned off and on again is a new one, and the trigger still reads the old one.
    if table.get("LatestStreamArn") != patient.settings.table_stream_arn:
        again = f"run `make deploy STAGE={patient.settings.stage}`, then {patient.reindex}"
        return f"the table has another stream than the recorded one, which the index reads; {again}"
    return ""
