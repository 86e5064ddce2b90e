"""What a deleted file is, what it comes back as, and who sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.catalog import deletion, files
from chalicelib.catalog.files import forget_at
from chalicelib.model import File, Status
from tests.catalog.records import AFTER, MILLISECOND, NOW, at, full, item, stored, time_stands_still

UNTIL = NOW + timedelta(days=7)


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    ("status", "renditions", "back"),
    [
        (Status.READY, True, Status.PROCESSING),
        (Status.READY, False, Status.READY),
        (Status.PROCESSING, False, Status.PROCESSING),
        (Status.FAILED, False, Status.FAILED),
    ],
)
def test_a_retired_file_comes_back_as_it_was_or_to_be_processed_again(
    status: Status, renditions: bool, back: Status
) -> None:
    before = stored(full(status, error=None, **({} if renditions else {"renditions": [], "other_renditions": []})))
    with time_stands_still():
        gone = deletion.retire(before, until=UNTIL, leftovers=["f/a/"])
        assert gone
        assert files.get("acme", before.id) is None
        restored = deletion.restore(gone)
    assert restored
    assert (restored.status, restored.restore_to, restored.restore_until) == (back, None, None)
    assert restored.generation == before.generation + (back is Status.PROCESSING)
    assert {"list_pk", "list_sk"} <= item(before.id).keys()
    assert ("sha_pk" in item(before.id)) == (back is not Status.FAILED)
    assert "ttl" not in item(before.id)


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("status", [Status.AWAITING_UPLOAD, Status.EXPIRED])
def test_an_upload_that_waits_cannot_be_retired(status: Status) -> None:
    waiting = stored(full(status))
    with pytest.raises(AssertionError, match="for good"):
        deletion.retire(waiting, until=UNTIL, leftovers=[])
    assert item(waiting.id)["status"] == status


@pytest.mark.usefixtures("stage")
def test_a_file_can_be_restored_until_the_last_millisecond() -> None:
    for until, restored in ((NOW + MILLISECOND, True), (NOW, False)):
        gone = stored(full(Status.DELETED, restore_until=at(until)))
        with time_stands_still():
            assert (deletion.restore(gone) is not None) == restored


@pytest.mark.usefixtures("stage")
def test_a_tombstone_is_its_tenants_and_there_until_it_is_purged() -> None:
    gone = stored(full(Status.DELETED))
    assert deletion.tombstone("acme", gone.id) == gone
    assert deletion.tombstone("other", gone.id) is None
    deletion.mark_purged(gone)
    assert item(gone.id)["purged"] is True
    assert deletion.tombstone("acme", gone.id) is None
    assert deletion.mark_deleted("acme", gone.id) is None
    alive = stored(full(Status.READY))
    assert deletion.tombstone("acme", alive.id) is None


@pytest.mark.usefixtures("stage")
def test_a_deleted_file_is_returned_as_it_is_now_and_is_forgotten_after_30_days() -> None:
    before = stored(full(Status.READY, expires_at=at(AFTER)))
    with time_stands_still():
        gone = deletion.mark_deleted("acme", before.id)
    assert gone
    assert (gone.status, gone.revision, gone.updated_at) == (Status.DELETED, before.revision + 1, NOW)
    assert item(before.id)["ttl"] == forget_at(NOW) == int((NOW + timedelta(days=30)).timestamp())
    # What tells where its objects are stays until they are gone.
    kept = ("version_id", "upload_id", "source_version", "visibility", "kind", "leftovers", "renditions")
    assert [getattr(gone, name) for name in kept] == [getattr(before, name) for name in kept]


@pytest.mark.usefixtures("stage")
def test_a_deleted_file_s_record_keeps_nothing_that_a_client_told() -> None:
    """A new attribute of the record goes with the delete by itself; one that must stay is to be listed here."""
    before = stored(full(Status.READY))
    gone = deletion.mark_deleted("acme", before.id)
    assert gone
    keys = {"pk", "sk", "ttl"}
    kept = {
        "id",
        "tenant",
        "status",
        "visibility",
        "recipe",
        "revision",
        "created_at",
        "updated_at",
        "last_change",
        "owner_mark",
    }
    empty = {"filename": "", "content_type": ""}
    removal = {"kind", "version_id", "upload_id", "source_version", "renditions", "leftovers", "remembered_as"}
    removal |= {"other_renditions", "newer_renditions", "newer_kind"}
    assert item(before.id).keys() == keys | kept | empty.keys() | removal | {"due_pk", "due_sk"}
    deletion.mark_purged(gone)
    left = item(before.id)
    assert left.keys() == keys | kept | empty.keys() | {"purged"}
    assert {name: left[name] for name in empty} == empty
    assert File.model_validate(left).status is Status.DELETED, "the release before this one reads it, too"


@pytest.mark.usefixtures("stage")
def test_leftovers_that_came_later_are_not_cleared() -> None:
    of = stored(full(Status.READY, leftovers=["f/a/"]))
    stored(full(Status.READY, leftovers=["f/a/", "f/b/"]))
    deletion.cleared(of)
    assert item(of.id)["leftovers"] == ["f/a/", "f/b/"]
    stored(full(Status.PROCESSING, leftovers=["f/a/"]))
    deletion.cleared(of)
    assert item(of.id)["leftovers"] == ["f/a/"], "its worker may be about to write there"
