"""The account of a run over many files: what was done, what was left out, and what failed and why."""

from __future__ import annotations

import time

from filemill.cli import exits
from filemill.cli.failures import Stop, code_of, explain
from filemill.cli.output import Output
from filemill.cli.text import count, size

SHOWN = 20
"""failures, and remarks, that are named; of the rest the number is said"""

PATIENCE = 8
"""failures one after the other, with which the service itself is taken to be the reason"""


class Report:
    """Counts, and keeps the names of what failed."""

    def __init__(self, output: Output, verb: str) -> None:
        self._output = output
        self._verb = verb
        self._begun = time.monotonic()
        self._in_a_row = 0
        self.done = self.bytes = self.already = self.skipped = self.failed = 0
        self._failures: list[tuple[str, str, int]] = []
        self._remarks: list[str] = []

    def sent(self, number: int) -> None:
        """One was done, with so many bytes."""
        self.done += 1
        self.bytes += number
        self._in_a_row = 0

    def had(self) -> None:
        """One needed no work."""
        self.already += 1

    def skip(self, path: str, reason: str) -> None:
        """One is left out, with a word."""
        self.skipped += 1
        if self.skipped <= SHOWN:
            self._remarks.append(f"left out: {path} ({reason})")

    def fail(self, path: str, error: BaseException | str) -> None:
        """One failed. Raises Stop if so many failed one after the other that the next ones would fail, too."""
        sentence, code = (error, exits.FAILED) if isinstance(error, str) else explain(error)
        self.failed += 1
        if len(self._failures) < SHOWN:
            self._failures.append((path, sentence, code))
        if code == exits.NOT_ALLOWED:
            raise Stop(sentence, code)
        self._in_a_row = self._in_a_row + 1 if code in {exits.UNAVAILABLE, exits.NOT_ALLOWED} or _quota(error) else 0
        if self._in_a_row >= PATIENCE:
            raise Stop(f"{sentence} Stopped after {PATIENCE} failures in a row.", code)

    def fault(self, path: str, error: Exception) -> None:
        """As `fail`; where the output is JSON, it has a line of it, too."""
        if self._output.as_json:
            self._output.json({"path": path, "error": {"code": code_of(error), "message": explain(error)[0]}})
        self.fail(path, error)

    def summary(self, *, stopped: bool = False) -> int:
        """Says how it went, on standard error. Gives the exit code."""
        for remark in self._remarks:
            self._output.note(remark)
        if self.skipped > len(self._remarks):
            self._output.note(f"… and {count(self.skipped - len(self._remarks), 'more file')} left out.")
        for path, sentence, _ in self._failures:
            self._output.warn(f"failed: {path}: {sentence}")
        if self.failed > len(self._failures):
            self._output.warn(f"… and {count(self.failed - len(self._failures), 'more failure')}.")
        took = time.monotonic() - self._begun
        said = [f"{self._verb} {count(self.done, 'file')} ({size(self.bytes)}) in {took:.1f} s"]
        if self.already:
            said.append(f"{self.already:,} already there")
        if self.skipped:
            said.append(f"{self.skipped:,} left out")
        if self.failed:
            said.append(f"{self.failed:,} failed")
        words = ", ".join(said) + "."
        if (self.failed or stopped) and self.tried_more:
            words += " The same command does what is left."
        (self._output.warn if self.failed else self._output.note)(words)
        if not self.failed:
            return exits.DONE
        if self.failed == 1 and not self.tried_more:
            return self._failures[0][2]
        return exits.FAILED

    @property
    def tried_more(self) -> bool:
        """True if there was more than one thing to do."""
        return self.done + self.already + self.failed > 1


def _quota(error: BaseException | str) -> bool:
    return getattr(error, "code", None) == "quota_exceeded"
