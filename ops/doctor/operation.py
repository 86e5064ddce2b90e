"""How a stage runs: what reads its queues and its stream, its functions, distribution and alarms, and our own clock."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ops import config, event_sources, signing_key
from ops.doctor.checks import HEALTH_TIMEOUT, Patient, assess_queue, assess_trigger
from ops.emulator_gaps import is_emulator
from ops.policies import POLICIES
from ops.provision import stack_name

# Seconds. AWS refuses what is signed 15 minutes off; addresses that we sign end too early or too late before that.
SKEW = 30

# Chalice takes that of the Python that it runs on (pyproject.toml, requires-python).
RUNTIMES = ("3.12", "3.13", "3.14")

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


def check_import_queue(patient: Patient) -> str:
    reply = patient.client("sqs").get_queue_attributes(
        QueueUrl=patient.settings.import_queue_url, AttributeNames=["RedrivePolicy", "VisibilityTimeout"]
    )
    return assess_queue(reply.get("Attributes", {}), patient.revert).replace("ingest queue", "import queue")


def check_dead_letters(patient: Patient) -> str:
    sqs, here = patient.client("sqs"), patient.settings
    found = []
    for queue, url in (("ingest", here.ingest_queue_url), ("import", here.import_queue_url)):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        arn = json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
        if arn is None:
            continue  # another check says so
        name = "ApproximateNumberOfMessages"
        dead = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        count = int(sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=[name])["Attributes"][name])
        if count:
            found.append(f"{count} of the {queue} queue")
    if not found:
        return ""
    return (
        f"dead letters wait ({', '.join(found)}): their records and the logs say why; when that is mended, "
        f"`python -m ops redrive --stage {here.stage} --queue …` ({RUNBOOK})"
    )


def check_import_trigger(patient: Patient) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=patient.settings.import_queue_arn)
    mappings = reply["EventSourceMappings"]
    if wrong := assess_trigger(mappings, patient.deploy):
        return wrong.replace("ingest queue", "import queue").replace("process function", "fetch function")
    if "MaximumConcurrency" not in mappings[0].get("ScalingConfig", {}) and not _emulated(patient):
        return f"nothing bounds how many sources are fetched at once; {patient.deploy}"
    return ""


def check_index_trigger(patient: Patient) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=patient.settings.table_stream_arn)
    return assess_index(reply["EventSourceMappings"], patient.deploy, patient.provision)


def assess_index(mappings: list[Mapping[str, Any]], deploy: str, provision: str) -> str:
    if len(mappings) != 1:
        number = len(mappings) or "no"
        return f"{number} mappings read the table's stream, so lists and counts stand still or cost double; {deploy}"
    (mapping,) = mappings
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"the index's trigger is {mapping['State'].lower()}, and what the stream held for a day is lost to it; "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`, then `python -m ops reindex`"
        )
    filters = [each.get("Pattern") for each in mapping.get("FilterCriteria", {}).get("Filters", [])]
    if filters != [event_sources.ONLY_RECORDS]:
        return f"the index is woken by what it writes itself; {provision}"
    if not mapping.get("BisectBatchOnFunctionError"):
        return f"one bad change holds up its whole batch; {provision}"
    return ""


def _deployed(patient: Patient, kind: str) -> list[dict[str, Any]]:
    found = config.deployed_resources(patient.project_dir, patient.settings.stage) or []
    return [resource for resource in found if resource.get("resource_type") == kind]


def _emulated(patient: Patient) -> bool:
    return is_emulator(patient.client("lambda").meta.endpoint_url)


def check_sweep(patient: Patient) -> str:
    rules = [rule["rule_name"] for rule in _deployed(patient, "cloudwatch_event")]
    if not rules:
        return f"nothing wakes the sweep, so expired and stalled files stay; {patient.deploy}"
    events = patient.client("events")
    try:
        state = events.describe_rule(Name=rules[0])["State"]
    except events.exceptions.ResourceNotFoundException:
        return f"the sweep's schedule {rules[0]} is gone; {patient.deploy}"
    if state != "ENABLED":
        return f"the sweep's schedule is off; `aws events enable-rule --name {rules[0]}`"
    return ""


def check_functions(patient: Patient) -> str:
    """Whether what is deployed is what .chalice/config.json says."""
    recorded = config.read_config(patient.project_dir)
    stage = patient.settings.stage
    variables = config.stage_variables(recorded, stage)
    client = patient.client("lambda")
    wanted = recorded.get("lambda_functions", {})
    for function in POLICIES:
        name = f"{recorded.get('app_name', 'filemill')}-{stage}" + ("" if function == "api_handler" else f"-{function}")
        try:
            present = client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            return f"there is no function {name}; {patient.deploy}"
        if wrong := assess_function(present, wanted.get(function, {}), variables):
            return f"function {name} {wrong}; {patient.deploy}"
    return ""


def assess_function(present: Mapping[str, Any], wanted: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    if str(present.get("Runtime", "")).removeprefix("python") not in RUNTIMES:
        return f"runs on {present.get('Runtime')}, which Filemill is not made for"
    deployed = present.get("Environment", {}).get("Variables", {})
    if other := sorted(name for name, value in variables.items() if deployed.get(name) != value):
        return f"does not have the settings that are recorded ({', '.join(other)})"
    for ours, theirs in (("lambda_timeout", "Timeout"), ("lambda_memory_size", "MemorySize")):
        if ours in wanted and wanted[ours] != present.get(theirs):
            return f"has a {theirs} of {present.get(theirs)}, where {wanted[ours]} is recorded"
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
    if _emulated(patient):
        return ""  # it keeps no key groups
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
