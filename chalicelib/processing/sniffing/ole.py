"""Formats inside OLE's compound files: Word, Excel and PowerPoint of before 2007, encrypted ones of today, and
Outlook's messages."""

from __future__ import annotations

from typing import BinaryIO

from chalicelib.processing.compound import BrokenCompoundError, Compound

ENCRYPTED = "application/encrypted"
"""An Office file of today in its encrypted wrapping, which hides what sort of file it is. The name is that of `file`.

https://learn.microsoft.com/openspecs/office_file_formats/ms-offcrypto/
"""

# A stream that only one program's files have, and the program's type.
_STREAMS = {
    "encryptedpackage": ENCRYPTED,
    "worddocument": "application/msword",
    "powerpoint document": "application/vnd.ms-powerpoint",
    "workbook": "application/vnd.ms-excel",
    "book": "application/vnd.ms-excel",
    "__properties_version1.0": "application/vnd.ms-outlook",
}
_CLASSES = {
    "00020900-0000-0000-c000-000000000046": "application/msword",
    "00020906-0000-0000-c000-000000000046": "application/msword",
    "00020810-0000-0000-c000-000000000046": "application/vnd.ms-excel",
    "00020820-0000-0000-c000-000000000046": "application/vnd.ms-excel",
    "64818d10-4f9b-11cf-86ea-00aa00b929e8": "application/vnd.ms-powerpoint",
    "00020d0b-0000-0000-c000-000000000046": "application/vnd.ms-outlook",
}
TYPES = tuple(dict.fromkeys(_STREAMS.values()))


def inside_ole(data: BinaryIO) -> str | None:
    """The type of the program that wrote the file, by what stands at the top of it; None if that says nothing."""
    try:
        compound = Compound(data)
    except (BrokenCompoundError, OSError):  # OSError: more bytes than the source may give
        return None
    found = next((content_type for name, content_type in _STREAMS.items() if name in compound), None)
    return found or _CLASSES.get(compound.class_id)
