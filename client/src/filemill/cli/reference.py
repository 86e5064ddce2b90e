"""`python -m filemill.cli.reference docs/cli.md` writes the help of all commands into the page, between its two marks.

With `--check` it writes nothing, and ends with 1 if the page is not up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from filemill.cli.app import cli
from filemill.cli.exits import MEANINGS

BEGIN = "<!-- The help of all commands: python -m filemill.cli.reference docs/cli.md -->"
END = "<!-- The end of the help -->"

_WIDTH = 96


def commands(group: click.Group = cli, parent: click.Context | None = None) -> Iterator[click.Context]:
    """A context of each command, groups before what is in them."""
    above = parent or click.Context(group, info_name="filemill", help_option_names=["-h", "--help"])
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        ctx = click.Context(command, info_name=name, parent=above, terminal_width=_WIDTH, max_content_width=_WIDTH)
        yield ctx
        if isinstance(command, click.Group):
            yield from commands(command, ctx)


def text() -> str:
    """The part of the page that is made here: the exit codes and the help of each command."""
    lines = ["## Exit codes", "", "| Code | Meaning |", "|---|---|"]
    lines += [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    lines += ["", "## Commands", ""]
    for ctx in commands():
        lines += [f"### {ctx.command_path}", "", "```text", ctx.get_help().rstrip(), "```", ""]
    return "\n".join(lines)


def updated(page: str) -> str:
    """The page with the part that is made here."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise SystemExit(f"The page has not both marks:\n{BEGIN}\n{END}")
    return f"{before}{BEGIN}\n\n{text()}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Writes or checks the page. Gives the exit code."""
    page = Path(next(each for each in arguments if not each.startswith("-")))
    old = page.read_text(encoding="utf-8")
    new = updated(old)
    if "--check" in arguments:
        if new != old:
            click.echo(f"{page} is not up to date: python -m filemill.cli.reference {page}", err=True)
        return int(new != old)
    page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
