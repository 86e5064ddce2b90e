from __future__ import annotations

import hashlib
import json
import os
import socket
import traceback
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples

from chalicelib import aws, importing, settings
from chalicelib.catalog import deletion, files
from chalicelib.catalog.keys import file_key
from chalicelib.model import File, Status, Visibility, new_file_id, now
from chalicelib.observability import logger
from chalicelib.outbound.fetch import fetch
from chalicelib.processing import pipeline
from chalicelib.queues import imports, worker
from chalicelib.queues.worker import Later
from chalicelib.storage import originals as original_objects
from tests import images
from tests.making import message, sqs_event
from tests.outbound.raw_answers import Raw, raw_answers
from tests.outbound.servers import answer, certificate, redirect, saying, serving
from tests.stage import Calls, aws_client, lambda_context

PHOTO = images.jpeg(320, 240)


@pytest.fixture(autouse=True)
def loopback(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources on this machine are allowed, as an operator would."""
    monkeypatch.setenv("FILEMILL_IMPORT_NETWORKS", "127.0.0.0/8")
    settings.settings.cache_clear()


def wanted(url: str | None, **more: Any) -> File:
    """A record that waits for its import."""
    file = File(
        id=new_file_id(),
        tenant="acme",
        status=Status.AWAITING_UPLOAD,
        filename="a.jpg",
        content_type="image/jpeg",
        visibility=Visibility.PRIVATE,
        recipe="photo",
        revision=1,
        created_at=now(),
        updated_at=now(),
        source_url=url,
        **more,
    )
    files.create(file)
    return file


CONTEXT = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 900_000)


def deliver(file: File, receives: int = 1) -> File:
    """Delivers a file's message; the record afterwards."""
    body = json.dumps({"tenant": file.tenant, "file_id": file.id, "correlation_id": "c"})
    importing.handle(sqs_event(body, receives=receives, queue="imports"), CONTEXT)
    return record(file)


def record(file: File) -> File:
    found = files.get(file.tenant, file.id)
    assert found
    return found


def originals() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws_client("s3").list_object_versions(Bucket="originals").get("Versions", [])
    return found


def unfinished() -> list[Any]:
    found: list[Any] = aws_client("s3").list_multipart_uploads(Bucket="originals").get("Uploads", [])
    return found


def code(file: File) -> str:
    assert file.status is Status.FAILED
    assert file.error
    return str(file.error.code)


def test_a_file_is_fetched_stored_and_goes_on_like_an_uploaded_one() -> None:
    with serving(saying(redirect("/b.jpg"), answer(PHOTO, "Content-Type: text/html"))) as server:
        file = wanted(server.url())
        assert deliver(file).status is Status.AWAITING_UPLOAD
    (original,) = originals()
    assert original["Key"] == f"acme/{file.id}"
    stored = aws_client("s3").get_object(Bucket="originals", Key=original["Key"])
    assert (stored["Body"].read(), stored["ContentType"]) == (PHOTO, "image/jpeg")
    pipeline.handle(message(original["Key"], original["VersionId"], len(PHOTO)), lambda_context())
    ready = record(file)
    assert (ready.status, ready.size) == (Status.READY, len(PHOTO))


def test_importing_costs_a_read_and_a_put(stage: Calls) -> None:
    with serving(saying(answer(PHOTO))) as server:
        file = wanted(server.url())
        stage.clear()
        deliver(file)
    assert sorted(stage.names) == [
        "dynamodb.GetItem",
        "dynamodb.GetItem",  # this test's own look
        "s3.PutObject",
        "sqs.ChangeMessageVisibility",
    ]


def test_a_large_file_is_stored_in_parts_as_it_comes(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_objects, "IMPORT_PART", 5 * 1024**2)
    body = os.urandom(13 * 1024**2)
    with serving(saying(answer(body, length=None))) as server:
        file = wanted(server.url())
        stage.clear()
        deliver(file)
    assert stage.count("s3.UploadPart") == 3
    stored = aws_client("s3").get_object(Bucket="originals", Key=f"acme/{file.id}")
    assert hashlib.sha256(stored["Body"].read()).digest() == hashlib.sha256(body).digest()
    assert stored["ContentType"] == "image/jpeg"
    assert unfinished() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/a.jpg",
    ],
)
def test_a_private_address_fails_the_file_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_IMPORT_NETWORKS", "")
    settings.settings.cache_clear()
    assert code(deliver(wanted(url))) == "source_refused"
    assert originals() == []


def test_a_redirect_to_a_private_address_fails_the_file_at_once() -> None:
    with serving(saying(redirect("http://169.254.169.254/latest/meta-data/"))) as server:
        assert code(deliver(wanted(server.url()))) == "source_refused"


def test_a_missing_source_fails_the_file_at_once() -> None:
    with serving(saying(answer(b"", status="404 Not Found"))) as server:
        failed = deliver(wanted(server.url()))
    assert code(failed) == "source_unreachable"
    assert failed.error
    assert failed.error.message == "The source answers 404."
    assert failed.revision == 2


def test_a_certificate_for_another_host_fails_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, trusting = certificate(tmp_path, "other.example")
    monkeypatch.setattr(importing, "fetch", lambda *args, **how: fetch(*args, **how, tls=trusting))
    with serving(saying(answer(PHOTO)), tls=ours) as server:
        assert code(deliver(wanted(server.url(scheme="https")))) == "source_unreachable"


@pytest.mark.parametrize("length", [-1, None], ids=["told", "not told"])
@pytest.mark.parametrize("parts", [False, True], ids=["one put", "parts"])
def test_what_is_too_large_leaves_nothing_behind(
    length: int | None, parts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(original_objects, "IMPORT_PART", 100_000 if parts else 10_000_000)
    with serving(saying(answer(bytes(1_000_000), length=length))) as server:
        assert code(deliver(wanted(server.url(), max_bytes=500_000))) == "too_large"
    assert originals() == unfinished() == []


def test_the_stages_bound_holds_where_the_record_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_MAX_IMPORT_BYTES", "1000")
    settings.settings.cache_clear()
    with serving(saying(answer(bytes(1001)))) as server:
        assert code(deliver(wanted(server.url()))) == "too_large"
        assert code(deliver(wanted(server.url(), max_bytes=2000))) == "too_large"


@pytest.mark.parametrize("length", [-1, None], ids=["told", "not told"])
@pytest.mark.parametrize("declared", [999, 1001])
def test_a_source_of_another_size_than_was_declared_fails_the_file(length: int | None, declared: int) -> None:
    with serving(saying(answer(bytes(1000), length=length))) as server:
        assert code(deliver(wanted(server.url(), size=declared))) == "size_mismatch"
        assert deliver(wanted(server.url(), size=1000)).status is Status.AWAITING_UPLOAD
    assert len(originals()) == 1


def test_an_announced_size_that_was_not_declared_ends_it_before_the_body() -> None:
    with serving(saying(answer(b"", length=1001))) as server:
        assert code(deliver(wanted(server.url(), size=1000))) == "size_mismatch"


@pytest.mark.parametrize(("receives", "pause"), [(1, 2), (2, 8), (3, 32), (4, 128)])
def test_a_servers_trouble_is_tried_again_after_a_growing_pause(
    receives: int, pause: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[int] = []
    monkeypatch.setattr(worker, "come_back", lambda _record, url, seconds: pauses.append(seconds))
    with serving(saying(answer(b"", status="503 Busy"))) as server:
        file = wanted(server.url())
        with pytest.raises(Later):
            deliver(file, receives)
    assert pauses == [905, pause]
    assert record(file).status is Status.AWAITING_UPLOAD


def test_the_log_is_not_told_where_a_file_comes_from() -> None:
    """Lambda logs what a handler raises, with all its causes. A URL may hold a secret, and a host's name a customer."""
    file = wanted("http://localhost:65533/secret.jpg")
    with pytest.raises(Later) as later:
        deliver(file)
    assert "localhost" not in "".join(traceback.format_exception(later.value))
    assert "localhost" not in str(later.value)


def test_the_fifth_time_the_file_fails_and_the_message_is_done() -> None:
    with serving(saying(answer(b"", status="503 Busy"))) as server:
        assert code(deliver(wanted(server.url()), receives=5)) == "source_unreachable"


def test_a_source_that_breaks_off_leaves_no_half_object_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_objects, "IMPORT_PART", 100_000)
    with serving(saying(answer(bytes(500_000), length=1_000_000), answer(PHOTO))) as server:
        file = wanted(server.url())
        with pytest.raises(Later):
            deliver(file)
        assert originals() == unfinished() == []
        deliver(file, receives=2)
    assert len(originals()) == 1


def test_our_own_trouble_comes_back_and_the_fifth_time_reaches_the_dead_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("S3 is away")

    monkeypatch.setattr(aws.s3(), "put_object", broken)
    with serving(saying(answer(PHOTO))) as server:
        file = wanted(server.url())
        with pytest.raises(RuntimeError):
            deliver(file, receives=4)
        assert record(file).status is Status.AWAITING_UPLOAD
        with pytest.raises(RuntimeError):
            deliver(file, receives=5)
    assert code(record(file)) == "internal"


@pytest.mark.parametrize("part", [10_000_000, 5_000], ids=["one put", "parts"])
def test_a_message_delivered_twice_imports_once(part: int, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_objects, "IMPORT_PART", part)
    with serving(saying(answer(PHOTO), answer(PHOTO[::-1]))) as server:
        file = wanted(server.url())
        deliver(file)
        first = originals()
        deliver(file, receives=2)
        assert len(server.requests) == 2
    assert originals() == first
    assert unfinished() == []
    assert stage.count("s3.AbortMultipartUpload") == stage.count("s3.CreateMultipartUpload") // 2


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.READY, Status.FAILED, Status.EXPIRED])
def test_a_file_that_no_longer_waits_is_left_alone(status: Status) -> None:
    with serving(saying(answer(PHOTO))) as server:
        file = wanted(server.url())
        aws_client("dynamodb").update_item(
            TableName="filemill-test",
            Key={name: {"S": value} for name, value in file_key(file.id).items()},
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": {"S": status}},
        )
        deliver(file)
    assert server.requests == []


def test_a_deleted_file_and_one_to_be_uploaded_are_left_alone() -> None:
    with serving(saying(answer(PHOTO))) as server:
        deleted = wanted(server.url())
        deletion.mark_deleted("acme", deleted.id)
        body = json.dumps({"tenant": "acme", "file_id": deleted.id})
        importing.handle(sqs_event(body, queue="imports"), CONTEXT)
        deliver(wanted(None))
    assert server.requests == []
    assert originals() == []


def test_a_message_names_its_own_tenants_files_only() -> None:
    with serving(saying(answer(PHOTO))) as server:
        file = wanted(server.url())
        body = json.dumps({"tenant": "other", "file_id": file.id})
        importing.handle(sqs_event(body, queue="imports"), CONTEXT)
    assert server.requests == []


@pytest.mark.parametrize("body", ["", "{}", "[]", "null", '{"tenant": 1, "file_id": 2}', "not JSON"])
def test_what_is_no_message_of_ours_is_dropped(body: str, stage: Calls) -> None:
    importing.handle(sqs_event(body, queue="imports"), CONTEXT)
    assert stage.names == []


def test_the_queue_carries_ids_and_not_the_url() -> None:
    imports.send(wanted("https://example.com/a?secret=1", correlation_id="c"))
    (sent,) = aws_client("sqs").receive_message(QueueUrl=settings.settings().import_queue_url)["Messages"]
    assert "secret" not in sent["Body"]
    parsed = imports.parse(sent["Body"])
    assert parsed
    assert (parsed.tenant, parsed.correlation_id) == ("acme", "c")


def test_a_url_is_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    with serving(saying(answer(b"", status="503 Busy"))) as server:
        file = wanted(server.url("/a?secret=1"))
        with pytest.raises(Later):
            deliver(file)
        deliver(file, receives=5)
    formatter = logger.registered_handler.formatter
    assert formatter
    lines = "\n".join(formatter.format(line) for line in caplog.records)
    assert "import ended" in lines
    assert file.id in lines
    assert "secret" not in lines


def test_a_name_that_leads_nowhere_fails_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", nowhere)
        file = wanted("https://nowhere.example/a.jpg")
        assert code(deliver(file)) == "source_refused"


@pytest.mark.parametrize("receives", [1, 5])
@pytest.mark.parametrize(
    ("sent", "end"),
    [
        (answer(b"-5\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=None), "source_unreachable"),
        (answer(b"-1\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=None), "source_unreachable"),
        (answer(b"abcde", length=-5), "source_unreachable"),
        (answer(b"abcde", "Content-Length: " + "9" * 5000, length=None), "source_unreachable"),
        (answer(b"abcde", "X: a\0b"), "source_unreachable"),
        (answer(b"", "Location: http://a:" + "9" * 2000, status="302 Found"), "source_refused"),
        (b"\0" * 100, "source_unreachable"),
        # A type is nobody's business here: the bytes decide later.
        (answer(b"abcde", "Content-Type: multipart/mixed; boundary*=idna''x"), "stored"),
        (answer(b"abcde", "Content-Type: multipart/mixed; boundary*" + "9" * 5000 + "*=x"), "stored"),
    ],
    ids=["-5", "-1", "length -5", "a long length", "NUL", "a long port", "zeros", "idna", "a long number"],
)
def test_what_no_source_should_say_fails_the_file_and_is_no_dead_letter(sent: bytes, end: str, receives: int) -> None:
    with serving(saying(sent)) as server:
        file = deliver(wanted(server.url()), receives)
    assert stored(file) == (end == "stored")
    assert end == "stored" or code(file) == end


@examples(
    max_examples=int(os.environ.get("SOURCE_EXAMPLES", "200")) // 10,
    deadline=None,
    derandomize="SOURCE_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[*HealthCheck],
)
@given(raw=raw_answers())
def test_whatever_a_source_sends_ends_its_import_without_a_dead_letter(raw: Raw) -> None:
    def script(_: str, peer: socket.socket) -> None:
        with suppress(OSError):
            peer.sendall(raw.sent)

    with serving(script) as server:
        file = wanted(server.url(), max_bytes=100_000)
        with suppress(Later):
            deliver(file)
        if record(file).status is Status.AWAITING_UPLOAD and not stored(file):
            deliver(file, receives=5)  # raises what would make the message a dead letter
    if not stored(file):
        assert code(record(file)) in {"source_unreachable", "source_refused", "too_large"}


def stored(file: File) -> bool:
    return any(each["Key"] == f"acme/{file.id}" for each in originals())
