"""How a stage runs: what may send and read, what waits, the distribution and the alarms, and our own clock."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ops.doctor.checks import HEALTH_TIMEOUT, Patient
from ops.stack import event_sources, signing_key
from ops.stack.names import stack_name

# Seconds. AWS refuses what is signed 15 minutes off; addresses that we sign end too early or too late before that.
SKEW = 30

PUBLIC_ACCESS_BLOCK = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")

RUNBOOK = "docs/operations.md#runbook"


def check_clock(patient: Patient) -> str:
    headers = patient.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    return assess_clock(headers.get("date", ""), datetime.now(UTC))


def assess_clock(date: str, present: datetime) -> str:
    if not date:
        return ""
    off = (present - parsedate_to_datetime(date)).total_seconds()
    if abs(off) <= SKEW:
        return ""
    return f"this computer's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} AWS's: set it (NTP)"


def check_queue_policy(patient: Patient) -> str:
    here = patient.settings
    reply = patient.client("sqs").get_queue_attributes(QueueUrl=here.ingest_queue_url, AttributeNames=["Policy"])
    policy = json.loads(reply.get("Attributes", {}).get("Policy", "{}"))
    return assess_queue_policy(policy, here.originals_bucket, patient.revert)


def assess_queue_policy(policy: Mapping[str, Any], bucket: str, remedy: str) -> str:
    for statement in policy.get("Statement", []):
        may = statement["Effect"] == "Allow" and "s3.amazonaws.com" in json.dumps(statement.get("Principal"))
        if may and f":::{bucket}" in json.dumps(statement.get("Condition", {})):
            return ""
    return f"the ingest queue does not let the originals bucket send to it; {remedy}"


def check_dead_letters(patient: Patient) -> str:
    sqs, here = patient.client("sqs"), patient.settings
    found = {}
    for queue, url in (("ingest", here.ingest_queue_url), ("import", here.import_queue_url)):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        arn = json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
        if arn is None:
            continue  # another check says so
        name = "ApproximateNumberOfMessages"
        dead = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        count = int(sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=[name])["Attributes"][name])
        if count:
            found[queue] = f"{count} of the {queue} queue"
    if not found:
        return ""
    commands = " and ".join(f"`python -m ops redrive --stage {here.stage} --queue {queue}`" for queue in found)
    return (
        f"dead letters wait ({', '.join(found.values())}): their records and the logs say why; when that is mended, "
        f"{commands} ({RUNBOOK})"
    )


def check_index_trigger(patient: Patient) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=patient.settings.table_stream_arn)
    return assess_index(reply["EventSourceMappings"], patient.deploy, patient.provision, patient.reindex)


def assess_index(mappings: list[Mapping[str, Any]], deploy: str, provision: str, reindex: str) -> str:
    if len(mappings) != 1:
        number = len(mappings) or "no"
        return f"{number} mappings read the table's stream, so lists and counts stand still or cost double; {deploy}"
    (mapping,) = mappings
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"the index's trigger is {mapping['State'].lower()}, and what the stream held for a day is lost to it; "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`, then {reindex}"
        )
    filters = [each.get("Pattern") for each in mapping.get("FilterCriteria", {}).get("Filters", [])]
    if filters != [event_sources.ONLY_RECORDS]:
        return f"the index is woken by what it writes itself; {provision}"
    if not mapping.get("BisectBatchOnFunctionError"):
        return f"one bad change holds up its whole batch; {provision}"
    return ""


def check_buckets(patient: Patient) -> str:
    """What the buckets' own configuration must say so that files are neither public nor lost."""
    s3, here = patient.client("s3"), patient.settings
    for bucket in (here.originals_bucket, here.derived_bucket):
        try:
            block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
                raise
            block = {}
        if not all(block.get(name) for name in PUBLIC_ACCESS_BLOCK):
            return f"{bucket} may be made public: S3 does not block public access to it; {patient.revert}"
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
    return f"the derived bucket does not let the distribution read, so that nothing is delivered; {remedy}"


def check_sweep(patient: Patient) -> str:
    rules = [rule["rule_name"] for rule in patient.deployed("cloudwatch_event")]
    if not rules:
        return f"nothing wakes the sweep, so expired and stalled files stay; {patient.deploy}"
    events = patient.client("events")
    try:
        state = events.describe_rule(Name=rules[0])["State"]
    except events.exceptions.ResourceNotFoundException:
        return f"the sweep's schedule {rules[0]} is gone; {patient.deploy}"
    if state != "ENABLED":
        return f"the sweep's schedule is off; `aws events enable-rule --name {rules[0]}`"
    targets = [target["Arn"] for target in events.list_targets_by_rule(Rule=rules[0])["Targets"]]
    if not any(arn.endswith(f":{patient.function_name('sweep')}") for arn in targets):
        return f"the sweep's schedule {rules[0]} does not call it; {patient.deploy}"
    return ""


def check_distribution(patient: Patient) -> str:
    cloudfront = patient.client("cloudfront")
    try:
        found = cloudfront.get_distribution(Id=patient.settings.distribution_id)["Distribution"]
    except cloudfront.exceptions.NoSuchDistribution:
        return f"there is no distribution {patient.settings.distribution_id}; {patient.provision}"
    group = signing_key.find_key_group(cloudfront, patient.settings.stage, patient.region)
    return assess_distribution(found, group["Id"] if group else "", patient)


def assess_distribution(found: Mapping[str, Any], group_id: str, patient: Patient) -> str:
    if found["Status"] != "Deployed":
        return "its last change is on its way to the edges: wait some minutes"
    settings = found["DistributionConfig"]
    if not settings["Enabled"]:
        return f"it is turned off, so that nothing is delivered; {patient.revert}"
    paths = {each["PathPattern"]: each for each in settings.get("CacheBehaviors", {}).get("Items", [])}
    for path in ("/f/public/*", "/f/private/*"):
        if path not in paths:
            return f"it has no behaviour for {path}; {patient.revert}"
    trusted = paths["/f/private/*"].get("TrustedKeyGroups", {})
    if not trusted.get("Enabled") or group_id not in trusted.get("Items", []):
        return f"/f/private/* asks for no signature of ours; {patient.revert}"
    return ""


def check_signatures(patient: Patient) -> str:
    """From outside: a private address without a signature is refused."""
    url = f"{patient.settings.front_door}/f/private/doctor/none/none.webp"
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT) as answer:  # noqa: S310 - the stage's own front door
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    except OSError as error:
        return f"{patient.settings.front_door} does not answer ({error}): its name, its certificate or the network"
    if status == 403:
        return ""
    return f"{url} answers {status} without a signature, where it must say 403; {patient.revert}"


def check_alarms(patient: Patient) -> str:
    pages = patient.client("cloudformation").get_paginator("list_stack_resources")
    resources = [
        resource
        for page in pages.paginate(StackName=stack_name(patient.settings.stage))
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm"
    ]
    names = {each["PhysicalResourceId"]: each["LogicalResourceId"] for each in resources}
    if not names:
        return f"the stack has no alarms; {patient.provision}"
    # At most 100 names a call; the stack has fewer.
    reply = patient.client("cloudwatch").describe_alarms(AlarmNames=list(names))
    return assess_alarms(names, reply["MetricAlarms"], patient.revert)


def assess_alarms(names: Mapping[str, str], alarms: Iterable[Mapping[str, Any]], remedy: str) -> str:
    """`names`: logical ids by the alarms' names."""
    alarms = list(alarms)
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
    if missing := sorted(names[name] for name in names.keys() - states.keys()):
        return f"alarms are missing ({', '.join(missing)}); {remedy}"
    if ringing := sorted(names[name] for name, state in states.items() if state == "ALARM"):
        return f"{', '.join(ringing)} rings; see {RUNBOOK}"
    if silent := sorted(names[alarm["AlarmName"]] for alarm in alarms if not alarm.get("ActionsEnabled", True)):
        return f"{', '.join(silent)} would tell nobody: its actions are turned off; {remedy}"
    return ""
