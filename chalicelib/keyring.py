"""The stage's two secrets, from SSM SecureStrings: each fetched when first needed, kept for the process's life."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache

from chalicelib import aws
from chalicelib.settings import settings


@cache
def cdn_key() -> bytes:
    """The private key (PEM) that private files' addresses are signed with."""
    return _parameter(settings().cdn_key_parameter)


def mac(purpose: str, message: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) of a message; the purpose keeps a cursor from ever passing as a token."""
    return _mac(_secret(), purpose, message)


def edge_secret() -> str:
    """What CloudFront shows the API so that it renders: 64 hexadecimal digits."""
    return derived_edge_secret(_secret())


def derived_edge_secret(secret: bytes) -> str:
    """`edge_secret` from the stage's secret, for those who set CloudFront up. No AWS call."""
    return _mac(secret, "edge", b"render").hex()


def _mac(secret: bytes, purpose: str, message: bytes) -> bytes:
    return hmac.new(secret, purpose.encode() + b"\0" + message, hashlib.sha256).digest()


@cache
def _secret() -> bytes:
    return _parameter(settings().secret_parameter)


def forget() -> None:
    """Empties this process's memory of the secrets."""
    cdn_key.cache_clear()
    _secret.cache_clear()


# One GetParameter each and not GetParameters for both: few functions need both, and the emulator's IAM knows no
# resources of the latter.
def _parameter(name: str) -> bytes:
    client = aws.ssm()
    try:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"].encode()
    except client.exceptions.ParameterNotFound:
        raise LookupError(f"SSM has no {name}: run `python -m ops provision` for this stage again") from None
