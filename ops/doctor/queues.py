"""Checks of the queues: who may send to them, who reads them, and what happens to a message that keeps failing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.queues.worker import MAX_RECEIVES
from ops.doctor.patient import RUNBOOK, Patient
from ops.stack import recursion


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


def check_redrive(patient: Patient) -> str:
    return queue_attributes(patient, patient.settings.ingest_queue_url, "ingest queue", "process")


def check_import_queue(patient: Patient) -> str:
    return queue_attributes(patient, patient.settings.import_queue_url, "import queue", "fetch")


def check_webhook_queue(patient: Patient) -> str:
    return queue_attributes(patient, patient.settings.webhook_queue_url, "webhook queue", "deliver")


def check_media_queue(patient: Patient) -> str:
    if not patient.settings.has_media:
        return ""
    return queue_attributes(patient, patient.settings.media_queue_url, "media queue", "media")


def queue_attributes(patient: Patient, url: str, queue: str, function: str) -> str:
    names = ["RedrivePolicy", "VisibilityTimeout"]
    reply = patient.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return assess_queue(reply.get("Attributes", {}), queue, patient.timeout(function), patient.revert)


def assess_queue(attributes: Mapping[str, str], queue: str, timeout: int, remedy: str) -> str:
    """`timeout` is the time limit, in seconds, of the function that reads the queue."""
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    if not redrive.get("deadLetterTargetArn"):
        return f"the {queue} has no dead-letter queue, so a bad message would be tried for ever; {remedy}"
    if int(redrive["maxReceiveCount"]) != MAX_RECEIVES:
        return (
            f"the {queue} gives up after {redrive['maxReceiveCount']} tries, but the functions expect {MAX_RECEIVES}; "
            f"{remedy}"
        )
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    hidden = int(attributes.get("VisibilityTimeout", 0))
    if hidden < 6 * timeout:
        return (
            f"the {queue} hides a message for {hidden} s before it delivers it again; it should be {6 * timeout} s, "
            f"six times its function's timeout; {remedy}"
        )
    return ""


def check_dead_letters(patient: Patient) -> str:
    sqs, here = patient.client("sqs"), patient.settings
    found = {}
    queues = {"ingest": here.ingest_queue_url, "import": here.import_queue_url, "webhook": here.webhook_queue_url}
    for queue, url in queues.items():
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        arn = json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn")
        if arn is None:
            continue  # the checks of the queues report it
        name = "ApproximateNumberOfMessages"
        dead = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        count = int(sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=[name])["Attributes"][name])
        if count:
            found[queue] = f"{count} from the {queue} queue"
    if not found:
        return ""
    commands = " and ".join(f"`python -m ops redrive --stage {here.stage} --queue {queue}`" for queue in found)
    return (
        f"dead letters are waiting ({', '.join(found.values())}): read the reason in their records and the logs, fix "
        f"it, then run {commands} ({RUNBOOK})"
    )


def check_trigger(patient: Patient) -> str:
    here = patient.settings
    return trigger(patient, here.ingest_queue_arn, "ingest queue", "process", here.process_at_once)


def check_import_trigger(patient: Patient) -> str:
    here = patient.settings
    return trigger(patient, here.import_queue_arn, "import queue", "fetch", here.fetch_at_once)


def check_webhook_trigger(patient: Patient) -> str:
    here = patient.settings
    return trigger(patient, here.webhook_queue_arn, "webhook queue", "deliver", here.deliver_at_once)


def check_media_trigger(patient: Patient) -> str:
    here = patient.settings
    if not here.has_media:
        return ""
    return trigger(patient, here.media_queue_arn, "media queue", "media", here.media_at_once)


def check_loops(patient: Patient) -> str:
    """Finds a function that Lambda would stop, because it sends to the queue that starts it."""
    client = patient.client("lambda")
    names = map(patient.function_name, recursion.LOOPING)
    return next(filter(None, (assess_loop(client, name, patient.provision) for name in names)), "")


def assess_loop(client: Any, name: str, provision: str) -> str:
    """`name` is a function that must send to its own queue. One that does not exist is found by other checks."""
    if recursion.is_allowed(client, name) is False:
        return (
            f"Lambda stops {name} after 16 messages that it sent to its own queue, one after the other, and sets the "
            f"next one aside as a dead letter; {provision}"
        )
    return ""


def trigger(patient: Patient, queue_arn: str, queue: str, function: str, at_once: int) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=queue_arn)
    name = patient.function_name(function)
    return assess_trigger(reply["EventSourceMappings"], queue, name, at_once, patient.deploy, patient.provision)


def assess_trigger(
    mappings: list[Mapping[str, Any]], queue: str, function: str, at_once: int, deploy: str, provision: str
) -> str:
    """`function` is the full name of the function that reads the queue, and `at_once` the number of messages that it
    may work on at the same time."""
    readers = [mapping for mapping in mappings if mapping["State"] != "Deleting"]
    if strangers := [mapping for mapping in readers if mapping["FunctionArn"].split(":")[6] != function]:
        return (
            f"{strangers[0]['FunctionArn']} reads the {queue}, too, and takes messages away from {function}; "
            f"`aws lambda delete-event-source-mapping --uuid {strangers[0]['UUID']}`"
        )
    if not readers:
        return f"no function reads the {queue}; {deploy}"
    if len(readers) > 1:
        ids = ", ".join(mapping["UUID"] for mapping in readers)
        return f"{len(readers)} mappings read the {queue} ({ids}); {provision}, which deletes all but one"
    (mapping,) = readers
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"the {function} function's trigger is {mapping['State'].lower()}; "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`"
        )
    if mapping["BatchSize"] != 1:
        return f"the trigger takes {mapping['BatchSize']} messages at once, so one bad one repeats the others; {deploy}"
    if mapping.get("FilterCriteria", {}).get("Filters"):
        return (
            "the trigger has a filter, and Lambda deletes every message that does not match it; "
            f"`aws lambda update-event-source-mapping --filter-criteria '{{}}' --uuid {mapping['UUID']}`"
        )
    bound = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    if bound != at_once:
        may = bound or "any number of"
        return f"{function} may run {may} times at once, but the limit should be {at_once}; {deploy}"
    return ""
