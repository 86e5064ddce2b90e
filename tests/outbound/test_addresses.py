"""Which addresses may be connected to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from chalicelib.outbound.addresses import may_fetch, networks

REFUSED_ADDRESSES = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::100.64.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "2600::5efe:127.0.0.1",
    "2600::200:5efe:192.168.1.1",
    "fc00::1",
    "fd00:ec2::254",
    "fdff::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", REFUSED_ADDRESSES)
def test_what_is_not_public_is_not_fetched(address: str) -> None:
    assert not may_fetch(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.1.1.1",
        "2600:1f18::1",
        "2606:4700::1111",
        "2a00:1450::1",
        "64:ff9b::8.8.8.8",
        "2600::5efe:8.8.8.8",
    ],
)
def test_what_is_public_is_fetched(address: str) -> None:
    assert may_fetch(ip_address(address))


def test_an_operators_networks_are_fetched_from_and_no_others() -> None:
    allowed = networks("10.1.0.0/16, fd12::/16")
    assert may_fetch(ip_address("10.1.2.3"), allowed)
    assert may_fetch(ip_address("fd12::1"), allowed)
    for other in ("10.2.0.1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd13::1"):
        assert not may_fetch(ip_address(other), allowed)


def test_no_operator_can_allow_where_clouds_hand_out_credentials() -> None:
    everything = networks("0.0.0.0/0,::/0")
    for address in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "fe80::1"):
        assert not may_fetch(ip_address(address), everything)


@pytest.mark.parametrize("text", ["10.1.0.0/33", "10.1.2.3/16", "ten"])
def test_a_list_of_networks_with_a_mistake_is_not_taken(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        networks(text)
    assert networks(" , ") == ()
