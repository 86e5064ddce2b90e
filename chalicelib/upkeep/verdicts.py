"""The verdict on one stored object: whether to keep it, announce it, hide it or delete it.

Pure functions of the object and of its file's record. `reconcile.py` finds the two and carries the verdict out.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeGuard

from chalicelib.model import File, Status
from chalicelib.renditions import captions, places
from chalicelib.storage.objects import Stored


class Verdict(StrEnum):
    """The ways in which reconciliation treats an object."""

    KEEP = "keep"  # the record accounts for it, or it is too young to judge
    TELL = "tell"  # the record still waits for it: send the message that S3 should have sent
    HIDE = "hide"  # no record accounts for it: put a delete marker over it, so that it can be brought back
    DELETE = "delete"  # no record leads to it, and it can be made again or was never the file's


def of_original(file: File | None, stored: Stored, *, is_hidden: bool, before: datetime) -> Verdict:
    """The verdict on one version in the originals bucket, or on a delete marker.

    Objects written at `before` or later are kept: somebody may still be working on them. `is_hidden`: the key has a
    delete marker, so the bucket's lifecycle removes it without us.
    """
    if stored.modified >= before:
        return Verdict.KEEP
    if not _is_alive(file):
        return Verdict.KEEP if is_hidden else Verdict.HIDE
    if file.version_id:
        # The first version claimed is the file's. Later ones hide it, and so does a delete marker, and the bucket's
        # lifecycle removes what is hidden: so both must go.
        return Verdict.KEEP if stored.version_id == file.version_id else Verdict.DELETE
    if file.status is Status.FAILED:
        return Verdict.DELETE
    return Verdict.KEEP if stored.is_marker else Verdict.TELL


def of_upload(file: File | None, upload: Stored, *, before: datetime) -> Verdict:
    """The verdict on one open multipart upload; `upload.version_id` is its id. `file` has the state that it has now.

    Without a record it is kept if it began at `before` or later: an upload begins before its record is written. A file
    that waits keeps its own upload; an import, and a file of an earlier release, may not know the id of theirs.
    """
    if file is None:
        return Verdict.KEEP if upload.modified >= before else Verdict.HIDE
    known = None if file.source_url else file.upload_id
    waits = file.status is Status.AWAITING_UPLOAD and known in (None, upload.version_id)
    return Verdict.KEEP if waits else Verdict.DELETE


def of_rendition(file: File | None, stored: Stored, *, before: datetime) -> Verdict:
    """The verdict on one object in the derived bucket. Objects written at `before` or later are kept."""
    if stored.modified >= before:
        return Verdict.KEEP
    if captions.are_captions(stored.key) and not (file and captions.is_named(file, stored.key)):
        return Verdict.DELETE  # of a request that ended before the record named them
    return Verdict.KEEP if stored.key.startswith(prefixes_of(file)) else Verdict.DELETE


def prefixes_of(file: File | None) -> tuple[str, ...]:
    """Prefixes in the derived bucket that a record accounts for: served, being made, or listed for removal."""
    if not _is_alive(file):
        return ()
    prefixes = [*file.leftovers, *(captions.kept_key(file, each.name) for each in file.captions)]
    if served := places.served_prefix(file):
        prefixes.append(served)
    if file.status is Status.PROCESSING:
        prefixes.append(places.made_prefix(file))
    return tuple(prefixes)


def _is_alive(file: File | None) -> TypeGuard[File]:
    """True for a file, and for a deleted one that can still be restored."""
    return file is not None and (file.status is not Status.DELETED or file.restore_until is not None)
