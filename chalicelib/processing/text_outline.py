"""The outline of a text by its format: headings, the text without markup, and the structure of JSON."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.processing.names import clean

# Characters of JSON that is parsed, headings of one file, and characters of a heading.
MAX_JSON = 16_000_000
MAX_HEADINGS = 20
MAX_HEADING = 200

_FORMATS = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/markdown": "markdown",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/vtt": "vtt",
    "application/x-subrip": "srt",
}
_SOURCE = re.compile(
    r"text/(javascript|css|(x-)?(script|awk|c|c\+\+|csrc|chdr|c\+\+src|c\+\+hdr|csharp|dart|dsrc|erlang|fortran|go|groovy|"
    r"haskell|java|java-source|kotlin|lisp|lua|m4|makefile|objcsrc|pascal|perl|php|python|python3|ruby|rust|scala|scheme|"
    r"scss|shellscript|sh|sql|swift|tcl|typescript|vb))|"
    r"application/(x-)?(javascript|awk|csh|dart|graphql|httpd-php|lua|m4|perl|php|powershell|python|ruby|sh|shellscript|"
    r"sql|tcl|typescript)"
)
_SOURCE_EXTENSIONS = (
    "py pyi js mjs cjs jsx ts tsx java kt kts scala groovy gradle c h cc cpp cxx hh hpp cs m mm go rs rb sh bash zsh "
    "bat ps1 sql css scss sass less php pl pm lua r jl hs erl ex exs clj el tcl awk swift dart d f90 pas vb asm proto "
    "graphql vue svelte"
)
_EXTENSIONS = {
    "csv": "csv",
    "tsv": "tsv",
    "json": "json",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "xml": "xml",
    "md": "markdown",
    "markdown": "markdown",
    "log": "log",
    "srt": "srt",
    "vtt": "vtt",
    "html": "html",
    "htm": "html",
    **dict.fromkeys(_SOURCE_EXTENSIONS.split(), "source"),
}


def format_of(content_type: str, filename: str, start: str) -> str:
    """The format by the type, then by the extension, then by the first characters; `plain` for anything else."""
    essence = content_type.partition(";")[0].strip().lower()
    named = _FORMATS.get(essence) or _EXTENSIONS.get(filename.rpartition(".")[2].lower())
    if named:
        return named
    if _SOURCE.fullmatch(essence):
        return "source"
    if essence.endswith("+json") or (start.lstrip()[:1] in ("{", "[") and parsed(start) is not None):
        return "json"
    return "xml" if essence.endswith("+xml") or start.lstrip().startswith("<?xml") else "plain"


# --- headings


_FENCE = re.compile(r" {0,3}(```|~~~)")
_ATX = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*)")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_TITLES = re.compile(r"<(?:title|h[1-3])(?:\s[^<>]*)?>([^<>]*)<", re.IGNORECASE)
_LANGUAGE = re.compile(r"<html\s[^<>]*\blang\s*=\s*[\"']?([a-z]{2,3}(?:-[a-z0-9]{2,8}){0,2})\b", re.IGNORECASE)


def headings(format: str, start: str) -> tuple[str, ...]:
    """The parts of a text's first characters that count most for search."""
    if format == "markdown":
        found = _of_markdown(start)
    elif format == "html":
        found = (html.unescape(match[1]) for match in _TITLES.finditer(start))
    elif format == "plain":
        found = iter(start.lstrip().splitlines()[:1])
    else:
        return ()
    cleaned = (clean(heading, MAX_HEADING) for heading, _ in zip(found, range(MAX_HEADINGS), strict=False))
    return tuple(heading for heading in cleaned if heading)


def _of_markdown(text: str) -> Iterator[str]:
    fence, before = "", ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match and fence in ("", match[1]):
            fence = "" if fence else match[1]
        elif not fence:
            if match := _ATX.fullmatch(line):
                yield _unclosed(match[1].rstrip())
            elif before.strip() and _SETEXT.fullmatch(line):
                yield before
            before = line


def _unclosed(heading: str) -> str:
    """`A heading` of `A heading ##`, but `C#` as it is."""
    without = heading.rstrip("#")
    return without if without.endswith((" ", "\t")) else heading


def language(format: str, start: str) -> str | None:
    """The language that an HTML page says it has, by BCP 47. Nobody guesses it for other texts."""
    match = _LANGUAGE.search(start) if format == "html" else None
    return match[1] if match else None


# --- words


_TAG = re.compile(r"<[^<>]*>")
_HIDDEN = re.compile(r"<(/?)(?:script|style)\b[^<>]*>", re.IGNORECASE)
_TIMES = re.compile(r"^(?:[0-9]+|WEBVTT.*|[0-9:.,]+ --> .*)$", re.MULTILINE)


def readable(format: str, text: str) -> str:
    """The text for search: without tags, comments, scripts and styles, and without the times of subtitles."""
    if format == "html":
        return html.unescape(_without_tags("".join(_shown("".join(_uncommented(text))))))
    if format == "xml":
        return html.unescape(_without_tags("".join(_uncommented(text))))
    if format in ("vtt", "srt"):
        words = _without_tags(_TIMES.sub("", text))
        return html.unescape(words) if format == "vtt" else words
    return text


def _uncommented(text: str) -> Iterator[str]:
    """The text that is not between `<!--` and `-->`. A comment without an end goes to the end of the text."""
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        yield text[at:start]
        end = text.find("-->", start + 4)
        if end < 0:
            return
        at = end + 3
    yield text[at:]


def _without_tags(text: str) -> str:
    lines = (" ".join(line.split()) for line in _TAG.sub(" ", text).splitlines())
    return "\n".join(line for line in lines if line)


def _shown(text: str) -> Iterator[str]:
    """The text that is not between `<script>` or `<style>` and its end."""
    at, hidden = 0, False
    for match in _HIDDEN.finditer(text):
        if not hidden:
            yield text[at : match.start()]
        at, hidden = match.end(), not match[1]
    if not hidden:
        yield text[at:]


# --- structure


def parsed(text: str) -> tuple[Any] | None:
    """The document that JSON holds, in a tuple; None for text that is no JSON, or is too long or nested too deeply."""
    if len(text) > MAX_JSON:
        return None
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def structures(format: str, text: str) -> Iterator[Any]:
    """Summaries of JSON, each shorter than the one before: of an object its keys, of a list its first element.

    Where values are separated by lines, the first one is looked at. Nothing for text that is no JSON.
    """
    lines = format == "ndjson"
    document = parsed(next((line for line in text.splitlines() if line.strip()), "") if lines else text)
    if document is None:
        return
    for keys, depth in ((20, 3), (20, 2), (20, 1), (5, 1)):
        found = _summary(document[0], keys, depth)
        yield {"type": "lines", "of": found} if lines else found


def _summary(value: Any, keys: int, depth: int) -> Any:
    if isinstance(value, dict):
        found: dict[str, Any] = {"type": "object", "size": len(value)}
        if depth:
            first = [(key, value[key]) for key, _ in zip(value, range(keys), strict=False)]
            found["keys"] = {clean(key, 100) or "": _summary(each, keys, depth - 1) for key, each in first}
        return found
    if isinstance(value, list):
        found = {"type": "list", "length": len(value)}
        if depth and value:
            found["of"] = _summary(value[0], keys, depth - 1)
        return found
    names = {bool: "boolean", int: "integer", float: "number", str: "text"}
    return {"type": names.get(type(value), "null")}
