"""The network address that a request comes from, as somebody whom we trust has seen it.

The front door is CloudFront, and API Gateway sees CloudFront's address there. CloudFront appends the viewer's address
to `X-Forwarded-For`, behind anything that the viewer wrote there itself:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html#RequestCustomIPAddresses
Anybody can send such a header to API Gateway directly. So it counts only beside the secret that our distribution adds.
A viewer cannot send that header: CloudFront replaces it by its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from chalicelib import keyring

HEADER = "x-filemill-door"
"""The header with the secret by which the API knows requests that came through the front door."""


def address_of(context: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """The address of the client. `context` is API Gateway's, and `headers` have names in lower case.

    Without the front door's secret, it is the address that API Gateway saw. One read of SSM in the life of a process,
    for the first request that shows a secret.
    """
    seen: str | None = (context.get("identity") or {}).get("sourceIp")
    shown = headers.get(HEADER)
    if not shown or not hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), keyring.door_secret().encode()):
        return seen
    hops = [hop for each in headers.get("x-forwarded-for", "").split(",") if (hop := each.strip())]
    if hops and _is_same(hops[-1], seen):
        hops.pop()  # API Gateway has appended the address that it saw
    return hops[-1] if hops else seen


def _is_same(one: str, other: str | None) -> bool:
    """True if both are one address. An IPv6 address can be written in several ways."""
    if one == other:
        return True
    try:
        return ip_address(one) == ip_address(other or "")
    except ValueError:
        return False
