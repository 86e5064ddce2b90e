"""The table of commands, and the group that imports a command's module when it is used."""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

# Name → (module below `commands`, function, one sentence). A test compares the sentences with the commands' own.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "login": ("account", "login", "Save the address of a Filemill and an API key."),
    "logout": ("account", "logout", "Forget a saved login."),
    "upload": ("upload", "upload", "Send files, folders, standard input or files from the web."),
    "sync": ("sync", "sync", "Send what is new in a folder, and nothing twice."),
    "ls": ("finding", "ls", "List files, the newest first."),
    "search": ("finding", "search", "Find files by words in their names, tags and texts."),
    "get": ("finding", "get", "Show the records of files."),
    "download": ("download", "download", "Save files, as they were uploaded or as a rendition."),
    "rm": ("removing", "rm", "Delete files."),
    "restore": ("removing", "restore", "Take deletes back, while the stage's delete window is open."),
    "open": ("viewing", "open_file", "Open a file's page in the browser."),
    "share": ("viewing", "share", "Make, list and revoke links to a file's page."),
    "events": ("events", "events", "Show what changes, as it happens or since a cursor."),
    "webhooks": ("webhooks", "webhooks", "Manage webhooks, and try them on this computer."),
    "keys": ("keys", "keys", "Manage the API keys of your tenant."),
    "tokens": ("tokens", "tokens", "Manage upload tokens for browsers."),
    "usage": ("numbers", "usage", "Show what you use, and what your quotas leave."),
    "stats": ("numbers", "stats", "Count files and bytes by status and kind."),
    "doctor": ("doctor", "doctor", "Find out why this computer and the service do not work together."),
    "completion": ("completion", "completion", "Print the script that completes commands in your shell."),
}

EPILOG = """\b
Examples:
  filemill login --url https://files.example.com
  filemill upload photo.jpg --wait
  filemill upload holiday --recursive --tag 2026
  filemill sync ./catalogue --delete
"""


class Commands(click.Group):
    """The group of all commands. A command's module is imported when the command is run or asked for its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table: the most used ones first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"filemill.cli.commands.{module}"), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without an import of any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, _, sentence) in COMMANDS.items()])
        with formatter.section("Exit codes"):
            from filemill.cli.exits import MEANINGS

            formatter.write_dl([(str(code), meaning) for code, meaning in MEANINGS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names. An unknown one gets a suggestion."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command. A reader that has seen enough (`filemill ls | head`) is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The names that begin so, without an import of any command."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=sentence)
            for name, (_, _, sentence) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("filemill")
        except PackageNotFoundError:
            number = "(not installed)"
        click.echo(f"filemill {number}")
        ctx.exit()


@click.command(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
def cli() -> None:
    """Send files to a Filemill, find them, get them back and hear of changes.

    Each command explains itself: filemill upload --help. FILEMILL_URL and FILEMILL_KEY stand in for a login.
    """
