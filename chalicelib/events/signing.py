"""Signatures of Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

The receiver computes HMAC-SHA256 of `{id}.{timestamp}.{body}` with its secret, and compares.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def headers(event_id: str, at: int, body: bytes, secrets: Sequence[bytes]) -> tuple[tuple[str, str], ...]:
    """The headers of one try. `at` is the time of the try in Unix seconds; every secret gives a signature."""
    signed = f"{event_id}.{at}.".encode() + body
    signatures = (base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets)
    return (
        ("webhook-id", event_id),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", " ".join(f"v1,{signature}" for signature in signatures)),
    )
