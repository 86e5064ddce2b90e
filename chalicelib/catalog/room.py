"""The room in one answer. An answer has a bound of bytes, so no more records are read than may fit into it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from chalicelib.model import File

# Records that are read at first, before anything is known of their size. At least half as many of the largest records
# fit into an answer, so a record that is read and does not fit is read once more, and not a third time.
FIRST_ROUND = 50
# Records that are read at once after that: the keys in one BatchGetItem.
ROUND = 100


class Room:
    """The room for records in one answer. The first record always fits, so that whoever reads page by page gets on.

    `measure` gives the bytes that a record needs in the answer; `most` is how many bytes all records may need. Without
    them there is room for every record. `omitted` are the ids of files that were asked for and did not fit.
    """

    def __init__(self, measure: Callable[[File], int] = lambda _: 0, most: int = sys.maxsize) -> None:
        self.omitted: list[str] = []
        self._measure = measure
        self._left = most
        self._largest = 0

    def takes(self, file: File) -> bool:
        """Takes a record into the answer. Returns False if it does not fit; then nothing more does."""
        size = self._measure(file)
        if self._largest and size > self._left:
            self._left = 0
            return False
        self._left -= size
        self._largest = max(self._largest, size, 1)
        return True

    def round(self, wanted: int) -> int:
        """How many records to read next, of `wanted`: about as many as fit if they are like the largest before."""
        if not self._largest:
            return min(wanted, FIRST_ROUND)
        return max(0, min(wanted, ROUND, self._left // self._largest))

    def leave(self, file_ids: Sequence[str]) -> None:
        """Notes the ids of files that were asked for and are not in the answer."""
        self.omitted = [*file_ids]
