"""Webhooks are signed by Standard Webhooks: HMAC-SHA256 over id, time and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping

from filemill import _json
from filemill.errors import InvalidSignature
from filemill.models import Event

Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

_PREFIX = "whsec_"
_MOST_SIGNATURES = 20


def verify(headers: Headers, body: bytes | str, secret: str, tolerance: float = 300) -> Event:
    """The event of a webhook's request, if it is signed with your secret and its time is near.

    headers: those of the request, in any case; a mapping, or pairs as ASGI has them. body: the bytes as they came,
    before anything read them as JSON. secret: the webhook's, `whsec_…`. tolerance: seconds between its time and this
    computer's clock. The same event may come twice: compare `event.id`.

    Raises InvalidSignature (answer 400), and ValueError for a secret that is none.

    >>> headers, body = signed_webhook()
    >>> event = verify(headers, body, "whsec_c2VjcmV0")
    >>> event.type, event.file.id
    ('filemill.file.ready', 'file_00000000000000000000000001')
    """
    key = _key(secret)
    found = _lowered(headers)
    event_id, sent_at, signatures = (_needed(found, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    content = body.encode() if isinstance(body, str) else bytes(body)
    _near(sent_at, tolerance)
    digest = hmac.new(key, f"{event_id}.{sent_at}.".encode() + content, hashlib.sha256).digest()
    expected = base64.b64encode(digest)
    given = [each[3:] for each in signatures.split(" ")[:_MOST_SIGNATURES] if each.startswith("v1,")]
    if not any(hmac.compare_digest(expected, each.encode("utf-8", "replace")) for each in given):
        raise InvalidSignature(
            "No signature is right: the body was changed on its way (was it read as JSON before?), or the secret is"
            " another one."
        )
    try:
        event = _json.parse(content)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise InvalidSignature("The body is no JSON object.")
    return Event(event)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("The secret must be as it was shown: whsec_ and Base64.")
    return key


def _lowered(headers: Headers) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _needed(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise InvalidSignature(
            f"The header {name} is missing: this request is no webhook of Filemill, or a proxy took its headers away."
        )
    return value


def _near(sent_at: str, tolerance: float) -> None:
    if not (sent_at.isascii() and sent_at.isdecimal() and len(sent_at) < 20):
        raise InvalidSignature("The header webhook-timestamp is no number of seconds.")
    off = time.time() - int(sent_at)
    if abs(off) > tolerance:
        side = "before" if off > 0 else "after"
        raise InvalidSignature(
            f"The request was signed {abs(off):.0f} seconds {side} this computer's time: it was sent again by a"
            " stranger, it waited somewhere, or a clock is wrong."
        )
