"""The question before a step that cannot be taken back: the person at the terminal types the stage's name."""

from __future__ import annotations

import sys

from ops.errors import OpsError


def confirm(stage: str, what: str, yes: bool) -> None:
    """Asks, unless `yes`. `what` is a sentence that says what will happen.

    Raises
    ------
    OpsError
        Another word was typed, or there is no terminal to ask at. Nothing may be done then.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OpsError(f"{what} There is no terminal to ask at: add --yes to go on without a question.")
    try:
        answer = input(f"{what}\nType the stage's name ({stage}) to go on: ")
    except EOFError:
        answer = ""
    if answer.strip() != stage:
        raise OpsError(f"Not done: {answer.strip()!r} is not {stage!r}.")
