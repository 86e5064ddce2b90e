"""Runs the command: every error becomes a sentence on standard error and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from filemill.cli import exits
from filemill.cli.app import cli


def run(args: list[str] | None = None) -> int:
    """Runs one command line. Gives the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # consoles without Unicode
    try:
        code = cli.main(args, prog_name="filemill", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        return said(error)
    return code if isinstance(code, int) else exits.DONE


def _is_interrupted(error: BaseException) -> bool:
    """True for Ctrl-C. It may come while Python's queue takes its lock, and is then the context of a RuntimeError."""
    found: BaseException | None = error
    while isinstance(found, RuntimeError):
        found = found.__context__
    return isinstance(found, KeyboardInterrupt)


def said(error: BaseException) -> int:
    """Says an error on standard error. Gives its exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else exits.FAILED
    if isinstance(error, click.Abort) or _is_interrupted(error):
        click.echo("Stopped. Give the same command again to go on.", err=True)
        return exits.INTERRUPTED
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if os.environ.get("FILEMILL_TRACEBACK") == "1":
        raise error
    from filemill.cli.failures import explain

    sentence, code = explain(error)
    click.echo(f"filemill: {sentence}", err=True)
    return code
