"""`filemill events`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from filemill._cursors import Cursors
from filemill.cli import text
from filemill.cli.command import examples, shared, with_session
from filemill.cli.output import Column
from filemill.cli.session import Session

EVENT = (
    Column("TIME", lambda raw: raw.get("time"), text.moment),
    Column("TYPE", lambda raw: str(raw.get("type", "")).removeprefix("filemill.")),
    Column("FILE", lambda raw: raw.get("subject")),
    Column("NAME", lambda raw: raw.get("data", {}).get("file", {}).get("filename")),
)
CHANGE = (
    Column("TIME", lambda raw: (raw.get("file") or {}).get("updated_at"), text.moment),
    Column("STATUS", lambda raw: "deleted" if raw.get("deleted") else (raw.get("file") or {}).get("status")),
    Column("FILE", lambda raw: raw.get("id")),
    Column("NAME", lambda raw: (raw.get("file") or {}).get("filename")),
)


@click.command(
    epilog=examples(
        "filemill events --follow",
        "filemill events --follow --type filemill.file.ready --json | while read -r event; do …; done",
        'filemill events --after "$CURSOR"',
    )
)
@click.option("-f", "--follow", is_flag=True, help="Go on, and show events as they happen, until Ctrl-C.")
@click.option("--after", metavar="CURSOR", help="Begin behind this cursor.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="With --follow: only this type; may be repeated.")
@click.option("--file", "files", metavar="ID", multiple=True, help="With --follow: only this file; may be repeated.")
@click.option("-n", "--limit", type=click.IntRange(1), help="End after so many.")
@shared
@with_session
def events(session: Session, follow: bool, after: str | None, limit: int | None, **given: Any) -> None:
    """Show what changes, as it happens or since a cursor.

    Without --follow these are the files that have changed since --after (or ever), each once, with its newest status.
    With --follow it listens on the socket; a connection that breaks is made anew, and nothing is missed. At the end
    the cursor is shown on standard error, to go on from there.
    """
    cursor = after
    try:
        if follow:
            stream = session.client.events.follow(
                files=list(given["files"]) or None,
                types=list(given["types"]) or None,
                cursor=after,
                on_state=session.output.note,
            )
            for event in islice(stream, limit):
                session.output.rows([event.raw], EVENT) if not session.output.terminal else _live(session, event.raw)
                cursor = event.cursor or cursor
            return
        for changes in _changes(session, after):
            items = [each.raw for each in changes.items]
            cursor = changes.next_cursor
            session.output.rows(items[:limit], CHANGE)
            if limit is not None:
                limit -= len(items)
                if limit <= 0:
                    break
    finally:
        if cursor and cursor != after:
            session.output.note(f"Go on with: filemill events {'--follow ' if follow else ''}--after {cursor}")


def _changes(session: Session, after: str | None) -> Iterator[Any]:
    cursors = Cursors(after)
    while True:
        page = session.client.files.changes(cursor=after)
        yield page
        if not page.raw.get("more"):
            return
        after = cursors.next(page.next_cursor, len(page))


def _live(session: Session, raw: Any) -> None:
    """One event for people; the columns are not measured, because nobody knows what comes."""
    time, kind, file_id, name = (column.value(raw) for column in EVENT)
    click.echo(text.visible(f"{text.moment(time)}  {kind:<16} {file_id}  {name or ''}"))
