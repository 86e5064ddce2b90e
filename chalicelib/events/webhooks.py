"""Webhooks hear of events: a delivery for each webhook that wants one. `delivering` sends them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.catalog import webhook_deliveries, webhook_states, webhooks
from chalicelib.catalog.dynamodb import read
from chalicelib.catalog.webhook_deliveries import Delivery, DeliveryState
from chalicelib.catalog.webhooks import Webhook
from chalicelib.events.envelope import PREFIX, Envelope, change_of, event_id, webhook_disabled
from chalicelib.model import Actor, ChangeType, File
from chalicelib.queues import webhooks as queue

# Calls to DynamoDB and SQS at the same time.
WRITERS = 8

# A webhook's item before and after a change of it.
Changed = tuple[dict[str, Any], dict[str, Any]]


def announce(files: Iterable[File], changed: Iterable[Changed]) -> None:
    """Writes a delivery for each webhook and event that it wants, and wakes the worker of each webhook.

    The worker also removes the log of a webhook that was deleted. To do it again with the same events adds nothing, and
    wakes the workers again. One Query for each tenant; one BatchGetItem for each hundred deliveries, and one
    BatchWriteItem for each 25; for each webhook that is woken an UpdateItem and a SendMessage; for each deleted file a
    Query, and more if answers about it were stored; for each deleted webhook a SendMessage.
    """
    tenants: dict[str, list[File]] = defaultdict(list)
    for file in files:
        tenants[file.tenant].append(file)
    events: dict[str, list[Envelope]] = defaultdict(list)
    for before, after in changed:
        if before and not after:
            queue.forget(before["sk"]["S"])
        if event := webhook_disabled(read(before), read(after)):
            events[event["tenant"]].append(event)
    with ThreadPoolExecutor(WRITERS) as pool:
        for tenant in {**tenants, **events}:
            hooks = webhooks.of_tenant(tenant)
            wanted = [(hook, _wanted(hook, tenants[tenant], events[tenant])) for hook in hooks]
            webhook_deliveries.put_all_new(each for _, some in wanted for each in some)
            list(pool.map(lambda pair: _begin(*pair), wanted))
            ended = [file for file in tenants[tenant] if change_of(file).type is ChangeType.DELETED]
            list(pool.map(_drop_answers, ended if hooks else ()))


def _wanted(hook: Webhook, files: Iterable[File], events: Iterable[Envelope]) -> list[Delivery]:
    """Deliveries of the events that a webhook wants. What happened before it was made is not for it."""
    about_files = (_about_file(hook, file) for file in files if hook.wants(f"{PREFIX}{change_of(file).type}", file))
    about_webhooks = (_about_webhook(hook, event) for event in events if hook.wants(event["type"]))
    return [each for each in (*about_files, *about_webhooks) if each.time >= hook.created_at]


def _about_file(hook: Webhook, file: File) -> Delivery:
    change = change_of(file)
    return Delivery(
        webhook_id=hook.id,
        tenant=hook.tenant,
        event_id=event_id(file.id, file.revision),
        type=f"{PREFIX}{change.type}",
        time=change.at,
        subject=file.id,
        revision=file.revision,
        actor=change.actor,
        state=_first_state(hook),
    )


def _about_webhook(hook: Webhook, event: Envelope) -> Delivery:
    return Delivery(
        webhook_id=hook.id,
        tenant=hook.tenant,
        event_id=event["id"],
        type=event["type"],
        time=event["time"],
        subject=event["subject"],
        actor=Actor.model_validate(event["data"]["actor"]) if "actor" in event["data"] else None,
        data=event["data"],
        state=_first_state(hook),
    )


def _first_state(hook: Webhook) -> DeliveryState:
    return DeliveryState.PENDING if hook.enabled else DeliveryState.MISSED


def _begin(hook: Webhook, deliveries: list[Delivery]) -> None:
    """Has the webhook's worker come. The sweep looks after it, too, should the message end as a dead letter."""
    if deliveries and hook.enabled:
        webhook_states.arm(hook.tenant, hook.id)
        queue.send(hook.tenant, hook.id, [each.event_id for each in deliveries])


def _drop_answers(file: File) -> None:
    """A receiver may repeat in its answer what it was told of the file, so answers end with the file.

    An answer that is stored after this is removed by the worker that stored it, because the record says by now that
    the file has ended. So only notes that were found here are removed.
    """
    if places := webhook_deliveries.answered(file.id):
        for delivery in webhook_deliveries.of_places(places):
            webhook_deliveries.drop_answers(delivery)
        webhook_deliveries.forget_answered(file.id, places)
