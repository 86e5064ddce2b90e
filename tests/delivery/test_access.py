from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chalicelib import keyring, settings
from chalicelib.delivery.access import access_to, base_url_of, grant, sign
from chalicelib.model import File, Visibility
from ops.local.edge import signatures
from tests.making import ready_file
from tests.stage import Calls


def unescape(text: str) -> bytes:
    """CloudFront's own base64: - _ ~ stand for + = /."""
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")))


def urls(ready_file: File, expires_in: int | None = None) -> list[str]:
    access = access_to(ready_file, expires_in)
    return [access.url(rendition.basename) for rendition in ready_file.renditions] if access else []


def test_a_public_files_address_is_stable_and_unsigned(stage: Calls) -> None:
    base = "https://d111.cloudfront.net/f/public/file_01K8Z0000000000000000000AA/0123456789abcdef/w160"
    assert (
        urls(ready_file(Visibility.PUBLIC))
        == urls(ready_file(Visibility.PUBLIC), 60)
        == [f"{base}.webp", f"{base}.jpg"]
    )
    assert stage.names == []


def test_a_private_files_signature_covers_its_own_renditions_only_and_ends(stage: Calls, cdn_key: bytes) -> None:
    url, other = urls(ready_file(Visibility.PRIVATE))
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert urlsplit(other).query == urlsplit(url).query
    assert query["Key-Pair-Id"] == "K111"
    policy = unescape(query["Policy"])
    statement: dict[str, Any] = json.loads(policy)["Statement"][0]
    assert statement["Resource"] == (
        "https://d111.cloudfront.net/f/private/file_01K8Z0000000000000000000AA/0123456789abcdef/*"
    )
    left = statement["Condition"]["DateLessThan"]["AWS:EpochTime"] - time.time()
    assert 3600 < left <= 7200
    key = load_pem_private_key(cdn_key, None)
    assert isinstance(key, RSAPrivateKey)
    key.public_key().verify(unescape(query["Signature"]), policy, PKCS1v15(), SHA1())


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
    private = load_pem_private_key(cdn_key, None)
    assert isinstance(private, RSAPrivateKey)

    def opens(url: str, query: str) -> bool:
        signature = {name: values[0] for name, values in parse_qs(query).items()}
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
    statement = json.loads(unescape(parse_qs(query)["Policy"][0]))["Statement"][0]
    seconds: int = statement["Condition"]["DateLessThan"]["AWS:EpochTime"]
    return seconds


def test_a_grant_covers_all_versions_of_one_file_and_no_other(stage: Calls, cdn_key: bytes) -> None:
    granted = grant(ready_file(Visibility.PRIVATE), 600)
    assert granted.resource == "https://d111.cloudfront.net/f/private/file_01K8Z0000000000000000000AA/*"
    assert ends(granted.query) == granted.expires_at.timestamp()
    policy = unescape(parse_qs(granted.query)["Policy"][0])
    assert json.loads(policy)["Statement"][0]["Resource"] == granted.resource
    key = load_pem_private_key(cdn_key, None)
    assert isinstance(key, RSAPrivateKey)
    key.public_key().verify(unescape(parse_qs(granted.query)["Signature"][0]), policy, PKCS1v15(), SHA1())


def test_a_grants_cookies_are_for_its_files_path_only(stage: Calls) -> None:
    granted = grant(ready_file(Visibility.PRIVATE), 600, "cloudfront.net")
    cookies: SimpleCookie = SimpleCookie()
    for cookie in granted.cookies:
        cookies.load(cookie)
    assert {name.removeprefix("CloudFront-"): morsel.value for name, morsel in cookies.items()} == {
        name: values[0] for name, values in parse_qs(granted.query).items()
    }
    assert set(cookies) == {"CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"}
    for morsel in cookies.values():
        assert (morsel["path"], morsel["domain"]) == ("/f/private/file_01K8Z0000000000000000000AA/", "cloudfront.net")
        assert (morsel["secure"], morsel["httponly"], morsel["max-age"]) == (True, True, "600")
        assert morsel["samesite"] == "Lax"


def test_another_key_signs_anew(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    expires = int(time.time()) + 600
    before = sign("https://d111.cloudfront.net/f/private/x/*", expires)
    other = keyring.CdnKey("K222", keyring.cdn_key().pem)
    monkeypatch.setattr(keyring, "cdn_key", lambda: other)
    assert before.endswith("Key-Pair-Id=K111")
    assert sign("https://d111.cloudfront.net/f/private/x/*", expires).endswith("Key-Pair-Id=K222")
