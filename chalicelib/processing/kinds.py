"""The kinds of files, and the processor of each. A new kind is one module, and one line in `PROCESSORS`.

A processor is a module with a function `process` (see `Process`). The module is imported when the first file of its
kind comes, so that no other kind waits for its libraries. Its function reads a source, emits renditions, and returns
what the record says of the file. Everything else is done for it: claim, checks, hash, upload, and the record's end.

Helpers for processors: `pictures` makes the recipe's pictures of one that a processor drew or rendered, `child` runs
native code on hostile bytes in a process with bounds, and `names.clean` makes a file's own text fit for a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import BinaryIO, Protocol, cast

from pydantic import BaseModel

from chalicelib.media_types import own_name
from chalicelib.model import FileWarning, Kind, Preview, Rendition, Worker
from chalicelib.processing import sniff
from chalicelib.processing.content_types import is_text_type, one_name
from chalicelib.processing.office import formats
from chalicelib.processing.sniff import ENCRYPTED
from chalicelib.renditions.recipes import Recipe

Emit = Callable[[Rendition, bytes], None]

MIB = 1024**2


@dataclass(frozen=True)
class Source:
    """The file to process. `size` in bytes; `data` is a seekable file object that stands at the first byte.

    A processor should read only what it needs, and ask `data` for nothing else than seek, tell and read: the bytes are
    in memory, or are ranges of the stored object, by the processor's `in_memory`. `filename` is the client's word.
    """

    content_type: str
    size: int
    data: BinaryIO
    filename: str = ""


@dataclass(frozen=True)
class Order:
    """The renditions to make of a source: the recipe's renditions, or, with `only`, those of the size of that name.

    `memory` is what the whole function has, in bytes. `page` is the page of the picture, from 1 on, where a file has
    pages. `poster_time` is the second of a film that its poster should show, where somebody wished for one.
    """

    recipe: Recipe
    memory: int
    only: str | None = None
    page: int = 1
    poster_time: float | None = None


@dataclass(frozen=True)
class Made:
    """The findings of a processor.

    `info` is the object that the record gets under the kind's name. `preview` describes the picture that was made of a
    file which is no image. `text` is what search should find; the pipeline stores it as `text.txt`. `headings` are the
    parts of it that count most: title, headings, names. `warnings` say what could not be made or read.
    """

    info: BaseModel | None = None
    preview: Preview | None = None
    text: str = ""
    headings: tuple[str, ...] = ()
    warnings: tuple[FileWarning, ...] = ()


class OfNoKindError(Exception):
    """The file is sound, but has nothing that its processor could show: it is stored as one of the kind `other`."""


class Process(Protocol):
    def __call__(self, source: Source, order: Order, emit: Emit) -> Made:
        """Gives `emit` each rendition with its bytes as soon as it is made, in any order and from any thread.

        With `order.only` just that picture is wanted. What `emit` raises ends the work, and is raised. The same source
        and order must give the same renditions: their addresses say that nothing changed.

        Raises PermanentFault when the file itself is at fault, and OfNoKindError before anything was emitted. Anything
        else that it raises is tried again.
        """


@dataclass(frozen=True)
class Processor:
    """How the files of one kind are processed.

    `matches` is asked with a content type by the name that `sniff` uses. `module` is the full name of the module with
    `process`; without one, files are only hashed and recorded.

    `in_memory` is for kinds whose processor needs the whole file: files of at most so many bytes are kept in memory
    while they are hashed, so that they are fetched once. A larger file is read by ranges of the stored object, of at
    most `by_ranges` bytes in all; if that is 0, it is refused.

    `function` runs the processor, if the stage has it; else `process` does.

    A processor that makes other renditions of the same file than before gets a new version in `places.VERSIONS`.
    """

    kind: Kind
    matches: Callable[[str], bool]
    module: str | None = None
    in_memory: int = 0
    by_ranges: int = 0
    function: Worker = Worker.PROCESS

    def process(self, source: Source, order: Order, emit: Emit) -> Made:
        """Raises what `Process` raises."""
        if self.module is None:
            return Made()
        return cast(Process, import_module(self.module).process)(source, order, emit)


# The content types of each kind, by the name that `content_types.one_name` gives. Sniffing finds them, and processors
# are asked with them. A type that is in no row is of the kind `other`.
TYPES: Mapping[Kind, frozenset[str]] = {
    # The formats that Pillow and libheif decode. SVG is an image, too, with a processor of its own: `SVG`.
    Kind.IMAGE: frozenset(
        f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "avif", "heic", "tiff", "bmp", "jp2", "x-icon")
    ),
    # Films and sound share four formats: MP4, Matroska, Ogg and Windows Media. The type's own name tells them apart.
    Kind.VIDEO: frozenset(
        {
            *("video/mp4", "video/quicktime", "video/webm", "video/ogg", "video/x-msvideo", "video/mp2t", "video/mpeg"),
            *("video/x-flv", "video/x-ms-asf"),
        }
    ),
    Kind.AUDIO: frozenset(
        f"audio/{name}"
        for name in (
            "mpeg",
            "wav",
            "flac",
            "ogg",
            "mp4",
            "m4a",
            "x-m4a",
            "x-m4b",
            "3gpp",
            "3gpp2",
            "webm",
            "x-matroska",
            "aac",
            "aiff",
            "amr",
            "x-caf",
            "x-ms-wma",
        )
    ),
    Kind.PDF: frozenset({"application/pdf"}),
    Kind.DOCUMENT: frozenset(formats.DOCUMENTS),
    Kind.SPREADSHEET: frozenset(formats.SPREADSHEETS),
    Kind.PRESENTATION: frozenset(formats.PRESENTATIONS),
    # And every other type that `content_types.is_text_type` knows: text/*, +json, +xml and their like.
    Kind.TEXT: frozenset(
        {
            "text/plain",
            "text/csv",
            "text/tab-separated-values",
            "application/json",
            "application/x-ndjson",
            "application/xml",
            "application/xhtml+xml",
            "text/html",
            "text/markdown",
            "text/javascript",
            "text/vtt",
            "application/x-subrip",
            "text/x-script",  # begins with `#!`
        }
    ),
    Kind.ARCHIVE: frozenset(
        {
            "application/zip",
            "application/java-archive",
            "application/vnd.android.package-archive",
            "application/x-tar",
            "application/gzip",  # also a compressed tar
            "application/x-bzip2",
            "application/x-xz",
            "application/zstd",
            "application/x-7z-compressed",
            "application/vnd.rar",
        }
    ),
    Kind.EMAIL: frozenset({"message/rfc822"}),
    Kind.FONT: frozenset({"font/ttf", "font/otf", "font/collection", "font/woff", "font/woff2"}),
}

SVG = "image/svg+xml"

# Cameras' raw files: images with a processor of their own. One without a full-size JPEG is of the kind `other`.
RAW = sniff.RAW

PROCESSORS = (
    # 200 MiB is far above any camera's files, and far below the function's memory.
    Processor(Kind.IMAGE, TYPES[Kind.IMAGE].__contains__, "chalicelib.processing.image.processor", in_memory=200 * MIB),
    Processor(
        Kind.IMAGE, RAW.__contains__, "chalicelib.processing.raw.processor", in_memory=8 * MIB, by_ranges=128 * MIB
    ),
    Processor(Kind.IMAGE, SVG.__eq__, "chalicelib.processing.svg", in_memory=8 * MIB, by_ranges=MIB),
    # 10 MiB of a film of any length are enough for its facts, pictures and stream, beside its index, which is read once
    # (`media/indexes.py`). Only a film without an index is read to its end, with a bound of its own. A sound is heard
    # once, if it has at most 2 GiB.
    *(
        Processor(
            kind,
            TYPES[kind].__contains__,
            f"chalicelib.processing.media.{kind}",
            in_memory=8 * MIB,
            by_ranges=by_ranges,
            function=Worker.MEDIA,
        )
        for kind, by_ranges in ((Kind.VIDEO, 10 * MIB), (Kind.AUDIO, 2058 * MIB))
    ),
    Processor(Kind.PDF, TYPES[Kind.PDF].__contains__, "chalicelib.processing.pdf", in_memory=100 * MIB, by_ranges=1),
    # Larger ones are recorded without being read: `by_ranges` says only that they are not refused.
    *(
        Processor(kind, TYPES[kind].__contains__, f"chalicelib.processing.{kind}", in_memory=100 * MIB, by_ranges=1)
        for kind in (Kind.DOCUMENT, Kind.SPREADSHEET, Kind.PRESENTATION)
    ),
    Processor(
        Kind.ARCHIVE,
        TYPES[Kind.ARCHIVE].__contains__,
        "chalicelib.processing.archive.processor",
        in_memory=64 * MIB,
        by_ranges=256 * MIB,
    ),
    Processor(
        Kind.EMAIL, TYPES[Kind.EMAIL].__contains__, "chalicelib.processing.email", in_memory=48 * MIB, by_ranges=MIB
    ),
    Processor(
        Kind.FONT, TYPES[Kind.FONT].__contains__, "chalicelib.processing.font", in_memory=64 * MIB, by_ranges=MIB
    ),
    Processor(Kind.OTHER, ENCRYPTED.__eq__, "chalicelib.processing.encrypted"),
    Processor(Kind.TEXT, is_text_type, "chalicelib.processing.text", in_memory=8 * MIB, by_ranges=128 * MIB),
    Processor(Kind.OTHER, lambda _: True),
)
"""In the order in which they are asked. The last one takes whatever the others did not."""


def processor_of(content_type: str) -> Processor:
    """The processor of files of this type. Its own name is asked for first: `audio/mp4` is no film, but MP4 is."""
    for name in (own_name(content_type), one_name(content_type)):
        for processor in PROCESSORS[:-1]:
            if processor.matches(name):
                return processor
    return PROCESSORS[-1]
