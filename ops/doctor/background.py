"""Checks of what runs without being asked: the index, which follows the table's stream, and the sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.doctor.patient import Patient
from ops.stack import event_sources


def check_index_trigger(patient: Patient) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=patient.settings.table_stream_arn)
    name = patient.function_name("index")
    # Others may read the stream, too: each reader gets all records.
    ours = [each for each in reply["EventSourceMappings"] if each["FunctionArn"].split(":")[6] == name]
    return assess_index(ours, patient.deploy, patient.provision, patient.reindex)


def assess_index(mappings: list[Mapping[str, Any]], deploy: str, provision: str, reindex: str) -> str:
    mappings = [mapping for mapping in mappings if mapping["State"] != "Deleting"]
    if not mappings:
        return f"the index does not read the table's stream, so lists and counts stop; {deploy}"
    if len(mappings) > 1:
        ids = ", ".join(mapping["UUID"] for mapping in mappings)
        return (
            f"the index reads the table's stream {len(mappings)} times ({ids}), which costs as much; "
            f"{provision}, which deletes all but one"
        )
    (mapping,) = mappings
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"the index's trigger is {mapping['State'].lower()}, and the stream keeps changes for one day only; run "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`, then {reindex}"
        )
    filters = [each.get("Pattern") for each in mapping.get("FilterCriteria", {}).get("Filters", [])]
    if filters != [event_sources.ONLY_RECORDS]:
        return f"the index's own writes start it again; {provision}"
    if not mapping.get("BisectBatchOnFunctionError"):
        return f"one bad change would stop its whole batch; {provision}"
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
