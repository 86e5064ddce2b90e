"""A look at a file that leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def position_kept(source: BinaryIO) -> Iterator[None]:
    """The source stands afterwards where it stood before, whatever is read or raised."""
    start = source.tell()
    try:
        yield
    finally:
        source.seek(start)
