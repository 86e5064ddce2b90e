"""Base64url without padding: one text for each value, and nothing else is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import base64url

pytestmark = pytest.mark.pure


@given(st.binary(max_size=40))
def test_bytes_come_back(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


@given(st.text(alphabet="AB9-_+/=\n é", max_size=8))
def test_whatever_is_read_is_written_so(text: str) -> None:
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64url.encode(data) == text


@pytest.mark.parametrize("text", ["A", "AB==", "AB", "A+==", "a b", "é", "AAA=", "\n"])
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        base64url.decode(text)
