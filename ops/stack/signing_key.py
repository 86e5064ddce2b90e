"""The stage's two secrets: the key that signs private addresses, and the secret that signs cursors and upload tokens.

The private key is stored in SSM as a SecureString and nowhere else. The public key is given to CloudFront through its
API, not by the stack, because the pair is made here, and because a rotation (ops/rotate_keys.py) adds a second key to
the same group. Each step makes only what is missing, so the next run finishes one that was interrupted.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from chalicelib import keyring

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True)
class SigningKey:
    """Ids of the CloudFront public key that matches the stored private key, and of the group it is in."""

    key_id: str
    group_id: str


def key_parameter(stage: str) -> str:
    """SSM name of the private key. `chalicelib.keyring.read_cdn_keys` describes its value."""
    return f"/filemill/{stage}/cdn-signing-key"


def next_key_parameter(stage: str) -> str:
    """SSM name of the next private key (PEM). It exists only during a rotation."""
    return f"{key_parameter(stage)}-next-ec"


def former_next_key_parameter(stage: str) -> str:
    """SSM name at which the release before this one keeps its next private key, an RSA key.

    It has another name, because that release would let an ECDSA key sign that it found there, and can't.
    """
    return f"{key_parameter(stage)}-next"


def secret_parameter(stage: str) -> str:
    """SSM name of the secret (64 hexadecimal digits: 256 bits)."""
    return f"/filemill/{stage}/secret"


def parameters(stage: str) -> tuple[str, ...]:
    """SSM names of all parameters that a stage can have."""
    return (
        key_parameter(stage),
        next_key_parameter(stage),
        former_next_key_parameter(stage),
        secret_parameter(stage),
    )


def group_name(stage: str, region: str) -> str:
    """Name of the key group. It contains the region, because CloudFront itself has no regions."""
    return f"filemill-{stage}-{region}"


def new_private_key() -> str:
    """A new private key (PEM): ECDSA with the curve P-256, the only curve that CloudFront accepts.

    https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_PublicKey.html
    """
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@lru_cache(maxsize=8)  # reading an RSA key takes a tenth of a second, because its primes are checked
def public_half(stored: str) -> str:
    """The public key (PEM, SubjectPublicKeyInfo) of a private one: of PEM, or of the stored value's that signs."""
    pem = keyring.read_cdn_key(stored.encode(), "").pem
    key = serialization.load_pem_private_key(pem, password=None).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@lru_cache(maxsize=8)
def is_rsa(pem: bytes) -> bool:
    """True for a private RSA key (PEM), which stages have from releases before this one."""
    return isinstance(serialization.load_pem_private_key(pem, password=None), RSAPrivateKey)


def kind_of(pem: bytes) -> str:
    """How a private key (PEM) is called in messages."""
    return "RSA 2048" if is_rsa(pem) else "ECDSA P-256"


def ensure_secrets(ssm: SSMClient, stage: str) -> str:
    """Makes the private key and the secret if SSM does not have them. Returns the stored value of the private key."""
    _ensure(ssm, secret_parameter(stage), lambda: secrets.token_hex(32), "Filemill: signs cursors and upload tokens")
    return _ensure(ssm, key_parameter(stage), new_private_key, "Filemill: signs private CloudFront addresses")


def ensure_next_key(ssm: SSMClient, stage: str) -> str:
    """The next private key (PEM) of a rotation. It is made if SSM does not have it."""
    name = next_key_parameter(stage)
    return _ensure(ssm, name, new_private_key, "Filemill: will sign private CloudFront addresses")


def read_secret(ssm: SSMClient, stage: str) -> bytes:
    """The secret that `ensure_secrets` made."""
    return ssm.get_parameter(Name=secret_parameter(stage), WithDecryption=True)["Parameter"]["Value"].encode()


def _ensure(ssm: SSMClient, name: str, make: Any, description: str) -> str:
    try:
        return ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        pass
    value = make()
    try:
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=False, Description=description)
    except ssm.exceptions.ParameterAlreadyExists:  # another run was faster, so its value counts
        return ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return str(value)


def ensure_key_group(cloudfront: CloudFrontClient, stage: str, region: str, private: str) -> SigningKey:
    """Gives the public key to CloudFront and adds it to the stage's key group. Other keys in the group stay.

    `private` is the private key as PEM, or the stored value: then it is about the key that signs.
    """
    public_pem = public_half(private)
    key_id = find_public_key(cloudfront, public_pem)
    if key_id is None:
        fingerprint = hashlib.sha256(public_pem.encode()).hexdigest()[:16]
        key_id = cloudfront.create_public_key(
            PublicKeyConfig={
                # The same key has the same reference, so that the call can be repeated if its answer was lost.
                "CallerReference": fingerprint,
                "Name": f"{group_name(stage, region)}-{fingerprint}",
                "EncodedKey": public_pem,
            }
        )["PublicKey"]["Id"]
    group = find_key_group(cloudfront, stage, region)
    name = group_name(stage, region)
    if group is None:
        made = cloudfront.create_key_group(KeyGroupConfig={"Name": name, "Items": [key_id]})
        return SigningKey(key_id, made["KeyGroup"]["Id"])
    items = list(group["KeyGroupConfig"]["Items"])
    if key_id not in items:
        etag = cloudfront.get_key_group(Id=group["Id"])["ETag"]
        cloudfront.update_key_group(
            Id=group["Id"], IfMatch=etag, KeyGroupConfig={"Name": name, "Items": [*items, key_id]}
        )
    return SigningKey(key_id, group["Id"])


def find_key_group(cloudfront: CloudFrontClient, stage: str, region: str) -> dict[str, Any] | None:
    """The stage's key group ({"Id", "KeyGroupConfig": …}), or None."""
    marker: dict[str, Any] = {}
    while True:  # boto3 has no paginator for this call
        page = cloudfront.list_key_groups(**marker)["KeyGroupList"]
        for summary in page.get("Items", []):
            if summary["KeyGroup"]["KeyGroupConfig"]["Name"] == group_name(stage, region):
                return dict(summary["KeyGroup"])
        if not page.get("NextMarker"):
            return None
        marker = {"Marker": page["NextMarker"]}


def public_keys(cloudfront: CloudFrontClient) -> Iterator[Any]:
    """Every public key of the account."""
    for page in cloudfront.get_paginator("list_public_keys").paginate():
        yield from page["PublicKeyList"].get("Items", [])


def find_public_key(cloudfront: CloudFrontClient, public_pem: str) -> str | None:
    """CloudFront's id of a public key (PEM), or None if it does not have that key."""
    wanted = "".join(public_pem.split())
    return next((k["Id"] for k in public_keys(cloudfront) if "".join(k["EncodedKey"].split()) == wanted), None)


def is_ours(name: str, stage: str, region: str) -> bool:
    """True if a public key's name is one that `ensure_key_group` gives to keys of this stage."""
    # A fingerprint follows the prefix. It has no hyphen, so stage `a` does not take the keys of stage `a-b`.
    prefix = group_name(stage, region) + "-"
    return name.startswith(prefix) and "-" not in name.removeprefix(prefix)


def delete(cloudfront: CloudFrontClient, ssm: SSMClient, stage: str, region: str) -> None:
    """Deletes the group, its keys and the parameters, as far as they exist. The distribution must be deleted before."""
    group = find_key_group(cloudfront, stage, region)
    if group is not None:
        cloudfront.delete_key_group(Id=group["Id"], IfMatch=cloudfront.get_key_group(Id=group["Id"])["ETag"])
    in_group = set(group["KeyGroupConfig"]["Items"]) if group else set()
    for key in list(public_keys(cloudfront)):
        # Also by name: a run that stopped between making the key and the group left a key outside of the group.
        if is_ours(key["Name"], stage, region) or key["Id"] in in_group:
            cloudfront.delete_public_key(Id=key["Id"], IfMatch=cloudfront.get_public_key(Id=key["Id"])["ETag"])
    for name in parameters(stage):
        try:
            ssm.delete_parameter(Name=name)
        except ssm.exceptions.ParameterNotFound:
            continue
