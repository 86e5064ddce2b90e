"""The list of what is inside a file, as a rendition: `entries.json`, of archives and of e-mails with attachments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from chalicelib.model import Rendition
from chalicelib.renditions.entry_names import MAX_ENTRIES
from chalicelib.text import CONTROLS

# Bytes of a list. The API reads a whole list to answer with one page of it.
MAX_BYTES = 4 * 1024**2

# Characters of an entry's name.
MAX_NAME = 1000

# Bytes of which one packed byte makes so many are a danger for whoever unpacks them.
RATIO = 100
RATIO_BYTES = 10 * 1024**2

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = re.compile(f"[{CONTROLS}{_BIDI}]")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")
SEPARATOR = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `size` and `packed_size` in bytes, None where the file does not say; `modified_at` as records have it.

    `flags` are dangers for whoever unpacks it: `absolute`, `parent`, `controls` (characters that are left out of the
    name), `links`, `devices`, `ratio`; and `method` where it is compressed in a way that nobody reads here.
    """

    name: str
    size: int | None = None
    packed_size: int | None = None
    modified_at: str | None = None
    directory: bool = False
    encrypted: bool = False
    flags: tuple[str, ...] = ()


def shown_name(name: str) -> str:
    """The name without control characters, and without those that change the direction of the text beside them."""
    return _UNSEEN.sub("", name[: 2 * MAX_NAME])[:MAX_NAME]


def flags_of_name(name: str) -> list[str]:
    """The dangers in a name, as the file has it."""
    flags = []
    if _ABSOLUTE.match(name):
        flags.append("absolute")
    if ".." in SEPARATOR.split(name):
        flags.append("parent")
    if _UNSEEN.search(name):
        flags.append("controls")
    return flags


def is_bomb(size: int, packed: int) -> bool:
    """True if so many bytes are made of so few that they may be meant to fill a disk."""
    return size > RATIO_BYTES and size > RATIO * max(1, packed)


def rendition(entries: Iterable[Entry]) -> tuple[Rendition, bytes, int]:
    """The rendition, its bytes, and how many of the entries it has: at most MAX_ENTRIES, in MAX_BYTES."""
    lines: list[bytes] = []
    length = len(b'{"entries":[]}')
    for entry in entries:
        line = json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":")).encode()
        length += len(line) + 1
        if len(lines) == MAX_ENTRIES or length > MAX_BYTES:
            break
        lines.append(line)
    body = b'{"entries":[' + b",".join(lines) + b"]}"
    return Rendition(name="entries", format="json", content_type="application/json", size=len(body)), body, len(lines)
