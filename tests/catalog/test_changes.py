"""What each change of a record sets and removes, exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import claims, deletion, due, eager, edits, files, hashes, holds, scans, service_states
from chalicelib.catalog.claims import Findings
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.transitions import FOUND, INFO, TRANSITIONS
from chalicelib.model import (
    Caption,
    ErrorCode,
    File,
    FileError,
    Kind,
    Scan,
    ScanStatus,
    ServiceError,
    ServiceState,
    ServiceStatus,
    Status,
    Worker,
)
from tests.catalog.records import (
    AFTER,
    LATER,
    NOW,
    at,
    difference,
    full,
    item,
    stored,
    time_stands_still,
)
from tests.transitions import explained

AWAITING, PROCESSING, READY = Status.AWAITING_UPLOAD, Status.PROCESSING, Status.READY
FAILED, EXPIRED, DELETED = Status.FAILED, Status.EXPIRED, Status.DELETED

ERROR = FileError(code=ErrorCode.CORRUPT, message="broken")
INFECTED = FileError(code=ErrorCode.INFECTED, message="bad")
CAPTION = Caption(language="en", label="English", name="av/captions-1.vtt", sha256="")
CLEAN = Scan(status=ScanStatus.CLEAN, scanned_at=NOW)

DUE = {"due_pk", "due_sk"}
LISTED = {"list_pk", "list_sk"}
BYTES = {"sha_pk", "sha_sk"}
LEASE = {"lease_until", "claim_id"}
SEEN = {"revision", "updated_at", "last_change"}


def claim(of: File) -> object:
    lease = timedelta(seconds=60)
    return claims.claim(of.id, version_id="version", sequencer="0B", claim_id="mine", lease=lease)


def finish(of: File, *leftovers: str, asked: dict[str, ServiceState] | None = None) -> object:
    return claims.finish(
        of,
        kind=Kind.OTHER,
        content_type="text/csv",
        proven_type="application/octet-stream",
        size=9,
        sha256="f" * 64,
        made=Findings(),
        renditions=[],
        source_version="1" * 16,
        made_with="another",
        leftovers=leftovers,
        asked=asked,
    )


FINISHED = {
    *SEEN,
    *(
        "status",
        "recipe",
        "kind",
        "content_type",
        "proven_type",
        "size",
        "sha256",
        "source_version",
        "made_with",
        "renditions",
    ),
    "sha_pk",
}
PROCESSED = {*LEASE, "expires_at", "wanted_recipe", "handed_to"}
# The findings of earlier processing, of a kind that the file has no more.
FOUND_BEFORE = {*(set(INFO) & File.model_fields.keys()), *FOUND}
QUARANTINED = {
    *(*PROCESSED, *(FOUND_BEFORE - {"newer_kind"})),
    *("renditions", "source_version", "made_with", "accepted_version", "services"),
}
KEPT = {"id", "tenant", "status", "visibility", "recipe", "revision", "created_at", "updated_at", "last_change"} | {
    "owner_mark"
}
EMPTIED = {"filename", "content_type"}
FOR_REMOVAL = {
    *("kind", "newer_kind", "version_id", "upload_id", "source_version"),
    *("renditions", "other_renditions", "newer_renditions", "leftovers", "remembered_as"),
}
HELD = {"since": at(NOW), "actor": {"type": "key", "id": "admin"}}
# A file under legal hold is not deleted, and one with a retention is always due: no record of these cases is.
UNHELD = {"legal_hold", "expires_after"}
FORGOTTEN = (File.model_fields.keys() - KEPT - EMPTIED - FOR_REMOVAL - UNHELD) | LISTED | BYTES
DELETED_ = {*SEEN, "status", "ttl", "due_sk"}
# What `retire` has taken away from a record that it left.
TOMBSTONE: dict[str, Any] = dict.fromkeys([*LISTED, *BYTES, *LEASE])

NEVER_READY: dict[str, Any] = {"source_version": None, "leftovers": None}
NO_RENDITIONS: dict[str, Any] = {"renditions": [], "other_renditions": [], "preview": None}


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
    "finish": Case(finish, PROCESSING, READY, FINISHED, {*PROCESSED, *FOUND_BEFORE, *DUE, "error", "leftovers"}),
    "finish with leftovers": Case(
        lambda of: finish(of, "f/old/"),
        PROCESSING,
        READY,
        {*FINISHED, "leftovers", "due_sk"},
        {*PROCESSED, *FOUND_BEFORE, "error"},
    ),
    "finish, and ask a service": Case(
        lambda of: finish(of, asked={"labels": service_states.asked(None, 1, 1)}),
        PROCESSING,
        READY,
        {*FINISHED, "services", "due_sk"},
        {*PROCESSED, *FOUND_BEFORE, "error", "leftovers"},
    ),
    "ask a service": Case(
        lambda of: service_states.ask(of, "function", 1, 3), READY, READY, {*SEEN, "services", "due_sk"}, set()
    ),
    "begin a service's job": Case(
        lambda of: service_states.begin(of, "labels", "job", timedelta(hours=1)),
        READY,
        READY,
        {*SEEN, "services", "due_sk"},
        set(),
        {"services": {"labels": {"status": "waiting", "version": 1}}},
    ),
    "end a service's job": Case(
        lambda of: service_states.done(of, "labels", {"a": 1.5}, ["a"]),
        READY,
        READY,
        {*SEEN, "services"},
        set(DUE),
        {"services": {"labels": {"status": "running", "version": 1}}, "leftovers": []},
    ),
    "end a service's job, while there are leftovers": Case(
        lambda of: service_states.tried(of, "labels", ServiceError(code="a", message="b"), ServiceStatus.FAILED),
        READY,
        READY,
        {*SEEN, "services", "due_sk"},
        set(),
        {"services": {"labels": {"status": "running", "version": 1, "tries": 1, "attempts": 1}}},
    ),
    "hash later": Case(
        lambda of: hashes.record(of, "f" * 64),
        READY,
        READY,
        {*SEEN, "sha256", "sha_pk", "sha_sk"},
        set(DUE),
        {"sha256": None, "sha_pk": None, "sha_sk": None, "leftovers": []},
    ),
    "made eagerly": Case(eager.record, READY, READY, {"eager_version"}, set(DUE), {"leftovers": []}),
    "made eagerly, while there are leftovers": Case(eager.record, READY, READY, {"eager_version"}, set()),
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
    "fail a file whose bytes are refused": Case(
        lambda of: claims.fail(of, ERROR, refused=True),
        PROCESSING,
        FAILED,
        {*SEEN, "status", "error", "refused", "due_sk"},
        PROCESSED,
        NEVER_READY,
    ),
    "refuse": Case(
        lambda of: claims.refuse(of, ERROR),
        AWAITING,
        FAILED,
        {*SEEN, "status", "error", "refused", "due_sk"},
        {"expires_at", "ttl"},
    ),
    "hand over": Case(
        lambda of: claims.hand_over(of, Worker.MEDIA),
        PROCESSING,
        PROCESSING,
        {"handed_to", "attempts", "lease_until", "due_sk"},
        {"claim_id"},
        {"handed_to": None},
    ),
    "hold": Case(
        scans.hold,
        PROCESSING,
        PROCESSING,
        {"scan", "attempts", "lease_until", "due_sk"},
        {"claim_id"},
        {"scan_version": None},
    ),
    "hear a verdict": Case(
        lambda of: scans.hear(of, "version", CLEAN), PROCESSING, PROCESSING, {"scan", "scan_rank"}, set()
    ),
    "scan again": Case(
        lambda of: scans.hear(of, "version", CLEAN) and files.record(of.id),
        READY,
        READY,
        {*SEEN, "scan", "scan_rank"},
        set(),
    ),
    "ask the scanner": Case(scans.ask, PROCESSING, PROCESSING, {"scan_asked"}, set()),
    "accept": Case(scans.accept, PROCESSING, PROCESSING, {"accepted_version"}, set(), {"accepted_version": None}),
    "quarantine": Case(
        lambda of: scans.quarantine(of, INFECTED, ["f/a/"]),
        READY,
        FAILED,
        {*SEEN, "status", "error", "leftovers", "due_sk"},
        QUARANTINED,
    ),
    "quarantine a file of which nothing was made": Case(
        lambda of: scans.quarantine(of, INFECTED, []),
        PROCESSING,
        FAILED,
        {*SEEN, "status", "error"},
        {*QUARANTINED, "leftovers", *DUE},
    ),
    "expire": Case(due.expire, AWAITING, EXPIRED, {*SEEN, "status"}, DUE),
    "change": Case(
        lambda of: edits.change(of, {"tags": ["a"], "focus": None}), READY, READY, {*SEEN, "tags"}, {"focus"}
    ),
    "change its retention": Case(
        lambda of: edits.change(of, {"expires_after": 86400}),
        READY,
        READY,
        {*SEEN, "expires_after", "due_sk"},
        set(),
        {"leftovers": None},
    ),
    "fail a file with a retention": Case(
        lambda of: claims.fail(of, ERROR),
        PROCESSING,
        FAILED,
        {*SEEN, "status", "error", "due_sk"},
        PROCESSED,
        {**NEVER_READY, "expires_after": 86400},
    ),
    "fail an import with a retention": Case(
        lambda of: claims.fail_import("acme", of.id, ERROR, LATER),
        AWAITING,
        FAILED,
        {*SEEN, "status", "error", "due_sk"},
        {*LEASE, "expires_at", "ttl"},
    ),
    "change with leftovers": Case(
        lambda of: edits.change(of, {"leftovers": ["f/old/"]}), READY, READY, {*SEEN, "leftovers", "due_sk"}, set()
    ),
    "caption": Case(
        lambda of: edits.caption(of, [CAPTION], of.other_renditions[:0], ["f/old/"]),
        READY,
        READY,
        {*SEEN, "captions", "leftovers", "due_sk"},
        {"other_renditions", "newer_renditions"},
    ),
    "take the last captions away": Case(
        lambda of: edits.caption(of, [], of.other_renditions[:0], []),
        READY,
        READY,
        SEEN,
        {"captions", "other_renditions", "newer_renditions"},
    ),
    "process again": Case(
        lambda of: edits.reprocess(of, "avatar", {"tags": ["a"]}),
        READY,
        PROCESSING,
        {*SEEN, "status", "generation", "attempts", "lease_until", "wanted_recipe", "due_sk", "tags"},
        {"claim_id", "error", "handed_to"},
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
    "delete": Case(lambda of: deletion.mark_deleted("acme", of.id), READY, DELETED, {*DELETED_, *EMPTIED}, FORGOTTEN),
    "delete a tombstone": Case(
        lambda of: deletion.mark_deleted("acme", of.id, revision=of.revision),
        DELETED,
        DELETED,
        {*DELETED_, *EMPTIED} - {"status"},
        FORGOTTEN,
    ),
    "purge": Case(
        deletion.mark_purged,
        DELETED,
        DELETED,
        {"purged", *EMPTIED},
        {*FORGOTTEN, *FOR_REMOVAL, *DUE},
    ),
    "discard": Case(deletion.discarded, FAILED, FAILED, set(), {"refused", *DUE}, {"refused": True, "leftovers": None}),
    "discard a file with leftovers": Case(deletion.discarded, FAILED, FAILED, set(), {"refused"}, {"refused": True}),
    "clear a file whose bytes are refused": Case(
        deletion.cleared, FAILED, FAILED, set(), {"leftovers"}, {"restore_until": None, "refused": True}
    ),
    "clear": Case(deletion.cleared, READY, READY, set(), {"leftovers", *DUE}, {"restore_until": None}),
    "clear a file that is being processed": Case(
        deletion.cleared, PROCESSING, PROCESSING, set(), {"leftovers"}, {"restore_until": None}
    ),
    "clear a file that can be restored": Case(deletion.cleared, DELETED, DELETED, {"due_sk"}, {"leftovers"}),
    "put on legal hold": Case(holds.hold, READY, READY, {*SEEN, "legal_hold"}, {"ttl"}, {"refused": None}),
    "put on legal hold, deleted": Case(
        holds.hold, DELETED, DELETED, {*SEEN, "legal_hold"}, {"ttl"}, {**TOMBSTONE, "refused": None}
    ),
    "release from legal hold": Case(
        holds.release, READY, READY, SEEN, {"legal_hold", *DUE}, {"legal_hold": HELD, "leftovers": None}
    ),
    "release from legal hold, with leftovers": Case(
        holds.release, READY, READY, {*SEEN, "due_sk"}, {"legal_hold"}, {"legal_hold": HELD}
    ),
    "release from legal hold, deleted": Case(
        holds.release,
        DELETED,
        DELETED,
        {*SEEN, "due_sk", "ttl"},
        {"legal_hold"},
        {**TOMBSTONE, "legal_hold": HELD, "ttl": None},
    ),
    "fail a held file whose bytes would be refused": Case(
        lambda of: claims.fail(of, ERROR, refused=True),
        PROCESSING,
        FAILED,
        {*SEEN, "status", "error", "due_sk"},
        PROCESSED,
        {**NEVER_READY, "legal_hold": HELD, "leftovers": ["f/a/"]},
    ),
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
    names = {transition.name for transition in TRANSITIONS}
    assert names - {"create", "delete as it was read"} <= CASES.keys()


def test_the_record_of_these_cases_has_every_attribute() -> None:
    named = {name for name, value in full(READY).items() if value not in (None, [], {})}
    assert named >= File.model_fields.keys() - UNHELD


@pytest.mark.usefixtures("stage")
def test_a_change_of_another_revision_returns_none_and_writes_nothing() -> None:
    refused = [
        name
        for name in ("expire", "change", "process again", "retire", "delete a tombstone", "give up", "refuse")
        if _returned_for_another_revision(CASES[name]) is None
    ]
    assert len(refused) == 7


def _returned_for_another_revision(case: Case) -> object:
    of = stored(full(case.status, **case.values))
    before = item(of.id)
    returned = case.change(of.model_copy(update={"revision": of.revision - 1}))
    assert item(of.id) == before
    return returned
