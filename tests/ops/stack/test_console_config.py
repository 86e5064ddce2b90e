"""The console is told how to sign in, and its scripts may ask the origins that they need and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib import issuers
from chalicelib.api.auth import issuer_keys
from chalicelib.outbound.errors import UnreachableError
from ops.errors import OpsError
from ops.stack import console_config
from ops.stack.template import document
from tests.stage import ROOT

ISSUER = "https://id.example.com/realms/demo"
BASE = {"issuer": ISSUER, "jwks": f"{ISSUER}/keys", "audience": "a", "tenant": "demo", "scopes": "files:read"}
TOLD = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example.com/authorize",
    "token_endpoint": "https://token.example.com/token",
}


def setting(**console: Any) -> str:
    return json.dumps([{**BASE, "console": {"client_id": "web", **console}}])


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The answer at each address. Other addresses do not answer."""
    found: dict[str, Any] = {f"{ISSUER}/.well-known/openid-configuration": TOLD}

    def read(url: str) -> bytes:
        if url not in found:
            raise UnreachableError(url)
        told = found[url]
        return told if isinstance(told, bytes) else json.dumps(told).encode()

    monkeypatch.setattr(issuer_keys, "read_document", read)
    return found


def test_endpoints_come_from_the_discovery_document(documents: dict[str, Any]) -> None:
    (entry,) = console_config.sign_in(setting(), {}, pytest.fail)
    assert entry == {
        "name": "id.example.com",
        "issuer": ISSUER,
        "client_id": "web",
        "authorize": TOLD["authorization_endpoint"],
        "token": TOLD["token_endpoint"],
        "scope": "openid",
        "parameters": {},
    }


def test_named_endpoints_need_no_discovery(documents: dict[str, Any]) -> None:
    documents.clear()
    named = {"authorize": "https://a.example/x", "token": "https://b.example/y", "name": "Staff"}
    (entry,) = console_config.sign_in(
        setting(**named, scope="openid filemill/files:read", parameters={"audience": "x"}),
        {},
        pytest.fail,
    )
    assert {name: entry[name] for name in named} == named
    assert (entry["scope"], entry["parameters"]) == (
        "openid filemill/files:read",
        {"audience": "x"},
    )


def test_an_issuer_without_a_console_is_not_told(documents: dict[str, Any]) -> None:
    assert console_config.sign_in(json.dumps([BASE]), {}, pytest.fail) == []
    assert console_config.sign_in("", {}, pytest.fail) == []


@pytest.mark.parametrize(
    "told",
    [
        None,
        b"<html>",
        b"[" * 100_000,
        [],
        {**TOLD, "issuer": "https://other.example"},
        {**TOLD, "token_endpoint": "http://id.example.com/token"},
        {"issuer": ISSUER},
    ],
)
def test_an_issuer_that_can_not_be_asked_keeps_its_endpoints_and_the_deployment_goes_on(
    documents: dict[str, Any], told: Any
) -> None:
    former = {"sign_in": console_config.sign_in(setting(), {}, pytest.fail)}
    documents.clear()
    if told is not None:
        documents[f"{ISSUER}/.well-known/openid-configuration"] = told
    said: list[str] = []
    assert console_config.sign_in(setting(scope="openid email"), {}, said.append) == []
    assert ISSUER in said[0]
    (entry,) = console_config.sign_in(setting(scope="openid email"), former, said.append)
    assert (entry["token"], entry["scope"]) == (TOLD["token_endpoint"], "openid email")


@pytest.mark.parametrize(
    ("console", "says"),
    [
        ({"client_id": ""}, "client_id"),
        ({"authorize": "http://a.example"}, "https://"),
        ({"secret": "x"}, "no key"),
    ],
)
def test_wrong_settings_are_refused_with_their_place(console: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=rf"issuer 1: .*{says}|issuer 1: `console.*{says}"):
        issuers.read(setting(**console))


def test_scripts_may_ask_the_socket_s3_and_the_issuers() -> None:
    session = boto3.Session("a", "b", region_name="eu-west-1")
    entry = {"token": "https://Token.example.com:8443/token?x"}
    assert console_config.connects(session, "filemill-x-originals", "https://files.example.com", [entry, entry]) == (
        "wss://files.example.com https://filemill-x-originals.s3.eu-west-1.amazonaws.com https://token.example.com:8443"
    )
    assert console_config.connects(session, "filemill-b-x", "", []) == "https://filemill-b-x.s3.eu-west-1.amazonaws.com"
    assert console_config.connects(session, "filemill-b-x", "http://localhost:8000", []).startswith(
        "ws://localhost:8000 "
    )


def test_the_bucket_origin_is_that_of_the_addresses_that_the_api_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib import aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for clear in (aws.s3, aws._session):
        clear.cache_clear()
    try:
        signed = aws.s3().generate_presigned_post("filemill-x-originals", "k")["url"]
    finally:
        for clear in (aws.s3, aws._session):
            clear.cache_clear()
    session = boto3.Session("a", "b", region_name="us-east-1")
    assert console_config.bucket_origin(session, "filemill-x-originals") == console_config.origin(signed)


def test_the_bucket_origin_is_that_of_the_functions_whatever_this_computer_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\ns3 =\n  use_accelerate_endpoint = true\n  addressing_style = path\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "regional")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    found = {
        region: console_config.bucket_origin(boto3.Session("a", "b", region_name=region), "filemill-b-x")
        for region in ("us-east-1", "eu-west-1")
    }
    assert found == {
        "us-east-1": "https://filemill-b-x.s3.amazonaws.com",
        "eu-west-1": "https://filemill-b-x.s3.eu-west-1.amazonaws.com",
    }


@pytest.mark.parametrize(
    "door", ["http://[::1]:8000", "https://exämple.com", "https://a.example/;script-src", "https://*"]
)
def test_an_origin_that_no_policy_may_have_is_refused(door: str) -> None:
    with pytest.raises(OpsError, match=r"can't be allowed to ask .*--front-door"):
        console_config.check(document(ROOT), {"FrontDoorOrigin": door})
    with pytest.raises(OpsError, match="FILEMILL_OIDC"):
        console_config.check(document(ROOT), {"ConsoleConnects": f"wss://a.example {door}"})


def test_a_policy_that_cloudfront_would_not_take_is_refused_before_the_stack_changes() -> None:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-policies"""
    door, hosts = "https://files.example.com", "wss://files.example.com"
    found = document(ROOT)
    values = {"FrontDoorOrigin": door, "DerivedOrigin": "https://derived.example.com", "ConsoleConnects": hosts}
    policy = console_config.policy_in(found)
    for name, value in values.items():
        policy = policy.replace(f"${{{name}}}", value)
    room = 1783 - len(policy)
    console_config.check(found, {**values, "ConsoleConnects": hosts + "x" * room})
    with pytest.raises(OpsError, match=r"1,784 characters, and CloudFront takes 1,783"):
        console_config.check(found, {**values, "ConsoleConnects": hosts + "x" * (room + 1)})
