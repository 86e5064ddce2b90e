"""`filemill webhooks`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click

from filemill._cursors import Cursors
from filemill.cli import text
from filemill.cli.command import chosen, examples, shared, with_session
from filemill.cli.commands.listen import listen
from filemill.cli.exits import USAGE
from filemill.cli.failures import Stop
from filemill.cli.output import Column, field
from filemill.cli.session import Session

WEBHOOK = (
    field("ID", "id"),
    field("ENABLED", "enabled"),
    field("TYPES", "types"),
    field("CREATED", "created_at", text.moment),
    field("URL", "url"),
)
DELIVERY = (
    field("EVENT", "id"),
    field("STATE", "state"),
    field("TIME", "time", text.moment),
    Column("TRIES", lambda raw: len(raw.get("attempts", ())), right=True),
    Column("LAST ANSWER", lambda raw: _last(raw)),
    field("TYPE", "type"),
)


def _last(raw: Any) -> str:
    attempts = raw.get("attempts") or [{}]
    return str(attempts[-1].get("status") or attempts[-1].get("error") or "")


def filtered(function: Any) -> Any:
    """The options that say which events a webhook gets."""
    for option in (
        click.option("--prefix", "filename_prefix", metavar="TEXT", help="Only files whose names begin so."),
        click.option(
            "-t", "--tag", "tags", metavar="TAG", multiple=True, help="Only files with this tag; may be repeated."
        ),
        click.option(
            "--kind", "kinds", metavar="KIND", multiple=True, help="Only files of this kind; may be repeated."
        ),
        click.option(
            "--type",
            "types",
            metavar="TYPE",
            multiple=True,
            help="Only this type, such as filemill.file.ready; may be repeated.",
        ),
    ):
        function = option(function)
    return function


@click.group(epilog=examples("filemill webhooks listen --forward-to localhost:3000/hooks", "filemill webhooks list"))
def webhooks() -> None:
    """Manage webhooks, and try them on this computer."""


webhooks.add_command(listen)


@webhooks.command("list", epilog=examples("filemill webhooks list"))
@shared
@with_session
def list_webhooks(session: Session) -> None:
    """List the webhooks, the oldest first."""
    session.output.rows(
        (each.raw for each in session.client.webhooks.list()), WEBHOOK, nothing="There are no webhooks."
    )


@webhooks.command(
    "create",
    epilog=examples("filemill webhooks create https://example.com/hooks --type filemill.file.ready --kind image"),
)
@click.argument("url")
@filtered
@shared
@with_session
def create(session: Session, url: str, **given: Any) -> None:
    """Have events sent to an address. The signing secret is shown this once."""
    made = session.client.webhooks.create(url, **chosen(given))
    session.output.record(made.raw)
    session.output.note("Keep the secret: it is not shown again.")


@webhooks.command("get", epilog=examples("filemill webhooks get wh_01K…"))
@click.argument("webhook_id", metavar="ID")
@shared
@with_session
def get(session: Session, webhook_id: str) -> None:
    """Show one webhook."""
    session.output.record(session.client.webhooks.get(webhook_id).raw)


@webhooks.command(
    "update",
    epilog=examples("filemill webhooks update wh_01K… --enable", "filemill webhooks update wh_01K… --kind pdf"),
)
@click.argument("webhook_id", metavar="ID")
@click.option("--url", help="Another address.")
@click.option("--enable/--disable", "enabled", default=None, help="Send events, or do not.")
@filtered
@shared
@with_session
def update(session: Session, webhook_id: str, **given: Any) -> None:
    """Change a webhook."""
    changes = chosen(given)
    if not changes:
        raise Stop("Nothing to change: give an option, such as --enable.", USAGE)
    session.output.record(session.client.webhooks.update(webhook_id, **changes).raw)


@webhooks.command("delete", epilog=examples("filemill webhooks delete wh_01K…"))
@click.argument("webhook_id", metavar="ID")
@shared
@with_session
def delete(session: Session, webhook_id: str) -> None:
    """Delete a webhook, and its log."""
    session.client.webhooks.delete(webhook_id)
    session.output.note("The webhook is deleted.")


@webhooks.command("rotate-secret", epilog=examples("filemill webhooks rotate-secret wh_01K…"))
@click.argument("webhook_id", metavar="ID")
@shared
@with_session
def rotate_secret(session: Session, webhook_id: str) -> None:
    """Give a webhook a new secret, which is shown this once. For a time the earlier one signs, too."""
    session.output.record(session.client.webhooks.rotate_secret(webhook_id).raw)


@webhooks.command("test", epilog=examples("filemill webhooks test wh_01K…"))
@click.argument("webhook_id", metavar="ID")
@shared
@with_session
def test(session: Session, webhook_id: str) -> None:
    """Send a test event to a webhook."""
    session.output.record(session.client.webhooks.test(webhook_id).raw)


@webhooks.command("replay", epilog=examples("filemill webhooks replay wh_01K… --since 2026-11-26T12:00:00Z"))
@click.argument("webhook_id", metavar="ID")
@click.option("--since", metavar="TIME", required=True, help="The moment (RFC 3339) from which events are sent again.")
@shared
@with_session
def replay(session: Session, webhook_id: str, since: str) -> None:
    """Send the events since a moment again."""
    session.client.webhooks.replay(webhook_id, since=since)
    session.output.note("The events are sent again.")


@webhooks.command(
    "deliveries",
    epilog=examples("filemill webhooks deliveries wh_01K…", "filemill webhooks deliveries wh_01K… --state failed"),
)
@click.argument("webhook_id", metavar="ID")
@click.option("--state", help="Only deliveries in this state, such as pending, delivered or failed.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@shared
@with_session
def deliveries(session: Session, webhook_id: str, state: str | None, limit: int) -> None:
    """Show what was sent to a webhook, and what it answered."""
    session.output.rows(islice(_log(session, webhook_id, state), limit), DELIVERY, nothing="Nothing was sent.")


def _log(session: Session, webhook_id: str, state: str | None) -> Iterator[Any]:
    cursor = None
    cursors = Cursors(cursor)
    while True:
        page = session.client.webhooks.deliveries(webhook_id, state=state, cursor=cursor)
        yield from (each.raw for each in page)
        cursor = cursors.next(page.next_cursor or None, len(page))
        if cursor is None:
            return


@webhooks.command("retry", epilog=examples("filemill webhooks retry wh_01K… evt_file_01K…_4"))
@click.argument("webhook_id", metavar="ID")
@click.argument("event_id", metavar="EVENT")
@shared
@with_session
def retry(session: Session, webhook_id: str, event_id: str) -> None:
    """Send one event again."""
    session.output.record(session.client.webhooks.retry(webhook_id, event_id).raw)
