from __future__ import annotations

import unicodedata
from urllib.parse import quote

import pytest
from werkzeug.http import parse_options_header

from chalicelib.delivery.disposition import MAX_NAME, SHOWN, content_disposition, may_be_shown
from chalicelib.model import Kind
from chalicelib.processing import content_types
from chalicelib.processing.kinds import SVG, TYPES
from chalicelib.processing.sniff import DETECTABLE, INSIDE

NAMES = [
    "a.jpg",
    "IMG 1.jpg",
    "Menü +1 é.jpg",
    "猫🐈.heic",
    'say "hi"; filename=evil.exe',
    "a%20b&c.jpg",
    "x" * 255,
    "'quoted'.txt",
    "עברית.pdf",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back(name: str) -> None:
    header = content_disposition(name, inline=False)
    assert header.isascii()
    assert header.isprintable()
    kind, options = parse_options_header(header)
    assert (kind, options) == ("attachment", {"filename": name})


def test_old_browsers_get_a_name_without_what_they_misread() -> None:
    assert content_disposition("Menü.jpg", inline=True).startswith('inline; filename="Menu.jpg"; ')
    assert 'filename="a_20b__c.jpg"' in content_disposition('a%20b"\\c.jpg', inline=True)


def test_a_plain_name_stands_once() -> None:
    assert content_disposition("a b.jpg", inline=True) == 'inline; filename="a b.jpg"'


# --- Names of strangers

DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

HOSTILE = [
    "\uff0e\uff0e\uff0f\uff0e\uff0e\uff0fetc\uff0fpasswd",  # full-width dots and slashes
    "..\uff3cwindows\ufe68system32",  # full-width and small backslashes
    "a\u2044b\u2215c\u29f8d\u29f5e.txt",  # slashes that no decomposition finds
    "\u2100\u2101\u2105\u2106.txt",  # a/c, a/s, c/o, c/u in one character each
    "invoice\u202egpj.exe",
    f"{DIRECTIONS}a{DIRECTIONS}.png",
    "\uff0e\uff0e",
    "\u2025",  # two dots in one character
    "..\u0301",
    ".\u202e.",
    DIRECTIONS,
    "\ufdfa" * 255,  # 18 letters each, when decomposed
    "\ufdfa" * 250 + ".jpeg",
    "🐈" * 251 + ".jpg",
    "e\u0301" * 125 + ".heic",
    "x." + "é" * 253,
    "%" * 250 + ".jpg",
    '"' * 250 + ".jpg",
    "\\" * 3,
    "\x00\r\n\x85\u2028.txt",  # of a record from before names were checked
]


def names_of(header: str) -> list[str]:
    """The names in a header: the one for old browsers, and the one that all others read."""
    plain = header.partition('filename="')[2].partition('"')[0]
    _, options = parse_options_header(header)
    return [plain, options["filename"]]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_header_leads_to_no_path_and_changes_no_direction(name: str) -> None:
    header = content_disposition(name, inline=False)
    assert header.isascii()
    assert header.isprintable()
    for shown in names_of(header):
        read = unicodedata.normalize("NFKC", shown)
        assert not set(read) & set("/\\\u2044\u2215\u29f5\u29f8"), shown
        assert not set(shown) & set(DIRECTIONS), shown
        assert read.strip(" ."), shown
        assert shown.isprintable() or "\ufeff" in shown


@pytest.mark.parametrize("character", [chr(n) for n in range(0x110000) if "/" in unicodedata.normalize("NFKD", chr(n))])
def test_no_character_becomes_a_slash(character: str) -> None:
    for shown in names_of(content_disposition(f"a{character}b.txt", inline=True)):
        assert "/" not in unicodedata.normalize("NFKD", shown)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_header_stays_short_also_in_an_address(name: str) -> None:
    header = content_disposition(name, inline=False)
    assert len(header) < 2048
    assert len(quote(header, safe="")) < 4096


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("🐈" * 251 + ".jpg", "🐈.jpg"),
        ("\ufdfa" * 250 + ".jpeg", "\ufdfa.jpeg"),
        ("é" * 500 + ".tar.gz", ".gz"),
        ("x." + "é" * 400, "éé"),  # that is no extension
        ("é" * 600, "éé"),
    ],
)
def test_a_long_name_is_cut_between_characters_and_keeps_its_extension(name: str, end: str) -> None:
    shown = names_of(content_disposition(name, inline=True))[1]
    assert MAX_NAME - 4 <= len(shown.encode()) <= MAX_NAME
    assert shown.endswith(end)


@pytest.mark.parametrize("content_type", ["image/jpeg", "video/mp4", "audio/mpeg", "IMAGE/PNG; charset=x"])
def test_what_runs_nothing_may_be_shown(content_type: str) -> None:
    assert may_be_shown(content_type)


def test_every_type_that_may_be_shown_is_proven_by_a_files_first_bytes() -> None:
    """Otherwise any bytes could be declared so."""
    assert {content_types.one_name(content_type) for content_type in SHOWN} <= DETECTABLE


@pytest.mark.parametrize(
    "content_type",
    [
        "audio/aac",
        "video/mpeg",
        "image/svg+xml",
        "text/html",
        "application/pdf",
        "text/xml",
        "text/plain",
        "application/octet-stream",
        "image/x",
        "",
    ],
)
def test_all_else_is_saved(content_type: str) -> None:
    assert not may_be_shown(content_type)


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in (Kind.IMAGE, Kind.VIDEO, Kind.AUDIO)])
def test_only_pictures_films_and_sound_are_shown(kind: Kind) -> None:
    """All others may carry scripts, or are opened by programs that run them."""
    assert not {content_type for content_type in TYPES[kind] if may_be_shown(content_type)}


def test_nothing_that_is_found_inside_a_container_is_shown_and_no_svg() -> None:
    assert not {content_type for content_type in (*INSIDE, SVG) if may_be_shown(content_type)}
