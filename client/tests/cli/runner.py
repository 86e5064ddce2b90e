"""The outcome of a command line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Ran:
    """Exit code and both outputs."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[list[str]]:
        """Standard output as rows of tab-separated values."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def json(self) -> list[Any]:
        """Standard output as JSON, one text a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Run(Protocol):
    """The fixture `run`."""

    def __call__(self, *args: str, input: str | bytes | None = None, terminal: bool = False) -> Ran: ...
