"""The sweep: each record that is due, and how a run goes through them."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import settings as stage_settings
from chalicelib.catalog import claims, deletion, due, webhook_states
from chalicelib.catalog.keys import DUE_SHARDS
from chalicelib.delivery import invalidation
from chalicelib.model import ErrorCode, File, FileError, Status
from chalicelib.observability import Metric, append, logger
from chalicelib.storage import originals as original_objects
from chalicelib.upkeep import reconcile, removal, sweep
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import deliver, derived, put, upload
from tests.stage import STAGE, Calls, aws_client, lambda_context
from tests.upkeep.making import PHOTO, created, deleted, is_due, messages, nothing, record, stored_status


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


def test_a_stage_with_nothing_due_costs_one_query_a_shard(stage: Calls, client: Client, clock: Clock) -> None:
    created(client)
    walked = sweep.run()
    assert nothing(walked)
    stage.clear()
    sweep.run()
    assert stage.count("dynamodb.Query") == DUE_SHARDS
    assert stage.names.count("dynamodb.GetItem") == 4  # how far the walks and the seals are
    assert len(stage.names) == DUE_SHARDS + 4


def test_a_webhook_that_is_due_is_woken_and_not_twice(client: Client, clock: Clock) -> None:
    webhook_states.arm("acme", "wh_1")
    assert not sweep.run()["Woken"], "its own message has time to come"
    clock.forward(webhook_states.NET + timedelta(seconds=1))
    assert sweep.run()["Woken"] == 1
    assert messages("WEBHOOK") == [{"tenant": "acme", "webhook": "wh_1"}]
    assert not sweep.run()["Woken"]


def test_a_webhook_that_cannot_be_woken_holds_nothing_up(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_states.arm("acme", "wh_1")
    file_id = created(client)
    clock.forward(timedelta(hours=3))
    with monkeypatch.context() as patch:
        patch.setattr(webhook_states, "put_off", lambda *_: 1 / 0)
        done = sweep.run()
    assert (done["SweepErrors"], done["Expired"]) == (1, 1)
    assert stored_status(file_id) == "expired"
    assert sweep.run()["Woken"] == 1


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


def test_a_dead_worker_s_file_gets_a_message_once_its_own_had_time_to_come_back(client: Client, clock: Clock) -> None:
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


def test_a_delete_that_stopped_half_way_is_finished(client: Client, clock: Clock) -> None:
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    deletion.mark_deleted("acme", file_id)
    assert nothing(sweep.run()), "whoever deletes it is given a moment"
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert derived() == []
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")
    assert not is_due(file_id)


@pytest.mark.parametrize("workers", [1, 4])
def test_all_removals_of_a_round_are_invalidated_with_one_request(
    client: Client, clock: Clock, asked: list[list[str]], workers: int
) -> None:
    ids = deleted(client, 3)
    clock.forward(timedelta(minutes=1))
    assert sweep.run(workers=workers)["Removed"] == 3
    assert asked == [[f"/f/public/{file_id}/*" for file_id in sorted(ids)]]
    assert not any(is_due(file_id) for file_id in ids)


def test_more_paths_than_cloudfront_takes_are_replaced_by_one(
    client: Client, clock: Clock, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "MAX_PATHS", 2)
    deleted(client, 3)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 3
    assert asked == [["/f/public/*"]]


def test_a_refused_invalidation_delays_no_removal_that_needs_none(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "invalidate", lambda paths, reference: False)
    [public] = deleted(client, 1)
    private = [upload(client, PHOTO) for _ in range(2)]
    for file_id in private:
        deliver(file_id)
        deletion.mark_deleted("acme", file_id)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 2
    assert [is_due(file_id) for file_id in (public, *private)] == [True, False, False]
    monkeypatch.undo()
    clock.forward(sweep.AGAIN - timedelta(seconds=10))
    assert nothing(sweep.run()), "it is put off"
    clock.forward(timedelta(seconds=20))
    assert sweep.run()["Removed"] == 1


def test_a_removal_whose_invalidation_fails_is_put_off(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(paths: list[str], reference: str) -> bool:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "CreateInvalidation")

    monkeypatch.setattr(invalidation, "invalidate", broken)
    [public] = deleted(client, 1)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["SweepErrors"] == 1
    assert is_due(public)


def test_a_deleted_file_is_removed_when_its_delete_window_is_over(
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


def made_private_but_not_cleared(client: Client, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file that was public; its public renditions are left in the bucket."""
    file_id = upload(client, PHOTO, visibility="public")
    deliver(file_id)
    with monkeypatch.context() as patch:
        patch.setattr(removal, "clear", lambda file: False)
        assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "private"}).status == 200
    return file_id


def test_replaced_renditions_that_were_left_are_removed(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = made_private_but_not_cleared(client, monkeypatch)
    assert [key for key in derived() if key.startswith("f/public/")]
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert not [key for key in derived() if key.startswith("f/public/")]
    assert (len(derived()), is_due(file_id)) == (len(record(file_id).renditions), False)


def test_a_record_that_cannot_be_handled_delays_no_other(
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


def test_more_than_a_page_of_a_shard_is_handled_in_one_run(
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


def test_the_scheduled_run_handles_many_records_at_once(stage: Calls, client: Client, clock: Clock) -> None:
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


def test_removals_that_are_finished_are_logged_with_their_files(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(invalidation, "invalidate", lambda paths, reference: False)
    deleted(client, 1)
    private = upload(client, PHOTO)
    deletion.mark_deleted("acme", private)
    clock.forward(timedelta(minutes=1))
    sweep.run()
    [line] = [line for line in caplog.records if line.message == "finished removals"]
    assert line.__dict__["files"] == [private]


def test_whoever_changed_a_file_has_half_a_minute_to_remove_what_it_replaced(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_private_but_not_cleared(client, monkeypatch)
    clock.forward(sweep.SETTLED - timedelta(seconds=2))
    assert nothing(sweep.run())
    clock.forward(timedelta(seconds=3))
    assert sweep.run()["Removed"] == 1


def test_a_busy_queue_keeps_a_file_that_no_worker_took_from_being_given_up(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = reprocessed(client)
    monkeypatch.setattr(sweep, "BACKLOG", 0)
    aws_client("sqs").send_message(QueueUrl=STAGE["FILEMILL_INGEST_QUEUE_URL"], MessageBody="{}")
    clock.forward(sweep.HOPELESS + timedelta(hours=1))
    done = sweep.run()
    assert (done["GivenUp"], done["Stalled"]) == (0, 1)
    assert record(file_id).status is Status.PROCESSING


def test_a_queue_is_asked_for_its_backlog_once_a_run(stage: Calls, client: Client, clock: Clock) -> None:
    for _ in range(3):
        reprocessed(client)
    clock.forward(timedelta(minutes=10))
    stage.clear()
    assert sweep.run()["Stalled"] == 3
    assert stage.count("sqs.GetQueueAttributes") == 1


def test_a_multipart_upload_of_a_deleted_file_is_aborted(client: Client, clock: Clock) -> None:
    file_id = created(client, size=200_000_000, content_type="video/mp4")
    deletion.mark_deleted("acme", file_id)
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")


def test_replaced_renditions_of_a_deleted_file_go_before_its_delete_window_is_over(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    stage_settings.settings.cache_clear()
    file_id = upload(client, PHOTO)
    deliver(file_id)
    with monkeypatch.context() as patch:
        patch.setattr(removal, "clear", lambda file: False)
        assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert derived()
    clock.forward(timedelta(minutes=1))
    assert sweep.run()["Removed"] == 1
    assert derived() == []
    assert "Versions" in aws_client("s3").list_object_versions(Bucket="originals"), "it can be restored"
    assert is_due(file_id)


def test_a_scheduled_run_leaves_time_to_end_and_uses_all_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(sweep, "run", lambda **how: asked.update(how))
    sweep.handle({}, SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 300_000))
    assert asked == {"seconds": 270, "workers": 8}


def test_only_the_counts_that_are_watched_become_metrics(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: dict[Metric, float] = {}
    monkeypatch.setattr(sweep, "count", counted.update)
    created(client)
    deleted(client, 1)
    clock.forward(timedelta(hours=2))
    done = sweep.run()
    assert (done["Expired"], done["Removed"]) == (1, 1)
    assert counted == {Metric.FILES_IN_TROUBLE: 0, Metric.SWEEP_ERRORS: 0}, "and a run without trouble says so"


@pytest.mark.parametrize(
    ("found", "trouble", "errors"),
    [
        ({"GivenUp": 1, "Stalled": 1}, 1, 0),
        ({"Missing": 2}, 2, 0),
        ({"Unowned": 30}, 30, 0),
        ({"SweepErrors": 3}, 0, 3),
        ({"SweepBacklog": 1}, 0, 1),
        ({"Stalled": 9, "Orphans": 9, "Expired": 9}, 0, 0),
    ],
)
def test_what_a_person_must_see_to_rings_whatever_its_kind(
    stage: Calls, monkeypatch: pytest.MonkeyPatch, found: dict[str, int], trouble: int, errors: int
) -> None:
    counted: dict[Metric, float] = {}
    monkeypatch.setattr(sweep, "count", counted.update)
    monkeypatch.setattr(reconcile, "run", lambda _: Counter(found))
    sweep.run()
    assert counted == {Metric.FILES_IN_TROUBLE: trouble, Metric.SWEEP_ERRORS: errors}


def test_the_log_of_a_run_names_its_request_and_nothing_of_the_run_before(stage: Calls) -> None:
    append(file_id="of another run")
    context = lambda_context()
    context.get_remaining_time_in_millis = lambda: 60_000
    sweep.handle({}, context)
    keys = logger.get_current_keys()
    assert keys["request_id"] == context.aws_request_id
    assert "file_id" not in keys


def test_several_workers_handle_records_side_by_side(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.catalog.keys.DUE_SHARDS", 1)  # so that both stand on one page
    for _ in range(2):
        created(client)
    clock.forward(timedelta(hours=2))
    both, expire = threading.Barrier(2, timeout=10), due.expire

    def wait_for_the_other(file: File) -> object:
        both.wait()
        return expire(file)

    monkeypatch.setattr(due, "expire", wait_for_the_other)
    assert sweep.run(workers=2)["Expired"] == 2


def test_an_import_that_waits_is_asked_for_ever_more_seldom(client: Client, clock: Clock) -> None:
    assert client("POST", "/v1/files", {"source_url": "https://example.com/a.jpg"}).status == 201
    messages("IMPORT")
    minutes = 0
    # First when its message must have come, and then whenever it has waited for as long once more.
    for moment, is_sent in ((19, False), (21, True), (41, False), (43, True), (85, False), (87, True)):
        clock.forward(timedelta(minutes=moment - minutes))
        minutes = moment
        assert sweep.run()["Stalled"] == is_sent, moment
        assert len(messages("IMPORT")) == is_sent


# --- Uploads in parts whose lengths could not be signed


def sent_by_uppy(client: Client, size: int) -> str:
    """An upload in parts of at most ten bytes, with one part of `size` bytes in S3."""
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10}).json["token"]
    begun = Client(token)("POST", "/s3/multipart", {"filename": "a.bin"}).json
    aws_client("s3").upload_part(
        Bucket="originals", Key=begun["key"], UploadId=begun["uploadId"], PartNumber=1, Body=b"x" * size
    )
    return str(begun["key"].partition("/")[2])


def test_more_bytes_than_a_token_allows_are_removed_within_the_hour(client: Client, clock: Clock) -> None:
    too_large, right = sent_by_uppy(client, 11), sent_by_uppy(client, 10)
    assert nothing(sweep.run())
    clock.forward(timedelta(minutes=61))
    assert sweep.run()["Removed"] == 1
    ended = record(too_large)
    assert (ended.status, ended.error and ended.error.code, ended.refused) == ("failed", "too_large", None)
    assert not is_due(too_large)
    assert [upload["Key"] for upload in aws_client("s3").list_multipart_uploads(Bucket="originals")["Uploads"]] == [
        f"acme/{right}"
    ]
    assert record(right).status == "awaiting_upload"
    assert nothing(sweep.run()), "looked at again after another hour"


def test_what_was_sent_after_the_first_look_is_found_by_the_next(client: Client, clock: Clock) -> None:
    file_id = sent_by_uppy(client, 10)
    clock.forward(timedelta(minutes=61))
    assert nothing(sweep.run())
    upload_id = record(file_id).upload_id
    aws_client("s3").upload_part(Bucket="originals", Key=f"acme/{file_id}", UploadId=upload_id, PartNumber=2, Body=b"x")
    clock.forward(timedelta(minutes=61))
    assert sweep.run()["Removed"] == 1


def test_an_upload_that_was_completed_is_not_looked_at_again(client: Client, clock: Clock) -> None:
    file_id = sent_by_uppy(client, 10)
    [part] = client("GET", f"/v1/files/{file_id}/parts").json["parts"]
    parts = {"parts": [{"part_number": 1, "etag": part["etag"]}]}
    assert client("POST", f"/v1/files/{file_id}/complete", parts).status == 200
    clock.forward(timedelta(minutes=61))
    assert nothing(sweep.run())
    assert record(file_id).status == "awaiting_upload"


def test_an_upload_by_uppy_expires_as_any_other(client: Client, clock: Clock) -> None:
    file_id = sent_by_uppy(client, 10)
    for _ in range(2):
        clock.forward(timedelta(days=8))
        sweep.run()
    assert stored_status(file_id) == "expired"
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")


def test_an_upload_that_was_refused_is_aborted_though_the_process_that_refused_it_ended(
    client: Client, clock: Clock
) -> None:
    file_id = sent_by_uppy(client, 11)
    assert claims.refuse(record(file_id), FileError(code=ErrorCode.TOO_LARGE, message="Too large."))
    clock.forward(timedelta(seconds=31))
    sweep.run()
    assert not aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads")
    assert (record(file_id).refused, is_due(file_id)) == (None, False)
