"""AWS's Signature Version 4, as far as botocore's own takes long: it derives the signing key anew for each signature.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
import time
from functools import lru_cache

ALGORITHM = "AWS4-HMAC-SHA256"


def now() -> str:
    """The present time as signatures have it: `20261122T120000Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def scope_of(moment: str, region: str, service: str) -> str:
    """The day, region and service that a signature is good for."""
    return f"{moment[:8]}/{region}/{service}/aws4_request"


def signature(secret_key: str, scope: str, text: str) -> str:
    """The signature (64 hexadecimal digits) of a text."""
    return hmac.digest(_signing_key(secret_key, scope), text.encode(), "sha256").hex()


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, scope: str) -> bytes:
    """The key for one day, region and service."""
    key = f"AWS4{secret_key}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key
