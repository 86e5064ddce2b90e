"""The text of a URL: which URLs may be asked for, as far as their text tells. Pure.

`addresses.py` decides the rest: which addresses a host's name may lead to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, unquote, urlsplit

from chalicelib.outbound.addresses import Address, Networks, may_fetch
from chalicelib.outbound.errors import RefusedError
from chalicelib.text import has_controls

MAX_URL_CHARACTERS = 2048
MAX_HOST_CHARACTERS = 253

DEFAULT_PORTS = {"https": 443, "http": 80}

# Lower ports belong to mail, shells, directories and so on. Nobody may make us talk to those.
FIRST_FREE_PORT = 1024

# The URL standard takes a host whose last label looks like this for an IPv4 address, and so does inet_aton: 127.1,
# 0x7f000001, 017700000001, 2130706433. https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")

# What URL parsers disagree about, besides control characters: the backslash, and white space at either end.
_AMBIGUOUS = re.compile(r"\\|^\s|\s$")

# Characters of a path or a query that stay as written: RFC 3986's, and %, because what is escaped stays escaped.
_KEPT = "/%:@!$&'()*+,;=-._~?"


@dataclass(frozen=True)
class Target:
    """A URL that may be asked for. `host` is lower-case ASCII; `path` includes the query.

    `literal` is the address if the host is given in numbers, which only an operator's own networks may be.
    """

    scheme: str
    host: str
    port: int
    path: str
    literal: Address | None = None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def filename(self) -> str:
        """The name that a browser would save it under: the path's last segment, decoded; else the host's name."""
        segment = unquote(self.path.partition("?")[0].rpartition("/")[2])
        segment = segment.replace("\\", "/").rpartition("/")[2]
        kept = "".join(c for c in segment if not has_controls(c))[:255].strip()
        return kept if kept not in {"", ".", ".."} else self.host


def check_url(url: str, allowed: Networks = ()) -> Target:
    """Reads a URL, and refuses it if its text alone says that it may not be asked for. Pure.

    Accepts http and https, the ports 80, 443 and from 1024 on, and no user name or password. Refuses addresses in
    numbers in every spelling, but for the plain spelling of an address in `allowed`: a source worth importing has a
    name, and a certificate for it.

    Raises RefusedError.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise RefusedError(f"The URL has more than {MAX_URL_CHARACTERS} characters.")
    if has_controls(url) or _AMBIGUOUS.search(url):
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
    host, literal = _host(parts.hostname, in_brackets=parts.netloc.startswith("["))
    if literal and not (any(literal in network for network in allowed) and may_fetch(literal, allowed)):
        raise RefusedError("The URL must name its host, not give an address in numbers.")
    path = quote(parts.path, safe=_KEPT) or "/"
    if parts.query:
        path += "?" + quote(parts.query, safe=_KEPT)
    return Target(parts.scheme, host, port, path, literal)


def _host(text: str, *, in_brackets: bool) -> tuple[str, Address | None]:
    """The host as it is sent, and its address if it is given in numbers."""
    if in_brackets:
        literal = _ipv6(text)
        return str(literal), literal
    host = _name(text)
    return host, _ipv4(host)


def _name(host: str) -> str:
    """A host's name in lower-case ASCII, without the root's dot. IDNA 2008, mapped as browsers do it: UTS #46."""
    if len(host) > MAX_HOST_CHARACTERS + 1:  # with the root's dot
        raise RefusedError("The URL's host is no valid name.")
    if not host.isascii():
        import idna  # rarely needed, and it has 10,000 lines of tables

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
