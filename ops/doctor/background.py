"""Checks of what runs without being asked: the index and the publisher, which follow the table's stream; the bus; and
the sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.doctor.patient import Patient
from ops.stack import event_sources


@dataclass(frozen=True)
class Reader:
    """A function that follows the table's stream. The words say what it is, and what becomes of its absence."""

    function: str
    name: str
    options: Mapping[str, Any]
    absent: str
    """What stops if nothing reads the stream for it."""
    unfiltered: str
    """What happens if it has another filter."""
    late: str
    """What is lost if it stays off for a day; `{reindex}` is the command that makes up for it."""


INDEX = Reader(
    "index",
    "the index",
    event_sources.INDEX,
    "lists and counts stop",
    "the index's own writes start it again",
    ", then {reindex}",
)
PUBLISH = Reader(
    "publish",
    "the publisher",
    event_sources.PUBLISH,
    "the bus, webhooks and sockets hear of nothing",
    "the publisher gets other changes of the table than it should",
    "; what is older by then is heard by nobody, and consumers read it from GET /v1/changes",
)


def check_index_trigger(patient: Patient) -> str:
    return _check_reader(patient, INDEX)


def check_publish_trigger(patient: Patient) -> str:
    return _check_reader(patient, PUBLISH)


def _check_reader(patient: Patient, reader: Reader) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=patient.settings.table_stream_arn)
    ours = of_function(reply["EventSourceMappings"], patient.function_name(reader.function))
    return assess_reader(reader, ours, patient.deploy, patient.provision, patient.reindex)


def of_function(mappings: list[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """The mappings of one function. Each reader of a stream gets all records, so the others are no harm."""
    return [each for each in mappings if each["FunctionArn"].split(":")[6] == name]


def assess_reader(reader: Reader, mappings: list[Mapping[str, Any]], deploy: str, provision: str, reindex: str) -> str:
    mappings = [mapping for mapping in mappings if mapping["State"] != "Deleting"]
    if not mappings:
        return f"{reader.name} does not read the table's stream, so {reader.absent}; {deploy}"
    if len(mappings) > 1:
        ids = ", ".join(mapping["UUID"] for mapping in mappings)
        return (
            f"{reader.name} reads the table's stream {len(mappings)} times ({ids}), which costs as much; "
            f"{provision}, which deletes all but one"
        )
    (mapping,) = mappings
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"{reader.name}'s trigger is {mapping['State'].lower()}, and the stream keeps changes for one day; run "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`"
            f"{reader.late.format(reindex=reindex)}"
        )
    if patterns_of(mapping) != patterns_of(reader.options):
        return f"{reader.unfiltered}; {provision}"
    if not mapping.get("BisectBatchOnFunctionError"):
        return f"one bad change would stop its whole batch; {provision}"
    return ""


def patterns_of(mapping: Mapping[str, Any]) -> list[Any]:
    return [each.get("Pattern") for each in mapping.get("FilterCriteria", {}).get("Filters", [])]


def check_bus(patient: Patient) -> str:
    """Finds a bus that somebody has deleted. PutEvents would fail, and hold up webhooks and sockets as well."""
    events, name = patient.client("events"), patient.settings.event_bus
    try:
        events.describe_event_bus(Name=name)
    except events.exceptions.ResourceNotFoundException:
        return f"the event bus {name} is gone, so no event is published; {patient.revert}"
    return ""


def check_sweep(patient: Patient) -> str:
    rules = [rule["rule_name"] for rule in patient.deployed("cloudwatch_event")]
    if not rules:
        return f"nothing starts the sweep, so expired and stalled files stay; {patient.deploy}"
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
