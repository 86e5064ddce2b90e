"""Streams of index entries in order: one list as it is, the ids that several lists share, and many streams as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chalicelib.catalog.index.ranges import BudgetSpentError, Item, Walk, before, end, past


class Direct:
    """One list as it is."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    @property
    def place(self) -> str:
        return self._walk.place

    def peek(self) -> tuple[str, Item] | None:
        item = self._walk.peek()
        return (self._walk.key(item), item) if item is not None else None

    def step(self) -> None:
        self._walk.step()


class Either:
    """The ids that are in at least one of several lists."""

    def __init__(self, walks: Sequence[Walk], forward: bool) -> None:
        self._walks = walks
        self._forward = forward

    def seek(self, key: str) -> str | None:
        """The first id from `key` on; None at the end."""
        found = [walk.key(item) for walk in self._walks if (item := walk.seek(key)) is not None]
        return first(found, self._forward) if found else None


class Common:
    """The ids that are in all of several lists.

    In turn, each list goes on to the place where the one before it is, until all of them are at the same id.
    """

    def __init__(self, lists: Sequence[Either], forward: bool, start: str) -> None:
        self._lists = lists
        self._forward = forward
        self.place = start
        self._found = False

    def peek(self) -> tuple[str, Item] | None:
        agreed = len(self._lists) if self._found else 0
        turn = 0
        while agreed < len(self._lists):
            at = self._lists[turn % len(self._lists)].seek(self.place)
            if at is None:
                self.place = end(forward=self._forward)
                return None
            agreed = agreed + 1 if at == self.place else 1
            self.place = at
            turn += 1
        self._found = True
        return self.place, {}

    def step(self) -> None:
        self.place = past(self.place, forward=self._forward)
        self._found = False


# `place` is where the next entry is or may be: the stream has none before it. `peek` gives the next entry and its sort
# key, None at the end; `step` goes past it.
Stream = Direct | Common


def first(keys: Iterable[str], forward: bool) -> str:
    """The sort key that comes first in this direction."""
    return (min if forward else max)(keys, key=str.encode)


class Merged:
    """Several streams as one, in order. No entry is in two of them."""

    def __init__(self, streams: Sequence[Stream], forward: bool) -> None:
        self._streams = streams
        self._forward = forward

    @property
    def place(self) -> str:
        return first((stream.place for stream in self._streams), self._forward)

    def take(self, count: int) -> tuple[list[tuple[str, Item]], str | None]:
        """The next entries, at most `count`, and the place of the one after them; None at the end.

        There are fewer than `count` before the end where no more Queries are allowed.
        """
        taken: list[tuple[str, Item]] = []
        try:
            while head := self._head():
                stream, key, item = head
                if len(taken) == count:
                    return taken, key
                taken.append((key, item))
                stream.step()
        except BudgetSpentError:
            return taken, self.place
        return taken, None

    def _head(self) -> tuple[Stream, str, Item] | None:
        best: tuple[Stream, str, Item] | None = None
        for stream in self._streams:
            head = stream.peek()
            if head and (best is None or before(head[0], best[1], forward=self._forward)):
                best = stream, *head
        return best
