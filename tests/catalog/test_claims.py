"""Claims at the edges of their conditions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import claims
from chalicelib.catalog.claims import Findings, Refusal, Refused
from chalicelib.model import ErrorCode, File, FileError, Status, new_file_id
from tests.catalog.records import MILLISECOND, NOW, at, full, item, stored, time_stands_still

LEASE = timedelta(seconds=60)
ERROR = FileError(code=ErrorCode.INTERNAL, message="stopped")


def claim(file_id: str, **more: Any) -> File | Refused:
    wanted: dict[str, Any] = {"version_id": "version", "sequencer": "0B", "claim_id": "mine"}
    with time_stands_still():
        return claims.claim(file_id, lease=LEASE, **{**wanted, **more})


def reason(answer: File | Refused) -> Refusal:
    assert isinstance(answer, Refused)
    return answer.reason


@pytest.mark.usefixtures("stage")
def test_a_claim_holds_for_exactly_its_lease_and_is_then_due() -> None:
    claimed = claim(stored(full(Status.AWAITING_UPLOAD)).id)
    assert isinstance(claimed, File)
    assert (claimed.lease_until, claimed.updated_at, claimed.claim_id) == (NOW + LEASE, NOW, "mine")
    assert item(claimed.id)["due_sk"] == f"{at(NOW + LEASE)}#{claimed.id}"


@pytest.mark.usefixtures("stage")
def test_a_lease_is_over_at_its_very_last_millisecond_and_not_one_before() -> None:
    over = stored(full(Status.PROCESSING, lease_until=at(NOW)))
    assert isinstance(claim(over.id), File)
    alive = stored(full(Status.PROCESSING, lease_until=at(NOW + MILLISECOND)))
    assert reason(claim(alive.id)) is Refusal.LEASED


@pytest.mark.usefixtures("stage")
def test_a_file_is_given_up_at_the_end_of_its_lease_and_not_before() -> None:
    alive = stored(full(Status.PROCESSING, lease_until=at(NOW + MILLISECOND)))
    with time_stands_still():
        assert claims.give_up(alive, ERROR, []) is None
        assert item(alive.id)["status"] == Status.PROCESSING
        over = stored(full(Status.PROCESSING, lease_until=at(NOW)))
        assert claims.give_up(over, ERROR, [])


@pytest.mark.usefixtures("stage")
def test_a_refused_claim_says_why() -> None:
    assert reason(claim(new_file_id())) is Refusal.UNKNOWN
    assert reason(claim(stored(full(Status.DELETED)).id)) is Refusal.DELETED
    busy = stored(full(Status.PROCESSING, lease_until=at(NOW + LEASE), sequencer="0B")).id
    assert reason(claim(busy)) is Refusal.LEASED
    assert reason(claim(busy, sequencer="0A")) is Refusal.LEASED, "the same version, whatever its event says"
    assert reason(claim(busy, version_id="another", sequencer="0A")) is Refusal.STALE
    assert reason(claim(busy, version_id="another", sequencer="0C")) is Refusal.DONE
    for status in (Status.READY, Status.FAILED):
        done = stored(full(status, sequencer="0B")).id
        assert reason(claim(done, sequencer="0B")) is Refusal.DONE
        assert reason(claim(done, sequencer="0A")) is Refusal.STALE
        assert reason(claim(done, sequencer="0C")) is Refusal.DONE


@pytest.mark.usefixtures("stage")
def test_another_version_never_takes_a_file_from_the_first() -> None:
    over = stored(full(Status.PROCESSING, lease_until=at(NOW)))
    assert reason(claim(over.id, version_id="another", sequencer="0C")) is Refusal.DONE
    assert item(over.id)["version_id"] == "version"


@pytest.mark.parametrize(
    ("sequencer", "than", "expected"),
    [
        ("0A", "0B", True),
        ("0B", "0A", False),
        ("0A", "0A", False),
        # The shorter is padded on the right: 9 is 90, which comes after 0A.
        ("9", "0A", False),
        ("0A", "9", True),
        ("1", "10", False),
        ("10", "1", False),
        ("1", "11", True),
        ("11", "1", False),
        ("0", None, False),
        ("1", None, False),
    ],
)
def test_an_event_is_older_by_its_sequencer_padded_on_the_right(
    sequencer: str, than: str | None, expected: bool
) -> None:
    assert claims.older(sequencer, than) is expected


@pytest.mark.usefixtures("stage")
def test_nobody_ends_or_extends_the_claim_of_another() -> None:
    ours = stored(full(Status.PROCESSING, lease_until=at(NOW + LEASE)))
    late = ours.model_copy(update={"claim_id": "late"})
    before = item(ours.id)
    claims.release(late)
    assert claims.fail(late, ERROR) is None
    assert item(ours.id) == before
    with time_stands_still():
        claims.release(ours)
    assert item(ours.id)["lease_until"] == at(NOW)


@pytest.mark.usefixtures("stage")
def test_a_finished_file_has_the_recipe_that_was_wanted() -> None:
    from chalicelib.model import Kind

    made: dict[str, Any] = {"kind": Kind.OTHER, "content_type": "text/csv", "size": 1, "sha256": "a" * 64}
    made["proven_type"] = "application/octet-stream"
    made |= {"made": Findings(), "renditions": [], "source_version": "1" * 16, "made_with": "m"}
    for wanted, recipe in (("document", "document"), (None, "photo")):
        done = claims.finish(stored(full(Status.PROCESSING, wanted_recipe=wanted)), **made)
        assert done
        assert done.recipe == recipe


@pytest.mark.usefixtures("stage")
def test_an_import_that_failed_says_when(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = stored(full(Status.AWAITING_UPLOAD))
    with time_stands_still():
        failed = claims.fail_import("acme", waiting.id, ERROR)
    assert failed
    assert (failed.status, failed.error, failed.updated_at) == (Status.FAILED, ERROR, NOW)
    assert failed.updated_at != waiting.updated_at
