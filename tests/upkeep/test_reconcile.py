"""Reconciliation of the buckets with the table, as runs of the sweep do it. test_verdicts.py has the verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import model
from chalicelib import settings as stage_settings
from chalicelib.delivery import missing
from chalicelib.model import Status
from chalicelib.renditions.recipes import RECIPES, Encoding
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import objects
from chalicelib.upkeep import reconcile, sweep
from tests.client import Client
from tests.faults.world import Clock
from tests.making import deliver, derived, put, upload
from tests.stage import Calls, aws_client
from tests.upkeep.making import PHOTO, nothing, record


def later(clock: Clock) -> Any:
    clock.forward(timedelta(days=2))
    return sweep.run()


def test_edges_forget_public_renditions_that_no_record_leads_to(
    client: Client, clock: Clock, asked: list[list[str]]
) -> None:
    public, private = ("file_" + letter * 26 for letter in "AB")
    for key in (f"f/public/{public}/v/w160.avif", f"f/public/{public}/v/w320.avif", f"f/private/{private}/v/w160.avif"):
        aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"x")
    assert later(clock)["Orphans"] == 3
    assert asked == [[f"/f/public/{public}/*"]]


def put_orphans(count: int) -> None:
    for _ in range(count):
        file_id = model.new_file_id()
        put(file_id, b"x")
        aws_client("s3").put_object(Bucket="derived", Key=f"f/private/{file_id}/0123456789abcdef/w1.webp", Body=b"x")


def test_objects_without_a_record_go_once_they_are_a_day_old(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    put_orphans(3)
    assert nothing(sweep.run())
    done = later(clock)
    assert (done["Orphans"], done["Walked"]) == (6, 4 + 3 + len(record(file_id).renditions))
    assert len(derived()) == len(record(file_id).renditions)
    listed = aws_client("s3").list_objects_v2(Bucket="originals")["Contents"]
    assert [entry["Key"] for entry in listed] == [f"acme/{file_id}"]
    assert len(aws_client("s3").list_object_versions(Bucket="originals")["Versions"]) == 4, "they can be brought back"
    assert not later(clock)["Orphans"]


def test_what_was_made_on_demand_stays_though_no_record_lists_it(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = replace(RECIPES["photo"], encodings=(), on_demand=(Encoding("webp", quality=60),))
    monkeypatch.setitem(RECIPES, "photo", asked_for)
    file_id = upload(client, PHOTO)
    deliver(file_id)
    file = record(file_id)
    address = missing.parse("private", file.id, str(file.source_version), "w64.webp")
    assert address
    assert missing.obtain(address) is missing.Outcome.MADE
    clock.forward(timedelta(days=2))
    assert sweep.run()["Orphans"] == 0
    assert derived() == [address.key]


def test_where_most_objects_have_no_record_nothing_is_removed(client: Client, clock: Clock) -> None:
    put_orphans(reconcile.STRANGE + 1)
    done = later(clock)
    assert (done["Unowned"], done["Orphans"]) == (2 * (reconcile.STRANGE + 1), 0)
    assert len(derived()) == reconcile.STRANGE + 1


def test_a_later_version_no_longer_hides_the_file_s_own(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    own = record(file_id).version_id
    put(file_id, b"other bytes")
    assert later(clock)["Orphans"] == 1
    [kept] = aws_client("s3").list_object_versions(Bucket="originals")["Versions"]
    assert (kept["VersionId"], kept["IsLatest"]) == (own, True)


def test_a_delete_marker_over_a_file_s_original_is_taken_away(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{file_id}")
    later(clock)
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")["VersionId"]


def test_files_whose_objects_are_gone_are_counted(client: Client, clock: Clock) -> None:
    first, second = upload(client, PHOTO), upload(client, PHOTO)
    deliver(first)
    deliver(second)
    aws_client("s3").delete_object(Bucket="derived", Key=next(key for key in derived() if first in key))
    aws_client("s3").delete_object(Bucket="originals", Key=f"acme/{second}", VersionId=record(second).version_id)
    assert sweep.run()["Missing"] == 2
    assert record(first).status is Status.READY


def test_a_reconciliation_goes_on_where_it_stopped_and_sees_each_object_once(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        deliver(upload(client, PHOTO))
    seen: list[str] = []
    listed = derived_objects.page

    def two(after: str, prefix: str = "") -> objects.Page:
        page = listed(after, prefix)
        if prefix or len(page.objects) <= 7:
            seen.extend(each.key for each in page.objects if not prefix)
            return page
        cut = page.objects[:7]
        seen.extend(each.key for each in cut)
        return objects.Page(cut, (cut[-1].key, ""))

    monkeypatch.setattr(derived_objects, "page", two)
    monkeypatch.setenv("FILEMILL_SWEEP_PAGES", "1")
    stage_settings.settings.cache_clear()
    for _ in range(9):
        sweep.run()
    assert seen == derived(), "each once, and not again within a day"


def test_reconciliation_can_be_turned_off(stage: Calls, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_SWEEP_PAGES", "0")
    stage_settings.settings.cache_clear()
    stage.clear()
    sweep.run()
    assert not stage.count("s3.")
