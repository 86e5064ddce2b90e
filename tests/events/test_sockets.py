"""Telling sockets: to whom, in which order, at which cost, and what becomes of a client that cannot be told."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.catalog.dynamodb import attributes
from chalicelib.cursors import encode_feed
from chalicelib.events import feed_events, frames, posts, sockets
from chalicelib.events.posts import Mail, Outcome
from chalicelib.model import LastChange, Status, now
from chalicelib.settings import settings
from tests.catalog.fake import record
from tests.client import Client, new_client
from tests.making import file
from tests.sockets import (
    PLACE,
    FakeManagement,
    KilledError,
    Listener,
    Stream,
    at_each_call,
    killed_at,
    management,
    never_answers,
)
from tests.stage import Calls, aws_client


@pytest.fixture
def api(stage: Calls) -> Iterator[FakeManagement]:
    with management() as fake:
        yield fake


@pytest.fixture
def stream(stage: Calls) -> Stream:
    return Stream()


def write(number: int, revision: int = 3, **values: Any) -> str:
    """Writes a record as the catalog would. Returns its id."""
    moment = now()
    change = LastChange.model_validate({"type": "updated", "at": moment, "actor": {"type": "key", "id": "k"}})
    made = file(number, revision=revision, updated_at=moment, last_change=change, **values)
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=attributes(record(made)))
    return made.id


def everything() -> dict[str, Any]:
    return {"action": "subscribe", "all": True, "cursor": encode_feed("acme", {})}


NEW = {"action": "subscribe", "all": True}


def opened(api: FakeManagement, client: Client, connection_id: str = "c1", message: Any = None) -> Listener:
    listener = Listener(api, connection_id)
    assert listener.connect(client.key) == 200
    if message:
        assert listener.send(message)[-1]["type"] == "subscribed"
    return listener


def revisions(listener: Listener) -> dict[str, int]:
    return {file_id: state["revision"] for file_id, state in listener.files.items()}


# --- what is told


def test_a_change_is_told_with_its_envelope_and_a_cursor(api: FakeManagement, client: Client, stream: Stream) -> None:
    listener = opened(api, client, message=NEW)
    file_id = write(1)
    stream.settle()
    (change,) = listener.heard[1:]
    assert change["type"] == "change"
    assert change["event"]["id"] == f"evt_{file_id}_3"
    assert change["event"]["type"] == "filemill.file.updated"
    assert change["event"]["data"]["file"]["filename"] == "IMG 000001.jpg"
    assert change["cursor"] == encode_feed("acme", {0: 1})


def test_all_without_a_cursor_begins_now_and_with_one_where_it_was(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    write(1)
    stream.settle()
    assert opened(api, client, "c1", NEW).types == ["subscribed"]
    assert opened(api, client, "c2", everything()).types == ["change", "subscribed"]


def test_changes_of_one_batch_are_one_frame(api: FakeManagement, client: Client, stream: Stream) -> None:
    listener = opened(api, client, message=NEW)
    ids = [write(number, image=None, metadata={}) for number in range(30)]
    stream.index()
    stream.publish()
    assert [message["type"] for message in listener.heard[1:]] == ["changes"]
    assert [event["subject"] for event in listener.heard[1]["events"]] == ids


def test_named_files_are_sent_as_they_are_and_then_as_they_become(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    one, two, other = write(1), write(2), write(3)
    stream.settle()
    listener = opened(api, client, message={"action": "subscribe", "files": [one, two]})
    assert revisions(listener) == {one: 3, two: 3}
    write(2, revision=4)
    write(3, revision=4)
    stream.settle()
    assert revisions(listener) == {one: 3, two: 4}
    assert other not in listener.files
    assert len(listener.heard) == 3


def test_a_named_file_that_was_told_in_its_snapshot_is_not_told_again(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    file_id = write(1)
    listener = opened(api, client, message={"action": "subscribe", "files": [file_id]})
    stream.settle()
    assert listener.types == ["change", "subscribed"]


def test_a_deleted_file_is_told_with_nothing_but_its_id(api: FakeManagement, client: Client, stream: Stream) -> None:
    listener = opened(api, client, message=NEW)
    moment = now()
    gone = LastChange.model_validate({"type": "deleted", "at": moment, "actor": {"type": "key", "id": "k"}})
    made = file(1, revision=4, status=Status.DELETED, updated_at=moment, last_change=gone)
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=attributes(record(made)))
    stream.settle()
    event = listener.heard[-1]["event"]
    assert event["type"] == "filemill.file.deleted"
    assert event["data"]["file"] == {"id": made.id, "revision": 4}


def test_a_deletion_that_the_table_has_forgotten_is_told_by_the_feed(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    file_id = write(1)
    stream.settle()
    aws_client("dynamodb").delete_item(
        TableName="filemill-test", Key={"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    )
    event = opened(api, client, message=everything()).heard[0]["event"]
    assert (event["type"], event["subject"]) == ("filemill.file.deleted", file_id)
    assert set(event["data"]["file"]) == {"id", "revision"}


def test_tenants_hear_only_their_own(api: FakeManagement, client: Client, stream: Stream) -> None:
    mine, theirs = opened(api, client, "c1", NEW), opened(api, new_client("other"), "c2", NEW)
    write(1)
    write(2, tenant="other")
    stream.settle()
    assert len(mine.files) == len(theirs.files) == 1
    assert set(mine.files) != set(theirs.files)


def test_who_unsubscribed_hears_nothing(api: FakeManagement, client: Client, stream: Stream) -> None:
    listener = opened(api, client, message=NEW)
    listener.send({"action": "unsubscribe", "all": True})
    write(1)
    stream.settle()
    assert listener.types == ["subscribed", "unsubscribed"]


@pytest.mark.parametrize("shards", [1, 8])
def test_who_resumes_from_any_cursor_misses_nothing(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", str(shards))
    settings.cache_clear()
    first = opened(api, client, "first", NEW)
    for number in range(24):
        write(number)
        if number % 5 == 0:
            stream.settle()
    stream.settle()
    cursors = [message["cursor"] for message in first.heard]
    for place, cursor in enumerate(cursors):
        other = opened(api, client, f"c{place}", {**NEW, "cursor": cursor})
        heard = {
            event["subject"] for m in first.heard[: place + 1] for event in m.get("events") or [m.get("event")] if event
        }
        assert heard | set(other.files) == set(first.files)
        assert len(first.files) == 24


# --- what it costs


def test_a_tenant_without_listeners_costs_one_read(client: Client, stream: Stream, stage: Calls) -> None:
    feed = {("acme", shard): 5 for shard in range(4)} | {("other", 0): 7}
    stage.clear()
    sockets.tell(feed)
    assert stage.names == ["dynamodb.GetItem"] * 2


def test_a_redelivered_batch_costs_two_reads_and_no_post(
    api: FakeManagement, client: Client, stream: Stream, stage: Calls
) -> None:
    opened(api, client, message=NEW)
    write(1)
    stream.settle()
    posted = api.posted
    stage.clear()
    sockets.tell({("acme", 0): 1})
    assert stage.names == ["dynamodb.GetItem", "dynamodb.BatchGetItem"]
    assert api.posted == posted


def test_the_cost_of_a_batch_does_not_grow_with_its_changes(
    api: FakeManagement, client: Client, stream: Stream, stage: Calls
) -> None:
    opened(api, client, message=NEW)
    costs = []
    for count in (1, 50):
        for number in range(count):
            write(number, revision=count)
        stream.index()
        stage.clear()
        sockets.tell({("acme", 0): 1 if count == 1 else 51})
        costs.append(sorted(stage.names))
    assert costs[0] == costs[1]
    assert costs[0] == sorted(["dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.Query",
                               "dynamodb.BatchGetItem", "dynamodb.UpdateItem"])  # fmt: skip


def test_nobody_is_listening_any_more_after_the_last_connection_is_over(
    api: FakeManagement, client: Client, stream: Stream, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = opened(api, client, message=NEW)
    listener.disconnect(told=False)
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + 3 * 3600)
    write(1)
    stream.index()
    stage.clear()
    sockets.tell({("acme", 0): 1})
    assert stage.names == ["dynamodb.GetItem"]
    again = opened(api, client, "c2", {**NEW, "cursor": listener.cursor})
    assert len(again.files) == 1
    write(2)
    stream.settle()
    assert len(again.files) == 2


# --- clients that cannot be told


def test_a_client_that_is_gone_is_forgotten(api: FakeManagement, client: Client, stream: Stream) -> None:
    gone, there = opened(api, client, "gone", NEW), opened(api, client, "there", NEW)
    gone.disconnect(told=False)
    write(1)
    stream.settle()
    assert len(there.files) == 1
    assert left("gone") == []


def left(connection_id: str) -> list[str]:
    """What the table still has of a connection."""
    found = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    keys = [f"{item['pk']['S']} {item['sk']['S']}" for item in found]
    return [key for key in keys if connection_id in key]


@pytest.mark.parametrize("status", [500, 413, None])
def test_a_client_that_cannot_be_posted_to_is_closed_and_goes_on_from_its_cursor(
    api: FakeManagement, client: Client, stream: Stream, status: int | None
) -> None:
    stuck, there = opened(api, client, "stuck", NEW), opened(api, client, "there", NEW)
    write(1)
    stream.settle()

    def fault(operation: str, connection_id: str) -> int | None:
        if connection_id == "stuck" and operation == "PostToConnection":
            return status or never_answers()
        return None

    api.fault = fault
    write(2)
    write(3)
    stream.settle()
    assert api.closed == ["stuck"]
    assert left("stuck") == []
    assert len(there.files) == 3
    assert len(stuck.files) == 1
    api.fault = lambda *_: None
    stuck.id = "again"
    stuck.connect(client.key)
    stuck.send({**NEW, "cursor": stuck.cursor})
    assert revisions(stuck) == revisions(there)


def test_a_throttled_post_is_tried_again(api: FakeManagement, client: Client, stream: Stream) -> None:
    listener, statuses = opened(api, client, message=NEW), iter([429, 429])
    api.fault = lambda *_: next(statuses, None)
    write(1)
    stream.settle()
    assert len(listener.files) == 1
    assert api.closed == []


def test_an_account_over_its_quota_closes_no_socket(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REST APIs use up the quota for two seconds, and then leave one request in two."""
    monkeypatch.setattr(posts, "LONGEST_PAUSE", 0.2)
    listeners = [opened(api, client, f"c{i:02}", NEW) for i in range(40)]
    write(1)
    stream.index()
    over, turns = time.monotonic() + 2, itertools.count()
    api.fault = lambda *_: 429 if time.monotonic() < over or next(turns) % 2 else None
    stream.publish()
    assert api.closed == []
    assert all(len(each.files) == 1 for each in listeners)


def test_one_whose_buffer_is_full_is_closed_when_all_others_have_heard(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "LONGEST_PAUSE", 0.2)
    listeners = [opened(api, client, f"c{i:02}", NEW) for i in range(40)]
    write(1)
    stream.index()
    tries: list[int] = []

    def fault(operation: str, connection_id: str) -> int | None:
        if connection_id == "c00" and operation == "PostToConnection":
            tries.append(sum(len(each.files) for each in listeners))
            return 429
        return None

    api.fault = fault
    began = time.monotonic()
    stream.publish()
    assert api.closed == ["c00"]
    assert all(len(each.files) == 1 for each in listeners[1:])
    assert len(tries) == posts.TRIES + 1, "the others got through in the first round"
    assert tries[1:] == [39] * posts.TRIES, "nobody waited for it"
    assert time.monotonic() - began < sockets.POSTING / 2


def test_a_socket_that_is_refused_in_between_gets_each_frame_once_and_in_order(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "PAUSE", 0.01)
    listeners = [opened(api, client, f"c{i}", NEW) for i in range(3)]
    for number in range(30):
        write(number, metadata={"text": "x" * 3000})
    stream.index()
    turns = itertools.count()
    api.fault = lambda *_: 429 if next(turns) % 3 else None
    stream.publish()
    assert api.closed == []
    for each in listeners:
        subjects = [event["subject"] for frame in each.heard[1:] for event in frame["events"]]
        assert len(each.heard) > 3
        assert subjects == [file(number).id for number in range(30)]
        assert not each.disorder


PONG = frames.frame("pong")


def test_a_post_that_is_refused_again_and_again_ends_with_its_time(
    api: FakeManagement, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(api, client)
    api.fault = lambda *_: 429
    began = time.monotonic()
    assert posts.post(PLACE, "c1", [PONG], began + 0.5) is Outcome.STUCK
    assert 0.4 < time.monotonic() - began < 2
    assert posts.post_all([Mail(PLACE, "c1", lambda: [PONG])], time.monotonic() + 0.5, 1) == {"c1": Outcome.STUCK}
    assert time.monotonic() - began < 3


def test_a_client_that_never_reads_delays_nobody_for_long(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.events.sockets.POSTING", 1.0)
    listeners = [opened(api, client, f"c{i:02}", NEW) for i in range(40)]
    slow = {each.id for each in listeners[:10]}

    def fault(operation: str, connection_id: str) -> int | None:
        if connection_id in slow and operation == "PostToConnection":
            time.sleep(0.5)
            return never_answers()
        return None

    api.fault = fault
    write(1)
    stream.index()
    began = time.monotonic()
    stream.publish()
    assert time.monotonic() - began < 5
    assert sorted(api.closed) == sorted(slow)
    assert all(len(each.files) == 1 for each in listeners[10:])


def test_a_tenant_that_fails_does_not_keep_others_from_hearing(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(api, client, "c1", NEW)
    theirs = opened(api, new_client("other"), "c2", NEW)
    write(1)
    write(2, tenant="other")
    stream.index()
    real = feed_events.page_after

    def broken(tenant: str, *rest: Any) -> Any:
        if tenant == "acme":
            raise RuntimeError("broken")
        return real(tenant, *rest)

    monkeypatch.setattr(sockets, "page_after", broken)
    with pytest.raises(RuntimeError):
        stream.publish()
    assert len(theirs.files) == 1
    monkeypatch.setattr(sockets, "page_after", real)
    stream.publish()


def test_a_backlog_is_told_in_pages_and_what_there_is_no_time_for_comes_again(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = opened(api, client, message=NEW)
    monkeypatch.setattr("chalicelib.events.feed_events.PAGE", 4)
    for number in range(20):
        write(number)
    stream.index()
    monkeypatch.setattr(sockets, "SECONDS", -1.0)
    with pytest.raises(sockets.TooLateError):
        sockets.tell({("acme", 0): 20})
    monkeypatch.setattr(sockets, "SECONDS", 25.0)
    sockets.tell({("acme", 0): 20})
    assert len(listener.files) == 20
    assert listener.types == ["subscribed"] + ["changes"] * 5


def test_the_lag_is_measured(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []
    monkeypatch.setattr(sockets, "count", counted.append)
    opened(api, client, message=NEW)
    write(1)
    stream.settle()
    ((name, value),) = counted[0].items()
    assert name == "SocketLag"
    assert 0 < value < 60_000


# --- two at once: whatever happens between two calls, nothing is missed and nothing comes out of order


def subscribing(api: FakeManagement, client: Client, message: Callable[[], Any]) -> tuple[Listener, Callable[[], Any]]:
    listener = opened(api, client, "c1")
    return listener, lambda: listener.send(message())


KINDS = ["all", "all from the beginning", "files", "token"]


def message_of(kind: str, file_id: str) -> dict[str, Any]:
    if kind == "files":
        return {"action": "subscribe", "files": [file_id]}
    if kind == "token":
        return {"action": "subscribe", "token": "0123456789ab"}
    return everything() if kind == "all from the beginning" else NEW


def a_token() -> None:
    values: dict[str, Any] = {
        "pk": "TOKEN#0123456789ab",
        "sk": "TOKEN",
        "id": "0123456789ab",
        "hash": "h",
        "tenant": "acme",
    }
    values |= {"created_at": "2026-11-22T12:00:00Z", "expires_at": "2036-11-22T12:00:00Z", "max_files": 9}
    values |= {"max_bytes": 9, "visibility": "private", "recipe": "photo", "used": 0, "expires": 2_000_000_000}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=attributes(values))


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_at_any_moment_of_subscribing_is_heard(
    api: FakeManagement, client: Client, stream: Stream, kind: str
) -> None:
    """At each AWS call of the subscribing, the file is changed, indexed and published."""
    a_token()
    brought: dict[str, Any] = {"token_id": "0123456789ab"}
    file_id = write(1, **brought)
    stream.settle()
    revision = 3
    for number in itertools.count():
        for moment in ("before", "after"):
            listener, changed = opened(api, client, f"c{number}{moment}"), False

            def change(here: int, when: str, _: str, at: Any = (number, moment)) -> None:
                nonlocal revision, changed
                if (here, when) == at:
                    changed = True
                    revision += 1
                    write(1, revision, **brought)
                    stream.settle()

            with at_each_call(change):
                listener.send(message_of(kind, file_id))
            assert listener.types.count("subscribed") == 1
            revision += 1
            write(1, revision, **brought)
            stream.settle()
            assert revisions(listener) == {file_id: revision}
            assert listener.disorder == []
            listener.disconnect()
            if not changed:
                assert number > 5
                return


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_that_nobody_pushed_on_is_heard_at_any_moment(
    api: FakeManagement, client: Client, stream: Stream, kind: str
) -> None:
    """The same, and then nothing more happens that could make up for it."""
    a_token()
    brought: dict[str, Any] = {"token_id": "0123456789ab"}
    file_id = write(1, **brought)
    stream.settle()
    revision, told_of = 3, 0
    for number in itertools.count():
        for moment in ("before", "after"):
            listener, changed = opened(api, client, f"c{number}{moment}"), False

            def change(here: int, when: str, _: str, at: Any = (number, moment)) -> None:
                nonlocal revision, changed
                if (here, when) == at:
                    changed = True
                    revision += 1
                    write(1, revision, **brought)
                    stream.settle()

            with at_each_call(change):
                listener.send(message_of(kind, file_id))
            if kind in ("all", "token"):
                # They begin at the feed's end, which is read at some moment of the subscribing.
                assert revisions(listener) in ({}, {file_id: revision})
                told_of += changed and bool(listener.files)
            else:
                assert revisions(listener) == {file_id: revision}
            assert listener.disorder == []
            listener.disconnect()
            if not changed:
                assert told_of or kind not in ("all", "token")
                return


@pytest.mark.parametrize("kind", ["all from the beginning", "files", "token"])
def test_who_subscribes_at_any_moment_of_publishing_misses_nothing(
    api: FakeManagement, client: Client, stream: Stream, kind: str
) -> None:
    a_token()
    brought: dict[str, Any] = {"token_id": "0123456789ab"}
    revision = 2
    file_id = write(1, revision, **brought)
    opened(api, client, "always", NEW)
    opened(api, client, "always a file", {"action": "subscribe", "files": [file_id]})
    for number in itertools.count():
        for moment in ("before", "after"):
            revision += 1
            write(1, revision, **brought)
            stream.index()
            listener, subscribed = opened(api, client, f"c{number}{moment}"), False

            def subscribe(here: int, when: str, _: str, at: Any = (number, moment), own: Any = listener) -> None:
                nonlocal subscribed
                if (here, when) == at:
                    subscribed = True
                    own.send({**message_of(kind, file_id)})

            with at_each_call(subscribe):
                stream.publish()
            if not subscribed:
                assert number > 5
                return
            if kind != "token":
                assert revisions(listener) == {file_id: revision}, (number, moment)
            write(1, revision := revision + 1, **brought)
            stream.settle()
            assert revisions(listener) == {file_id: revision}, (number, moment)
            assert listener.disorder == []
            listener.disconnect()


def test_publish_that_is_killed_at_any_call_tells_all_in_the_end(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    """Its batch comes again. A client hears everything, in order; one that was closed resumes."""
    listener = opened(api, client, "c1", NEW)
    named = opened(api, client, "c2", {"action": "subscribe", "files": [write(1, 1)]})
    gone = opened(api, client, "c3", NEW)
    gone.disconnect(told=False)
    revision = 1
    for number in itertools.count():
        died = 0
        for moment in ("before", "after"):
            revision += 1
            ids = {write(1, revision): revision, write(2, revision): revision}
            stream.index()
            try:
                with at_each_call(killed_at(number, moment)):
                    stream.publish()
            except KilledError:
                died += 1
            stream.publish()
            assert revisions(listener) == ids
            assert revisions(named) == {next(iter(ids)): revision}
            assert listener.disorder == named.disorder == []
            for each in (listener, named):
                assert each.is_open
        if not died:
            assert number > 6
            break
    assert left("c3") == []


@pytest.mark.parametrize("kind", ["all from the beginning", "files"])
def test_subscribe_that_is_killed_at_any_call_leaves_a_socket_that_can_try_again(
    api: FakeManagement, client: Client, stream: Stream, kind: str
) -> None:
    file_id = write(1)
    stream.settle()
    revision = 3
    for number in itertools.count():
        died = 0
        for moment in ("before", "after"):
            listener = opened(api, client, f"c{number}{moment}")
            try:
                with at_each_call(killed_at(number, moment)):
                    listener.send(message_of(kind, file_id))
            except KilledError:
                died += 1
            write(1, revision := revision + 1)
            stream.settle()
            if "subscribed" not in listener.types:
                assert listener.send(message_of(kind, file_id))[-1]["type"] == "subscribed"
            assert revisions(listener) == {file_id: revision}
            write(1, revision := revision + 1)
            stream.settle()
            assert revisions(listener) == {file_id: revision}
            assert listener.disorder == []
            listener.disconnect()
        if not died:
            assert number > 6
            return


def test_connect_and_disconnect_that_are_killed_at_any_call_leave_nothing_that_is_told(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    revision = 0
    for number in itertools.count():
        died = 0
        for moment in ("before", "after"):
            refused, leaving = Listener(api, f"r{number}{moment}"), opened(api, client, f"l{number}{moment}", NEW)
            for work in (lambda own=refused: own.connect(client.key), leaving.disconnect):
                try:
                    with at_each_call(killed_at(number, moment)):
                        work()
                except KilledError:
                    died += 1
            write(1, revision := revision + 1)
            stream.settle()
            assert [key for key in left(leaving.id) if key.startswith("SUBS")] == []
            leaving.disconnect()
            later = opened(api, client, f"x{number}{moment}", NEW)
            later.disconnect()
            assert left(later.id) == []
        if not died:
            assert number > 2
            return


def test_a_subscription_that_was_lost_with_its_connection_is_found_by_its_post(
    api: FakeManagement, client: Client, stream: Stream
) -> None:
    """The connection's item is deleted first, so a subscription may be left over."""
    listener = opened(api, client, message=NEW)
    aws_client("dynamodb").delete_item(
        TableName="filemill-test", Key={"pk": {"S": f"SOCKET#{listener.id}"}, "sk": {"S": "SOCKET"}}
    )
    listener.disconnect(told=False)
    write(1)
    stream.settle()
    assert [key for key in left(listener.id) if key.startswith("SUBS")] == []


# --- many


# `make test` has a few; `SOCKETS=1000` has two hundred files, too.
SOCKETS = int(os.environ.get("SOCKETS", "150"))
FILES = SOCKETS // 5


def test_many_sockets_hear_many_files(
    api: FakeManagement, client: Client, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.events.sockets.POSTING", 60.0)
    monkeypatch.setattr("chalicelib.events.sockets.SECONDS", 120.0)
    subscribe_many(api, client, SOCKETS)
    heard: dict[str, int] = {}
    lock = threading.Lock()

    def hearing(connection_id: str) -> Callable[[dict[str, Any]], None]:
        def hear(message: dict[str, Any]) -> None:
            with lock:
                heard[connection_id] = heard.get(connection_id, 0) + len(message.get("events", [1]))

        return hear

    for number in range(SOCKETS):
        api.open[f"m{number}"] = hearing(f"m{number}")
    for number in range(FILES):
        write(number)
    stream.index()
    posted, made = api.posted, 0
    real = frames.packed

    def counted(*args: Any) -> Any:
        nonlocal made
        made += 1
        return real(*args)

    monkeypatch.setattr(sockets, "packed", counted)
    sockets.tell({("acme", 0): FILES})
    assert set(heard.values()) == {FILES}
    assert len(heard) == SOCKETS
    assert api.posted - posted <= SOCKETS * 14
    assert api.largest <= 32 * 1024
    # All of them get the same frames. They are made once for each page of a hundred changes (or once by each thread).
    assert made <= 2 * sockets.POSTS_AT_ONCE


def subscribe_many(api: FakeManagement, client: Client, count: int) -> None:
    """One socket subscribes, and a thousand items like its own are written."""
    opened(api, client, "m0", NEW)
    own = aws_client("dynamodb").query(
        TableName="filemill-test",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "SUBS#acme"}},
    )["Items"][0]
    for number in range(1, count):
        item = {**own, "sk": {"S": f"all#m{number}"}}
        aws_client("dynamodb").put_item(TableName="filemill-test", Item=item)


def test_the_management_api_is_where_the_connection_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.sockets import PLACE

    assert posts.endpoint(PLACE) == "https://abc.execute-api.eu-west-1.amazonaws.com/api"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert posts.endpoint(PLACE) == "http://127.0.0.1:4566/_aws/execute-api/abc/api"
