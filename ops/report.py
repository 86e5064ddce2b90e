"""The report of commands that check something: one line a check, with its mark and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """The result of one check, as it is printed."""

    OK = "ok"
    WRONG = "WRONG"
    REFUSED = "REFUSED"
    SKIPPED = "skip"
    UNKNOWN = "can't tell"


# These make a command end with exit code 1.
BAD = frozenset({Mark.WRONG, Mark.REFUSED})


class Outcome(NamedTuple):
    """The result of one check. The sentence is empty where there is nothing to say."""

    name: str
    mark: Mark
    sentence: str = ""

    @property
    def bad(self) -> bool:
        return self.mark in BAD


def show(outcomes: Iterable[Outcome], say: Callable[[str], None], width: int = 6) -> int:
    """Says each outcome as it comes, in one line. Returns the exit code: 1 if one of them is bad, else 0."""
    code = 0
    for outcome in outcomes:
        code |= outcome.bad
        say(f"{outcome.mark:<{width}}{outcome.name}{': ' + outcome.sentence if outcome.sentence else ''}")
    return code
