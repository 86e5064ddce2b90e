"""A webhook's headers, signed by the reference library of Standard Webhooks."""

from __future__ import annotations

from datetime import datetime, timezone

from standardwebhooks.webhooks import Webhook


def signed(body: bytes, secret: str, at: float, event_id: str = "evt_1") -> tuple[dict[str, str], bytes]:
    """Headers and body."""
    signature = Webhook(secret).sign(event_id, datetime.fromtimestamp(int(at), timezone.utc), body.decode())
    return {"Webhook-Id": event_id, "Webhook-Timestamp": str(int(at)), "Webhook-Signature": signature}, body
