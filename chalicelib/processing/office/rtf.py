"""RTF: its text and its information group (Rich Text Format specification 1.9.1).

Nothing that is embedded is decoded: pictures and objects are passed over.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from chalicelib.processing.office.found import DamagedError, Found
from chalicelib.processing.office.package import number

MAX_DEPTH = 1000

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.S
)

# Groups whose words are not the document's text.
_UNWANTED = frozenset(
    {"fonttbl", "colortbl", "stylesheet", "listtable", "listoverridetable", "revtbl", "rsidtbl", "filetbl", "xmlnstbl"}
    | {"generator", "themedata", "colorschememapping", "datastore", "latentstyles", "pict", "object", "objdata"}
    | {"header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "pntext", "fldinst"}
    | {"pntxta", "pntxtb", "bkmkstart", "bkmkend", "annotation", "atnid", "atnauthor"}
)
_SAID = {"title": "title", "author": "author", "creatim": "created", "revtim": "modified"}
_CHARACTERS = {
    "par": "\n",
    "sect": "\n",
    "line": "\n",
    "page": "\n",
    "row": "\n",
    "cell": "\t",
    "tab": "\t",
    "emdash": "\N{EM DASH}",
    "endash": "\N{EN DASH}",
    "lquote": "\N{LEFT SINGLE QUOTATION MARK}",
    "rquote": "\N{RIGHT SINGLE QUOTATION MARK}",
    "ldblquote": "\N{LEFT DOUBLE QUOTATION MARK}",
    "rdblquote": "\N{RIGHT DOUBLE QUOTATION MARK}",
    "bullet": "\N{BULLET}",
}
_TIME = ("yr", "mo", "dy", "hr", "min", "sec")


@dataclass
class _Group:
    """The state between a pair of braces: `into` names the fact that the words belong to, "text", or None."""

    into: str | None
    skips: int = 1  # characters after `\u` that repeat it for older programs
    hidden: bool = False


class _Reader:
    def __init__(self, data: bytes, found: Found) -> None:
        self.data, self.found = data, found
        self.groups = [_Group("text")]
        self.said: dict[str, list[str]] = {}
        self.times: dict[str, dict[str, int]] = {}
        self.encoding, self.bytes = "cp1252", bytearray()
        self.to_skip = 0
        self.starred = False

    def read(self) -> None:
        at = 0
        while match := _TOKEN.match(self.data, at):
            at = match.end()
            if match[1]:
                at += self._word(match[1].decode(), number_of(match[2]))
            elif match[3]:
                self._byte(bytes.fromhex(match[3].decode())[0])
            elif match[4]:
                self._symbol(match[4])
            elif match[5] and not self._brace(match[5]):
                break
            elif match[6]:
                self._plain(match[6])
            if self.found.full:
                break
        self._flush()

    def _word(self, word: str, value: int | None) -> int:
        """Acts on a control word. Returns how many bytes after it are none of the text."""
        group, starred, self.starred = self.groups[-1], self.starred, False
        if word == "bin":
            return max(0, value or 0)
        if word == "u" and value is not None:
            self._unicode(value)
        elif word == "uc":
            group.skips = min(10, max(0, value or 0))
        elif word == "ansicpg":
            self.encoding = _encoding(value)
        elif word == "v":
            group.hidden = value != 0
        elif word in _SAID and group.into in ("info", *_SAID.values()):
            self._flush()
            group.into = _SAID[word]
        elif word in _TIME and group.into in ("created", "modified"):
            self.times.setdefault(group.into, {})[word] = value or 0
        elif word in ("nofpages", "nofwords") and group.into == "info":
            self.found.facts["pages" if word == "nofpages" else "said_words"] = number(str(value))
        elif word == "info":
            self._flush()
            group.into = "info"
        elif word in _UNWANTED or (starred and word not in ("shppict", "shpinst", "shptxt")):
            self._flush()
            group.into = None
        elif word in _CHARACTERS:
            self._say(_CHARACTERS[word])
        return 0

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.starred = True
        elif symbol in b"\\{}":
            self._byte(symbol[0])
        elif symbol in b"\r\n":
            self._say("\n")
        elif symbol in b"~":
            self._say(" ")
        elif symbol in b"_":
            self._say("-")

    def _brace(self, brace: bytes) -> bool:
        """False at the end of the document, and where it is nested too deeply to be one."""
        self._flush()
        self.starred, self.to_skip = False, 0
        if brace == b"}":
            self.groups.pop()
        elif len(self.groups) <= MAX_DEPTH:
            group = self.groups[-1]
            self.groups.append(_Group(group.into, group.skips, group.hidden))
        else:
            self.found.unread = f"Groups nested more than {MAX_DEPTH:,} deep were not read."
            return False
        return len(self.groups) > 1

    def _byte(self, value: int) -> None:
        if self.to_skip:
            self.to_skip -= 1
        else:
            self.bytes.append(value)

    def _plain(self, words: bytes) -> None:
        skipped = min(self.to_skip, len(words))
        self.to_skip -= skipped
        if self.groups[-1].into:
            self.bytes += words[skipped:]

    def _unicode(self, value: int) -> None:
        self._say(chr(value & 0xFFFF))
        self.to_skip = self.groups[-1].skips

    def _say(self, words: str) -> None:
        self._flush()
        self._add(words)

    def _flush(self) -> None:
        """Bytes are kept until the next word, because a character may have two of them."""
        if self.bytes:
            words, self.bytes = self.bytes.decode(self.encoding, "replace"), bytearray()
            self._add(words)

    def _add(self, words: str) -> None:
        group = self.groups[-1] if self.groups else _Group(None)
        if group.into == "text" and not group.hidden:
            self.found.say(words)
        elif group.into in ("title", "author"):
            self.said.setdefault(group.into, []).append(words[:1000])


def number_of(text: bytes | None) -> int | None:
    return int(text) if text else None


def _encoding(page: int | None) -> str:
    try:
        return codecs.lookup(f"cp{page}").name
    except LookupError:
        return "cp1252"


def read_document(data: bytes, found: Found) -> None:
    if not data.lstrip().startswith(b"{\\rtf"):
        raise DamagedError("it does not begin as RTF does")
    reader = _Reader(data, found)
    reader.read()
    found.facts |= {name: _paired("".join(words[:100])) for name, words in reader.said.items()}
    for name, parts in reader.times.items():
        year, month, day, *clock = (parts.get(part, 0) for part in _TIME)
        found.facts[name] = f"{year:04}-{month or 1:02}-{day or 1:02}T" + ":".join(f"{each:02}" for each in clock)


def _paired(text: str) -> str:
    """Characters above 0xFFFF stand in RTF as two halves."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
