"""The moment to restore to, and the moments that DynamoDB can restore to."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.errors import OpsError


def moment(text: str) -> datetime:
    """Type of the argument: a time in ISO 8601 with its zone, in UTC and whole seconds, which is what DynamoDB has."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; use 2026-11-22T12:00:00Z") from None
    if value.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone; write {text}Z if it is in UTC")
    return value.astimezone(UTC).replace(microsecond=0)


def written(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Window:
    """The moments that a table can be restored to; both are included."""

    earliest: datetime
    latest: datetime

    def check(self, at: datetime, now: datetime) -> None:
        """Raises OpsError for a moment outside of the window; the sentence says which moments there are."""
        between = f"It can be restored to any second from {written(self.earliest)} to {written(self.latest)}."
        if at > now:
            raise OpsError(f"{written(at)} is in the future. {between}")
        if at < self.earliest:
            raise OpsError(
                f"{written(at)} is too early: the table did not exist yet, was not recorded yet, or the time is longer "
                f"ago than DynamoDB keeps it. {between}"
            )
        if at > self.latest:
            raise OpsError(
                f"{written(at)} is too recent: DynamoDB needs about five minutes. {between} Wait, or use --latest."
            )


def window(dynamodb: Any, table: str, stage: str) -> Window:
    """The table's window: one DescribeContinuousBackups.

    Raises
    ------
    OpsError
        The table is gone, or its point-in-time recovery is off.
    """
    try:
        reply = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    except dynamodb.exceptions.TableNotFoundException:
        raise OpsError(
            f"The table {table} is gone. DynamoDB keeps a backup of a deleted table for 35 days: see "
            "docs/operations.md#the-table-itself-was-deleted."
        ) from None
    recovery = reply.get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED" or "LatestRestorableDateTime" not in recovery:
        raise OpsError(
            f"The table {table} cannot be restored: its point-in-time recovery is off. Run `python -m ops provision "
            f"--stage {stage} --set PointInTimeRecovery=true`: from then on it can."
        )
    times = [recovery[f"{which}RestorableDateTime"].astimezone(UTC) for which in ("Earliest", "Latest")]
    return Window(times[0], times[1].replace(microsecond=0))
