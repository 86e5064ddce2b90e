"""Requests about many files at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from filemill.cli.walk import Found, Local, Skipped

if TYPE_CHECKING:
    from filemill import Filemill
    from filemill.cli.report import Report

BATCH = 100
"""the ids that one request may ask for"""

FINAL = frozenset({"ready", "failed", "expired"})

_PAUSE = 1.0
_MOST = 2_000


def records(client: Filemill, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, Mapping[str, Any]]:
    """The records of up to 100 files by id. Files that are deleted, or not yours, are left out."""
    return {file.id: file.raw for file in client.files.batch(ids, fields=fields)}


def left(
    found: Iterable[Found],
    report: Report,
    known: Callable[[Local], str | None],
    lacking: Callable[[list[tuple[Local, str]]], Iterable[Local]],
) -> Iterator[Local]:
    """The files that are still to be sent.

    `known` gives the id under which a file was sent before. Files that have one are given to `lacking`, a hundred at a
    time, which asks the service and gives those that it lacks.
    """
    maybe: list[tuple[Local, str]] = []
    for each in found:
        if isinstance(each, Skipped):
            if each.fault:
                report.fault(each.path, OSError(None, each.reason))
            else:
                report.skip(each.path, each.reason)
            continue
        file_id = known(each)
        if file_id is None:
            yield each
            continue
        maybe.append((each, file_id))
        if len(maybe) == BATCH:
            yield from lacking(maybe)
            maybe = []
    if maybe:
        yield from lacking(maybe)


class Waiting:
    """Files whose processing is waited for. `settled` is called once for each, with its record; None: it is deleted."""

    def __init__(self, client: Filemill, settled: Callable[[Any, Mapping[str, Any] | None], None]) -> None:
        self._client = client
        self._settled = settled
        self._pending: dict[str, Any] = {}

    def add(self, file_id: str, item: Any) -> None:
        """Waits for one more. After each hundred it looks which are finished; two thousand are the most that wait."""
        self._pending[file_id] = item
        if len(self._pending) % BATCH == 0:
            self._look()
        while len(self._pending) >= _MOST:
            time.sleep(_PAUSE)
            self._look()

    def rest(self, seconds: float) -> list[Any]:
        """Waits until all are finished. Gives the items that were not after so many seconds."""
        until = time.monotonic() + seconds
        while self._pending and time.monotonic() < until:
            if len(self._pending) == 1:
                self._one(until)
            else:
                self._look()
                time.sleep(_PAUSE if self._pending else 0)
        return list(self._pending.values())

    def _one(self, until: float) -> None:
        """One file alone is waited for by the service: that costs few requests and loses no time."""
        from filemill import errors

        (file_id,) = self._pending
        try:
            record: Mapping[str, Any] | None = self._client.files.wait(file_id, timeout=until - time.monotonic()).raw
        except errors.WaitTimeout:
            return
        except errors.FileFailed as failed:
            record = failed.file.raw
        except errors.NotFound:
            record = None
        self._settled(self._pending.pop(file_id), record)

    def _look(self) -> None:
        ids = list(self._pending)
        for at in range(0, len(ids), BATCH):
            chunk = ids[at : at + BATCH]
            found = records(self._client, chunk)
            for file_id in chunk:
                record = found.get(file_id)
                if record is None or record["status"] in FINAL:
                    self._settled(self._pending.pop(file_id), record)
