"""Data that can't be erased by tenant, and when each of it ends by itself, from the stage's real settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from chalicelib.catalog.audit.seals import LONGER
from chalicelib.model import now
from chalicelib.settings import settings

# DynamoDB keeps its stream for a day:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
STREAM = timedelta(days=1)
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html
RECOVERY_DAYS = 35
# As long as the template has queues keep a message.
QUEUES = timedelta(days=14)


@dataclass(frozen=True)
class Remains:
    """One place that may still name the tenant. `until` is when that ends; None where only the operator knows."""

    what: str
    until: datetime | None


def remains(ended: datetime | None = None, *, keep_audit: bool = False) -> list[Remains]:
    """All of it, for a tenant whose last item went at `ended`. Costs two requests."""
    ended = ended or now()

    def days(number: float) -> datetime:
        return ended + timedelta(days=number)

    found = [
        Remains("the table's stream", ended + STREAM),
        Remains("messages in the queues and their dead letters, which name files by their ids", ended + QUEUES),
        Remains("logs of the functions", days(settings().log_days) if settings().log_days else None),
        Remains(
            "addresses that were signed for uploads: what comes by them is deleted as it arrives",
            ended + timedelta(seconds=settings().upload_expiry),
        ),
        Remains(
            "copies of private files at the edges, which open with a signature only",
            ended + timedelta(seconds=settings().max_url_expiry),
        ),
    ]
    if keep_audit and settings().audit_days:
        found.append(Remains("the tenant's audit (--keep-audit)", days(settings().audit_days)))
        found.append(Remains("the seals of its audit", days(settings().audit_days) + timedelta(seconds=LONGER)))
    if recovery := _recovery_days():
        found.append(Remains(f"backups of the table ({recovery} days): erase again after a restore", days(recovery)))
    archive = _archive_days()
    if archive is not None:
        what = f"the archive of events ({archive} days)" if archive else "the archive of events, which has no end"
        found.append(Remains(what, days(archive) if archive else None))
    return [
        *found,
        Remains("what targets of yours on the bus, and receivers of webhooks, have stored", None),
        Remains("access logs of S3 and CloudFront, backups and snapshots, where you have turned them on", None),
    ]


def _recovery_days() -> int:
    """Days for which the table can be restored; 0 if recovery is off."""
    from chalicelib import aws

    reply = aws.dynamodb().describe_continuous_backups(TableName=settings().table)
    recovery = reply["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        return 0
    return int(recovery.get("RecoveryPeriodInDays") or RECOVERY_DAYS)


def _archive_days() -> int | None:
    """Days for which the bus's archive keeps events; 0 for ever, None if there is no archive."""
    from chalicelib import aws

    try:
        return int(aws.events().describe_archive(ArchiveName=settings().event_bus).get("RetentionDays") or 0)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
