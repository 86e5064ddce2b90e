"""Sockets hear of changes: the feed, pushed to whoever has subscribed.

Each subscriber hears the latest state of each file, in order, and misses none. Every message has a cursor from which
the client can go on, and a connection that cannot be told something is closed, so that its client does go on from there
(`catalog/subscriptions.py` says how a subscriber begins). What nobody listens to costs one read for a tenant.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any

from chalicelib.catalog import sockets, subscriptions
from chalicelib.catalog.index import positions
from chalicelib.catalog.index.feed import Entry
from chalicelib.catalog.subscriptions import ALL, Listeners, Subscription, kind_of, owner_topic, token_topic
from chalicelib.events import posts
from chalicelib.events.feed_events import Page, Told, events_of, page_after, records_of
from chalicelib.events.frames import packed
from chalicelib.events.posts import Mail, Outcome, close_when_due
from chalicelib.model import now
from chalicelib.observability import Metric, count, logger

__all__ = ["close_when_due", "end", "tell"]

# Seconds that telling of one batch may take, of the function's 60. What is left then comes again with the batch.
SECONDS = 25.0

# Seconds for posting one page. A connection that does not have it by then is closed.
POSTING = 10.0

# Tenants that are told at the same time, so that one whose clients are slow does not keep the others waiting, and
# connections of a tenant that are posted to at the same time.
TENANTS_AT_ONCE = 4
POSTS_AT_ONCE = 32

# Subscriptions and connections that are written at the same time.
WRITES_AT_ONCE = 16


class TooLateError(Exception):
    """There was more to tell than there was time for, so the batch must come again."""


def tell(feed: Mapping[tuple[str, int], int]) -> None:
    """Tells the subscribers of each (tenant, feed shard) what is new in it. The value is the highest new position.

    A tenant to whom nobody listens costs one GetItem. One that fails does not keep the others from hearing; the first
    error is raised at last.
    """
    tenants: dict[str, dict[int, int]] = defaultdict(dict)
    for (tenant, shard), position in feed.items():
        tenants[tenant][shard] = position
    until = time.monotonic() + SECONDS
    _all_of([partial(_tell, tenant, shards, until) for tenant, shards in tenants.items()], TENANTS_AT_ONCE)


def end(credentials: Iterable[dict[str, Any]]) -> None:
    """Closes the sockets of keys, tokens and tenants that ended or may do less now, as the stream has their items."""
    ids = {each for name in sockets.names_in(credentials) for each in sockets.of_credential(name)}
    _all_of([partial(posts.close, connection_id) for connection_id in sorted(ids)], WRITES_AT_ONCE)


def _all_of(work: Sequence[Callable[[], object]], at_once: int) -> None:
    """Does all of it, and raises the first error at last."""
    if len(work) == 1:
        work[0]()
        return
    failed: list[Exception] = []

    def tried(each: Callable[[], object]) -> None:
        try:
            each()
        except Exception as error:
            failed.append(error)

    if work:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(tried, work))
    if failed:
        raise failed[0]


def _tell(tenant: str, shards: Mapping[int, int], until: float) -> None:
    listeners = subscriptions.listeners(tenant)
    if not listeners.any:
        return
    ends = positions.shown(tenant, shards)
    before = dict(listeners.told)
    while any(before.get(shard, 0) < end for shard, end in ends.items()):
        if time.monotonic() > until:
            raise TooLateError(f"there is more to tell of {tenant} than there is time for")
        page = page_after(tenant, before, ends)
        if page.entries:
            _tell_page(tenant, listeners, page, before)
        subscriptions.note_told(tenant, page.reached)
        before |= page.reached


def _tell_page(tenant: str, listeners: Listeners, page: Page, before: Mapping[int, int]) -> None:
    """Tells one page of the feed to all who want to hear it. Afterwards nobody has missed any of it.

    The subscriptions are read after the feed, and the records after the subscriptions. So a subscriber that is missing
    here read the feed later, and no record is older than what a subscriber was sent before.
    """
    hearing = _hearing(tenant, subscriptions.subscribers(tenant, _topics(listeners, page.entries)))
    if not hearing:
        return
    events = events_of(tenant, page.entries)
    wanted = {connection_id: _wanted(events, own) for connection_id, own in hearing.items()}
    until = time.monotonic() + POSTING

    # Most subscribers want all, and get the same frames.
    @lru_cache(maxsize=POSTS_AT_ONCE)
    def frames(chosen: tuple[int, ...]) -> tuple[bytes, ...]:
        return tuple(packed(tenant, [events[i] for i in chosen], before, page.reached))

    order = sorted((each for each in wanted if wanted[each]), key=lambda each: (wanted[each], each))
    mails = [Mail(hearing[each][0].place, each, partial(frames, wanted[each])) for each in order]
    outcomes = posts.post_all(mails, until, POSTS_AT_ONCE)
    _end_what_failed(tenant, hearing, outcomes)
    if order:
        lag = max((now() - events[i].changed_at).total_seconds() for i in {i for each in order for i in wanted[each]})
        count({Metric.SOCKET_LAG: lag * 1000})
        sent = sum(outcome is Outcome.SENT for outcome in outcomes.values())
        logger.info("sockets told", extra={"events": len(events), "sockets": len(order), "sent": sent})


def _topics(listeners: Listeners, entries: Sequence[Entry]) -> list[str]:
    """The topics to which these entries belong, as far as somebody may listen to such topics."""
    topics = [ALL] if listeners.hear("all") else []
    if listeners.hear("files"):
        topics += dict.fromkeys(entry.file_id for entry in entries)
    if listeners.hear("tokens"):
        # A file's token never changes, so these records may be read before the subscriptions.
        brought = {file.token_id for file in records_of(entries).values()}
        topics += sorted(token_topic(token_id) for token_id in brought if token_id)
        topics += sorted({owner_topic(entry.owner) for entry in entries if entry.owner})
    return topics


def _hearing(tenant: str, found: Sequence[Subscription]) -> dict[str, list[Subscription]]:
    """The subscriptions that must hear, by connection. Those that are joining are told that they were left out."""
    moment = time.time()
    if ended := {each.connection_id for each in found if each.ends and each.ends <= moment}:
        _all_of([partial(posts.close, connection_id) for connection_id in ended], WRITES_AT_ONCE)
    alive = [each for each in found if each.connection_id not in ended]
    ready = [each for each in alive if each.ready]
    if joining := [each for each in alive if not each.ready]:
        with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
            ready += [each for each in pool.map(partial(subscriptions.leave_out, tenant), joining) if each]
    hearing: dict[str, list[Subscription]] = defaultdict(list)
    for each in ready:
        hearing[each.connection_id].append(each)
    return dict(hearing)


def _wanted(events: Sequence[Told], own: Sequence[Subscription]) -> tuple[int, ...]:
    """The places of the events that a connection wants to hear."""
    revisions = {each.topic: each.revision for each in own if kind_of(each.topic) == "files"}
    topics = {each.topic for each in own}

    def wants(event: Told) -> bool:
        if ALL in topics or not topics.isdisjoint(event.topics):
            return True
        sent = revisions.get(event.file_id)
        return sent is not None and event.revision > sent

    return tuple(i for i, event in enumerate(events) if wants(event))


def _end_what_failed(tenant: str, hearing: Mapping[str, list[Subscription]], outcomes: Mapping[str, Outcome]) -> None:
    """Forgets connections that are gone, and closes those that missed something, before it counts as told."""

    def gone(connection_id: str) -> None:
        if not sockets.forget(connection_id):
            subscriptions.leave(tenant, connection_id, [each.topic for each in hearing[connection_id]])

    def stuck(connection_id: str) -> None:
        subscriptions.leave(tenant, connection_id, [each.topic for each in hearing[connection_id]])
        posts.close(connection_id)

    work = [partial(gone, each) for each, outcome in outcomes.items() if outcome is Outcome.GONE]
    work += [partial(stuck, each) for each, outcome in outcomes.items() if outcome is Outcome.STUCK]
    _all_of(work, WRITES_AT_ONCE)
