"""Output: a table for people, tab-separated lines for programs, or JSON; notes go to standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import click

from filemill.cli import text

Raw = Mapping[str, Any]

_PAGE = 200
"""rows of a table whose widths are measured together"""


@dataclass(frozen=True)
class Column:
    """One column of a list."""

    title: str
    value: Callable[[Raw], Any]
    """the value for programs; None is an empty text"""
    shown: Callable[[Any], str] | None = None
    """the value for people"""
    right: bool = False


def field(title: str, name: str, shown: Callable[[Any], str] | None = None, *, right: bool = False) -> Column:
    """The column of one field of the record."""
    return Column(title, lambda raw: raw.get(name), shown, right)


class Output:
    """Writes lists and records in the form that was asked for."""

    def __init__(self, *, as_json: bool, terminal: bool, quiet: bool) -> None:
        self.as_json = as_json
        self.terminal = terminal and not as_json
        self.quiet = quiet

    def rows(self, rows: Iterable[Raw], columns: Sequence[Column], nothing: str = "") -> None:
        """A list. It is written as it comes, so it may be endless. `nothing` is said to people if it is empty."""
        found = 0
        for page in _pages(rows):
            if self.as_json:
                for raw in page:
                    self.json(raw)
            elif self.terminal:
                self._table(page, columns, head=found == 0)
            else:
                for raw in page:
                    self.line(*(column.value(raw) for column in columns))
            found += len(page)
        if not found and nothing:
            self.note(nothing)

    def record(self, raw: Raw, columns: Sequence[Column] = ()) -> None:
        """One record: each field a line. Without columns all fields that are not empty are shown."""
        if self.as_json:
            self.json(raw)
            return
        chosen = columns or [field(name, name) for name, value in raw.items() if value not in (None, [], {}, "")]
        width = max((len(column.title) for column in chosen), default=0)
        for column in chosen:
            value = column.value(raw)
            if self.terminal:
                shown = column.shown(value) if column.shown and value is not None else _plain(value)
                click.echo(f"{click.style(column.title.lower().ljust(width), dim=True)}  {text.visible(shown)}")
            else:
                self.line(column.title.lower(), value)

    def json(self, value: Any) -> None:
        """One JSON text in a line."""
        click.echo(text.visible_json(json.dumps(value, ensure_ascii=False, separators=(",", ":"))))
        sys.stdout.flush()

    def line(self, *values: Any) -> None:
        """Values with tabs between them. Tabs and line ends within a value are written as escapes."""
        click.echo("\t".join(text.visible(_plain(value)) for value in values))

    def note(self, words: str) -> None:
        """A remark for people, on standard error."""
        if not self.quiet:
            click.echo(text.visible(words), err=True)

    def warn(self, words: str) -> None:
        """A remark that is shown in any case."""
        click.echo(text.visible(words), err=True)

    def _table(self, page: list[Raw], columns: Sequence[Column], *, head: bool) -> None:
        from rich.cells import cell_len, set_cell_size

        cells = [[text.visible(_shown(column, raw)) for column in columns] for raw in page]
        titles = [column.title for column in columns]
        widths = [max(cell_len(row[at]) for row in [titles, *cells]) for at in range(len(columns))]
        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
        widths[-1] = max(12, min(widths[-1], room))

        def joined(row: list[str]) -> str:
            fitted = []
            for at, cell in enumerate(row):
                gap = widths[at] - cell_len(cell)
                if gap < 0:
                    fitted.append(set_cell_size(cell, widths[at] - 1) + "…")
                elif columns[at].right:
                    fitted.append(" " * gap + cell)
                else:
                    fitted.append(cell + " " * gap)
            return "  ".join(fitted).rstrip()

        if head:
            click.echo(click.style(joined(titles), bold=True))
        for row in cells:
            click.echo(joined(row))


def _shown(column: Column, raw: Raw) -> str:
    value = column.value(raw)
    return column.shown(value) if column.shown and value is not None else _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _pages(rows: Iterable[Raw]) -> Iterator[list[Raw]]:
    iterator = iter(rows)
    while page := list(islice(iterator, _PAGE)):
        yield page
