"""Facts about files that are no images, by kind: the object that a record has under its kind's name.

Each is at most `MAX_BYTES` as JSON. Longer results are renditions. Times are RFC 3339 in UTC, as the file says them;
None where it says none. A text from a file is at most `MAX_TEXT` characters long, without control characters.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_BYTES = 16 * 1024
MAX_TEXT = 1000

Words = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class Facts(BaseModel):
    """Base of all facts. A class is built when it is first used by itself: every function imports all of them."""

    model_config = ConfigDict(defer_build=True)


class PdfInfo(Facts):
    """`pages` is a count, `sizes` has (width, height) of the first ones in points (1/72 inch).

    `signatures`, `attachments` and `scripts` (JavaScript actions, which nobody runs here) are counts.
    """

    pages: int | None = None
    sizes: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(default_factory=list)
    title: Words | None = None
    author: Words | None = None
    created_at: str | None = None
    modified_at: str | None = None
    encrypted: bool = False
    forms: bool = False
    signatures: int = 0
    attachments: int = 0
    scripts: int = 0


class DocumentInfo(Facts):
    """A text document. `format` is the usual extension: `docx`, `odt`, `rtf`, `epub`, `doc` …

    `pages` is the count that the file itself says; nobody counts them here. `words` are counted; of a text that was not
    read whole, it is the file's own count.
    """

    format: str
    title: Words | None = None
    author: Words | None = None
    created_at: str | None = None
    modified_at: str | None = None
    pages: int | None = None
    words: int | None = None
    encrypted: bool = False


class PresentationInfo(Facts):
    """A deck. `format` is the usual extension: `pptx`, `odp` … `slides` is a count, `words` as above."""

    format: str
    slides: int | None = None
    title: Words | None = None
    author: Words | None = None
    created_at: str | None = None
    modified_at: str | None = None
    words: int | None = None
    encrypted: bool = False


class Column(Facts):
    """A column of a table: its name in the header, and the type of its values.

    `type` is `text`, `integer`, `number`, `boolean`, `date`, `mixed` or `empty`.
    """

    name: Words | None
    type: str


class Sheet(Facts):
    """`rows` and `columns` are counts of the area with values, with the header; None where nobody read the cells.

    `header` has the columns, with names if the first row has names. `first_rows` are the first values below as text.
    """

    name: Words
    rows: int | None = None
    columns: int | None = None
    header: list[Column] = Field(default_factory=list)
    first_rows: list[list[Words | None]] = Field(default_factory=list)


class SpreadsheetInfo(Facts):
    """A workbook. `format` is the usual extension: `xlsx`, `ods`, `xls` … `sheet_count` has those not listed, too."""

    format: str
    sheet_count: int | None = None
    sheets: list[Sheet] = Field(default_factory=list)
    title: Words | None = None
    author: Words | None = None
    created_at: str | None = None
    modified_at: str | None = None
    encrypted: bool = False


class TextInfo(Facts):
    """Text of any sort. `encoding` is IANA's name; `format` is `plain`, `csv`, `tsv`, `json`, `ndjson`, `xml` …

    `lines` and `words` are counts; None where the file is too long to count. A table has `delimiter`, `rows` and
    `columns`; JSON has a `structure`.
    """

    format: str
    encoding: str
    lines: int | None = None
    words: int | None = None
    excerpt: Words = ""
    language: str | None = None
    delimiter: str | None = None
    rows: int | None = None
    columns: list[Column] = Field(default_factory=list)
    structure: Any = None


class ArchiveInfo(Facts):
    """`entries` is a count, `unpacked_size` in bytes as the directory says. `flags` are dangers: `overlap` …"""

    format: str
    entries: int | None = None
    unpacked_size: int | None = None
    encrypted: bool = False
    flags: list[str] = Field(default_factory=list)


class EmailInfo(Facts):
    """Addresses as they stand in the header, decoded. `attachments` is a count."""

    subject: Words | None = None
    from_: Words | None = Field(default=None, alias="from", serialization_alias="from")
    to: list[Words] = Field(default_factory=list)
    date: str | None = None
    attachments: int = 0


class FontInfo(Facts):
    """`glyphs` is a count, `scripts` are ISO 15924 codes that it has letters for."""

    format: str
    family: Words | None = None
    style: Words | None = None
    glyphs: int | None = None
    scripts: list[str] = Field(default_factory=list)


class AudioTrack(Facts):
    """A sound track. `language` as the file says it (BCP 47 or ISO 639-2), `bit_rate` in bit/s, `sample_rate` in Hz."""

    codec: str | None = None
    language: Words | None = None
    title: Words | None = None
    channels: int | None = None
    sample_rate: int | None = None
    bit_rate: int | None = None
    default: bool = False


class Subtitles(Facts):
    """A track of subtitles inside the file."""

    codec: str | None = None
    language: Words | None = None
    title: Words | None = None


class Chapter(Facts):
    """`start` in seconds."""

    start: float
    title: Words | None = None


class Location(Facts):
    """Where something was recorded: degrees (WGS 84), north and east, and metres above the sea."""

    latitude: float
    longitude: float
    altitude: float | None = None


class Loudness(Facts):
    """By EBU R128: `integrated` in LUFS, `range` in LU, `true_peak` in dBTP, the highest of all channels."""

    integrated: float
    range: float | None = None
    true_peak: float | None = None


class VideoInfo(Facts):
    """`width` and `height` are those of the picture as it is shown: turned, and with square pixels.

    `format` is the usual extension. `duration` in seconds, `bit_rate` of the whole file in bit/s, `frame_rate` a second
    on average. `rotation` is how far players turn the stored picture, in degrees clockwise; a `mirrored` one is
    mirrored from left to right before that. An `interlaced` film has two fields in each frame. `hdr` is `pq` or `hlg`.
    `audio_tracks` are the first ones; `audio_track_count` counts all. `location` is there only if the recipe keeps it.
    `poster_time` is that of the frame that the poster shows, in seconds.
    """

    format: str
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    rotation: int = 0
    mirrored: bool = False
    interlaced: bool = False
    frame_rate: float | None = None
    variable_frame_rate: bool = False
    codec: str | None = None
    bit_rate: int | None = None
    hdr: str | None = None
    audio_tracks: list[AudioTrack] = Field(default_factory=list)
    audio_track_count: int | None = None
    subtitles: list[Subtitles] = Field(default_factory=list)
    chapters: list[Chapter] = Field(default_factory=list)
    title: Words | None = None
    created_at: str | None = None
    location: Location | None = None
    tags: dict[str, Words] = Field(default_factory=dict)
    cover: bool = False
    poster_time: float | None = None


class AudioInfo(Facts):
    """Sound. `format` is the usual extension, `duration` in seconds, `bit_rate` in bit/s, `sample_rate` in Hz.

    `language` is that of the track that players choose. `loudness` is None for silence, and where nobody measured it.
    `location` is there only if the recipe keeps it. `cover` is True if the file has a picture of its own.
    """

    format: str
    duration: float | None = None
    codec: str | None = None
    bit_rate: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    language: Words | None = None
    loudness: Loudness | None = None
    title: Words | None = None
    artist: Words | None = None
    album: Words | None = None
    chapters: list[Chapter] = Field(default_factory=list)
    created_at: str | None = None
    location: Location | None = None
    tags: dict[str, Words] = Field(default_factory=dict)
    cover: bool = False
