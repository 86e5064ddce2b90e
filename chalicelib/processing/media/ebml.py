"""The elements of Matroska and WebM (EBML: RFC 8794; RFC 9559), in a file of which only their headers are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SEGMENT, SEEK_HEAD, INFO, TRACKS, CUES, CLUSTER = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1F43B675

_LONGEST_HEADER = 12  # bytes: a name has at most four, and a length eight


@dataclass(frozen=True, slots=True)
class Element:
    """`start` is where it begins, `content` where its content does, and `end` where it ends by its own header.

    `end` is None where the header does not tell: such an element goes on until one comes that can't be inside.
    """

    name: int
    start: int
    content: int
    end: int | None


def header(data: bytes, at: int = 0) -> tuple[int, int | None, int]:
    """(name, length or None if it is unknown, where the content begins). Raises ValueError if no element is here."""
    wide = _width(data, at)
    if wide > 4:
        raise ValueError("no element is here")
    long = _width(data, at + wide)
    content = at + wide + long
    if content > len(data):
        raise ValueError("the element's header ends")
    most = (1 << 7 * long) - 1
    length = int.from_bytes(data[at + wide : content]) & most
    return int.from_bytes(data[at : at + wide]), None if length == most else length, content


def variable(data: bytes, at: int = 0) -> tuple[int, int]:
    """(number of a variable length, such as a block's track, where it ends). Raises ValueError."""
    wide = _width(data, at)
    if at + wide > len(data):
        raise ValueError("the number ends")
    return int.from_bytes(data[at : at + wide]) & ((1 << 7 * wide) - 1), at + wide


def _width(data: bytes, at: int) -> int:
    if at >= len(data) or not data[at]:
        raise ValueError("no element is here")
    return 9 - data[at].bit_length()


def element(data: BinaryIO, at: int) -> Element | None:
    """The element that begins here; None if none does."""
    data.seek(at)
    try:
        name, length, content = header(data.read(_LONGEST_HEADER))
    except ValueError:
        return None
    return Element(name, at, at + content, None if length is None else at + content + length)


def elements(data: BinaryIO, start: int, end: int, *, most: int) -> Iterator[tuple[Element, int]]:
    """(element, where it ends) of at most `most` of them between two places. At a damaged place they end."""
    for _ in range(most):
        found = element(data, start) if start < end else None
        if found is None:
            return
        start = end if found.end is None else min(found.end, end)
        yield found, start


def segment(data: BinaryIO, size: int, *, most: int) -> tuple[int, int] | None:
    """Where the content of the file's Segment begins, and where it ends; None if the file has none."""
    tops = elements(data, 0, size, most=most)
    return next(((each.content, end) for each, end in tops if each.name == SEGMENT), None)


def parts(body: bytes, *, most: int) -> Iterator[tuple[int, bytes]]:
    """(name, content) of at most `most` elements one behind the other. At a damaged place they end."""
    at = 0
    for _ in range(most):
        try:
            name, length, content = header(body, at)
        except ValueError:
            return
        at = len(body) if length is None else content + length
        yield name, body[content:at]
