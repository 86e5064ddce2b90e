"""Readers that do not follow the table, a bus that is gone, and a sweep that never runs, are found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.doctor import background
from ops.doctor.patient import Patient
from ops.stack import event_sources
from tests.stage import aws_client

READERS = [
    (background.INDEX, event_sources.INDEX, "the index's own writes start it again"),
    (background.PUBLISH, event_sources.PUBLISH, "gets other changes of the table than it should"),
]


@pytest.mark.parametrize(("reader", "options", "unfiltered"), READERS, ids=["index", "publish"])
def test_a_trigger_of_the_stream_that_is_missing_off_or_unfiltered_is_found(
    reader: background.Reader, options: dict[str, Any], unfiltered: str
) -> None:
    right = {"UUID": "u1", "State": "Enabled", **options}

    def assessed(*mappings: dict[str, Any]) -> str:
        return background.assess_reader(reader, list(mappings), "deploy", "provision", "ops reindex")

    assert assessed(right) == ""
    assert assessed(right, {**right, "UUID": "u2", "State": "Deleting"}) == ""
    assert f"{reader.name} does not read the table's stream, so {reader.absent}; deploy" in assessed()
    assert "2 times (u1, u2), which costs as much; provision" in assessed(right, {**right, "UUID": "u2"})
    assert "--enabled --uuid u1" in assessed({**right, "State": "Disabled"})
    assert ("ops reindex" if reader is background.INDEX else "GET /v1/changes") in assessed(
        {**right, "State": "Disabled"}
    )
    for filters in ([], [{"Pattern": "{}"}]):
        assert unfiltered in assessed({**right, "FilterCriteria": {"Filters": filters}})
    assert "would stop its whole batch" in assessed({**right, "BisectBatchOnFunctionError": False})


def test_a_reader_with_the_other_readers_filter_is_found() -> None:
    for reader, options in ((background.INDEX, event_sources.PUBLISH), (background.PUBLISH, event_sources.INDEX)):
        mapping = {"UUID": "u1", "State": "Enabled", **options}
        assert background.assess_reader(reader, [mapping], "deploy", "provision", "reindex") == (
            f"{reader.unfiltered}; provision"
        )


def test_a_bus_that_somebody_deleted_is_found(patient: Patient) -> None:
    assert "the event bus filemill-test is gone" in background.check_bus(patient)
    assert background.check_bus(patient).endswith("--revert-drift`")
    aws_client("events").create_event_bus(Name="filemill-test")
    assert background.check_bus(patient) == ""


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
