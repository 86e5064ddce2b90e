"""One sync of a folder: hashes what changed, sends what the service lacks, deletes what is gone."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filemill._names import sendable
from filemill.cli import exits, remote
from filemill.cli.absence import doubt, is_gone
from filemill.cli.failures import Cancelled, explain
from filemill.cli.pool import Outcome, Pool
from filemill.cli.progress import Display
from filemill.cli.report import Report
from filemill.cli.sending import Options
from filemill.cli.session import Session
from filemill.cli.state import State
from filemill.cli.walk import Found, Local, Skipped

_BLOCK = 1 << 20

_ASKED_WITH_THE_UPLOAD = 8 << 20
"""bytes up to which the request that creates a file also asks for its duplicate (`on_duplicate`); it needs the hash"""


@dataclass(frozen=True)
class Done:
    """One file: `action` is sent, there (the service has its bytes) or would (a dry run)."""

    action: str
    sha256: str
    file_id: str | None = None


@dataclass(frozen=True)
class Gone:
    """A file of the service that --delete removes. replaced: its path is there, with other bytes."""

    path: str
    file_id: str
    replaced: bool


class Syncing:
    """One run. Files with the same bytes are sent once, also when they are found at the same moment."""

    def __init__(self, session: Session, state: State, options: Options, *, jobs: int, dry_run: bool) -> None:
        self._session = session
        self._client = session.client
        self._state = state
        self._options = options
        self._dry_run = dry_run
        self._unread: list[str] = []
        self._absent = state.absent()
        self._under_way: dict[str, threading.Event] = {}
        self._would: set[str] = set()
        self._lock = threading.Lock()
        self.code_of_deletes = exits.DONE
        self.report = Report(session.output, "Would send" if dry_run else "Sent")
        self.display = Display("Comparing" if dry_run else "Syncing", quiet=session.quiet)
        self._pool: Pool[Local, Done] = Pool(jobs, self._work)

    def run(self, found: Iterable[Found]) -> int:
        """Sends what is new. Gives the exit code."""
        stopped = True
        try:
            with self.display:
                left = remote.left(self._noted(found), self.report, self._state.known, self._missing)
                self._pool.run(left, self._done)
            stopped = False
        finally:
            code = self.report.summary(stopped=stopped)
        return code

    def gone(self, root: str, *, doubtful: bool) -> tuple[list[Gone], Counter[str]]:
        """What --delete is to remove, and how many files it must keep, by reason: nobody knows whether they are gone.

        With `doubtful`, those are removed, too.
        """
        gone: list[Gone] = []
        kept: Counter[str] = Counter()
        for path, file_id, replaced in self._state.gone(self._absent, self._unread):
            reason = None if replaced or doubtful else doubt(root, path, self._state.mounts_of(path))
            if reason is None:
                gone.append(Gone(path, file_id, replaced))
            else:
                kept[reason] += 1
        return gone, kept

    def is_empty(self) -> bool:
        """True if the folder has none of the files that were ever sent."""
        return not self._state.seen()

    def delete(self, gone: list[Gone]) -> None:
        """Deletes files. One that fails stops no other, and one that has come back meanwhile stays."""
        from filemill import errors

        deleted = 0
        for each in gone:
            if not each.replaced and not is_gone(each.path):
                continue
            try:
                self._client.files.delete(each.file_id)
            except errors.NotFound:
                pass
            except errors.FilemillError as error:
                self._session.output.warn(f"not deleted: {each.path}: {explain(error)[0]}")
                self.code_of_deletes = exits.FAILED
                continue
            self._state.forget(each.file_id)
            deleted += 1
            self._print("deleted", each.file_id, each.path)
        self._session.output.note(f"Deleted {deleted:,}.")

    def _noted(self, found: Iterable[Found]) -> Iterator[Found]:
        """All of them; paths that could not be read are kept, because what is there is not gone."""
        for each in found:
            if isinstance(each, Skipped) and each.fault:
                self._unread.append(each.path)
            yield each

    def _missing(self, maybe: list[tuple[Local, str]]) -> Iterator[Local]:
        ids = list(dict.fromkeys(file_id for _, file_id in maybe))
        found = remote.records(self._client, ids, ("id", "status"))
        lost = {each for each in ids if each not in found or found[each]["status"] == "expired"}
        self._state.lost(lost)
        for local, file_id in maybe:
            if file_id in lost:
                yield local
            else:
                self.report.had()
                self.display.passed(local.size)

    def _work(self, local: Local) -> Done:
        meter = self.display.begin(local.name, local.size)
        try:
            sha256 = self._state.hash_of(local) or self._hash(local)
            while True:
                with self._lock:
                    other = self._under_way.get(sha256)
                    if other is None:
                        self._under_way[sha256] = threading.Event()
                        break
                other.wait()
            try:
                return self._bring(local, sha256, meter)
            finally:
                with self._lock:
                    self._under_way.pop(sha256).set()
        finally:
            self.display.end(meter)

    def _bring(self, local: Local, sha256: str, meter: Any) -> Done:
        """Finds the bytes at the service, or sends them."""
        if self._pool.stopped.is_set():
            raise Cancelled
        file_id = self._there(local, sha256)
        if file_id:
            if not self._dry_run:
                self._state.record(local, file_id, sha256, ours=self._state.is_ours(file_id))
            return Done("there", sha256, file_id)
        if self._dry_run:
            with self._lock:
                again = sha256 in self._would
                self._would.add(sha256)
            return Done("there" if again else "would", sha256)

        def progressed(progress: Any) -> None:
            if self._pool.stopped.is_set():
                raise Cancelled
            meter.to(progress.sent)

        arguments = self._options.arguments()
        arguments["metadata"] = {"path": api_path(local.name)}
        name = sendable(Path(local.path).name)
        file = self._client.upload(local.path, filename=name, on_duplicate="reuse", on_progress=progressed, **arguments)
        ours = not file.reused or self._state.is_ours(file.id)
        self._state.record(local, file.id, sha256, ours=ours)
        return Done("there" if file.reused else "sent", sha256, file.id)

    def _there(self, local: Local, sha256: str) -> str | None:
        """The id of a file of ours with these bytes that the service has."""
        known = self._state.sent_as(sha256)
        if known:
            record = remote.records(self._client, [known], ("id", "status")).get(known)
            if record and record["status"] != "expired":
                return known
            self._state.lost([known])
        if local.size <= _ASKED_WITH_THE_UPLOAD and not self._dry_run:
            return None
        page = self._client.files.list(sha256=sha256, limit=1)
        return page.items[0].id if page.items else None

    def _hash(self, local: Local) -> str:
        """The SHA-256 of the file. Raises an error if it changed meanwhile."""
        digest = hashlib.sha256()
        with Path(local.path).open("rb") as file:
            while block := file.read(_BLOCK):
                if self._pool.stopped.is_set():
                    raise Cancelled
                digest.update(block)
            status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (local.size, local.modified):
            raise OSError(None, "it changed while it was read; the next sync takes it", local.path)
        self._state.keep_hash(local, digest.hexdigest())
        return digest.hexdigest()

    def _done(self, outcome: Outcome[Local, Done]) -> None:
        local, result = outcome.item, outcome.result
        if outcome.error is not None or result is None:
            self.report.fault(local.path, outcome.error or RuntimeError("no result"))
        elif result.action == "there":
            self.report.had()
        else:
            self.report.sent(local.size)
            self._print("send" if self._dry_run else "sent", result.file_id, local.path)

    def _print(self, action: str, file_id: str | None, path: str) -> None:
        if self._session.as_json:
            self._session.output.json({"action": action, "id": file_id, "path": path})
        elif not self._session.output.terminal or self._dry_run:
            self._session.output.line(action, file_id or "", path)


def api_path(name: str) -> str:
    """The path as metadata: at most 1,024 characters, and only what the API takes."""
    return "/".join(sendable(part) for part in name.split("/"))[-1024:]
