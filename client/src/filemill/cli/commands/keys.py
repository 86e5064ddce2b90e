"""`filemill keys`."""

from __future__ import annotations

from typing import Any

import click

from filemill.cli import text
from filemill.cli.command import chosen, examples, shared, with_session
from filemill.cli.commands.upload import duration
from filemill.cli.exits import USAGE
from filemill.cli.failures import Stop
from filemill.cli.output import field
from filemill.cli.session import Session

SCOPES = ("files:read", "files:write", "files:own", "events:read", "webhooks:admin", "keys:admin")

KEY = (
    field("ID", "id"),
    field("SCOPES", "scopes"),
    field("ENDS", "expires_at", text.moment),
    field("LAST USED", "last_used_at", text.moment),
    field("NAME", "name"),
)


@click.group(epilog=examples("filemill keys list", "filemill keys create 'the web shop' --scope files:read"))
def keys() -> None:
    """Manage the API keys of your tenant."""


@keys.command("list", epilog=examples("filemill keys list"))
@shared
@with_session
def list_keys(session: Session) -> None:
    """List the keys, the oldest first. Their secrets are never shown."""
    session.output.rows((each.raw for each in session.client.keys.iter()), KEY, nothing="There are no keys.")


@keys.command(
    "create",
    epilog=examples(
        "filemill keys create 'the web shop' --scope files:read --scope files:write",
        "filemill keys create ci --scope files:write --expires-at 2027-01-01T00:00:00Z --network 203.0.113.0/24",
    ),
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE",
    multiple=True,
    required=True,
    help=f"One of {', '.join(SCOPES)}; may be repeated.",
    shell_complete=lambda ctx, param, incomplete: [scope for scope in SCOPES if scope.startswith(incomplete)],
)
@click.option("--expires-at", metavar="TIME", help="When the key ends (RFC 3339).")
@click.option(
    "--network", "networks", metavar="CIDR", multiple=True, help="Where the key may be used; may be repeated."
)
@shared
@with_session
def create(session: Session, name: str, **given: Any) -> None:
    """Make a key. It is shown this once."""
    made = session.client.keys.create(name, **chosen(given))
    session.output.record(made.raw)
    session.output.note("Keep the key: it is not shown again.")


@keys.command("get", epilog=examples("filemill keys get 0123456789ab"))
@click.argument("key_id", metavar="ID")
@shared
@with_session
def get(session: Session, key_id: str) -> None:
    """Show a key without its secret."""
    session.output.record(session.client.keys.get(key_id).raw)


@keys.command("update", epilog=examples("filemill keys update 0123456789ab --name 'the old shop' --scope files:read"))
@click.argument("key_id", metavar="ID")
@click.option("--name", help="Another name.")
@click.option(
    "--scope", "scopes", metavar="SCOPE", multiple=True, help="All of its scopes from now on; may be repeated."
)
@click.option("--expires-at", metavar="TIME", help="When the key ends (RFC 3339).")
@click.option("--network", "networks", metavar="CIDR", multiple=True, help="All of its networks; may be repeated.")
@shared
@with_session
def update(session: Session, key_id: str, **given: Any) -> None:
    """Change a key. It takes effect within a minute."""
    changes = chosen(given)
    if not changes:
        raise Stop("Nothing to change: give an option, such as --name.", USAGE)
    session.output.record(session.client.keys.update(key_id, **changes).raw)


@keys.command("rotate", epilog=examples("filemill keys rotate 0123456789ab --overlap 1d"))
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap", metavar="DURATION", callback=duration, help="How long the earlier secret works; a day by default."
)
@shared
@with_session
def rotate(session: Session, key_id: str, overlap: int | None) -> None:
    """Give a key a new secret under the same id. It is shown this once."""
    options = {} if overlap is None else {"overlap": overlap}
    session.output.record(session.client.keys.rotate(key_id, **options).raw)
    session.output.note("Keep the key: it is not shown again.")


@keys.command("delete", epilog=examples("filemill keys delete 0123456789ab"))
@click.argument("key_id", metavar="ID")
@shared
@with_session
def delete(session: Session, key_id: str) -> None:
    """End a key within a minute, and the upload tokens that it made."""
    session.client.keys.delete(key_id)
    session.output.note("The key ends within a minute.")
