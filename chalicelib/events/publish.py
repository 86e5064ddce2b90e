"""From the table's stream to everybody who wants to hear of changes: the bus, webhooks and sockets.

It is the stream's second reader; `indexing` is the first. AWS advises against a third one, so whatever else is to hear
of changes comes here: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.html

Records bring an event each to the bus and to webhooks, and an entry to the audit. Changes of settings bring an entry
to the audit, and an event to the bus. Entries of the feed tell sockets that something is new. Keys, tokens and tenants
that ended or changed close their sockets. An error brings the whole batch again. Then consumers may hear of a change a
second time, by the same id, but never miss one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.catalog import actors, files
from chalicelib.catalog.audit import pages
from chalicelib.catalog.audit.entries import Entry
from chalicelib.catalog.dynamodb import read
from chalicelib.events import auditing, bus, sockets, webhooks
from chalicelib.events.envelope import Envelope, envelope, webhook_disabled
from chalicelib.events.indexing import moment_of
from chalicelib.model import Actor, ChangeType, File, LastChange, Status, now
from chalicelib.observability import Metric, count, logger
from chalicelib.settings import settings


@dataclass
class Batch:
    """A batch of stream records, sorted by what they tell.

    `files` has every new revision of a file, oldest first. `events` has the event of each, of each webhook that was
    disabled, and of each setting that changed; `audit` has the entries of these changes. `feed` names the (tenant, feed
    shard)s with new entries, and the highest new position of each. `ended` has the items of keys and tokens that were
    revoked, of keys that changed, and of tenants that were suspended. `webhooks` has those of webhooks that changed,
    each as (before, after), all as the stream has them.
    """

    files: list[File] = field(default_factory=list)
    events: list[Envelope] = field(default_factory=list)
    audit: list[Entry] = field(default_factory=list)
    feed: dict[tuple[str, int], int] = field(default_factory=dict)
    ended: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)


def handle(event: dict[str, Any], context: Any) -> None:
    """Publishes one batch of the table's stream."""
    actors.begin(context.aws_request_id)
    batch = sort(event["Records"])
    publish(batch)
    sizes = {"files": len(batch.files), "feeds": len(batch.feed), "ended": len(batch.ended)}
    logger.info("published", extra=sizes)


def publish(batch: Batch) -> None:
    """Tells everybody. One way that fails does not keep the others from hearing; the first error is raised at last.

    Sockets come first, because people look at them, and webhooks last: one tenant may have many.
    """
    failures = []
    ways: tuple[Callable[[Batch], None], ...] = (_to_sockets, _to_bus, _to_audit, _to_webhooks)
    for way in ways:
        try:
            way(batch)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _to_bus(batch: Batch) -> None:
    if not batch.events or not settings().bus_events:
        return
    bus.put(batch.events)
    oldest = min(datetime.fromisoformat(event["time"]) for event in batch.events)
    count({Metric.BUS_LAG: (now() - oldest).total_seconds() * 1000})


def _to_audit(batch: Batch) -> None:
    if batch.audit and settings().audit_days:
        pages.write(batch.audit)


def _to_webhooks(batch: Batch) -> None:
    webhooks.announce(batch.files, batch.webhooks)


def _to_sockets(batch: Batch) -> None:
    sockets.end(batch.ended)
    sockets.tell(batch.feed)


def sort(records: Iterable[Mapping[str, Any]]) -> Batch:
    """Sorts the records of a batch. One that cannot be read is logged and left out, because it would hold up others."""
    batch = Batch()
    for record in records:
        keys = {name: key["S"] for name, key in record["dynamodb"]["Keys"].items()}
        try:
            _sort_one(batch, record, keys["pk"], keys["sk"])
        except (ValueError, TypeError, LookupError, AttributeError):  # pydantic's ValidationError is a ValueError
            logger.exception("a record that cannot be published", extra={"item": keys["pk"]})
            count({Metric.FILES_IN_TROUBLE: 1})
    return batch


def _sort_one(batch: Batch, record: Mapping[str, Any], pk: str, sk: str) -> None:
    """Leaves out what tells nothing new, although the mapping's filters may have passed it."""
    change = record["dynamodb"]
    if entry := auditing.of_setting(record):
        batch.audit.append(entry)
        batch.events.append(auditing.event(entry))
    if sealed := auditing.sealed(record):
        batch.events.append(sealed)
    if sk == "FILE":
        if file := new_revision(record):
            batch.events.append(envelope(file))
            batch.audit.append(auditing.of_file(file, change.get("OldImage", {}), change.get("NewImage", {})))
            batch.files.append(file)
    elif pk.startswith("FEED#"):
        if record["eventName"] == "INSERT":
            _, tenant, shard = pk.split("#")
            place = tenant, int(shard)
            batch.feed[place] = max(int(sk), batch.feed.get(place, 0))
    elif sk in _CLOSING:
        after = dict(change.get("NewImage", {}))
        if after and _CLOSING[sk](dict(change.get("OldImage", {})), after):
            batch.ended.append(after)
    elif pk.startswith("HOOKS#") and record["eventName"] != "INSERT":
        before, after = dict(change.get("OldImage", {})), dict(change.get("NewImage", {}))
        batch.webhooks.append((before, after))
        if event := webhook_disabled(read(before), read(after)):
            batch.events.append(event)


# The attributes of a key that its sockets were opened with.
_OPENED_WITH = ("hash", "scopes", "networks", "expires_at", "revoked_at")


def _is_revoked(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return bool(before) and "revoked_at" in after


def _is_changed(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """True for a key whose sockets must be opened anew, if they can be. A note of its last use is none."""
    return bool(before) and ("revoked_at" in after or any(before.get(n) != after.get(n) for n in _OPENED_WITH))


def _is_suspended(_: dict[str, Any], after: dict[str, Any]) -> bool:
    return after.get("suspended") == {"BOOL": True}


_CLOSING = {"KEY": _is_changed, "TOKEN": _is_revoked, "TENANT": _is_suspended}
"""Sort key → True if the change from one item to the other closes sockets."""


def new_revision(record: Mapping[str, Any]) -> File | None:
    """The file with its new revision; None if the change is none that clients see."""
    change = record["dynamodb"]
    if record["eventName"] == "REMOVE":
        return _removed(files.as_file(change["OldImage"]), change)
    file = files.as_file(change["NewImage"])
    return file if file.revision > _revision(change.get("OldImage", {})) else None


def _revision(image: Mapping[str, Any]) -> int:
    """The revision in an image. Nothing else of it is read, because the image after it may be whole where it is not."""
    try:
        return int(image["revision"]["N"])
    except (ValueError, TypeError, LookupError):
        return 0


def _removed(file: File, change: Mapping[str, Any]) -> File | None:
    """The table's TTL removed a record. A tombstone's delete was told before; an upload that never came was not."""
    if file.status is Status.DELETED:
        return None
    moment = moment_of(change)
    told = LastChange(type=ChangeType.DELETED, at=moment, actor=Actor(type="system", id="ttl"))
    values = {"status": Status.DELETED, "revision": file.revision + 1, "updated_at": moment, "last_change": told}
    return file.model_copy(update=values)
