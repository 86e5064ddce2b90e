"""The network address of a client: nobody can forge another one."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib import keyring
from chalicelib.api.addresses import HEADER, address_of
from chalicelib.api.auth.admission import is_within
from tests.client import Client
from tests.stage import Calls

VIEWER, CLOUDFRONT, FORGED = "198.51.100.7", "130.176.1.2", "10.0.0.1"


def seen(**headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return address_of({"identity": {"sourceIp": CLOUDFRONT}}, named)


def test_without_the_front_doors_secret_it_is_what_api_gateway_saw(stage: Calls) -> None:
    assert seen() == CLOUDFRONT
    assert seen(x_forwarded_for=f"{FORGED}, {CLOUDFRONT}") == CLOUDFRONT
    for wrong in ("", "x", "é", "\ud800", keyring.edge_secret(), keyring.door_secret()[:-1]):
        assert seen(x_forwarded_for=FORGED, **{HEADER: wrong}) == CLOUDFRONT


@pytest.mark.parametrize("before", ["", f"{FORGED}, ", f"{FORGED}, {CLOUDFRONT}, ", f"{FORGED},{FORGED},", ", ,"])
@pytest.mark.parametrize("behind", ["", f", {CLOUDFRONT}"])
def test_through_the_front_door_it_is_the_one_that_cloudfront_saw(stage: Calls, before: str, behind: str) -> None:
    """A viewer may write anything into the header. CloudFront appends, and so may API Gateway."""
    door = {HEADER: keyring.door_secret()}
    assert seen(x_forwarded_for=f"{before}{VIEWER}{behind}", **door) == VIEWER
    assert seen(x_forwarded_for=f"{before}2001:db8::7{behind}", **door) == "2001:db8::7"


@pytest.mark.parametrize("behind", ["2600:9000:0:0::1", "2600:9000::1", "2600:9000:0000:0000:0000:0000:0000:0001"])
def test_an_address_of_api_gateway_in_another_spelling_is_not_the_viewers(stage: Calls, behind: str) -> None:
    headers = {HEADER: keyring.door_secret(), "x-forwarded-for": f"{VIEWER}, {behind}"}
    assert address_of({"identity": {"sourceIp": "2600:9000::1"}}, headers) == VIEWER


def test_the_secrets_of_the_edge_are_two(stage: Calls) -> None:
    assert keyring.door_secret() == keyring.derived_door_secret(b"s" * 43) != keyring.edge_secret()


def test_a_key_with_networks_is_held_to_the_address_that_is_proven(client: Client) -> None:
    body = {"name": "n", "scopes": ["files:read"], "networks": [f"{VIEWER}/32", "2001:db8::/32"]}
    key = Client(client("POST", "/v1/keys", body).json["key"])

    def status(address: str, **headers: str) -> tuple[int, str | None]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = key("GET", "/v1/files", address=address, headers=named)
        return answer.status, answer.json.get("code")

    door: dict[str, Any] = {"X_Filemill_Door": keyring.door_secret()}
    refused = (403, "network_not_allowed")
    assert status(VIEWER) == status("2001:db8::1") == (200, None)
    assert status(FORGED) == status(CLOUDFRONT) == refused
    assert status(CLOUDFRONT, X_Forwarded_For=VIEWER) == refused
    assert status(CLOUDFRONT, X_Forwarded_For=VIEWER, X_Filemill_Door="0" * 64) == refused
    assert status(CLOUDFRONT, X_Forwarded_For=VIEWER, **door) == (200, None)
    assert status(CLOUDFRONT, X_Forwarded_For=f"{VIEWER}, {FORGED}", **door) == refused
    assert status(CLOUDFRONT, X_Forwarded_For=f"{FORGED}, {VIEWER}, {CLOUDFRONT}", **door) == (200, None)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.0.2.1", True),
        ("::ffff:192.0.2.1", True),
        ("192.0.3.1", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        (None, False),
        ("", False),
        ("192.0.2.1:443", False),
        ("unknown", False),
    ],
)
def test_an_address_is_in_a_network_or_not(address: str | None, allowed: bool) -> None:
    assert is_within(address, ("192.0.2.0/24", "2001:db8::/32")) is allowed


def test_a_request_with_a_key_without_networks_asks_for_no_secret(client: Client, stage: Calls) -> None:
    client("GET", "/v1/stats")
    stage.clear()
    client("GET", "/v1/stats", headers={"X-Filemill-Door": "0" * 64, "X-Forwarded-For": VIEWER})
    assert stage.count("ssm") == 0
