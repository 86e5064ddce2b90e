"""`filemill download`."""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import click

from filemill._names import safe_filename
from filemill.cli import remote
from filemill.cli.command import examples, ids_from, shared, with_session
from filemill.cli.exits import LOCAL, NOT_FOUND, USAGE
from filemill.cli.failures import Cancelled, Stop, code_of, explain
from filemill.cli.pool import Outcome, Pool
from filemill.cli.progress import Display
from filemill.cli.report import Report
from filemill.cli.session import Session


@dataclass(frozen=True)
class Wanted:
    """One file to save: its record, the rendition if one is wanted, and the path."""

    record: Mapping[str, Any]
    form: Mapping[str, Any] | None
    path: Path


@click.command(
    epilog=examples(
        "filemill download file_01K…",
        "filemill download file_01K… --rendition w640 --output small.webp",
        "filemill download file_01K… --output - | tar t",
        "filemill ls --tag holiday --all | filemill download - --into holiday",
    )
)
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(), help="Where to save one file; - is standard output.")
@click.option("--into", type=click.Path(), default=".", help="The folder to save files in, under their own names.")
@click.option("--rendition", metavar="NAME", help="A rendition, such as w640; by default the original.")
@click.option("--force", is_flag=True, help="Replace files that are there with other bytes.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 32), default=4, show_default=True, help="Files that are fetched at once."
)
@shared
@with_session
def download(session: Session, ids: tuple[str, ...], output: str | None, into: str, **given: Any) -> int:
    """Save files, as they were uploaded or as a rendition.

    ID may be - for ids from standard input, one a line. Files keep their names; characters and names that this or
    another system does not take are replaced. Two files with the same name get their ids into their names. A file that
    is there already with the same bytes is not fetched again, and one that broke off goes on where it was.
    """
    wanted = ids_from(ids)
    if output and len(wanted) != 1:
        raise Stop("--output is for one file; use --into for several.", USAGE)
    if output == "-":
        session.client.files.download(wanted[0], to=sys.stdout.buffer, rendition=given["rendition"])
        return 0
    if not output:
        Path(into).mkdir(parents=True, exist_ok=True)
    to = Path(output) if output else Path(into)
    return Downloads(session, to, given["rendition"], force=given["force"], jobs=given["jobs"]).run(wanted)


class Downloads:
    """One run over several files. `to` is a folder, or the path of the only file."""

    def __init__(self, session: Session, to: Path, rendition: str | None, *, force: bool, jobs: int) -> None:
        self._session = session
        self._client = session.client
        self._to = to
        self._rendition = rendition
        self._force = force
        self._names: dict[str, str] = {}
        self.report = Report(session.output, "Saved")
        self.display = Display("Saving", quiet=session.quiet)
        self._pool: Pool[Wanted, tuple[int, bool]] = Pool(jobs, self._save)

    def run(self, ids: list[str]) -> int:
        """Saves all of them. Gives the exit code."""
        stopped = True
        try:
            with self.display:
                self._pool.run(self._wanted(ids), self._done)
            stopped = False
        finally:
            code = self.report.summary(stopped=stopped)
        return code

    def _wanted(self, ids: list[str]) -> Iterator[Wanted]:
        """The files in the order of their ids, so that the same command gives the same names."""
        for at in range(0, len(ids), remote.BATCH):
            chunk = ids[at : at + remote.BATCH]
            found = remote.records(self._client, chunk)
            for file_id in chunk:
                record = found.get(file_id)
                try:
                    if record is None:
                        raise Stop("There is no such file.", NOT_FOUND)
                    form = _rendition(record, self._rendition) if self._rendition else None
                except Stop as error:
                    self._failed(file_id, error)
                    continue
                path = self._to / self._name(record, form) if self._to.is_dir() else self._to
                self.display.found(1, (form or record).get("size") or 0)
                yield Wanted(record, form, path)
        self.display.all_found()

    def _save(self, wanted: Wanted) -> tuple[int, bool]:
        """(bytes, fetched): False if the file was there."""
        record, form, path = wanted.record, wanted.form, wanted.path
        size = (form or record).get("size")
        meter = self.display.begin(path.name, size)
        try:
            if _same(path, size, None if form else record.get("sha256")):
                return 0, False
            if path.exists() and not self._force:
                raise Stop(f"{path} is there, with other bytes; --force replaces it", LOCAL)

            def progressed(progress: Any) -> None:
                if self._pool.stopped.is_set():
                    raise Cancelled
                meter.to(progress.sent)

            rendition = _basename(form) if form else None
            self._client.files.download(record["id"], to=path, rendition=rendition, on_progress=progressed)
            return path.stat().st_size, True
        finally:
            self.display.end(meter)

    def _name(self, record: Mapping[str, Any], form: Mapping[str, Any] | None) -> str:
        """The file's name; with the end of its id if another file of this run has the name."""
        stem, dot, extension = safe_filename(record["filename"]).rpartition(".")
        if form:
            stem, dot, extension = stem or extension, "-", _basename(form)
        name = safe_filename(f"{stem}{dot}{extension}")
        if self._takes(name, record):
            return name
        named = f"{stem or extension}-{record['id'][-10:]}" + (f"{dot}{extension}" if stem else "")
        for number in count(2):
            if self._takes(name := safe_filename(named), record):
                return name
            named = f"{number}-{named}"
        raise AssertionError("unreachable")

    def _takes(self, name: str, record: Mapping[str, Any]) -> bool:
        """True if the name is this file's. Some systems take names that differ in case or in composition for one."""
        one = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        return bool(self._names.setdefault(one, record["id"]) == record["id"])

    def _done(self, outcome: Outcome[Wanted, tuple[int, bool]]) -> None:
        file_id, output = outcome.item.record["id"], self._session.output
        if outcome.error is not None or outcome.result is None:
            self._failed(file_id, outcome.error or RuntimeError("no result"))
            return
        size, fetched = outcome.result
        if fetched:
            self.report.sent(size)
        else:
            self.report.had()
        if output.as_json:
            output.json({"id": file_id, "path": str(outcome.item.path), "fetched": fetched})
        else:
            output.line(file_id, str(outcome.item.path))

    def _failed(self, file_id: str, error: Exception) -> None:
        if self._session.as_json:
            said = {"code": code_of(error), "message": explain(error)[0]}
            self._session.output.json({"id": file_id, "error": said})
        self.report.fail(file_id, error)


# Formats whose files have another extension.
_EXTENSIONS = {"jpeg": "jpg", "hls": "m3u8"}
_PICTURES = ("avif", "webp", "jpg")


def _basename(form: Mapping[str, Any]) -> str:
    return f"{form['name']}.{_EXTENSIONS.get(form['format'], form['format'])}"


def _rendition(record: Any, name: str) -> Any:
    """The rendition of this name, with or without its extension; the service makes a picture in another format."""
    made = record.get("renditions", ())
    for each in made:
        if name in (each["name"], f"{each['name']}.{each['format']}", _basename(each)):
            return each
    size, _, extension = name.partition(".")
    if extension in _PICTURES and any(each["name"] == size and each.get("width") for each in made):
        return {"name": size, "format": extension, "size": None}
    names = dict.fromkeys(map(_basename, made))
    raise Stop(f"there is no rendition {name}. There is: {', '.join(names) or 'none'}.", NOT_FOUND)


def _same(path: Path, size: int | None, sha256: str | None) -> bool:
    """True if the file is there with these bytes. Without a known hash its size does not prove it."""
    if sha256 is None or not path.is_file() or path.stat().st_size != size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == sha256
