"""The stage's secrets are made once, and a repeated or interrupted run finds what is there."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
import requests
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ops.stack import signing_key
from tests.signers import pem, rsa_key
from tests.stage import aws_client


@pytest.fixture(autouse=True)
def _empty(cloud: None) -> None:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)


def ensure() -> signing_key.SigningKey:
    private = signing_key.ensure_secrets(aws_client("ssm"), "prod")
    return signing_key.ensure_key_group(aws_client("cloudfront"), "prod", "eu-west-1", private)


def test_the_key_is_what_cloudfront_takes() -> None:
    key = load_pem_private_key(signing_key.new_private_key().encode(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert isinstance(key.curve, SECP256R1)
    assert signing_key.kind_of(pem(key)) == "ECDSA P-256"


def test_a_stage_with_an_rsa_key_keeps_it() -> None:
    """A deployed stage goes on with its key until `ops rotate-keys`."""
    name, private = signing_key.key_parameter("prod"), pem(rsa_key()).decode()
    aws_client("ssm").put_parameter(Name=name, Value=private, Type="SecureString")
    first = ensure()
    assert ensure() == first
    assert aws_client("ssm").get_parameter(Name=name)["Parameter"]["Version"] == 1
    public = aws_client("cloudfront").get_public_key(Id=first.key_id)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    assert public.split() == signing_key.public_half(private).split()


def test_the_private_half_is_a_secure_string_and_only_the_public_half_leaves() -> None:
    key = ensure()
    ssm = aws_client("ssm")
    for name in ("/filemill/prod/cdn-signing-key", "/filemill/prod/secret"):
        assert ssm.get_parameter(Name=name)["Parameter"]["Type"] == "SecureString"
    public = aws_client("cloudfront").get_public_key(Id=key.key_id)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    private = ssm.get_parameter(Name="/filemill/prod/cdn-signing-key", WithDecryption=True)["Parameter"]["Value"]
    assert "PRIVATE" not in public
    assert public.split() == signing_key.public_half(private).split()


def test_a_second_run_makes_nothing() -> None:
    ssm, first = aws_client("ssm"), ensure()
    secret = ssm.get_parameter(Name="/filemill/prod/secret", WithDecryption=True)["Parameter"]["Value"]
    assert ensure() == first
    assert ssm.get_parameter(Name="/filemill/prod/secret", WithDecryption=True)["Parameter"]["Value"] == secret
    assert len(secret) == 64
    assert aws_client("cloudfront").list_public_keys()["PublicKeyList"]["Quantity"] == 1
    assert aws_client("cloudfront").list_key_groups()["KeyGroupList"]["Quantity"] == 1


def test_a_run_that_stopped_after_the_key_was_stored_is_finished_with_the_same_key() -> None:
    private = signing_key.ensure_secrets(aws_client("ssm"), "prod")
    assert signing_key.ensure_secrets(aws_client("ssm"), "prod") == private
    key = ensure()
    public = aws_client("cloudfront").get_public_key(Id=key.key_id)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    assert public.split() == signing_key.public_half(private).split()


def test_stages_have_keys_of_their_own() -> None:
    prod = ensure()
    other = signing_key.ensure_key_group(
        aws_client("cloudfront"), "dev", "eu-west-1", signing_key.ensure_secrets(aws_client("ssm"), "dev")
    )
    assert prod.key_id != other.key_id
    assert prod.group_id != other.group_id


def test_a_run_that_lost_the_race_takes_the_winners_value() -> None:
    ssm = boto3.client("ssm")
    found: Any = {"Parameter": {"Name": "/filemill/test/x", "Value": "theirs", "Type": "SecureString"}}
    with Stubber(ssm) as stub:
        stub.add_client_error("get_parameter", "ParameterNotFound")
        stub.add_client_error("put_parameter", "ParameterAlreadyExists")
        stub.add_response("get_parameter", found)
        assert signing_key._ensure(ssm, "/filemill/test/x", lambda: "ours", "") == "theirs"


def test_another_key_joins_the_group_beside_the_ones_that_are_there() -> None:
    private = signing_key.new_private_key()
    cloudfront = boto3.client("cloudfront")
    now = "2026-11-22T00:00:00Z"
    old: Any = {"Name": "filemill-prod-eu-west-1", "Items": ["KOLD"]}
    both: Any = {"Name": "filemill-prod-eu-west-1", "Items": ["KOLD", "KNEW"]}
    group: Any = {"Id": "G1", "LastModifiedTime": now, "KeyGroupConfig": old}
    public: Any = {
        "Id": "KNEW",
        "CreatedTime": now,
        "PublicKeyConfig": {"CallerReference": "r", "Name": "n", "EncodedKey": signing_key.public_half(private)},
    }
    empty: Any = {"MaxItems": 100, "Quantity": 0, "Items": []}
    with Stubber(cloudfront) as stub:
        stub.add_response("list_public_keys", {"PublicKeyList": empty})
        stub.add_response("create_public_key", {"PublicKey": public})
        stub.add_response(
            "list_key_groups", {"KeyGroupList": {"MaxItems": 1, "Quantity": 0, "NextMarker": "m", "Items": []}}
        )
        stub.add_response(
            "list_key_groups",
            {"KeyGroupList": {"MaxItems": 1, "Quantity": 1, "Items": [{"KeyGroup": group}]}},
            {"Marker": "m"},
        )
        stub.add_response("get_key_group", {"KeyGroup": group, "ETag": "E1"}, {"Id": "G1"})
        stub.add_response(
            "update_key_group",
            {"KeyGroup": group, "ETag": "E2"},
            {"Id": "G1", "IfMatch": "E1", "KeyGroupConfig": both},
        )
        key = signing_key.ensure_key_group(cloudfront, "prod", "eu-west-1", private)
        stub.assert_no_pending_responses()
    assert key == signing_key.SigningKey("KNEW", "G1")


def test_deleting_takes_the_stages_group_keys_and_parameters_and_no_others() -> None:
    ssm, cloudfront = aws_client("ssm"), boto3.client("cloudfront")
    for stage in ("prod", "prod-eu"):
        signing_key.ensure_secrets(ssm, stage)
    now = "2026-11-22T00:00:00Z"

    def key(key_id: str, name: str) -> Any:
        return {"Id": key_id, "Name": name, "CreatedTime": now, "EncodedKey": "PEM"}

    keys = [
        key("K1", "filemill-prod-eu-west-1-0123456789abcdef"),
        key("K2", "made by hand, in the group"),
        key("K3", "filemill-prod-eu-west-1-west-1-0123456789abcdef"),  # of a stage `prod-eu-west-1`, as it were
        key("K4", "filemill-prod-us-west-2-0123456789abcdef"),
    ]
    config: Any = {"Name": "filemill-prod-eu-west-1", "Items": ["K1", "K2"]}
    group: Any = {"Id": "G1", "LastModifiedTime": now, "KeyGroupConfig": config}
    with Stubber(cloudfront) as stub:
        stub.add_response(
            "list_key_groups", {"KeyGroupList": {"MaxItems": 9, "Quantity": 1, "Items": [{"KeyGroup": group}]}}
        )
        stub.add_response("get_key_group", {"KeyGroup": group, "ETag": "E1"}, {"Id": "G1"})
        stub.add_response("delete_key_group", {}, {"Id": "G1", "IfMatch": "E1"})
        stub.add_response("list_public_keys", {"PublicKeyList": {"MaxItems": 9, "Quantity": 4, "Items": keys}})
        for key_id in ("K1", "K2"):
            stub.add_response("get_public_key", {"ETag": f"E{key_id}"}, {"Id": key_id})
            stub.add_response("delete_public_key", {}, {"Id": key_id, "IfMatch": f"E{key_id}"})
        signing_key.delete(cloudfront, ssm, "prod", "eu-west-1")
        stub.assert_no_pending_responses()
    left = [p["Name"] for p in ssm.describe_parameters()["Parameters"]]
    assert sorted(left) == ["/filemill/prod-eu/cdn-signing-key", "/filemill/prod-eu/secret"]
