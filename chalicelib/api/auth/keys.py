"""API keys and upload tokens: their form, and how one is found."""

from __future__ import annotations

import hmac
import re

from chalicelib.catalog import credentials
from chalicelib.catalog.credentials import ApiKey
from chalicelib.model import UploadToken, now

# `fm` is an API key, `fmu` an upload token; then come its id and its secret, both hex.
CREDENTIAL = re.compile(r"(fmu?)_([0-9a-f]{12})_[0-9a-f]{48}")
ID = re.compile(r"[0-9a-f]{12}")


def name_of_key(key_id: str) -> str:
    """The name under which `find` finds an API key."""
    return f"fm_{key_id}"


def name_of_token(token_id: str) -> str:
    """The name under which `find` finds an upload token."""
    return f"fmu_{token_id}"


def name_of_tenant(tenant: str) -> str:
    """The name by which the sockets of a whole tenant are found, beside those of keys and tokens."""
    return f"tenant_{tenant}"


def secret_of(known: ApiKey | UploadToken, hashed: str) -> tuple[bool, int | None]:
    """(True if this is the hash of a secret that works, when that secret ends in Unix seconds).

    Only a secret that was rotated away ends before its key. Every hash is compared, so the time tells nothing.
    """
    right = hmac.compare_digest(known.hash, hashed)
    ends = None
    for earlier in known.earlier if isinstance(known, ApiKey) else ():
        if hmac.compare_digest(earlier.hash, hashed) and earlier.until > now().timestamp():
            right, ends = True, earlier.until
    return right, ends


def find(name: str) -> ApiKey | UploadToken | None:
    """The key or token with a name such as `fm_0123456789ab`; None if there is none. One read of the table."""
    prefix, _, credential_id = name.partition("_")
    return credentials.get_api_key(credential_id) if prefix == "fm" else credentials.get_token(credential_id)
