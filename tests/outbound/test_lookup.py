"""From a host's name to the addresses to connect to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from chalicelib.model import PermanentFault
from chalicelib.outbound.errors import RefusedError, UnreachableError
from chalicelib.outbound.lookup import resolve_and_check
from chalicelib.outbound.urls import check_url


def test_one_private_address_among_several_refuses_the_host_and_is_not_told() -> None:
    target = check_url("https://example.com/")
    with pytest.raises(RefusedError) as refused:
        resolve_and_check(target, resolve=lambda *_: ["8.8.8.8", "2606:4700::1111", "10.0.0.7"])
    assert "10.0.0.7" not in refused.value.message
    assert resolve_and_check(target, resolve=lambda *_: ["8.8.8.8", "2606:4700::1111", "8.8.8.8"]) == [
        ip_address("8.8.8.8"),
        ip_address("2606:4700::1111"),
    ]


def test_localhost_is_a_name_like_any_other_and_refused_for_where_it_leads() -> None:
    with pytest.raises(RefusedError):
        resolve_and_check(check_url("http://localhost/"))


def failing(number: int) -> list[str]:
    raise socket.gaierror(number, "no")


def test_no_such_host_is_for_good_and_no_answer_is_for_now() -> None:
    target = check_url("https://example.com/")
    for gone in (socket.EAI_NONAME, socket.EAI_NODATA):
        with pytest.raises(PermanentFault, match="no host"):
            resolve_and_check(target, resolve=lambda *_, gone=gone: failing(gone))
    with pytest.raises(PermanentFault, match="no host"):
        resolve_and_check(target, resolve=lambda *_: [])
    with pytest.raises(UnreachableError):
        resolve_and_check(target, resolve=lambda *_: failing(socket.EAI_AGAIN))


def test_nobody_learns_from_the_error_which_names_there_are_inside() -> None:
    def fault(answer: Callable[[], list[str]]) -> tuple[str, str]:
        with pytest.raises(PermanentFault) as raised:
            resolve_and_check(check_url("https://db.corp.example/"), resolve=lambda *_: answer())
        return raised.value.code, raised.value.message

    missing = fault(lambda: failing(socket.EAI_NONAME))
    inside = ("10.0.0.7", "127.0.0.1", "169.254.169.254", "fd00::1", "fe80::1")
    assert {fault(lambda address=address: [address]) for address in inside} == {missing}  # type: ignore[misc]
    assert fault(list) == fault(lambda: failing(socket.EAI_NODATA)) == missing
