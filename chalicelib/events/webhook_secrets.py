"""The secrets that sign what webhooks send, by Standard Webhooks: https://www.standardwebhooks.com

A secret is derived from the stage's secret, the webhook's id and the secret's version. So it is stored nowhere, and a
new version is a new secret.
"""

from __future__ import annotations

import base64

from chalicelib import keyring
from chalicelib.catalog.webhooks import Webhook
from chalicelib.model import now

PREFIX = "whsec_"


def signing_secrets(webhook: Webhook) -> list[bytes]:
    """The secrets that sign now, the newest first: 32 bytes each. Several while a rotation's overlap lasts."""
    return [_secret(webhook.id, version) for version in webhook.secret_versions(now())]


def shown(webhook: Webhook) -> str:
    """The newest secret, as its receiver is told it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(_secret(webhook.id, webhook.secret_version)).decode()


def _secret(webhook_id: str, version: int) -> bytes:
    return keyring.mac("webhook", f"{webhook_id}\0{version}".encode())
