"""An issuer's public key (RFC 7517), and the signatures that it verifies, with the primitives of `cryptography`.

The key decides the algorithm; a token may only agree. So no token can have an RSA key's numbers used as the secret of
an HMAC, and none can choose a weaker algorithm. Reasons: docs/decisions/0025-sign-in-tokens-by-primitives.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib import base64url
from chalicelib.api.auth.jwt import MAX_KID, SAME, RefusedError, Token

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

# Bits of an RSA key. Shorter ones are too weak (RFC 7518, 3.3); longer ones cost too much.
_RSA_BITS = range(2048, 8193)

# (kind of key, curve) → the algorithm of a key that names none, and those that it may name.
_ALGORITHMS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}

_COORDINATE = {"P-256": 32, "P-384": 48}  # bytes
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True)
class Key:
    """A public key of an issuer. Its own algorithm is the only one that it verifies. `jwk` has what is needed of it."""

    kid: str
    algorithm: str
    jwk: Mapping[str, str]

    @cached_property
    def public(self) -> Any:
        """The key for `cryptography`. Raises ValueError if it is none, such as a point beside the curve."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

        def number(name: str) -> int:
            return int.from_bytes(base64url.decode(self.jwk[name]), "big")

        if self.jwk["kty"] == "RSA":
            return rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
        if self.jwk["kty"] == "EC":
            curve = ec.SECP256R1() if self.algorithm == "ES256" else ec.SECP384R1()
            return ec.EllipticCurvePublicNumbers(number("x"), number("y"), curve).public_key()
        return ed25519.Ed25519PublicKey.from_public_bytes(base64url.decode(self.jwk["x"]))

    def verify(self, token: Token) -> None:
        """Raises RefusedError unless this key made the token's signature, by its own algorithm."""
        if token.algorithm != self.algorithm:
            raise RefusedError("the token's `alg` is not the algorithm of its key")
        from cryptography.exceptions import InvalidSignature

        try:
            _verify(self.public, self.algorithm, token.signature, token.signed)
        except InvalidSignature:
            raise RefusedError("the signature is wrong") from None


def _verify(public: Any, algorithm: str, signature: bytes, signed: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes

    if algorithm == "EdDSA":
        public.verify(signature, signed)
        return
    digest: HashAlgorithm = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    if algorithm.startswith("ES"):
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        size = _COORDINATE[f"P-{algorithm[2:]}"]
        if len(signature) != 2 * size:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        public.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(digest))
        return
    from cryptography.hazmat.primitives.asymmetric import padding

    if algorithm.startswith("PS"):  # the salt is as long as the digest: RFC 7518, 3.5
        public.verify(signature, signed, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    else:
        public.verify(signature, signed, padding.PKCS1v15(), digest)


def key_of(jwk: Any) -> Key | None:
    """The key in an entry of a JWKS; None for one that verifies nothing here.

    Left out are symmetric and private keys, keys for encryption, weak and huge ones, unknown kinds, and keys without a
    `kid`. `x5c` and the like are ignored.
    """
    if not isinstance(jwk, dict) or not _is_for_signatures(jwk):
        return None
    texts = {name: value for name, value in jwk.items() if isinstance(value, str)}
    kid, kind = texts.get("kid", ""), texts.get("kty", "")
    algorithms = _ALGORITHMS.get((kind, "" if kind == "RSA" else texts.get("crv", "")))
    if not algorithms or not 0 < len(kid) <= MAX_KID:
        return None
    algorithm: str = jwk.get("alg", algorithms[0])
    names = ("kid", "kty", *_MEMBERS[kind])
    if algorithm not in algorithms or not texts.keys() >= {*names}:
        return None
    key = Key(kid, SAME.get(algorithm, algorithm), {**{name: texts[name] for name in names}, "alg": algorithm})
    return key if _is_sound(key) else None


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    """True for a public key that is not for another purpose. One whose private part is public is nobody's."""
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and not _PRIVATE & jwk.keys()
    )


def _is_sound(key: Key) -> bool:
    jwk = key.jwk
    try:
        if jwk["kty"] == "RSA":
            n, e = (int.from_bytes(base64url.decode(jwk[name]), "big") for name in ("n", "e"))
            return n.bit_length() in _RSA_BITS and n % 2 == 1 and e % 2 == 1 and 3 <= e < 2**32
        size = _COORDINATE.get(jwk["crv"], 32)
        return all(len(base64url.decode(jwk[name])) == size for name in ("x", "y") if name in jwk)
    except ValueError:
        return False
