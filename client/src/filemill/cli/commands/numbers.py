"""`filemill usage` and `filemill stats`."""

from __future__ import annotations

from typing import Any

import click

from filemill.cli import text
from filemill.cli.command import examples, shared, with_session
from filemill.cli.output import Column, field
from filemill.cli.session import Session

_BYTES = {"stored_bytes", "uploaded_bytes_per_day"}


def _amount(raw: Any, name: str) -> str:
    value = raw.get(name)
    if value is None:
        return ""
    return text.size(value) if raw["quota"] in _BYTES else f"{value:,}"


@click.command(epilog=examples("filemill usage", "filemill usage --days 7", "filemill usage --json | jq .quotas"))
@click.option("--days", type=click.IntRange(0, 90), default=0, help="Also the last days, one line each.")
@shared
@with_session
def usage(session: Session, days: int) -> None:
    """Show what you use, and what your quotas leave.

    Piped, each line has the name of a quota, the limit and what is used.
    """
    raw = session.client.usage().raw
    if session.as_json:
        session.output.json(raw)
        return
    session.output.note(f"{text.count(raw['files'], 'file')}, {text.size(raw['bytes'])}")
    quotas = [{"quota": name, **values} for name, values in raw.get("quotas", {}).items()]
    people = session.output.terminal
    columns = [
        field("QUOTA", "quota"),
        Column("LIMIT", (lambda raw: _amount(raw, "limit")) if people else (lambda raw: raw.get("limit")), right=True),
        Column("USED", (lambda raw: _amount(raw, "used")) if people else (lambda raw: raw.get("used")), right=True),
        field("RESETS", "resets_at", text.moment),
    ]
    session.output.rows(quotas, columns, nothing="There are no quotas.")
    if days:
        columns = [
            field("DAY", "day"),
            field("UPLOADED", "uploaded_files", right=True),
            field("BYTES", "uploaded_bytes", text.size, right=True),
            field("DELETED", "deleted_files", right=True),
            field("RENDERS", "renders", right=True),
            field("REQUESTS", "requests", right=True),
            field("DELIVERED", "delivered_bytes", text.size, right=True),
        ]
        session.output.rows(list(raw.get("days", ()))[-days:], columns, nothing="Nothing was used on any day.")


@click.command(epilog=examples("filemill stats", "filemill stats --json | jq .by_status.failed.files"))
@shared
@with_session
def stats(session: Session) -> None:
    """Count files and bytes by status and kind."""
    raw = session.client.stats().raw
    if session.as_json:
        session.output.json(raw)
        return
    rows = [{"of": "all", "name": "", "files": raw["files"], "bytes": raw["bytes"]}]
    for of in ("status", "kind"):
        rows += [{"of": of, "name": name, **each} for name, each in sorted(raw.get(f"by_{of}", {}).items())]
    columns = [
        field("OF", "of"),
        field("NAME", "name"),
        field("FILES", "files", lambda number: f"{number:,}", right=True),
        field("BYTES", "bytes", text.size, right=True),
    ]
    session.output.rows(rows, columns)
