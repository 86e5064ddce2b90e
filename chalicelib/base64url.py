"""Base64url without padding (RFC 4648, section 5), as cursors and tokens are written. Pure."""

from __future__ import annotations

import base64


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Raises ValueError, also where unused bits are not zero: only one text is right for some bytes."""
    found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if encode(found) != text:
        raise ValueError("not canonical")
    return found
