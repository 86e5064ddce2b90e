"""The rights of a credential, as far as it can hand them on: nobody gives more than they have."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from chalicelib.api.auth.admission import parsed
from chalicelib.api.auth.callers import Caller, Scope
from chalicelib.api.errors import Problem
from chalicelib.catalog.credentials import ApiKey

_ALL_FILES = {Scope.FILES_READ, Scope.FILES_WRITE}


@dataclass(frozen=True)
class Rights:
    """The rights of a key: scopes, networks and end. Without networks it works from everywhere."""

    scopes: frozenset[str]
    networks: tuple[str, ...] = ()
    expires_at: str | None = None


def of_key(key: ApiKey) -> Rights:
    return Rights(frozenset(key.scopes), key.networks, key.expires_at)


def of_caller(caller: Caller) -> Rights:
    """A user's sign-in token ends soon, but not the user's right: it bounds no key that the user makes."""
    return of_key(caller.key) if caller.key else Rights(caller.scopes)


def require_within(wanted: Rights, own: Rights) -> None:
    """Raises Problem `exceeds_own_rights` with the field by which `wanted` is more than `own`."""
    if more := sorted(_powers(wanted.scopes) - _gifts(own.scopes)):
        raise _exceeds("scopes", f"your own credential lacks `{more[0]}`.")
    if _sees_its_own(own.scopes) and not _sees_its_own(wanted.scopes):
        raise _exceeds("scopes", "your own credential sees its own files only, so `files:own` must be among them.")
    if own.networks and not _is_inside(wanted.networks, own.networks):
        raise _exceeds("networks", "your own credential may be used from fewer addresses.")
    if own.expires_at and (wanted.expires_at is None or wanted.expires_at > own.expires_at):
        raise _exceeds("expires_at", f"your own credential ends earlier, at {own.expires_at}.")


def _powers(scopes: Collection[str]) -> frozenset[str]:
    """The scopes that count: `files:own` does not beside `files:read` or `files:write`."""
    return frozenset(scopes) - ({Scope.FILES_OWN} if _ALL_FILES & {*scopes} else set())


def _gifts(scopes: frozenset[str]) -> frozenset[str]:
    """The scopes that may be given: whoever sees and changes all files may give the right to see and change some."""
    return _powers(scopes) | ({Scope.FILES_OWN} if scopes >= _ALL_FILES else set())


def _sees_its_own(scopes: frozenset[str]) -> bool:
    """True if `files:own` counts. It also bounds other scopes: `events:read` without it hears of all files."""
    return Scope.FILES_OWN in _powers(scopes)


def _is_inside(networks: tuple[str, ...], others: tuple[str, ...]) -> bool:
    def inside(network: Any) -> bool:
        return any(network.version == other.version and network.subnet_of(other) for other in parsed(others))

    return bool(networks) and all(map(inside, parsed(networks)))


def _exceeds(field: str, why: str) -> Problem:
    return Problem("exceeds_own_rights", f"`{field}`: {why}", field=field)
