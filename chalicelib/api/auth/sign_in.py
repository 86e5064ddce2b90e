"""Sign-in tokens: the JWTs of the stage's issuers, beside our own keys and upload tokens.

A refusal has the same words for the client, whatever was wrong. The log has the reason, and never the token.
`python -m ops auth check` tells an operator every step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from chalicelib.api.auth import claims, issuer_keys, jwt
from chalicelib.api.auth.callers import Caller, Scope, User
from chalicelib.api.auth.issuer_keys import NoKeysError
from chalicelib.api.auth.jwt import RefusedError
from chalicelib.api.errors import Problem
from chalicelib.issuers import Issuer
from chalicelib.observability import logger
from chalicelib.settings import settings

REFUSED = "This sign-in token is not valid here."
EXPIRED = "This sign-in token has expired; get a new one from your identity provider."
NO_KEYS = "The keys that sign-in tokens are checked with can't be had just now; try again."


def authenticate(token: str) -> Caller:
    """The bearer of a sign-in token. No read of the table while the issuer's keys are remembered.

    Raises Problem: `unauthenticated`, `token_expired` for a token that was good until its end, and `unavailable` if
    the issuer's keys can't be had.
    """
    try:
        return examine(token, settings().issuers)
    except RefusedError as refused:
        logger.info("sign-in token refused", extra={"reason": str(refused)})
        if refused.expired:
            raise Problem("token_expired", EXPIRED) from None
        raise Problem("unauthenticated", REFUSED) from None
    except NoKeysError:
        logger.warning("sign-in token not checked: its issuer's keys can't be had")
        again = {"Retry-After": str(issuer_keys.AGAIN)}
        raise Problem("unavailable", NO_KEYS, headers=again) from None


def examine(token: str, issuers: Sequence[Issuer], passed: Callable[[str], None] = lambda _: None) -> Caller:
    """The bearer of a token. `passed` gets a sentence for each step that went well.

    The time is checked last, so that "expired" means that all else was right. Raises RefusedError and NoKeysError.
    """
    read = jwt.read(token)
    passed(f"The form is right: {read.algorithm}, key {read.kid!r}.")
    named = read.claims.get("iss")
    issuer = next((each for each in issuers if each.issuer == named), None)
    if issuer is None:
        raise RefusedError("`iss` is none of the issuers in the settings")
    passed(f"The issuer is {issuer.issuer}.")
    issuer_keys.find(issuer, read.kid).verify(read)
    passed("The signature is the issuer's.")
    claims.check_audience(read.claims, issuer)
    passed("The token is for this stage.")
    caller = claims.caller_of(read.claims, issuer)
    passed("The claims give a tenant, an owner and scopes.")
    claims.check_time(read.claims, time.time())
    passed("The token's time has begun and is not over.")
    return caller


def as_values(caller: Caller) -> dict[str, Any] | None:
    """A user as a ticket keeps it, because the table has no other item of it. None for keys and upload tokens."""
    if caller.user is None:
        return None
    return {"tenant": caller.tenant, "scopes": sorted(caller.scopes), **asdict(caller.user)}


def of_values(values: dict[str, Any]) -> Caller:
    """The user that `as_values` kept. Raises Problem `token_expired` if its token is over meanwhile."""
    user = User(values["issuer"], values["subject"], values["owner"], values["expires"])
    if user.expires <= time.time():
        raise Problem("token_expired", EXPIRED)
    scopes = frozenset(map(Scope, values["scopes"]))
    return Caller(values["tenant"], claims.name_of_user(user), scopes, user=user)
