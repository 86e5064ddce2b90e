"""Formats inside zip: Office, OpenDocument, EPUB, and programs of Java and Android.

An archive's own directory decides. It stands at the end, so these are the only types, with those inside OLE, for which
more than a file's first bytes is read.
"""

from __future__ import annotations

import re
import zlib
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from chalicelib.processing.office.formats import IN_PACKAGES

_ODF = "application/vnd.oasis.opendocument."
_OOXML = "application/vnd.openxmlformats-officedocument."

# The types that the entry `mimetype` may name. It comes first, and is stored as it is.
_MIMETYPES = frozenset(
    (
        "application/epub+zip",
        *(f"{_ODF}{name}" for name in ("text", "spreadsheet", "presentation", "graphics", "formula", "chart", "base")),
        *(f"{_ODF}{name}-template" for name in ("text", "spreadsheet", "presentation", "graphics")),
        f"{_ODF}text-master",
    )
)
# Names that only one program's files have, where `[Content_Types].xml` can't be read.
_BY_NAME = (
    ("word/document.xml", f"{_OOXML}wordprocessingml.document"),
    ("xl/workbook.xml", f"{_OOXML}spreadsheetml.sheet"),
    ("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    ("ppt/presentation.xml", f"{_OOXML}presentationml.presentation"),
    ("AndroidManifest.xml", "application/vnd.android.package-archive"),
    ("META-INF/MANIFEST.MF", "application/java-archive"),
)
TYPES = (*sorted(_MIMETYPES), *sorted(IN_PACKAGES), *(content_type for _, content_type in _BY_NAME[-2:]))

_CONTENT_TYPES = "[Content_Types].xml"
_MAIN = re.compile(rb'ContentType\s*=\s*["\'](application/vnd\.[\w.-]+)\.main(?:\+xml)?["\']', re.I)
_MOST = 64 * 1024  # bytes of one entry


def inside_zip(head: bytes, data: BinaryIO) -> str | None:
    """The type of a zip archive's contents; None for an archive that is nothing else, or can't be read."""
    if stored := _first_entry(head):
        return stored
    try:
        with ZipFile(data) as archive:
            return _by_directory(archive)
    # All that zipfile raises for damaged and hostile archives. OSError: more bytes than the source may give.
    except (BadZipFile, EOFError, LookupError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error):
        return None
    except OverflowError:
        return None


def _first_entry(head: bytes) -> str | None:
    """The contents of `mimetype`, where it is the first entry and not compressed, as EPUB and ODF prescribe."""
    if not head.startswith(b"PK\x03\x04") or head[8:10] != b"\0\0" or head[30:38] != b"mimetype":
        return None
    name, extra = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
    contents = head[30 + name + extra :][:128].partition(b"PK")[0]
    return _known(contents) if name == len("mimetype") else None


def _by_directory(archive: ZipFile) -> str | None:
    names = archive.NameToInfo
    if "mimetype" in names and (found := _known(_read(archive, "mimetype"))):
        return found
    if _CONTENT_TYPES in names:
        for match in _MAIN.finditer(_read(archive, _CONTENT_TYPES)):
            if main := _main_part(match[1].decode()):
                return main
    return next((content_type for name, content_type in _BY_NAME if name in names), None)


def _known(contents: bytes) -> str | None:
    text = contents.decode("ascii", "replace").strip()
    return text if text in _MIMETYPES else None


def _main_part(name: str) -> str | None:
    name = name.lower()
    name = f"{name}.12" if name.startswith("application/vnd.ms-") else name
    return name if name in IN_PACKAGES else None


def _read(archive: ZipFile, name: str) -> bytes:
    """The first bytes of an entry; nothing of one that is encrypted, or compressed in a way that needs memory."""
    info = archive.NameToInfo[name]
    if info.flag_bits & 1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return b""
    with archive.open(info) as entry:
        return entry.read(_MOST)
