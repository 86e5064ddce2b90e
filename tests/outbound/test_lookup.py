"""From a host's name to the addresses to connect to."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from chalicelib.model import ErrorCode, PermanentFault
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


def test_no_such_host_is_for_good_and_no_answer_is_for_now() -> None:
    def failing(number: int) -> list[str]:
        raise socket.gaierror(number, "no")

    target = check_url("https://example.com/")
    for gone in (socket.EAI_NONAME, socket.EAI_NODATA):
        with pytest.raises(PermanentFault) as fault:
            resolve_and_check(target, resolve=lambda *_, gone=gone: failing(gone))
        assert fault.value.code is ErrorCode.SOURCE_UNREACHABLE
    with pytest.raises(PermanentFault, match="no host"):
        resolve_and_check(target, resolve=lambda *_: [])
    with pytest.raises(UnreachableError):
        resolve_and_check(target, resolve=lambda *_: failing(socket.EAI_AGAIN))
