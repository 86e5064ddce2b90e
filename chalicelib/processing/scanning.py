"""The scan gate: nothing reads, renders or serves a file before a malware scan found it clean.

GuardDuty scans each version by itself and tells its verdict by an event. S3's event and the verdict come in any order:
the second one finishes the file. With a command of one's own (`scanner.py`), `process` has the file scanned once it has
claimed it. From the verdict on, both go the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib import aws
from chalicelib.catalog import edits, files, scans, tenants
from chalicelib.model import (
    ErrorCode,
    File,
    FileError,
    PermanentFault,
    Scan,
    ScanStatus,
    Status,
    original_key,
    parse_original_key,
)
from chalicelib.observability import Metric, append, count, logger
from chalicelib.processing import scanner
from chalicelib.processing.notifications import Stored
from chalicelib.processing.scanner import ScanFailedError
from chalicelib.queues import ingest, worker
from chalicelib.queues.worker import MAX_RECEIVES, Message
from chalicelib.renditions import places
from chalicelib.settings import settings
from chalicelib.storage import derived, scan_tags
from chalicelib.storage.originals import OriginalMissingError
from chalicelib.storage.scan_tags import Mark

# GuardDuty's results that are verdicts. ACCESS_DENIED and FAILED are none: the sweep has it asked again.
# https://docs.aws.amazon.com/guardduty/latest/ug/monitoring-malware-protection-s3-scans-gdu.html
VERDICTS: Mapping[str, ScanStatus] = {
    "NO_THREATS_FOUND": ScanStatus.CLEAN,
    "THREATS_FOUND": ScanStatus.INFECTED,
    "UNSUPPORTED": ScanStatus.UNSCANNABLE,
}

# The record may change while a verdict is written. It does so rarely, and seldom twice.
WRITES = 5

# Seconds: the function's own bound, and a little more. A function that dies must not hold its message for longer.
LONGEST = 960


class OvertakenError(Exception):
    """Others changed the record each time. The message comes again."""


# --- a file that is claimed


def admit(file: File, stored: Stored, *, last_try: bool) -> File | None:
    """The claimed file, if its bytes may be read. None if it waits for its verdict, or if the claim was lost.

    Raises PermanentFault for a file that must be quarantined, and ScanFailedError, unless it is the last try: then the
    file counts as one that can't be scanned.
    """
    found = scans.verdict(file, stored.version_id)
    if not scans.is_on():
        if found and found.status is ScanStatus.INFECTED:
            raise _fault(found)
        return file
    if found is None and settings().scan == "guardduty":
        if scans.hold(file):
            logger.info("the file waits for its scan")
            return None
        current = files.get(file.tenant, file.id)  # the verdict came just now, unless the claim was lost
        if current is None or current.claim_id != file.claim_id:
            return None
        file, found = current, scans.verdict(current, stored.version_id)
    if found is None:
        found = _by_command(stored.key, stored.version_id, last_try=last_try)
        scans.hear(file, stored.version_id, found)
        file = file.model_copy(update={"scan": found, "scan_version": stored.version_id})
    _pass(file, found, stored.key, stored.version_id)
    return file


def _by_command(key: str, version_id: str, *, last_try: bool) -> Scan:
    try:
        return scanner.scan(key, version_id)
    except ScanFailedError:
        if not last_try:
            raise
        logger.exception("the file could not be scanned")
        return scanner.verdict(ScanStatus.UNSCANNABLE)


def _pass(file: File, found: Scan, key: str, version_id: str) -> None:
    """Has S3 let the version be read. Raises PermanentFault if it must not be."""
    if found.status is ScanStatus.UNSCANNABLE:
        if file.accepted_version != version_id:
            if tenants.unscannable(file.tenant) == "refuse":
                raise _fault(found)
            scans.accept(file)
            logger.warning("a file is accepted that nobody could scan")
        scan_tags.mark(key, version_id, Mark.ACCEPTED)
    elif found.status is ScanStatus.CLEAN:
        _mark_clean(file, key, version_id)
    else:
        raise _fault(found)


def _mark_clean(file: File, key: str, version_id: str) -> None:
    """Sees to it that a tag says so, because GuardDuty's event may come before its tag, or without it.

    Raises PermanentFault if GuardDuty's tag says something else: it is the verdict of a later scan.
    """
    tags = scan_tags.read(key, version_id)
    if tags.get(scan_tags.GUARDDUTY) == "THREATS_FOUND":
        worse = scanner.verdict(ScanStatus.INFECTED)
        scans.hear(file, version_id, worse)
        raise _fault(worse)
    if tags.get(scan_tags.GUARDDUTY) != "NO_THREATS_FOUND":
        scan_tags.mark(key, version_id, Mark.CLEAN, tags)


def _fault(found: Scan) -> PermanentFault:
    if found.status is ScanStatus.INFECTED:
        name = f": {found.signature}" if found.signature else ""
        return PermanentFault(ErrorCode.INFECTED, f"The scan found malware in the file{name}.")
    return PermanentFault(
        ErrorCode.UNSCANNABLE, "The file could not be scanned for malware, and such files are refused here."
    )


def quarantine(file: File, fault: PermanentFault) -> File | None:
    """Ends a file as `failed`, and deletes everything that was made of it. None if it is gone, or has another version.

    The original stays until the file is deleted, and nobody may read it. Copies at the edges end with the sweep.
    """
    key, version_id = original_key(file.tenant, file.id), file.version_id or ""
    if fault.code is ErrorCode.INFECTED:
        scan_tags.mark(key, version_id, Mark.INFECTED)
    for _ in range(WRITES):
        current = files.get(file.tenant, file.id)
        if current is None or current.version_id != version_id:
            return None
        if current.status is Status.FAILED and current.error and current.error.code is fault.code:
            return current
        made = places.made_prefix(current) if current.status is Status.PROCESSING else None
        leftovers = list(dict.fromkeys(filter(None, [*current.leftovers, places.served_prefix(current), made])))
        ended = scans.quarantine(current, FileError(code=fault.code, message=fault.message), leftovers)
        if ended:
            _tell(ended, fault)
            for prefix in leftovers:
                derived.delete_below(prefix)
            return ended
    raise OvertakenError(file.id)


def _tell(file: File, fault: PermanentFault) -> None:
    signature = file.scan.signature if file.scan else None
    logger.warning("file quarantined", extra={"code": fault.code, "signature": signature})
    if fault.code is ErrorCode.INFECTED:
        count({Metric.FILES_INFECTED: 1})


# --- a verdict that comes by itself


def handle(event: Mapping[str, Any], message: Message) -> None:
    """Acts on a result of GuardDuty.

    https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html
    """
    detail = event["detail"]
    scanned, result = detail["s3ObjectDetails"], detail.get("scanResultDetails") or {}
    ids = parse_original_key(str(scanned["objectKey"]))
    if ids is None or scanned["bucketName"] != settings().originals_bucket:
        logger.warning("no scan of one of our objects; dropped", extra={"bucket": scanned["bucketName"]})
        return
    append(tenant=ids[0], file_id=ids[1])
    status = VERDICTS.get(str(result.get("scanResultStatus")))
    if status is None:
        logger.error("GuardDuty could not scan a file", extra={"result": result.get("scanResultStatus")})
        return
    threats = [str(threat.get("name", "")) for threat in result.get("threats") or []]
    _act(*ids, str(scanned["versionId"]), scanner.verdict(status, ", ".join(filter(None, threats))), message)


def asked(tenant: str, file_id: str, version_id: str, message: Message) -> None:
    """Has one version scanned, because no verdict came, or because it is older than the gate."""
    append(tenant=tenant, file_id=file_id)
    file = files.get(tenant, file_id)
    if file is None or file.version_id != version_id:
        logger.info("nothing to scan")
        return
    known = scans.verdict(file, version_id)
    if known and known.status is ScanStatus.INFECTED:  # found while the file was deleted
        _act(tenant, file_id, version_id, known, message)
        return
    if not scans.is_on():
        return
    worker.come_back(message, settings().ingest_queue_url, LONGEST)
    key = original_key(tenant, file_id)
    if settings().scan == "guardduty":
        # With a verdict the tag tells nothing new: somebody wants another scan.
        found = (None if known else _by_tag(key, version_id)) or _by_asking(file, key, version_id)
    elif file.status is Status.PROCESSING:
        return  # its own message has it scanned
    else:
        try:
            found = _by_command(key, version_id, last_try=message.receives >= MAX_RECEIVES)
        except OriginalMissingError:
            logger.info("the original is gone")
            return
    if found:
        _act(tenant, file_id, version_id, found, message)


def _by_tag(key: str, version_id: str) -> Scan | None:
    """The verdict that GuardDuty wrote onto the object, when its event was lost. The tag names no malware."""
    status = VERDICTS.get(scan_tags.read(key, version_id).get(scan_tags.GUARDDUTY, ""))
    return scanner.verdict(status) if status else None


def _by_asking(file: File, key: str, version_id: str) -> Scan | None:
    """Has GuardDuty scan the version. After a number of questions without an answer, that is the verdict."""
    if file.status is Status.PROCESSING:
        if file.scan_asked >= scans.MOST_ASKED:
            logger.error("GuardDuty gives no verdict", extra={"asked": file.scan_asked})
            return scanner.verdict(ScanStatus.UNSCANNABLE)
        scans.ask(file)
    aws.guardduty().send_object_malware_scan(
        S3Object={"Bucket": settings().originals_bucket, "Key": key, "VersionId": version_id}
    )
    return None


def _act(tenant: str, file_id: str, version_id: str, found: Scan, message: Message) -> None:
    """Records a verdict, and does what follows from the gravest one that the record then has."""
    for _ in range(WRITES):
        file = files.record(file_id)
        if file is None or file.tenant != tenant or (file.version_id or version_id) != version_id:
            logger.info("no file of ours has this version", extra={"version_id": version_id})
            return
        if file.status is Status.DELETED and file.restore_until is None:
            return
        known = scans.verdict(file, version_id)
        if known and known.status.rank >= found.status.rank:
            if _follow(file, known, message):
                return
        else:
            scans.hear(file, version_id, found)
    raise OvertakenError(file_id)


def _follow(file: File, known: Scan, message: Message) -> bool:
    """Does what follows from a recorded verdict. False if the record changed meanwhile."""
    append(correlation_id=file.correlation_id)
    key, version_id = original_key(file.tenant, file.id), file.version_id
    if version_id is None or file.status is Status.DELETED:
        return True  # S3's event is still to come, or the file is being restored: the verdict waits in the record
    if file.status is Status.PROCESSING and known.status is not ScanStatus.INFECTED:
        # Imported here, because the pipeline imports this module.
        from chalicelib.processing.pipeline import in_process, process_object

        stored = Stored(settings().originals_bucket, key, version_id, file.sequencer or "", file.size or 0)
        process_object(stored, message, in_process())
        return True
    try:
        _pass(file, known, key, version_id)
    except PermanentFault as fault:
        quarantine(file, fault)
        return True
    if file.error and file.error.code is ErrorCode.UNSCANNABLE:  # it was given up before the verdict came
        opened = edits.reprocess(file, file.wanted_recipe or file.recipe)
        if opened is None:
            return False
        ingest.send(opened)
    return True
