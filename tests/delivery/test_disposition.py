from __future__ import annotations

import pytest
from werkzeug.http import parse_options_header

from chalicelib.delivery.disposition import SHOWN, content_disposition, may_be_shown
from chalicelib.processing import content_types
from chalicelib.processing.sniff import DETECTABLE

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
