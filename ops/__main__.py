"""`python -m ops COMMAND`: sets up, checks and changes a stage. `chalice deploy` does the rest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module

# command → (module with `add_arguments(parser)`, `main(args) -> exit code` and `EXAMPLES`, its summary in the help).
# A module is imported only when its command is run, so that no command waits for the imports of another.
COMMANDS = {
    "preflight": ("ops.preflight", "say what the account and region will refuse, before anything is made"),
    "plan": ("ops.plan", "show what `make deploy` would change, and change nothing"),
    "provision": ("ops.provision", "make or update a stage's buckets, table, queues and distribution, or delete them"),
    "policy": ("ops.policy", "print the IAM policy that an operator of a stage needs"),
    "doctor": ("ops.doctor", "check a stage, and say how to fix what is wrong"),
    "keys": ("ops.keys", "make, list, change and revoke API keys"),
    "auth": ("ops.auth", "explain why a sign-in token is accepted or refused, and record its issuers"),
    "listen": ("ops.listen", "print a stage's events as they come over the WebSocket, until Ctrl-C"),
    "tenants": ("ops.tenants", "show or change the settings of one tenant, export all that it has, or erase it"),
    "audit": ("ops.audit_trail", "check that the audit of who did what is as it was sealed"),
    "hold": ("ops.hold", "put files under legal hold, release them, and list those that are held"),
    "webhooks": ("ops.webhooks", "list webhooks, and disable those that do harm"),
    "rotate-keys": ("ops.rotate_keys", "replace the key that signs private addresses; the old addresses keep working"),
    "redrive": ("ops.redrive", "send dead letters to their queue again, after you have fixed the cause"),
    "replay": ("ops.replay", "put events of the past on the stage's bus again, from its archive"),
    "backfill": ("ops.backfill", "process existing files again, after a recipe has changed"),
    "adopt": ("ops.adopt.command", "make files of the objects of another bucket, without moving them through here"),
    "scan": ("ops.scan", "have files scanned for malware that are older than the scan, or whose scan has no verdict"),
    "reindex": ("ops.reindex", "add files to the index that it has missed"),
    "restore": (
        "ops.restore.command",
        "bring a stage's records back to an earlier time, and compare them with the files",
    ),
    "openapi": (
        "ops.openapi.document",
        "write chalicelib/api/openapi.json and asyncapi.json from the routes and models",
    ),
    "browser": ("ops.browser", "write browser/filemill.js from browser/src, and the types of the API for TypeScript"),
    "costs": ("ops.costs.command", "say what a stage's month costs, or count every operation for docs/costs.md"),
    "schemas": ("ops.openapi.event_schemas", "write a JSON Schema of each type of event into schemas/"),
    "local": ("ops.local.run", "run the whole of Filemill on this computer"),
    "demo": ("ops.demo.command", "upload a dozen files of all kinds to what `ops local` runs"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. An error is one sentence on stderr, with exit code 1."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    if chosen is not None and chosen not in COMMANDS:
        print(unknown(chosen), file=sys.stderr)
        return 2
    try:
        return run(chosen, arguments)
    except KeyboardInterrupt:
        print(f"\nops {chosen}: interrupted. Run it again to continue.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has left (`… | head`): https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        from ops.errors import TRACEBACK, explain

        if os.environ.get(TRACEBACK):
            raise
        print(f"ops {chosen}: {explain(error)}", file=sys.stderr)
        return 1


def run(chosen: str | None, arguments: Sequence[str]) -> int:
    """Reads the arguments, finds the stage that they name, and runs the command. Nothing is imported before."""
    parser, command = parser_for(chosen)
    args = parser.parse_args(arguments)
    if command is None:
        parser.print_help()
        return 0
    if "stage" in args:
        from ops import stages

        stages.enter(args)
    return command(args)


def parser_for(chosen: str | None) -> tuple[argparse.ArgumentParser, Callable[[argparse.Namespace], int] | None]:
    """The parser, with the arguments of the chosen command only, and that command's `main`."""
    parser = argparse.ArgumentParser(
        prog="python -m ops",
        description="Sets up, checks and changes a stage of Filemill. `chalice deploy` deploys its functions.",
        epilog="`python -m ops COMMAND --help` explains one command.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    run: Callable[[argparse.Namespace], int] | None = None
    for name, (path, summary) in COMMANDS.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(
            name,
            help=summary,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            module = import_module(path)
            module.add_arguments(command)
            command.epilog = examples(getattr(module, "EXAMPLES", ()))
            run = module.main
    return parser, run


def examples(lines: Sequence[str]) -> str:
    """The end of a command's help. `lines` are commands without `python -m ops`."""
    return "\n".join(["examples:", *(f"  python -m ops {line}" for line in lines)])


def unknown(command: str) -> str:
    """The sentence about a command that does not exist."""
    close = get_close_matches(command, COMMANDS, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    return f"ops: there is no command {command!r}.{hint} Run `python -m ops` to see all commands."


if __name__ == "__main__":
    sys.exit(main())
