"""Verdicts of the malware scan, each about one version of an original.

S3's event and the verdict come in any order, twice or never. The record keeps the gravest verdict on its version, so
that their order makes no difference: `ScanStatus` has the ranks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.catalog import pending, transitions
from chalicelib.catalog.dynamodb import ConditionFailedError
from chalicelib.catalog.keys import due_keys
from chalicelib.catalog.record_writer import attempt, write
from chalicelib.model import File, FileError, Scan, ScanStatus, Status, now, timestamp
from chalicelib.settings import settings

# A verdict comes within minutes. After this time the sweep has the scanner asked, and later again.
COMES = timedelta(minutes=5)

# If the scanner gives no verdict after it was asked this often, there will be none.
MOST_ASKED = 5


def is_on() -> bool:
    """True if the stage scans files before it reads them."""
    return settings().scan != "off"


def verdict(file: File, version_id: str | None) -> Scan | None:
    """The verdict on this version; None while there is none."""
    return file.scan if version_id and file.scan_version == version_id else None


def is_infected(file: File) -> bool:
    """True if the scan found malware in the file."""
    found = verdict(file, file.version_id)
    return found is not None and found.status is ScanStatus.INFECTED


def may_be_read(file: File) -> bool:
    """True if the original may be read: it is clean, or accepted unscanned, or the stage scans nothing."""
    if is_infected(file) or not is_on():
        return not is_infected(file)
    found = verdict(file, file.version_id)
    is_clean = found is not None and found.status is ScanStatus.CLEAN
    return is_clean or (file.accepted_version is not None and file.accepted_version == file.version_id)


def is_held(file: File) -> bool:
    """True if the file waits for a verdict that comes by itself, and no worker has it."""
    waits = file.status is Status.PROCESSING and file.claim_id is None and file.attempts == 0
    return waits and settings().scan == "guardduty" and verdict(file, file.version_id) is None


def hold(file: File) -> bool:
    """Has a claimed file wait for its verdict. False if there is one, or if the claim is no longer ours."""
    moment = now()
    values = {
        "scan": Scan(status=ScanStatus.PENDING).model_dump(mode="json"),
        "attempts": 0,
        "lease_until": timestamp(moment),
        **due_keys(file.id, moment + COMES),
    }
    return _written(transitions.HOLD, file, values, claim_id=file.claim_id, version_id=file.version_id)


def hear(file: File, version_id: str, found: Scan) -> bool:
    """Records a verdict. False if the record has one that counts as much, has another version, or changed its state."""
    values = {"scan": found.model_dump(mode="json"), "scan_version": version_id, "scan_rank": found.status.rank}
    processed = file.status in (Status.READY, Status.FAILED)
    if processed and found.status is not ScanStatus.INFECTED:
        using = {"tenant": file.tenant, "version_id": version_id, "rank": found.status.rank}
        return attempt(transitions.RESCAN, file.id, values, **using) is not None
    return _written(transitions.HEAR, file, values, tenant=file.tenant, version_id=version_id, rank=found.status.rank)


def ask(file: File) -> None:
    """Counts a question to the scanner."""
    _written(transitions.ASK, file, {}, version_id=file.version_id)


def accept(file: File) -> None:
    """Lets the file be read although nobody could scan it."""
    _written(transitions.ACCEPT, file, {"accepted_version": file.version_id}, version_id=file.version_id)


def quarantine(file: File, error: FileError, leftovers: list[str]) -> File | None:
    """To `failed`, without anything that was made of the file. None if it is no longer at `file`'s revision.

    `leftovers` are the prefixes of its renditions. The record is due until they are gone.
    """
    due = pending.due_when_failed(file.model_copy(update={"leftovers": leftovers, "refused": None}))
    values = {"error": error.stored(), "leftovers": leftovers or None, **due}
    using = {"tenant": file.tenant, "revision": file.revision, "version_id": file.version_id}
    return attempt(transitions.QUARANTINE, file.id, values, **using)


def _written(transition: transitions.Transition, file: File, values: dict[str, Any], **using: Any) -> bool:
    try:
        write(transition, file.id, values, **using)
    except ConditionFailedError:
        return False
    return True
