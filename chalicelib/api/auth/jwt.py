"""The form of a signed token: RFC 7519 and RFC 7515. Its signature is checked by a key (`jwk`). Pure.

A token is a stranger's until its signature holds. So all of it is bounded and read strictly: one way to write each
token, and no name twice. Headers that would bring a key along (`jku`, `jwk`, `x5u`, `x5c`) are never looked at.
Reasons: docs/decisions/0025-sign-in-tokens-by-primitives.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import base64url

# Characters of a whole token. API Gateway takes 10,240 bytes of all headers together.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MAX_TOKEN = 8 * 1024
MAX_KID = 256

FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
"""Three parts in base64url. The last one is empty in a token without a signature, which is refused later."""

# Types that a header may name (RFC 9068 has the second one). Others are tokens for another purpose, such as
# `logout+jwt`: https://www.rfc-editor.org/rfc/rfc8725#section-3.11
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"})

SAME = {"Ed25519": "EdDSA"}
"""An algorithm's second name (RFC 9864) → the first one."""


class RefusedError(Exception):
    """A token is not accepted. The message says why, for the log and the operator, in words that no stranger chose.

    `expired` is True if nothing but its time was wrong.
    """

    def __init__(self, why: str, *, expired: bool = False) -> None:
        super().__init__(why)
        self.expired = expired


@dataclass(frozen=True)
class Token:
    """A token's parts, read but not believed. `signed` are the bytes that the signature is for."""

    algorithm: str
    kid: str
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def read(token: str) -> Token:
    """Reads a token strictly. Raises RefusedError."""
    if len(token) > MAX_TOKEN:
        raise RefusedError(f"the token has more than {MAX_TOKEN} characters")
    if not FORM.fullmatch(token):
        raise RefusedError("the token does not have three parts in base64url")
    head, payload, signature = token.split(".")
    header = _object(head, "header")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise RefusedError("the header's `alg` is not one of " + ", ".join(sorted(ALGORITHMS)))
    if "crit" in header:
        raise RefusedError("the header has `crit`, and no extension is known here")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise RefusedError("the header's `typ` is that of another kind of token")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID:
        raise RefusedError("the header names no key (`kid`)")
    claims = _object(payload, "payload")
    return Token(SAME.get(algorithm, algorithm), kid, claims, f"{head}.{payload}".encode(), _bytes(signature))


def strict_json(raw: bytes) -> Any:
    """JSON in UTF-8 in which no object has a name twice, and every number is finite. Raises ValueError."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("too large")
    return number


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        found = strict_json(_bytes(part))
    except ValueError:
        raise RefusedError(f"the {name} is no JSON, or has a name twice") from None
    if not isinstance(found, dict):
        raise RefusedError(f"the {name} is no JSON object")
    return found


def _bytes(part: str) -> bytes:
    try:
        return base64url.decode(part)
    except ValueError:
        raise RefusedError("a part is not base64url as RFC 7515 writes it") from None
