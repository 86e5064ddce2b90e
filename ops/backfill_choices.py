"""Which files `ops backfill` takes for new processors and for services, and what it does with each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.model import ErrorCode, File, Kind, ServiceStatus, Status
from ops import selection

if TYPE_CHECKING:
    from chalicelib.processing.services import Service

# Files that are looked at, at once.
LOOKERS = 16


class Choice(Protocol):
    """A way to choose files. `in` asks the record alone, again and again."""

    def __contains__(self, file: File) -> bool: ...

    def of(self, page: Iterable[File]) -> Iterable[File]:
        """The wanted files among these."""

    def open(self, file: File) -> File | None:
        """Writes the record that makes the file wait for its work; None if the record changed."""

    def send(self, opened: File) -> None:
        """Sends the message for the work."""


@dataclass(frozen=True)
class Bounds:
    """Which files may be taken at all. None means any."""

    since: datetime | None = None
    until: datetime | None = None
    kind: Kind | None = None
    content_type: str | None = None

    def hold(self, file: File, kind: Kind | None) -> bool:
        """`kind` is the kind that the file has, or is to get."""
        if not selection.created_within(file, self.since, self.until):
            return False
        if self.content_type and file.content_type.partition(";")[0].strip() != self.content_type:
            return False
        return self.kind is None or kind is self.kind


@dataclass
class Behind:
    """Files that an older processor made, and files of the kind `other` whose bytes have a processor by now.

    The record of the latter does not tell, so their first bytes are read. A file that could not be processed again is
    left alone, unless that was no fault of its own. `no_recipe` counts files whose recipe there is no more.
    """

    bounds: Bounds
    no_recipe: int = 0

    def __contains__(self, file: File) -> bool:
        if file.status is not Status.READY or file.version_id is None or not self._has_recipe(file):
            return False
        if file.error and file.error.code is not ErrorCode.INTERNAL:
            return False
        return file.kind in (None, Kind.OTHER) or self._is_behind(file)

    @staticmethod
    def _has_recipe(file: File) -> bool:
        from chalicelib.renditions.recipes import RECIPES

        return file.recipe in RECIPES

    def _is_behind(self, file: File) -> bool:
        from chalicelib.renditions import places

        return places.is_behind(file) and self.bounds.hold(file, file.kind)

    def of(self, page: Iterable[File]) -> Iterator[File]:
        files = list(page)
        self.no_recipe += sum(file.status is Status.READY and not self._has_recipe(file) for file in files)
        maybe = [file for file in files if file in self]
        with ThreadPoolExecutor(LOOKERS) as lookers:
            for file, wanted in zip(maybe, lookers.map(self._wants, maybe), strict=True):
                if wanted:
                    yield file

    def _wants(self, file: File) -> bool:
        from chalicelib.processing import reading
        from chalicelib.storage.originals import OriginalMissingError

        if file.kind not in (None, Kind.OTHER):
            return True
        if not self.bounds.hold(file, self.bounds.kind):
            return False
        try:
            kind = reading.kind_of(file)
        except OriginalMissingError:
            return False
        return kind not in (None, Kind.OTHER) and self.bounds.hold(file, kind)

    def open(self, file: File) -> File | None:
        from chalicelib.catalog import edits

        return edits.reprocess(file, file.recipe)

    def send(self, opened: File) -> None:
        from chalicelib.queues import ingest

        ingest.send(opened)


@dataclass(frozen=True)
class Unasked:
    """Files that are `ready`, and for which a service has no result of its present version.

    A service that refused a file is not asked again, unless `failed` says so.
    """

    service: Service
    bounds: Bounds
    failed: bool = False

    def __contains__(self, file: File) -> bool:
        if file.status is not Status.READY or file.version_id is None or file.kind is None:
            return False
        if not self.service.matches(file.kind, file.content_type) or not self.bounds.hold(file, file.kind):
            return False
        state = file.services.get(self.service.name)
        if state is None or state.version != self.service.version:
            return state is None or not state.is_open
        return state.status is ServiceStatus.TIMED_OUT or (self.failed and state.status is ServiceStatus.FAILED)

    def of(self, page: Iterable[File]) -> Iterator[File]:
        return (file for file in page if file in self)

    def open(self, file: File) -> File | None:
        from chalicelib.catalog import service_states

        return service_states.ask(file, self.service.name, self.service.version, self.service.tries)

    def send(self, opened: File) -> None:
        from chalicelib.queues import ingest

        ingest.send_services(opened)
