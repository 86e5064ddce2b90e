"""`filemill rm` and `filemill restore`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from filemill.cli.command import examples, ids_from, shared, with_session
from filemill.cli.exits import DONE, FAILED, NOT_ALLOWED, USAGE
from filemill.cli.failures import Stop, explain
from filemill.cli.session import Session
from filemill.cli.text import count


@click.command(epilog=examples("filemill rm file_01K…", "filemill ls --tag draft --all | filemill rm - --yes"))
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Delete without a question.")
@shared
@with_session
def rm(session: Session, ids: tuple[str, ...], yes: bool) -> int:
    """Delete files.

    ID may be - for ids from standard input, one a line. A delete is final, unless the stage has a delete window; then
    `filemill restore` takes it back.
    """
    wanted = ids_from(ids)
    if not yes:
        if not sys.stdin.isatty():
            raise Stop("There is no terminal to ask at: add --yes.", USAGE)
        click.confirm(f"Delete {count(len(wanted), 'file')}?", abort=True, err=True)
    return each_of(session, wanted, session.client.files.delete, "deleted")


@click.command(epilog=examples("filemill restore file_01K…"))
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@shared
@with_session
def restore(session: Session, ids: tuple[str, ...]) -> int:
    """Take deletes back, while the stage's delete window is open.

    ID may be - for ids from standard input, one a line.
    """
    return each_of(session, ids_from(ids), session.client.files.restore, "restored")


def each_of(session: Session, ids: list[str], act: Callable[[str], Any], word: str) -> int:
    """Does the same with each file; one that fails stops no other. Gives the exit code."""
    from filemill import errors

    codes = []
    for file_id in ids:
        try:
            act(file_id)
        except errors.FilemillError as error:
            sentence, code = explain(error)
            session.output.warn(f"not {word}: {file_id}: {sentence}")
            codes.append(code)
            if code == NOT_ALLOWED:
                break
            continue
        if session.as_json:
            session.output.json({"id": file_id, word: True})
        else:
            session.output.line(word, file_id)
    if not codes:
        return DONE
    return codes[0] if len(ids) == 1 else FAILED
