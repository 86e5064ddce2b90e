"""Who is asking: API keys and upload tokens, looked up by id, compared by hash, remembered for less than a minute.

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
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chalicelib.api.errors import Problem
from chalicelib.catalog import credentials, tenants
from chalicelib.catalog.credentials import ApiKey
from chalicelib.model import UploadToken, now
from chalicelib.renditions.recipes import DEFAULT_RECIPE, RECIPES

# Seconds a key is trusted from memory. A revoked key must stop within a minute.
REMEMBER = 30.0
REMEMBER_KEYS = 1000

_CREDENTIAL = re.compile(r"(fmu?)_([0-9a-f]{12})_[0-9a-f]{48}")


COOKIE = "filemill_upload"


class Scope(StrEnum):
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"


@dataclass(frozen=True)
class Caller:
    """Whose request it is. The tenant comes from the credential and from nowhere else.

    A browser with an upload token has no scopes: what it may do it may do with its own files only.
    """

    tenant: str
    key_id: str
    scopes: frozenset[str]
    token: UploadToken | None = None


def new_credential(prefix: str = "fm") -> tuple[str, str]:
    """(id, credential): it is shown once and kept nowhere. 192 random bits, so a plain hash of it suffices.

    `fm` is an API key, `fmu` an upload token.
    """
    credential_id = secrets.token_hex(6)
    return credential_id, f"{prefix}_{credential_id}_{secrets.token_hex(24)}"


def hash_key(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


_remembered: dict[tuple[Callable[..., Any], str], tuple[float, Any]] = {}


def forget() -> None:
    """Empties this process's memory of keys and tenants."""
    _remembered.clear()


def _look_up(read: Callable[[str], Any], name: str) -> Any:
    """What `read` finds under a name, for `REMEMBER` seconds from memory. That there is nothing is not remembered."""
    moment = time.monotonic()
    found = _remembered.get((read, name))
    if found and moment - found[0] < REMEMBER:
        return found[1]
    _remembered.pop((read, name), None)
    known = read(name)
    if known:
        if len(_remembered) >= REMEMBER_KEYS:
            _remembered.clear()
        _remembered[read, name] = (moment, known)
    return known


def _credential(name: str) -> ApiKey | UploadToken | None:
    prefix, _, credential_id = name.partition("_")
    return credentials.get_api_key(credential_id) if prefix == "fm" else credentials.get_token(credential_id)


def default_recipe(tenant: str) -> str:
    """The recipe of files whose creator names none. At most one read; none while the tenant is remembered."""
    chosen: str | None = _look_up(tenants.get_tenant, tenant).default_recipe
    return chosen if chosen in RECIPES else DEFAULT_RECIPE


def authenticate(authorization: str | None, cookie: str | None = None) -> Caller:
    """The caller behind an `Authorization: Bearer …` header or, without one, an upload token in a cookie.

    At most one read; none while the credential is remembered. Raises Problem `unauthenticated`: nothing sent, not our
    scheme, an unknown, wrong or revoked credential - told apart in words only where that helps nobody guess; and
    `token_expired`.
    """
    if not authorization and not cookie:
        raise _unauthenticated("This request needs an API key: send `Authorization: Bearer fm_…`.")
    scheme, _, credential = authorization.partition(" ") if authorization else ("bearer", "", cookie or "")
    credential = credential.strip()
    match = _CREDENTIAL.fullmatch(credential)
    if scheme.lower() != "bearer" or not match or (not authorization and match[1] != "fmu"):
        raise _unauthenticated("The Authorization header must be `Bearer` and an API key that starts with `fm_`.")
    known: ApiKey | UploadToken | None = _look_up(_credential, f"{match[1]}_{match[2]}")
    if not known or not hmac.compare_digest(known.hash, hash_key(credential)):
        raise _unauthenticated("This credential is not valid: it is unknown or was revoked.")
    if isinstance(known, UploadToken):
        if known.expires_at <= now():
            raise Problem("token_expired", "This upload token is over; ask your backend for a new one.")
        return Caller(known.tenant, f"token:{known.id}", frozenset(), known)
    if known.revoked_at:
        raise _unauthenticated("This credential is not valid: it is unknown or was revoked.")
    return Caller(known.tenant, known.id, frozenset(known.scopes))


def require(caller: Caller, scope: Scope, *, tokens: bool = False) -> None:
    """Raises Problem `missing_scope` unless the caller's key has the scope, or tokens are welcome and it is one."""
    if caller.token:
        if not tokens:
            raise Problem("missing_scope", "An upload token opens only its own uploads.")
    elif scope not in caller.scopes:
        raise Problem("missing_scope", f"This API key lacks the scope `{scope}` that this request needs.")


def _unauthenticated(detail: str) -> Problem:
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="filemill"'})
