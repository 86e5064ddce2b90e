"""IPTC-IIM, the oldest words of press photographs, and Photoshop's resources, in which JPEG keeps them.

IPTC-NAA Information Interchange Model 4.2 has the numbers; the resources are those of Adobe's Photoshop file format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.processing.image.charset import decoded

TITLE, KEYWORDS, DATE, TIME, SCAN_DATE, SCAN_TIME = 5, 25, 55, 60, 62, 63
ARTIST, COPYRIGHT, CAPTION = 80, 116, 120
LIMITS = {TITLE: 64, KEYWORDS: 64, ARTIST: 32, COPYRIGHT: 128, CAPTION: 2000}
"""The most bytes that each text may have by the standard. Programs cut longer ones."""

_MARK = 0x1C
_ENVELOPE, _APPLICATION = 1, 2  # records
_CHARSET = 90
_MAX_FIELDS = 5000
_MAX_VALUE = 8000  # bytes that are decoded: a caption has 2000
_KEPT = frozenset({TITLE, KEYWORDS, DATE, TIME, SCAN_DATE, SCAN_TIME, ARTIST, COPYRIGHT, CAPTION})
_UTF8 = (b"\x1b%G", b"\x1b%/G", b"\x1b%/H", b"\x1b%/I")
# Parts of ISO 8859 by the letter of their escape sequence (ISO/IEC 2022); the byte before it says where they are put.
_SETS = dict(zip(b"ABCDLGFHMVTYb_f", (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 14, 16), strict=True))
_PLACES = b",-./"
_RESOURCE_IPTC, _RESOURCE_DIGEST = 0x0404, 0x0425


@dataclass(frozen=True)
class Iptc:
    """The fields of record 2 by their numbers. `digest` is the MD5 that an XMP-aware program left beside them."""

    block: bytes = b""
    digest: bytes = b""
    charset: bytes = b""
    fields: dict[int, list[bytes]] = field(default_factory=dict)

    def texts(self, number: int) -> list[str]:
        """The decoded values of a field. Those in an unknown encoding are left out."""
        found = (self._decoded(value) for value in self.fields.get(number, ()))
        return [text for text in found if text]

    @property
    def is_newer(self) -> bool:
        """True if a program that does not know XMP has changed the fields since the digest was made (MWG 2.0, 3.3)."""
        if not self.digest or not self.block:
            return False
        whole = (self.block, self.block.rstrip(b"\0"))  # some fill up the last word
        return self.digest not in [hashlib.md5(data, usedforsecurity=False).digest() for data in whole]

    def _decoded(self, value: bytes) -> str | None:
        value = value[:_MAX_VALUE].partition(b"\0")[0]
        charset = self.charset.strip()
        number = _SETS.get(charset[2], 0) if len(charset) == 3 and charset[:1] == b"\x1b" else 0
        if not number or charset[1] not in _PLACES:
            return decoded(value)
        try:
            return value.decode()  # programs that change a file to UTF-8 forget to say so
        except UnicodeError:
            return value.decode("cp1252" if number == 1 else f"iso8859_{number}", "replace")


def read(data: bytes) -> Iptc:
    """The fields of a block: of IIM itself, or of Photoshop's resources with IIM in them."""
    if data.startswith(b"8BIM"):
        found = dict(reversed(list(_resources(data))))  # of two with one number the first
        return _read(found.get(_RESOURCE_IPTC, b""), found.get(_RESOURCE_DIGEST, b""))
    return _read(data)


def with_digest(block: bytes, resources: bytes) -> Iptc:
    """The fields of a block of IIM, or else of Photoshop's resources; the digest is always theirs."""
    inner = read(resources) if resources.startswith(b"8BIM") else Iptc()
    return _read(block, inner.digest) if block else inner


def _read(block: bytes, digest: bytes = b"") -> Iptc:
    if block[:1] != b"\x1c" and block[3:4] == b"\x1c":  # words of four bytes in the other order
        block = b"".join(block[n : n + 4][::-1] for n in range(0, len(block), 4))
    charset, fields = b"", dict[int, list[bytes]]()
    for record, number, value in _fields(block):
        if (record, number) == (_ENVELOPE, _CHARSET):
            charset = value
        elif record == _APPLICATION and number in _KEPT:
            fields.setdefault(number, []).append(value)
    return Iptc(block, digest if len(digest) == 16 and any(digest) else b"", charset, fields)


def _fields(block: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Record, number and value of each field, to the first one that is not whole."""
    at = 0
    for _ in range(_MAX_FIELDS):
        if at + 5 > len(block) or block[at] != _MARK:
            return
        record, number, size = block[at + 1], block[at + 2], int.from_bytes(block[at + 3 : at + 5])
        at += 5
        if size & 0x8000:  # then it is the length of the length
            width = size & 0x7FFF
            if width > 4:
                return
            size = int.from_bytes(block[at : at + width])
            at += width
        if at + size > len(block):
            return
        yield record, number, block[at : at + size]
        at += size


def _resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each resource."""
    at = 0
    for _ in range(_MAX_FIELDS):
        if data[at : at + 4] != b"8BIM" or at + 12 > len(data):
            return
        number = int.from_bytes(data[at + 4 : at + 6])
        at += 6 + (data[at + 6] + 2 & ~1)  # a name with its length, in pairs of bytes
        size = int.from_bytes(data[at : at + 4])
        at += 4
        yield number, data[at : at + size]
        at += size + (size & 1)
