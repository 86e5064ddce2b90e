"""`python -m ops COMMAND`: what an operator does to a stage besides `chalice deploy`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from chalicelib.settings import NotProvisionedError
from ops.errors import OpsError, as_sentences

# command: (module with add_arguments(parser) and main(args) -> exit code, what --help says).
# A module is imported when its command is run, so that none waits for another's imports.
COMMANDS = {
    "provision": ("ops.provision", "make or update a stage's buckets, table, queue and distribution, or delete them"),
    "doctor": ("ops.doctor", "check a stage and say how to mend what is wrong"),
    "keys": ("ops.keys", "make, list and revoke API keys"),
    "tenants": ("ops.tenants", "show and set what a stage does for one tenant"),
    "rotate-keys": ("ops.rotate_keys", "give a stage another key for private addresses, with both live meanwhile"),
    "redrive": ("ops.redrive", "move dead letters back to their queue, once what killed them is mended"),
    "backfill": ("ops.backfill", "have existing files processed again, by a recipe that has changed"),
    "reindex": ("ops.reindex", "tell the index of the files that are older than it"),
    "openapi": ("ops.openapi.document", "write the OpenAPI document, chalicelib/api/openapi.json, from the routes"),
    "local": ("ops.local.run", "run the whole of Filemill on this computer"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code. What goes wrong is a sentence on stderr and exit code 1."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((a for a in arguments if not a.startswith("-")), None)
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    module = None
    for name, (path, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".", allow_abbrev=False)
        if name == chosen:
            module = import_module(path)
            module.add_arguments(command)
    args = parser.parse_args(arguments)
    assert module is not None, "argparse refuses a command that is not in COMMANDS"
    try:
        with as_sentences():
            code: int = module.main(args)
    except (OpsError, NotProvisionedError) as error:
        print(f"ops {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nops {args.command}: interrupted. Run it again to go on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read us has heard enough (`… | head`): https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
