"""Nothing is written that is not in the table of transitions."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.catalog import dynamodb, record_writer, transitions
from chalicelib.catalog.dynamodb import ConditionFailedError, attributes, typed
from chalicelib.catalog.keys import file_key
from chalicelib.catalog.record_writer import UnlistedTransitionError
from chalicelib.catalog.transitions import CREATE
from chalicelib.model import Status, new_file_id
from tests.catalog.records import (
    AFTER,
    NOW,
    TABLE,
    at,
    full,
    item,
    stored,
)
from tests.making import file
from tests.stage import Calls, provisioned
from tests.transitions import explained, only_transitions

AWAITING, PROCESSING, READY = Status.AWAITING_UPLOAD, Status.PROCESSING, Status.READY
FAILED, EXPIRED, DELETED = Status.FAILED, Status.EXPIRED, Status.DELETED
CHANGE = {"type": "expired", "at": at(NOW), "actor": {"type": "system", "id": "sweep"}}

# --- what the table does not have is refused


def test_a_change_that_is_not_in_the_table_is_refused_before_it_is_sent(stage: Calls) -> None:
    right = {"expires_at": at(AFTER), "ttl": 1, "due_pk": "DUE#0", "due_sk": "2026"}
    using = {"tenant": "acme", "revision": 3}
    reopen = transitions.REOPEN_IMPORT
    write: Any = record_writer.write
    wrong: list[tuple[str, Callable[[], object]]] = [
        ("not in the table", lambda: write(replace(reopen, condition=""), "file_1", right, **using)),
        ("not in the table", lambda: write(CREATE, "file_1", {})),
        ("lead to `ready`", lambda: write(reopen, "file_1", right, to=READY, **using)),
        ("lead to `None`", lambda: write(transitions.FAIL, "file_1", {"error": "e"}, claim_id="c")),
        ("lead to `ready`", lambda: write(transitions.CHANGE, "file_1", {"tags": []}, to=READY, **using)),
        ("must set ['ttl']", lambda: write(reopen, "file_1", {**right, "ttl": None}, **using)),
        ("may not set ['tags']", lambda: write(reopen, "file_1", {**right, "tags": []}, **using)),
        ("may not set ['status']", lambda: write(transitions.CHANGE, "file_1", {"status": READY}, **using)),
        ("may not remove ['tags']", lambda: write(reopen, "file_1", {**right, "tags": None}, **using)),
        ("a condition on ['revision', 'tenant']", lambda: write(reopen, "file_1", right, tenant="acme")),
        ("a condition on ['revision', 'tenant']", lambda: write(reopen, "file_1", right, **using, claim_id="c")),
    ]
    for says, call in wrong:
        with pytest.raises(UnlistedTransitionError, match=re.escape(says)):
            call()
    assert stage.names == []


# --- and what others write is noticed


@pytest.fixture
def bare(cloud: None, cdn_key: bytes) -> None:
    """A provisioned stage whose writes are not held to the table."""
    provisioned(cdn_key)


def planted(**values: Any) -> None:
    """An update of our own, in the words of the transition `expire` but for `values`."""
    right: dict[str, Any] = {
        "values": {"status": EXPIRED, "updated_at": at(NOW), "last_change": CHANGE},
        "remove": ["due_pk", "due_sk"],
        "add": {"revision": 1},
        "condition": transitions.EXPIRE.expression,
        "using": {":awaiting_upload": AWAITING, ":revision": 3},
    }
    dynamodb.update(file_key(file(1).id), **{**right, **values})


PLANTED: dict[str, Callable[[], object]] = {
    "another state": lambda: planted(values={"status": READY, "updated_at": at(NOW), "last_change": CHANGE}),
    "no state": lambda: planted(values={"updated_at": at(NOW), "last_change": CHANGE}),
    "another attribute": lambda: planted(
        values={"status": EXPIRED, "updated_at": at(NOW), "last_change": CHANGE, "size": 1}
    ),
    "no updated_at": lambda: planted(values={"status": EXPIRED, "last_change": CHANGE}),
    "no last_change": lambda: planted(values={"status": EXPIRED, "updated_at": at(NOW)}),
    "no revision": lambda: planted(add={}),
    "two revisions": lambda: planted(add={"revision": 2}),
    "another counter": lambda: planted(add={"revision": 1, "attempts": 1}),
    "removes less": lambda: planted(remove=["due_pk"]),
    "removes more": lambda: planted(remove=["due_pk", "due_sk", "ttl"]),
    "no condition on the state": lambda: planted(condition="revision = :revision", using={":revision": 3}),
    "a false word for a state": lambda: planted(using={":awaiting_upload": READY, ":revision": 3}),
    "a put over a record": lambda: aws.dynamodb().put_item(TableName=TABLE, Item=attributes(full(READY))),
    "a record that begins as ready": lambda: dynamodb.put_new({**full(READY), **file_key(new_file_id())}),
    "a put in a batch": lambda: dynamodb.batch_write([full(READY)]),
    "a delete in a batch": lambda: dynamodb.batch_write([], [file_key(file(1).id)]),
    "a delete": lambda: aws.dynamodb().delete_item(TableName=TABLE, Key=typed(file_key(file(1).id))),
    "a delete in a transaction": lambda: aws.dynamodb().transact_write_items(
        TransactItems=[{"Delete": {"TableName": TABLE, "Key": typed(file_key(file(1).id))}}]
    ),
}


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_write_that_is_not_in_the_table_is_noticed(name: str) -> None:
    stored(full(AWAITING))
    noticed = pytest.raises(AssertionError, match="not in the table of transitions")
    with noticed, only_transitions(), suppress(ConditionFailedError):
        PLANTED[name]()


@pytest.mark.usefixtures("bare")
def test_the_same_write_in_the_words_of_the_table_is_no_news() -> None:
    stored(full(AWAITING))
    with only_transitions():
        planted()
        dynamodb.batch_write([{"pk": "FILE#1", "sk": "INDEX"}])
    assert item(file(1).id)["status"] == EXPIRED


def test_a_difference_that_no_transition_explains() -> None:
    before = full(PROCESSING)
    seen = {"revision": 4, "updated_at": at(NOW), "last_change": CHANGE}
    wrong = {
        "another state": {**before, **seen, "status": EXPIRED},
        "two revisions": {**before, **seen, "status": DELETED, "revision": 5},
        "removes nothing": {**before, **seen, "status": DELETED, "ttl": 2},
        "another attribute": {**before, "due_sk": "9", "size": 1},
        "a change that no client sees": {**before, "tags": ["new"]},
    }
    for name, after in wrong.items():
        assert explained(attributes(before), attributes(after)) is None, name
    assert explained(attributes(before), attributes({**before, "due_sk": "9"})) is not None
