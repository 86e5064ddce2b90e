"""A receiver in Node.js verifies what is delivered with the npm package of Standard Webhooks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib import settings
from chalicelib.catalog import webhooks
from chalicelib.catalog.webhook_deliveries import DeliveryState, again
from chalicelib.catalog.webhooks import Webhook
from chalicelib.events import receiver, webhook_secrets
from tests.events.hooks import announce, changed, delivery, hook
from tests.stage import Calls

HERE = Path(__file__).parent


@contextmanager
def receiving(secret: str) -> Iterator[str]:
    """The address of a receiver that has this secret."""
    command = ["node", "receiver.mjs", secret]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://localhost:{int(process.stdout.readline())}/hook"
        finally:
            process.terminate()


@pytest.fixture
def loopback(stage: Calls, node_modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_WEBHOOK_NETWORKS", "127.0.0.0/8")
    settings.settings.cache_clear()


def moved(webhook: Webhook, url: str) -> Webhook:
    return webhooks.change(webhook, {"url": url})


@pytest.mark.usefixtures("loopback")
def test_the_npm_package_verifies_an_event_and_one_after_a_rotation() -> None:
    webhook = hook("http://localhost/")
    old, file = webhook_secrets.shown(webhook), changed(filename="Grüße \u2603.jpg")
    announce(file)
    event_id = f"evt_{file.id}_3"
    with receiving(old) as url:
        webhook = moved(webhook, url)
        receiver.deliver("acme", webhook.id, [event_id], seconds=20)
        assert delivery(webhook, file).attempts[-1].answer == "verified filemill.file.ready Grüße \u2603.jpg"
        webhook = webhooks.rotate(webhook, timedelta(hours=1))
        assert webhook_secrets.shown(webhook) != old
        assert again(webhook.id, event_id)
        receiver.deliver("acme", webhook.id, [event_id], seconds=20)
        assert delivery(webhook, file).attempts[-1].status == 200, "the old secret signs, too"
    with receiving(webhook_secrets.shown(webhook)) as url:
        moved(webhook, url)
        assert again(webhook.id, event_id)
        receiver.deliver("acme", webhook.id, [event_id], seconds=20)
        assert delivery(webhook, file).attempts[-1].status == 200


@pytest.mark.usefixtures("loopback")
def test_the_npm_package_refuses_another_secret() -> None:
    webhook, other, file = hook("http://localhost/"), hook("http://localhost/"), changed()
    announce(file)
    with receiving(webhook_secrets.shown(other)) as url:
        moved(webhook, url)
        receiver.deliver("acme", webhook.id, [f"evt_{file.id}_3"], seconds=20)
    done = delivery(webhook, file)
    assert done.state is DeliveryState.PENDING
    assert (done.attempts[0].status, done.attempts[0].answer) == (401, "No matching signature found")
