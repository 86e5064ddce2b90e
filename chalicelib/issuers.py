"""The issuers whose sign-in tokens a stage takes: the setting `FILEMILL_OIDC`, read and checked. Pure.

The functions read it only if it is set, so that no other stage pays for these models at the start of its functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from chalicelib.model import TENANT_PATTERN
from chalicelib.text import has_controls

# Bytes of the whole setting. All environment variables of a Lambda function have room in 4 KB.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
MAX_BYTES = 2000
MAX_ISSUERS = 10

# The scopes that a sign-in token can be given. They are those of `api.auth.callers.Scope`; a test compares them.
SCOPES = ("files:read", "files:write", "events:read", "webhooks:admin", "keys:admin", "files:own")

# Owners that begin so are API keys with `files:own`. No user may be taken for one.
OWNER_OF_KEYS = "key:"

# Stands between the steps of a claim's path. Names of claims may have dots, colons and slashes.
STEP = ">"

_TEMPLATE = re.compile(r"([^{}]*)(?:\{([^{}]+)\}([^{}]*))?")
_TENANT_PART = re.compile(r"[a-z0-9-]*")


@dataclass(frozen=True)
class Template:
    """A text with at most one claim in it, such as `{custom:org}` or `org-{org_id}`.

    Two claims could give one text in two ways: `{a}-{b}` is `x-y-z` for `x`, `y-z` and for `x-y`, `z`.
    """

    before: str
    path: tuple[str, ...] | None
    after: str

    def may_equal(self, other: Template) -> bool:
        """True if some claims could give both templates the same text."""
        if self.path is None and other.path is None:
            return self.before == other.before
        if self.path is None or other.path is None:
            fixed, filled = (self, other) if self.path is None else (other, self)
            room = len(fixed.before) > len(filled.before) + len(filled.after)
            return room and fixed.before.startswith(filled.before) and fixed.before.endswith(filled.after)
        return _begins(self.before, other.before) and _begins(self.after[::-1], other.after[::-1])


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def path_of(text: str) -> tuple[str, ...]:
    """The steps of a claim's path: `realm_access>roles` gives `realm_access` and `roles`. Raises ValueError."""
    steps = tuple(text.split(STEP))
    if not all(steps) or has_controls(text) or len(text) > 200:
        raise ValueError(f"must name a claim, with {STEP} between the steps into objects")
    return steps


@cache
def template(text: str) -> Template:
    """Reads a template. Raises ValueError."""
    match = _TEMPLATE.fullmatch(text)
    if not match or not text or has_controls(text):
        raise ValueError("must be a text with at most one claim in braces, such as {custom:org}")
    return Template(match[1], path_of(match[2]) if match[2] else None, match[3] or "")


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _words(value: Any) -> Any:
    return tuple(value.split()) if isinstance(value, str) else value


def _known_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := sorted({*scopes} - {*SCOPES}):
        raise ValueError(f"{unknown[0]!r} is no scope; there are {', '.join(SCOPES)}")
    return scopes


_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Texts = Annotated[tuple[_Text, ...], BeforeValidator(_several), Field(min_length=1)]
_Scopes = Annotated[tuple[str, ...], BeforeValidator(_words)]


def address(text: str) -> str:
    """An address of an issuer's. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment or has_controls(text):
        raise ValueError("must be an address that begins with https://, without a user name and without #")
    return text


class ConsoleClient(BaseModel):
    """How people sign in to the console with this issuer: as a public client, by OAuth's code flow with PKCE.

    The functions need none of it; `ops provision` tells the console. `parameters` are more of them for the issuer's
    page, such as Auth0's `audience`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: _Text
    name: _Text | None = None
    scope: _Text = "openid"
    authorize: _Text | None = None
    token: _Text | None = None
    parameters: dict[str, _Text] = Field(default_factory=dict)

    @field_validator("authorize", "token")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        return text if text is None else address(text)


class Issuer(BaseModel):
    """One issuer, and how the claims of its tokens become a tenant, scopes and an owner.

    Claims are named by a path (`path_of`); `tenant` and `owner` are templates. docs/sign-in-tokens.md explains each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: _Text
    jwks: _Text
    audience: _Texts
    audience_claim: _Text = "aud"
    azp: _Texts | None = None
    require: dict[str, bool | _Text] = Field(default_factory=dict)
    tenant: _Text
    owner: _Text = "{sub}"
    scopes: _Scopes = ()
    scope_prefix: str | None = None
    groups: _Text | None = None
    group_scopes: dict[str, _Scopes] = Field(default_factory=dict)
    console: ConsoleClient | None = None

    @field_validator("issuer", "jwks")
    @classmethod
    def _address(cls, text: str) -> str:
        return address(text)

    @field_validator("audience_claim", "groups")
    @classmethod
    def _path(cls, text: str | None) -> str | None:
        if text is not None:
            path_of(text)
        return text

    @field_validator("require")
    @classmethod
    def _paths(cls, wanted: dict[str, bool | str]) -> dict[str, bool | str]:
        for text in wanted:
            path_of(text)
        return wanted

    @field_validator("tenant")
    @classmethod
    def _tenant(cls, text: str) -> str:
        found = template(text)
        if found.path is None and not TENANT_PATTERN.fullmatch(text):
            raise ValueError("must be a tenant's name (lower-case letters, digits, hyphens) or have a claim in braces")
        if not _TENANT_PART.fullmatch(found.before + found.after):
            raise ValueError("may have lower-case letters, digits and hyphens beside the claim")
        return text

    @field_validator("owner")
    @classmethod
    def _owner(cls, text: str) -> str:
        found = template(text)
        if found.path is None:
            raise ValueError("must have a claim in braces, or all users would be one owner")
        if found.before.startswith(OWNER_OF_KEYS):
            raise ValueError(f"must not begin with {OWNER_OF_KEYS}, which is for API keys")
        return text

    @field_validator("scopes")
    @classmethod
    def _fixed(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        return _known_scopes(scopes)

    @field_validator("group_scopes")
    @classmethod
    def _of_groups(cls, mapped: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {group: _known_scopes(scopes) for group, scopes in mapped.items()}

    @model_validator(mode="after")
    def _together(self) -> Issuer:
        if bool(self.groups) != bool(self.group_scopes):
            raise ValueError("`groups` (the claim) and `group_scopes` (what each group may do) need each other")
        if not self.scopes and self.scope_prefix is None and not self.groups:
            raise ValueError("gives no scope: set `scopes`, `scope_prefix`, or `groups` with `group_scopes`")
        return self


@cache
def read(text: str) -> tuple[Issuer, ...]:
    """The issuers in the setting's text. Raises ValueError with a sentence that says what is wrong, and where."""
    if not text.strip():
        return ()
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(
            f"has {len(text.encode())} bytes, at most {MAX_BYTES} fit beside a function's other variables: shorten it"
        )
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("must be a JSON list of issuers, and is no JSON") from None
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_ISSUERS:
        raise ValueError(f"must be a JSON list of 1 to {MAX_ISSUERS} issuers")
    issuers = tuple(_issuer(number, entry) for number, entry in enumerate(entries, 1))
    if wrong := next(_mixed_up(issuers), None):
        raise ValueError(wrong)
    return issuers


# Pydantic's own words for these name our types.
_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is no key of an issuer",
    "tuple_type": "must be a text or a list of texts",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "string_type": "must be a text",
}


def _issuer(number: int, entry: Any) -> Issuer:
    try:
        return Issuer.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = _SENTENCES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        raise ValueError(f"issuer {number}: {f'`{where}` ' if where else ''}{what}") from None


def _mixed_up(issuers: Iterable[Issuer]) -> Iterator[str]:
    """Sentences about pairs whose users could be taken for each other.

    Owners of two issuers can never be equal if both begin with a text of their own, and neither text begins the other.
    """
    for (first, one), (second, other) in combinations(enumerate(issuers, 1), 2):
        if one.issuer == other.issuer:
            yield f"issuers {first} and {second} have the same `issuer`"
        elif template(one.tenant).may_equal(template(other.tenant)) and _begins(
            template(one.owner).before, template(other.owner).before
        ):
            yield (
                f"issuers {first} and {second} can name the same tenant, so a user of one could be taken for a user of "
                "the other: give each an `owner` that begins with a text of its own, such as `a:{sub}` and `b:{sub}`"
            )
