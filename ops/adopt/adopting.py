"""Makes one object a file: its record, its bytes, and the note that both are done.

It may be killed anywhere. The record and its note are written together, before any byte is copied, and the copy is one
that S3 refuses if there is an original already. So whoever comes next finds the file that was begun, and goes on with
it. The pipeline begins by S3's event, as for each upload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Literal

from chalicelib.catalog import actors, adoptions, files, new_files
from chalicelib.catalog.adoptions import AdoptedError, Note
from chalicelib.catalog.new_files import NewFile
from chalicelib.catalog.quotas import ExceededError
from chalicelib.model import File, Status, Visibility
from chalicelib.settings import settings
from chalicelib.storage import multipart, originals
from ops.adopt import copying, naming
from ops.adopt.copying import Copier
from ops.adopt.source import REASONS, Details, Object, RefusedError, Source

Outcome = Literal["adopted", "resumed", "already"]
"""`resumed`: an earlier run began the file. `already`: the file has its bytes, by an earlier run or another one."""


@dataclass(frozen=True)
class Wishes:
    """The options of all files of a run. `limits` are the tenant's quotas that hold; empty if they are ignored."""

    tenant: str
    visibility: Visibility = Visibility.PRIVATE
    recipe: str | None = None
    tags: Sequence[str] = ()
    owner: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)


class QuotaError(RefusedError):
    """A quota allows no more. `quota` is its name."""

    def __init__(self, exceeded: ExceededError) -> None:
        super().__init__("quota", f"{REASONS['quota']}: {exceeded.quota} is {exceeded.limit:,}")
        self.quota = exceeded.quota


@dataclass
class Adopter:
    """Adopts objects of one source for one tenant; several threads may do so at the same time."""

    source: Source
    wishes: Wishes
    copier: Copier
    _reserving: Lock = field(default_factory=Lock)

    def notes(self, page: Sequence[Object]) -> list[Note | None]:
        """The note on each object of a page."""
        names = [self.name_of(each) for each in page]
        found = adoptions.notes(self.wishes.tenant, names)
        return [found.get(name) for name in names]

    def name_of(self, found: Object) -> str:
        return adoptions.source(self.source.bucket, found.key, found.etag)

    def adopt(self, found: Object, note: Note | None) -> Outcome:
        """Makes the object a file, or goes on with the file of its note. Raises RefusedError, and AWS's errors."""
        actors.system("adopt")
        check(found)
        details = self.source.look(found)
        if note is None:
            try:
                return self._begin(found, details)
            except AdoptedError:  # another run was faster
                note = adoptions.notes(self.wishes.tenant, [self.name_of(found)])[self.name_of(found)]
        if note.copied:
            return "already"
        file = files.record(note.file_id)
        if file is None:  # it expired, and was forgotten
            return self._begin(found, details, instead_of=note.file_id)
        return self._go_on(found, details, file)

    def _draft(self, found: Object, details: Details) -> File:
        """The record of the object's file, not written yet; for a large object its upload in parts has begun."""
        name = naming.filename(found.key)
        content_type, guessed = naming.content_type(name, details.content_type)
        self._reserve(found.size)
        new = NewFile(
            filename=name,
            content_type=content_type,
            size=found.size,
            tags=self.wishes.tags,
            metadata=naming.metadata(self.source.bucket, found, details),
            visibility=self.wishes.visibility,
            recipe=self.wishes.recipe,
            owner=self.wishes.owner,
        )
        lives = timedelta(seconds=settings().multipart_expiry)
        file = new_files.record(self.wishes.tenant, new, content_type, lives, type_guessed=guessed)
        if found.size > copying.IN_PARTS_ABOVE:
            file.part_size = copying.part_bytes(found.size)
            file.upload_id = multipart.begin(file)
        return file

    def _reserve(self, size: int) -> None:
        try:
            with self._reserving:  # a process has one hand of reserves
                new_files.reserve(self.wishes.tenant, size, self.wishes.limits)
        except ExceededError as exceeded:
            raise QuotaError(exceeded) from None

    def _begin(self, found: Object, details: Details, instead_of: str | None = None) -> Outcome:
        file = self._draft(found, details)
        note = adoptions.note(self.wishes.tenant, self.name_of(found), file.id, instead_of)
        try:
            files.create(file, [note])
        except AdoptedError:
            if file.upload_id:
                multipart.abort(file, file.upload_id)
            raise
        self._copy(found, details, file)
        return "adopted"

    def _go_on(self, found: Object, details: Details, file: File) -> Outcome:
        """Copies the bytes if they are missing. A file that expired begins to live when they come."""
        waits = file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED)
        if waits and not originals.exists(file):
            self._copy(found, details, file)
            return "resumed"
        adoptions.copied(self.wishes.tenant, self.name_of(found), file.id)
        return "already"

    def _copy(self, found: Object, details: Details, file: File) -> None:
        self.copier.copy(found, details.version_id, file)
        adoptions.copied(self.wishes.tenant, self.name_of(found), file.id)


def check(found: Object) -> None:
    """Raises RefusedError for an object that can't become a file, as far as its entry in the listing tells."""
    if found.key.endswith("/"):
        raise RefusedError("unnamed", REASONS["unnamed"])
    if not found.size:
        raise RefusedError("empty", REASONS["empty"])
    if found.size > settings().max_upload_bytes:
        raise RefusedError("too_large", f"{REASONS['too_large']} ({found.size:,} bytes)")
