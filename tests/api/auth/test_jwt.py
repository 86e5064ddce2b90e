"""A token's form and signature: every algorithm, and about forty forgeries, each refused for its own reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.api.auth import jwk, jwt
from chalicelib.api.auth.jwk import key_of
from chalicelib.api.auth.jwt import RefusedError
from tests.issuers import Signer, b64, hmac_signed, number, part

CLAIMS = {"iss": "https://id.example.com", "aud": "filemill", "sub": "ann", "exp": 4_000_000_000}
RSA = Signer("rsa")
SIGNERS = [
    RSA,
    *(Signer(name, name) for name in ("RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")),
]


def header(signer: Signer = RSA, **changes: Any) -> dict[str, Any]:
    values = {"alg": signer.algorithm, "kid": signer.kid, "typ": "JWT", **changes}
    return {name: value for name, value in values.items() if value is not None}


def checked(token: str, *published: dict[str, Any]) -> jwt.Token:
    """The token, read and verified with the published key that it names."""
    read = jwt.read(token)
    found = {key.kid: key for each in published or (RSA.jwk(),) if (key := key_of(each))}
    if read.kid not in found:
        raise RefusedError("no key")
    found[read.kid].verify(read)
    return read


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_a_token_is_verified_by_its_keys_own_algorithm(signer: Signer) -> None:
    token = signer.signed(header(signer), CLAIMS)
    assert checked(token, signer.jwk()).claims == CLAIMS
    unnamed = {"RS256", "ES256", "ES384", "EdDSA"}  # the algorithm of a key that names none
    if signer.algorithm in unnamed:
        assert checked(token, signer.jwk(alg=None)).claims == CLAIMS
    else:
        with pytest.raises(RefusedError, match="not the algorithm"):
            checked(token, signer.jwk(alg=None))


def test_ed25519_may_have_its_newer_name() -> None:
    signer = Signer("ed", "EdDSA")
    for named, published in (("Ed25519", "EdDSA"), ("EdDSA", "Ed25519"), ("Ed25519", None)):
        assert checked(signer.signed(header(signer, alg=named), CLAIMS), signer.jwk(alg=published))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_the_types_of_access_tokens_are_taken(kind: str | None) -> None:
    assert checked(RSA.signed(header(typ=kind), CLAIMS))


def test_headers_that_bring_a_key_along_are_ignored() -> None:
    thief = Signer("rsa", serial=1)
    brought: dict[str, Any] = {
        "jwk": thief.jwk(),
        "jku": "https://evil.example.com",
        "x5u": "https://evil.example.com",
        "x5c": ["MII"],
    }
    assert checked(RSA.signed(header(**brought), CLAIMS))
    with pytest.raises(RefusedError, match="signature"):
        checked(thief.signed(header(**brought), CLAIMS))


# --- forgeries


def public_pem() -> bytes:
    pem: bytes = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def good() -> str:
    return RSA.signed(header(), CLAIMS)


def with_part(index: int, value: str) -> str:
    parts = good().split(".")
    parts[index] = value
    return ".".join(parts)


def twice(text: str, name: str, value: str) -> bytes:
    return f'{{"{name}":{value},{text[1:]}'.encode()


def uncanonical(index: int) -> str:
    """The same bytes in another text: the bits that are left over are not zero."""
    parts = good().split(".")
    for extra in range(20):  # until one part has bits left over
        claims = {**CLAIMS, "n": "x" * extra}
        parts = RSA.signed(header(n="x" * extra), claims).split(".")
        if len(parts[index]) % 4:
            break
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(parts[index][-1]) + 1]
    parts[index] = parts[index][:-1] + last
    return ".".join(parts)


def es256_der() -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    text = f"{part(header(Signer('ES256', 'ES256')))}.{part(CLAIMS)}"
    return f"{text}.{b64(Signer('ES256', 'ES256').private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))}"


EC = Signer("ES256", "ES256")
FORGERIES: dict[str, tuple[Callable[[], str], str]] = {
    "no signature": (lambda: f"{part(header(alg='none'))}.{part(CLAIMS)}.", "header's `alg`"),
    "none in other letters": (lambda: RSA.signed(header(alg="nOnE"), CLAIMS), "header's `alg`"),
    "no algorithm": (lambda: RSA.signed(header(alg=None), CLAIMS), "header's `alg`"),
    "an algorithm that is a list": (lambda: RSA.signed(header(alg=["RS256"]), CLAIMS), "header's `alg`"),
    "an algorithm in small letters": (lambda: RSA.signed(header(alg="rs256"), CLAIMS), "header's `alg`"),
    "HS256 with the public key": (lambda: hmac_signed(public_pem(), header(alg="HS256"), CLAIMS), "header's `alg`"),
    "HMAC called RS256": (lambda: hmac_signed(public_pem(), header(), CLAIMS), "signature"),
    "HS256 with nothing": (lambda: hmac_signed(b"", header(alg="HS256"), CLAIMS), "header's `alg`"),
    "RS512 for a key of RS256": (
        lambda: _signed_as("RS512"),
        "not the algorithm",
    ),
    "PS256 for a key of RS256": (lambda: _signed_as("PS256"), "not the algorithm"),
    "ES256 with the id of an RSA key": (lambda: EC.signed(header(EC, kid="rsa"), CLAIMS), "not the algorithm"),
    "RS256 with the id of an EC key": (lambda: RSA.signed(header(kid="ES256"), CLAIMS), "not the algorithm"),
    "another key": (lambda: Signer("rsa", serial=1).signed(header(), CLAIMS), "signature"),
    "an unknown key": (lambda: RSA.signed(header(kid="other"), CLAIMS), "no key"),
    "no key's id": (lambda: RSA.signed(header(kid=None), CLAIMS), "names no key"),
    "an empty id": (lambda: RSA.signed(header(kid=""), CLAIMS), "names no key"),
    "an id that is a number": (lambda: RSA.signed(header(kid=1), CLAIMS), "names no key"),
    "a very long id": (lambda: RSA.signed(header(kid="k" * 257), CLAIMS), "names no key"),
    "crit": (lambda: RSA.signed(header(crit=["exp"]), CLAIMS), "`crit`"),
    "crit that is empty": (lambda: RSA.signed(header(crit=[]), CLAIMS), "`crit`"),
    "b64 with crit": (lambda: RSA.signed(header(crit=["b64"], b64=False), CLAIMS), "`crit`"),
    "a logout token": (lambda: RSA.signed(header(typ="logout+jwt"), CLAIMS), "`typ`"),
    "a type that is a number": (lambda: RSA.signed(header(typ=1), CLAIMS), "`typ`"),
    "another payload": (lambda: with_part(1, part({**CLAIMS, "sub": "root"})), "signature"),
    "another header": (lambda: with_part(0, part({**header(), "x": 1})), "signature"),
    "an empty signature": (lambda: with_part(2, ""), "signature"),
    "half a signature": (lambda: with_part(2, good().split(".")[2][:171]), "signature|base64url"),
    "a signature of zeros": (lambda: with_part(2, b64(bytes(256))), "signature"),
    "an ES256 signature of zeros": (
        lambda: f"{part(header(EC))}.{part(CLAIMS)}.{b64(bytes(64))}",
        "signature",
    ),
    "an ES256 signature in DER": (es256_der, "signature"),
    "an ES256 signature with more behind it": (
        lambda: _es256_with(b"\0"),
        "signature",
    ),
    "padding": (lambda: with_part(2, good().split(".")[2] + "=="), "three parts"),
    "base64 with + and /": (lambda: with_part(1, part(CLAIMS)[:-1] + "+"), "three parts"),
    "a header that is not canonical": (lambda: uncanonical(0), "base64url"),
    "a payload that is not canonical": (lambda: uncanonical(1), "base64url"),
    "a signature that is not canonical": (lambda: uncanonical(2), "base64url"),
    "two parts": (lambda: good().rpartition(".")[0], "three parts"),
    "five parts, which is encrypted": (lambda: good() + ".e30.e30", "three parts"),
    "a line break at the end": (lambda: good() + "\n", "three parts"),
    "a blank inside": (lambda: good().replace(".", ". ", 1), "three parts"),
    "more than 8 KB": (lambda: RSA.signed(header(), {**CLAIMS, "x": "y" * 8192}), "more than 8192"),
    "a header with a name twice": (
        lambda: RSA.signed(twice(json.dumps(header()), "alg", '"none"'), CLAIMS),
        "header is no JSON",
    ),
    "a claim twice": (
        lambda: RSA.signed(header(), twice(json.dumps(CLAIMS), "sub", '"root"')),
        "payload is no JSON",
    ),
    "a name twice deep inside": (
        lambda: RSA.signed(header(), b'{"realm_access":{"roles":["a"],"roles":["b"]}}'),
        "payload is no JSON",
    ),
    "a payload that is a list": (lambda: RSA.signed(header(), [CLAIMS]), "no JSON object"),
    "a payload that is no JSON": (lambda: RSA.signed(header(), b"sub=ann"), "payload is no JSON"),
    "a payload that is not UTF-8": (lambda: RSA.signed(header(), b'{"sub":"\xff"}'), "payload is no JSON"),
    "a payload in UTF-16": (lambda: RSA.signed(header(), '{"sub":"ann"}'.encode("utf-16")), "payload is no JSON"),
    "NaN": (lambda: RSA.signed(header(), b'{"exp":NaN}'), "payload is no JSON"),
    "Infinity": (lambda: RSA.signed(header(), b'{"exp":Infinity}'), "payload is no JSON"),
    "an endless number": (lambda: RSA.signed(header(), b'{"exp":1e999}'), "payload is no JSON"),
    "a number of 5,000 digits": (lambda: RSA.signed(header(), b'{"exp":' + b"9" * 5000 + b"}"), "payload is no JSON"),
    "deep nesting": (lambda: RSA.signed(header(), b"[" * 5000), "payload is no JSON"),
    "something behind the payload": (lambda: RSA.signed(header(), b'{"sub":"ann"}{}'), "payload is no JSON"),
}


def _signed_as(algorithm: str) -> str:
    text = f"{part(header(alg=algorithm))}.{part(CLAIMS)}"
    return f"{text}.{b64(RSA.signature(text.encode(), algorithm))}"


def _es256_with(more: bytes) -> str:
    text = f"{part(header(EC))}.{part(CLAIMS)}"
    return f"{text}.{b64(EC.signature(text.encode()) + more)}"


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_refused_for_its_own_reason(name: str) -> None:
    forge, why = FORGERIES[name]
    with pytest.raises(RefusedError, match=why):
        checked(forge(), RSA.jwk(), EC.jwk())


def test_the_token_of_8_kb_is_the_last_that_is_read() -> None:
    bare = len(RSA.signed(header(), {**CLAIMS, "x": ""}))
    room = (jwt.MAX_TOKEN - bare) * 3 // 4 - 4
    token = RSA.signed(header(), {**CLAIMS, "x": "y" * room})
    assert jwt.MAX_TOKEN - 12 < len(token) <= jwt.MAX_TOKEN
    assert checked(token)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "jwk", "x5c"]) | st.text(max_size=5)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, ANYTHING, max_size=4), st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4))
def test_any_header_and_any_claims_are_read_or_refused(changes: dict[str, Any], payload: dict[str, Any]) -> None:
    token = RSA.signed({**header(), **changes}, payload)
    try:
        read = checked(token)
    except RefusedError:
        return
    kept = {**header(), **changes}
    assert (kept["alg"], kept["kid"]) == ("RS256", "rsa")
    assert "crit" not in kept
    assert json.dumps(read.claims) == json.dumps(payload)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"{b64(raw)}.{b64(raw)}.{b64(raw)}"))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        checked(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_token_with_one_other_character_is_refused(place: int, character: str) -> None:
    token = good()
    place %= len(token)
    if token[place] == character:
        return
    with pytest.raises(RefusedError):
        checked(token[:place] + character + token[place + 1 :])


# --- keys


WEAK = 65537**125 | 1  # 2,001 bits


@pytest.mark.parametrize(
    "published",
    [
        None,
        "key",
        [],
        {},
        RSA.jwk(kid=None),
        RSA.jwk(kid=""),
        RSA.jwk(kid=7),
        RSA.jwk(kid="k" * 257),
        RSA.jwk(use="enc"),
        RSA.jwk(key_ops=["encrypt"]),
        RSA.jwk(key_ops="verify"),
        RSA.jwk(alg="RS1"),
        RSA.jwk(alg="HS256"),
        RSA.jwk(alg="ES256"),
        RSA.jwk(alg="none"),
        RSA.jwk(alg=["RS256"]),
        RSA.jwk(alg="RSA-OAEP"),
        RSA.jwk(kty="oct"),
        RSA.jwk(kty="rsa"),
        RSA.jwk(kty=["RSA"]),
        RSA.jwk(n=None),
        RSA.jwk(n=7),
        RSA.jwk(n="!"),
        RSA.jwk(n=number(WEAK)),
        RSA.jwk(n=number(2**8192 + 1)),
        RSA.jwk(n=number(2**2048)),
        RSA.jwk(e=number(1)),
        RSA.jwk(e=number(65538)),
        RSA.jwk(e=number(2**32 + 1)),
        RSA.jwk(d="AQ"),
        {"kty": "oct", "kid": "a", "k": "AQ", "alg": "HS256"},
        EC.jwk(crv="P-384"),
        EC.jwk(crv="secp256k1"),
        EC.jwk(crv="P-521"),
        EC.jwk(x=b64(bytes(31))),
        EC.jwk(y=None),
        Signer("EdDSA", "EdDSA").jwk(x=b64(bytes(31))),
        Signer("EdDSA", "EdDSA").jwk(crv="X25519"),
        Signer("EdDSA", "EdDSA").jwk(crv="Ed448"),
    ],
)
def test_a_key_that_verifies_nothing_here_is_left_out(published: Any) -> None:
    assert key_of(published) is None


def test_a_point_beside_the_curve_is_no_key() -> None:
    beside = key_of(EC.jwk(y=b64(bytes(31) + b"\x01")))
    assert beside
    with pytest.raises(ValueError, match=r".+"):
        _ = beside.public


def test_only_the_parts_that_are_needed_are_kept() -> None:
    key = key_of(RSA.jwk(x5c=["MII"], x5t="a", key_ops=["verify"]))
    assert key
    assert {*key.jwk} == {"kid", "kty", "alg", "n", "e"}
    assert jwk.key_of(dict(key.jwk)) == key
