"""CloudFront's signatures, made and checked as its documentation says. Nothing of the project's takes part.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-setting-signed-cookie-custom-policy.html
"""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

_HASHES: dict[str, Any] = {"SHA1": SHA1(), "SHA256": SHA256()}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(number: int = 1) -> rsa.RSAPrivateKey:
    """The same key for the same number in one run: making one takes long."""
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(number: int = 1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(private_pem: bytes) -> bytes:
    """The public half of a private key in PEM."""
    key = load_pem_private_key(private_pem, None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def encode(value: bytes) -> str:
    """Base64 with `-`, `_` and `~` in place of `+`, `=` and `/`."""
    return b64encode(value).decode().translate(str.maketrans("+=/", "-_~"))


def decode(text: str) -> bytes:
    return b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)


def policy_for(resource: str, expires: int, **more: Any) -> bytes:
    """A policy without spaces; of one address it is the canned one. `more` is added to its condition."""
    condition = {"DateLessThan": {"AWS:EpochTime": expires}, **more}
    statement = {"Resource": resource, "Condition": condition}
    return json.dumps({"Statement": [statement]}, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Signer:
    """Signs with a private key. Without `algorithm` nothing says it, and CloudFront takes SHA-1."""

    key: PrivateKey
    id: str = "K1"
    algorithm: str | None = None

    def custom(self, policy: bytes) -> str:
        """Query parameters with this policy."""
        return "&".join([f"Policy={encode(policy)}", *self._signed(policy)])

    def wildcard(self, resource: str, expires: int, **more: Any) -> str:
        return self.custom(policy_for(resource, expires, **more))

    def canned(self, url: str, expires: int) -> str:
        """The address with the query parameters that open it."""
        query = "&".join([f"Expires={expires}", *self._signed(policy_for(url, expires))])
        return f"{url}{'&' if '?' in url else '?'}{query}"

    def _signed(self, policy: bytes) -> list[str]:
        hashed = _HASHES[self.algorithm or "SHA1"]
        if isinstance(self.key, rsa.RSAPrivateKey):
            signature = self.key.sign(policy, PKCS1v15(), hashed)
        else:
            signature = self.key.sign(policy, ec.ECDSA(hashed))
        named = [f"Hash-Algorithm={self.algorithm}"] if self.algorithm else []
        return [f"Signature={encode(signature)}", f"Key-Pair-Id={self.id}", *named]


KINDS = {
    "RSA and SHA-1, as the release before signed": Signer(rsa_key()),
    "RSA and SHA-256": Signer(rsa_key(), algorithm="SHA256"),
    "ECDSA and SHA-1": Signer(ec_key(), "K2"),
    "ECDSA and SHA-256": Signer(ec_key(), "K2", "SHA256"),
}
"""Everything that CloudFront takes. K1 is an RSA key and K2 an ECDSA one."""


def parameters(query: str) -> dict[str, str]:
    """The parameters of a query as they are, without any decoding."""
    return dict(pair.split("=", 1) for pair in query.split("&"))


def signed_policy(given: Mapping[str, str], public: bytes, folder: Path, url: str = "") -> dict[str, Any]:
    """The policy of signature parameters, if openssl finds the signature good; else raises AssertionError.

    `public` is the public key as PEM, `url` the viewer's address without these parameters, which a canned policy needs.
    """
    policy = decode(given["Policy"]) if "Policy" in given else policy_for(url, int(given["Expires"]))
    for name, value in {"key": public, "signature": decode(given["Signature"]), "policy": policy}.items():
        (folder / name).write_bytes(value)
    digest = {"SHA1": "-sha1", "SHA256": "-sha256"}[given.get("Hash-Algorithm", "SHA1")]
    command = ["openssl", "dgst", digest, "-verify", "key", "-signature", "signature", "policy"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Verified OK", done.stdout + done.stderr
    statement: dict[str, Any] = json.loads(policy)["Statement"][0]
    return statement
