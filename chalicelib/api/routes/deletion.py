"""`DELETE /v1/files/{id}` and `POST /v1/files/{id}/restore`.

Without a delete window a file is deleted for good at once. With one its record stays as a tombstone: the original
stays, too, and the file can be restored until the window is over. Then a repeated DELETE or the sweep removes all.
"""

from __future__ import annotations

from chalice import Blueprint, Response

from chalicelib.api import etags, parts, uploads
from chalicelib.api.answers import ChangedFile
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.ownership import find_own_file, may_use, not_found, own_file
from chalicelib.api.routing import Call, route
from chalicelib.api.updates import overtaken, settle, tries, write_if_found
from chalicelib.api.wire import record
from chalicelib.catalog import deletion, files, scans
from chalicelib.model import FILE_ID_PATTERN, File, Status, now
from chalicelib.observability import append, logger
from chalicelib.queues import ingest
from chalicelib.settings import settings
from chalicelib.upkeep import removal

routes = Blueprint(__name__)


@route(
    routes,
    "DELETE",
    "/v1/files/{file_id}",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    returns={204: None},
    problems=(
        "already_uploaded",
        "file_changing",
        "invalid_field",
        "legal_hold",
        "not_multipart",
        "precondition_failed",
        "upload_expired",
    ),
    headers=("If-Match", "If-None-Match"),
)
def delete_file(call: Call, file_id: str) -> Response:
    """Delete a file: the record, the original with all its versions, the renditions, and their copies at the edges.

    Nothing that was told of the file stays, neither its name nor its hash. Only the id, the revision and the times stay
    for 30 days, for the feed of changes.

    If the stage has a delete window, the original stays until the window is over, and the file can be restored until
    then. A file under legal hold can't be deleted. An upload that has not ended is aborted. The record is deleted
    first, so a crash can only leave objects that nobody finds; a repeated request removes them.
    """
    if call.caller.token:
        # A browser may abort an upload of its own; what was uploaded, it may not delete.
        parts.abort(own_file(call, file_id))
    elif settings().delete_window:
        _delete_with_a_way_back(call, file_id)
    else:
        _delete_for_good(call, file_id)
    return Response("", status_code=204)


# --- Without a delete window


def _delete_for_good(call: Call, file_id: str) -> None:
    """One write, without a read unless the request has conditions. It also completes a delete that crashed.

    For a caller with `files:own`, one read comes before it: of the record, whatever its state is.
    """
    revision = None
    if call.caller.only_own:
        known = files.record(file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
        if known is None or not may_use(call.caller, known):
            raise not_found()
    if etags.is_conditional(call):
        revision = etags.holds(call, own_file(call, file_id))
    deleted = None
    if FILE_ID_PATTERN.fullmatch(file_id):
        deleted = deletion.mark_deleted(call.tenant, file_id, revision=revision)
    if deleted is None:
        _refuse_if_held(find_own_file(call, file_id))
        raise etags.failed() if revision is not None else not_found()
    _purge(deleted)


def _refuse_if_held(file: File | None) -> None:
    """Raises Problem `legal_hold` for a file that is held."""
    if file and file.legal_hold:
        detail = "This file is under legal hold, so it can't be deleted. A key with `keys:admin` can release it first."
        raise Problem("legal_hold", detail)


def _purge(file: File) -> None:
    append(file_id=file.id)
    removal.purge(file)
    logger.info("file deleted")


# --- With a delete window


def _delete_with_a_way_back(call: Call, file_id: str) -> None:
    """The record decides: a file is retired, a tombstone is completed, and all else is unknown."""
    retired = write_if_found(call, file_id, _retire)
    if retired is None:
        tombstone = _tombstone(call, file_id)
        if tombstone is None:
            raise not_found()
        _complete(call, tombstone)
    elif retired.restore_until:
        removal.clear(retired)
        logger.info("file deleted", extra={"restore_until": str(retired.restore_until)})


def _retire(file: File) -> File | None:
    """The file's tombstone; None if the record has changed since it was read.

    There is nothing to restore of a file without bytes, so it is deleted for good. Raises Problem `legal_hold`.
    """
    _refuse_if_held(file)
    if file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED) or file.refused:
        deleted = deletion.mark_deleted(file.tenant, file.id, revision=file.revision)
        if deleted:
            _purge(deleted)
        return deleted
    return removal.retire(file)


def _complete(call: Call, tombstone: File) -> None:
    """Completes an earlier delete. Raises Problem `not_found` if there is nothing left to do.

    Within the window only the renditions go, which a crash may have left. After it, everything goes.
    """
    if tombstone.restore_until and tombstone.restore_until > now():
        if not tombstone.leftovers:
            raise not_found()
        removal.clear(tombstone)
        return
    deleted = deletion.mark_deleted(call.tenant, tombstone.id, revision=tombstone.revision)
    if deleted is None:  # it was restored or purged just now
        raise not_found()
    _purge(deleted)


def _tombstone(call: Call, file_id: str) -> File | None:
    found = deletion.tombstone(call.tenant, file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
    return found if found and may_use(call.caller, found) else None


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/restore",
    scope=Scope.FILES_WRITE,
    own=True,
    returns={200: ChangedFile, 202: ChangedFile},
    problems=("not_deleted", "file_changing"),
    headers=("ETag",),
)
def restore_file(call: Call, file_id: str) -> Response:
    """Restore a deleted file, within the stage's delete window.

    202: the renditions are made again, under new addresses. 200: the file had no renditions. Costs a DynamoDB read and
    write, and a message.
    """
    restored = _restore(call, file_id)
    append(file_id=restored.id)
    logger.info("file restored")
    settle(restored)
    if not restored.is_quarantined and scans.is_infected(restored):  # found while the file was deleted
        ingest.send_scan(restored)
    return record(call, restored, 202 if restored.status is Status.PROCESSING else 200)


def _restore(call: Call, file_id: str) -> File:
    """The restored file. A tombstone that was changed since it was read is read and restored again.

    Raises Problem: `not_deleted`, `file_changing`, `quota_exceeded`, and `not_found` for a file that is unknown,
    deleted for good, or deleted too long ago.
    """
    has_room = False
    for _ in tries():
        tombstone = _tombstone(call, file_id)
        if tombstone is None or not tombstone.restore_until or tombstone.restore_until <= now():
            own_file(call, file_id)
            raise Problem("not_deleted", "This file is not deleted.")
        if not has_room:
            uploads.reserve_again(call, tombstone)
            has_room = True
        if restored := deletion.restore(tombstone):
            return restored
    raise overtaken()
