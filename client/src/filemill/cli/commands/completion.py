"""`filemill completion`."""

from __future__ import annotations

import click

from filemill.cli.command import examples

_WHERE = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc, after compinit",
    "fish": "~/.config/fish/completions/filemill.fish",
}


@click.command(
    epilog=examples(
        'eval "$(filemill completion bash)"      # in ~/.bashrc; bash 4.4 or newer',
        'eval "$(filemill completion zsh)"       # in ~/.zshrc, after compinit',
        "filemill completion fish > ~/.config/fish/completions/filemill.fish",
    )
)
@click.argument("shell", type=click.Choice(list(_WHERE)))
def completion(shell: str) -> None:
    """Print the script that completes commands in your shell.

    It completes commands, options, their values, profiles and paths. It asks no service.
    """
    from click.shell_completion import get_completion_class

    from filemill.cli.app import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "filemill", "_FILEMILL_COMPLETE").source())
