"""The stage's two secrets, from SSM SecureStrings. Each is fetched when it is first needed.

The stage's secret is kept for the life of the process, the CDN key for minutes only, because it can be rotated.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from chalicelib import aws
from chalicelib.settings import settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Seconds that a process may go on signing with a key after a rotation has replaced it.
CDN_KEY_LIFE = 300

# 64 bits. A guess costs its author a request to the edge, and a right one only gets past it.
CHECK_DIGITS = 16

_KEY_ID = "Key-Pair-Id: "


@dataclass(frozen=True)
class CdnKey:
    """A key that signs private files' addresses: CloudFront's id of the public key, and the private key as PEM.

    It is an ECDSA key (P-256). In a stage that an older release made it is an RSA key (2048 bits) until it is rotated.
    """

    id: str
    pem: bytes = field(repr=False)


def cdn_key() -> CdnKey:
    """The stage's key, read at most CDN_KEY_LIFE seconds ago."""
    return _cdn_key(int(time.time()) // CDN_KEY_LIFE)


@lru_cache(maxsize=1)
def _cdn_key(period: int) -> CdnKey:
    return read_cdn_key(_parameter(settings().cdn_key_parameter), settings().cdn_key_id)


def read_cdn_key(text: bytes, otherwise: str) -> CdnKey:
    """The key that signs, out of the parameter's text: the last one there. The others are as for `read_cdn_keys`."""
    return read_cdn_keys(text, otherwise)[-1]


def read_cdn_keys(text: bytes, otherwise: str) -> tuple[CdnKey, ...]:
    """Reads the parameter's text: a key as PEM, after a rotation with a line before it that has the key's id.

    Without that line the id is `otherwise`. Id and key are in one value, because a signature that names another key
    than its own opens nothing. PEM may have such lines before it: https://www.rfc-editor.org/rfc/rfc7468#section-2

    While a stage moves from RSA to ECDSA, the text has both keys, the RSA key first. The last one signs. The release
    before this one knows RSA only and reads the first, so it can be deployed again until the rotation has ended.
    """
    first, *others = text.split(_KEY_ID.encode())
    keys = [CdnKey(otherwise, first)] if first.strip() or not others else []
    for each in others:
        line, _, pem = each.partition(b"\n")
        keys.append(CdnKey(line.decode().strip(), pem))
    return tuple(keys)


def write_cdn_keys(*keys: CdnKey) -> str:
    """The text for the parameter, as `read_cdn_keys` reads it. The last key will sign."""
    return "".join(f"{_KEY_ID}{key.id}\n{key.pem.decode().strip()}\n" for key in keys)


def mac(purpose: str, message: bytes) -> bytes:
    """HMAC-SHA256 (32 bytes) of a message. With the purpose in it, a cursor can never pass for a token."""
    return _mac(_secret(), purpose, message)


def sign_seal(message: bytes) -> bytes:
    """An Ed25519 signature (64 bytes) with a key that is derived from the stage's secret."""
    return _seal_key().sign(message)


def seal_public_key() -> bytes:
    """The public key of `sign_seal`: 32 bytes. It may be told to everybody."""
    return _seal_key().public_key().public_bytes_raw()


def seal_key_id() -> str:
    """The name of the key of `sign_seal`: 16 hexadecimal digits."""
    return key_id_of(seal_public_key())


def key_id_of(public_key: bytes) -> str:
    """The name of a public key: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def is_signed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """True if this is the signature of the message by the holder of the public key's private one."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _seal_key() -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(mac("seal", b"ed25519"))


def edge_secret() -> str:
    """The secret by which the API knows CloudFront's requests for renditions: 64 hexadecimal digits."""
    return derived_edge_secret(_secret())


def door_secret() -> str:
    """The secret by which the API knows requests that came through the front door: 64 hexadecimal digits."""
    return derived_door_secret(_secret())


def derived_door_secret(secret: bytes) -> str:
    """`door_secret`, computed from the stage's secret, for code that sets up CloudFront. No AWS call.

    It is another one than `edge_secret`: every viewer's request has it, and that one opens renditions.
    """
    return _mac(secret, "edge", b"door").hex()


def derived_edge_secret(secret: bytes) -> str:
    """`edge_secret`, computed from the stage's secret, for code that sets up CloudFront. No AWS call."""
    return _mac(secret, "edge", b"render").hex()


def derived_address_key(secret: bytes) -> str:
    """The key of the checks in addresses, computed from the stage's secret: 64 hexadecimal digits. No AWS call."""
    return _mac(secret, "edge", b"address").hex()


def address_check(path: str) -> str:
    """The check of an address: CHECK_DIGITS hexadecimal digits. `edge/negotiate.js` computes the same.

    `path` is the address up to its version: `/f/{visibility}/{file id}/{version}`.
    """
    key = derived_address_key(_secret())
    return hmac.new(key.encode(), path.encode(), hashlib.sha256).hexdigest()[:CHECK_DIGITS]


def _mac(secret: bytes, purpose: str, message: bytes) -> bytes:
    return hmac.new(secret, purpose.encode() + b"\0" + message, hashlib.sha256).digest()


@cache
def _secret() -> bytes:
    return _parameter(settings().secret_parameter)


def forget() -> None:
    """Forgets the secrets, so that they are fetched again."""
    _cdn_key.cache_clear()
    _secret.cache_clear()


# One GetParameter each, not GetParameters for both: few functions need both, and the emulator's IAM knows no
# resources of GetParameters.
def _parameter(name: str) -> bytes:
    client = aws.ssm()
    try:
        return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"].encode()
    except client.exceptions.ParameterNotFound:
        raise LookupError(f"SSM has no {name}: run `python -m ops provision` for this stage again") from None
