"""Text of any sort: plain, tables, JSON, XML, Markdown, source, logs, subtitles.

The file is read once from beginning to end, a piece at a time. The record gets its encoding, its counts and its first
characters, and what the format adds: delimiter and columns of a table, the structure of JSON. A picture of the first
lines is drawn. Nothing in the text is followed or run.
"""

from __future__ import annotations

import io

from chalicelib.facts import MAX_BYTES as MAX_FACTS
from chalicelib.facts import TextInfo
from chalicelib.model import FileWarning, Preview
from chalicelib.processing import text_outline
from chalicelib.processing.encodings import Decoder
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.names import clean
from chalicelib.processing.pictures import emit_pictures
from chalicelib.processing.tables import DELIMITERS, Table, delimiter_of, read_table
from chalicelib.processing.text_reader import Reader

# Bytes that are read in all, and for the first look.
MAX_BYTES = 128 * 1024**2
HEAD = 64 * 1024

# Characters of the excerpt, and of the text for search.
EXCERPT = 1000
SEARCHED = 2_000_000

# The excerpt has the words of these, and of other formats the first characters as they are.
_WITHOUT_MARKUP = ("html", "vtt", "srt")

# Bytes of a file whose words are counted.
MAX_COUNTED = 16 * 1024**2


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Never fails for what the text says: bytes that are no text of the encoding are replaced."""
    source.data.seek(0)
    head = source.data.read(HEAD)
    decoder = Decoder(source.content_type)
    start = decoder.decode(head, final=source.size <= HEAD)
    preview, warnings = _picture(start, order, emit)
    if order.only is not None:
        return Made(preview=preview)
    format = text_outline.format_of(source.content_type, source.filename, start)
    shown = text_outline.readable(format, start) if format in _WITHOUT_MARKUP else ""
    excerpt = clean(shown, EXCERPT) or clean(start, EXCERPT) or ""
    info = TextInfo(format=format, encoding=decoder.encoding, excerpt=excerpt)
    info.language = text_outline.language(format, start)
    text = _read(source, info, start, warnings)
    names = tuple(column.name for column in info.columns if column.name)
    headings = names or text_outline.headings(format, start)
    return Made(info, preview, text_outline.readable(format, text[:SEARCHED]), headings, tuple(warnings))


def _read(source: Source, info: TextInfo, start: str, warnings: list[FileWarning]) -> str:
    """Reads the file into the facts. Returns its first characters."""
    delimiter = _delimiter(info, start, whole=source.size <= HEAD)
    if source.size > MAX_BYTES:
        message = f"Only the first {HEAD // 1024} KiB of more than {MAX_BYTES // 1024**2} MiB were read."
        warnings.append(FileWarning(code="too_large_to_read", message=message))
        if delimiter:
            whole_lines = io.StringIO(start, newline="").readlines()[:-1]
            _describe(info, read_table(whole_lines, delimiter), warnings)
            info.rows = None
        return start
    reader = Reader(source.data, source.content_type, text_outline.MAX_JSON + 1 if info.format == "json" else SEARCHED)
    count_words = source.size <= MAX_COUNTED
    if delimiter:
        _describe(info, read_table(reader.each_line(count_words=count_words), delimiter), warnings)
    for _ in reader.pieces(count_words=count_words):  # what the table left
        pass
    if delimiter and (info.rows is None or reader.cut):
        info.rows = None
        message = "Rows were not counted, because a line or a value has more than a million characters."
        warnings.append(FileWarning(code="rows_not_counted", message=message))
    info.encoding, info.lines = reader.encoding, reader.lines
    info.words = reader.words if count_words else None
    text = reader.text
    if info.format in ("json", "ndjson"):
        _describe_json(info, text, warnings)
    return text


def _delimiter(info: TextInfo, start: str, *, whole: bool) -> str | None:
    """The delimiter to read a table with; None for what is no table. A table of one column has none of its own."""
    if info.format == "tsv":
        return "\t"
    if info.format != "csv":
        return None
    first = start.lstrip().partition("\n")[0]
    return delimiter_of(start, whole=whole) or ("," if first and not any(map(first.__contains__, DELIMITERS)) else None)


def _describe(info: TextInfo, table: Table, warnings: list[FileWarning]) -> None:
    info.delimiter = table.delimiter if table.width > 1 else None
    info.rows, info.columns = table.rows, table.columns
    while _size(info) > MAX_FACTS:
        info.columns = info.columns[: len(info.columns) * 7 // 8]
    if len(info.columns) < table.width:
        message = f"The record lists the first {len(info.columns)} of {table.width} columns."
        warnings.append(FileWarning(code="facts_trimmed", message=message))


def _describe_json(info: TextInfo, text: str, warnings: list[FileWarning]) -> None:
    """The first of the summaries that fits."""
    for number, structure in enumerate(text_outline.structures(info.format, text)):
        info.structure = structure
        if _size(info) <= MAX_FACTS:
            if number:
                message = "The structure is described less deeply, because it is too long for the record."
                warnings.append(FileWarning(code="facts_trimmed", message=message))
            return


def _size(info: TextInfo) -> int:
    return len(info.model_dump_json().encode())


def _picture(start: str, order: Order, emit: Emit) -> tuple[Preview | None, list[FileWarning]]:
    # Pillow is imported only when a picture is drawn.
    from chalicelib.processing.image.drawing import page_of_text

    drawn = page_of_text(start)
    if drawn is None:
        message = "The first lines have letters for which there is no font here, so no picture was drawn."
        return None, [FileWarning(code="no_preview", message=message)]
    return emit_pictures(drawn, order, emit), []
