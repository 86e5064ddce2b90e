"""Checks of the CloudFormation stack: its state, its template and its alarms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.doctor.patient import RUNBOOK, Patient
from ops.stack import cloudformation, emulator_gaps, regions, template
from ops.stack.names import stack_name

# Time that an alarm on something that must run has to show its first data: the sweep starts every five minutes.
FIRST_DATA = timedelta(hours=1)


def check_stack(patient: Patient) -> str:
    found = cloudformation.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    if found is None:
        return f"there is no stack {stack_name(patient.settings.stage)}; {patient.provision}"
    status = found["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        return f"it is in {status}: wait until that has ended"
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return f"it is in {status}: the last change failed; {patient.provision} to see why"
    return ""


def check_template(patient: Patient) -> str:
    """Finds a stack that was made with another template than this checkout's."""
    client, name = patient.client("cloudformation"), stack_name(patient.settings.stage)
    reply = client.get_template(StackName=name, TemplateStage="Original")
    parameters = cloudformation.parameters(cloudformation.describe(client, name))
    ours = regions.fitted(template.document(patient.project_dir), patient.region, parameters)
    return assess_template(reply["TemplateBody"], ours, patient.provision)


def assess_template(present: Any, ours: Mapping[str, Any], remedy: str) -> str:
    """`present` is the template's text, or the object that boto3 made of it."""
    if isinstance(present, str):
        present = template.parsed(present)
    present = json.loads(json.dumps(present))  # boto3 gives its own ordered dicts
    there, here = present.get("Resources", {}), ours["Resources"]
    other = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    if not other and present == ours:
        return ""
    more = f" and {len(other) - 3} more" if len(other) > 3 else ""
    what = ", ".join(other[:3]) or "parameters"
    return f"it was made with another template than this checkout's (different: {what}{more}); {remedy}"


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
    # A call takes at most 100 names; the stack has fewer.
    cloudwatch = patient.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]
    if wrong := assess_alarms(names, alarms, patient.revert):
        return wrong
    # The emulator makes no metrics of the logs.
    if emulator_gaps.is_emulator(cloudwatch.meta.endpoint_url):
        return ""
    return assess_silence(names, alarms, datetime.now(UTC))


def assess_silence(names: Mapping[str, str], alarms: Iterable[Mapping[str, Any]], present: datetime) -> str:
    """Finds an alarm without data on something that must run. One that was made just now is passed over."""
    silent = sorted(
        names[alarm["AlarmName"]]
        for alarm in alarms
        if alarm["StateValue"] == "INSUFFICIENT_DATA"
        and alarm.get("TreatMissingData") == "missing"
        and present - alarm["AlarmConfigurationUpdatedTimestamp"] > FIRST_DATA
    )
    return (
        f"alarms have no data ({', '.join(silent)}), so what they watch does not run; see {RUNBOOK}" if silent else ""
    )


def assess_alarms(names: Mapping[str, str], alarms: Iterable[Mapping[str, Any]], remedy: str) -> str:
    """`names` are the alarms' logical ids by their names."""
    alarms = list(alarms)
    states = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
    if missing := sorted(names[name] for name in names.keys() - states.keys()):
        return f"alarms are missing ({', '.join(missing)}); {remedy}"
    if ringing := sorted(names[name] for name, state in states.items() if state == "ALARM"):
        return f"alarms are ringing ({', '.join(ringing)}); see {RUNBOOK}"
    if silent := sorted(names[alarm["AlarmName"]] for alarm in alarms if not alarm.get("ActionsEnabled", True)):
        return f"alarms would tell nobody, because their actions are off ({', '.join(silent)}); {remedy}"
    return ""
