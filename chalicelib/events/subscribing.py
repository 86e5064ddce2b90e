"""A subscriber's beginning: what it missed is sent to it, and from then on `publish` tells it what is new.

`catalog/subscriptions.py` says how the two hand over to each other. Named files are sent as they are now, because they
are few. Everything else is sent from the client's cursor on, or not at all for a client without one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from chalicelib.catalog import files, sockets, subscriptions
from chalicelib.catalog.index import positions
from chalicelib.catalog.sockets import Connection
from chalicelib.catalog.subscriptions import ALL, Subscription, kind_of
from chalicelib.events import posts
from chalicelib.events.feed_events import Told, as_it_is, events_of, page_after
from chalicelib.events.frames import packed
from chalicelib.events.posts import Outcome
from chalicelib.model import File
from chalicelib.settings import settings

# Seconds for sending a client what it missed, of the function's 29. One that missed more asks again.
SECONDS = 15.0
# Seconds beyond that for what is being sent then. After them the connection is closed.
GRACE = 5.0

Positions = Mapping[int, int]


class BehindError(Exception):
    """There is more to catch up with than there is time for. `reached` is how far the client was told."""

    def __init__(self, reached: Positions) -> None:
        super().__init__("behind")
        self.reached = reached


class FutureError(Exception):
    """The cursor is ahead of the feed."""


class LostError(Exception):
    """The connection cannot be posted to, and was ended."""


def own(connection: Connection, file: File | None) -> bool:
    """True if the connection may hear of a file.

    That is any of the tenant's; with an upload token what it brought, and with `files:own` what its owner owns.
    """
    if file is None or file.tenant != connection.tenant:
        return False
    if connection.owner:
        return file.owner_mark == connection.owner
    return connection.token_id is None or file.token_id == connection.token_id


def to_topic(connection: Connection, topic: str, cursor: Positions | None) -> Positions:
    """Subscribes to `all`, or to a token's or an owner's files. Returns the positions from which the client goes on.

    Raises BehindError, FutureError, LostError; SupersededError, and what `sockets.follow` raises.
    """
    until = time.monotonic() + SECONDS
    if cursor is not None:
        ends = _ends(connection.tenant)
        if any(position > ends.get(shard, 0) for shard, position in cursor.items()):
            raise FutureError
    sockets.follow(connection, topic)
    _listen(connection, topic)
    (joining,) = subscriptions.join(connection, [topic])
    ends = _ends(connection.tenant)
    reached: Positions = ends if cursor is None else cursor
    while True:
        reached = _replay(connection, topic, reached, ends, until)
        left_out = subscriptions.make_ready(connection.tenant, joining)
        if left_out is None:
            return reached
        if time.monotonic() > until:
            leave_topic(connection, topic)
            raise BehindError(reached)
        joining, ends = left_out, _ends(connection.tenant)


def to_files(connection: Connection, file_ids: Sequence[str]) -> tuple[Positions, list[str]]:
    """Subscribes to named files, and sends them as they are now. Ids that the caller may not know are `missing`.

    Returns the positions from which the client goes on, and the missing ids. Raises BehindError, LostError,
    SupersededError, and what `sockets.name_files` raises.
    """
    until = time.monotonic() + SECONDS
    known = files.records(file_ids, consistent=True)
    wanted = [file_id for file_id in file_ids if own(connection, known.get(file_id))]
    missing = [file_id for file_id in file_ids if file_id not in set(wanted)]
    if not wanted:
        return _ends(connection.tenant), missing
    sockets.name_files(connection, wanted)
    _listen(connection, wanted[0])
    joining = subscriptions.join(connection, wanted)
    sent: dict[str, int] = {}
    while True:
        if time.monotonic() > until:
            leave_files(connection, wanted)
            raise BehindError({})
        ends = _ends(connection.tenant)
        # Sent again only if it has changed since.
        events = [e for e in _snapshot(joining) if e.revision > sent.get(e.file_id, 0)]
        _send(connection, packed(connection.tenant, events, ends, ends), until)
        sent |= {event.file_id: event.revision for event in events}
        joining = _all_ready(connection.tenant, joining, sent)
        if not joining:
            return ends, missing


def _listen(connection: Connection, topic: str) -> None:
    subscriptions.listen(connection.tenant, kind_of(topic), partial(_ends, connection.tenant))


def _ends(tenant: str) -> dict[int, int]:
    """The end of each feed shard, after it was made sure that it can be read up to there."""
    return positions.shown(tenant, dict.fromkeys(range(settings().list_shards)))


def _replay(connection: Connection, topic: str, reached: Positions, ends: Positions, until: float) -> Positions:
    """Sends what the feed has from these positions to its ends, page by page. Returns the new positions."""
    while any(reached.get(shard, 0) < end for shard, end in ends.items()):
        page = page_after(connection.tenant, reached, ends, connection.owner)
        events = [e for e in events_of(connection.tenant, page.entries) if _belongs(e, topic)]
        _send(connection, packed(connection.tenant, events, reached, page.reached), until)
        reached = {**reached, **page.reached}
        if time.monotonic() > until:
            leave_topic(connection, topic)
            raise BehindError(reached)
    return reached


def _belongs(event: Told, topic: str) -> bool:
    return topic == ALL or topic in event.topics


def _snapshot(joining: Sequence[Subscription]) -> list[Told]:
    """The events of named files as they are now: one BatchGetItem. A record that is gone by now is not sent."""
    known = files.records((each.topic for each in joining), consistent=True)
    return [as_it_is(known[each.topic]) for each in joining if each.topic in known]


def _all_ready(tenant: str, joining: Sequence[Subscription], sent: Mapping[str, int]) -> list[Subscription]:
    """Makes subscriptions ready. Returns those of which `publish` left something out meanwhile."""
    with ThreadPoolExecutor(subscriptions.AT_ONCE) as pool:
        left_out = pool.map(lambda each: subscriptions.make_ready(tenant, each, sent.get(each.topic, 0)), joining)
        return [each for each in left_out if each is not None]


def _send(connection: Connection, frames: Iterable[bytes], until: float) -> None:
    outcome = posts.post(connection.place, connection.id, frames, until + GRACE)
    if outcome is Outcome.GONE:
        sockets.forget(connection.id)
        raise LostError
    if outcome is Outcome.STUCK:
        posts.close(connection.id)
        raise LostError


def leave_topic(connection: Connection, topic: str) -> None:
    """Ends a subscription to `all` or to a token's files. What is on its way still comes. Two writes."""
    subscriptions.leave(connection.tenant, connection.id, [topic])
    sockets.unfollow(connection.id, topic)


def leave_files(connection: Connection, file_ids: Sequence[str]) -> None:
    """Ends subscriptions to named files. What is on its way still comes. A write for each 25 files, and one more."""
    subscriptions.leave(connection.tenant, connection.id, file_ids)
    sockets.drop_files(connection.id, file_ids)
