"""`filemill ls`, `filemill search` and `filemill get`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from filemill.cli import text
from filemill.cli.command import examples, ids_from, shared, with_session
from filemill.cli.exits import DONE, FAILED, NOT_FOUND
from filemill.cli.failures import Stop
from filemill.cli.output import Column, field
from filemill.cli.session import Session

STATUSES = ("awaiting_upload", "processing", "ready", "failed", "expired")
KINDS = (
    *("image", "video", "audio", "pdf", "document", "spreadsheet", "presentation"),
    *("text", "archive", "email", "font", "other"),
)
SORTS = ("-created", "created", "-updated", "updated", "-size", "size", "filename", "-filename")

FILE = (
    field("ID", "id"),
    field("STATUS", "status"),
    field("KIND", "kind"),
    field("SIZE", "size", text.size, right=True),
    field("CREATED", "created_at", text.moment),
    field("NAME", "filename"),
)


@click.command(
    epilog=examples(
        "filemill ls",
        "filemill ls --kind image --tag cats --all",
        "filemill ls --status failed --json | jq -r '.filename + \": \" + .error.message'",
        "filemill ls --prefix draft | filemill rm - --yes",
    )
)
@click.option("--status", type=click.Choice(STATUSES), help="Only files with this status.")
@click.option("--kind", type=click.Choice(KINDS), help="Only files of this kind.")
@click.option("-t", "--tag", "tags", metavar="TAG", multiple=True, help="Only files with this tag; may be repeated.")
@click.option("--type", "content_type", metavar="TYPE", help="Only this content type, such as image/png or image/*.")
@click.option("--sha256", metavar="HEX", help="Only files with these bytes.")
@click.option("--owner", metavar="ID", help="Only files of this end user.")
@click.option("--prefix", metavar="TEXT", help="Only files whose names begin so.")
@click.option("--after", metavar="TIME", help="Only files created at this moment (RFC 3339) or later.")
@click.option("--before", metavar="TIME", help="Only files created before this moment (RFC 3339).")
@click.option("--sort", type=click.Choice(SORTS), help="The order; the newest come first by default.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@click.option("-a", "--all", "everything", is_flag=True, help="All of them.")
@shared
@with_session
def ls(session: Session, limit: int, everything: bool, **given: Any) -> None:
    """List files, the newest first.

    Piped, each line has id, status, kind, size in bytes, time of creation (UTC) and name, with tabs between them.
    """
    filters = {
        "status": given["status"],
        "kind": given["kind"],
        "tag": list(given["tags"]) or None,
        "content_type": given["content_type"],
        "sha256": given["sha256"],
        "owner": given["owner"],
        "filename_prefix": given["prefix"],
        "created_after": given["after"],
        "created_before": given["before"],
        "sort": given["sort"],
    }
    chosen = {name: value for name, value in filters.items() if value is not None}
    page = 200 if everything else min(limit, 200)
    files = session.client.files.iter(limit=page, **chosen)
    wanted = files if everything else islice(files, limit)
    shown = 0

    def counted() -> Iterator[Any]:
        nonlocal shown
        for file in wanted:
            shown += 1
            yield file.raw

    session.output.rows(counted(), FILE, nothing="There are no such files.")
    if not everything and shown == limit and session.output.terminal and next(files, None) is not None:
        session.output.note(f"… and more. --limit {limit * 10} or --all shows them.")


@click.command(epilog=examples("filemill search beach 2026", "filemill search invoice --limit 5 --json"))
@click.argument("words", metavar="WORD…", nargs=-1, required=True)
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="How many at most.")
@shared
@with_session
def search(session: Session, words: tuple[str, ...], limit: int) -> None:
    """Find files by words in their names, tags and texts.

    A file is found if it has one of the words, or a word that begins so. Those with the most words come first.
    """
    found = session.client.files.search(" ".join(words), limit=limit)
    columns = (*FILE[:1], Column("FOUND IN", lambda raw: raw["_found_in"]), *FILE[1:])
    if session.as_json:
        for each in found:
            session.output.json(each.raw)
        return
    rows = ({**each.raw["file"], "_found_in": list(each.raw.get("found_in", ()))} for each in found)
    session.output.rows(rows, columns, nothing="Nothing was found.")


@click.command(
    epilog=examples("filemill get file_01KAP3Y5ZD4Q8R2V7W9XABCDEF", "filemill get file_01K… --json | jq .image")
)
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@click.option("--delivery", is_flag=True, help="With addresses and markup for pages.")
@shared
@with_session
def get(session: Session, ids: tuple[str, ...], delivery: bool) -> int:
    """Show the records of files.

    ID may be - for ids from standard input, one a line.
    """
    from filemill import errors

    wanted, failed = ids_from(ids), 0
    for file_id in wanted:
        try:
            file = session.client.files.get(file_id, include="delivery" if delivery else None)
        except errors.NotFound:
            if len(wanted) == 1:
                raise Stop(f"There is no file {file_id}.", NOT_FOUND) from None
            session.output.warn(f"There is no file {file_id}.")
            failed += 1
            continue
        raw = dict(file.raw)
        session.output.record(raw if session.as_json else flat(raw))
    return FAILED if failed else DONE


def flat(raw: dict[str, Any]) -> dict[str, Any]:
    """A record for people: renditions by name, and the fields of its kind one by one."""
    shown: dict[str, Any] = {}
    for name, value in raw.items():
        if name == "renditions":
            shown[name] = [f"{each['name']}.{each['format']}" for each in value]
        elif name == "metadata" and isinstance(value, dict):
            shown.update({f"{name}.{key}": each for key, each in value.items()})
        elif isinstance(value, dict):
            shown.update({f"{name}.{key}": each for key, each in value.items() if not isinstance(each, (dict, list))})
        else:
            shown[name] = value
    return shown
