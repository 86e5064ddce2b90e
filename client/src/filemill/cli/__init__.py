"""The command `filemill`. Its packages come with the extra `cli`.

Nothing is imported before it is used: the help and the completion must not wait for an HTTP client. `app` has the
table of commands, `commands/` one module for each, and `run` turns errors into sentences and exit codes.
"""

from __future__ import annotations


def main() -> None:
    """The entry point of the command."""
    try:
        from filemill.cli.run import run
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        hint = "In a checkout of Filemill: pip install './client[cli]'"
        raise SystemExit(f"The command needs the package {error.name}. {hint}") from None
    raise SystemExit(run())
