"""Cursors are opaque, signed, and good for one tenant and one query only."""

from __future__ import annotations

import base64

import pytest

from chalicelib import keyring
from chalicelib.api import cursors
from chalicelib.api.errors import Problem
from tests.stage import Calls

POSITION = '{"pk":"a","sk":"ü"}'
SCOPE = "acme/files?tag=cats"

pytestmark = pytest.mark.usefixtures("stage")


def raw(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def cooked(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("position", [POSITION, "", "x", "xx", "xxx", "é" * 1000])
def test_a_cursor_gives_back_the_position_it_was_made_for(position: str) -> None:
    cursor = cursors.encode(position, SCOPE)
    assert cursors.decode(cursor, SCOPE) == position
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&? "), "it can stand in a URL as it is"


@pytest.mark.parametrize("scope", ["other/files?tag=cats", "acme/files?tag=dogs", "acme/files", "acme/changes", ""])
def test_a_cursor_of_another_tenant_or_query_is_refused(scope: str) -> None:
    with pytest.raises(Problem) as refused:
        cursors.decode(cursors.encode(POSITION, SCOPE), scope)
    assert (refused.value.code, refused.value.field) == ("invalid_cursor", "cursor")


def test_each_bit_of_a_cursor_counts() -> None:
    data = raw(cursors.encode(POSITION, SCOPE))
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1
        with pytest.raises(Problem, match="not a cursor of this list"):
            cursors.decode(cooked(bytes(altered)), SCOPE)


def test_scope_and_position_can_not_be_shifted_into_each_other() -> None:
    cursor = cursors.encode("sition", "acme/po")
    with pytest.raises(Problem):
        cursors.decode(cursor, "acme/")
    with pytest.raises(Problem):
        cursors.decode(cooked(raw(cursor)[:16] + b"position"), "acme/")


@pytest.mark.parametrize("length", [0, 1, 15, 16])
def test_a_cursor_whose_signature_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(Problem):
        cursors.decode(cooked(raw(cursors.encode(POSITION, SCOPE))[:length]), SCOPE)


@pytest.mark.parametrize("change", ["{}=", "{}\n", " {}", "{}A", "é{}", "{}.", "{}+"])
def test_only_one_spelling_of_a_cursor_is_taken(change: str) -> None:
    with pytest.raises(Problem):
        cursors.decode(change.format(cursors.encode(POSITION, SCOPE)), SCOPE)


def test_unused_bits_of_the_last_character_are_no_second_spelling() -> None:
    cursor = cursors.encode("x", SCOPE)  # 17 bytes: the last of 23 characters has 4 unused bits
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = cursor[:-1] + alphabet[alphabet.index(cursor[-1]) + 1]
    assert raw(twin) == raw(cursor)
    with pytest.raises(Problem):
        cursors.decode(twin, SCOPE)


def test_a_signature_of_the_stage_for_another_purpose_is_no_cursor() -> None:
    message = SCOPE.encode() + b"\0" + POSITION.encode()
    forged = keyring.mac("token", message)[:16] + POSITION.encode()
    with pytest.raises(Problem):
        cursors.decode(cooked(forged), SCOPE)


def test_the_parameter_that_the_cursor_came_in_is_named() -> None:
    with pytest.raises(Problem) as refused:
        cursors.decode("x", SCOPE, field="after")
    assert refused.value.field == "after"


def test_a_cursor_costs_no_call_but_for_the_stages_secret(stage: Calls) -> None:
    cursors.decode(cursors.encode(POSITION, SCOPE), SCOPE)
    assert set(stage.names) <= {"ssm.GetParameter"}


@pytest.mark.parametrize("stray", ["!", " ", "\n", "*", "ü", "=", "!!!!", "\n\n\n\n", " *! "])
def test_a_cursor_with_a_character_that_none_has_is_refused(stray: str) -> None:
    cursor = cursors.encode(POSITION, SCOPE)
    for place in (0, 4, len(cursor)):
        with pytest.raises(Problem, match="not a cursor of this list"):
            cursors.decode(cursor[:place] + stray + cursor[place:], SCOPE)
