"""The table of transitions, and that nothing is written which it does not have."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.catalog import claims, deletion, due, dynamodb, edits, record_writer, transitions
from chalicelib.catalog.dynamodb import ConditionFailedError, attributes, typed
from chalicelib.catalog.keys import file_key
from chalicelib.catalog.record_writer import UnlistedTransitionError
from chalicelib.catalog.transitions import CREATE, TRANSITIONS, Transition
from chalicelib.model import ErrorCode, File, FileError, Kind, Status, new_file_id
from tests.catalog.records import (
    AFTER,
    BEFORE,
    LATER,
    NOW,
    TABLE,
    at,
    difference,
    full,
    item,
    stored,
    time_stands_still,
)
from tests.making import file
from tests.stage import ROOT, Calls, provisioned
from tests.transitions import explained, only_transitions

AWAITING, PROCESSING, READY = Status.AWAITING_UPLOAD, Status.PROCESSING, Status.READY
FAILED, EXPIRED, DELETED = Status.FAILED, Status.EXPIRED, Status.DELETED

UPDATES = [transition for transition in TRANSITIONS if transition is not CREATE]
BY_NAME = {transition.name: transition for transition in TRANSITIONS}

ERROR = FileError(code=ErrorCode.CORRUPT, message="broken")

# --- the table


def test_a_file_goes_these_ways_and_no_others() -> None:
    arrows = {arrow for transition in TRANSITIONS for arrow in transition.arrows}
    assert {(before, after) for before, after in arrows if before is not after} == {
        (None, AWAITING),
        (AWAITING, PROCESSING),
        (AWAITING, EXPIRED),
        (AWAITING, FAILED),
        (EXPIRED, PROCESSING),
        (PROCESSING, READY),
        (PROCESSING, FAILED),
        (READY, PROCESSING),
        (FAILED, PROCESSING),
        (FAILED, AWAITING),
        *((status, DELETED) for status in Status if status is not DELETED),
        (DELETED, PROCESSING),
        (DELETED, READY),
        (DELETED, FAILED),
    }


def test_the_diagram_in_the_docs_shows_ways_that_the_table_has() -> None:
    text = (ROOT / "docs/api.md").read_text().partition("## The life of a file")[2].partition("```")[2]
    named = {Status(word) for word in re.findall(r"[a-z_]+", text.partition("```")[0]) if word in set(Status)}
    arrows = {arrow for transition in TRANSITIONS for arrow in transition.arrows}
    assert named == {AWAITING, PROCESSING, READY, FAILED, EXPIRED}
    assert {(AWAITING, PROCESSING), (AWAITING, EXPIRED), (PROCESSING, READY), (PROCESSING, FAILED)} <= arrows


def test_each_transition_has_a_name_of_its_own_and_says_no_two_things_of_an_attribute() -> None:
    assert len(BY_NAME) == len(TRANSITIONS)
    for transition in TRANSITIONS:
        named = [*transition.sets, *transition.removes, *transition.may_change, *transition.increments]
        assert len(named) == len(set(named)), transition.name
        assert not {"status", "updated_at", "pk", "sk"} & set(named), transition.name


def test_a_change_of_state_is_always_seen_by_clients() -> None:
    assert all(transition.visible for transition in TRANSITIONS if transition.target)


def test_a_record_is_created_on_the_condition_that_there_is_none() -> None:
    assert CREATE.expression == dynamodb.NEW


# --- from which states, and on what condition

# What makes the condition of each transition true of the record `full`, with time standing still at NOW.
MET: dict[str, dict[str, Any]] = {
    "claim": {"version_id": "version"},
    "finish": {"claim_id": "claim"},
    "fail": {"claim_id": "claim"},
    "give up": {"revision": 3},
    "release": {"claim_id": "claim"},
    "fail an import": {"tenant": "acme"},
    "expire": {"revision": 3},
    "change": {"tenant": "acme", "revision": 3},
    "process again": {"tenant": "acme", "revision": 3},
    "import again": {"tenant": "acme", "revision": 3},
    "retire": {"tenant": "acme", "revision": 3},
    "restore": {"tenant": "acme", "revision": 3},
    "delete": {"tenant": "acme"},
    "delete as it was read": {"tenant": "acme", "revision": 3},
    "purge": {},
    "clear": {"leftovers": ["f/private/a/"]},
    "put off": {"revision": 3},
    "nothing due": {"revision": 3},
}

# A record for which the condition does not hold, by what is another value (None: is not there).
UNMET: list[tuple[str, dict[str, Any]]] = [
    ("claim", {"status": PROCESSING, "version_id": "another"}),
    ("claim", {"status": PROCESSING, "lease_until": at(AFTER)}),
    ("finish", {"claim_id": "another"}),
    ("finish", {"claim_id": None}),
    ("fail", {"claim_id": "another"}),
    ("give up", {"revision": 4}),
    ("give up", {"lease_until": at(AFTER)}),
    ("give up", {"lease_until": None}),
    ("release", {"claim_id": "another"}),
    ("fail an import", {"tenant": "other"}),
    ("expire", {"revision": 4}),
    *(
        (name, other)
        for name in ("change", "process again", "import again", "retire", "restore", "delete as it was read")
        for other in ({"tenant": "other"}, {"revision": 4})
    ),
    ("import again", {"version_id": "version"}),
    ("import again", {"source_url": None}),
    ("restore", {"restore_until": at(BEFORE)}),
    ("restore", {"restore_until": at(NOW)}),
    ("restore", {"restore_until": None}),
    ("restore", {"purged": True}),
    ("delete", {"tenant": "other"}),
    ("delete", {"purged": True}),
    ("delete as it was read", {"purged": True}),
    ("clear", {"leftovers": ["f/private/b/"]}),
    ("clear", {"leftovers": None}),
    ("put off", {"revision": 4}),
    ("put off", {"due_pk": None, "due_sk": None}),
    ("nothing due", {"revision": 4}),
    ("nothing due", {"due_pk": None, "due_sk": None}),
]

DUE_TIMES = {"due_pk": "DUE#0", "due_sk": "2026"}


def record_for(transition: Transition, status: Status) -> dict[str, Any]:
    """A record for which the condition holds."""
    return full(status, **({"version_id": None} if transition.name == "import again" else {}))


def carry_out(transition: Transition, values: dict[str, Any]) -> dict[str, Any]:
    """Writes it with whatever it must set, at NOW; the record's values after it."""
    file_id = stored(values).id
    using = MET[transition.name] | ({"status": values["status"]} if transition is transitions.CLEAR else {})
    to = transition.target[-1] if transition.target else None
    sets = {name: DUE_TIMES.get(name, "new") for name in transition.sets}
    with time_stands_still():
        record_writer.write(transition, file_id, sets, to=to, **using)
    return item(file_id)


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("name", MET)
def test_a_transition_starts_in_its_own_states_only(name: str) -> None:
    transition = BY_NAME[name]
    started = set()
    for status in Status:
        try:
            carry_out(transition, record_for(transition, status))
        except ConditionFailedError:
            continue
        started.add(status)
    assert started == set(transition.source)


@pytest.mark.usefixtures("stage")
def test_a_record_that_does_not_meet_the_condition_stays_as_it_is() -> None:
    for name, other in UNMET:
        transition = BY_NAME[name]
        before = {**record_for(transition, transition.source[-1]), **other}
        with pytest.raises(ConditionFailedError) as refused:
            carry_out(transition, before)
        present = {key: value for key, value in before.items() if value is not None}
        assert item(file(1).id) == refused.value.item == present, (name, other)


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("name", MET)
def test_a_transition_makes_no_record_where_there_is_none(name: str) -> None:
    transition = BY_NAME[name]
    sets = dict.fromkeys(transition.sets, "new")
    using = MET[name] | ({"status": READY} if transition is transitions.CLEAR else {})
    to = transition.target[-1] if transition.target else None
    with pytest.raises(ConditionFailedError) as refused:
        record_writer.write(transition, file(1).id, sets, to=to, **using)
    assert refused.value.item is None
    assert item(file(1).id) == {}


# --- what each writes

DUE = {"due_pk", "due_sk"}
LISTED = {"list_pk", "list_sk"}
BYTES = {"sha_pk", "sha_sk"}
LEASE = {"lease_until", "claim_id"}
SEEN = {"revision", "updated_at"}


def claim(of: File) -> object:
    lease = timedelta(seconds=60)
    return claims.claim(of.id, version_id="version", sequencer="0B", claim_id="mine", lease=lease)


def finish(of: File, *leftovers: str) -> object:
    return claims.finish(
        of,
        kind=Kind.OTHER,
        content_type="text/csv",
        size=9,
        sha256="f" * 64,
        image=None,
        renditions=[],
        source_version="1" * 16,
        made_with="another",
        leftovers=leftovers,
    )


FINISHED = {
    *SEEN,
    *("status", "recipe", "kind", "content_type", "size", "sha256", "source_version", "made_with", "renditions"),
    "sha_pk",
}
PROCESSED = {*LEASE, "expires_at", "wanted_recipe"}
FORGOTTEN = {*LISTED, *BYTES, *LEASE, "expires_at", "restore_until", "restore_to"}
DELETED_ = {*SEEN, "status", "ttl", "due_sk"}
# What `retire` has taken away from a record that it left.
TOMBSTONE: dict[str, Any] = dict.fromkeys([*LISTED, *BYTES, *LEASE])

NEVER_READY: dict[str, Any] = {"source_version": None, "leftovers": None}
NO_RENDITIONS: dict[str, Any] = {"renditions": []}


@dataclass(frozen=True)
class Case:
    """A change of the record `full` in this state (with these `values`), and what differs after it."""

    change: Callable[[File], object]
    status: Status
    to: Status
    sets: set[str]
    removes: set[str]
    values: dict[str, Any] = field(default_factory=dict)


CASES = {
    "claim": Case(claim, AWAITING, PROCESSING, {*SEEN, "status", "due_sk", "attempts", "sequencer", *LEASE}, {"ttl"}),
    "claim an expired file": Case(
        claim, EXPIRED, PROCESSING, {*SEEN, "status", "due_sk", "attempts", "sequencer", *LEASE}, {"ttl"}
    ),
    "claim again": Case(claim, PROCESSING, PROCESSING, {*SEEN, "due_sk", "attempts", "sequencer", *LEASE}, {"ttl"}),
    "finish": Case(finish, PROCESSING, READY, FINISHED, {*PROCESSED, *DUE, "error", "leftovers"}),
    "finish with leftovers": Case(
        lambda of: finish(of, "f/old/"),
        PROCESSING,
        READY,
        {*FINISHED, "leftovers", "due_sk"},
        {*PROCESSED, "error"},
    ),
    "fail": Case(
        lambda of: claims.fail(of, ERROR),
        PROCESSING,
        FAILED,
        {*SEEN, "status", "error"},
        {*PROCESSED, *DUE},
        NEVER_READY,
    ),
    "fail a file that was ready": Case(
        lambda of: claims.fail(of, ERROR), PROCESSING, READY, {*SEEN, "status", "error", "due_sk"}, PROCESSED
    ),
    "give up": Case(
        lambda of: claims.give_up(of, ERROR, ["f/a/"]),
        PROCESSING,
        FAILED,
        {*SEEN, "status", "error", "leftovers", "due_sk"},
        PROCESSED,
        NEVER_READY,
    ),
    "give up a file that was ready": Case(
        lambda of: claims.give_up(of, ERROR, ["f/a/"]),
        PROCESSING,
        READY,
        {*SEEN, "status", "error", "leftovers", "due_sk"},
        PROCESSED,
    ),
    "release": Case(claims.release, PROCESSING, PROCESSING, {"lease_until", "due_sk"}, set()),
    "fail an import": Case(
        lambda of: claims.fail_import("acme", of.id, ERROR),
        AWAITING,
        FAILED,
        {*SEEN, "status", "error"},
        {*LEASE, *DUE, "expires_at", "ttl"},
    ),
    "expire": Case(due.expire, AWAITING, EXPIRED, {*SEEN, "status"}, DUE),
    "change": Case(
        lambda of: edits.change(of, {"tags": ["a"], "focus": None}), READY, READY, {*SEEN, "tags"}, {"focus"}
    ),
    "change with leftovers": Case(
        lambda of: edits.change(of, {"leftovers": ["f/old/"]}), READY, READY, {*SEEN, "leftovers", "due_sk"}, set()
    ),
    "process again": Case(
        lambda of: edits.reprocess(of, "avatar", {"tags": ["a"]}),
        READY,
        PROCESSING,
        {*SEEN, "status", "generation", "attempts", "lease_until", "wanted_recipe", "due_sk", "tags"},
        {"claim_id", "error"},
    ),
    "import again": Case(
        lambda of: edits.reopen_import(of, AFTER),
        FAILED,
        AWAITING,
        {*SEEN, "status", "expires_at", "ttl", "due_sk"},
        {"error"},
        {"version_id": None},
    ),
    "retire": Case(
        lambda of: deletion.retire(of, until=LATER, leftovers=["f/old/"]),
        READY,
        DELETED,
        {*DELETED_, "restore_until", "restore_to", "leftovers"},
        {*LISTED, *BYTES, *LEASE, "renditions", "source_version", "made_with"},
    ),
    "retire a file without renditions": Case(
        lambda of: deletion.retire(of, until=LATER, leftovers=[]),
        FAILED,
        DELETED,
        {*DELETED_, "restore_until", "restore_to"},
        {*LISTED, *BYTES, *LEASE, "leftovers"},
        NO_RENDITIONS,
    ),
    "restore": Case(
        deletion.restore,
        DELETED,
        READY,
        {*SEEN, "status", *LISTED, *BYTES},
        {"restore_until", "restore_to", "ttl", *DUE},
        {**TOMBSTONE, "leftovers": None},
    ),
    "restore a file whose renditions are made again": Case(
        deletion.restore,
        DELETED,
        PROCESSING,
        {*SEEN, "status", *LISTED, *BYTES, "generation", "attempts", "lease_until", "due_sk"},
        {"restore_until", "restore_to", "ttl", "error"},
        {**TOMBSTONE, "restore_to": PROCESSING},
    ),
    "restore a failed file with leftovers": Case(
        deletion.restore,
        DELETED,
        FAILED,
        {*SEEN, "status", *LISTED},
        {"restore_until", "restore_to", "ttl"},
        {**TOMBSTONE, "restore_to": FAILED},
    ),
    "delete": Case(lambda of: deletion.mark_deleted("acme", of.id), READY, DELETED, DELETED_, FORGOTTEN),
    "delete a tombstone": Case(
        lambda of: deletion.mark_deleted("acme", of.id, revision=of.revision),
        DELETED,
        DELETED,
        DELETED_ - {"status"},
        FORGOTTEN,
    ),
    "purge": Case(
        lambda of: deletion.mark_purged(of.id),
        DELETED,
        DELETED,
        {"purged"},
        {"image", "renditions", "error", "leftovers", *DUE},
    ),
    "clear": Case(deletion.cleared, READY, READY, set(), {"leftovers", *DUE}, {"restore_until": None}),
    "clear a file that is being processed": Case(
        deletion.cleared, PROCESSING, PROCESSING, set(), {"leftovers"}, {"restore_until": None}
    ),
    "clear a file that can be restored": Case(deletion.cleared, DELETED, DELETED, {"due_sk"}, {"leftovers"}),
    "put off": Case(lambda of: due.put_off(of, LATER), EXPIRED, EXPIRED, {"due_sk"}, set()),
    "nothing due": Case(due.nothing_due, READY, READY, set(), DUE),
}


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("name", CASES)
def test_a_change_writes_and_removes_exactly_this(name: str) -> None:
    case = CASES[name]
    before = full(case.status, **case.values)
    of = stored(before)
    before = item(of.id)
    with time_stands_still():
        returned = case.change(of)
    after = item(of.id)
    assert after["status"] == case.to
    sets, removes = difference(before, after)
    assert (sets, removes) == (case.sets, case.removes)
    if "revision" in sets:
        assert (after["revision"], after["updated_at"]) == (before["revision"] + 1, at(NOW))
        assert isinstance(returned, File)
        assert returned == File.model_validate(after), "the record as it is after the change"
    assert explained(attributes(before), attributes(after)) is not None


def test_there_is_a_case_for_every_transition() -> None:
    assert {transition.name for transition in UPDATES} - {"delete as it was read"} <= CASES.keys()
    assert MET.keys() == {transition.name for transition in UPDATES}


@pytest.mark.usefixtures("stage")
def test_a_change_of_another_revision_returns_none_and_writes_nothing() -> None:
    refused = [
        name
        for name in ("expire", "change", "process again", "retire", "delete a tombstone", "give up")
        if _returned_for_another_revision(CASES[name]) is None
    ]
    assert len(refused) == 6


def _returned_for_another_revision(case: Case) -> object:
    of = stored(full(case.status, **case.values))
    before = item(of.id)
    returned = case.change(of.model_copy(update={"revision": of.revision - 1}))
    assert item(of.id) == before
    return returned


# --- what the table does not have is refused


def test_a_change_that_is_not_in_the_table_is_refused_before_it_is_sent(stage: Calls) -> None:
    right = {"expires_at": at(AFTER), "ttl": 1, **DUE_TIMES}
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
        "values": {"status": EXPIRED, "updated_at": at(NOW)},
        "remove": ["due_pk", "due_sk"],
        "add": {"revision": 1},
        "condition": transitions.EXPIRE.expression,
        "using": {":awaiting_upload": AWAITING, ":revision": 3},
    }
    dynamodb.update(file_key(file(1).id), **{**right, **values})


PLANTED: dict[str, Callable[[], object]] = {
    "another state": lambda: planted(values={"status": READY, "updated_at": at(NOW)}),
    "no state": lambda: planted(values={"updated_at": at(NOW)}),
    "another attribute": lambda: planted(values={"status": EXPIRED, "updated_at": at(NOW), "size": 1}),
    "no updated_at": lambda: planted(values={"status": EXPIRED}),
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
    seen = {"revision": 4, "updated_at": at(NOW)}
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
