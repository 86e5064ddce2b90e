"""Reconciliation of the buckets with the table, as runs of the sweep do it. test_verdicts.py has the verdicts."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import aws, model
from chalicelib import settings as stage_settings
from chalicelib.catalog import claims, files, reconciliations
from chalicelib.delivery import invalidation, missing
from chalicelib.model import ErrorCode, FileError, Status
from chalicelib.renditions.recipes import RECIPES, Encoding
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import multipart, objects
from chalicelib.storage import originals as original_objects
from chalicelib.upkeep import reconcile, sweep, verdicts
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import begin_multipart, deliver, derived, open_uploads, put, upload
from tests.stage import Calls, aws_client
from tests.upkeep.making import PHOTO, messages, nothing, record


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

    def two(after: str) -> objects.Page:
        page = listed(after)
        if len(page.objects) <= 7:
            seen.extend(each.key for each in page.objects)
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


def keys(bucket: str) -> set[str]:
    """The objects that can be seen in a bucket."""
    return {entry["Key"] for entry in aws_client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])}


def reconciled(clock: Clock, after: timedelta = timedelta(days=2)) -> Any:
    """Reconciles alone, without the sweep's other work."""
    clock.forward(after)
    return reconcile.run(time.monotonic() + 60)


def test_objects_whose_keys_are_not_ours_are_left_alone(stage: Calls, clock: Clock) -> None:
    file_id = model.new_file_id()
    strange = {
        "derived": {
            f"g/private/{file_id}/v/w1.webp",
            "f/private/file_1/v/w1.webp",
            f"f/private/{file_id}",
            "f",
            "index.html",
        },
        "originals": {file_id, f"acme/{file_id}/x", f"-acme/{file_id}", "acme/file_1"},
    }
    for bucket, names in strange.items():
        for name in names:
            aws_client("s3").put_object(Bucket=bucket, Key=name, Body=b"x")
    assert nothing(reconciled(clock))
    assert {bucket: keys(bucket) for bucket in strange} == strange


@pytest.mark.parametrize(
    ("key", "file_id"),
    [
        ("f/public/file_01K8Z0000000000000000000AA/v/w1.webp", "file_01K8Z0000000000000000000AA"),
        ("f/public/file_01K8Z0000000000000000000AA", None),
        ("x/public/file_01K8Z0000000000000000000AA/v/w1.webp", None),
        ("f/public/01K8Z0000000000000000000AA/v/w1.webp", None),
    ],
)
def test_a_rendition_s_key_names_its_file(key: str, file_id: str | None) -> None:
    assert reconcile.file_of_rendition(key) == file_id


@pytest.mark.parametrize(("orphans", "files", "removed"), [(2, 0, True), (3, 3, True), (3, 2, False)])
def test_nothing_is_removed_only_if_both_the_number_and_the_share_are_too_large(
    orphans: int, files: int, removed: bool, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "STRANGE", 2)
    monkeypatch.setitem(RECIPES, "photo", replace(RECIPES["photo"], encodings=(Encoding("webp", quality=60),)))
    for _ in range(files):
        deliver(upload(client, PHOTO))
    assert len(derived()) == files, "one rendition a file"
    put_orphans(orphans)
    done = reconciled(clock)
    assert (done["Orphans"], done["Unowned"]) == ((2 * orphans, 0) if removed else (0, 2 * orphans))
    left = files if removed else files + orphans
    assert (len(keys("originals")), len(keys("derived"))) == (left, left)


def test_several_versions_without_a_record_are_one_original_to_hide(stage: Calls, clock: Clock) -> None:
    file_id = model.new_file_id()
    for _ in range(3):
        put(file_id, b"x")
    assert reconciled(clock)["Orphans"] == 1
    assert len(aws_client("s3").list_object_versions(Bucket="originals")["DeleteMarkers"]) == 1
    assert reconciled(clock)["Orphans"] == 0, "it is hidden already"
    assert len(aws_client("s3").list_object_versions(Bucket="originals")["DeleteMarkers"]) == 1


def test_an_original_that_no_message_told_of_is_told_of(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO)
    assert reconciled(clock)["Untold"] == 1
    [body] = messages()
    told = body["Records"][0]["s3"]["object"]
    head = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
    assert (told["key"], told["versionId"], told["size"]) == (f"acme/{file_id}", head["VersionId"], len(PHOTO))


def test_bytes_that_came_after_a_failed_import_are_deleted(client: Client, clock: Clock) -> None:
    answer = client("POST", "/v1/files", {"source_url": "https://example.com/a.jpg"})
    file_id = str(answer.json["id"])
    claims.fail_import("acme", file_id, FileError(code=ErrorCode.SOURCE_UNREACHABLE, message="no"))
    put(file_id, PHOTO)
    assert reconciled(clock)["Orphans"] == 1
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")


def test_a_public_rendition_is_deleted_though_cloudfront_takes_no_invalidation(
    stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(invalidation, "invalidate", lambda paths, reference: False)
    key = f"f/public/{model.new_file_id()}/0123456789abcdef/w1.webp"
    aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"x")
    assert reconciled(clock)["Orphans"] == 1
    assert derived() == []
    assert "edges may keep copies" in caplog.text


@pytest.mark.parametrize("changed", [{"status": Status.PROCESSING, "source_version": "f" * 16}, None])
def test_a_file_that_changed_meanwhile_lacks_nothing(
    changed: dict[str, Any] | None, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    for key in derived():
        aws_client("s3").delete_object(Bucket="derived", Key=key)
    aws_client("s3").put_object(Bucket="derived", Key=f"f/private/{file_id}/v/w1.webp", Body=b"x")
    version = str(record(file_id).version_id)
    exists = original_objects.exists
    monkeypatch.setattr(original_objects, "exists", lambda file: file.version_id != version and exists(file))
    assert reconciled(clock, timedelta())["Missing"] == 2
    current = record(file_id).model_copy(update=changed) if changed else None
    monkeypatch.setattr(files, "get", lambda tenant, file_id: current)
    assert reconciled(clock)["Missing"] == 0


def test_renditions_on_the_second_page_of_a_listing_are_not_missing(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 may answer with fewer keys than there are, and say that there are more."""
    deliver(upload(client, PHOTO))
    assert len(derived()) == 2
    listed = aws.s3().list_objects_v2
    monkeypatch.setattr(aws.s3(), "list_objects_v2", lambda **asked: listed(MaxKeys=1, **asked))
    done = reconciled(clock)
    assert (done["Missing"], done["Orphans"]) == (0, 0)


def test_at_most_a_sample_of_each_page_is_checked_the_other_way_round(
    stage: Calls, client: Client, clock: Clock
) -> None:
    for _ in range(reconcile.SAMPLE + 1):
        deliver(upload(client, PHOTO))
    stage.clear()
    reconciled(clock)
    assert stage.count("s3.HeadObject") == reconcile.SAMPLE
    assert stage.names.count("s3.ListObjectsV2") == reconcile.SAMPLE + 1  # and the page itself


def test_a_file_that_is_not_ready_lacks_nothing(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
    for key in derived():
        aws_client("s3").delete_object(Bucket="derived", Key=key)
    assert reconciled(clock, timedelta())["Missing"] == 0


def test_a_reconciliation_begins_again_after_a_day(stage: Calls, clock: Clock) -> None:
    put_orphans(1)
    assert reconciled(clock, timedelta())["Walked"] == 2
    assert reconciled(clock, timedelta(hours=23))["Walked"] == 0
    assert reconciled(clock, timedelta(hours=2))["Walked"] == 2


def test_a_reconciliation_whose_time_is_over_looks_at_nothing(stage: Calls, clock: Clock) -> None:
    put_orphans(1)
    assert not reconcile.run(time.monotonic() - 1)
    assert reconciled(clock, timedelta())["Walked"] == 2


def pages_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Makes S3's pages of versions smaller than 1,000."""
    listed = aws.s3().list_object_versions
    monkeypatch.setattr(aws.s3(), "list_object_versions", lambda **asked: listed(MaxKeys=size, **asked))


def test_a_bucket_of_several_pages_is_reconciled_in_one_run_up_to_the_bound(
    stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages_of(monkeypatch, 2)
    for _ in range(7):
        put(model.new_file_id(), b"x")
    monkeypatch.setenv("FILEMILL_SWEEP_PAGES", "3")
    stage_settings.settings.cache_clear()
    assert reconciled(clock, timedelta())["Walked"] == 6
    assert reconciled(clock, timedelta())["Walked"] == 1
    assert reconciled(clock, timedelta())["Walked"] == 0


def test_a_reconciliation_that_another_sweep_moved_on_stops(
    stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages_of(monkeypatch, 2)
    for _ in range(6):
        put(model.new_file_id(), b"x")
    monkeypatch.setattr(reconciliations, "move", lambda *_: False)
    assert reconciled(clock, timedelta())["Walked"] == 2


# --- Open multipart uploads


def begin_in_s3(file_id: str) -> str:
    upload_id: str = aws_client("s3").create_multipart_upload(Bucket="originals", Key=f"acme/{file_id}")["UploadId"]
    return upload_id


def test_uploads_that_no_file_waits_for_are_aborted(client: Client, clock: Clock) -> None:
    done, going_on = upload(client, PHOTO), begin_multipart(client)["id"]
    deliver(done)
    [own] = open_uploads()
    begin_in_s3(done)
    begin_in_s3(going_on)
    begin_in_s3(model.new_file_id())
    assert len(open_uploads()) == 4
    assert later(clock)["Orphans"] == 3
    assert open_uploads() == [own]


def test_where_most_uploads_have_no_record_none_of_those_is_aborted(client: Client, clock: Clock) -> None:
    done = upload(client, PHOTO)
    deliver(done)
    ended = begin_in_s3(done)
    unknown = {begin_in_s3(model.new_file_id()) for _ in range(reconcile.STRANGE + 1)}
    swept = later(clock)
    assert (swept["Unowned"], swept["Orphans"]) == (len(unknown), 1)
    assert ended not in open_uploads()
    assert set(open_uploads()) == unknown


def test_uploads_are_looked_at_beside_the_originals_of_the_same_keys(
    stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages of originals up to the keys d and h, and to the end; pages of uploads of two keys."""
    keys = [f"acme/file_{letter * 26}" for letter in "BCDEFGHJ"]
    d, h = keys[2], keys[6]
    pages = {"": (d, "v"), d: (h, "v"), h: None}
    monkeypatch.setattr(original_objects, "page", lambda after, _: objects.Page([], pages[after]))
    seen: list[str] = []
    asked: list[str] = []

    def page(after: str, upload_id: str) -> objects.Page:
        asked.append(after)
        left = [key for key in keys if key > after]
        found = [objects.Stored(key, clock.moment, "u") for key in left[:2]]
        return objects.Page(found, (left[1], "u") if left[2:] else None)

    monkeypatch.setattr(multipart, "page", page)
    judge = verdicts.of_upload

    def judged(file: Any, stored: objects.Stored, **more: Any) -> Any:
        seen.append(stored.key)
        return judge(file, stored, **more)

    monkeypatch.setattr(verdicts, "of_upload", judged)
    reconcile.run(float("inf"))
    assert seen == keys, "each once"
    assert asked == ["", keys[1], d, keys[4], h]


def test_uploads_are_found_where_there_are_no_originals(stage: Calls, clock: Clock) -> None:
    begin_in_s3(model.new_file_id())
    assert later(clock)["Orphans"] == 1
    assert open_uploads() == []
