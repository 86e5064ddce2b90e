"""OLE's compound files: Word, Excel and PowerPoint of before 2007, and every encrypted Office file.

Only properties and marks of encryption are read here; calamine reads the sheets of xls.
https://learn.microsoft.com/openspecs/windows_protocols/ms-oleps/
"""

from __future__ import annotations

import codecs
import io
from datetime import datetime, timedelta
from typing import Any

from chalicelib.processing.compound import BrokenCompoundError, Compound
from chalicelib.processing.office.found import DamagedError, EncryptedError, Found

_NOWHERE = 0xFFFFFFFF

_SUMMARY = {2: "title", 4: "author", 12: "created", 13: "modified", 14: "pages", 15: "said_words"}
_MORE = {7: "slides"}


def read_properties(data: bytes, found: Found) -> None:
    """Fills in the facts. Raises EncryptedError and DamagedError."""
    try:
        compound = Compound(io.BytesIO(data))
    except BrokenCompoundError as error:
        raise DamagedError(str(error)) from None
    found.facts |= _properties(compound.read("\5summaryinformation"), _SUMMARY)
    found.facts |= _properties(compound.read("\5documentsummaryinformation"), _MORE)
    if is_encrypted(compound):
        raise EncryptedError


def _properties(stream: bytes, wanted: dict[int, str]) -> dict[str, Any]:
    """The properties with these numbers, of the first section."""
    section = stream[_number(stream, 44) :] if len(stream) >= 48 else b""
    places = {
        _number(section, 8 + 8 * at): _number(section, 12 + 8 * at) for at in range(min(200, _number(section, 4)))
    }
    page = _value(section, places.get(1, _NOWHERE), "latin-1")
    encoding = _encoding(page if isinstance(page, int) else 1252)
    values = {name: _value(section, places[each], encoding) for each, name in wanted.items() if each in places}
    texts = ("title", "author", "created", "modified")
    return {name: value for name, value in values.items() if isinstance(value, str if name in texts else int)}


def _number(block: bytes, at: int) -> int:
    return int.from_bytes(block[at : at + 4], "little") if at + 4 <= len(block) else _NOWHERE


def _value(section: bytes, at: int, encoding: str) -> str | int | None:
    match _number(section, at) & 0xFFFF:
        case 2:  # VT_I2
            return int.from_bytes(section[at + 4 : at + 6], "little")
        case 3:  # VT_I4
            value = _number(section, at + 4)
            return value if value < 1 << 31 else None
        case 30:  # VT_LPSTR
            size = min(4000, _number(section, at + 4))
            return section[at + 8 : at + 8 + size].decode(encoding, "replace").partition("\0")[0].strip()
        case 31:  # VT_LPWSTR
            size = 2 * min(4000, _number(section, at + 4))
            return section[at + 8 : at + 8 + size].decode("utf-16-le", "replace").partition("\0")[0].strip()
        case 64:  # VT_FILETIME: tenths of microseconds since 1601
            ticks = int.from_bytes(section[at + 4 : at + 12], "little")
            if not 0 < ticks < 1 << 62:
                return None
            try:
                return (datetime(1601, 1, 1) + timedelta(microseconds=ticks // 10)).isoformat()
            except OverflowError:
                return None
        case _:
            return None


def _encoding(page: int) -> str:
    try:
        return codecs.lookup("utf-8" if page == 65001 else "utf-16-le" if page == 1200 else f"cp{page}").name
    except LookupError:
        return "cp1252"


def is_encrypted(compound: Compound) -> bool:
    """True for a modern file in its encrypted wrapping, and for old ones that say so at their beginning."""
    if "encryptedpackage" in compound:
        return True
    # [MS-DOC] 2.5.2 FibBase: bit 8 of the flags is fEncrypted. [MS-PPT] 2.3.2 CurrentUserAtom: the token.
    word, user = compound.read("worddocument", 12), compound.read("current user", 16)
    if len(word) == 12 and word[11] & 1:
        return True
    if user[12:16] == bytes.fromhex("dfc4d1f3"):
        return True
    return _has_password(compound.read("workbook", 4096) or compound.read("book", 4096))


def _has_password(workbook: bytes) -> bool:
    """True if FilePass (0x2F) is among a workbook's first records ([MS-XLS] 2.4.117)."""
    at = 0
    for _ in range(20):
        kind, size = (
            int.from_bytes(workbook[at : at + 2], "little"),
            int.from_bytes(workbook[at + 2 : at + 4], "little"),
        )
        if kind == 0x2F:
            return True
        at += 4 + size
    return False
