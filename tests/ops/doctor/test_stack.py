"""A stack that is missing, stuck, of another template or without its alarms is found."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from ops.doctor import stack
from ops.doctor.patient import Patient
from ops.stack import cloudformation


def test_a_missing_stack_is_found(patient: Patient) -> None:
    assert "there is no stack filemill-test; run `python -m ops provision --stage test`" in stack.check_stack(patient)


@pytest.mark.parametrize(
    ("status", "says"),
    [("UPDATE_COMPLETE", ""), ("UPDATE_IN_PROGRESS", "wait"), ("UPDATE_ROLLBACK_COMPLETE", "the last change failed")],
)
def test_a_stack_that_is_changing_or_was_rolled_back_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, status: str, says: str
) -> None:
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {"StackStatus": status})
    found = stack.check_stack(patient)
    assert says in found
    assert bool(found) == bool(says)


def test_a_stack_of_another_template_is_found_with_what_differs() -> None:
    ours = {"Parameters": {}, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Table": {"Type": "T"}}}
    assert stack.assess_template(ours, ours, "provision") == ""
    assert stack.assess_template(json.dumps(ours), ours, "provision") == ""
    older = {**ours, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    assert "another template than this checkout's (different: Table); provision" in stack.assess_template(
        older, ours, "provision"
    )
    other = {**ours, "Parameters": {"Stage": {"Type": "String"}}}
    assert "(different: parameters)" in stack.assess_template(other, ours, "provision")


def test_alarms_that_are_missing_ring_or_tell_nobody_are_found() -> None:
    names = {"filemill-test-DeadLetterAlarm-1": "DeadLetterAlarm", "filemill-test-ErrorAlarm-2": "ErrorAlarm"}
    quiet = [{"AlarmName": name, "StateValue": "OK", "ActionsEnabled": True} for name in names]
    assert stack.assess_alarms(names, quiet, "provision") == ""
    assert "missing (ErrorAlarm); provision" in stack.assess_alarms(names, quiet[:1], "provision")
    rings = [{**quiet[0], "StateValue": "ALARM"}, quiet[1]]
    assert "alarms are ringing (DeadLetterAlarm); see docs/operations.md" in stack.assess_alarms(
        names, rings, "provision"
    )
    off = [quiet[0], {**quiet[1], "ActionsEnabled": False}]
    assert "their actions are off (ErrorAlarm)" in stack.assess_alarms(names, off, "provision")


def test_a_sweep_that_does_not_run_is_found_but_not_in_the_first_hour() -> None:
    names = {"a": "SweepAlarm", "b": "TroubleAlarm"}
    made = datetime(2026, 11, 22, 12, tzinfo=UTC)
    state = {"StateValue": "INSUFFICIENT_DATA", "AlarmConfigurationUpdatedTimestamp": made}
    alarms = [
        {**state, "AlarmName": "a", "TreatMissingData": "missing"},
        {**state, "AlarmName": "b", "TreatMissingData": "notBreaching"},
    ]
    assert stack.assess_alarms(names, alarms, "provision") == "", "an alarm without data does not ring"
    assert stack.assess_silence(names, alarms, made + timedelta(minutes=59)) == ""
    assert "alarms have no data (SweepAlarm)" in stack.assess_silence(names, alarms, made + timedelta(minutes=61))
    alarms[0]["StateValue"] = "OK"
    assert stack.assess_silence(names, alarms, made + timedelta(minutes=61)) == ""
