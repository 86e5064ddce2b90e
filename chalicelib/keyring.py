"""The stage's two secrets, from SSM SecureStrings: fetched together when first needed, kept for the process's life."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import cache

from chalicelib import aws
from chalicelib.settings import settings


@dataclass(frozen=True)
class Keyring:
    """`cdn_key`: the private key (PEM) of private addresses. `secret`: what cursors and tokens are signed with."""

    cdn_key: bytes
    secret: bytes

    def mac(self, purpose: str, message: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) of a message; the purpose keeps a cursor from ever passing as a token."""
        return hmac.new(self.secret, purpose.encode() + b"\0" + message, hashlib.sha256).digest()


@cache
def keyring() -> Keyring:
    here = settings()
    reply = aws.ssm().get_parameters(Names=[here.cdn_key_parameter, here.secret_parameter], WithDecryption=True)
    values = {p["Name"]: p["Value"] for p in reply["Parameters"]}
    missing = {here.cdn_key_parameter, here.secret_parameter} - values.keys()
    if missing:
        raise LookupError(
            f"SSM has no {', '.join(sorted(missing))}: run `python -m ops provision` for this stage again"
        )
    return Keyring(values[here.cdn_key_parameter].encode(), values[here.secret_parameter].encode())
