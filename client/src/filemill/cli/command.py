"""The form of a command: options that all have, examples at the end of the help, and its session."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar

import click

from filemill.cli.session import Session

Function = TypeVar("Function", bound=Callable[..., Any])


def examples(*lines: str) -> str:
    """The end of a help: command lines to copy."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def _profile(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).profile = value


def _flag(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        setattr(ctx.ensure_object(Session), str(param.name), True)


def _profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from filemill.cli import profiles

    return [name for name in profiles.names() if name.startswith(incomplete)]


def shared(function: Function) -> Function:
    """Adds `--profile`, `--json` and `--quiet`, which the session takes."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_flag, help="No progress, no notes."),
        click.option(
            "--json", "as_json", is_flag=True, expose_value=False, callback=_flag, help="One JSON object a line."
        ),
        click.option(
            "--profile",
            metavar="NAME",
            envvar="FILEMILL_PROFILE",
            show_envvar=True,
            expose_value=False,
            callback=_profile,
            shell_complete=_profiles,
            help="The login to use.",
        ),
    ):
        function = option(function)
    return function


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the session as the first argument, and closes its client at the end."""

    @click.pass_context
    def called(ctx: click.Context, *args: Any, **options: Any) -> Any:
        session: Session = ctx.ensure_object(Session)
        try:
            return function(session, *args, **options)
        finally:
            session.close()

    return update_wrapper(called, function)


def chosen(given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as arguments of the client; those of a repeated option are a list."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in given.items()
        if value not in (None, ())
    }


def ids_from(arguments: tuple[str, ...]) -> list[str]:
    """Ids as arguments; `-` stands for the lines of standard input, of which the first column counts."""
    found: list[str] = []
    for argument in arguments:
        if argument == "-":
            found += [line.split("\t")[0].strip() for line in sys.stdin if line.strip()]
        else:
            found.append(argument)
    return list(dict.fromkeys(found))
