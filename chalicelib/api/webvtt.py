"""Reads captions of strangers, WebVTT or SubRip, and writes them anew as WebVTT. Pure.

Nothing of the client's text is passed on as it is. What is written has cues: their ids, times, settings and text, with
the tags `b i u c v lang ruby rt` and times in the text. Style sheets, regions, notes, scripts and all other tags are
left out. https://www.w3.org/TR/webvtt1/
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.renditions.captions import vtt_time
from chalicelib.text import CONTROLS

MAX_CUES = 20_000
MAX_ID = 200  # characters
MAX_OPEN = 32  # tags in one another; more are left out

_HEADER = re.compile(r"WEBVTT(?:[ \t].*)?")
_VTT_TIME = r"(?:([0-9]{2,3}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})"
_SRT_TIME = r"(?:([0-9]{1,3}):)?([0-5]?[0-9]):([0-5]?[0-9])[,.]([0-9]{1,3})"
_VTT_TIMES = re.compile(rf"\s*{_VTT_TIME}\s+-->\s+{_VTT_TIME}(?:\s+(.*))?")
_SRT_TIMES = re.compile(rf"\s*{_SRT_TIME}\s*-->\s*{_SRT_TIME}(?:\s+(.*))?")
_TIME = re.compile(_VTT_TIME)

_PERCENT = r"(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]{1,6})?)%"
_SETTINGS = {
    "vertical": re.compile(r"rl|lr"),
    "line": re.compile(rf"(?:-?[0-9]{{1,4}}|{_PERCENT})(?:,(?:start|center|end))?"),
    "position": re.compile(rf"{_PERCENT}(?:,(?:line-left|center|line-right))?"),
    "size": re.compile(_PERCENT),
    "align": re.compile(r"start|center|end|left|right"),
}

# Blocks that may hold anything, a style sheet that loads something among it. They are left out whole.
_NO_CUES = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t].*)?")

_TAG = re.compile(r"<(/?)([A-Za-z]*)((?:\.[^\s.>]*)*)(?:[ \t\n]([^>]*))?>")
# A tag, or text. A `<` that begins no tag is text: people write `1 < 2`.
_TOKEN = re.compile(r"</?[A-Za-z0-9.][^<>]*>|<|[^<]+")
_CLASS = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")
_ALLOWED = frozenset({"b", "i", "u", "c", "v", "lang", "ruby", "rt"})
# Tags whose content is no text for people.
_SILENT = re.compile(r"<\s*(script|style)\b[^<>]*>.*?(?:<\s*/\s*\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
# The commands of other formats in SubRip: `{\an8}`.
_COMMANDS = re.compile(r"\{\\[^}]{0,100}\}")
_BLOCK = re.compile("NOTE|STYLE|REGION|WEBVTT")
_CONTROL = re.compile(f"[{CONTROLS}]")


class InvalidCaptionsError(Exception):
    """`line` counts from 1. `message` is a sentence without its subject, to come after the line."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line} {message}")
        self.line = line


@dataclass(frozen=True)
class _Cue:
    start: int  # milliseconds, as `end`
    end: int
    id: str
    settings: str
    text: str

    def __str__(self) -> str:
        times = f"{vtt_time(self.start)} --> {vtt_time(self.end)}"
        head = f"{times} {self.settings}" if self.settings else times
        return "\n".join(([self.id] if self.id else []) + [head, self.text])


def rewritten(text: str) -> str:
    """The captions as WebVTT, in the order of their times. Raises InvalidCaptionsError for what can't be read."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    is_vtt = _HEADER.fullmatch(lines[0]) is not None
    cues = [cue for cue in _cues(lines, is_vtt) if cue.text]
    if not cues:
        raise InvalidCaptionsError(len(lines), "is the last one, and the text has no captions with words")
    cues.sort(key=lambda cue: cue.start)
    return "\n\n".join(["WEBVTT", *map(str, cues)]) + "\n"


def _cues(lines: list[str], is_vtt: bool) -> Iterator[_Cue]:
    count = 0
    blocks = _blocks(lines)
    if is_vtt:
        number, header = next(blocks)
        times = next((n for n, line in enumerate(header) if "-->" in line), None)
        if times is not None:
            raise InvalidCaptionsError(number + times, "comes before the empty line that ends the header")
    for number, block in blocks:
        if is_vtt and _NO_CUES.fullmatch(block[0]) and not any("-->" in line for line in block[:2]):
            continue
        count += 1
        if count > MAX_CUES:
            raise InvalidCaptionsError(number, f"begins one caption too many: a file may have {MAX_CUES}")
        yield _cue(number, block, is_vtt)


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines) of what is between empty lines."""
    start = 0
    for end in range(len(lines) + 1):
        if end == len(lines) or not lines[end].strip():
            if end > start:
                yield start + 1, lines[start:end]
            start = end + 1


def _cue(number: int, block: list[str], is_vtt: bool) -> _Cue:
    """The caption in a block whose first line has this number."""
    at = next((n for n in (0, 1) if n < len(block) and "-->" in block[n]), None)
    if at is None:
        wanted = "00:00:01.000 --> 00:00:02.000" if is_vtt else "00:00:01,000 --> 00:00:02,000"
        raise InvalidCaptionsError(number, f"must be the times of a caption, such as {wanted}, or a name before them")
    match = (_VTT_TIMES if is_vtt else _SRT_TIMES).fullmatch(block[at])
    if match is None:
        raise InvalidCaptionsError(number + at, "has times that can't be read")
    start, end = _milliseconds(*match.groups()[:4]), _milliseconds(*match.groups()[4:8])
    if end <= start:
        raise InvalidCaptionsError(number + at, "has a caption that ends before it begins")
    for n, line in enumerate(block[at + 1 :], at + 1):
        if "-->" in line:
            raise InvalidCaptionsError(number + n, "has times, but no empty line before it")
    payload = "\n".join(block[at + 1 :])
    return _Cue(
        start,
        end,
        _id(block[0]) if at else "",
        _settings(match[9] or "") if is_vtt else "",
        _payload(payload if is_vtt else _COMMANDS.sub("", payload)),
    )


def _id(line: str) -> str:
    """A cue's id; empty for one that another reader could take for a block of another sort."""
    name = _plain(line).strip()[:MAX_ID]
    return "" if _BLOCK.match(name) else name


def _milliseconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _settings(text: str) -> str:
    """The settings of a cue that are as the standard has them, each once."""
    found: dict[str, str] = {}
    for word in text.split():
        name, _, value = word.partition(":")
        if name in _SETTINGS and _SETTINGS[name].fullmatch(value):
            found.setdefault(name, value)
    return " ".join(f"{name}:{value}" for name, value in found.items())


def _payload(text: str) -> str:
    """A caption's text: with the allowed tags only, each closed, and without empty lines, which would end the cue."""
    out: list[str] = []
    opened: list[str] = []
    for token in _TOKEN.findall(_SILENT.sub("", text)):
        if len(token) == 1 or token[0] != "<":
            out.append(_escaped(token))
        elif _TIME.fullmatch(token[1:-1]):
            out.append(token)
        elif match := _TAG.fullmatch(token):
            out.append(_tag(match, opened))
    out += [f"</{name}>" for name in reversed(opened)]
    lines = (line.strip() for line in "".join(out).split("\n"))
    return "\n".join(line for line in lines if line)


def _tag(match: re.Match[str], opened: list[str]) -> str:
    """An allowed tag as it is written; nothing for any other. `opened` are the tags that are open here."""
    end, name, classes, annotation = match.groups()
    name = name.lower()
    if name not in _ALLOWED or (name == "rt" and not end and opened[-1:] != ["ruby"]):
        return ""
    if end:
        if name not in opened:
            return ""
        closed = []
        while (inner := opened.pop()) != name:
            closed.append(f"</{inner}>")
        return "".join([*closed, f"</{name}>"])
    if len(opened) == MAX_OPEN:
        return ""
    opened.append(name)
    kept = "".join(f".{each}" for each in classes.split(".")[1:] if _CLASS.fullmatch(each))
    said = _annotation(name, annotation or "")
    return f"<{name}{kept}{' ' if said else ''}{said}>"


def _annotation(name: str, text: str) -> str:
    """The name of a voice, or a language. No other tag has one."""
    if name == "v":
        return _escaped(text).replace("\n", " ").strip()
    return text.strip() if name == "lang" and _LANGUAGE.fullmatch(text.strip()) else ""


def _escaped(text: str) -> str:
    """Text as WebVTT has it. References are read first, so that nothing is escaped twice."""
    lines = (_plain(html.unescape(line)) for line in text.split("\n"))
    written = html.escape("\n".join(lines), quote=False)
    for character, reference in (("\u00a0", "&nbsp;"), ("\u200e", "&lrm;"), ("\u200f", "&rlm;")):
        written = written.replace(character, reference)
    return written


def _plain(line: str) -> str:
    """A line without control characters, which references may stand for."""
    return _CONTROL.sub(" ", line)
