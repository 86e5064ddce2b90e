"""The type that a file's name stands for."""

from __future__ import annotations

import pytest

from chalicelib.api.guessing import type_of


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("IMG_1.HEIC", "image/heic"),
        ("a.heif", "image/heif"),
        ("a.b.avif", "image/avif"),
        ("a.webp", "image/webp"),
        ("a.JPG", "image/jpeg"),
        (".png", "image/png"),
        ("a.csv", "text/csv"),
        ("data:text/html,a.jpg", "image/jpeg"),
        ("a", None),
        ("png", None),
        ("a.", None),
        ("a.unheard-of", None),
        ("a.jpg ", None),
        ("." * 255, None),
    ],
)
def test_the_extension_decides_and_nothing_else(name: str, content_type: str | None) -> None:
    assert type_of(name) == content_type
