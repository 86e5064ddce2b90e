"""Lists that go on for ever: a service that is wrong, or that lies, must not keep a program busy until it is ended."""

from __future__ import annotations

from filemill.errors import ApiError

# Pages one after the other without an item. A filter that few of many files match has some; none has so many.
MOST_EMPTY = 10_000


class Cursors:
    """The cursors of one list, page by page. It takes the same little memory for each number of pages."""

    def __init__(self, first: str | None) -> None:
        self._kept = first
        self._steps, self._bound = 0, 1
        self._empty = 0

    def next(self, cursor: str | None, items: int) -> str | None:
        """Takes the next page's cursor, and the number of items of this page; gives the cursor.

        Raises ApiError `endless` if the list goes round in a circle, or has nothing but empty pages.
        """
        if cursor is None:
            return None
        self._empty = 0 if items else self._empty + 1
        if cursor == self._kept:
            raise endless("The service gives a cursor for the second time, so this list would never end.")
        if self._empty >= MOST_EMPTY:
            raise endless(f"The service gave {MOST_EMPTY:,} empty pages in a row.")
        self._steps += 1
        if self._steps == self._bound:  # Brent's algorithm: it finds a circle of any length
            self._kept, self._steps, self._bound = cursor, 0, 2 * self._bound
        return cursor


def endless(detail: str) -> ApiError:
    """The error of a list that would never end."""
    return ApiError(200, "endless", detail=detail)
