"""Storms: whatever happens to publishing and to connections, each client ends with exactly the table's state.

Clients come and go, with `$disconnect` or without, and go on from any cursor that they ever saw. Posts fail, the
publisher is killed between any two calls, its batches come again, late, and several at once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib import settings as stage_settings
from chalicelib.catalog.dynamodb import attributes
from chalicelib.cursors import encode_feed
from chalicelib.events import publish
from chalicelib.model import LastChange, Status, now
from tests.catalog.fake import record
from tests.client import Client, new_client
from tests.making import file
from tests.sockets import (
    FakeManagement,
    KilledError,
    Listener,
    Stream,
    at_each_call,
    killed_at,
    management,
    never_answers,
)
from tests.stage import aws_client, lambda_context, provisioned

FILES, CLIENTS = 5, 4
TOKEN = "0123456789ab"

KINDS = ("all", "files", "token")

ACTIONS = st.one_of(
    st.tuples(st.just("change"), st.integers(0, FILES - 1)),
    st.tuples(st.just("change"), st.integers(0, FILES - 1)),
    st.tuples(st.just("delete"), st.integers(0, FILES - 1)),
    st.tuples(st.just("index"), st.just(0)),
    st.tuples(st.just("publish"), st.integers(1, 6)),
    st.tuples(st.just("publish"), st.integers(1, 6)),
    st.tuples(st.just("killed"), st.tuples(st.integers(0, 16), st.sampled_from(["before", "after"]))),
    st.tuples(st.just("again"), st.integers(0, 5)),
    st.tuples(st.just("connect"), st.tuples(st.integers(0, CLIENTS - 1), st.integers(0, 20))),
    st.tuples(st.just("connect"), st.tuples(st.integers(0, CLIENTS - 1), st.integers(0, 20))),
    st.tuples(st.just("connect killed"), st.tuples(st.integers(0, CLIENTS - 1), st.integers(0, 14))),
    st.tuples(st.just("leave"), st.tuples(st.integers(0, CLIENTS - 1), st.booleans())),
    st.tuples(st.just("stuck"), st.integers(0, CLIENTS - 1)),
)


class Viewer:
    """A client that keeps what it knows over its connections. The first is kind 0, and so on."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.kind = KINDS[number % len(KINDS)]
        self.connection: Listener | None = None
        self.files: dict[str, dict[str, Any]] = {}
        self.cursors: list[str] = [encode_feed("acme", {})]
        self.is_subscribed = False

    @property
    def is_live(self) -> bool:
        return self.is_subscribed and self.connection is not None and self.connection.is_open


class Storm:
    def __init__(self, api: FakeManagement, client: Client) -> None:
        self.api, self.client, self.stream = api, client, Stream()
        self.viewers = [Viewer(number) for number in range(CLIENTS)]
        self.ids = [file(number).id for number in range(FILES)]
        self.revisions: dict[int, int] = {}
        self.names = (f"c{number}" for number in itertools.count())
        self.told: list[dict[str, Any]] = []
        for number in range(FILES):
            self.change(number)

    # --- what happens

    def change(self, number: int, **values: Any) -> None:
        moment, revision = now(), self.revisions.get(number, 0) + 1
        self.revisions[number] = revision
        kind = "deleted" if values else "updated"
        change = LastChange.model_validate({"type": kind, "at": moment, "actor": {"type": "key", "id": "k"}})
        brought = {"token_id": TOKEN} if number % 2 else {}
        made = file(number, revision=revision, updated_at=moment, last_change=change, **brought, **values)
        aws_client("dynamodb").put_item(TableName="filemill-test", Item=attributes(record(made)))

    def delete(self, number: int) -> None:
        self.change(number, status=Status.DELETED)

    def index(self, _: int) -> None:
        self.stream.index()

    def publish(self, size: int) -> None:
        self.told += self.stream.waiting()
        self.stream.publish(size)

    def killed(self, at: tuple[int, str]) -> None:
        try:
            with at_each_call(killed_at(*at)):
                self.stream.publish()
        except KilledError:
            pass

    def again(self, size: int) -> None:
        """Batches that were published long ago come again, the last one first."""
        for start in reversed(range(0, len(self.told), size + 1)):
            publish.handle({"Records": self.told[start : start + size + 1]}, lambda_context())

    def connect(self, at: tuple[int, int], killed: int | None = None) -> None:
        """A client comes back, from one of the cursors that it saw."""
        viewer = self.viewers[at[0]]
        if viewer.connection and viewer.connection.is_open:
            viewer.connection.disconnect(told=False)
        listener = viewer.connection = Listener(self.api, next(self.names), files=viewer.files)
        viewer.is_subscribed = False
        message: dict[str, Any] = {"action": "subscribe"}
        if viewer.kind == "files":
            message["files"] = self.ids[:3]
        else:
            message |= {"all": True} if viewer.kind == "all" else {"token": TOKEN}
            message["cursor"] = viewer.cursors[-1 - at[1] % len(viewer.cursors)]
        assert listener.connect(self.client.key) == 200
        if killed is None:
            listener.send(message)
        else:
            try:
                with at_each_call(killed_at(killed, "after")):
                    listener.send(message)
            except KilledError:
                pass
        viewer.is_subscribed = "subscribed" in listener.types
        self.keep(viewer)

    def keep(self, viewer: Viewer) -> None:
        if viewer.connection:
            assert viewer.connection.disorder == []
            viewer.cursors += [m["cursor"] for m in viewer.connection.heard if "cursor" in m]

    def leave(self, at: tuple[int, bool]) -> None:
        viewer = self.viewers[at[0]]
        if viewer.connection and viewer.connection.is_open:
            viewer.connection.disconnect(told=at[1])
        viewer.is_subscribed = False

    def stuck(self, number: int) -> None:
        """Nothing can be posted to a client for a while."""
        connection = self.viewers[number].connection
        if connection:
            whose = connection.id
            self.api.fault = lambda operation, to: (
                never_answers() if to == whose and operation == "PostToConnection" else None
            )
            self.stream.index()
            self.stream.publish()
            self.api.fault = lambda *_: None

    def do(self, action: tuple[str, Any]) -> None:
        name, argument = action
        if name == "connect killed":
            self.connect((argument[0], 0), killed=argument[1])
        else:
            getattr(self, name)(argument)

    # --- what must be so in the end

    def wanted(self, viewer: Viewer) -> dict[str, int]:
        own = {
            "all": range(FILES),
            "files": range(3),
            "token": range(1, FILES, 2),
        }[viewer.kind]
        return {self.ids[number]: self.revisions[number] for number in own}

    def check(self) -> None:
        self.stream.index()
        self.stream.publish()
        for viewer in self.viewers:
            if not viewer.is_live:
                self.connect((viewer.number, 0))
            self.keep(viewer)
            assert viewer.is_live
            known = {file_id: state["revision"] for file_id, state in viewer.files.items()}
            assert known == self.wanted(viewer), viewer.kind
        for number in range(FILES):
            self.change(number)
        self.stream.index()
        self.stream.publish()
        for viewer in self.viewers:
            known = {file_id: state["revision"] for file_id, state in viewer.files.items()}
            assert viewer.is_live
            assert known == self.wanted(viewer), viewer.kind
            self.keep(viewer)


@contextmanager
def storm(cdn_key: bytes, shards: int) -> Iterator[Storm]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILEMILL_LIST_SHARDS", str(shards))
        provisioned(cdn_key)
        a_token()
        with management() as api:
            yield Storm(api, new_client("acme"))
    stage_settings.settings.cache_clear()


def a_token() -> None:
    values: dict[str, Any] = {
        "pk": f"TOKEN#{TOKEN}",
        "sk": "TOKEN",
        "id": TOKEN,
        "hash": "h",
        "tenant": "acme",
        "used": 0,
    }
    values |= {"created_at": "2026-11-22T12:00:00Z", "expires_at": "2036-11-22T12:00:00Z", "max_files": 9}
    values |= {"max_bytes": 9, "visibility": "private", "recipe": "photo", "expires": 2_000_000_000}
    aws_client("dynamodb").put_item(TableName="filemill-test", Item=attributes(values))


# `make test` has a few; `STORMS=200` looks longer.
STORMS = int(os.environ.get("STORMS", "8"))


@settings(
    max_examples=STORMS,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(ACTIONS, min_size=10, max_size=30), st.sampled_from([1, 3]))
def test_every_client_ends_with_the_tables_state(
    cloud: None, cdn_key: bytes, actions: list[tuple[str, Any]], shards: int
) -> None:
    with storm(cdn_key, shards) as going:
        for action in actions:
            going.do(action)
        going.check()
