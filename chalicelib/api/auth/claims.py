"""From a token's claims to what its bearer may do: the checks of the claims, and the mapping. Pure.

The signature has been checked before. Still, every claim is taken for what it is: one of the wrong type is an error,
and never converted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.api.auth.callers import USER, Caller, Scope, User
from chalicelib.api.auth.jwt import RefusedError
from chalicelib.issuers import OWNER_OF_KEYS, Issuer, path_of, template
from chalicelib.model import TENANT_PATTERN
from chalicelib.text import has_controls

# Seconds by which our clock and the issuer's may differ.
SKEW = 60

# Characters. OpenID Connect Core 1.0, section 2, bounds `sub`; the other one is the bound of a file's owner.
MAX_SUBJECT = 255
MAX_OWNER = 128

Claims = Mapping[str, Any]

# Seconds since 1970 in the year 9999.
_LAST_TIME = 253_402_300_799


def end_of(claims: Claims) -> int:
    """When the token stops working here, in Unix seconds: `exp`, and the skew. Raises RefusedError if it has no end."""
    return int(_time(claims, "exp")) + SKEW


def check_time(claims: Claims, moment: float) -> None:
    """Raises RefusedError: the token's time has not begun, or is over."""
    for name in ("nbf", "iat"):
        if name in claims and _time(claims, name) > moment + SKEW:
            raise RefusedError(f"`{name}` is in the future")
    if end_of(claims) <= moment:
        raise RefusedError("the token has expired (`exp`)", expired=True)


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_TIME:
        raise RefusedError(f"`{name}` is missing or no time")
    return value


def check_audience(claims: Claims, issuer: Issuer) -> None:
    """Raises RefusedError unless the token is for this stage, and was given to a client that may have it."""
    if not {*_texts(claims, issuer.audience_claim, required=True)} & {*issuer.audience}:
        raise RefusedError(f"`{issuer.audience_claim}` has none of the audiences in the settings")
    if issuer.azp is not None and claims.get("azp") not in issuer.azp:
        raise RefusedError("`azp` is none of the clients in the settings")
    for path, wanted in issuer.require.items():
        found = _at(claims, path)
        if found != wanted or type(found) is not type(wanted):  # 1 equals true
            raise RefusedError(f"`{path}` is not what the settings require")


def caller_of(claims: Claims, issuer: Issuer) -> Caller:
    """The bearer of a token whose signature and audience are right. Raises RefusedError."""
    subject = _text(claims, "sub", MAX_SUBJECT)
    tenant = _filled(claims, issuer.tenant)
    if not TENANT_PATTERN.fullmatch(tenant):
        raise RefusedError("the tenant that the claims give is no name of a tenant")
    owner = _filled(claims, issuer.owner)
    if len(owner) > MAX_OWNER or owner.startswith(OWNER_OF_KEYS):
        raise RefusedError(f"the owner that the claims give is longer than {MAX_OWNER} characters, or one of a key")
    user = User(issuer.issuer, subject, owner, end_of(claims))
    return Caller(tenant, name_of_user(user), frozenset(scopes_of(claims, issuer)), user=user)


def name_of_user(user: User) -> str:
    """The name of a user's credential in logs, sockets and idempotency keys: it hides `sub`, and has the issuer in it.

    128 bits of SHA-256, so that nobody finds a second user of the same name.
    """
    whole = json.dumps([user.issuer, user.subject]).encode()
    return f"{USER}{hashlib.sha256(whole).hexdigest()[:32]}"


def scopes_of(claims: Claims, issuer: Issuer) -> set[Scope]:
    """The scopes that the settings give all users of the issuer, its token's own, and those of the user's groups."""
    found = {*issuer.scopes}
    if issuer.scope_prefix is not None:
        named = [word for name in ("scope", "scp") for text in _texts(claims, name) for word in text.split()]
        mine = {name.removeprefix(issuer.scope_prefix) for name in named if name.startswith(issuer.scope_prefix)}
        found |= mine & {*Scope}
    if issuer.groups is not None:
        for group in _texts(claims, issuer.groups):
            found |= {*issuer.group_scopes.get(group, ())}
    return {Scope(name) for name in found}


def _at(claims: Claims, path: str) -> Any:
    """The claim at a path; None if there is none."""
    value: Any = claims
    for step in path_of(path):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(claims: Claims, path: str, most: int) -> str:
    value = _at(claims, path)
    if not isinstance(value, str) or not 0 < len(value) <= most or has_controls(value):
        raise RefusedError(f"`{path}` is missing, or no text of 1 to {most} characters without control characters")
    return value


def _texts(claims: Claims, path: str, *, required: bool = False) -> list[str]:
    """The texts of a claim that is a text or a list of texts; none if it is missing."""
    value = _at(claims, path)
    if value is None and not required:
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise RefusedError(f"`{path}` is missing, or neither a text nor a list of texts")
    return values


def _filled(claims: Claims, text: str) -> str:
    made = template(text)
    if made.path is None:
        return text
    return made.before + _text(claims, ">".join(made.path), MAX_SUBJECT) + made.after
