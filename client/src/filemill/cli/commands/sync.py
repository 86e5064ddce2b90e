"""`filemill sync`."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from filemill.cli.command import examples, shared, with_session
from filemill.cli.exits import DONE, LOCAL, USAGE
from filemill.cli.failures import Stop
from filemill.cli.sending import Options, count_ahead
from filemill.cli.session import Session
from filemill.cli.text import count

if TYPE_CHECKING:
    from filemill.cli.syncing import Gone, Syncing


@click.command(
    epilog=examples(
        "filemill sync ./catalogue --dry-run",
        "filemill sync ./catalogue --tag catalogue",
        "filemill sync ./catalogue --delete --yes",
    )
)
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only say what would be sent and deleted.")
@click.option(
    "--delete", is_flag=True, help="Delete files that an earlier sync sent and that are gone from the folder."
)
@click.option("-y", "--yes", is_flag=True, help="Delete without a question.")
@click.option(
    "--allow-empty", is_flag=True, help="With --delete: also if the folder, or one in it, is empty or not mounted."
)
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 32), default=4, show_default=True, help="Files that are sent at once."
)
@click.option("-t", "--tag", "tags", metavar="TAG", multiple=True, help="A tag for each new file; may be repeated.")
@click.option("--recipe", metavar="NAME", help="Which renditions are made, such as photo or original-only.")
@click.option("--public", is_flag=True, help="Anybody who knows an address may see the new files.")
@click.option("--exclude", metavar="PATTERN", multiple=True, help="Leave files out, such as '*.tmp'; may be repeated.")
@shared
@with_session
def sync(
    session: Session, folder: str, *, dry_run: bool, delete: bool, yes: bool, allow_empty: bool, **given: Any
) -> int:
    """Send what is new in a folder, and nothing twice.

    Files are compared by their SHA-256: bytes that the service has already are not sent, whatever the file is called.
    A file that did not change since the last sync is not even read. The path below DIR is kept in the metadata as
    `path`. A changed file is sent as a new one; --delete removes the old one.

    --delete removes only what a sync of this folder from this computer has sent, and nothing below a folder that can't
    be read. A folder without any file may be a disk that is not mounted, so then --delete removes nothing unless you
    add --allow-empty. The same is true for a folder in it that is empty now, is a link or a file, or lies on a disk
    that is not mounted any more: these files are kept, and the command says so and ends with 8. A file that vanishes
    while the command runs is deleted by the next one. Deleted files can be restored while the stage's delete window is
    open. Two syncs of one folder never run at once.
    """
    from filemill.cli import state as states
    from filemill.cli.syncing import Syncing
    from filemill.cli.walk import walk

    if not Path(folder).is_dir():
        raise Stop(f"{folder} is no folder.", LOCAL)
    if delete and not yes and not dry_run and not sys.stdin.isatty():
        raise Stop("There is no terminal to ask at: add --yes to let --delete delete.", USAGE)
    real = str(Path(folder).resolve())
    name = f"sync-{states.name_of(session.login.url, session.login.tenant or '', real)}"
    busy = f"Another sync of {real} is running. Let it end first."
    with (
        states.lock(states.folder() / f"{name}.lock", busy),
        closing(states.State(states.folder() / f"{name}.sqlite")) as state,
    ):
        options = Options(tags=given["tags"], recipe=given["recipe"], public=given["public"])
        syncing = Syncing(session, state, options, jobs=given["jobs"], dry_run=dry_run)
        ahead = (walk(real, given["exclude"]), syncing.display)
        threading.Thread(target=count_ahead, args=ahead, daemon=True).start()
        code = syncing.run(walk(real, given["exclude"]))
        if delete:
            kept = _delete(session, syncing, real, dry_run=dry_run, yes=yes, allow_empty=allow_empty)
            code = code or syncing.code_of_deletes or (LOCAL if kept else DONE)
        return code


def _delete(session: Session, syncing: Syncing, root: str, *, dry_run: bool, yes: bool, allow_empty: bool) -> bool:
    """Deletes what is gone. Gives True if files were kept that may be gone or not."""
    gone, kept = syncing.gone(root, doubtful=allow_empty)
    for reason, number in kept.items():
        session.output.warn(f"kept: {count(number, 'missing file')}, because {reason}. --allow-empty deletes them.")
    if dry_run:
        for each in gone:
            session.output.line("delete", each.file_id, each.path)
    elif gone:
        _confirmed(session, syncing, gone, yes=yes, allow_empty=allow_empty)
    return bool(kept)


def _confirmed(session: Session, syncing: Syncing, gone: list[Gone], *, yes: bool, allow_empty: bool) -> None:
    if syncing.is_empty() and not allow_empty:
        raise Stop(
            f"The folder has no file any more: is its disk mounted? Nothing was deleted. --allow-empty deletes "
            f"{count(len(gone), 'file')}.",
            LOCAL,
        )
    if not yes:
        for each in gone[:10]:
            session.output.note(f"gone: {each.path}")
        click.confirm(f"Delete {count(len(gone), 'file')} from the service?", abort=True, err=True)
    syncing.delete(gone)
