"""How a client's change of a file is written: conditionally, on the revision that was read, and what must follow it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from chalicelib.api import etags
from chalicelib.api.errors import Problem
from chalicelib.api.ownership import find_own_file, not_found
from chalicelib.api.routing import Call
from chalicelib.model import ErrorCode, File, Status, now
from chalicelib.queues import ingest
from chalicelib.storage import originals
from chalicelib.upkeep import removal

# For how long a change is made again that others overtook, and the longest pause between two tries, in seconds. A
# request has 29 seconds at API Gateway, and one call that hangs takes 20 of them (aws.py). Thirty changes of one record
# at once, of 20 ms each, need about two seconds in all.
PATIENCE = 8.0
PAUSE = 0.5


def tries() -> Iterator[None]:
    """Begins a try, and after a random pause the next one, for `PATIENCE` seconds. The pauses grow up to `PAUSE`.

    Where many change one record at once, one of them is first in each round. Without pauses the others would meet again
    and again.
    """
    until = time.monotonic() + PATIENCE
    bound = 0.02
    while True:
        yield
        pause = random.uniform(0, bound)  # noqa: S311
        if time.monotonic() + pause > until:
            return
        time.sleep(pause)
        bound = min(PAUSE, bound * 2)


def until_written(call: Call, file_id: str, write: Callable[[File], File | None]) -> File:
    """The caller's file as `write` changed it. Raises what `write_if_found` raises, and Problem `not_found`."""
    file = write_if_found(call, file_id, write)
    if file is None:
        raise not_found()
    return file


def write_if_found(call: Call, file_id: str, write: Callable[[File], File | None]) -> File | None:
    """The caller's file as `write` changed it; None if the caller has no such file, or it is deleted.

    `write` gets the record, and gives the changed one, or None if the record has changed since it was read: then it is
    read and written again. With If-Match the client means one revision, so there is no second try.

    Raises Problem: `precondition_failed`, and `file_changing` when others overtook every write.
    """
    for _ in tries():
        file = find_own_file(call, file_id)
        if file is None:
            return None
        conditional = etags.holds(call, file) is not None
        if written := write(file):
            return written
        if conditional:
            raise etags.failed()
    raise overtaken()


def overtaken() -> Problem:
    """The answer to a change that others overtook every time."""
    return Problem("file_changing", "Others change this file all the time; try again.", headers={"Retry-After": "1"})


def settle(file: File) -> None:
    """Does what must follow a change: removes what the record no longer needs, and has the file processed.

    It is done again each time that the change is asked for, so a repeated request completes one that crashed. Old
    renditions are removed before new ones are made, so that no worker finds leftovers to pass on.
    """
    removal.clear(file)
    if file.status is Status.PROCESSING and file.lease_until and file.lease_until <= now():
        ingest.send(file)


def require_original(file: File) -> None:
    """Raises Problem `infected` or `original_missing` for a file that can't be processed again. One HEAD of S3."""
    require_uninfected(file)
    if file.version_id is None or file.refused or not originals.exists(file):
        raise Problem("original_missing", "The original is not stored, so it can't be processed again.")


def require_uninfected(file: File) -> None:
    """Raises Problem `infected` for a file in which the scan found malware."""
    if file.error and file.error.code is ErrorCode.INFECTED:
        raise Problem("infected", f"{file.error.message} Nobody may read it any more; it can only be deleted.")


def still_processing(detail: str, field: str | None = None) -> Problem:
    """The answer to a change that has to wait until the file is processed."""
    return Problem("file_processing", detail, field=field, headers={"Retry-After": "2"})
