"""Webhooks on a stage whose time is simulated, with receivers that say what a test has them say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ulid import ULID

from chalicelib.catalog import webhook_deliveries, webhooks
from chalicelib.catalog.due import due
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.keys import file_key
from chalicelib.catalog.webhooks import Webhook
from chalicelib.events import delivering, receiver
from chalicelib.events import webhooks as announcing
from chalicelib.model import Actor, ChangeType, File, Kind, LastChange, Status, Visibility, now, timestamp
from chalicelib.outbound.exchange import Post
from chalicelib.outbound.post import Outcome
from chalicelib.upkeep import sweep
from tests.faults.clock import Clock
from tests.faults.looking import backend
from tests.stage import aws_client

Says = Callable[[dict[str, Any]], Outcome | int]
"""A receiver: gets an event, and gives its status, or the whole outcome."""

ME = Actor(type="key", id="key_1")


def hang(_: dict[str, Any]) -> Outcome:
    return Outcome(None, 15_000, "No answer came within 15 s.")


@dataclass
class Came:
    """A request that a receiver got."""

    url: str
    at: datetime
    event: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    status: int | None = None


@dataclass
class Hooks:
    """The receivers by URL; each answers 200 unless it is told otherwise. `came` has every request."""

    clock: Clock
    says: dict[str, Says] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)
    waiting: list[tuple[datetime, str, int]] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)

    def post(self, url: str, content: Post, **_: Any) -> Outcome:
        event = json.loads(content.body)
        came = Came(url, self.clock.moment, event, dict(content.headers), content.body)
        self.came.append(came)
        said = self.says[url](event) if url in self.says else 200
        outcome = said if isinstance(said, Outcome) else Outcome(said, 20, answer=f"answer to {event['id']}")
        came.status = outcome.status
        self.clock.forward(timedelta(milliseconds=outcome.ms))
        return outcome

    def ids(self, url: str) -> list[str]:
        """The events that a receiver got, in order."""
        return [each.event["id"] for each in self.came if each.url == url]

    def taken(self, url: str) -> list[str]:
        """The events that a receiver has answered with 2xx, in order."""
        return [each.event["id"] for each in self.came if each.url == url and each.status and each.status < 300]

    # --- what the world does

    def collect(self) -> None:
        """Takes what our code has sent to the queue, with the time from which on each message is visible."""
        queue = backend("sqs").queues["webhooks"]
        for message in list(queue._messages):
            queue._messages.remove(message)
            delay = max(0.0, (message.delayed_until - message.sent_timestamp) / 1000)
            self.waiting.append((self.clock.moment + timedelta(seconds=delay), message.body, 0))

    def deliver_one(self) -> bool:
        """Hands the first visible message to `deliver`. False if none is visible."""
        self.collect()
        visible = sorted(each for each in self.waiting if each[0] <= self.clock.moment)
        if not visible:
            return False
        _, body, receives = visible[0]
        self.waiting.remove(visible[0])
        try:
            delivering.handle({"Records": [_record(body, receives)]}, _context())
        except Exception:
            if receives < 4:
                self.waiting.append((self.clock.moment + timedelta(seconds=2 * 4**receives), body, receives + 1))
            else:
                self.dead.append(body)
        self.collect()
        return True

    def drain(self) -> None:
        """Delivers what is visible now, and what becomes visible by the time that this takes."""
        for _ in range(1000):
            if not self.deliver_one():
                return
        raise AssertionError("messages that never come to an end")

    def live(self, span: timedelta, *, every: timedelta = timedelta(minutes=5)) -> None:
        """Lets time go by, with the sweep now and then."""
        end = self.clock.moment + span
        swept = self.clock.moment + every
        while True:
            self.drain()
            coming = min((each[0] for each in self.waiting), default=end)
            following = min(max(coming, self.clock.moment), swept, end)
            self.clock.forward(following - self.clock.moment)
            if self.clock.moment >= end:
                return
            if self.clock.moment >= swept:
                swept = self.clock.moment + every
                self.sweep()

    def sweep(self) -> None:
        """The sweep's part for webhooks, in the shards where one is due."""
        present = timestamp(self.clock.moment)
        items = backend("dynamodb").tables["filemill-test"].items
        states = [
            item.attrs for under in items.values() for item in under.values() if item.attrs["sk"].value == "STATE"
        ]
        places = [(each["due_pk"].value, each["due_sk"].value) for each in states if "due_sk" in each]
        for shard in {int(pk.rpartition("#")[2]) for pk, when in places if when < present}:
            for each in due(shard, 100).webhooks:
                sweep._wake(each)


def _record(body: str, receives: int) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(receives + 1), "SentTimestamp": "1700000000000"}
    return {"messageId": "1", "receiptHandle": "1", "body": body, "attributes": attributes}


def _context() -> Any:
    return SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 120_000)


def hook(url: str = "https://good.example/", **values: Any) -> Webhook:
    """A webhook of `acme` that was made an hour ago."""
    moment = now() - timedelta(hours=1)
    made: dict[str, Any] = {"id": webhooks.new_id(), "tenant": "acme", "url": url, "created_by": ME}
    webhook = Webhook.model_validate(made | {"created_at": moment, "updated_at": moment} | values)
    webhooks.create(webhook)
    return webhook


def changed(change: ChangeType = ChangeType.READY, **values: Any) -> File:
    """A file with a change of just now, as the table has it and the stream tells it."""
    moment = now()
    made: dict[str, Any] = {
        "id": f"file_{ULID()}",
        "tenant": "acme",
        "status": {ChangeType.DELETED: Status.DELETED, ChangeType.PROCESSING: Status.PROCESSING}.get(
            change, Status.READY
        ),
        "kind": Kind.IMAGE,
        "filename": "a.jpg",
        "content_type": "image/jpeg",
        "size": 7,
        "visibility": Visibility.PUBLIC,
        "recipe": "photo",
        "revision": 3,
        "created_at": moment,
        "updated_at": moment,
        "last_change": LastChange(type=change, at=moment, actor=ME),
    }
    file = File.model_validate(made | values)
    written(file)
    return file


def written(file: File) -> None:
    """Puts a record into the table as it is: what leads to it is not these tests' concern."""
    item = {**file_key(file.id), **file.model_dump(mode="json", exclude_none=True)}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=attributes(item))


def ended(file: File) -> File:
    """The file is deleted."""
    moment = now()
    values = {"status": Status.DELETED, "revision": file.revision + 1, "updated_at": moment, "filename": ""}
    change = LastChange(type=ChangeType.DELETED, at=moment, actor=ME)
    return changed(**{**file.model_dump(), **values, "last_change": change})


def announce(*some: File) -> None:
    announcing.announce(some, ())


def delivery(webhook: Webhook, file: File) -> webhook_deliveries.Delivery:
    found = webhook_deliveries.get(webhook.id, f"evt_{file.id}_{file.revision}")
    assert found
    return found


def state(webhook: Webhook) -> dict[str, Any]:
    """The item of a webhook's state, as values."""
    from chalicelib.catalog.dynamodb import get_item
    from chalicelib.catalog.keys import webhook_state_key

    return get_item(webhook_state_key(webhook.id)) or {}


def slots(tenant: str) -> dict[str, Any]:
    """The item of a tenant's slots, as values."""
    from chalicelib.catalog.dynamodb import get_item
    from chalicelib.catalog.keys import webhook_slots_key

    return get_item(webhook_slots_key(tenant)) or {}


def made(patch: pytest.MonkeyPatch, clock: Clock) -> Hooks:
    """Receivers, and a clock that the worker reads, too."""
    hooks = Hooks(clock)
    patch.setattr(receiver, "post", hooks.post)
    patch.setattr(receiver, "time", clock)
    patch.setattr(delivering, "time", clock)
    return hooks
