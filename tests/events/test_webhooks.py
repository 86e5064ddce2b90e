"""Which webhooks an event is announced to, and what is stored of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from chalicelib.catalog import webhook_deliveries, webhook_states, webhooks
from chalicelib.catalog.webhook_deliveries import DeliveryState
from chalicelib.events import delivering, posts
from chalicelib.model import ChangeType, Kind
from chalicelib.queues import webhooks as queue
from tests.events.hooks import Hooks, announce, changed, delivery, hook, state
from tests.faults.looking import table
from tests.stage import Calls


def test_each_webhook_gets_what_it_asks_for(world: Hooks) -> None:
    wanted = {
        "all": hook("https://all.example/"),
        "ready": hook("https://ready.example/", types=["filemill.file.ready"]),
        "images": hook("https://images.example/", kinds=[Kind.IMAGE]),
        "cats": hook("https://cats.example/", tags=["cats"]),
        "named": hook("https://named.example/", filename_prefix="IMG"),
        "other": hook("https://other.example/", tenant="other"),
    }
    image = changed(tags=["cats", "dogs"], filename="img 1.jpg")
    text = changed(ChangeType.PROCESSING, kind=Kind.OTHER, filename="notes.txt")
    announce(image, text)
    world.drain()
    got = {name: {each.split("_")[2] for each in world.ids(hook.url)} for name, hook in wanted.items()}
    first, second = image.id.removeprefix("file_"), text.id.removeprefix("file_")
    assert got == {
        "all": {first, second},
        "ready": {first},
        "images": {first},
        "cats": {first},
        "named": {first},
        "other": set(),
    }


def test_a_batch_that_comes_again_adds_nothing_and_wakes_again(world: Hooks) -> None:
    webhook, file = hook(), changed()
    announce(file)
    world.drain()
    announce(file)
    world.collect()
    assert len(world.waiting) == 1, "the first message may never have been sent"
    world.drain()
    assert len(world.came) == 1
    assert delivery(webhook, file).tries == 1


def test_what_happened_before_a_webhook_was_made_is_not_for_it(world: Hooks) -> None:
    file = changed()
    hook(created_at=file.updated_at.replace(year=file.updated_at.year + 1))
    announce(file)
    world.drain()
    assert world.came == []


def test_a_tenant_without_webhooks_costs_one_query_a_batch(world: Hooks, stage: Calls) -> None:
    some = [changed() for _ in range(5)]
    stage.clear()
    announce(*some)
    assert stage.names == ["dynamodb.Query"]


def test_a_disabled_webhook_hears_nothing_and_the_log_keeps_it(world: Hooks, stage: Calls) -> None:
    webhook, file = hook(), changed()
    webhooks.disable("acme", webhook.id, "A person disabled it.")
    stage.clear()
    announce(file)
    assert stage.count("sqs") == 0
    assert delivery(webhook, file).state is DeliveryState.MISSED
    assert delivery(webhook, file).due is None


def test_what_waits_for_a_webhook_that_is_disabled_is_missed(world: Hooks) -> None:
    webhook, some = hook(), [changed() for _ in range(5)]
    announce(*some)
    webhooks.disable("acme", webhook.id, "A person disabled it.")
    world.drain()
    assert world.came == []
    assert {delivery(webhook, each).state for each in some} == {DeliveryState.MISSED}
    assert "due_sk" not in state(webhook)


def test_nothing_that_a_client_wrote_is_stored_of_an_event(world: Hooks) -> None:
    hook()
    file = changed(filename="secret-name.jpg", tags=["secret-tag"], metadata={"a": "secret-text"})
    world.says["https://good.example/"] = lambda _: 204
    announce(file)
    world.drain()
    stored = [values for (pk, _), values in table().items() if pk.startswith("HOOK#")]
    assert len(stored) == 2
    assert "secret-" in json.dumps(world.came[0].event)
    assert "secret-" not in json.dumps(stored)


def test_the_log_is_read_page_by_page_the_newest_first(world: Hooks) -> None:
    webhook, some = hook(), [changed() for _ in range(7)]
    announce(*some)
    world.says[webhook.url] = lambda event: 500 if event["subject"] == some[2].id else 200
    world.drain()
    found, cursor = [], None
    while True:
        page = webhook_deliveries.log(webhook.id, 3, cursor)
        assert len(page.deliveries) <= 3
        found += [each.subject for each in page.deliveries]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == [each.id for each in reversed(some)]
    pending = webhook_deliveries.log(webhook.id, 10, state=DeliveryState.PENDING).deliveries
    assert [each.subject for each in pending] == [some[2].id]
    assert pending[0].due


def test_a_retry_of_no_delivery_is_none(world: Hooks) -> None:
    assert webhook_deliveries.again("wh_1", "evt_1") is None
    assert webhook_deliveries.get("wh_1", "evt_1") is None


def test_answers_are_removed_however_the_log_grows_meanwhile(world: Hooks) -> None:
    webhook, file = hook(), changed()
    announce(file)
    world.drain()
    stale = delivery(webhook, file)
    webhook_deliveries.again(webhook.id, stale.event_id)
    queue.send("acme", webhook.id, [stale.event_id])
    world.drain()
    assert len(delivery(webhook, file).attempts) == 2
    webhook_deliveries.drop_answers(stale)
    assert [each.answer for each in delivery(webhook, file).attempts] == [None, None]


def test_the_last_attempts_are_kept(world: Hooks) -> None:
    webhook, file = hook(), changed()
    announce(file)
    world.drain()
    for _ in range(webhook_deliveries.KEEP_ATTEMPTS + 3):
        webhook_deliveries.again(webhook.id, f"evt_{file.id}_3")
        queue.send("acme", webhook.id, [f"evt_{file.id}_3"])
        world.drain()
    assert len(delivery(webhook, file).attempts) == webhook_deliveries.KEEP_ATTEMPTS


# --- messages


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '"webhook"', '{"webhook": 1}', '{"replay": "wh_1"}', "\0"])
def test_a_message_that_is_not_ours_is_dropped(world: Hooks, body: str) -> None:
    assert queue.parse(body) is None
    delivering.work_off(body, seconds=10)


def test_a_message_names_few_events_and_many_are_in_several(world: Hooks) -> None:
    queue.send("acme", "wh_1", [str(number) for number in range(250)])
    world.collect()
    named = [json.loads(body)["events"] for _, body, _ in world.waiting]
    assert sorted(map(len, named)) == [50, 100, 100]
    assert {each for some in named for each in some} == {str(number) for number in range(250)}


def test_a_delay_is_one_that_sqs_takes(world: Hooks) -> None:
    for delay in (-5, 0.4, 10_000):
        queue.send("acme", "wh_1", delay=delay)
    world.collect()
    assert [round((when - world.clock.moment).total_seconds()) for when, *_ in world.waiting] == [0, 0, 900]


def test_a_socket_is_looked_at_when_its_time_is_over(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(posts, "close_when_due", closed.append)
    queue.close("conn1=", 10)
    world.collect()
    delivering.work_off(world.waiting[0][1], seconds=10)
    assert closed == ["conn1="]


def test_two_workers_never_have_one_webhook(world: Hooks) -> None:
    first = webhook_states.acquire("acme", "wh_1", "a", 90)
    assert first
    assert webhook_states.acquire("acme", "wh_1", "b", 90) is None
    assert not webhook_states.release(first, None, None), "it was woken"
    assert first.wake == 1
    assert webhook_states.release(first, None, None)
    second = webhook_states.acquire("acme", "wh_1", "b", 90)
    assert second
    assert not webhook_states.release(first, None, None), "the lease is another's"
    assert first.lease_id == ""


def test_the_sweep_comes_when_the_lease_of_a_worker_that_died_is_over(world: Hooks) -> None:
    webhook = hook()
    assert webhook_states.acquire("acme", webhook.id, "a", 90)
    world.clock.forward(timedelta(seconds=91))
    world.sweep()
    world.collect()
    assert [json.loads(body) for _, body, _ in world.waiting] == [{"tenant": "acme", "webhook": webhook.id}]
