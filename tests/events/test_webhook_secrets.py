"""The secrets that sign what webhooks send."""

from __future__ import annotations

import base64
from datetime import timedelta

from chalicelib.catalog.webhooks import EarlierSecret, Webhook, new_id
from chalicelib.events.webhook_secrets import shown, signing_secrets
from chalicelib.model import Actor, now
from tests.stage import Calls


def webhook(version: int = 1, *earlier: EarlierSecret, webhook_id: str = new_id()) -> Webhook:
    return Webhook(
        id=webhook_id,
        tenant="acme",
        url="https://example.com/",
        secret_version=version,
        earlier_secrets=list(earlier),
        created_at=now(),
        updated_at=now(),
        created_by=Actor(type="key", id="k"),
    )


def test_a_secret_is_as_standard_webhooks_has_it(stage: Calls) -> None:
    text = shown(webhook())
    assert text.startswith("whsec_")
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: 24 to 64 bytes.
    assert signing_secrets(webhook()) == [base64.b64decode(text.removeprefix("whsec_"), validate=True)]
    assert len(signing_secrets(webhook())[0]) == 32


def test_each_webhook_and_each_version_has_a_secret_of_its_own(stage: Calls) -> None:
    assert len({shown(webhook()), shown(webhook(2)), shown(webhook(webhook_id=new_id()))}) == 3
    assert shown(webhook()) == shown(webhook()), "it is derived, and stored nowhere"


def test_an_earlier_secret_signs_until_its_end(stage: Calls) -> None:
    (first,) = signing_secrets(webhook(1))
    lives = EarlierSecret(version=1, until=now() + timedelta(minutes=1))
    over = EarlierSecret(version=1, until=now() - timedelta(minutes=1))
    assert signing_secrets(webhook(2, lives)) == [*signing_secrets(webhook(2)), first]
    assert signing_secrets(webhook(2, over)) == signing_secrets(webhook(2))
