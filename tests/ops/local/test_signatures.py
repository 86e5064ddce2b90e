"""Signed URLs and cookies, made by botocore's signer and checked by the edge."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1

from ops.local.edge.signatures import RefusedError, check, split, without_cookies

PRIVATE = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
KEYS = {"K1": PRIVATE.public_key()}
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=1)
BASE = "http://localhost:8000/f/private/file_1/v1"


def signer(key: rsa.RSAPrivateKey = PRIVATE, key_id: str = "K1") -> CloudFrontSigner:
    return CloudFrontSigner(key_id, lambda message: key.sign(message, PKCS1v15(), SHA1()))


def canned(url: str, until: datetime = SOON, **by: object) -> str:
    return str(signer(**by).generate_presigned_url(url, date_less_than=until))  # type: ignore[arg-type]


def wildcard(resource: str, url: str, until: datetime = SOON, **conditions: object) -> str:
    policy = signer().build_policy(resource, until, **conditions)
    return str(signer().generate_presigned_url(url, policy=policy))


def verify(url: str, *, now: datetime = NOW, cookies: dict[str, str] | None = None, address: str = "127.0.0.1") -> None:
    parts = urlsplit(url)
    query, signature = split(parts.query)
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
    check(bare, signature, cookies or {}, KEYS, now=now.timestamp(), address=address)


def refusal(url: str, *, now: datetime = NOW, cookies: dict[str, str] | None = None, address: str = "127.0.0.1") -> str:
    with pytest.raises(RefusedError) as refused:
        verify(url, now=now, cookies=cookies, address=address)
    return refused.value.code


def test_a_canned_policy_opens_its_address() -> None:
    verify(canned(f"{BASE}/w640.webp"))


def test_a_canned_policy_covers_the_query() -> None:
    signed = canned(f"{BASE}/w640.webp?download=1")
    verify(signed)
    assert refusal(signed.replace("download=1", "download=2")) == "AccessDenied"
    assert refusal(signed + "&more=1") == "AccessDenied"


def test_without_a_signature_nothing_opens() -> None:
    assert refusal(f"{BASE}/w640.webp") == "MissingKey"
    assert refusal(canned(f"{BASE}/w640.webp").partition("&Signature")[0]) == "MissingKey"


def test_another_path_is_refused() -> None:
    assert refusal(canned(f"{BASE}/w640.webp").replace("w640", "w960")) == "AccessDenied"


def test_expiry_is_exact_to_the_second() -> None:
    signed = canned(f"{BASE}/w640.webp")
    verify(signed, now=SOON - timedelta(seconds=1))
    assert refusal(signed, now=SOON) == "AccessDenied"


def test_moving_the_expiry_breaks_the_signature() -> None:
    signed = canned(f"{BASE}/w640.webp")
    later = int((SOON + timedelta(days=1)).timestamp())
    assert refusal(signed.replace(str(int(SOON.timestamp())), str(later))) == "AccessDenied"


def test_a_key_outside_the_group_is_refused() -> None:
    assert refusal(canned(f"{BASE}/w640.webp", key_id="K2")) == "InvalidKey"
    assert refusal(canned(f"{BASE}/w640.webp", key=OTHER)) == "AccessDenied"


def test_a_wildcard_policy_opens_all_below_it_and_nothing_else() -> None:
    query = urlsplit(wildcard(f"{BASE}/*", f"{BASE}/w640.webp")).query
    verify(f"{BASE}/w640.webp?{query}")
    verify(f"{BASE}/w1920.jpg?{query}")
    assert refusal(f"{BASE.replace('v1', 'v2')}/w640.webp?{query}") == "AccessDenied"
    assert refusal(f"{BASE.replace('localhost', 'evil')}/w640.webp?{query}") == "AccessDenied"


def test_a_question_mark_in_a_resource_stands_for_one_character() -> None:
    query = urlsplit(wildcard(f"{BASE}/w?.webp", f"{BASE}/w6.webp")).query
    verify(f"{BASE}/w6.webp?{query}")
    assert refusal(f"{BASE}/w64.webp?{query}") == "AccessDenied"


def test_an_altered_policy_is_refused() -> None:
    query = urlsplit(wildcard(f"{BASE}/*", BASE)).query
    wider = urlsplit(wildcard("http*", BASE)).query
    swapped = "&".join([wider.split("&")[0], *query.split("&")[1:]])
    assert refusal(f"{BASE}/w640.webp?{swapped}") == "AccessDenied"


def test_a_policy_may_begin_later_and_name_a_network() -> None:
    query = urlsplit(
        wildcard(f"{BASE}/*", BASE, date_greater_than=NOW + timedelta(minutes=1), ip_address="10.0.0.0/8")
    ).query
    url, later = f"{BASE}/w640.webp?{query}", NOW + timedelta(minutes=2)
    verify(url, now=later, address="10.1.2.3")
    assert refusal(url, now=NOW, address="10.1.2.3") == "AccessDenied"
    assert refusal(url, now=later, address="11.1.2.3") == "AccessDenied"


def test_a_policy_holds_from_after_its_beginning_until_before_its_end() -> None:
    begin = NOW + timedelta(minutes=1)
    query = urlsplit(wildcard(f"{BASE}/*", BASE, date_greater_than=begin)).query
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
def test_a_signed_policy_that_says_too_little_is_refused(policy: bytes) -> None:
    url = signer().generate_presigned_url(f"{BASE}/w640.webp", policy=policy.decode())
    assert refusal(str(url)) in ("MalformedPolicy", "MissingKey")


@pytest.mark.parametrize("query", ["Policy=%%%&Signature=x&Key-Pair-Id=K1", "Expires=x&Signature=x&Key-Pair-Id=K1"])
def test_garbage_is_refused(query: str) -> None:
    assert refusal(f"{BASE}/w640.webp?{query}") in ("MalformedPolicy", "MissingKey")


def test_cookies_open_what_their_policy_covers() -> None:
    query = urlsplit(wildcard(f"{BASE}/*", BASE)).query
    cookies = {f"CloudFront-{name}": value for name, _, value in (p.partition("=") for p in query.split("&"))}
    assert set(cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"}
    verify(f"{BASE}/w640.webp", cookies=cookies)
    assert refusal(f"{BASE.replace('v1', 'v2')}/w640.webp", cookies=cookies) == "AccessDenied"


def test_a_query_signature_counts_before_cookies() -> None:
    query = urlsplit(wildcard(f"{BASE}/*", BASE)).query
    cookies = {f"CloudFront-{name}": value for name, _, value in (p.partition("=") for p in query.split("&"))}
    assert refusal(canned(f"{BASE}/other.webp").replace("other", "w640"), cookies=cookies) == "AccessDenied"


def test_the_signature_goes_no_further() -> None:
    signed = canned(f"{BASE}/w640.webp?a=1&b=2")
    assert split(urlsplit(signed).query)[0] == "a=1&b=2"
    assert without_cookies({"CloudFront-Policy": "x", "session": "y"}) == {"session": "y"}


def test_the_canned_policy_is_botocores_to_the_byte() -> None:
    built = signer().build_policy(f"{BASE}/ü.webp", SOON)
    assert json.loads(built)["Statement"][0]["Resource"] == f"{BASE}/ü.webp"
    verify(canned(f"{BASE}/%C3%BC.webp"))
