"""The text of a few bytes of metadata. Their encoding is not said, and they are too few for statistics.

EXIF's texts are ASCII by the specification. Programs write UTF-8, or what their system uses. A name in the wrong
encoding is worse than none, since it would be shown as somebody's name. So only what is sure is decoded.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

_HIGH_ROW = re.compile(rb"(.?)([\x80-\xff]+)(.?)", re.DOTALL)
_SIGNS = b"\xa0\xa1\xa7\xa9\xab\xae\xb0\xb4\xb7\xbb\xbf"  # of windows-1252, as its letters from 0xC0 on
_JAPANESE = ("HIRAGANA", "KATAKANA", "CJK UNIFIED", "IDEOGRAPHIC", "FULLWIDTH")


def decoded(value: bytes) -> str | None:
    """UTF-8, or else windows-1252 if it looks western, or else Shift-JIS if all of it is Japanese; None for others."""
    with suppress(UnicodeError):
        return value.decode()
    if all(_is_western(*row.groups()) for row in _HIGH_ROW.finditer(value)):
        return value.decode("cp1252", "replace")
    with suppress(UnicodeError):
        text = value.decode("cp932")
        if all(c.isascii() or unicodedata.name(c, "").startswith(_JAPANESE) for c in text) and _is_common(text):
            return text
    return None


def _is_western(before: bytes, row: bytes, after: bytes) -> bool:
    """True for one letter, or two beside an ASCII letter, maybe with signs. Longer rows are another alphabet."""
    letters = row.strip(_SIGNS)
    if any(byte < 0xC0 or byte in b"\xd7\xf7" for byte in letters):
        return False
    return len(letters) < 2 or (len(letters) == 2 and (before.isalpha() or after.isalpha()))


def _is_common(text: str) -> bool:
    """True if most signs are in the first half of Shift-JIS, as common ones are. Arabic looks like the others."""
    leads = [c.encode("cp932")[0] for c in text if not c.isascii()]
    return sum(lead < 0xA0 for lead in leads) > len(leads) / 2
