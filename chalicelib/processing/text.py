"""Text of any sort: plain, tables, JSON, XML, Markdown, source, logs, subtitles.

The file is read once from beginning to end, a piece at a time. The record gets its encoding, its counts and its first
characters, and what the format adds: delimiter and columns of a table, the structure of JSON. A picture of the first
lines is drawn. Nothing in the text is followed or run.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from chalicelib.facts import TextInfo
from chalicelib.model import FileWarning
from chalicelib.processing.encodings import decoder_of, encoding_of
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.names import clean
from chalicelib.processing.pictures import emit_pictures
from chalicelib.processing.tables import delimiter_of, read_table

# Bytes that are read in all, at once, and for the first look.
MAX_BYTES = 128 * 1024**2
PIECE = 1024**2
HEAD = 64 * 1024

# Characters: of the excerpt, of the text for search, and of JSON that is parsed whole.
EXCERPT = 1000
SEARCHED = 2_000_000
MAX_JSON = 16_000_000

# Bytes in which words are counted.
MAX_COUNTED = 16 * 1024**2

_FORMATS = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/xml": "xml",
    "text/xml": "xml",
    "text/markdown": "markdown",
    "text/html": "html",
    "text/vtt": "vtt",
    "application/x-subrip": "srt",
}
_EXTENSIONS = {
    "csv": "csv",
    "tsv": "tsv",
    "json": "json",
    "ndjson": "ndjson",
    "jsonl": "ndjson",
    "xml": "xml",
    "md": "markdown",
    "log": "log",
    "srt": "srt",
    "vtt": "vtt",
    "html": "html",
    "htm": "html",
    **dict.fromkeys(("py", "js", "ts", "java", "c", "h", "cpp", "go", "rs", "rb", "sh", "sql", "css", "php"), "source"),
}


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Never fails for what the text says: bytes that are no text of the encoding are replaced."""
    source.data.seek(0)
    head = source.data.read(HEAD)
    encoding = encoding_of(head, source.content_type, whole=source.size <= HEAD)
    start = decoder_of(encoding).decode(head)
    preview, warnings = _picture(start, order, emit)
    if order.only is not None:
        return Made(preview=preview)
    info = TextInfo(format=_format(source, start), encoding=encoding, excerpt=clean_excerpt(start))
    text = start
    if source.size <= MAX_BYTES:
        text = _read(source, info, start)
    else:
        message = f"Only the first {HEAD // 1024} KiB of more than {MAX_BYTES // 1024**2} MiB were read."
        warnings.append(FileWarning(code="too_large_to_read", message=message))
    return Made(info, preview, text, _headings(info, start), tuple(warnings))


def _format(source: Source, start: str) -> str:
    named = _FORMATS.get(source.content_type.partition(";")[0].strip().lower())
    named = named or _EXTENSIONS.get(source.filename.rpartition(".")[2].lower())
    if named:
        return named
    stripped = start.lstrip()
    if stripped[:1] in ("{", "[") and _json(start) is not _NONE:
        return "json"
    return "xml" if stripped.startswith("<?xml") else "plain"


def _read(source: Source, info: TextInfo, start: str) -> str:
    """Reads the whole file into the facts. Returns the text for search."""
    delimiter = "\t" if info.format == "tsv" else delimiter_of(start) if info.format == "csv" else None
    kept = _Kept(source, info.encoding)
    if delimiter:
        table = read_table(kept.lines(), delimiter)
        info.delimiter, info.rows, info.columns = table.delimiter, table.rows, table.columns
    for _ in kept.pieces():  # what the table did not read
        pass
    info.lines = kept.line_ends + (1 if kept.last not in ("", "\n") else 0)
    info.words = kept.words if source.size <= MAX_COUNTED else None
    if info.format in ("json", "ndjson"):
        info.structure = _structure(info, kept.text)
    return kept.text


class _Kept:
    """Decodes a file piece by piece, counts on the way, and keeps the beginning for search."""

    def __init__(self, source: Source, encoding: str) -> None:
        self.line_ends = self.words = 0
        self.last = ""
        self.text = ""
        self._source, self._decoder = source, decoder_of(encoding)
        self._counts_words = source.size <= MAX_COUNTED
        self._half_a_word = False
        source.data.seek(0)

    def pieces(self) -> Iterator[str]:
        while True:
            block = self._source.data.read(PIECE)
            piece = self._decoder.decode(block, final=not block)
            if piece:
                self._note(piece)
                yield piece
            if not block:
                return

    def lines(self) -> Iterator[str]:
        """The lines with their ends. A line longer than a value may be is cut, so that none takes all memory."""
        rest = ""
        for piece in self.pieces():
            whole = io.StringIO(rest + piece, newline="")
            *full, rest = whole.readlines() or [""]
            yield from full
            if len(rest) > 4 * PIECE:
                yield rest
                rest = ""
        if rest:
            yield rest

    def _note(self, piece: str) -> None:
        self.line_ends += piece.count("\n")
        self.last = piece[-1]
        if self._counts_words:
            self.words += len(piece.split())
            if self._half_a_word and not piece[0].isspace():
                self.words -= 1  # its first half was counted with the piece before
            self._half_a_word = not piece[-1].isspace()
        if len(self.text) < SEARCHED:
            self.text += piece[: SEARCHED - len(self.text)]


_NONE = object()


def _json(text: str) -> Any:
    """The parsed document; `_NONE` for text that is no JSON, is too long, or is nested too deeply."""
    if len(text) > MAX_JSON:
        return _NONE
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NONE


def _structure(info: TextInfo, text: str) -> Any:
    """A summary: of an object its keys with their types, of a list its length and the summary of its first element."""
    if info.format == "ndjson":
        first = next((line for line in text.splitlines() if line.strip()), "")
        return {"type": "lines", "of": _summary(_json(first), 0)}
    return _summary(_json(text), 0)


def _summary(value: Any, depth: int) -> Any:
    if value is _NONE:
        return None
    if isinstance(value, dict):
        if depth == 3:
            return {"type": "object", "size": len(value)}
        keys = {(clean(key, 100) or ""): _summary(each, depth + 1) for key, each in list(value.items())[:20]}
        return {"type": "object", "size": len(value), "keys": keys}
    if isinstance(value, list):
        return {"type": "list", "length": len(value), "of": _summary(value[0], depth + 1) if value else None}
    names = {bool: "boolean", int: "integer", float: "number", str: "text"}
    return {"type": names.get(type(value), "null")}


def clean_excerpt(start: str) -> str:
    """The first characters on one line."""
    return clean(start, EXCERPT) or ""


def _headings(info: TextInfo, start: str) -> tuple[str, ...]:
    """What counts most for search: headings of Markdown, names of columns, the first line of anything else."""
    if info.columns:
        return tuple(column.name for column in info.columns if column.name)
    lines = [line.strip() for line in start.splitlines() if line.strip()]
    if info.format == "markdown":
        return tuple(line.lstrip("# ") for line in lines if line.startswith("#"))[:20]
    return tuple(lines[:1])


def _picture(start: str, order: Order, emit: Emit) -> tuple[Any, list[FileWarning]]:
    # Pillow is imported only when a picture is drawn.
    from chalicelib.processing.image.drawing import page_of_text

    drawn = page_of_text(start)
    if drawn is None:
        message = "The first lines have letters for which there is no font here, so no picture was drawn."
        return None, [FileWarning(code="no_preview", message=message)]
    return emit_pictures(drawn, order, emit), []
