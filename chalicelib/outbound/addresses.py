"""Which addresses may be connected to: public ones, and those in networks that the operator allows. Pure.

The ranges come from IANA's registries:
https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry. They are written out here,
because `ipaddress.is_global` follows them late and differs between Python's patch releases.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]


def _networks(*texts: str) -> Networks:
    return tuple(ip_network(text) for text in texts)


# Link-local addresses, where a cloud gives credentials to anybody who asks. Not even an operator can allow them.
_NEVER = _networks("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")

_SPECIAL_IPV4 = _networks(
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # multicast tunnels
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/3",  # multicast, reserved, broadcast
)

# All of global unicast. Outside of it are ::1, mapped and compatible IPv4, fc00::/7, fe80::/10 and ff00::/8.
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_SPECIAL_IPV6 = _networks(
    "2001::/23",  # protocol assignments; Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
)

# In an IPv6-only network, DNS64 gives these for an IPv4-only host: as public as the IPv4 address inside.
_NAT64 = IPv6Network("64:ff9b::/96")

_IPV4_AT_THE_END = _networks("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))


def networks(text: str) -> Networks:
    """Reads a comma-separated list of CIDRs. Raises ValueError for text that is no CIDR, or that has host bits set."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def may_fetch(address: Address, allowed: Networks = ()) -> bool:
    """True if an address is public, or in a network that the operator allows.

    Several forms of IPv6 address carry an IPv4 address. Mapped, compatible, 6to4 and Teredo addresses are always
    refused, because nobody needs them. NAT64 and ISATAP addresses are as public as the IPv4 address that they carry.
    """
    carried = tuple(embedded(address))
    if any(inner in network for inner in (address, *carried) for network in _NEVER):
        return False
    if any(address in network for network in allowed):
        return True
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    if address not in _GLOBAL_UNICAST and address not in _NAT64:
        return False
    return not any(address in network for network in _SPECIAL_IPV6) and all(may_fetch(inner) for inner in carried)


def embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address carries.

    A network's own NAT64 prefix is not recognised: such addresses look like all others.
    """
    if isinstance(address, IPv4Address):
        return
    octets = address.packed
    if any(address in network for network in _IPV4_AT_THE_END) or octets[8:12] in _ISATAP:
        yield IPv4Address(octets[12:])
    if address in _SIX_TO_FOUR:
        yield IPv4Address(octets[2:6])
    if address in _TEREDO:
        yield IPv4Address(octets[4:8])
        yield IPv4Address(bytes(octet ^ 0xFF for octet in octets[12:]))
