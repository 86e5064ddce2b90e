"""The languages of tracks: MP4 and Matroska have codes of three letters, playlists want those of RFC 5646."""

from __future__ import annotations

import re

# ISO 639-2 (both the bibliographic and the terminological codes), ISO 639-1, and the name in English.
_ROWS = """
ara ar Arabic|bul bg Bulgarian|cat ca Catalan|ces cs Czech|cze cs Czech|chi zh Chinese|zho zh Chinese|dan da Danish
dut nl Dutch|nld nl Dutch|ell el Greek|gre el Greek|eng en English|est et Estonian|fas fa Persian|per fa Persian
fin fi Finnish|fra fr French|fre fr French|ger de German|deu de German|heb he Hebrew|hin hi Hindi|hrv hr Croatian
hun hu Hungarian|ice is Icelandic|isl is Icelandic|ind id Indonesian|ita it Italian|jpn ja Japanese|kor ko Korean
lav lv Latvian|lit lt Lithuanian|may ms Malay|msa ms Malay|nor no Norwegian|nob nb Norwegian|pol pl Polish
por pt Portuguese|ron ro Romanian|rum ro Romanian|rus ru Russian|slk sk Slovak|slo sk Slovak|slv sl Slovenian
spa es Spanish|srp sr Serbian|swe sv Swedish|tam ta Tamil|tha th Thai|tur tr Turkish|ukr uk Ukrainian|urd ur Urdu
vie vi Vietnamese
"""
_KNOWN = [row.split(" ") for line in _ROWS.split("\n") if line for row in line.split("|")]
_SHORT = {long: short for long, short, _ in _KNOWN}
_NAMES = {short: name for _, short, name in _KNOWN}
_TAG = re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8}){0,3}")


def tag(language: str | None) -> str | None:
    """The tag of RFC 5646 for a track's language; None for none, and for what is no language."""
    if not language or not _TAG.fullmatch(language) or language.lower() == "und":
        return None
    first, dash, rest = language.partition("-")
    return _SHORT.get(first.lower(), first.lower()) + dash + rest


def name(tag: str | None) -> str | None:
    """The language's name in English; None if it is not known here."""
    return _NAMES.get(tag.partition("-")[0]) if tag else None
