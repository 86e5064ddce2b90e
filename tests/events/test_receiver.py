"""Deliveries to one receiver: the schedule, the circuit breaker, disabling, and one worker at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from chalicelib.catalog import webhook_deliveries, webhook_slots, webhook_states, webhooks
from chalicelib.catalog.webhook_deliveries import Delivery, DeliveryState
from chalicelib.events import receiver, webhook_secrets
from chalicelib.model import ChangeType, now, timestamp
from chalicelib.outbound.post import Outcome
from chalicelib.queues import webhooks as queue
from tests.events.hooks import Hooks, announce, changed, delivery, ended, hang, hook, slots, state
from tests.stage import Calls, aws_client

URL = "https://good.example/"
DAY = timedelta(days=1)


def test_an_event_comes_with_the_whole_envelope_and_is_signed(world: Hooks) -> None:
    webhook, file = hook(URL), changed()
    announce(file)
    world.drain()
    (came,) = world.came
    assert came.event["id"] == came.headers["webhook-id"] == f"evt_{file.id}_3"
    assert came.event["type"] == "filemill.file.ready"
    assert came.event["data"]["file"]["filename"] == "a.jpg"
    assert came.event["data"]["actor"] == {"type": "key", "id": "key_1"}
    assert came.headers["Content-Type"] == "application/json"
    secret = webhook_secrets.signing_secrets(webhook)[0]
    assert abs(int(came.headers["webhook-timestamp"]) - came.at.timestamp()) < 2
    Verifier(base64.b64encode(secret).decode()).verify(came.body, came.headers)
    done = delivery(webhook, file)
    assert (done.state, done.tries, done.due) == (DeliveryState.DELIVERED, 1, None)
    (attempt,) = done.attempts
    assert (attempt.status, attempt.ms, attempt.error) == (200, 20, None)
    assert attempt.answer == f"answer to evt_{file.id}_3"
    assert "due_sk" not in state(webhook), "nothing is left to do"
    assert "lease_id" not in state(webhook)


def test_a_webhook_that_is_well_costs_few_calls_an_event(world: Hooks, stage: Calls) -> None:
    hook(URL)
    announce(changed())
    world.drain()
    file = changed()
    stage.clear()
    announce(file)
    assert sorted(stage.names) == [
        "dynamodb.BatchGetItem", "dynamodb.BatchWriteItem", "dynamodb.Query", "dynamodb.UpdateItem", "sqs.SendMessage",
    ]  # fmt: skip
    stage.clear()
    world.drain()
    assert stage.count("sqs") == 0
    # Lease, result, release; the webhook; the delivery, the record twice; what else is due.
    assert stage.count("dynamodb.UpdateItem") == 3
    assert stage.count("dynamodb.BatchGetItem") == 3
    assert stage.count("dynamodb.") <= 10


def test_a_delivery_is_tried_again_by_the_schedule_and_fails_in_the_end(world: Hooks) -> None:
    webhook, file = hook(URL), changed()
    world.says[URL] = lambda _: 500
    announce(file)
    world.live(timedelta(days=3))
    times = [each.at for each in world.came]
    assert len(times) == 1 + len(receiver.RETRIES)
    for wanted, before, after in zip(receiver.RETRIES, times, times[1:], strict=False):
        late = 10 if wanted <= queue.MAX_DELAY / 1.2 else 600  # the sweep runs every five minutes
        assert wanted <= (after - before).total_seconds() <= wanted * (1 + receiver.JITTER) + late
    done = delivery(webhook, file)
    assert (done.state, done.tries, done.due) == (DeliveryState.FAILED, 9, None)
    assert [each.status for each in done.attempts] == [500] * 9
    assert webhooks.get("acme", webhook.id).enabled  # type: ignore[union-attr]
    assert "due_sk" not in state(webhook)


def test_the_retries_are_not_all_at_the_same_moment() -> None:
    moment = now()
    times = {receiver.next_try(4, moment) for _ in range(20)}
    assert len(times) > 10
    assert receiver.next_try(9, moment) is None


def test_a_success_after_failures_ends_the_retries(world: Hooks) -> None:
    webhook, file = hook(URL), changed()
    answers = iter([500, 503, 200])
    world.says[URL] = lambda _: next(answers)
    announce(file)
    world.live(timedelta(hours=3))
    assert len(world.came) == 3
    assert delivery(webhook, file).state is DeliveryState.DELIVERED
    assert "failures" not in state(webhook)
    assert {each.headers["webhook-id"] for each in world.came} == {f"evt_{file.id}_3"}
    assert len({each.headers["webhook-timestamp"] for each in world.came}) == 3


@pytest.mark.parametrize(("asked", "least", "most"), [(30, 30, 60), (7200, 3600, 4300), (1, 5, 20)])
def test_a_receiver_that_asks_for_a_pause_gets_it_within_bounds(
    world: Hooks, asked: int, least: int, most: int
) -> None:
    hook(URL)
    first, second = changed(), changed()
    answers = iter([Outcome(429, 10, retry_after=asked)])
    world.says[URL] = lambda _: next(answers, 200)
    announce(first)
    world.drain()
    announce(second)
    world.live(timedelta(hours=3))
    assert len(world.came) == 3
    pause = (world.came[1].at - world.came[0].at).total_seconds()
    assert min(least, asked) <= pause <= most, "the other event waits, too"


def test_410_disables_at_once_and_the_log_says_why(world: Hooks) -> None:
    webhook, file, later = hook(URL), changed(), changed()
    world.says[URL] = lambda _: 410
    announce(file, later)
    world.live(timedelta(hours=1))
    assert len(world.came) == 1
    found = webhooks.get("acme", webhook.id)
    assert found
    assert not found.enabled
    assert found.disabled_reason == receiver.SAYS_GONE
    states = {each.event_id: each.state for each in webhook_deliveries.log(webhook.id, 10).deliveries}
    assert sorted(states.values()) == ["failed", "missed", "missed"]
    (line,) = [each for each in webhook_deliveries.log(webhook.id, 10).deliveries if each.type == webhooks.DISABLED]
    assert line.attempts[0].error == receiver.SAYS_GONE
    assert line.data
    assert line.data["webhook"]["reason"] == receiver.SAYS_GONE
    assert "due_sk" not in state(webhook)
    announce(changed())
    world.live(timedelta(hours=1))
    assert len(world.came) == 1, "it hears nothing more"


def test_others_hear_of_a_disabled_webhook(world: Hooks, stage: Calls) -> None:
    hook(URL)
    hook("https://watch.example/", types=[webhooks.DISABLED])
    world.says[URL] = lambda _: 410
    announce(changed())
    world.drain()
    stage.published()
    world.drain()
    (event,) = [each.event for each in world.came if each.url == "https://watch.example/"]
    assert event["type"] == "filemill.webhook.disabled"
    assert event["data"]["webhook"]["reason"] == receiver.SAYS_GONE


def test_five_days_of_nothing_but_failure_disable(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    for day in range(6):
        found = webhooks.get("acme", webhook.id)
        assert found
        assert found.enabled, day
        announce(changed())
        world.live(DAY - timedelta(minutes=1), every=timedelta(hours=1))
    found = webhooks.get("acme", webhook.id)
    assert found
    assert found.disabled_reason == receiver.ONLY_FAILS
    assert found.missed_since
    assert found.missed_since < now() - timedelta(days=5), "all that failed can be replayed"


def test_one_success_in_five_days_keeps_a_webhook(world: Hooks) -> None:
    webhook = hook(URL)
    for day in range(7):
        world.says[URL] = (lambda _: 200) if day == 2 else (lambda _: 500)
        announce(changed())
        world.live(DAY - timedelta(minutes=1), every=timedelta(hours=1))
        assert webhooks.get("acme", webhook.id).enabled, day  # type: ignore[union-attr]


def test_after_some_failures_one_try_is_made_now_and_then(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    some = [changed() for _ in range(60)]
    announce(*some)
    world.live(timedelta(hours=1))
    tries = len(world.came)
    assert 5 <= tries <= 15, "10, 20, 40 … seconds, and then every quarter of an hour"
    world.says[URL] = lambda _: 200
    world.live(timedelta(hours=3))
    assert {each.event_id for each in webhook_deliveries.log(webhook.id, 100).deliveries} == {
        f"evt_{each.id}_3" for each in some
    }
    assert not webhook_deliveries.log(webhook.id, 100, state=DeliveryState.PENDING).deliveries
    assert len(world.came) == tries + 60, "one success opens the way for all"


def test_a_receiver_that_hangs_holds_a_worker_for_one_try(world: Hooks) -> None:
    hook(URL)
    world.says[URL] = hang
    announce(*[changed() for _ in range(20)])
    began = world.clock.moment
    assert world.deliver_one()
    assert world.clock.moment - began < timedelta(seconds=16)
    assert len(world.came) == 1
    world.live(timedelta(hours=1))
    held = sum(15 for _ in world.came)
    assert held < 3600 / 10, "a tenth of one worker"


def test_messages_for_a_receiver_that_is_left_alone_bring_no_other_messages(world: Hooks, stage: Calls) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    announce(*[changed() for _ in range(3)])
    world.drain()
    assert state(webhook)["open_until"]
    assert len(world.waiting) == 1
    for _ in range(20):
        announce(changed())
        world.collect()
        stage.clear()
        assert world.deliver_one()
        assert stage.names == ["dynamodb.UpdateItem"], "one refused write"
    assert len(world.waiting) == 1


def test_the_try_that_decides_comes_in_time_although_a_retry_was_on_its_way_before(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    for _ in range(receiver.OPEN_AFTER):
        announce(changed())
        world.drain()
    assert state(webhook)["open_until"]
    world.says[URL] = lambda _: 200
    before = len(world.came)
    world.live(timedelta(seconds=receiver.FIRST_PAUSE + 8))
    assert len(world.came) > before


def test_more_and_more_are_under_way_while_they_succeed(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    waves: list[int] = []
    wave = receiver._Run._wave

    def noted(run: receiver._Run, some: list[Delivery]) -> list[datetime]:
        waves.append(len(some))
        return wave(run, some)

    monkeypatch.setattr(receiver._Run, "_wave", noted)
    hook(URL)
    announce(*[changed() for _ in range(30)])
    world.drain()
    assert waves == [1, 2, 4, 8, 8, 7]
    waves.clear()
    failing = iter([200, 200, 200, 500])
    world.says[URL] = lambda _: next(failing, 200)
    announce(*[changed() for _ in range(12)])
    world.drain()
    assert waves[:4] == [1, 2, 4, 1], "back to one"


def test_a_backlog_goes_on_in_another_run_so_that_others_get_their_turn(world: Hooks) -> None:
    hook(URL)
    world.says[URL] = lambda _: Outcome(200, 3000)
    announce(*[changed() for _ in range(60)])
    runs = 0
    while world.deliver_one():
        runs += 1
    assert runs >= 3
    assert len(set(world.ids(URL))) == len(world.came) == 60


def test_a_worker_that_is_woken_while_it_works_looks_again(world: Hooks) -> None:
    webhook = hook(URL)
    late = changed()

    def meanwhile(event: dict[str, Any]) -> int:
        if late.id not in event["id"] and len(world.came) == 1:
            announce(late)
            world.collect()
            assert world.deliver_one(), "another worker gets the message, and leaves"
        return 200

    world.says[URL] = meanwhile
    announce(changed())
    assert world.deliver_one()
    assert delivery(webhook, late).state is DeliveryState.DELIVERED, "by the first worker"
    assert len(world.came) == 2
    assert state(webhook)["due_sk"], "the sweep looks once more, because the index follows the table"
    world.live(timedelta(minutes=12))
    assert "due_sk" not in state(webhook)
    assert len(world.came) == 2


def test_the_sweep_finds_a_webhook_whose_message_was_lost(world: Hooks) -> None:
    webhook, file = hook(URL), changed()
    announce(file)
    world.collect()
    world.waiting.clear()
    world.live(timedelta(minutes=11))
    assert delivery(webhook, file).state is DeliveryState.DELIVERED


def test_a_worker_that_dies_is_followed_by_another_one(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, file = hook(URL), changed()
    announce(file)
    with monkeypatch.context() as patch:
        patch.setattr(webhook_states, "release", lambda *_, **__: True)
        world.drain()
    assert state(webhook)["lease_id"]
    other = changed()
    announce(other)
    world.drain()
    assert delivery(webhook, other).state is DeliveryState.PENDING
    world.live(timedelta(minutes=11))
    assert delivery(webhook, other).state is DeliveryState.DELIVERED


def test_an_event_that_cannot_be_written_holds_nobody_up(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, bad, good = hook(URL), changed(), changed()
    whole = receiver.body_of

    def broken(each: Any, file: Any) -> Any:
        if each.subject == bad.id:
            raise ValueError("nobody foresaw this")
        return whole(each, file)

    monkeypatch.setattr(receiver, "body_of", broken)
    announce(bad, good)
    world.live(timedelta(minutes=1))
    assert delivery(webhook, good).state is DeliveryState.DELIVERED
    assert delivery(webhook, bad).attempts[0].error == "Filemill could not write the event."


def test_an_error_of_aws_lets_go_of_the_webhook(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook, file = hook(URL), changed()
    announce(file)
    with monkeypatch.context() as patch:
        patch.setattr(webhook_deliveries, "due", lambda *_: 1 / 0)
        assert world.deliver_one()
    assert "lease_id" not in state(webhook)
    assert state(webhook)["due_sk"]
    world.live(timedelta(minutes=1))
    assert "due_sk" not in state(webhook)


# --- slow receivers, and tenants with many


def test_a_slow_success_ends_the_growth_and_pauses_without_being_a_failure(world: Hooks) -> None:
    webhook = hook(URL)
    answers: Iterator[Outcome | int] = iter([200, 200, 200, Outcome(200, 8_000), 200])
    world.says[URL] = lambda _: next(answers, 200)
    some = [changed() for _ in range(12)]
    announce(*some)
    assert world.deliver_one()
    before = len(world.came)
    assert 4 <= before <= 8, "nothing more once one of a wave was slow"
    left = state(webhook)
    assert left["open_until"] >= timestamp(world.clock.moment)
    assert "failures" not in left
    assert "failing_since" not in left
    assert "well" not in left
    world.live(timedelta(minutes=1))
    gap = (world.came[before].at - world.came[before - 1].at).total_seconds()
    assert receiver.FIRST_PAUSE <= gap <= receiver.FIRST_PAUSE + 15
    assert {delivery(webhook, each).state for each in some} == {DeliveryState.DELIVERED}
    assert state(webhook)["well"]
    assert all(len(delivery(webhook, each).attempts) == 1 for each in some)


@pytest.mark.parametrize("status", [200, 500, None])
def test_a_slow_receiver_holds_a_worker_for_one_try_whatever_it_answers(world: Hooks, status: int | None) -> None:
    hook(URL)
    world.says[URL] = lambda _: Outcome(status, 14_000)
    announce(*[changed() for _ in range(10)])
    began = world.clock.moment
    assert world.deliver_one()
    assert len(world.came) == 1
    assert world.clock.moment - began < timedelta(seconds=15)
    before = len(world.came)
    world.live(timedelta(seconds=receiver.FIRST_PAUSE - 1))
    assert len(world.came) == before


def test_a_tenants_webhooks_in_trouble_hold_few_workers_at_once(world: Hooks) -> None:
    slow = [hook(f"https://slow{number}.example/") for number in range(8)]
    healthy = hook("https://healthy.example/", tenant="other")
    held: list[int] = []
    at_once = [0]

    def slowly_while_others_work(_: dict[str, Any]) -> Outcome:
        at_once[0] += 1
        while world.deliver_one():  # by other workers
            held.append(at_once[0])
        held.append(at_once[0])
        at_once[0] -= 1
        return Outcome(200, 8_000)

    for each in slow:
        world.says[each.url] = slowly_while_others_work
    mine, theirs = changed(), changed(tenant="other")
    announce(mine, theirs)
    began = world.clock.moment
    assert world.deliver_one()
    assert max(held) == webhook_slots.TROUBLED_AT_ONCE
    assert world.ids(healthy.url) == [f"evt_{theirs.id}_3"]
    (came,) = [each for each in world.came if each.url == healthy.url]
    assert came.at - began < timedelta(seconds=1), "the other tenant waits for nobody"
    world.live(timedelta(minutes=3))
    assert max(held) == webhook_slots.TROUBLED_AT_ONCE
    assert {delivery(each, mine).state for each in slow} == {DeliveryState.DELIVERED}
    assert not [name for name in slots("acme") if name.startswith("slot_")], "each was given back"


def test_a_run_without_a_slot_ends_at_once_and_brings_one_message(world: Hooks) -> None:
    webhook = hook(URL)
    taken = [webhook_slots.take("acme", f"lease{number}", 60) for number in range(3)]
    assert all(taken)
    assert webhook_slots.take("acme", "more", 60) is None
    for _ in range(5):
        announce(changed())
        world.drain()
    assert world.came == []
    assert len(world.waiting) == 1
    assert "lease_id" not in state(webhook)
    assert taken[0]
    webhook_slots.give_back(taken[0])
    world.live(timedelta(seconds=receiver.SLOT_PAUSE + receiver.SLOT_JITTER + 2))
    assert len(world.came) == 5


def test_a_slot_of_a_worker_that_died_is_free_when_its_lease_is_over(world: Hooks) -> None:
    for number in range(3):
        assert webhook_slots.take("acme", f"lease{number}", 60)
    world.clock.forward(timedelta(seconds=61))
    slot = webhook_slots.take("acme", "another", 60)
    assert slot
    webhook_slots.give_back(webhook_slots.Slot("acme", slot.name, "not its value"))
    assert slots("acme")[slot.name] == slot.value


def test_a_webhook_that_is_well_takes_no_slot(world: Hooks) -> None:
    webhook = hook(URL)
    announce(changed())
    world.drain()
    assert state(webhook)["well"]
    assert all(webhook_slots.take("acme", f"lease{number}", 60) for number in range(3))
    announce(changed())
    world.drain()
    assert len(world.came) == 2


def test_a_change_of_the_url_and_of_the_secret_counts_from_the_next_wave_on(world: Hooks) -> None:
    webhook = hook(URL)

    def meanwhile(_: dict[str, Any]) -> int:
        if len(world.came) == 1:
            webhooks.change(webhook, {"url": "https://new.example/"})
            webhooks.rotate(webhook, timedelta(0))
        return 200

    world.says[URL] = meanwhile
    announce(*[changed() for _ in range(4)])
    assert world.deliver_one()
    assert [each.url for each in world.came] == [URL, *["https://new.example/"] * 3]
    found = webhooks.get("acme", webhook.id)
    assert found
    secret = base64.b64encode(webhook_secrets.signing_secrets(found)[0]).decode()
    Verifier(secret).verify(world.came[1].body, world.came[1].headers)


@pytest.mark.parametrize("deleted", [True, False])
def test_a_webhook_that_is_disabled_or_deleted_in_the_middle_of_a_run_hears_nothing_more(
    world: Hooks, deleted: bool
) -> None:
    webhook = hook(URL)

    def meanwhile(_: dict[str, Any]) -> int:
        if len(world.came) == 1:
            if deleted:
                webhooks.delete(webhook)
            else:
                webhooks.disable("acme", webhook.id, "A person disabled it.")
        return 200

    world.says[URL] = meanwhile
    announce(*[changed() for _ in range(4)])
    world.live(timedelta(minutes=11))
    assert len(world.came) == 1
    states = sorted(each.state for each in webhook_deliveries.log(webhook.id, 9).deliveries)
    assert states == ([] if deleted else ["delivered", "missed", "missed", "missed"])


# --- persons


def test_one_probe_in_ten_seconds_passes_the_breaker(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    announce(*[changed() for _ in range(4)])
    world.live(timedelta(minutes=20))
    assert state(webhook)["open_until"] > timestamp(world.clock.moment + timedelta(seconds=60))
    tries = len(world.came)
    world.collect()
    world.waiting.clear()
    for expected in (tries + 1, tries + 1, tries + 2):
        some = changed()
        announce(some)
        queue.send("acme", webhook.id, [f"evt_{some.id}_3"], probe=True)
        queue.send("acme", webhook.id, [f"evt_{some.id}_3"], probe=True)
        world.drain()
        assert len(world.came) == expected
        if expected == tries + 1:
            world.clock.forward(timedelta(seconds=webhook_states.PROBE_EVERY.total_seconds() / 2 + 0.5))


def test_a_probe_that_gets_no_slot_comes_again_as_a_probe(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    announce(*[changed() for _ in range(4)])
    world.live(timedelta(minutes=20))
    tries = len(world.came)
    world.collect()
    world.waiting.clear()
    assert all(webhook_slots.take("acme", f"lease{number}", 10) for number in range(3))
    event_id = webhook_deliveries.log(webhook.id, 1).deliveries[0].event_id
    webhook_deliveries.again(webhook.id, event_id)
    queue.send("acme", webhook.id, [event_id], probe=True)
    world.drain()
    assert len(world.came) == tries
    world.live(timedelta(seconds=25))
    assert len(world.came) == tries + 1


def test_a_manual_retry_is_made_although_nothing_is_sent_for_a_while(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    some = [changed() for _ in range(4)]
    announce(*some)
    world.drain()
    assert state(webhook)["open_until"]
    world.says[URL] = lambda _: 200
    event_id = f"evt_{some[3].id}_3"
    assert webhook_deliveries.again(webhook.id, event_id)
    queue.send("acme", webhook.id, [event_id], probe=True)
    world.drain()
    assert delivery(webhook, some[3]).state is DeliveryState.DELIVERED
    assert "open_until" not in state(webhook)


def test_a_replay_sends_what_was_missed(world: Hooks) -> None:
    webhook = hook(URL)
    webhooks.disable("acme", webhook.id, "A person disabled it.")
    missed = [changed() for _ in range(3)] + [changed(ChangeType.PROCESSING)]
    announce(*missed)
    world.drain()
    assert world.came == []
    assert {each.state for each in webhook_deliveries.log(webhook.id, 9).deliveries} == {DeliveryState.MISSED}
    found = webhooks.get("acme", webhook.id)
    assert found
    assert found.missed_since
    webhooks.enable(found)
    queue.replay("acme", webhook.id, found.missed_since - timedelta(seconds=5), ["filemill.file.ready"])
    world.drain()
    assert sorted(world.ids(URL)) == sorted(f"evt_{each.id}_3" for each in missed[:3])


def test_a_replay_goes_through_all_pages(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_deliveries, "PAGE", 4)
    webhook, began = hook(URL), now()
    some = [changed() for _ in range(10)]
    announce(*some)
    world.drain()
    assert len(world.came) == 10
    queue.replay("acme", webhook.id, began)
    world.live(timedelta(minutes=1))
    assert len(world.came) == 20
    assert {each.headers["webhook-id"] for each in world.came[10:]} == {f"evt_{each.id}_3" for each in some}


def test_failures_from_before_a_webhook_was_disabled_are_forgotten(world: Hooks) -> None:
    webhook = hook(URL)
    world.says[URL] = lambda _: 500
    for _ in range(6):
        announce(changed())
        world.live(DAY - timedelta(minutes=1), every=timedelta(hours=1))
    found = webhooks.get("acme", webhook.id)
    assert found
    assert not found.enabled
    webhooks.enable(found)
    announce(changed())
    world.live(timedelta(hours=1))
    found = webhooks.get("acme", webhook.id)
    assert found
    assert found.enabled, "five days begin anew"


def test_a_deleted_webhook_is_forgotten(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_deliveries, "PAGE", 2)
    webhook = hook(URL)
    announce(*[changed() for _ in range(30)])
    webhooks.delete(webhook)
    world.drain()
    assert world.came == []
    assert webhook_deliveries.log(webhook.id, 50).deliveries == []
    assert state(webhook) == {}


# --- answers end with the file


def answers(webhook: Any, file: Any) -> list[str | None]:
    return [each.answer for each in delivery(webhook, file).attempts]


def test_stored_answers_end_with_the_file(world: Hooks) -> None:
    webhook, file, other = hook(URL), changed(), changed()
    announce(file, other)
    world.drain()
    assert all(answers(webhook, file))
    gone = ended(file)
    announce(gone)
    world.drain()
    assert answers(webhook, file) == [None]
    assert answers(webhook, gone) == [None]
    assert answers(webhook, other) == [f"answer to evt_{other.id}_3"]


def test_the_notes_of_answers_end_with_them(world: Hooks, stage: Calls) -> None:
    hooks, file = [hook(f"https://{number}.example/") for number in range(3)], changed()
    announce(file)
    world.drain()
    assert len(webhook_deliveries.answered(file.id)) == 3
    gone = ended(file)
    stage.clear()
    announce(gone)
    assert stage.count("dynamodb.Query") == 2, "the webhooks, and the file's notes"
    assert webhook_deliveries.answered(file.id) == []
    assert [answers(each, file) for each in hooks] == [[None]] * 3


def test_no_answer_is_stored_before_its_note(world: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    hook(URL)
    file = changed()
    finish, noted = webhook_deliveries.finish, []

    def watched(*some: Any) -> bool:
        noted.append(webhook_deliveries.answered(file.id))
        return finish(*some)

    monkeypatch.setattr(webhook_deliveries, "finish", watched)
    announce(file)
    world.drain()
    assert list(map(len, noted)) == [1]


def test_an_earlier_answer_does_not_come_back_with_a_try_that_has_none(world: Hooks) -> None:
    webhook, file = hook(URL), changed()

    def says(_: dict[str, Any]) -> Outcome:
        if len(world.came) == 1:
            return Outcome(500, 20, answer="what you told me")
        announce(ended(file))  # removes the first answer, which the worker has read before
        return Outcome(None, 20, "The connection was refused.")

    world.says[URL] = says
    announce(file)
    world.live(timedelta(seconds=8))
    assert answers(webhook, file) == [None, None]


def test_an_answer_that_comes_after_the_end_is_not_kept(world: Hooks) -> None:
    webhook, file = hook(URL), changed()

    def meanwhile(_: dict[str, Any]) -> int:
        if len(world.came) == 1:
            announce(ended(file))  # removes what is there: nothing yet
        return 200

    world.says[URL] = meanwhile
    announce(file)
    world.drain()
    assert answers(webhook, file) == [None]


def test_an_event_from_before_the_end_says_nothing_of_the_file(world: Hooks) -> None:
    hook(URL)
    file = changed()
    announce(file)
    ended(file)
    world.drain()
    (came,) = world.came
    assert came.event["data"]["omitted"] == ["file"]
    assert set(came.event["data"]["file"]) == {"id", "revision"}


def test_an_event_of_a_file_without_a_record_is_sent_with_its_ids(world: Hooks) -> None:
    hook(URL)
    gone = changed(ChangeType.DELETED)
    file = changed()
    announce(gone, file)
    for each in (gone, file):
        key = {"pk": {"S": f"FILE#{each.id}"}, "sk": {"S": "FILE"}}
        aws_client("dynamodb").delete_item(TableName="filemill-test", Key=key)
    world.drain()
    told = {each.event["subject"]: each.event for each in world.came}
    assert told[gone.id]["type"] == "filemill.file.deleted"
    assert "omitted" not in told[gone.id]["data"]
    assert told[file.id]["type"] == "filemill.file.ready"
    assert told[file.id]["data"]["omitted"] == ["file"]
