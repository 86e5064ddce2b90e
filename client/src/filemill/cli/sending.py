"""Sends many files: what is left of them, several at a time, with progress, a state and a report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filemill._names import sendable
from filemill.cli import remote
from filemill.cli.failures import Cancelled
from filemill.cli.pool import Outcome, Pool
from filemill.cli.progress import Display
from filemill.cli.report import Report
from filemill.cli.session import Session
from filemill.cli.state import State, name_of
from filemill.cli.walk import Found, Local


@dataclass(frozen=True)
class Options:
    """How files are sent."""

    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    recipe: str | None = None
    public: bool = False
    owner: str | None = None
    content_type: str | None = None
    name: str | None = None
    reuse: bool = False

    def arguments(self) -> dict[str, Any]:
        """The arguments of the client's `upload`."""
        chosen: dict[str, Any] = {
            "tags": list(self.tags),
            "metadata": self.metadata or None,
            "recipe": self.recipe,
            "visibility": "public" if self.public else None,
            "owner": self.owner,
            "content_type": self.content_type,
            "on_duplicate": "reuse" if self.reuse else None,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    def digest(self) -> str:
        """The same for the same options: with other ones, a file that was sent is sent again."""
        return name_of(json.dumps([*self.arguments().items(), ("name", self.name)], sort_keys=True))


class Sending:
    """One run over many files. `again` sends also what was sent before; `wait`: seconds to wait for the processing."""

    def __init__(
        self, session: Session, state: State, options: Options, *, jobs: int, again: bool = False, wait: float = 0
    ) -> None:
        self._session = session
        self._client = session.client
        self._state = state
        self._options = options
        self._digest = options.digest()
        self._again = again
        self._wait = wait
        self._rows: list[dict[str, Any]] = []
        self.report = Report(session.output, "Sent")
        self.display = Display("Sending", quiet=session.quiet)
        self._waiting = remote.Waiting(self._client, self._settled)
        self._pool: Pool[Local, Any] = Pool(jobs, self._send)

    def run(self, found: Iterable[Found]) -> int:
        """Sends all of them. Gives the exit code."""
        stopped = True
        try:
            with self.display:
                self._pool.run(remote.left(found, self.report, self._known, self._missing), self._sent)
                for local in self._waiting.rest(self._wait) if self._wait else ():
                    self.report.fail(local.path, "it is still being processed; `filemill get` shows when it is ready")
            stopped = False
        finally:
            self._show()
            code = self.report.summary(stopped=stopped)
        return code

    def _known(self, local: Local) -> str | None:
        return None if self._again else self._state.known(local, self._digest)

    def _missing(self, maybe: list[tuple[Local, str]]) -> Iterator[Local]:
        fields = None if self._session.as_json else ("id", "status", "kind", "size", "filename", "error")
        records = remote.records(self._client, [file_id for _, file_id in maybe], fields)
        for local, file_id in maybe:
            record = records.get(file_id)
            if record is None or record["status"] == "expired":
                yield local
                continue
            self.report.had()
            self.display.passed(local.size)
            if self._wait and record["status"] not in remote.FINAL:
                self._waiting.add(file_id, local)
            else:
                self._print(local.path, record)

    def _send(self, local: Local) -> Any:
        meter = self.display.begin(local.name, local.size)

        def progressed(progress: Any) -> None:
            if self._pool.stopped.is_set():
                raise Cancelled
            meter.to(progress.sent)

        try:
            name = sendable(self._options.name or Path(local.path).name)
            return self._client.upload(local.path, filename=name, on_progress=progressed, **self._options.arguments())
        finally:
            self.display.end(meter)

    def _sent(self, outcome: Outcome[Local, Any]) -> None:
        local = outcome.item
        if outcome.error is not None or outcome.result is None:
            self.report.fault(local.path, outcome.error or RuntimeError("no result"))
            return
        record = outcome.result.raw
        self._state.record(local, record["id"], options=self._digest)
        if outcome.result.reused:
            self.report.had()
        else:
            self.report.sent(local.size)
        if self._wait:
            self._waiting.add(record["id"], local)
        else:
            self._print(local.path, record)

    def _settled(self, local: Local, record: Any) -> None:
        if record is None:
            self.report.fail(local.path, "it was deleted meanwhile")
            return
        self._print(local.path, record)
        if record["status"] != "ready":
            self.report.fail(local.path, (record.get("error") or {}).get("message") or f"it is {record['status']}")

    def _print(self, path: str, record: Mapping[str, Any]) -> None:
        output = self._session.output
        if output.as_json:
            output.json({**record, "path": path})
        elif output.terminal:
            if len(self._rows) <= MOST_ROWS:
                self._rows.append({**record, "path": path})
        else:
            output.line(record["id"], record["status"], path)

    def _show(self) -> None:
        """The table for people: of many files the summary is enough."""
        from filemill.cli.output import field as column

        if self._rows and len(self._rows) <= MOST_ROWS:
            columns = [column("ID", "id"), column("STATUS", "status"), column("FILE", "path")]
            self._session.output.rows(self._rows, columns)


MOST_ROWS = 50


def count_ahead(found: Iterable[Found], display: Display) -> None:
    """Counts files and bytes, for the bar; meant for a thread of its own, with its own walk."""
    files = number = 0
    with suppress(OSError):
        for each in found:
            if isinstance(each, Local):
                files, number = files + 1, number + each.size
                if files == 500:
                    display.found(files, number)
                    files = number = 0
    display.found(files, number)
    display.all_found()
