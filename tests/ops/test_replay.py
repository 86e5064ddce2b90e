"""Replays of the bus's archive: which are refused, what is asked of EventBridge, and how their progress is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.events import bus as bus_client
from chalicelib.events.envelope import envelope
from ops import __main__ as ops
from ops import replay
from ops.errors import OpsError
from tests import making
from tests.stage import STAGE, Calls, aws_client

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUS = STAGE["FILEMILL_EVENT_BUS"]
PATTERN = '{"source":["filemill"]}'


class Bridge:
    """EventBridge with one archive and one rule, whose replay goes through `states`."""

    def __init__(self, *states: dict[str, Any], archive: dict[str, Any] | None = None) -> None:
        self.states, self.archive = list(states), archive
        self.started: list[dict[str, Any]] = []
        self.cancelled: list[str] = []

    def describe_archive(self, **asked: str) -> Any:
        if self.archive is None:
            raise missing("DescribeArchive")
        assert asked == {"ArchiveName": BUS}
        return self.archive

    def describe_rule(self, **asked: str) -> Any:
        if asked["Name"] != "thumbnails":
            raise missing("DescribeRule")
        return {"Arn": f"arn:rule/{asked['EventBusName']}/{asked['Name']}"}

    def get_paginator(self, operation: str) -> Any:
        """Two pages: the rule that EventBridge made for the archive, and the operator's two."""
        assert operation == "list_rules"
        managed = {"Name": "Events-Archive-filemill", "ManagedBy": "prod.vhs.events.aws.internal"}
        pages = [{"Rules": [managed, {"Name": "thumbnails"}]}, {"Rules": [{"Name": "audit"}]}]
        return SimpleNamespace(paginate=lambda EventBusName: pages)  # noqa: N803 - boto3's name

    def start_replay(self, **asked: Any) -> None:
        self.started.append(asked)

    def describe_replay(self, **_: str) -> Any:
        state = self.states.pop(0)
        if state["State"] == "interrupted":
            raise KeyboardInterrupt
        return state

    def cancel_replay(self, **asked: str) -> None:
        self.cancelled.append(asked["ReplayName"])


def missing(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "none"}}, operation)


def archive(days: int = 30, created: datetime = NOW - 20 * timedelta(days=1)) -> dict[str, Any]:
    return {
        "ArchiveArn": "arn:archive",
        "EventSourceArn": "arn:bus",
        "RetentionDays": days,
        "CreationTime": created,
    }


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    made = Bridge({"State": "COMPLETED"}, archive=archive())
    monkeypatch.setattr(aws, "events", lambda: made)
    monkeypatch.setattr(replay, "datetime", _Clock)
    monkeypatch.setattr(replay, "POLL", 0)
    return made


class _Clock(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        return NOW


def told(begin: datetime, end: datetime, *rules: str) -> list[str]:
    lines: list[str] = []
    replay.replay("test", begin, end, rules, lines.append)
    return lines


def test_a_replay_is_followed_until_it_is_completed(bridge: Bridge) -> None:
    begin, end = NOW - 3 * HOUR, NOW - HOUR
    bridge.states[:0] = [
        {"State": "STARTING"},
        {"State": "STARTING"},
        {"State": "RUNNING", "EventLastReplayedTime": begin + HOUR},
        {"State": "RUNNING", "EventLastReplayedTime": end + HOUR},
    ]
    assert told(begin, end) == [
        "replay filemill-test-20261122T120000 has started: 2026-11-22T09:00:00.000Z to 2026-11-22T11:00:00.000Z",
        "starting: nothing is replayed yet",
        "running: replayed up to 2026-11-22T10:00:00.000Z (50%)",
        "running: replayed up to 2026-11-22T12:00:00.000Z (100%)",
        "replay filemill-test-20261122T120000 is completed",
    ]
    [asked] = bridge.started
    assert (asked["EventStartTime"], asked["EventEndTime"]) == (begin, end)
    assert (asked["EventSourceArn"], asked["Destination"]) == ("arn:archive", {"Arn": "arn:bus"})
    assert not bridge.cancelled


def test_a_replay_goes_to_the_rules_that_are_named(bridge: Bridge) -> None:
    told(NOW - 3 * HOUR, NOW - HOUR, "thumbnails")
    assert bridge.started[0]["Destination"]["FilterArns"] == [f"arn:rule/{BUS}/thumbnails"]
    with pytest.raises(OpsError, match=r"has no rule 'thumbs'\. It has: audit, thumbnails\."):
        told(NOW - 3 * HOUR, NOW - HOUR, "thumbs")
    assert len(bridge.started) == 1


@pytest.mark.parametrize(
    ("begin", "end", "says"),
    [
        (NOW + HOUR, NOW + 2 * HOUR, r"--from 2026-11-22T13:00:00.000Z is in the future"),
        (NOW - HOUR, NOW + HOUR, r"--to 2026-11-22T13:00:00.000Z is in the future"),
        (NOW - HOUR, NOW - 2 * HOUR, r"is not before --to"),
        (NOW - HOUR, NOW - HOUR, r"is not before --to"),
        (NOW - 900 * HOUR, NOW - 800 * HOUR, r"has no events before 2026-11-02T12:00:00.000Z"),
    ],
)
def test_times_that_have_no_events_are_refused(bridge: Bridge, begin: datetime, end: datetime, says: str) -> None:
    with pytest.raises(OpsError, match=says):
        told(begin, end)
    assert not bridge.started


@pytest.mark.parametrize(
    ("kept", "begin", "first"),
    [
        (archive(days=30), NOW - 30 * 24 * HOUR, "2026-11-02"),  # before it was made
        (archive(days=7), NOW - 8 * 24 * HOUR, "2026-11-15"),  # gone by now
        (archive(days=0), NOW - 30 * 24 * HOUR, "2026-11-02"),  # kept for ever
    ],
)
def test_what_the_archive_does_not_have_is_said(
    bridge: Bridge, kept: dict[str, Any], begin: datetime, first: str
) -> None:
    bridge.archive = kept
    assert told(begin, NOW - HOUR)[0] == f"the archive has no events before {first}T12:00:00.000Z"


def test_events_of_the_last_minutes_may_come_too_late(bridge: Bridge) -> None:
    assert "last 10 minutes" in told(NOW - HOUR, NOW - timedelta(minutes=9))[0]


def test_a_stage_without_an_archive_is_told_how_to_get_one(bridge: Bridge) -> None:
    bridge.archive = None
    with pytest.raises(OpsError, match=r"keeps no events.*--set EventArchiveDays=30"):
        told(NOW - 2 * HOUR, NOW - HOUR)


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "CANCELLING"])
def test_a_replay_that_does_not_end_well_is_an_error(bridge: Bridge, state: str) -> None:
    bridge.states[:] = [{"State": state, "StateReason": "the rule is gone"}]
    with pytest.raises(OpsError, match=f"ended as {state}: the rule is gone"):
        told(NOW - 2 * HOUR, NOW - HOUR)


def test_an_interrupted_replay_is_cancelled(bridge: Bridge) -> None:
    bridge.states[:] = [{"State": "interrupted"}]
    with pytest.raises(KeyboardInterrupt):
        told(NOW - 2 * HOUR, NOW - HOUR)
    assert bridge.cancelled == ["filemill-test-20261122T120000"]


@pytest.mark.parametrize("missing", ["--stage", "--from"])
def test_the_command_needs_a_stage_and_a_time(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"--stage": "test", "--from": "2026-11-22"}
    del given[missing]
    with pytest.raises(SystemExit):
        ops.main(["replay", *(word for pair in given.items() for word in pair)])
    assert missing in capsys.readouterr().err


def test_a_bad_time_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ops.main(["replay", "--stage", "test", "--from", "yesterday"])
    assert "'yesterday' is not a time; use 2026-11-22" in capsys.readouterr().err


def test_the_archived_events_are_replayed_to_the_rule(stage: Calls) -> None:
    """moto's EventBridge: the calls are what it takes, and what the operator may do."""
    events = aws_client("events")
    bus = events.describe_event_bus(Name=BUS)["Arn"]
    events.create_archive(ArchiveName=BUS, EventSourceArn=bus, EventPattern=PATTERN, RetentionDays=1)
    events.put_rule(Name="all", EventBusName=BUS, EventPattern=PATTERN)
    group = "/aws/events/all"
    aws_client("logs").create_log_group(logGroupName=group)
    target = {"Id": "1", "Arn": f"arn:aws:logs:eu-west-1:123456789012:log-group:{group}"}
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[target])
    bus_client.put([envelope(making.file(1))])

    def delivered() -> int:
        return len(aws_client("logs").filter_log_events(logGroupName=group)["events"])

    assert delivered() == 1
    present = datetime.now(UTC)
    replay.replay("test", present - HOUR, present, ["all"], lambda line: None)
    assert delivered() == 2
