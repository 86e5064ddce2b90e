"""Who is asking: API keys, looked up by id, compared by hash, remembered for less than a minute.

The check stands in the function and not in an API Gateway authorizer. Chalice can neither put CORS headers on an
authorizer's refusals nor make problem documents of them, so a browser would see a network error where it should see
"wrong key"; and the authorizer would be one more function to start cold. What the authorizer's cache would save, the
memory below saves too: a warm function reads a key once in `REMEMBER` seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum

from chalicelib import catalog
from chalicelib.api.errors import Problem
from chalicelib.catalog import ApiKey

# Seconds a key is trusted from memory. A revoked key must stop within a minute.
REMEMBER = 30.0
REMEMBER_KEYS = 1000

_KEY = re.compile(r"fm_([0-9a-f]{12})_[0-9a-f]{48}")


class Scope(StrEnum):
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"


@dataclass(frozen=True)
class Caller:
    """Whose request it is. The tenant comes from the credential and from nowhere else."""

    tenant: str
    key_id: str
    scopes: frozenset[str]


def new_key() -> tuple[str, str]:
    """(key id, key): the key is shown once and kept nowhere. 192 random bits, so a plain hash of it suffices."""
    key_id = secrets.token_hex(6)
    return key_id, f"fm_{key_id}_{secrets.token_hex(24)}"


def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_remembered: dict[str, tuple[float, ApiKey]] = {}


def forget() -> None:
    """Empties this process's memory of keys."""
    _remembered.clear()


def _look_up(key_id: str) -> ApiKey | None:
    moment = time.monotonic()
    found = _remembered.get(key_id)
    if found and moment - found[0] < REMEMBER:
        return found[1]
    _remembered.pop(key_id, None)
    key = catalog.get_api_key(key_id)
    if key:
        if len(_remembered) >= REMEMBER_KEYS:
            _remembered.clear()
        _remembered[key_id] = (moment, key)
    return key


def authenticate(authorization: str | None) -> Caller:
    """The caller behind an `Authorization: Bearer fm_…` header. At most one read; none while the key is remembered.

    Raises Problem `unauthenticated`: no header, not our scheme, an unknown, wrong or revoked key - all told apart in
    words only where that helps nobody guess.
    """
    if not authorization:
        raise _unauthenticated("This request needs an API key: send `Authorization: Bearer fm_…`.")
    scheme, _, key = authorization.partition(" ")
    match = _KEY.fullmatch(key.strip())
    if scheme.lower() != "bearer" or not match:
        raise _unauthenticated("The Authorization header must be `Bearer` and an API key that starts with `fm_`.")
    known = _look_up(match[1])
    if not known or not hmac.compare_digest(known.hash, hash_key(key.strip())) or known.revoked_at:
        raise _unauthenticated("This API key is not valid: it is unknown or was revoked.")
    return Caller(known.tenant, known.id, frozenset(known.scopes))


def require(caller: Caller, scope: Scope) -> None:
    """Raises Problem `missing_scope` unless the caller's key has the scope."""
    if scope not in caller.scopes:
        raise Problem("missing_scope", f"This API key lacks the scope `{scope}` that this request needs.")


def _unauthenticated(detail: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="filemill"'})
