"""Which URLs events may be sent to."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address

import pytest

from chalicelib.outbound import addresses
from chalicelib.outbound.errors import RefusedError, UnreachableError
from chalicelib.outbound.receivers import check_receiver, within

PUBLIC, INSIDE = "8.8.8.8", "10.0.0.7"
OWN = addresses.networks("10.0.0.0/8")


def failing(number: int) -> list[str]:
    raise socket.gaierror(number, "no")


def refused(url: str, *found: str, allowed: addresses.Networks = ()) -> str:
    with pytest.raises(RefusedError) as raised:
        check_receiver(url, allowed, lambda *_: list(found))
    return raised.value.message


def test_https_to_a_public_address_is_what_everybody_may_use() -> None:
    target, found = check_receiver("https://example.com/hook?a=1", (), lambda *_: [PUBLIC])
    assert (target.path, found) == ("/hook?a=1", [ip_address(PUBLIC)])


def test_http_is_for_the_operators_own_networks() -> None:
    target, found = check_receiver("http://hooks.corp.example:8080/", OWN, lambda *_: [INSIDE])
    assert (target.port, found) == (8080, [ip_address(INSIDE)])
    assert check_receiver("http://10.0.0.7/", OWN, lambda *_: [])[1] == [ip_address(INSIDE)]
    for found_, allowed in (([PUBLIC], OWN), ([PUBLIC, INSIDE], OWN), ([INSIDE], ()), ([], OWN)):
        assert "https" in refused("http://a.example/", *found_, allowed=allowed)


def test_a_name_that_leads_inside_and_one_that_does_not_exist_get_the_same_words() -> None:
    said = {refused("https://db.corp.example/", *found) for found in ([], [INSIDE], ["127.0.0.1"], [PUBLIC, INSIDE])}
    with pytest.raises(RefusedError) as missing:
        check_receiver("https://db.corp.example/", (), lambda *_: failing(socket.EAI_NONAME))
    assert said == {missing.value.message}
    said = {refused("http://db.corp.example/", *found) for found in ([], [INSIDE], [PUBLIC])}
    with pytest.raises(RefusedError) as missing:
        check_receiver("http://db.corp.example/", (), lambda *_: failing(socket.EAI_NONAME))
    assert said == {missing.value.message}


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest",
        "https://[fd00:ec2::254]/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://user@example.com/",
        "ftp://example.com/",
        "https://example.com:22/",
        "https://",
        "hooks",
        f"https://example.com/{'a' * 10_000}",
    ],
)
def test_a_url_that_its_text_alone_refuses_is_not_looked_up(url: str) -> None:
    with pytest.raises(RefusedError):
        check_receiver(url, addresses.networks("169.254.0.0/16"), lambda *_: pytest.fail("it was looked up"))


def test_a_look_up_is_waited_for_so_long_and_no_longer() -> None:
    def slow(host: str, port: int) -> list[str]:
        time.sleep(1)
        return [PUBLIC]

    began = time.monotonic()
    with pytest.raises(UnreachableError):
        check_receiver("https://slow.example/", (), within(0.05, slow))
    assert time.monotonic() - began < 0.5
    assert check_receiver("https://a.example/", (), within(5, lambda *_: [PUBLIC]))[1] == [ip_address(PUBLIC)]


def test_errors_of_the_resolver_come_through_its_thread() -> None:
    with pytest.raises(RefusedError):
        check_receiver("https://a.example/", (), within(5, lambda *_: failing(socket.EAI_NONAME)))
    with pytest.raises(UnreachableError):
        check_receiver("https://a.example/", (), within(5, lambda *_: failing(socket.EAI_AGAIN)))

    def strange(host: str, port: int) -> list[str]:
        raise UnicodeEncodeError("idna", "a", 0, 1, "label too long")

    with pytest.raises(RefusedError):
        check_receiver("https://a.example/", (), within(5, strange))
