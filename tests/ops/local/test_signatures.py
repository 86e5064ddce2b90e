"""Signed URLs and cookies of every kind that CloudFront takes, made by its documented rules and checked by the edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ops.local.edge.signatures import Key, RefusedError, check, split, without_cookies
from tests.signers import KINDS, Signer, ec_key, encode, policy_for, rsa_key

KEYS: dict[str, Key] = {"K1": rsa_key().public_key(), "K2": ec_key().public_key()}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)
BASE = "http://localhost:8000/f/private/file_1/v1"


@pytest.fixture(params=KINDS)
def signer(request: pytest.FixtureRequest) -> Signer:
    """Each kind of key with each hash."""
    return KINDS[request.param]


def canned(signer: Signer, url: str, until: datetime = SOON) -> str:
    return signer.canned(url, int(until.timestamp()))


def wildcard(signer: Signer, resource: str, until: datetime = SOON, **conditions: Any) -> str:
    return signer.wildcard(resource, int(until.timestamp()), **conditions)


def begins(moment: datetime) -> dict[str, Any]:
    return {"DateGreaterThan": {"AWS:EpochTime": int(moment.timestamp())}}


def verify(url: str, *, now: datetime = NOW, cookies: dict[str, str] | None = None, address: str = "127.0.0.1") -> None:
    parts = urlsplit(url)
    query, signature = split(parts.query)
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
    check(bare, signature, cookies or {}, KEYS, now=now.timestamp(), address=address)


def refusal(url: str, *, now: datetime = NOW, cookies: dict[str, str] | None = None, address: str = "127.0.0.1") -> str:
    with pytest.raises(RefusedError) as refused:
        verify(url, now=now, cookies=cookies, address=address)
    return refused.value.code


def test_a_canned_policy_opens_its_address(signer: Signer) -> None:
    verify(canned(signer, f"{BASE}/w640.webp"))


def test_a_canned_policy_covers_the_query(signer: Signer) -> None:
    signed = canned(signer, f"{BASE}/w640.webp?download=1")
    verify(signed)
    assert refusal(signed.replace("download=1", "download=2")) == "AccessDenied"
    assert refusal(signed + "&more=1") == "AccessDenied"


def test_without_a_signature_nothing_opens(signer: Signer) -> None:
    assert refusal(f"{BASE}/w640.webp") == "MissingKey"
    assert refusal(canned(signer, f"{BASE}/w640.webp").partition("&Signature")[0]) == "MissingKey"


def test_another_path_is_refused(signer: Signer) -> None:
    assert refusal(canned(signer, f"{BASE}/w640.webp").replace("w640", "w960")) == "AccessDenied"


def test_expiry_is_exact_to_the_second(signer: Signer) -> None:
    signed = canned(signer, f"{BASE}/w640.webp")
    verify(signed, now=SOON - timedelta(seconds=1))
    assert refusal(signed, now=SOON) == "AccessDenied"


def test_moving_the_expiry_breaks_the_signature(signer: Signer) -> None:
    signed = canned(signer, f"{BASE}/w640.webp")
    later = int((SOON + timedelta(days=1)).timestamp())
    assert refusal(signed.replace(str(int(SOON.timestamp())), str(later))) == "AccessDenied"


def test_a_key_outside_the_group_is_refused(signer: Signer) -> None:
    other = rsa_key(2) if signer.key is rsa_key() else ec_key(2)
    assert refusal(canned(replace(signer, id="K3"), f"{BASE}/w640.webp")) == "InvalidKey"
    assert refusal(canned(replace(signer, key=other), f"{BASE}/w640.webp")) == "AccessDenied"


def test_a_wildcard_policy_opens_all_below_it_and_nothing_else(signer: Signer) -> None:
    query = wildcard(signer, f"{BASE}/*")
    verify(f"{BASE}/w640.webp?{query}")
    verify(f"{BASE}/w1920.jpg?{query}")
    assert refusal(f"{BASE.replace('v1', 'v2')}/w640.webp?{query}") == "AccessDenied"
    assert refusal(f"{BASE.replace('localhost', 'evil')}/w640.webp?{query}") == "AccessDenied"


def test_a_question_mark_in_a_resource_stands_for_one_character(signer: Signer) -> None:
    query = wildcard(signer, f"{BASE}/w?.webp")
    verify(f"{BASE}/w6.webp?{query}")
    assert refusal(f"{BASE}/w64.webp?{query}") == "AccessDenied"


def test_an_altered_policy_is_refused(signer: Signer) -> None:
    query = wildcard(signer, f"{BASE}/*")
    wider = wildcard(signer, "http*")
    swapped = "&".join([wider.split("&")[0], *query.split("&")[1:]])
    assert refusal(f"{BASE}/w640.webp?{swapped}") == "AccessDenied"


def test_a_policy_may_begin_later_and_name_a_network(signer: Signer) -> None:
    query = wildcard(
        signer, f"{BASE}/*", **begins(NOW + timedelta(minutes=1)), IpAddress={"AWS:SourceIp": "10.0.0.0/8"}
    )
    url, later = f"{BASE}/w640.webp?{query}", NOW + timedelta(minutes=2)
    verify(url, now=later, address="10.1.2.3")
    assert refusal(url, now=NOW, address="10.1.2.3") == "AccessDenied"
    assert refusal(url, now=later, address="11.1.2.3") == "AccessDenied"


def test_a_policy_holds_from_after_its_beginning_until_before_its_end(signer: Signer) -> None:
    begin = NOW + timedelta(minutes=1)
    query = wildcard(signer, f"{BASE}/*", **begins(begin))
    url, second = f"{BASE}/w640.webp?{query}", timedelta(seconds=1)
    assert refusal(url, now=begin) == "AccessDenied"
    verify(url, now=begin + second)
    verify(url, now=SOON - second)
    assert refusal(url, now=SOON) == "AccessDenied"


def test_a_refusal_has_cloudfronts_code_and_message() -> None:
    with pytest.raises(RefusedError, match=r"^Missing Key-Pair-Id query parameter or cookie value$") as missing:
        verify(f"{BASE}/w640.webp")
    assert missing.value.code == "MissingKey"


@pytest.mark.parametrize(
    "policy", [b"", b"[]", b"{}", b'{"Statement":[]}', b'{"Statement":[{"Resource":"*"}]}', b'{"Statement":[1]}']
)
def test_a_signed_policy_that_says_too_little_is_refused(signer: Signer, policy: bytes) -> None:
    url = f"{BASE}/w640.webp?{signer.custom(policy)}"
    assert refusal(url) in ("MalformedPolicy", "MissingKey")


@pytest.mark.parametrize("query", ["Policy=%%%&Signature=x&Key-Pair-Id=K1", "Expires=x&Signature=x&Key-Pair-Id=K1"])
def test_garbage_is_refused(query: str) -> None:
    assert refusal(f"{BASE}/w640.webp?{query}") in ("MalformedPolicy", "MissingKey")


def test_cookies_open_what_their_policy_covers(signer: Signer) -> None:
    query = wildcard(signer, f"{BASE}/*")
    cookies = {f"CloudFront-{name}": value for name, _, value in (p.partition("=") for p in query.split("&"))}
    named = {"CloudFront-Hash-Algorithm"} if signer.algorithm else set()
    assert set(cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"} | named
    verify(f"{BASE}/w640.webp", cookies=cookies)
    assert refusal(f"{BASE.replace('v1', 'v2')}/w640.webp", cookies=cookies) == "AccessDenied"


def test_a_query_signature_counts_before_cookies(signer: Signer) -> None:
    query = wildcard(signer, f"{BASE}/*")
    cookies = {f"CloudFront-{name}": value for name, _, value in (p.partition("=") for p in query.split("&"))}
    assert refusal(canned(signer, f"{BASE}/other.webp").replace("other", "w640"), cookies=cookies) == "AccessDenied"


def test_the_signature_goes_no_further(signer: Signer) -> None:
    signed = canned(signer, f"{BASE}/w640.webp?a=1&b=2")
    assert split(urlsplit(signed).query)[0] == "a=1&b=2"
    assert without_cookies({"CloudFront-Policy": "x", "session": "y"}) == {"session": "y"}


def test_the_canned_policy_is_botocores_to_the_byte() -> None:
    url = f"{BASE}/w640.webp"
    built = CloudFrontSigner("K1", lambda message: b"").build_policy(url, SOON)
    assert built.encode() == policy_for(url, int(SOON.timestamp()))


def test_a_hash_counts_as_it_is_named_and_no_other_is_taken() -> None:
    url = f"{BASE}/w640.webp"
    for name, each in KINDS.items():
        signed = canned(each, url)
        verify(signed)
        said = "&Hash-Algorithm=SHA256"
        other = signed.replace(said, "") if each.algorithm else signed + said
        assert refusal(other) == "AccessDenied", name
        for unknown in ("MD5", "sha256", "SHA512", ""):
            assert refusal(f"{signed.replace(said, '')}&Hash-Algorithm={unknown}") == "AccessDenied", name
    verify(canned(KINDS["RSA and SHA-1, as the release before signed"], url) + "&Hash-Algorithm=SHA1")


def test_a_key_opens_nothing_in_the_name_of_the_other_kind() -> None:
    for each in KINDS.values():
        other = {"K1": "K2", "K2": "K1"}[each.id]
        assert refusal(canned(replace(each, id=other), f"{BASE}/w640.webp")) == "AccessDenied"


def test_a_signature_of_ecdsa_is_in_der() -> None:
    """The form of JWS, two numbers of 32 bytes, is another one."""
    url = f"{BASE}/w640.webp"
    raw = canned(Raw(ec_key(), "K2", "SHA256"), url)
    assert refusal(raw) == "AccessDenied"


class Raw(Signer):
    def _signed(self, policy: bytes) -> list[str]:
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(self.key.sign(policy, ECDSA(SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return [f"Signature={encode(signature)}", f"Key-Pair-Id={self.id}", "Hash-Algorithm=SHA256"]
