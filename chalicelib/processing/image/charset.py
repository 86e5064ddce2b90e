"""The text of a few bytes of metadata. Their encoding is not said, and they are too few for statistics.

EXIF's texts are ASCII by the specification. Programs write UTF-8, or what their system uses. A name in the wrong
encoding is worse than none, since it would be shown as somebody's name. So only what is sure is decoded.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from contextlib import suppress

_HIGH_ROW = re.compile(rb"(.?)([\x80-\xff]+)(.?)", re.DOTALL)
_SIGNS = b"\xa0\xa1\xa7\xa9\xab\xae\xb0\xb4\xb7\xbb\xbf"  # of windows-1252, as its letters from 0xC0 on
_PUNCTUATION = b"\x85\x91\x92\x93\x94\x96\x97"  # windows-1252: an ellipsis, quotes and dashes
_PROSE = 12  # bytes of ASCII for each of them
# Letters, which are never inside words in windows-1252; the rest of the row are its quotes and dashes.
_MAC_LETTERS = frozenset({*range(0x80, 0x91), *range(0x98, 0xA0)})
_JAPANESE_ROW = re.compile("[^\0-\x7f]+")
_CODES = (b"ASCII", b"JIS", b"UNICODE", b"")
_JAPANESE = ("HIRAGANA", "KATAKANA", "CJK UNIFIED", "IDEOGRAPHIC", "FULLWIDTH")


def decoded(value: bytes) -> str | None:
    """UTF-8, or else windows-1252 if it looks western, or else Shift-JIS if all of it is Japanese; None for others.

    Mac Roman, which old programs left in IPTC, is known by umlauts and accents inside words.
    """
    with suppress(UnicodeError):
        return value.decode().removeprefix("\ufeff")
    rows = [row.groups() for row in _HIGH_ROW.finditer(value)]
    if all(_is_western(*row) for row in rows) or _is_prose(value, rows):
        return value.decode("cp1252", "replace")
    if all(_is_inside(*row) and row[1][0] in _MAC_LETTERS for row in rows):
        return value.decode("mac_roman")
    with suppress(UnicodeError):
        text = value.decode("cp932")
        if all(c.isascii() or unicodedata.name(c, "").startswith(_JAPANESE) for c in text) and _is_common(text):
            return None if any(map(_is_inside_ascii, _JAPANESE_ROW.finditer(text))) else text
    return None


def wide(value: bytes, *, little: bool | None = None) -> str | None:
    """UTF-16 up to its first NUL. Without a mark the order of bytes is `little`, or else what it looks like."""
    if value.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        little, value = value.startswith(codecs.BOM_UTF16_LE), value[2:]
    value += bytes(len(value) % 2)  # programs cut NULs at the end
    if little is None:
        # Alphabets have one upper byte for all letters, and so do spaces; the lower bytes are of many sorts.
        little = len({*value[1::2]}) <= len({*value[::2]})
    with suppress(UnicodeError):
        return value.decode("utf-16-le" if little else "utf-16-be").lstrip("\0").partition("\0")[0]
    return None


def is_wide(value: bytes) -> bool:
    """True for UTF-16 that has a mark, and for ASCII letters in UTF-16 without one."""
    if value.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    even, odd = value[::2], value[1::2]
    return len(value) >= 4 and ((not any(odd) and all(even[:2])) or (not any(even) and all(odd[:1])))


def commented(value: bytes, *, little: bool | None = None) -> str | None:
    """The text of EXIF's UserComment, whose first eight bytes tell its code (EXIF 2.3, 4.6.5). None for garbage."""
    code, words = value[:8].rstrip(b"\0 ").upper(), value[8:]
    if code not in _CODES:
        return decoded(value.partition(b"\0")[0]) if value[:8].isascii() and b"\0" not in value[:8] else None
    if code == b"UNICODE" and not (len(words) >= 8 and _is_plain(words.rstrip(b"\0"))):
        return wide(words, little=None if len(words) >= 8 else little)
    if is_wide(words):
        return wide(words)
    words = words.lstrip(b"\0").partition(b"\0")[0]
    if code == b"JIS" and b"\x1b" in words:
        with suppress(UnicodeError):
            return words.decode("iso2022_jp")
    return decoded(words)


def mended(text: str) -> str:
    """The text as it was written, if its UTF-8 was taken for windows-1252 on the way: `Â©` is `©`.

    No language has such rows of letters and signs, so a text that can be read in this way was meant so.
    """
    if not any("\xc2" <= c <= "\xf4" for c in text):
        return text
    try:
        return b"".join(_one_byte(c) for c in text).decode()
    except UnicodeError:
        return text


def _one_byte(c: str) -> bytes:
    """Windows-1252, with the five bytes that it does not have. Raises UnicodeError for other characters."""
    return c.encode("latin-1" if c < "\xa0" else "cp1252")


def _is_plain(words: bytes) -> bool:
    """True for printable ASCII, which some programs write where they say that it is UTF-16."""
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in words)


def _is_western(before: bytes, row: bytes, after: bytes) -> bool:
    """True for one letter, or two beside an ASCII letter, maybe with signs. Longer rows are another alphabet."""
    letters = row.strip(_SIGNS)
    if any(byte < 0xC0 or byte in b"\xd7\xf7" for byte in letters):
        return False
    return len(letters) < 2 or (len(letters) == 2 and (before.isalpha() or after.isalpha()))


def _is_inside(before: bytes, row: bytes, after: bytes) -> bool:
    return len(row) == 1 and before.isalpha() and after.isalpha()


def _is_prose(value: bytes, rows: list[tuple[bytes, ...]]) -> bool:
    """True for a long text, nearly all ASCII, with the quotes and dashes of windows-1252 around its words."""
    if len(value) < _PROSE * (1 + len(rows)):
        return False
    return all(_is_western(*row) or (len(row[1]) <= 2 and not row[1].strip(_PUNCTUATION)) for row in rows)


def _is_inside_ascii(row: re.Match[str]) -> bool:
    """True for one Japanese character that touches an ASCII letter, and for several between two: a chance."""
    text, (begin, end) = row.string, row.span()
    touched = [c.isascii() and c.isalpha() for c in (text[begin - 1 : begin], text[end : end + 1])]
    return all(touched) or (end - begin == 1 and any(touched))


def _is_common(text: str) -> bool:
    """True if most signs are in the first half of Shift-JIS, as common ones are. Arabic looks like the others."""
    leads = [c.encode("cp932")[0] for c in text if not c.isascii()]
    return sum(lead < 0xA0 for lead in leads) > len(leads) / 2
