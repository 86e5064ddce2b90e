"""Checks CloudFront's signed URLs and signed cookies: a signature over a policy, by a key of a trusted group.

The key is an RSA or an ECDSA one. The policy is hashed with SHA-1, or with SHA-256 if `Hash-Algorithm` says so.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PrivateContent.html
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from ops.local.edge.distribution import wildcards

PARAMETERS = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
COOKIES = {f"CloudFront-{name}": name for name in PARAMETERS}

Key = RSAPublicKey | EllipticCurvePublicKey

# By the value of `Hash-Algorithm`; without it, CloudFront takes SHA-1.
_HASHES: dict[str, type[HashAlgorithm]] = {"SHA1": SHA1, "SHA256": SHA256}


class RefusedError(Exception):
    """There is no valid signature. `code` is CloudFront's error code, the text is its message."""

    def __init__(self, code: str, message: str = "Access denied") -> None:
        super().__init__(message)
        self.code = code


def split(query: str) -> tuple[str, dict[str, str]]:
    """(the raw query string without the signature's parameters, these parameters)."""
    rest, signature = [], {}
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        if name in PARAMETERS:
            signature[name] = value
        else:
            rest.append(pair)
    return "&".join(rest), signature


def without_cookies(cookies: Mapping[str, str]) -> dict[str, str]:
    """The cookies without the signature, which must not go further than the edge."""
    return {name: value for name, value in cookies.items() if name not in COOKIES}


def check(
    url: str,
    signature: Mapping[str, str],
    cookies: Mapping[str, str],
    keys: Mapping[str, Key],
    *,
    now: float,
    address: str,
) -> None:
    """Returns if a trusted key has signed for this viewer, address and time.

    Parameters
    ----------
    url:
        The address that the viewer asked for, without the signature's parameters.
    signature:
        The signature's parameters from the query. If there are none, the cookies count.
    now:
        Unix seconds.
    address:
        The viewer's IP address.

    Raises
    ------
    RefusedError
        In every other case.
    """
    given = signature or {COOKIES[name]: value for name, value in cookies.items() if name in COOKIES}
    if not given.get("Key-Pair-Id"):
        raise RefusedError("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    key = keys.get(given["Key-Pair-Id"])
    if key is None:
        raise RefusedError("InvalidKey", "Unknown Key")
    policy = _decode(given["Policy"]) if "Policy" in given else _canned(url, given.get("Expires", ""))
    _verify(key, _decode(given.get("Signature", "")), policy, given.get("Hash-Algorithm", "SHA1"))
    if "Policy" in given:
        _check_policy(policy, url, now, address)
    elif now >= int(given["Expires"]):
        raise RefusedError("AccessDenied")


def _verify(key: Key, signature: bytes, policy: bytes, algorithm: str) -> None:
    """Raises RefusedError unless it is this key's signature of the policy. One of ECDSA is in DER."""
    if algorithm not in _HASHES:
        raise RefusedError("AccessDenied")
    hashed = _HASHES[algorithm]()
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, policy, PKCS1v15(), hashed)
        else:
            key.verify(signature, policy, ECDSA(hashed))
    except InvalidSignature:
        raise RefusedError("AccessDenied") from None


def _decode(text: str) -> bytes:
    """Decodes CloudFront's base64 for URLs, which has `-`, `_` and `~` in place of `+`, `=` and `/`."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")), validate=True)
    except binascii.Error:
        raise RefusedError("MalformedPolicy", "Malformed Policy") from None


def _canned(url: str, expires: str) -> bytes:
    """The policy of a URL that has only `Expires`. It must be the same to the byte as the signed one."""
    if not re.fullmatch(r"\d{1,12}", expires, re.ASCII):
        raise RefusedError("MissingKey", "Missing Expires or Policy query parameter or cookie value")
    condition = {"DateLessThan": {"AWS:EpochTime": int(expires)}}
    return json.dumps({"Statement": [{"Resource": url, "Condition": condition}]}, separators=(",", ":")).encode()


def _check_policy(policy: bytes, url: str, now: float, address: str) -> None:
    try:
        (statement,) = json.loads(policy)["Statement"]
        resource: str = statement.get("Resource", "*")
        condition: dict[str, Any] = statement["Condition"]
        before = int(condition["DateLessThan"]["AWS:EpochTime"])
        after = int(condition.get("DateGreaterThan", {}).get("AWS:EpochTime", 0))
        network = ipaddress.ip_network(condition.get("IpAddress", {}).get("AWS:SourceIp", "0.0.0.0/0"), strict=False)
        inside = network.prefixlen == 0 or ipaddress.ip_address(address) in network
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RefusedError("MalformedPolicy", "Malformed Policy") from None
    if not (after < now < before and inside and re.fullmatch(wildcards(resource), url, re.DOTALL)):
        raise RefusedError("AccessDenied")
