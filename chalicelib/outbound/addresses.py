"""Which addresses may be fetched: a host's name, never a number, and only public addresses behind it.

Looking up names is the one thing here that is not pure, and is a parameter. The registries behind the ranges:
https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry. Written out, since
`ipaddress.is_global` follows them late and differs between Python's patch releases.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, unquote, urlsplit

from chalicelib.model import ErrorCode, PermanentFault

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Networks = tuple[Network, ...]

Resolver = Callable[[str, int], Sequence[str]]
"""(host name, port) to addresses, in the order to try them; raises socket.gaierror."""

MAX_URL_CHARACTERS = 2048
MAX_HOST_CHARACTERS = 253

DEFAULT_PORTS = {"https": 443, "http": 80}

# Of the ports below it belong to mail, shells, directories …, which must not be talked to in our name.
FIRST_FREE_PORT = 1024


def _networks(*texts: str) -> Networks:
    return tuple(ip_network(text) for text in texts)


# An operator can't allow these: link-local, where a cloud hands credentials to whoever asks.
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

# Nothing outside is assigned as global unicast: no ::1, mapped or compatible IPv4, fc00::/7, fe80::/10, ff00::/8.
_GLOBAL_UNICAST = IPv6Network("2000::/3")

_SPECIAL_IPV6 = _networks(
    "2001::/23",  # protocol assignments; Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
)

# What DNS64 gives for an IPv4-only host in an IPv6-only network: as public as the IPv4 address in it.
_NAT64 = IPv6Network("64:ff9b::/96")

_IPV4_AT_THE_END = _networks("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))

# The URL standard takes a host whose last label looks like this for an IPv4 address, and so does inet_aton: 127.1,
# 0x7f000001, 017700000001, 2130706433. https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")

# What parsers of URLs disagree about: controls, the backslash, white space at either end, and lone surrogates.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|^\s|\s$")

# What stays as it is written in a path and a query: RFC 3986's characters, and % since what is escaped stays so.
_KEPT = "/%:@!$&'()*+,;=-._~?"


class RefusedError(PermanentFault):
    """The URL leads where nothing may be fetched from."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.SOURCE_REFUSED, message)


class UnreachableError(Exception):
    """The source can't be fetched just now; a later try may end otherwise. The message is for a person."""


@dataclass(frozen=True)
class Target:
    """A URL that may be asked for. `host` is lower-case ASCII, `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None = None

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def filename(self) -> str:
        """What a browser would save it as: the path's last segment, decoded; else the host's name."""
        segment = unquote(self.path.partition("?")[0].rpartition("/")[2])
        segment = re.split(r"[/\\]", segment)[-1]
        kept = "".join(c for c in segment if unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"})[:255].strip()
        return kept if kept not in {"", ".", ".."} else self.host


def networks(text: str) -> Networks:
    """The CIDRs of a comma-separated list. Raises ValueError for what is none, or has bits set after its prefix."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def check_url(url: str, allowed: Networks = ()) -> Target:
    """What a URL asks for, if it may be asked for, as far as can be told without looking its host up. Pure.

    http and https; ports 80, 443 and from 1024 on; no user name or password. Addresses in numbers are refused in every
    spelling but the plain one of an address in `allowed`: what needs importing has a name, and a certificate for it.
    Raises RefusedError.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise RefusedError(f"The URL has more than {MAX_URL_CHARACTERS} characters.")
    if _AMBIGUOUS.search(url):
        raise RefusedError("The URL has characters that no URL may have.")
    try:
        parts = urlsplit(url)
        given_port = parts.port
    except ValueError:
        raise RefusedError("That is not a URL.") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise RefusedError("The URL must begin with https:// or http:// and a host's name.")
    if "@" in parts.netloc:
        raise RefusedError("The URL must not hold a user name or a password.")
    port = DEFAULT_PORTS[parts.scheme] if given_port is None else given_port
    if port < FIRST_FREE_PORT and port not in DEFAULT_PORTS.values():
        raise RefusedError(f"The URL's port must be 80, 443, or {FIRST_FREE_PORT} or above.")
    literal: Address | None
    if parts.netloc.startswith("["):
        literal = _ipv6(parts.hostname)
        host = str(literal)
    else:
        host = _name(parts.hostname)
        literal = _ipv4(host)
    if literal and not (any(literal in network for network in allowed) and may_fetch(literal, allowed)):
        raise RefusedError("The URL must name its host, not give an address in numbers.")
    path = quote(parts.path, safe=_KEPT) or "/"
    if parts.query:
        path += "?" + quote(parts.query, safe=_KEPT)
    return Target(parts.scheme, host, port, path, literal)


def _name(host: str) -> str:
    """A host's name in lower-case ASCII (IDNA 2008, mapped as browsers do: UTS #46), without the root's dot."""
    if not host.isascii():
        import idna  # hardly ever needed, and 10,000 lines of tables

        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise RefusedError("The URL's host is no valid name.") from None
    host = host.lower().removesuffix(".")
    if len(host) > MAX_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise RefusedError("The URL's host is no valid name.")
    return host


def _ipv4(host: str) -> IPv4Address | None:
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return IPv4Address(host)
    except ValueError:
        raise RefusedError("The URL must name its host, not give an address in numbers.") from None


def _ipv6(host: str) -> IPv6Address:
    try:
        address = IPv6Address(host)
    except ValueError:
        raise RefusedError("The URL's host is no valid name.") from None
    if address.scope_id is not None:
        raise RefusedError("The URL must name its host, not an address on one link.")
    return address


def may_fetch(address: Address, allowed: Networks = ()) -> bool:
    """Whether an address is public, or an operator allows it. Pure.

    Of the IPv6 forms that carry an IPv4 address only NAT64's has a use; the rest (mapped, compatible, 6to4, Teredo)
    are refused even when what they carry is public, and ISATAP's when it isn't.
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
    """The IPv4 addresses that an IPv6 address carries. Networks' own NAT64 prefixes can't be told from others."""
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


def look_up(host: str, port: int) -> list[str]:
    """The system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def resolve_and_check(target: Target, allowed: Networks = (), resolve: Resolver = look_up) -> list[Address]:
    """The addresses to connect to. All or nothing: one that may not be fetched refuses the host.

    Connect to these, never to the name: a second look-up may be answered otherwise (DNS rebinding). The message does
    not say the address: it would tell of the network that we are in.

    Raises
    ------
    RefusedError
        One of the addresses is not public.
    PermanentFault
        There is no such host.
    UnreachableError
        Its name servers don't answer just now.
    """
    if target.literal:
        return [target.literal]  # check_url saw that it is allowed
    try:
        found = [ip_address(text) for text in resolve(target.host, target.port)]
    except socket.gaierror as error:
        if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}:
            raise PermanentFault(ErrorCode.SOURCE_UNREACHABLE, f"There is no host {target.host}.") from None
        raise UnreachableError(f"The host {target.host} could not be looked up.") from None
    if not found:
        raise PermanentFault(ErrorCode.SOURCE_UNREACHABLE, f"There is no host {target.host}.")
    if not all(may_fetch(address, allowed) for address in found):
        raise RefusedError(f"The host {target.host} is at an address that may not be fetched.")
    return list(dict.fromkeys(found))
