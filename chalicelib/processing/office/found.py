"""The findings of a reader of Office files, and the ways in which such a file can be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Characters of a whole file's text, of one heading, and the number of headings.
MAX_CHARACTERS = 2_000_000
MAX_HEADING = 300
MAX_HEADINGS = 50

# Characters of a slide that its picture is drawn from.
SHOWN = 8000


class DamagedError(Exception):
    """The file breaks the rules of its format, so no program can open it. The message says where."""


class UnreadableError(Exception):
    """This part of the file is not read: it is larger than the bounds allow, say. The file may be sound."""


class EncryptedError(Exception):
    """The file can't be read without a password."""


@dataclass
class Found:
    """The findings so far. `facts` have the names of `chalicelib.facts`, and times as the file has them.

    `unread` says why the text is not whole; None if it is. `picture` is a PNG or JPEG in the file that shows this very
    document.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    headings: list[str] = field(default_factory=list)
    unread: str | None = None
    picture: bytes = b""
    _pieces: list[str] = field(default_factory=list)
    _left: int = MAX_CHARACTERS

    def __len__(self) -> int:
        """Characters of the text so far."""
        return MAX_CHARACTERS - self._left

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def full(self) -> bool:
        return self._left <= 0

    def say(self, piece: str) -> None:
        """Adds to the text. What is above the bound is left out."""
        if len(piece) > self._left:
            self.unread = f"Only the first {MAX_CHARACTERS:,} characters were read."
            piece = piece[: self._left]
        self._left -= len(piece)
        self._pieces.append(piece)

    def head(self, text: str) -> None:
        """Adds a heading. It must be said, too, to stand in the text."""
        line = " ".join(text[: 4 * MAX_HEADING].split())[:MAX_HEADING]
        if line and len(self.headings) < MAX_HEADINGS:
            self.headings.append(line)
