"""Who is asking: API keys and upload tokens, looked up by id, compared by hash, remembered for less than a minute.

The check stands in the function and not in an API Gateway authorizer. Chalice can neither put CORS headers on an
authorizer's refusals nor make problem documents of them, so a browser would see a network error where it should see
"wrong key"; and the authorizer would be one more function to start cold. What the authorizer's cache would save, the
memory below saves too: a warm function reads a key once in `REMEMBER` seconds.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.api.auth import keys
from chalicelib.api.auth.memory import look_up
from chalicelib.api.errors import Problem
from chalicelib.catalog.credentials import ApiKey, hash_key
from chalicelib.model import UploadToken, now

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
    match = keys.CREDENTIAL.fullmatch(credential)
    if scheme.lower() != "bearer" or not match or (not authorization and match[1] != "fmu"):
        raise _unauthenticated("The Authorization header must be `Bearer` and an API key that starts with `fm_`.")
    known: ApiKey | UploadToken | None = look_up(keys.find, f"{match[1]}_{match[2]}")
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
