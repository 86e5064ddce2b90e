"""The fate of a record, for each pair of what it was and what it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.model import File, Status
from ops.restore.fates import TORN, Fate, fate
from tests.making import BEGIN, file

AT = BEGIN + timedelta(days=1)


def decided(then: File | None, present: File | None, *, there: bool = True, **more: Any) -> Fate:
    seen = present.revision if present else more.pop("seen", 0)
    values = {"seen": seen, "at": AT, "has_bytes": lambda _: there, "keep_newer": False, **more}
    return fate(then, present, **values)


def was(**values: Any) -> File:
    return file(1, **({"version_id": "v"} | values))


def is_now(**values: Any) -> File:
    return file(1, **({"version_id": "v", "revision": 7} | values))


WAITING: dict[str, Any] = {"status": Status.AWAITING_UPLOAD, "version_id": None}
DELETED: dict[str, Any] = {"status": Status.DELETED}
BIN: dict[str, Any] = {"status": Status.DELETED, "restore_until": AT + timedelta(days=9)}


def test_a_file_that_nobody_changed_is_kept() -> None:
    assert decided(was(), was()) is Fate.KEEP


def test_a_file_that_was_changed_gets_a_revision_that_is_news_to_everybody() -> None:
    assert decided(was(), is_now()) is Fate.RAISE


def test_what_was_written_shortly_before_may_be_torn_and_is_indexed_again() -> None:
    assert decided(was(updated_at=AT - TORN), was(updated_at=AT - TORN)) is Fate.RAISE
    early = was(updated_at=AT - TORN - timedelta(milliseconds=1))
    assert decided(early, early) is Fate.KEEP


def test_what_an_earlier_run_has_seen_to_is_left() -> None:
    assert decided(was(revision=8), is_now()) is Fate.KEEP
    assert decided(was(revision=8, **DELETED), is_now()) is Fate.KEEP, "it was set aside"
    assert decided(was(revision=8, status=Status.PROCESSING), is_now()) is Fate.KEEP
    assert decided(was(revision=8, updated_at=AT + timedelta(hours=1)), is_now()) is Fate.KEEP


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (is_now(), Fate.SET_ASIDE),
        (is_now(status=Status.PROCESSING), Fate.SET_ASIDE),
        (is_now(status=Status.FAILED), Fate.SET_ASIDE),
        (file(1, revision=1, **WAITING), Fate.COPY),
        (is_now(**DELETED), Fate.COPY),
    ],
)
def test_a_file_that_came_later_is_set_aside_unless_it_is_on_its_way(present: File, expected: Fate) -> None:
    assert decided(None, present) is expected
    assert decided(None, present, keep_newer=True) is Fate.COPY


def test_a_file_that_came_later_and_is_under_legal_hold_stays() -> None:
    held = {"since": "2026-11-22T12:00:00Z", "actor": {"type": "key", "id": "a"}}
    assert decided(None, is_now(status=Status.READY, legal_hold=held)) is Fate.COPY


def test_a_deleted_file_comes_back_with_its_bytes_and_stays_deleted_without_them() -> None:
    assert decided(was(), is_now(**DELETED)) is Fate.RAISE
    assert decided(was(), is_now(**DELETED), there=False) is Fate.COPY
    assert decided(was(), is_now(**BIN)) is Fate.RAISE


def test_a_tombstone_that_ttl_removed_counts_as_deleted() -> None:
    assert decided(was(), None, seen=5, there=False) is Fate.FORGET
    assert decided(was(), None, seen=5) is Fate.RAISE
    assert decided(was(**DELETED), None, seen=5, there=False) is Fate.RAISE


def test_a_file_that_was_in_the_bin_and_lives_again_is_not_thrown_away() -> None:
    """The sweep would remove its bytes for good, because its window is over."""
    assert decided(was(**BIN), is_now()) is Fate.COPY


def test_a_failed_import_that_came_after_all_keeps_its_bytes() -> None:
    """The sweep would delete the original of a failed record without a version."""
    failed = file(1, status=Status.FAILED, version_id=None)
    assert decided(failed, is_now()) is Fate.COPY
    assert decided(failed, is_now(version_id=None)) is Fate.RAISE


def test_a_file_that_was_being_processed_is_opened_again() -> None:
    """The sweep would give it up, because its lease is over for so long."""
    assert decided(was(status=Status.PROCESSING), is_now()) is Fate.RESUME
    assert decided(was(status=Status.PROCESSING), was(status=Status.PROCESSING)) is Fate.RESUME


def test_an_upload_that_came_since_waits_again_for_the_bytes_that_are_there() -> None:
    assert decided(file(1, revision=1, **WAITING), is_now()) is Fate.RAISE
    assert decided(file(1, revision=1, **WAITING), is_now(**DELETED), there=False) is Fate.COPY
