"""The verdict on one object, from the object and its record alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.model import File, Status, Visibility
from chalicelib.renditions import places
from chalicelib.storage.objects import Stored
from chalicelib.upkeep.verdicts import Verdict, of_original, of_rendition, of_upload, prefixes_of
from tests.making import RENDITIONS, file

BEFORE = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = BEFORE - timedelta(milliseconds=1)
DELETED: dict[str, Any] = {"status": Status.DELETED, "version_id": "own", "leftovers": ["f/private/old/"]}


def version(version_id: str = "own", *, marker: bool = False, modified: datetime = OLD) -> Stored:
    return Stored("acme/a", modified, version_id, size=1, is_marker=marker)


def record(**values: Any) -> File:
    return file(1, **{"version_id": None, **values})


READY = record(version_id="own")
WAITING = record(status=Status.AWAITING_UPLOAD)
EXPIRED = record(status=Status.EXPIRED)
FAILED_IMPORT = record(status=Status.FAILED)
RESTORABLE = record(**DELETED, restore_until=BEFORE, restore_to=Status.READY)
GONE = record(**DELETED)


@pytest.mark.parametrize(
    ("owner", "stored", "verdict"),
    [
        (None, version(), Verdict.HIDE),
        (GONE, version(), Verdict.HIDE),
        (READY, version(), Verdict.KEEP),
        (READY, version("later"), Verdict.DELETE),
        (READY, version("marker", marker=True), Verdict.DELETE),
        (RESTORABLE, version(), Verdict.KEEP),
        (RESTORABLE, version("later"), Verdict.DELETE),
        (record(status=Status.PROCESSING, version_id="own"), version(), Verdict.KEEP),
        (record(status=Status.FAILED, version_id="own"), version(), Verdict.KEEP),
        (WAITING, version(), Verdict.TELL),
        (EXPIRED, version(), Verdict.TELL),
        (WAITING, version("marker", marker=True), Verdict.KEEP),
        (FAILED_IMPORT, version(), Verdict.DELETE),
        (FAILED_IMPORT, version("marker", marker=True), Verdict.DELETE),
    ],
)
def test_the_record_decides_what_becomes_of_a_version(owner: File | None, stored: Stored, verdict: Verdict) -> None:
    assert of_original(owner, stored, is_hidden=stored.is_marker, before=BEFORE) is verdict


@pytest.mark.parametrize("owner", [None, GONE])
def test_an_original_without_a_record_is_hidden_once(owner: File | None) -> None:
    assert of_original(owner, version(), is_hidden=True, before=BEFORE) is Verdict.KEEP
    marker = version("marker", marker=True)
    assert of_original(owner, marker, is_hidden=True, before=BEFORE) is Verdict.KEEP


@pytest.mark.parametrize("owner", [None, READY, WAITING, FAILED_IMPORT])
def test_an_original_that_is_young_is_kept(owner: File | None) -> None:
    young = version("later", modified=BEFORE)
    assert of_original(owner, young, is_hidden=False, before=BEFORE) is Verdict.KEEP


VERSION = "0123456789abcdef"
SERVED = record(version_id="own", source_version=VERSION, renditions=RENDITIONS, leftovers=["f/public/left/"])
IN_WORK = SERVED.model_copy(update={"status": Status.PROCESSING})


def rendition(prefix: str, modified: datetime = OLD) -> Stored:
    return Stored(f"{prefix}w160.webp", modified)


@pytest.mark.parametrize(
    ("owner", "prefix", "verdict"),
    [
        (SERVED, f"f/private/{SERVED.id}/{VERSION}/", Verdict.KEEP),
        (SERVED, f"f/public/{SERVED.id}/{VERSION}/", Verdict.DELETE),
        (SERVED, f"f/private/{SERVED.id}/fedcba9876543210/", Verdict.DELETE),
        (SERVED, "f/public/left/", Verdict.KEEP),
        (SERVED, places.made_prefix(SERVED), Verdict.DELETE),
        (IN_WORK, f"f/private/{SERVED.id}/{VERSION}/", Verdict.KEEP),
        (IN_WORK, places.made_prefix(IN_WORK), Verdict.KEEP),
        (READY, f"f/private/{READY.id}/{VERSION}/", Verdict.DELETE),
        (RESTORABLE, "f/private/old/", Verdict.KEEP),
        (GONE, "f/private/old/", Verdict.DELETE),
        (None, f"f/private/{SERVED.id}/{VERSION}/", Verdict.DELETE),
    ],
)
def test_a_rendition_stays_while_its_record_accounts_for_it(owner: File | None, prefix: str, verdict: Verdict) -> None:
    assert of_rendition(owner, rendition(prefix), before=BEFORE) is verdict


def test_a_rendition_that_is_young_is_kept() -> None:
    assert of_rendition(None, rendition("f/private/x/", BEFORE), before=BEFORE) is Verdict.KEEP


def test_a_public_file_s_prefixes_are_public() -> None:
    public = SERVED.model_copy(update={"visibility": Visibility.PUBLIC})
    assert prefixes_of(public) == ("f/public/left/", f"f/public/{SERVED.id}/{VERSION}/")


OPEN = {"status": Status.AWAITING_UPLOAD, "upload_id": "own", "part_size": 1}


@pytest.mark.parametrize(
    ("owner", "upload", "verdict"),
    [
        (None, version(), Verdict.HIDE),
        (None, version(modified=BEFORE), Verdict.KEEP),
        (record(**OPEN), version(), Verdict.KEEP),
        (record(**OPEN), version("second"), Verdict.DELETE),
        (record(**OPEN), version("second", modified=BEFORE), Verdict.DELETE),
        (record(**OPEN | {"upload_id": None}), version(), Verdict.KEEP),  # an earlier release did not know the id
        (record(status=Status.AWAITING_UPLOAD, source_url="https://a.example/"), version(), Verdict.KEEP),
        *(
            (record(**OPEN | {"status": status}), version(modified=BEFORE), Verdict.DELETE)
            for status in Status
            if status is not Status.AWAITING_UPLOAD
        ),
    ],
)
def test_an_open_upload_stays_while_its_file_waits_for_it(owner: File | None, upload: Stored, verdict: Verdict) -> None:
    assert of_upload(owner, upload, before=BEFORE) is verdict
