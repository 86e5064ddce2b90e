from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ops.errors import OpsError
from ops.restore.moments import Window, moment, window, written

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(days=35), NOON - timedelta(minutes=5))


def test_a_time_is_read_with_its_zone_and_to_the_second() -> None:
    assert moment("2026-11-22T13:00:00.900+01:00") == NOON
    assert written(moment("2026-11-22T12:00Z")) == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("yesterday", "is not a time"), ("2026-11-22T12:00", "has no time zone; write 2026-11-22T12:00Z")],
)
def test_anything_else_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=sentence):
        moment(text)


@pytest.mark.parametrize("at", [WINDOW.earliest, WINDOW.latest, NOON - timedelta(days=1)])
def test_both_ends_of_the_window_can_be_restored(at: datetime) -> None:
    WINDOW.check(at, NOON)


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        (NOON + timedelta(seconds=1), "is in the future"),
        (WINDOW.earliest - timedelta(seconds=1), "is too early"),
        (WINDOW.latest + timedelta(seconds=1), "is too recent"),
    ],
)
def test_outside_of_it_the_sentence_says_which_times_there_are(at: datetime, sentence: str) -> None:
    with pytest.raises(OpsError, match=f"{sentence}.*2026-10-18T12:00:00Z to 2026-11-22T11:55:00Z"):
        WINDOW.check(at, NOON)


class GoneError(Exception):
    pass


class DynamoDB:
    exceptions = SimpleNamespace(TableNotFoundException=GoneError)

    def __init__(self, recovery: dict[str, Any] | None) -> None:
        self.recovery = recovery

    def describe_continuous_backups(self, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if self.recovery is None:
            raise GoneError
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": self.recovery}}


def test_the_window_is_dynamodbs() -> None:
    recovery = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "EarliestRestorableDateTime": WINDOW.earliest,
        "LatestRestorableDateTime": WINDOW.latest,
    }
    assert window(DynamoDB(recovery), "t", "prod") == WINDOW


def test_a_table_without_recovery_and_one_that_is_gone_are_refused() -> None:
    with pytest.raises(OpsError, match=r"recovery is off.*--stage prod --set PointInTimeRecovery=true"):
        window(DynamoDB({"PointInTimeRecoveryStatus": "DISABLED"}), "t", "prod")
    with pytest.raises(OpsError, match="is gone"):
        window(DynamoDB(None), "t", "prod")
