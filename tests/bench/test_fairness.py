"""Our own code on a model of SQS's fair queue: what groups are good for, and what becomes of it without them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import fairness
from bench.fairness import FairQueue, films, refused, waits
from chalicelib import aws
from chalicelib.processing import pipeline
from chalicelib.queues import ingest, media
from tests.stage import STAGE

FILES, WORKERS = 3_000, 100
URL = STAGE["FILEMILL_INGEST_QUEUE_URL"]


def test_without_groups_the_last_waits_for_all_and_with_them_it_does_not() -> None:
    alone, everything = waits(fair=False, files=FILES, workers=WORKERS)
    assert alone > 0.95 * everything
    quiet, with_groups = waits(fair=True, files=FILES, workers=WORKERS)
    assert quiet < 0.15 * alone
    assert with_groups < 1.1 * everything, "all together it takes hardly longer"


def test_a_backfill_stays_behind_an_upload_without_the_setting() -> None:
    quiet, everything = waits(fair=False, files=FILES, workers=WORKERS, backfill=True)
    assert quiet < 0.15 * everything


def _sent_in(group: str | None, *, marked: bool = True) -> Any:
    def send(body: dict[str, Any], tenant: str) -> None:
        text = json.dumps({**body, ingest.GROUPED: marked})
        named: dict[str, Any] = {"MessageGroupId": group or tenant} if group != "" else {}
        aws.sqs().send_message(QueueUrl=URL, MessageBody=text, **named)

    return send


@pytest.mark.parametrize(("group", "backfill"), [("", False), ("all", False), ("", True)])
def test_a_message_without_its_tenants_group_would_wait_for_all(
    monkeypatch: pytest.MonkeyPatch, group: str, backfill: bool
) -> None:
    monkeypatch.setattr(ingest, "_send", _sent_in(group))
    quiet, everything = waits(fair=not backfill, files=FILES, workers=WORKERS, backfill=backfill)
    assert quiet > 0.9 * everything


def test_a_message_that_is_not_marked_would_go_round_and_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "_send", _sent_in(None, marked=False))
    with pytest.raises(AssertionError, match="again and again"):
        waits(fair=True, files=FILES, workers=WORKERS)


def test_a_handler_that_forgets_to_send_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_grouped", lambda record: False)
    quiet, everything = waits(fair=True, files=FILES, workers=WORKERS)
    assert quiet > 0.9 * everything


# --- films, hashes, and what viewers ask for


def test_the_page_has_what_is_computed() -> None:
    assert fairness.RESULT.read_text() == fairness.page(), "print it with `python -m bench fairness`"


@pytest.mark.parametrize("sort", ["films", "parts", "hashes"])
def test_a_few_films_do_not_wait_for_the_many_of_another_tenant(sort: str) -> None:
    fair, alone = films(sort=sort), films(sort=sort, grouped=False)
    assert fair.quiet < 0.15 * alone.quiet
    assert fair.all < 1.1 * alone.all, "all together it takes hardly longer"


def test_new_films_would_wait_for_the_parts_of_the_same_tenant_in_one_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_group", lambda file: file.tenant)
    assert films(sort="parts").quiet > 0.9 * films(sort="parts").all


def test_without_reservations_viewers_of_films_keep_pictures_from_being_made() -> None:
    assert refused(apart=True) == 0
    assert refused(apart=False) > 0.3


# --- the model itself


def test_the_queue_gives_the_oldest_until_a_group_has_a_tenth_and_thirty_in_flight() -> None:
    messages = FairQueue()
    for _ in range(40):
        messages.send_message(QueueUrl=URL, MessageBody="", MessageGroupId="noisy")
    messages.send_message(QueueUrl=URL, MessageBody="", MessageGroupId="quiet")
    messages.send_message(QueueUrl=URL, MessageBody="")
    received = [messages.receive() for _ in range(42)]
    assert [message.group for message in received if message] == ["noisy"] * 30 + ["quiet", None] + ["noisy"] * 10
    assert messages.receive() is None


def test_a_message_without_a_group_is_a_tenant_of_its_own() -> None:
    messages = FairQueue()
    for _ in range(100):
        messages.send_message(QueueUrl=URL, MessageBody="")
    messages.send_message(QueueUrl=URL, MessageBody="", MessageGroupId="late")
    received = [messages.receive() for _ in range(101)]
    assert received[-1]
    assert received[-1].group == "late", "the hundred are a hundred tenants, none of them noisy"


def test_a_group_with_much_of_the_recent_time_is_noisy_until_that_is_long_ago() -> None:
    messages = FairQueue(recent=100)
    for group in ("noisy", "noisy", "quiet"):
        messages.send_message(QueueUrl=URL, MessageBody="", MessageGroupId=group)
    slow = messages.receive()
    assert slow
    messages.clock += 50
    messages.delete(slow)
    second = messages.receive()
    assert second
    assert second.group == "quiet"
    messages.delete(second)
    messages.clock += 200
    messages.send_message(QueueUrl=URL, MessageBody="", MessageGroupId="quiet")
    quick = messages.receive()
    assert quick
    assert quick.group == "noisy", "the oldest"
