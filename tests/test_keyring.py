"""The stage's keys: what is derived from its secret, and what never shows."""

from __future__ import annotations

import pytest

from chalicelib import keyring
from tests.stage import Calls


def test_the_edges_secret_is_the_same_in_every_release() -> None:
    """A deployed distribution sends it: another value would cut CloudFront off from the API."""
    secret = "37eed48a16f34713613611d36a61ab3497f91f8c11c50ffd206a00c9dc35ba7e"
    assert keyring.derived_edge_secret(b"s" * 43) == secret
    assert keyring.derived_edge_secret(b"t" * 43) != secret


def test_the_check_of_an_address_is_the_same_in_every_release(stage: Calls) -> None:
    """Addresses are kept for years: with another value, the edge would refuse them."""
    path = "/f/public/file_01ARZ3NDEKTSV4RRFFQ69G5FAV/0123456789abcdef"
    assert keyring.address_check(path) == "01e3d58e39a256fb"


def test_the_function_and_ops_derive_the_same_secret(stage: Calls) -> None:
    assert keyring.edge_secret() == keyring.derived_edge_secret(b"s" * 43)


def test_a_message_for_one_purpose_is_not_signed_for_another(stage: Calls) -> None:
    assert keyring.mac("cursor", b"m") != keyring.mac("token", b"m")
    assert len(keyring.mac("cursor", b"m")) == 32


@pytest.mark.parametrize("text", [b"-----BEGIN", b"Key-Pair-Id: K1\n-----BEGIN"])
def test_a_private_key_does_not_show_when_its_object_is_printed(text: bytes) -> None:
    assert "BEGIN" not in repr(keyring.read_cdn_key(text, "K0"))
