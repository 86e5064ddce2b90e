"""`filemill tokens`."""

from __future__ import annotations

from typing import Any

import click

from filemill.cli import text
from filemill.cli.command import examples, shared, with_session
from filemill.cli.commands.upload import duration
from filemill.cli.output import field
from filemill.cli.session import Session

TOKEN = (
    field("ID", "id"),
    field("ENDS", "expires_at", text.moment),
    field("USED", "used", right=True),
    field("FILES", "max_files", right=True),
    field("BYTES", "max_bytes", text.size, right=True),
    field("TYPES", "content_types"),
    field("OWNER", "owner"),
)


@click.group(
    epilog=examples("filemill tokens create --max-bytes 20000000 --content-type 'image/*'", "filemill tokens list")
)
def tokens() -> None:
    """Manage upload tokens for browsers."""


@tokens.command("list", epilog=examples("filemill tokens list"))
@shared
@with_session
def list_tokens(session: Session) -> None:
    """List the tokens that work, the newest first. The tokens themselves are never shown."""
    session.output.rows((each.raw for each in session.client.tokens.iter()), TOKEN, nothing="There are no tokens.")


@tokens.command(
    "create",
    epilog=examples(
        "filemill tokens create --max-bytes 20000000 --content-type 'image/*' --tag avatars",
        "TOKEN=$(filemill tokens create --max-bytes 20000000 --json | jq -r .token)",
    ),
)
@click.option("--max-bytes", type=click.IntRange(1), required=True, help="Bytes of each file, at most.")
@click.option("--max-files", type=click.IntRange(1, 10_000), help="Files, at most; one by default.")
@click.option(
    "--expires", "expires_in", metavar="DURATION", callback=duration, help="When it ends; in an hour by default."
)
@click.option(
    "--content-type", "content_types", metavar="TYPE", multiple=True, help="An allowed type; may be repeated."
)
@click.option("-t", "--tag", "tags", metavar="TAG", multiple=True, help="A tag of its files; may be repeated.")
@click.option("--public", is_flag=True, help="Anybody who knows an address may see its files.")
@click.option("--recipe", metavar="NAME", help="The recipe of its files.")
@click.option("--owner", metavar="ID", help="The end user whose files they are.")
@shared
@with_session
def create(session: Session, public: bool, **given: Any) -> None:
    """Make an upload token. It is shown this once."""
    options: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value not in (None, ())
    }
    if public:
        options["visibility"] = "public"
    session.output.record(session.client.tokens.create(**options).raw)


@tokens.command("delete", epilog=examples("filemill tokens delete 0123456789ab"))
@click.argument("token_id", metavar="ID")
@shared
@with_session
def delete(session: Session, token_id: str) -> None:
    """End a token within a minute. Its files stay."""
    session.client.tokens.delete(token_id)
    session.output.note("The token ends within a minute.")
