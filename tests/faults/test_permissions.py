"""No function may do more than it does: each right in its policy is used by an operation here.

That no function does more than it may is checked by every test that makes a call (tests/iam/plugin.py).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.catalog import deletion, shares, usage
from chalicelib.model import Kind, new_file_id, now
from chalicelib.processing.media import on_demand
from chalicelib.renditions import places
from chalicelib.renditions.recipes import RECIPES
from tests import scans, streams
from tests.faults.harness import quiet, world_of
from tests.faults.hearing import LIVES
from tests.faults.killing import FAULTS, Point, Process, run
from tests.faults.looking import records
from tests.faults.operations import (
    CONDITIONAL,
    MEDIA,
    OPERATIONS,
    PHOTO,
    Operation,
    all_are_large,
    ask,
    captioned_film_handed_over,
    complete_upload,
    created,
    deliver_film_that_plays,
    deliver_media,
    film_handed_over,
    import_,
    parts_sent,
    ready,
    stored,
    viewed,
)
from tests.faults.world import World
from tests.iam import stages
from tests.iam.evaluator import Document, Right, rights
from tests.iam.recorder import Record, recording
from tests.stage import aws_client, lambda_context

# Lambda itself uses these with the function's role, so no call of ours shows them:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
# https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
LAMBDAS_OWN = {
    "Deliveries": {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
    "Stream": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"},
    "OwnLogs": {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
    # MediaConvert's service begins jobs, and copies what they made: tests/processing/test_mediaconvert.py.
    "Jobs": {"mediaconvert:CreateJob"},
    "GiveMediaConvertRole": {"iam:PassRole"},
    "Films": {"s3:GetObject"},
    # As above, with the stage's key.
    "KeyOfDeliveries": {"kms:Decrypt"},
    "KeyOfFilms": {"kms:Decrypt"},
    "Traces": {"xray:PutTelemetryRecords", "xray:PutTraceSegments"},
}


def _look_for_files(world: World, file_id: str) -> None:
    digest = world.request("GET", f"/v1/files/{file_id}").json["sha256"]
    for path in ("/v1/files", "/v1/files?tag=cats", f"/v1/files?sha256={digest}", "/v1/search?q=jpg", "/v1/changes"):
        assert world.request("GET", path).status == 200, path
    assert world.request("GET", "/v1/stats").status == 200
    assert world.request("POST", "/v1/files/batch-get", {"ids": [file_id]}).status == 200


def _complete_twice(world: World, sent: tuple[str, str]) -> None:
    complete_upload(world, sent)
    complete_upload(world, sent)


def _upload_again(world: World, file_id: str) -> None:
    world.put(file_id, b"other bytes")
    world.drain()


def _import_with_a_fault(world: World, _: object) -> None:
    import_(world, "parts.jpg")
    broken = Process(fault=lambda name, _: FAULTS["s3"][0] if name == "s3.UploadPart" else None)
    run(lambda: world.imports.deliver(world.imports.waiting()[0]), broken)


def _deleted_meanwhile(world: World, file_id: str) -> Callable[[str, Point], None]:
    """A client deletes the file just when a function is about to store a rendition."""

    def delete(name: str, point: Point) -> None:
        if name == "s3.PutObject" and point.moment == "before" and file_id in {file.id for file in records()}:
            world.request("DELETE", f"/v1/files/{file_id}")

    return delete


def _render_what_is_deleted(world: World, asked: tuple[str, str]) -> None:
    delete = _deleted_meanwhile(world, asked[0].split("/")[2])
    run(lambda: ask(world, asked), Process(role="function", meanwhile=delete))


def _process_what_is_deleted(world: World, _: object) -> None:
    [file] = records()
    delete = _deleted_meanwhile(world, file.id)
    run(lambda: world.ingest.deliver(world.ingest.waiting()[0]), Process(meanwhile=delete))


def _process_a_deleted_film(world: World, _: object) -> None:
    [file] = records()
    assert world.request("DELETE", f"/v1/files/{file.id}").status == 204
    deliver_media(world, None)


def _process_a_film_that_is_deleted(world: World, _: object) -> None:
    """The function has made a picture already, as those of a later release will."""
    [file] = records()

    def delete(name: str, point: Point) -> None:
        if name == "s3.GetObject" and point.moment == "after" and file.id in {each.id for each in records()}:
            [claimed] = records()
            claimed.kind = Kind.VIDEO
            key = f"{places.made_prefix(claimed)}w160.webp"
            world.request("DELETE", f"/v1/files/{file.id}")
            aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"picture")

    run(lambda: deliver_media(world, None), Process(meanwhile=delete))


def _process_a_large_film(world: World, _: object) -> None:
    with all_are_large():
        deliver_media(world, None)


def _watch_a_film(world: World, _: object) -> None:
    """The first segments are made before anybody watches, and one of the next for a viewer, who looks ahead."""
    with pytest.MonkeyPatch.context() as patch:
        made = streams.install(patch)
        patch.setitem(RECIPES, "photo", replace(RECIPES["photo"], eager=1))
        deliver_media(world, None)
        world.drain()
        [file] = records()
        path = f"/{places.served_prefix(file)}av/v360-1.m4s"
        event = {"rawPath": path, "requestContext": {"http": {"method": "GET", "path": path}}}
        assert on_demand.handle(event, lambda_context())["statusCode"] == 200
        made.work = lambda _: world.request("DELETE", f"/v1/files/{file.id}")
        event["rawPath"] = path.replace("v360", "v720")
        assert on_demand.handle(event, lambda_context())["statusCode"] == 404


def _lose_a_film(world: World) -> None:
    film_handed_over(world)
    for message in world.media.waiting():
        world.media.lose(message)
    world.clock.forward(timedelta(minutes=25))


def _lose_messages(world: World) -> None:
    world.put(created(world, filename="lost.txt", content_type="text/plain", size=4), b"lost")
    import_(world, "a.txt")
    world.notify()
    [taken] = world.ingest.waiting()
    run(
        lambda: world.ingest.deliver(taken),
        Process(fault=lambda name, _: FAULTS["s3"][0] if name.startswith("s3.") else None),
    )
    for queue in (world.ingest, world.imports):
        for message in queue.waiting():
            queue.lose(message)
    world.clock.forward(timedelta(minutes=25))


# A stage that counts what CloudFront delivers.
COUNTED = {"FILEMILL_ACCESS_LOGS": "cdn-logs/filemill-test/"}


def _access_logs(world: World) -> None:
    day = usage.day_of(now() - timedelta(days=2))
    where = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket="cdn-logs", CreateBucketConfiguration=where)
    log = f"#Fields: cs-uri-stem sc-bytes\n/f/public/{new_file_id()}/0123456789abcdef/w320.avif\t5\n"
    key = f"filemill-test/EDIST.{day}-03.a1b2c3d4.gz"
    aws_client("s3").put_object(Bucket="cdn-logs", Key=key, Body=gzip.compress(log.encode()))


def _upload_of_unknown_length(world: World) -> None:
    """Uppy's `signRequest` without a size: an hour later the sweep adds up what S3 has of it."""
    body = {"method": "POST", "key": "a.bin", "contentType": "application/octet-stream"}
    assert world.request("POST", "/s3/presign", body).status == 200
    world.clock.forward(timedelta(minutes=65))


def _scan(world: World, _: object) -> None:
    """No verdict comes, so GuardDuty is asked; then its event comes, and its tag does not."""
    [file] = records()
    with scans.guardduty():
        world.drain()
        world.clock.forward(timedelta(minutes=10))
        world.sweep()
        world.drain()
    [held] = records()
    event = scans.result(file.id, held.version_id or "", "NO_THREATS_FOUND")
    scans.hear(event)


# Operations that the other tests do not have, because each writes nothing or needs two processes.
def _delete_what_is_shared_and_die(world: World) -> None:
    """The function ends after the write that deletes the file, so the sweep does the rest."""
    file_id = ready(world)
    shares.create("acme", file_id, expires_at=now() + timedelta(days=1), download=True, public=False)
    assert deletion.mark_deleted("acme", file_id)


MORE = (
    Operation("look for files", lambda w: ready(w, tags=["cats"]), _look_for_files),
    Operation("complete twice", parts_sent, _complete_twice),
    Operation("upload again", ready, _upload_again),
    Operation(
        "process in a group",
        stored(b"text", content_type="text/plain"),
        lambda w, _: w.ingest.deliver(w.ingest.waiting()[0]),
        environ={"FILEMILL_FAIR_TENANTS": "true"},
    ),
    Operation("scan by GuardDuty", stored(PHOTO), _scan, environ={"FILEMILL_SCAN": "guardduty"}),
    Operation("process a film with captions", captioned_film_handed_over, deliver_film_that_plays, environ=MEDIA),
    Operation("process a deleted film", film_handed_over, _process_a_deleted_film, environ=MEDIA),
    Operation("process a film that is deleted", film_handed_over, _process_a_film_that_is_deleted, environ=MEDIA),
    Operation("process a large film", film_handed_over, _process_a_large_film, environ=MEDIA),
    Operation("watch a film", film_handed_over, _watch_a_film, environ=MEDIA),
    Operation("sweep after a lost film", _lose_a_film, lambda w, _: w.sweep(), environ=MEDIA),
    Operation("import with a fault", lambda w: None, _import_with_a_fault),
    Operation("process what is deleted", stored(PHOTO), _process_what_is_deleted),
    Operation("render what is deleted", viewed, _render_what_is_deleted),
    Operation("sweep an upload of unknown length", _upload_of_unknown_length, lambda w, _: w.sweep()),
    Operation("sweep a shared file that is deleted", _delete_what_is_shared_and_die, lambda w, _: w.sweep()),
    Operation("sweep with access logs", _access_logs, lambda w, _: w.sweep(), environ=COUNTED),
    Operation("sweep after lost messages", _lose_messages, lambda w, _: w.sweep()),
)


def done(operations: tuple[Operation, ...]) -> Record:
    """The calls of these operations, and of all that follows from them."""
    with recording() as record, quiet():
        for operation in operations:
            with world_of(operation) as world:
                prepared = operation.prepare(world)
                world.restart()
                operation.run(world, prepared)
                world.drain()
                world.later()
    return record


def unused(policies: Mapping[str, Document], record: Record) -> list[str]:
    """The rights of these functions that no call of theirs needs."""
    return [
        f"{function}, {right.sid}: {right.action} on {right.resource}"
        for function, policy in policies.items()
        for right in rights(policy)
        if right.action not in LAMBDAS_OWN.get(right.sid, ()) and not _is_used(right, function, record)
    ]


def _is_used(right: Right, function: str, record: Record) -> bool:
    return any(right.covers(need) for need in record.of(function))


@pytest.mark.usefixtures("broken_stage")
def test_each_right_of_each_function_is_used() -> None:
    record = done((*OPERATIONS, *CONDITIONAL, *MORE, *LIVES))

    assert unused(stages.function_policies(), record) == []
    assert not record.denied
    assert set(record.calls) >= set(stages.function_policies())
