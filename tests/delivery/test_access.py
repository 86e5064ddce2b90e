from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chalicelib import keyring, settings
from chalicelib.delivery import access as signing
from chalicelib.delivery.access import access_to, base_url_of, grant, sign, urls_of
from chalicelib.model import File, Visibility
from ops.local.edge import signatures
from tests.making import ready_file
from tests.signers import decode, ec_key, parameters, pem, public_pem, rsa_key, signed_policy
from tests.stage import Calls


def urls(ready_file: File, expires_in: int | None = None) -> list[str]:
    access = access_to(ready_file, expires_in)
    return [access.url(rendition.basename) for rendition in ready_file.renditions] if access else []


def single_urls(ready_file: File, expires_in: int | None = None) -> list[str]:
    return urls_of(ready_file, [rendition.basename for rendition in ready_file.renditions], expires_in)


@pytest.fixture(params=["RSA", "ECDSA"])
def key(request: pytest.FixtureRequest, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The stage's private key (PEM), of each kind that a stage can have."""
    private = pem(rsa_key() if request.param == "RSA" else ec_key())
    monkeypatch.setattr(keyring, "cdn_key", lambda: keyring.CdnKey("K111", private))
    return private


def test_a_public_files_address_is_stable_and_unsigned(stage: Calls) -> None:
    base = "https://d111.cloudfront.net/f/public/file_01K8Z0000000000000000000AA/0123456789abcdef/w160"
    assert (
        urls(ready_file(Visibility.PUBLIC))
        == urls(ready_file(Visibility.PUBLIC), 60)
        == [f"{base}.webp", f"{base}.jpg"]
    )
    assert stage.names == []


def test_a_private_files_signature_covers_its_own_renditions_only_and_ends(key: bytes, tmp_path: Path) -> None:
    url, other = urls(ready_file(Visibility.PRIVATE))
    query = parameters(urlsplit(url).query)
    assert urlsplit(other).query == urlsplit(url).query
    assert list(query) == ["Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"]
    assert (query["Key-Pair-Id"], query["Hash-Algorithm"]) == ("K111", "SHA256")
    statement = signed_policy(query, public_pem(key), tmp_path)
    assert statement["Resource"] == (
        "https://d111.cloudfront.net/f/private/file_01K8Z0000000000000000000AA/0123456789abcdef/*"
    )
    left = statement["Condition"]["DateLessThan"]["AWS:EpochTime"] - time.time()
    assert 3600 < left <= 7200


def test_a_single_address_is_signed_for_itself_alone(key: bytes, tmp_path: Path) -> None:
    file = ready_file(Visibility.PRIVATE)
    webp, jpeg = single_urls(file)
    base = "https://d111.cloudfront.net/f/private/file_01K8Z0000000000000000000AA/0123456789abcdef/w160"
    for url, bare in ((webp, f"{base}.webp"), (jpeg, f"{base}.jpg")):
        assert url.partition("?")[0] == bare
        query = parameters(urlsplit(url).query)
        assert list(query) == ["Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"]
        statement = signed_policy(query, public_pem(key), tmp_path, bare)
        assert 3600 < statement["Condition"]["DateLessThan"]["AWS:EpochTime"] - time.time() <= 7200
        with pytest.raises(AssertionError, match="Verification failure"):
            signed_policy(query, public_pem(key), tmp_path, f"{bare}x")


def test_a_single_address_of_a_private_file_has_no_check_and_a_public_one_has_it(checked: None) -> None:
    """CloudFront may look at the address before the function at the edge or after it: both see the same."""
    for url in single_urls(ready_file(Visibility.PRIVATE)):
        assert "/0123456789abcdef/w160." in url
    public = ready_file(Visibility.PUBLIC)
    assert single_urls(public) == urls(public)
    assert "/0123456789abcdef-" in urls(public)[0]


def test_a_playlists_address_opens_all_that_it_names(checked: None) -> None:
    file = ready_file(Visibility.PRIVATE)
    access = access_to(file)
    assert access
    playlist, picture = urls_of(file, ["hls.m3u8", "w160.webp"])
    assert playlist == access.url("hls.m3u8")
    assert "Policy=" in playlist
    assert "Policy=" not in picture


def test_an_ecdsa_signature_has_less_than_a_third_of_an_rsa_ones_characters(stage: Calls) -> None:
    def signature(key: Any) -> str:
        return parameters(signing.sign_with(keyring.CdnKey("K1", pem(key)), "https://a/*", 2**31))["Signature"]

    assert len(signature(rsa_key())) == 344
    assert len(signature(ec_key())) in (92, 96)


def test_every_process_gives_the_same_addresses(stage: Calls) -> None:
    """Also that of ECDSA: else no browser would find a picture in its cache."""
    file = ready_file(Visibility.PRIVATE)
    before = [*urls(file), *single_urls(file)]
    signing.sign_with.cache_clear()
    signing._signer.cache_clear()
    assert [*urls(file), *single_urls(file)] == before


@pytest.mark.parametrize("private", [ec.generate_private_key(ec.SECP384R1()), None])
def test_a_key_that_cloudfront_does_not_take_is_refused(private: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    other: Any = private or Ed25519PrivateKey.generate()
    key = keyring.CdnKey("K1", pem(other))
    with pytest.raises(TypeError, match="no key that CloudFront takes: run `python -m ops provision`"):
        signing.sign_with(key, "https://a/*", 2**31)


@pytest.fixture
def checked(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stage whose edge knows the checks in addresses."""
    monkeypatch.setenv("FILEMILL_CHECKED_ADDRESSES", "true")
    settings.settings.cache_clear()
    yield
    settings.settings.cache_clear()


@pytest.mark.parametrize("visibility", Visibility)
def test_an_address_has_a_check_of_its_file_version_and_visibility(checked: None, visibility: Visibility) -> None:
    file = ready_file(visibility)
    path = f"/f/{visibility}/{file.id}/{file.source_version}"
    access = access_to(file)
    assert access
    assert access.base_url == f"https://d111.cloudfront.net{path}-{keyring.address_check(path)}/"
    assert all(url.startswith(access.base_url) for url in urls(file))
    others = (
        ready_file(Visibility.PUBLIC if visibility is Visibility.PRIVATE else Visibility.PRIVATE),
        file.model_copy(update={"source_version": "f" * 16}),
        file.model_copy(update={"id": file.id[:-1] + "B"}),
    )
    checks = {str(base_url_of(other)).rstrip("/")[-keyring.CHECK_DIGITS :] for other in (file, *others)}
    assert len(checks) == 4


def test_a_signature_covers_an_address_with_its_check_and_as_the_edge_rewrites_it(
    checked: None, cdn_key: bytes
) -> None:
    """CloudFront's documentation doesn't say which one it checks. The local edge's check stands for CloudFront's."""
    file = ready_file(Visibility.PRIVATE)
    private: Any = load_pem_private_key(cdn_key, None)

    def opens(url: str, query: str) -> bool:
        signature = parameters(query)
        keys = {"K111": private.public_key()}
        try:
            signatures.check(url, signature, {}, keys, now=time.time(), address="203.0.113.1")
        except signatures.RefusedError:
            return False
        return True

    access = access_to(file)
    assert access
    written = f"{access.base_url}w160"
    rewritten = f"https://d111.cloudfront.net/f/private/{file.id}/{file.source_version}/w160.avif"
    other = rewritten.replace(str(file.source_version), "f" * 16)
    for query, opened in ((access.query, False), (grant(file, 60).query, True)):
        assert opens(written, query)
        assert opens(rewritten, query)
        assert opens(other, query) == opened, "a grant is for all versions"


def test_the_signing_key_is_fetched_once(stage: Calls) -> None:
    for _ in range(3):
        urls(ready_file(Visibility.PRIVATE))
    assert stage.names == ["ssm.GetParameter"]


def test_an_address_stays_the_same_within_its_window(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    start = int(time.time()) // 3600 * 3600

    def at(seconds: int) -> str:
        monkeypatch.setattr("chalicelib.delivery.access.time.time", lambda: start + seconds)
        return urls(ready_file(Visibility.PRIVATE))[0]

    assert at(0) == at(3599)
    assert at(0) != at(3600)


def test_a_file_without_renditions_needs_no_signature(stage: Calls) -> None:
    nothing = ready_file(Visibility.PRIVATE).model_copy(update={"renditions": []})
    assert access_to(nothing) is None
    assert stage.names == []


def test_asked_for_a_time_a_signature_is_good_for_that_long(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    present = int(time.time())
    monkeypatch.setattr("chalicelib.delivery.access.time.time", lambda: present + 0.9)
    for seconds in (60, 86_400):
        access = access_to(ready_file(Visibility.PRIVATE), seconds)
        assert access
        assert access.expires_at
        assert access.expires_at.timestamp() == present + seconds
        assert ends(access.query) == access.expires_at.timestamp()


def ends(query: str) -> int:
    statement = json.loads(decode(parameters(query)["Policy"]))["Statement"][0]
    seconds: int = statement["Condition"]["DateLessThan"]["AWS:EpochTime"]
    return seconds


def test_a_grant_covers_all_versions_of_one_file_and_no_other(key: bytes, tmp_path: Path) -> None:
    granted = grant(ready_file(Visibility.PRIVATE), 600)
    assert granted.resource == "https://d111.cloudfront.net/f/private/file_01K8Z0000000000000000000AA/*"
    assert ends(granted.query) == granted.expires_at.timestamp()
    as_query = signed_policy(parameters(granted.query), public_pem(key), tmp_path)
    cookies = [cookie.partition(";")[0].removeprefix("CloudFront-") for cookie in granted.cookies]
    as_cookies = signed_policy(parameters("&".join(cookies)), public_pem(key), tmp_path)
    assert as_query == as_cookies
    assert as_query["Resource"] == granted.resource


def test_a_grants_cookies_are_for_its_files_path_only(stage: Calls) -> None:
    granted = grant(ready_file(Visibility.PRIVATE), 600, "cloudfront.net")
    cookies: SimpleCookie = SimpleCookie()
    for cookie in granted.cookies:
        cookies.load(cookie)
    assert {name.removeprefix("CloudFront-"): morsel.value for name, morsel in cookies.items()} == {
        **parameters(granted.query)
    }
    assert cookies["CloudFront-Hash-Algorithm"].value == "SHA256"
    assert set(cookies) == {f"CloudFront-{name}" for name in ("Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")}
    for morsel in cookies.values():
        assert (morsel["path"], morsel["domain"]) == ("/f/private/file_01K8Z0000000000000000000AA/", "cloudfront.net")
        assert (morsel["secure"], morsel["httponly"], morsel["max-age"]) == (True, True, "600")
        assert morsel["samesite"] == "Lax"


def test_another_key_signs_anew(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    expires = int(time.time()) + 600
    before = sign("https://d111.cloudfront.net/f/private/x/*", expires)
    other = keyring.CdnKey("K222", keyring.cdn_key().pem)
    monkeypatch.setattr(keyring, "cdn_key", lambda: other)
    assert parameters(before)["Key-Pair-Id"] == "K111"
    assert parameters(sign("https://d111.cloudfront.net/f/private/x/*", expires))["Key-Pair-Id"] == "K222"
