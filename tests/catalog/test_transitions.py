"""The table of transitions: the ways that a file goes, and the states and conditions that each change needs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.catalog import dynamodb, record_writer, transitions
from chalicelib.catalog.dynamodb import ConditionFailedError
from chalicelib.catalog.transitions import CREATE, TRANSITIONS, Transition
from chalicelib.model import Status
from tests.catalog.records import (
    AFTER,
    BEFORE,
    NOW,
    at,
    full,
    item,
    stored,
    time_stands_still,
)
from tests.making import file
from tests.stage import ROOT

AWAITING, PROCESSING, READY = Status.AWAITING_UPLOAD, Status.PROCESSING, Status.READY
FAILED, EXPIRED, DELETED = Status.FAILED, Status.EXPIRED, Status.DELETED

UPDATES = [transition for transition in TRANSITIONS if transition is not CREATE]
BY_NAME = {transition.name: transition for transition in TRANSITIONS}

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
        (READY, FAILED),
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
    "hash later": {"version_id": "version"},
    "ask a service": {"tenant": "acme", "revision": 3},
    "end a service's job": {"tenant": "acme", "revision": 3},
    "fail": {"claim_id": "claim"},
    "give up": {"revision": 3},
    "release": {"claim_id": "claim"},
    "fail an import": {"tenant": "acme"},
    "refuse": {"revision": 3},
    "expire": {"revision": 3},
    "change": {"tenant": "acme", "revision": 3},
    "caption": {"tenant": "acme", "revision": 3},
    "process again": {"tenant": "acme", "revision": 3},
    "import again": {"tenant": "acme", "revision": 3},
    "retire": {"tenant": "acme", "revision": 3},
    "restore": {"tenant": "acme", "revision": 3},
    "put on legal hold": {"tenant": "acme", "revision": 3},
    "release from legal hold": {"tenant": "acme", "revision": 3},
    "delete": {"tenant": "acme"},
    "delete as it was read": {"tenant": "acme", "revision": 3},
    "hold": {"claim_id": "claim", "version_id": "other"},
    "hand over": {"claim_id": "claim"},
    "made eagerly": {"source_version": "0" * 16},
    "hear a verdict": {"tenant": "acme", "version_id": "version", "rank": 2},
    "scan again": {"tenant": "acme", "version_id": "version", "rank": 2},
    "ask the scanner": {"version_id": "version"},
    "accept": {"version_id": "version"},
    "quarantine": {"tenant": "acme", "revision": 3, "version_id": "version"},
    "purge": {},
    "discard": {},
    "clear": {"leftovers": ["f/private/a/"]},
    "put off": {"revision": 3},
    "nothing due": {"revision": 3},
}

# These say in their condition which state they start in.
AS_IN_STATE = (transitions.CLEAR, transitions.HASH_LATER)

OF_SERVICES = ("ask a service", "end a service's job")

HELD = {"since": at(BEFORE), "actor": {"type": "key", "id": "a"}}

# A record for which the condition does not hold, by what is another value (None: is not there).
UNMET: list[tuple[str, dict[str, Any]]] = [
    ("claim", {"status": PROCESSING, "version_id": "another"}),
    ("claim", {"status": PROCESSING, "lease_until": at(AFTER)}),
    ("finish", {"claim_id": "another"}),
    ("finish", {"claim_id": None}),
    ("hash later", {"version_id": "another"}),
    ("hash later", {"sha256": "f" * 64}),
    ("hand over", {"claim_id": "another"}),
    ("hand over", {"claim_id": None}),
    ("fail", {"claim_id": "another"}),
    ("give up", {"revision": 4}),
    ("give up", {"lease_until": at(AFTER)}),
    ("give up", {"lease_until": None}),
    ("release", {"claim_id": "another"}),
    ("fail an import", {"tenant": "other"}),
    ("refuse", {"revision": 4}),
    ("expire", {"revision": 4}),
    *(
        (name, other)
        for name in (
            "change",
            "caption",
            "process again",
            "import again",
            "retire",
            "restore",
            "delete as it was read",
            "put on legal hold",
            "release from legal hold",
            *OF_SERVICES,
        )
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
    ("discard", {"refused": None}),
    *(
        (name, {"legal_hold": HELD})
        for name in ("retire", "delete", "delete as it was read", "purge", "discard", "put on legal hold")
    ),
    ("put on legal hold", {"version_id": None}),
    ("put on legal hold", {"refused": True}),
    ("put on legal hold", {"restore_until": None}),
    ("release from legal hold", {"legal_hold": None}),
    ("clear", {"leftovers": ["f/private/b/"]}),
    ("clear", {"leftovers": None}),
    ("made eagerly", {"source_version": "1" * 16}),
    ("put off", {"revision": 4}),
    ("put off", {"due_pk": None, "due_sk": None}),
    ("nothing due", {"revision": 4}),
    ("nothing due", {"due_pk": None, "due_sk": None}),
]

DUE_TIMES = {"due_pk": "DUE#0", "due_sk": "2026"}


def record_for(transition: Transition, status: Status) -> dict[str, Any]:
    """A record for which the condition holds."""
    others: dict[str, dict[str, Any]] = {
        "import again": {"version_id": None},
        "discard": {"refused": True},
        "put on legal hold": {"refused": None},
        "release from legal hold": {"legal_hold": HELD},
        "hash later": {"sha256": None, "sha_pk": None, "sha_sk": None},
    }
    return full(status, **others.get(transition.name, {}))


def carry_out(transition: Transition, values: dict[str, Any]) -> dict[str, Any]:
    """Writes it with whatever it must set, at NOW; the record's values after it."""
    file_id = stored(values).id
    using = MET[transition.name] | ({"status": values["status"]} if transition in AS_IN_STATE else {})
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
    using = MET[name] | ({"status": READY} if transition in AS_IN_STATE else {})
    to = transition.target[-1] if transition.target else None
    with pytest.raises(ConditionFailedError) as refused:
        record_writer.write(transition, file(1).id, sets, to=to, **using)
    assert refused.value.item is None
    assert item(file(1).id) == {}


def test_every_transition_of_the_table_is_tested_here() -> None:
    assert MET.keys() == {transition.name for transition in UPDATES}
