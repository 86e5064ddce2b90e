"""`filemill upload`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click

from filemill._json import parse
from filemill._names import sendable
from filemill.cli import text
from filemill.cli.command import examples, shared, with_session
from filemill.cli.exits import USAGE
from filemill.cli.failures import Stop
from filemill.cli.sending import Options, Sending, count_ahead
from filemill.cli.session import Session
from filemill.cli.walk import Found, Local, named, walk

_LOOK_EVERY = 2.0
"""seconds between two looks at a watched folder; a file that changed between them is not finished yet"""


def metadata_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """Metadata of `--metadata`: JSON objects, and `key=value` texts."""
    found: dict[str, Any] = {}
    for each in texts:
        if each.lstrip().startswith("{"):
            try:
                found.update(parse(each))
            except ValueError as error:
                raise Stop(f"--metadata: this is no JSON object: {error}.", USAGE) from None
        else:
            key, equals, value = each.partition("=")
            if not equals or not key:
                raise Stop(f"--metadata: write key=value or a JSON object, not {each!r}.", USAGE)
            found[key] = value
    return found


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A callback for options such as `--expires 7d`: seconds."""
    if value is None:
        return None
    try:
        return text.seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    epilog=examples(
        "filemill upload photo.jpg",
        "filemill upload photo.jpg --wait --json | jq -r .id",
        "filemill upload holiday --recursive --jobs 8 --tag 2026 --exclude '*.tmp'",
        "filemill upload report.pdf --public --metadata customer=17",
        "pg_dump shop | filemill upload - --name shop.sql",
        "filemill upload https://example.com/a.jpg --wait",
        "filemill upload inbox --recursive --watch",
    )
)
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path())
@click.option("-r", "--recursive", is_flag=True, help="Send all files in folders.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 32), default=4, show_default=True, help="Files that are sent at once."
)
@click.option("-t", "--tag", "tags", metavar="TAG", multiple=True, help="A tag for each file; may be repeated.")
@click.option(
    "-m", "--metadata", metavar="KEY=VALUE|JSON", multiple=True, help="Metadata for each file; may be repeated."
)
@click.option("--recipe", metavar="NAME", help="Which renditions are made, such as photo or original-only.")
@click.option("--public", is_flag=True, help="Anybody who knows an address may see the files.")
@click.option("--owner", metavar="ID", help="The end user whose files these are.")
@click.option("--content-type", metavar="TYPE", help="The type, where the name does not tell it.")
@click.option("--name", metavar="NAME", help="Another name, for one file.")
@click.option("--exclude", metavar="PATTERN", multiple=True, help="Leave files out, such as '*.tmp'; may be repeated.")
@click.option("--reuse", is_flag=True, help="Do not send bytes that the service has already; show that file.")
@click.option("--wait", is_flag=True, help="Wait until the files are processed; one that is refused is a failure.")
@click.option(
    "--timeout", metavar="DURATION", default="15m", show_default=True, callback=duration, help="With --wait: how long."
)
@click.option("--watch", is_flag=True, help="Go on, and send what is new in the folders, until Ctrl-C.")
@click.option("--again", is_flag=True, help="Send also what was sent before.")
@shared
@with_session
def upload(session: Session, paths: tuple[str, ...], *, recursive: bool, watch: bool, **given: Any) -> int:
    """Send files, folders, standard input or files from the web.

    PATH is a file, a folder (with --recursive), an address (https://…) that the service fetches itself, or - for
    standard input, which needs --name.

    Files sent before from this computer, with the same options, are not sent again: the same command does only what
    is left. A file that changed since is sent, and so is one that the service does not have any more. A large file
    that broke off goes on where it was. One file that fails stops no other; the end of the output names it.

    Files that were sent are printed with their id, their status and their path.
    """
    options = Options(
        tags=given["tags"],
        metadata=metadata_of(given["metadata"]),
        recipe=given["recipe"],
        public=given["public"],
        owner=given["owner"],
        content_type=given["content_type"],
        name=given["name"],
        reuse=given["reuse"],
    )
    streams = [path for path in paths if path == "-" or path.startswith(("https://", "http://"))]
    files = tuple(path for path in paths if path not in streams)
    _check(streams, files, options, recursive=recursive, watch=watch)
    wait = float(given["timeout"]) if given["wait"] else 0.0
    codes = [_one(session, source, options, wait) for source in streams]
    if files:
        codes.append(_files(session, files, options, recursive, watch, wait, given))
    return next((code for code in codes if code), 0)


def _check(streams: list[str], files: tuple[str, ...], options: Options, *, recursive: bool, watch: bool) -> None:
    if "-" in streams and not options.name:
        raise Stop("Standard input has no name: add --name, such as --name report.pdf.", USAGE)
    if options.name and (len(streams) + len(files) > 1 or recursive):
        raise Stop("--name is for one file.", USAGE)
    if watch and not (recursive and files):
        raise Stop("--watch needs a folder and --recursive.", USAGE)


def _found(paths: tuple[str, ...], recursive: bool, excluded: tuple[str, ...]) -> Iterator[Found]:
    return chain.from_iterable(
        walk(path, excluded) if recursive and Path(path).is_dir() else (named(path),) for path in paths
    )


def _files(
    session: Session, paths: tuple[str, ...], options: Options, recursive: bool, watch: bool, wait: float, given: Any
) -> int:
    from filemill.cli.state import State, folder, name_of

    state = State(folder() / f"uploads-{name_of(session.login.url)}.sqlite")
    try:
        how = {"jobs": given["jobs"], "again": given["again"], "wait": wait}
        sending = Sending(session, state, options, **how)
        ahead = (_found(paths, recursive, given["exclude"]), sending.display)
        threading.Thread(target=count_ahead, args=ahead, daemon=True).start()
        code = sending.run(_found(paths, recursive, given["exclude"]))
        if watch:
            session.output.note("Watching. Ctrl-C ends it.")
            _watch(session, state, options, lambda: _found(paths, recursive, given["exclude"]), how)
        return code
    finally:
        state.close()


def _watch(session: Session, state: Any, options: Options, look: Any, how: dict[str, Any]) -> None:
    """Sends what is new and did not change between two looks. A file that failed is tried again when it changes."""
    digest = options.digest()
    tried: dict[str, tuple[int, int]] = {}
    growing: dict[str, tuple[int, int]] = {}
    while True:
        time.sleep(_LOOK_EVERY)
        ripe: list[Found] = []
        fresh: dict[str, tuple[int, int]] = {}
        for each in look():
            if not isinstance(each, Local) or state.known(each, digest) is not None:
                continue
            now = (each.size, each.modified)
            if tried.get(each.path) == now:
                continue
            if growing.get(each.path) == now:
                ripe.append(each)
                tried[each.path] = now
            else:
                fresh[each.path] = now
        growing = fresh
        if ripe:
            Sending(session, state, options, **{**how, "again": False}).run(ripe)


def _one(session: Session, source: str, options: Options, wait: float) -> int:
    """Standard input, or an address that the service fetches."""
    from filemill.cli.progress import Display

    arguments = options.arguments()
    if options.name:
        arguments["filename"] = sendable(options.name)
    with Display("Sending", quiet=session.quiet or source != "-") as display:
        meter = display.begin(options.name or source, None)
        if source == "-":
            arguments["on_progress"] = lambda progress: meter.to(progress.sent)
        file = session.client.upload(sys.stdin.buffer if source == "-" else source, **arguments)
    if wait:
        file = session.client.files.wait(file.id, timeout=wait)
    if session.as_json:
        session.output.json({**file.raw, "path": source})
    else:
        session.output.line(file.id, file.status, source)
    return 0
