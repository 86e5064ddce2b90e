"""The caller of a request: API keys and upload tokens are found by their id and compared by their hash.

The check runs in the function, not in an API Gateway authorizer. Chalice can neither add CORS headers to an
authorizer's refusals nor make them problem documents, so a browser would show a network error in place of "wrong key".
An authorizer would also be one more function that starts cold. Its cache is not missed: a warm function reads a key
once in `memory.REMEMBER` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.api.auth import keys
from chalicelib.api.errors import Problem
from chalicelib.catalog.credentials import OPERATOR, ApiKey, hash_key
from chalicelib.catalog.memory import forget_one, look_up
from chalicelib.model import Actor, UploadToken, now
from chalicelib.settings import settings

COOKIE = "filemill_upload"

# How the name of a user begins, in logs and where a key's id stands otherwise.
USER = "user:"


class Scope(StrEnum):
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"
    EVENTS_READ = "events:read"
    WEBHOOKS_ADMIN = "webhooks:admin"
    KEYS_ADMIN = "keys:admin"
    # An end user's own files. It counts only where neither `files:read` nor `files:write` is given.
    FILES_OWN = "files:own"
    # Operator keys only, which have nothing else.
    TENANTS_ADMIN = "tenants:admin"


ORDINARY = tuple(scope for scope in Scope if scope is not Scope.TENANTS_ADMIN)
"""The scopes that a tenant's credentials can have."""


@dataclass(frozen=True)
class User:
    """A person or program that an issuer of sign-in tokens names: the token's `iss` and `sub`.

    `owner` is the owner of the files that it creates. `expires` is when the token ends, in Unix seconds.
    """

    issuer: str
    subject: str
    owner: str
    expires: int


@dataclass(frozen=True)
class Caller:
    """The caller of a request. The tenant comes from the credential, never from the request.

    The bearer of an upload token has no scopes, and may use its own files only. `user` is the bearer of a sign-in
    token. `key` is the API key that was sent, and `secret` its hash. `secret_ends` is when that secret ends, in Unix
    seconds, if it was rotated away.
    """

    tenant: str
    key_id: str
    scopes: frozenset[str]
    token: UploadToken | None = None
    user: User | None = None
    key: ApiKey | None = None
    secret: str | None = None
    secret_ends: int | None = None

    @property
    def is_operator(self) -> bool:
        """True for an operator key. It has no tenant, and `tenant` is a name that no tenant can have."""
        return self.tenant == OPERATOR

    @property
    def ends(self) -> int | None:
        """When the credential ends by itself, in Unix seconds; None if it does not."""
        ends = [self.secret_ends, self.key.ends if self.key else None]
        ends += [int(self.token.expires_at.timestamp())] if self.token else []
        ends += [self.user.expires] if self.user else []
        return min((end for end in ends if end is not None), default=None)

    @property
    def owner(self) -> str | None:
        """The owner of the files that the caller creates, if they have one."""
        if self.token:
            return self.token.owner
        return self.user.owner if self.user else None

    @property
    def only_own(self) -> str | None:
        """The owner whose files alone the caller may see and change; None if it may use all of its tenant's.

        A caller with `files:own` that is no user is an API key: the files that it makes are its own.
        """
        if self.token or Scope.FILES_OWN not in self.scopes or self.scopes & {Scope.FILES_READ, Scope.FILES_WRITE}:
            return None
        return self.owner or f"key:{self.key_id}"

    @property
    def actor(self) -> Actor:
        """The caller as the changes that it makes name it.

        A user is named as the owner that it is. Where issuers share a tenant, an owner tells their users apart.
        """
        if self.user:
            return Actor(type="user", id=self.user.owner)
        if self.token:
            return Actor(type="token", id=self.token.id)
        return Actor(type="key", id=self.key_id)

    @property
    def kind(self) -> str:
        """The kind of credential that the caller has sent, in words."""
        return "sign-in token" if self.user else "upload token" if self.token else "API key"

    @property
    def may_read(self) -> bool:
        """True if the caller may see the records that it has the right to change."""
        return self.token is not None or self.only_own is not None or Scope.FILES_READ in self.scopes


def authenticate(authorization: str | None, cookie: str | None = None) -> Caller:
    """The caller whose credential is in `Authorization: Bearer …` or, without that header, in a cookie.

    A cookie may hold an upload token only. One read of the table, and for a token one more, of the key that made it;
    none while they are remembered. Raises Problem `token_expired`, `key_expired`, and `unauthenticated` for a
    credential that is missing, malformed, unknown, wrong or revoked. The last three get the same words, so that nobody
    learns which ids exist. If the stage has issuers, everything in the header that has the form of a JWT is a sign-in
    token (`sign_in`).
    """
    credential = _sent(authorization, cookie)
    match = keys.CREDENTIAL.fullmatch(credential)
    if not match and authorization and credential.count(".") == 2 and settings().oidc:
        from chalicelib.api.auth import sign_in  # a stage without issuers never needs it

        return sign_in.authenticate(credential)
    if not match or (not authorization and match[1] != "fmu"):
        raise _unauthenticated(_WRONG_FORM)
    return as_remembered(f"{match[1]}_{match[2]}", secret=hash_key(credential))


def names_of(caller: Caller) -> tuple[str, ...]:
    """The names of the key or token that the caller has, and of the key that made the token: it ends with each.

    The table knows nothing of a user's own name: its credential ends by its time alone.
    """
    if caller.user:
        return (caller.key_id,)
    if caller.token is None:
        return (keys.name_of_key(caller.key_id),)
    own = keys.name_of_token(caller.token.id)
    return (own, keys.name_of_key(caller.token.key_id)) if caller.token.key_id else (own,)


def as_of_now(name: str, *others: str, secret: str | None = None) -> Caller:
    """The caller with the key or token of this name, as the table has it now; nothing is remembered of the `others`.

    `secret` is the hash of the credential that was sent, if one was: it must still be right. As many reads of the table
    as `authenticate` makes. Raises the same Problems.
    """
    for each in (name, *others):
        forget_one(keys.find, each)
    return as_remembered(name, secret=secret)


def as_remembered(name: str, *, secret: str | None = None) -> Caller:
    """The caller with the key or token of this name. Costs and raises what `authenticate` does."""
    known: ApiKey | UploadToken | None = look_up(keys.find, name)
    right, ends = keys.secret_of(known, secret) if known and secret else (known is not None, None)
    if known is None or not right:
        raise _unauthenticated(_NOT_VALID)
    return replace(_caller_with(known), secret=secret, secret_ends=ends)


def _caller_with(known: ApiKey | UploadToken) -> Caller:
    if known.revoked_at:
        raise _unauthenticated(_NOT_VALID)
    if isinstance(known, UploadToken):
        if known.expires_at <= now():
            raise Problem("token_expired", "This upload token has expired; ask your backend for a new one.")
        if not _has_its_key(known):
            raise _unauthenticated(_NOT_VALID)
        return Caller(known.tenant, f"token:{known.id}", frozenset(), known)
    if known.is_over:
        raise Problem("key_expired", "This API key has expired; ask whoever made it for a new one.")
    own = {Scope.TENANTS_ADMIN}
    scopes = {*known.scopes} & own if known.is_operator else {*known.scopes} - own
    return Caller(known.tenant, known.id, frozenset(scopes), key=known)


def _has_its_key(token: UploadToken) -> bool:
    """True if the API key that made the token is still good. The key is looked up as one that was sent.

    Tokens of earlier releases do not name their key. They live for a day at most.
    """
    if token.key_id is None:
        return True
    key: ApiKey | None = look_up(keys.find, keys.name_of_key(token.key_id))
    return key is not None and not key.is_over


_WRONG_FORM = (
    "The Authorization header must be `Bearer` and a credential: an API key (`fm_…`), an upload token (`fmu_…`), or a "
    "sign-in token if this stage takes them."
)
_NOT_VALID = "This credential is not valid: it is unknown or was revoked."


def _sent(authorization: str | None, cookie: str | None) -> str:
    """The credential that was sent. The header counts, even a wrong one; the cookie only without a header."""
    if not authorization:
        if not cookie:
            raise _unauthenticated("This request needs an API key: send `Authorization: Bearer fm_…`.")
        return cookie.strip()
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthenticated(_WRONG_FORM)
    return credential.strip()


def require(caller: Caller, scope: Scope, *, tokens: bool = False, own: bool = False) -> None:
    """Raises Problem `missing_scope` unless the caller's key has the scope.

    A token may call where `tokens` may, and a caller with `files:own` where `own` says so. An operator key may call
    where `tenants:admin` is needed, and nobody else may call there.
    """
    if caller.is_operator != (scope is Scope.TENANTS_ADMIN):
        words = (
            "An operator key may manage tenants only." if caller.is_operator else "Only an operator key may do this."
        )
        raise Problem("missing_scope", words)
    if caller.token:
        if not tokens:
            raise Problem("missing_scope", "An upload token may be used for its own uploads only.")
    elif scope not in caller.scopes and not (own and caller.only_own):
        raise Problem("missing_scope", f"This {caller.kind} lacks the scope `{scope}` that this request needs.")


def _unauthenticated(detail: str) -> Problem:
    # Without `WWW-Authenticate`, which RFC 9110 asks for: API Gateway gives it another name, so no client would see it.
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    return Problem("unauthenticated", detail)
