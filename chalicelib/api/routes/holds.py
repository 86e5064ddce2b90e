"""`PUT` and `DELETE /v1/files/{id}/hold`: legal hold, which only those may put and release who administer keys."""

from __future__ import annotations

from collections.abc import Callable

from chalice import Blueprint, Response

from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.ownership import may_use, not_found
from chalicelib.api.routing import Call, route
from chalicelib.api.updates import overtaken, still_processing, tries
from chalicelib.catalog import files, holds
from chalicelib.model import FILE_ID_PATTERN, File, Status
from chalicelib.observability import append, logger

routes = Blueprint(__name__)


@route(
    routes,
    "PUT",
    "/v1/files/{file_id}/hold",
    scope=Scope.KEYS_ADMIN,
    returns={204: None},
    problems=("file_changing", "file_processing", "original_missing"),
)
def hold_file(call: Call, file_id: str) -> Response:
    """Put a file under legal hold: until it is released, nobody can delete it, and neither can its retention.

    Everything else may change. A deleted file can be held while it can be restored; its bytes then stay. A file that is
    held already stays as it is. Costs a DynamoDB read and write.
    """
    _until_written(call, file_id, lambda file: file if file.legal_hold else _hold(file))
    logger.info("legal hold put")
    return Response("", status_code=204)


@route(
    routes,
    "DELETE",
    "/v1/files/{file_id}/hold",
    scope=Scope.KEYS_ADMIN,
    returns={204: None},
    problems=("file_changing",),
)
def release_file(call: Call, file_id: str) -> Response:
    """Release a file from legal hold. A file that is not held stays as it is. Costs a DynamoDB read and write.

    If the time to restore a deleted file is over, or the file's retention is, its bytes are deleted within minutes.
    """
    _until_written(call, file_id, lambda file: holds.release(file) if file.legal_hold else file)
    logger.info("legal hold released")
    return Response("", status_code=204)


def _hold(file: File) -> File | None:
    if file.status is Status.PROCESSING:
        raise still_processing("The file is being processed, so it can't be held just now.")
    if not holds.may_be_held(file):
        raise Problem("original_missing", "The original is not stored, so there is nothing to hold.")
    return holds.hold(file)


def _until_written(call: Call, file_id: str, write: Callable[[File], File | None]) -> None:
    """Writes again while others are quicker. Finds deleted files, too, as long as they can be restored."""
    for _ in tries():
        file = files.record(file_id) if FILE_ID_PATTERN.fullmatch(file_id) else None
        gone = file is None or (file.status is Status.DELETED and file.restore_until is None)
        if file is None or gone or not may_use(call.caller, file):
            raise not_found()
        append(file_id=file.id)
        if write(file):
            return
    raise overtaken()
