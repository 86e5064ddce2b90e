from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import claims, edits
from chalicelib.catalog.files import records
from chalicelib.model import ErrorCode, FileError, Status, Visibility
from chalicelib.processing import pipeline
from chalicelib.queues import ingest
from ops import redrive
from ops.__main__ import main
from ops.errors import OpsError
from ops.progress import Bar, Pace
from ops.redrive import Wanted
from tests import images
from tests.client import Client
from tests.making import message, ready_file, sqs_event, take_messages, upload
from tests.stage import STAGE, Calls, aws_client, lambda_context

PHOTO = images.jpeg(64, 48)
PACE = Pace(1000)


def queue_url(queue: str) -> str:
    return STAGE[f"FILEMILL_{queue.upper()}_QUEUE_URL"]


@pytest.fixture
def dead(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> str:
    """Gives the queues dead-letter queues; that of the ingest queue."""
    sqs = aws_client("sqs")
    monkeypatch.setattr(redrive, "EMPTY", 1)
    for queue in ("webhook", "import", "ingest"):
        url = sqs.create_queue(QueueName=f"{queue}-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})
        sqs.set_queue_attributes(QueueUrl=queue_url(queue), Attributes={"RedrivePolicy": policy})
    return str(url)


def waiting(url: str) -> list[str]:
    """Bodies of the messages that can be received; they stay."""
    bodies = []
    while batch := aws_client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in batch]
    return bodies


def body_of(file_id: str, tenant: str = "acme") -> str:
    key = f"{tenant}/{file_id}"
    head = aws_client("s3").head_object(Bucket="originals", Key=key)
    body: str = message(key, head["VersionId"], head["ContentLength"])["Records"][0]["body"]
    return body


def killed_five_times(client: Client, dead: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file that five deliveries failed for, with its message in the dead-letter queue."""
    file_id = upload(client, PHOTO)
    with monkeypatch.context() as patch:

        def broken(*_: Any) -> Any:
            raise MemoryError("out of memory")

        patch.setattr(pipeline, "work", broken)
        for receives in range(1, 6):
            with pytest.raises(MemoryError):
                pipeline.handle(sqs_event(body_of(file_id), receives=receives), lambda_context())
    aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(file_id))
    return file_id


def record(file_id: str) -> Any:
    return records([file_id], consistent=True)[file_id]


def test_a_dead_letter_says_its_reason_and_its_file_is_ready_once_redriven(
    client: Client, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = killed_five_times(client, dead, monkeypatch)
    failed = record(file_id)
    assert (failed.status, failed.error.code) == (Status.FAILED, ErrorCode.INTERNAL)
    assert "MemoryError" in failed.error.message

    done = redrive.redrive("ingest", Wanted(), dry_run=False, pace=PACE)

    assert (done["moved"], done["opened"], done["left"]) == (1, 1, 0)
    assert waiting(dead) == []
    [body] = waiting(queue_url("ingest"))
    pipeline.handle(sqs_event(body), lambda_context())
    assert record(file_id).status is Status.READY


def test_a_dry_run_changes_nothing(client: Client, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = killed_five_times(client, dead, monkeypatch)
    before = record(file_id)
    done = redrive.redrive("ingest", Wanted(), dry_run=True, pace=PACE)
    assert (done["moved"], done["opened"]) == (1, 1)
    assert record(file_id) == before
    assert len(waiting(dead)) == 1
    assert waiting(queue_url("ingest")) == []


def test_only_what_is_asked_for_is_moved(client: Client, dead: str) -> None:
    first, second = upload(client, PHOTO), upload(client, PHOTO)
    sqs = aws_client("sqs")
    for file_id in (first, second):
        sqs.send_message(QueueUrl=dead, MessageBody=body_of(file_id))
    sqs.send_message(QueueUrl=dead, MessageBody="no event at all")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for nobody in (Wanted(tenant="other"), Wanted(since=tomorrow), Wanted(file_id="file_x")):
        assert redrive.redrive("ingest", nobody, dry_run=False, pace=PACE)["moved"] == 0
    assert redrive.redrive("ingest", Wanted(file_id=second), dry_run=False, pace=PACE)["moved"] == 1
    [moved] = waiting(queue_url("ingest"))
    assert second in moved
    assert redrive.redrive("ingest", Wanted(tenant="acme"), dry_run=False, pace=PACE)["moved"] == 1
    assert waiting(dead) == ["no event at all"]


def test_a_limit_leaves_the_rest_where_it_was(client: Client, dead: str) -> None:
    for _ in range(3):
        aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(upload(client, PHOTO)))
    done = redrive.redrive("ingest", Wanted(), dry_run=False, pace=PACE, limit=2)
    assert (done["moved"], done["left"]) == (2, 1)
    assert len(waiting(dead)) == 1


def test_a_dry_run_with_a_limit_counts_all_that_is_left(client: Client, dead: str) -> None:
    for _ in range(3):
        aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(upload(client, PHOTO)))
    done = redrive.redrive("ingest", Wanted(), dry_run=True, pace=PACE, limit=1)
    assert (done["moved"], done["left"]) == (1, 3)


def test_stopped_while_it_waits_it_leaves_no_dead_letter_hidden(client: Client, dead: str) -> None:
    for _ in range(2):
        aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(upload(client, PHOTO)))

    def stopped(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        redrive.redrive("ingest", Wanted(), dry_run=False, pace=Pace(1, sleep=stopped))
    assert len(waiting(queue_url("ingest"))) == 1
    assert len(waiting(dead)) == 1


def test_nothing_is_deleted_before_it_was_sent(client: Client, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(upload(client, PHOTO)))

    def refused(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "RequestThrottled", "Message": "slow down"}}, "SendMessage")

    with monkeypatch.context() as patch:
        patch.setattr(aws.sqs(), "send_message", refused)
        with pytest.raises(ClientError):
            redrive.redrive("ingest", Wanted(), dry_run=False, pace=PACE)
    assert len(waiting(dead)) == 1


def test_a_ready_file_that_could_not_be_made_again_keeps_what_it_has(
    client: Client, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)
    pipeline.handle(sqs_event(body_of(file_id)), lambda_context())
    served = record(file_id).renditions
    opened = edits.reprocess(record(file_id), "photo")
    assert opened
    claimed = claims.claim(
        file_id, version_id=str(opened.version_id), sequencer="0A", claim_id="c", lease=timedelta(seconds=1)
    )
    assert not isinstance(claimed, claims.Refused)
    claims.fail(claimed, FileError(code=ErrorCode.INTERNAL, message="five times"))
    aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(file_id))
    assert redrive.redrive("ingest", Wanted(), dry_run=False, pace=PACE)["opened"] == 1
    assert (record(file_id).status, record(file_id).renditions) == (Status.PROCESSING, served)


def test_an_import_waits_again(client: Client, dead: str) -> None:
    answer = client("POST", "/v1/files", {"source_url": "https://example.com/a.jpg"})
    file_id = answer.json["id"]
    [body] = waiting(queue_url("import"))
    claims.fail_import("acme", file_id, FileError(code=ErrorCode.INTERNAL, message="five times"))
    url = aws_client("sqs").get_queue_url(QueueName="import-dead")["QueueUrl"]
    aws_client("sqs").send_message(QueueUrl=url, MessageBody=body)
    done = redrive.redrive("import", Wanted(), dry_run=False, pace=PACE)
    assert (done["moved"], done["opened"]) == (1, 1)
    opened = record(file_id)
    assert (opened.status, opened.error) == (Status.AWAITING_UPLOAD, None)
    assert opened.expires_at


def test_a_fault_of_the_file_stays_its_fault(client: Client, dead: str) -> None:
    file_id = upload(client, PHOTO[:100])
    pipeline.handle(sqs_event(body_of(file_id)), lambda_context())
    aws_client("sqs").send_message(QueueUrl=dead, MessageBody=body_of(file_id))
    assert redrive.redrive("ingest", Wanted(), dry_run=False, pace=PACE)["opened"] == 0
    assert record(file_id).status is Status.FAILED


def webhook_letter(tenant: str) -> str:
    return json.dumps({"tenant": tenant, "webhook": "wh_1", "events": ["evt_1"]})


def test_a_webhooks_dead_letters_go_back_and_open_no_record(dead: str) -> None:
    url = dead.replace("ingest", "webhook")
    bodies = [webhook_letter("acme"), webhook_letter("other"), '{"close": "connection"}', "nonsense"]
    for body in bodies:
        aws_client("sqs").send_message(QueueUrl=url, MessageBody=body)
    done = redrive.redrive("webhook", Wanted(tenant="acme"), dry_run=False, pace=PACE)
    assert (done["moved"], done["opened"], done["left"]) == (1, 0, 3)
    assert waiting(queue_url("webhook")) == bodies[:1]
    done = redrive.redrive("webhook", Wanted(), dry_run=False, pace=PACE)
    assert (done["moved"], done["left"]) == (3, 0)


def test_a_webhooks_dead_letter_is_about_no_file(
    dead: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.config.load_stage", lambda *_: STAGE)
    line = ["redrive", "--stage", "test", "--queue", "webhook"]
    assert main([*line, "--file", "file_01K8Z0000000000000000000AA"]) == 1
    assert "about a webhook, and not about a file: leave --file out" in capsys.readouterr().err
    assert main(line) == 0


def test_without_a_dead_letter_queue_it_says_so(stage: Calls) -> None:
    with pytest.raises(OpsError, match="ops provision"):
        redrive.redrive("ingest", Wanted(), dry_run=False, pace=PACE)


def test_the_pace_is_kept() -> None:
    slept: list[float] = []
    moment = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        moment[0] += seconds

    pace = Pace(10, sleep, lambda: moment[0])
    for _ in range(11):
        pace.wait()
    assert sum(slept) == pytest.approx(1.0)


def test_where_nobody_watches_the_bar_ends_in_one_line() -> None:
    out = io.StringIO()
    with Bar(3, "files", out) as bar:
        for _ in range(3):
            bar.step()
    assert out.getvalue().splitlines()[-1].startswith("[##############################] 3 of 3 files")


@pytest.mark.parametrize(
    ("file_id", "says"),
    [
        ("nonsense", "can't be a file's id, which is file_ and 26 digits and capital letters"),
        ("file_01k8z0000000000000000000aa", "can't be a file's id"),
        ("file_01K8Z0000000000000000000AA", "There is no file file_01K8Z0000000000000000000AA"),
    ],
)
def test_a_file_that_there_is_not_is_an_error(
    dead: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, file_id: str, says: str
) -> None:
    monkeypatch.setattr("ops.config.load_stage", lambda *_: STAGE)
    assert main(["redrive", "--stage", "test", "--file", file_id]) == 1
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.out == ""


def test_a_file_without_dead_letters_is_no_error(
    dead: str, client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.config.load_stage", lambda *_: STAGE)
    assert main(["redrive", "--stage", "test", "--file", upload(client, PHOTO)]) == 0
    assert "moved 0 dead letters" in capsys.readouterr().out


def test_a_dead_letter_that_asks_for_a_hash_names_its_file(stage: Calls) -> None:
    file = ready_file(Visibility.PRIVATE).model_copy(update={"version_id": "v"})
    ingest.send_hash(file)
    [body] = take_messages()
    assert redrive.files_of(body, "ingest") == [("acme", file.id)]
    assert ingest.asked(body) == (ingest.HASH, "acme", file.id, "v")


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"hash": 1}', '{"hash": {"id": "a"}}', '{"Records": []}'])
def test_other_bodies_ask_for_no_hash(body: str) -> None:
    assert ingest.asked(body) is None
