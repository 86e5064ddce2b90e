"""An index that does not follow the table, and a sweep that never runs, are found."""

from __future__ import annotations

import json

from ops.doctor import background
from ops.doctor.patient import Patient
from ops.stack import event_sources
from tests.stage import aws_client


def test_an_index_trigger_that_is_missing_off_or_unfiltered_is_found() -> None:
    right = {"UUID": "u1", "State": "Enabled", **event_sources.INDEX}
    assert background.assess_index([right], "deploy", "provision", "reindex") == ""
    assert "does not read the table's stream" in background.assess_index([], "deploy", "provision", "reindex")
    doubled = background.assess_index([right, {**right, "UUID": "u2"}], "deploy", "provision", "reindex")
    assert "2 times (u1, u2), which costs as much; provision" in doubled
    disabled = background.assess_index([{**right, "State": "Disabled"}], "deploy", "provision", "ops reindex")
    assert "--enabled --uuid u1" in disabled
    assert "ops reindex" in disabled
    unfiltered = {**right, "FilterCriteria": {"Filters": []}}
    assert "the index's own writes start it again; provision" in background.assess_index(
        [unfiltered], "deploy", "provision", "reindex"
    )
    whole = {**right, "BisectBatchOnFunctionError": False}
    assert "would stop its whole batch" in background.assess_index([whole], "deploy", "provision", "reindex")


def test_a_sweep_whose_schedule_is_missing_or_off_is_found(patient: Patient) -> None:
    assert "nothing starts the sweep" in background.check_sweep(patient)
    resources = [{"name": "sweep-event", "resource_type": "cloudwatch_event", "rule_name": "filemill-test-sweep-event"}]
    path = patient.project_dir / ".chalice" / "deployed" / "test.json"
    path.write_text(json.dumps({"resources": resources}))
    assert "filemill-test-sweep-event is gone" in background.check_sweep(patient)
    events = aws_client("events")
    events.put_rule(Name="filemill-test-sweep-event", ScheduleExpression="rate(5 minutes)")
    assert "filemill-test-sweep-event does not call it" in background.check_sweep(patient)
    sweep = "arn:aws:lambda:eu-west-1:123456789012:function:filemill-test-sweep"
    events.put_targets(Rule="filemill-test-sweep-event", Targets=[{"Id": "1", "Arn": sweep}])
    assert background.check_sweep(patient) == ""
    events.disable_rule(Name="filemill-test-sweep-event")
    assert "enable-rule --name filemill-test-sweep-event" in background.check_sweep(patient)
