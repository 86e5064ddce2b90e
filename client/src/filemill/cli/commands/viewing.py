"""`filemill open` and `filemill share`."""

from __future__ import annotations

from typing import Any

import click

from filemill.cli import text
from filemill.cli.command import examples, shared, with_session
from filemill.cli.commands.upload import duration
from filemill.cli.exits import NOT_FOUND, USAGE
from filemill.cli.failures import Stop
from filemill.cli.output import field
from filemill.cli.session import Session

SHARE = (
    field("ID", "id"),
    field("CREATED", "created_at", text.moment),
    field("ENDS", "expires_at", text.moment),
    field("VIEWS", "views", right=True),
    field("MOST", "max_views", right=True),
    field("PASSWORD", "password"),
    field("DOWNLOAD", "download"),
)


@click.command(
    "open",
    epilog=examples("filemill open", "filemill open file_01K…", "filemill open file_01K… --rendition w640 --print"),
)
@click.argument("file_id", metavar="[ID]", required=False)
@click.option("--original", is_flag=True, help="The file as it was uploaded.")
@click.option("--rendition", metavar="NAME", help="One rendition, such as w640.")
@click.option("--print", "only_print", is_flag=True, help="Only print the address.")
@shared
@with_session
def open_file(session: Session, file_id: str | None, original: bool, rendition: str | None, only_print: bool) -> None:
    """Open a file's page in the browser.

    Without an ID it is the console. The address of an original or of a rendition is signed, so it ends after a while.
    """
    address = _address(session, file_id, original, rendition)
    if not address.lower().startswith(("https://", "http://")):
        raise Stop(f"The service gave {address!r}, which is no address of the web. It was not opened.")
    if session.as_json:
        session.output.json({"url": address})
    elif only_print or click.launch(address) != 0:
        session.output.line(address)


def _address(session: Session, file_id: str | None, original: bool, rendition: str | None) -> str:
    if file_id is None:
        if original or rendition:
            raise Stop("Which file? Give its ID.", USAGE)
        return f"{session.login.url}/"
    if original:
        return str(session.client.files.original(file_id).url)
    file = session.client.files.get(file_id)
    if rendition is None:
        return f"{session.login.url}/#/files/{file_id}"
    names = [each["name"] for each in file.raw.get("renditions", ())]
    for each in file.raw.get("renditions", ()):
        if rendition in (each["name"], f"{each['name']}.{each['format']}") and each.get("url"):
            return str(each["url"])
    raise Stop(
        f"The file has no rendition {rendition}. It has: {', '.join(dict.fromkeys(names)) or 'none'}.", NOT_FOUND
    )


@click.command(
    epilog=examples(
        "filemill share file_01K…",
        "filemill share file_01K… --expires 12h --max-views 10 --password",
        "filemill share file_01K… --list",
        "filemill share file_01K… --revoke shr_03…",
    )
)
@click.argument("file_id", metavar="ID")
@click.option("--expires", metavar="DURATION", callback=duration, help="When the link ends, such as 12h or 30d.")
@click.option("--password", is_flag=True, help="Ask for a password here, and on the page.")
@click.option("--max-views", type=click.IntRange(1, 1_000_000), help="How often the page may be seen.")
@click.option("--no-download", is_flag=True, help="Only the preview.")
@click.option("--list", "listed", is_flag=True, help="List the links that have not ended.")
@click.option("--revoke", metavar="SHARE", help="End a link.")
@shared
@with_session
def share(session: Session, file_id: str, listed: bool, revoke: str | None, **given: Any) -> None:
    """Make, list and revoke links to a file's page.

    A link shows one file to people without an account, for seven days by default. It is printed once; whoever has it
    sees the file.
    """
    shares = session.client.shares
    if listed:
        found = shares.list(file_id)
        session.output.rows((each.raw for each in found), SHARE, nothing="There are no links.")
        return
    if revoke:
        shares.delete(file_id, revoke)
        session.output.note("The link has ended.")
        return
    options: dict[str, Any] = {
        "expires_in": given["expires"],
        "max_views": given["max_views"],
        "download": False if given["no_download"] else None,
        "password": click.prompt("Password (not shown)", hide_input=True, confirmation_prompt=True, err=True)
        if given["password"]
        else None,
    }
    made = shares.create(file_id, **{name: value for name, value in options.items() if value is not None})
    if session.as_json:
        session.output.json(made.raw)
    else:
        session.output.line(made.url)
        session.output.note(f"The link ends at {text.moment(made.raw.get('expires_at'))}.")
