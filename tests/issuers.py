"""An issuer of sign-in tokens: keys of every algorithm, tokens signed with them, and a server that publishes them.

Tokens are made here by hand, because a forger does not use a library that refuses to make wrong ones.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from chalicelib import settings
from chalicelib.api.auth import issuer_keys
from tests.outbound.servers import LOOPBACK, Server, answer, certificate, serving

AUDIENCE = "filemill"

Changes = Mapping[str, Any]
"""Claims or headers to set; one that is None is taken away."""


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value: Any) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


@cache
def private_key(kind: str, serial: int = 0) -> Any:
    """A key, made once in a run. `kind` is its algorithm; `serial` tells keys of one kind apart."""
    if kind.startswith("ES"):
        return ec.generate_private_key(ec.SECP256R1() if kind == "ES256" else ec.SECP384R1())
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class Signer:
    """A key of an issuer with its id."""

    kid: str
    algorithm: str = "RS256"
    serial: int = 0

    @property
    def private(self) -> Any:
        return private_key(self.algorithm, self.serial)

    def jwk(self, **changes: Any) -> dict[str, Any]:
        return _changed({"kid": self.kid, "use": "sig", "alg": self.algorithm, **self._numbers()}, changes)

    def _numbers(self) -> dict[str, str]:
        public = self.private.public_key()
        if self.algorithm == "EdDSA":
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        numbers = public.public_numbers()
        if self.algorithm.startswith("ES"):
            curve, size = {"ES256": ("P-256", 32), "ES384": ("P-384", 48)}[self.algorithm]
            return {"kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size)}
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    def signature(self, signed: bytes, algorithm: str = "") -> bytes:
        algorithm = algorithm or self.algorithm
        key = self.private
        if algorithm == "EdDSA":
            return bytes(key.sign(signed))
        digest: Any = getattr(hashes, f"SHA{algorithm[2:]}")()
        if algorithm.startswith("ES"):
            size = {"ES256": 32, "ES384": 48}[algorithm]
            r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if algorithm.startswith("PS"):
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
            return bytes(key.sign(signed, scheme, digest))
        return bytes(key.sign(signed, padding.PKCS1v15(), digest))

    def signed(self, header: Any, claims: Any) -> str:
        """A token with any header and payload, as JSON or as bytes."""
        text = f"{part(header)}.{part(claims)}"
        return f"{text}.{b64(self.signature(text.encode()))}"


def hmac_signed(secret: bytes, header: Any, claims: Any) -> str:
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def _changed(values: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


@dataclass
class Issuer:
    """An issuer whose JWKS is at an https address on loopback. `signers` are the keys that it publishes now.

    `script` may answer in another way than with the keys.
    """

    server: Server
    signers: list[Signer] = field(default_factory=lambda: [Signer("first")])
    script: Callable[[], bytes] | None = None
    name: str = "https://id.example.com/pool"

    @property
    def url(self) -> str:
        return self.server.url("/keys.json", scheme="https")

    @property
    def fetches(self) -> int:
        return len(self.server.requests)

    def document(self) -> bytes:
        return json.dumps({"keys": [signer.jwk() for signer in self.signers]}).encode()

    def entry(self, **changes: Any) -> dict[str, Any]:
        """The issuer's entry in `FILEMILL_OIDC`."""
        entry = {
            "issuer": self.name,
            "jwks": self.url,
            "audience": AUDIENCE,
            "tenant": "acme",
            "scopes": "files:read files:write events:read",
        }
        return _changed(entry, changes)

    def claims(self, **changes: Any) -> dict[str, Any]:
        moment = int(time.time())
        claims = {"iss": self.name, "aud": AUDIENCE, "sub": "ann", "iat": moment, "exp": moment + 600}
        return _changed(claims, changes)

    def header(self, signer: Signer | None = None, **changes: Any) -> dict[str, Any]:
        signer = signer or self.signers[0]
        return _changed({"alg": signer.algorithm, "kid": signer.kid, "typ": "JWT"}, changes)

    def token(self, signer: Signer | None = None, **changes: Any) -> str:
        signer = signer or self.signers[0]
        return signer.signed(self.header(signer), self.claims(**changes))


@contextmanager
def issuing(folder: Path, **more: Any) -> Iterator[Issuer]:
    """An issuer over HTTPS. The outbound guard lets the code under test reach loopback, and trust its certificate."""
    server_tls, client_tls = certificate(folder, "localhost")

    def script(_: str, connection: Any) -> None:
        connection.sendall(issuer.script() if issuer.script else answer(issuer.document()))

    with serving(script, tls=server_tls) as server, pytest.MonkeyPatch.context() as patch:
        issuer = Issuer(server, **more)
        reading = partial(issuer_keys.read_document, allowed=LOOPBACK, tls=client_tls)
        patch.setattr(issuer_keys, "read_document", reading)
        yield issuer


@contextmanager
def stage_with(*entries: Mapping[str, Any]) -> Iterator[None]:
    """Meanwhile the stage has these issuers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILEMILL_OIDC", json.dumps(entries, separators=(",", ":")) if entries else "")
        settings.settings.cache_clear()
        issuer_keys.forget()
        yield
    settings.settings.cache_clear()
