"""How a film gets from `process` to the function `media`: once, whatever is lost, doubled or late on the way."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import settings as stage_settings
from chalicelib.catalog import claims, files
from chalicelib.model import ErrorCode, File, Scan, ScanStatus, Status
from chalicelib.processing import pipeline, reading
from chalicelib.queues import media as media_queue
from chalicelib.queues.worker import MAX_RECEIVES, Later
from chalicelib.upkeep import sweep
from tests import films
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import deliver, set_item, sqs_event, take_messages, upload
from tests.stage import MEDIA_STAGE, Calls, aws_client, lambda_context

pytestmark = pytest.mark.usefixtures("media")


def film(client: Client, body: bytes | None = None, **more: Any) -> str:
    return upload(client, body or films.small(), name="sea.mp4", content_type="video/mp4", **more)


def stored(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def handed() -> list[dict[str, Any]]:
    """The messages in the media queue, which is empty afterwards."""
    sqs, url = aws_client("sqs"), MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_URL"]
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages", [])
    for received in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
    return found


def work_off(messages: list[dict[str, Any]], **more: Any) -> None:
    for message in messages:
        pipeline.handle_media(sqs_event(message["Body"], queue="media", **more), lambda_context())


def test_a_film_is_handed_over_unread_and_ends_in_its_own_function(client: Client, stage: Calls) -> None:
    file_id = film(client)
    stage.clear()
    deliver(file_id)
    assert stage.count("s3.GetObject") == 1, "its beginning"
    waiting = stored(file_id)
    assert (waiting.status, waiting.handed_to, waiting.attempts, waiting.claim_id) == ("processing", "media", 0, None)
    [message] = handed()
    assert message["Attributes"]["MessageGroupId"] == "acme", "the queue is fair between tenants"
    work_off([message])
    done = stored(file_id)
    assert (done.status, done.handed_to, done.sha256 is not None) == (Status.READY, None, True)
    assert done.last_change
    assert done.last_change.actor.id == "media"
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["kind"], record["video"]["width"], record["video"]["duration"]) == ("video", 64, 2.005)
    assert take_messages() == []


def test_a_photo_stays_with_process(client: Client) -> None:
    from tests.making import ready_photo

    assert stored(ready_photo(client)).status is Status.READY
    assert handed() == []


def test_a_false_film_fails_before_it_is_handed_over(client: Client) -> None:
    file_id = film(client, b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:4,\nhttp://169.254.169.254/latest/meta-data/\n")
    deliver(file_id)
    failed = stored(file_id)
    assert failed.error
    assert (failed.status, failed.error.code) == (Status.FAILED, ErrorCode.TYPE_MISMATCH)
    assert handed() == []


def test_messages_that_come_twice_have_one_effect(client: Client) -> None:
    file_id = film(client)
    deliver(file_id)
    deliver(file_id)  # S3's second message, while nobody has the file
    first, second = handed()
    work_off([first])
    before = stored(file_id)
    work_off([second])
    deliver(file_id)
    assert stored(file_id) == before
    assert handed() == []


def test_the_second_message_waits_while_the_function_has_the_file(client: Client, clock: Clock) -> None:
    file_id = film(client)
    deliver(file_id)
    [message] = handed()
    now = stored(file_id)
    taken = claims.claim(
        file_id,
        version_id=str(now.version_id),
        sequencer=str(now.sequencer),
        claim_id="another",
        lease=timedelta(seconds=60),
    )
    assert isinstance(taken, File)
    assert (taken.handed_to, taken.attempts) == ("media", 1), "its tries count anew"
    for handle, queue in ((pipeline.handle_media, "media"), (pipeline.handle, "ingest")):
        with pytest.raises(Later):
            handle(sqs_event(message["Body"], queue=queue), lambda_context())
    clock.forward(timedelta(seconds=61))  # that one died
    work_off([message])
    assert stored(file_id).status is Status.READY


def test_a_claim_that_was_lost_meanwhile_is_not_handed_over(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = film(client)
    read = reading.read

    def slowly(file: File, *rest: Any) -> Any:
        set_item(file_id, "claim_id", {"S": "another"})
        return read(file, *rest)

    monkeypatch.setattr(reading, "read", slowly)
    deliver(file_id)
    assert handed() == []
    assert (stored(file_id).handed_to, stored(file_id).claim_id) == (None, "another")


def test_a_message_that_is_lost_is_sent_again_to_the_right_queue(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = film(client)
    with monkeypatch.context() as patch:
        patch.setattr(media_queue, "send", lambda file: 1 / 0)
        deliver(file_id)
    assert handed() == []
    assert sweep.run()["Stalled"] == 0, "it has time to come"
    clock.forward(timedelta(minutes=6))
    assert sweep.run()["Stalled"] == 1
    assert take_messages() == []
    work_off(handed())
    assert stored(file_id).status is Status.READY


def test_a_worker_that_dies_is_replaced_in_its_own_function(client: Client, clock: Clock) -> None:
    file_id = film(client)
    deliver(file_id)
    handed()
    for _ in range(MAX_RECEIVES):
        now = stored(file_id)
        claims.claim(
            file_id,
            version_id=str(now.version_id),
            sequencer=str(now.sequencer),
            claim_id="dies",
            lease=timedelta(seconds=60),
        )
        clock.forward(timedelta(hours=2))
        swept = sweep.run()
    assert (swept["Stalled"], swept["GivenUp"]) == (1, 1)
    ended = stored(file_id)
    assert ended.error
    assert (ended.status, ended.error.code, ended.handed_to) == (Status.FAILED, ErrorCode.INTERNAL, None)
    assert len(handed()) == MAX_RECEIVES - 1
    assert take_messages() == []


def test_the_last_try_ends_the_file(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = film(client)
    deliver(file_id)
    messages = handed()
    monkeypatch.setattr("chalicelib.processing.media.engine.find_spec", lambda _: None)  # the layer is missing
    with pytest.raises(Exception, match="make deploy"):
        work_off(messages)
    assert stored(file_id).status is Status.PROCESSING
    with pytest.raises(Exception, match="make deploy"):
        work_off(messages, receives=MAX_RECEIVES)
    failed = stored(file_id)
    assert failed.error
    assert (failed.status, failed.error.code) == (Status.FAILED, ErrorCode.INTERNAL)


def test_a_stage_that_leaves_media_out_ends_files_that_were_handed_over(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue and its messages are gone then. A former release ends them in the same way: it knows no such queue."""
    file_id = film(client)
    deliver(file_id)
    handed()
    monkeypatch.setenv("FILEMILL_MEDIA", "false")
    stage_settings.settings.cache_clear()
    clock.forward(timedelta(minutes=6))
    assert sweep.run()["Stalled"] == 1
    [body] = take_messages()
    pipeline.handle(sqs_event(body), lambda_context())
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["video"]["duration"]) == ("ready", 2.005)
    assert [warning["code"] for warning in record["warnings"]] == ["no_media"]


def test_a_file_that_the_gate_does_not_pass_goes_back_to_process(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `process` may ask the scanner, and the gate may be turned on while files wait for `media`."""
    file_id = film(client)
    deliver(file_id)
    messages = handed()
    monkeypatch.setenv("FILEMILL_SCAN", "guardduty")
    stage_settings.settings.cache_clear()
    work_off(messages)
    assert (stored(file_id).handed_to, stored(file_id).status) == ("process", Status.PROCESSING)
    [body] = take_messages()
    pipeline.handle(sqs_event(body), lambda_context())
    held = stored(file_id)
    assert held.scan
    assert (held.scan.status, held.claim_id) == (ScanStatus.PENDING, None)


def test_malware_that_is_found_meanwhile_is_not_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = film(client)
    deliver(file_id)
    messages = handed()
    now = stored(file_id)
    from chalicelib.catalog import scans

    assert scans.hear(now, str(now.version_id), Scan(status=ScanStatus.INFECTED))
    work_off(messages)
    assert stored(file_id).status is Status.PROCESSING
    [body] = take_messages()
    pipeline.handle(sqs_event(body), lambda_context())
    failed = stored(file_id)
    assert failed.error
    assert failed.error.code is ErrorCode.INFECTED


def test_the_message_is_like_those_of_the_ingest_queue(client: Client) -> None:
    """So `ops redrive` reads it as it reads those."""
    from ops.redrive import files_of

    file_id = film(client)
    deliver(file_id)
    [message] = handed()
    assert files_of(message["Body"], "ingest") == [("acme", file_id)]
    assert json.loads(message["Body"])["Records"][0]["s3"]["object"]["versionId"] == stored(file_id).version_id


def test_reprocessing_goes_the_same_way(client: Client) -> None:
    file_id = film(client)
    deliver(file_id)
    work_off(handed())
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
    [body] = take_messages()
    pipeline.handle(sqs_event(body), lambda_context())
    work_off(handed())
    assert (stored(file_id).status, stored(file_id).generation) == (Status.READY, 1)
