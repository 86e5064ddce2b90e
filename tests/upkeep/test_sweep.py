from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import model
from chalicelib import settings as stage_settings
from chalicelib.catalog import claims, deletion
from chalicelib.catalog.files import records
from chalicelib.catalog.keys import DUE_SHARDS
from chalicelib.delivery import invalidation, missing
from chalicelib.model import ErrorCode, File, Status
from chalicelib.renditions.recipes import RECIPES, Encoding
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import objects
from chalicelib.storage import originals as original_objects
from chalicelib.upkeep import reconcile, removal, sweep
from tests import images
from tests.client import Client
from tests.faults.world import Clock, time_of
from tests.making import deliver, derived, put, upload
from tests.stage import STAGE, Calls, aws_client

PHOTO = images.jpeg(64, 48)


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    with time_of(clock):
        yield clock


def created(client: Client, **more: Any) -> str:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO), **more}
    answer = client("POST", "/v1/files", {k: v for k, v in body.items() if v is not None})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def record(file_id: str) -> File:
    return records([file_id], consistent=True)[file_id]


def stored_status(file_id: str) -> str:
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    item: dict[str, Any] = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    return str(item["status"]["S"])


def is_due(file_id: str) -> bool:
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    return "due_pk" in aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]


def messages(queue: str = "INGEST") -> list[dict[str, Any]]:
    """What waits in a queue, taken out of it."""
    url = STAGE[f"FILEMILL_{queue}_QUEUE_URL"]
    found = []
    while batch := aws_client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            found.append(json.loads(message["Body"]))
            aws_client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def reprocessed(client: Client) -> str:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
    messages()
    return file_id


def fallen_silent(client: Client) -> str:
    """A file whose worker took it and died."""
    file_id = upload(client, PHOTO)
    version = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")["VersionId"]
    claimed = claims.claim(file_id, version_id=version, sequencer="0A", claim_id="c", lease=timedelta(seconds=60))
    assert isinstance(claimed, File)
    return file_id


def nothing(done: Any) -> bool:
    return not {name for name, count in done.items() if count} - {"Walked"}


def test_a_stage_with_nothing_due_costs_one_query_a_shard(stage: Calls, client: Client, clock: Clock) -> None:
    created(client)
    walked = sweep.run()
    assert nothing(walked)
    stage.clear()
    sweep.run()
    assert stage.count("dynamodb.Query") == DUE_SHARDS
    assert stage.names.count("dynamodb.GetItem") == 2  # how far the walks are
    assert len(stage.names) == DUE_SHARDS + 2


def test_an_upload_that_never_came_is_expired_and_opens_again_when_its_bytes_arrive(
    client: Client, clock: Clock
) -> None:
    file_id = created(client)
    clock.forward(timedelta(seconds=3630))
    assert nothing(sweep.run()), "it has a minute's grace"
    clock.forward(timedelta(seconds=60))
    assert sweep.run()["Expired"] == 1
    assert (stored_status(file_id), is_due(file_id)) == ("expired", False)
    assert nothing(sweep.run())
    put(file_id, PHOTO)
    deliver(file_id)
    assert record(file_id).status is Status.READY


def test_an_expired_multipart_upload_is_aborted(client: Client, clock: Clock) -> None:
    file_id = created(client, size=200_000_000, content_type="video/mp4")
    assert aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")
    clock.forward(timedelta(days=8))
    assert sweep.run()["Expired"] == 1
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")
    assert stored_status(file_id) == "expired"


def test_bytes_that_nobody_was_told_of_are_processed_instead_of_expired(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO)
    clock.forward(timedelta(hours=2))
    assert sweep.run()["Stalled"] == 1
    [body] = messages()
    told = body["Records"][0]["s3"]["object"]
    assert told["key"] == f"acme/{file_id}"
    deliver(file_id, version_id=told["versionId"], sequencer=told["sequencer"])
    assert record(file_id).status is Status.READY


def test_a_lost_reprocess_message_is_sent_again_and_ever_more_seldom(client: Client, clock: Clock) -> None:
    file_id = reprocessed(client)
    assert nothing(sweep.run()), "it has a minute to come"
    sent = []
    for minute in range(0, 120, 5):
        clock.forward(timedelta(minutes=5))
        if sweep.run()["Stalled"]:
            sent.append(minute)
    assert len(sent) == len(messages())
    assert 4 <= len(sent) <= 6
    deliver(file_id)
    assert record(file_id).status is Status.READY
    assert not is_due(file_id)


def test_with_a_backlog_no_message_counts_as_lost_before_an_hour(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reprocessed(client)
    monkeypatch.setattr(sweep, "BACKLOG", 0)
    aws_client("sqs").send_message(QueueUrl=STAGE["FILEMILL_INGEST_QUEUE_URL"], MessageBody="{}")
    counts = []
    for _ in range(4):
        clock.forward(timedelta(minutes=10))
        counts.append(sweep.run()["Stalled"])
    assert counts == [0, 0, 0, 0]
    clock.forward(timedelta(minutes=80))
    assert sweep.run()["Stalled"] == 1


def test_a_dead_worker_s_file_is_told_of_again_once_its_own_message_had_time(client: Client, clock: Clock) -> None:
    file_id = fallen_silent(client)
    clock.forward(timedelta(seconds=90))
    assert nothing(sweep.run()), "its message comes back by itself"
    clock.forward(timedelta(seconds=200))
    assert sweep.run()["Stalled"] == 1
    deliver(file_id)
    assert record(file_id).status is Status.READY


def test_a_file_that_kills_every_worker_fails_after_five(client: Client, clock: Clock) -> None:
    file_id = fallen_silent(client)
    version = str(record(file_id).version_id)
    for _ in range(4):
        clock.forward(timedelta(seconds=61))
        claimed = claims.claim(file_id, version_id=version, sequencer="0A", claim_id="c", lease=timedelta(seconds=60))
        assert isinstance(claimed, File)
    aws_client("s3").put_object(Bucket="derived", Key=f"{_made(file_id)}w1.webp", Body=b"half")
    clock.forward(timedelta(minutes=10))
    done = sweep.run()
    assert (done["Stalled"], done["GivenUp"]) == (1, 1)
    failed = record(file_id)
    assert failed.error
    assert (failed.status, failed.error.code) == (Status.FAILED, ErrorCode.INTERNAL)
    assert not is_due(file_id)
    assert derived() == []
    assert messages() == []


def _made(file_id: str) -> str:
    from chalicelib.renditions import places

    return places.made_prefix(record(file_id))


def test_a_ready_file_that_cannot_be_made_again_stays_as_it_was(client: Client, clock: Clock) -> None:
    file_id = reprocessed(client)
    before = record(file_id).renditions
    clock.forward(timedelta(days=1, hours=1))
    assert sweep.run()["GivenUp"] == 1
    kept = record(file_id)
    assert (kept.status, kept.renditions) == (Status.READY, before)
    assert len(derived()) == len(before)


def test_an_import_whose_message_was_lost_is_sent_again(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client("POST", "/v1/files", {"source_url": "https://example.com/a.jpg"})
    assert answer.status == 201, answer.text
    assert len(messages("IMPORT")) == 1
    clock.forward(timedelta(minutes=15))
    assert nothing(sweep.run()), "it may be being fetched"
    clock.forward(timedelta(minutes=6))
    assert sweep.run()["Stalled"] == 1
    [sent] = messages("IMPORT")
    assert sent["file_id"] == answer.json["id"]
    clock.forward(timedelta(days=5))
    assert sweep.run()["Expired"] == 1


def test_a_delete_that_stopped_half_way_is_ended(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    deletion.mark_deleted("acme", file_id)
    assert nothing(sweep.run()), "whoever deletes it is given a moment"
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert derived() == []
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")
    assert not is_due(file_id)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The paths of each invalidation that CloudFront is asked for."""
    paths: list[list[str]] = []

    def ask(these: list[str], reference: str) -> bool:
        assert len(reference) <= 64
        paths.append(these)
        return True

    monkeypatch.setattr(invalidation, "invalidate", ask)
    return paths


def deleted(client: Client, count: int) -> list[str]:
    """Public files whose deletes stopped before anything was removed."""
    ids = [created(client, visibility="public") for _ in range(count)]
    for file_id in ids:
        put(file_id, PHOTO)
        deliver(file_id)
        deletion.mark_deleted("acme", file_id)
    return ids


@pytest.mark.parametrize("workers", [1, 4])
def test_what_ended_is_invalidated_with_one_request(
    client: Client, clock: Clock, asked: list[list[str]], workers: int
) -> None:
    ids = deleted(client, 3)
    clock.forward(timedelta(minutes=1))
    assert sweep.run(workers=workers)["Removed"] == 3
    assert asked == [[f"/f/public/{file_id}/*" for file_id in sorted(ids)]]
    assert not any(is_due(file_id) for file_id in ids)


def test_more_than_cloudfront_takes_at_a_time_is_one_path(
    client: Client, clock: Clock, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "MAX_PATHS", 2)
    deleted(client, 3)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 3
    assert asked == [["/f/public/*"]]


def test_an_invalidation_that_is_not_taken_holds_up_none_that_needs_none(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "invalidate", lambda paths, reference: False)
    [public] = deleted(client, 1)
    private = upload(client, PHOTO)
    deliver(private)
    deletion.mark_deleted("acme", private)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert (is_due(public), is_due(private)) == (True, False)
    assert nothing(sweep.run()), "it is put off"
    monkeypatch.undo()
    clock.forward(timedelta(minutes=6))
    assert sweep.run()["Removed"] == 1


def test_a_removal_that_fails_at_its_end_is_put_off(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(paths: list[str], reference: str) -> bool:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "CreateInvalidation")

    monkeypatch.setattr(invalidation, "invalidate", broken)
    [public] = deleted(client, 1)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["SweepErrors"] == 1
    assert is_due(public)


def test_a_delete_window_that_is_over_ends_by_itself(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    stage_settings.settings.cache_clear()
    file_id = upload(client, PHOTO)
    deliver(file_id)
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    clock.forward(timedelta(minutes=59))
    assert nothing(sweep.run())
    assert "Versions" in aws_client("s3").list_object_versions(Bucket="originals")
    clock.forward(timedelta(minutes=2))
    assert sweep.run()["Removed"] == 1
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")
    assert client("POST", f"/v1/files/{file_id}/restore").status == 404


def test_old_renditions_that_were_left_go(client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    with monkeypatch.context() as patch:
        patch.setattr(removal, "clear", lambda file: False)
        assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "private"}).status == 200
    assert [key for key in derived() if key.startswith("f/public/")]
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert not [key for key in derived() if key.startswith("f/public/")]
    assert (len(derived()), is_due(file_id)) == (len(record(file_id).renditions), False)


def test_what_cannot_be_seen_to_stands_before_nobody(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = created(client), created(client)
    newest = original_objects.newest

    def look(file: File) -> Any:
        if file.id == bad:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "HeadObject")
        return newest(file)

    monkeypatch.setattr(original_objects, "newest", look)
    clock.forward(timedelta(hours=2))
    done = sweep.run()
    assert (done["Expired"], done["SweepErrors"]) == (1, 1)
    assert (stored_status(bad), stored_status(good)) == ("awaiting_upload", "expired")
    assert nothing(sweep.run()), "it is put off"
    clock.forward(timedelta(minutes=16))
    assert sweep.run()["SweepErrors"] == 1


def test_a_run_stops_when_its_time_is_over_and_the_next_goes_on(client: Client, clock: Clock) -> None:
    for _ in range(3):
        created(client)
    clock.forward(timedelta(hours=2))
    assert sweep.run(seconds=-1)["SweepBacklog"] == 1
    assert sweep.run()["Expired"] == 3


def test_more_than_a_page_of_a_shard_is_worked_off_in_one_run(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PAGE", 1)
    monkeypatch.setattr("chalicelib.catalog.keys.DUE_SHARDS", 1)
    for _ in range(5):
        created(client)
    clock.forward(timedelta(hours=2))
    assert sweep.run()["Expired"] == 5


def test_two_sweeps_at_once_do_what_one_does(client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = created(client), upload(client, PHOTO)
    deliver(second)
    deletion.mark_deleted("acme", second)
    clock.forward(timedelta(hours=2))
    inside: list[int] = []
    begin_purge = removal.begin_purge

    def other(file: File) -> removal.Removal:
        if not inside:
            inside.append(1)
            sweep.run()
        return begin_purge(file)

    monkeypatch.setattr(removal, "begin_purge", other)
    sweep.run()
    assert inside
    assert (stored_status(first), stored_status(second)) == ("expired", "deleted")
    assert record(first).revision == 2
    assert nothing(sweep.run())


def test_the_scheduled_run_sees_to_many_side_by_side(stage: Calls, client: Client, clock: Clock) -> None:
    for _ in range(20):
        created(client)
    clock.forward(timedelta(hours=2))
    context = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 300_000)
    sweep.handle({}, context)
    statuses = {item["status"]["S"] for item in _items() if item["sk"]["S"] == "FILE"}
    assert statuses == {"expired"}


def _items() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    return items


# --- the walk


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


def test_the_walk_goes_on_where_it_stopped(client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_the_walk_can_be_turned_off(stage: Calls, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_SWEEP_PAGES", "0")
    stage_settings.settings.cache_clear()
    stage.clear()
    sweep.run()
    assert not stage.count("s3.")
