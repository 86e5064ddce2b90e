"""`filemill login` and `filemill logout`."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import urlsplit

import click

from filemill.cli import profiles
from filemill.cli.command import examples, shared, with_session
from filemill.cli.exits import NOT_FOUND, USAGE
from filemill.cli.failures import Stop
from filemill.cli.session import Session

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@click.command(
    epilog=examples(
        "filemill login --url https://files.example.com",
        "filemill login --url http://localhost:8000 --key-stdin < .local/api-key",
        "filemill login --profile staging",
    )
)
@click.option("--url", metavar="URL", help="Address of the front door, such as https://files.example.com.")
@click.option("--key-stdin", is_flag=True, help="Read the key from standard input, for scripts.")
@shared
@with_session
def login(session: Session, url: str | None, key_stdin: bool) -> None:
    """Save the address of a Filemill and an API key.

    The key is asked for and not shown, is checked with the service, and is kept in a file that only you may read. Save
    several logins with --profile; the one that was saved last is used. FILEMILL_URL and FILEMILL_KEY stand in for a
    login.
    """
    url = profiles.origin(url or _asked("Address (https://…)", hidden=False))
    if url.startswith("http://") and urlsplit(url).hostname not in _LOOPBACK:
        session.output.warn(f"{url} is not encrypted: everybody on the way can read the key and the files.")
    key = sys.stdin.readline().strip() if key_stdin else _asked("API key (fm_…, not shown)", hidden=True)
    if not key:
        raise Stop("The key is empty. Nothing was saved.", USAGE)
    me = check(session, url, key)
    name = session.profile or profiles.DEFAULT
    profiles.save(name, profiles.Login(url, key, me.get("tenant")))
    if session.as_json:
        session.output.json({"profile": name, "url": url, **me})
        return
    who = f" as tenant {me['tenant']}" if me.get("tenant") else ""
    end = f" The key ends at {me['expires_at']}." if me.get("expires_at") else ""
    session.output.note(f"You are logged in to {url}{who} (profile {name}, in {profiles.file()}).{end}")


@click.command(epilog=examples("filemill logout", "filemill logout --profile staging"))
@shared
@with_session
def logout(session: Session) -> None:
    """Forget a saved login.

    The key itself goes on working: `filemill keys delete` ends it.
    """
    name = profiles.forget(session.profile)
    if name is None:
        raise Stop("There is no such login.", NOT_FOUND)
    session.output.note(f"The login {name} is forgotten.")


def check(session: Session, url: str, key: str) -> dict[str, Any]:
    """The credential as the service knows it. Raises an error of the client if it is not accepted."""
    from filemill import errors

    with session.new_client(url, key) as client:
        try:
            return dict(client.me().raw)
        except errors.NotFound:  # a release without GET /v1/me
            try:
                client.stats()
            except errors.PermissionDenied as error:
                if error.code != "missing_scope":
                    raise
            return {}


def _asked(question: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty() and not _in_test():
        raise Stop(
            "There is no terminal to ask at. Give --url and --key-stdin, or set FILEMILL_URL and FILEMILL_KEY.", USAGE
        )
    answer: str = click.prompt(question, hide_input=hidden, type=str)
    return answer.strip()


def _in_test() -> bool:
    return type(sys.stdin).__name__ == "_NamedTextIOWrapper"
