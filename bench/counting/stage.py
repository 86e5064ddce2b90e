"""A quiet stage on moto, with everything around our code: each change of a record is told alone.

A stage with load tells many changes in one run, so what is counted here is the most that an operation costs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bench.counting.meter import Meter, metered
from chalicelib import keyring, settings
from chalicelib.events import delivering, indexing, publish
from chalicelib.processing import on_demand, pipeline
from ops.stack.event_sources import PUBLISHED
from tests.client import Answer, Client, new_client
from tests.events import hooks
from tests.faults.clock import Clock, time_of
from tests.making import message, sqs_event
from tests.stage import (
    MEDIA_STAGE,
    STAGE,
    aws_client,
    functions_in_process,
    lambda_context,
    mocked_cloud,
    new_cdn_key,
    passed,
    provisioned,
    stream_since,
)

TENANT = "acme"
# The time of what a warm function remembers: none of it grows old while an operation runs, however slow the machine is.
STILL = SimpleNamespace(time=lambda: 0.0, monotonic=lambda: 0.0)
MOMENT = datetime(2026, 11, 27, 12, tzinfo=UTC)
CLIENT, VIEWER = "the client", "the viewer"


@dataclass
class Stage:
    meter: Meter
    clock: Clock
    client: Client
    hooks: hooks.Hooks
    patch: pytest.MonkeyPatch
    counting: bool = False
    held: bool = False
    _seen: int = 0
    _sequencer: int = 16

    def begin(self) -> None:
        """Counting begins: all that is there by now is prepared. Keys and tenants are in memory."""
        self.api("GET", "/v1/files?limit=1")
        self.follow()
        self.meter.tallies.clear()
        self.counting = True

    def warm(self) -> None:
        """Nothing is counted that a function asks for once in its life, or once in a while."""
        keyring.cdn_key()
        keyring.mac("counting", b"")
        self.counting = True
        self.follow()  # the key that was made: the audit notes the hour
        self.counting = False

    def api(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """A request of the HTTP API that must succeed."""
        self.clock.forward(timedelta(seconds=2))
        with self.meter.run("api_handler"):
            reply = self.client(method, path, body, **more)
        assert reply.status < 400, reply.text
        self.meter.add("api_handler", "apigateway.Request")
        self.meter.tallies["api_handler"].got += len(reply.content)
        return reply

    def page(self, path: str) -> Answer:
        """A page that a person without a credential asks for."""
        answer = Client(None)
        client, self.client = self.client, answer
        try:
            return self.api("GET", path)
        finally:
            self.client = client

    def create(self, name: str, content_type: str, size: int, **more: Any) -> str:
        body = {"filename": name, "content_type": content_type, "size": size, **more}
        return str(self.api("POST", "/v1/files", body).json["id"])

    def put(self, file_id: str, body: bytes) -> str:
        """The client sends a file with its form. Returns the object's version."""
        reply = aws_client("s3").put_object(Bucket="originals", Key=f"{TENANT}/{file_id}", Body=body)
        self.sends("s3.PutObject", len(body))
        return str(reply["VersionId"])

    def sends(self, call: str, size: int) -> None:
        """The client's own request to S3."""
        self.meter.add(CLIENT, call)
        self.meter.tallies[CLIENT].put += size

    def process(self, file_id: str, version: str, size: int) -> None:
        """S3 tells the queue of the object, and the function works it off; a film goes on to `media`."""
        self._sequencer += 1
        event = message(f"{TENANT}/{file_id}", version, size, sequencer=f"{self._sequencer:016X}")
        url = STAGE["FILEMILL_INGEST_QUEUE_URL"]
        aws_client("sqs").send_message(QueueUrl=url, MessageBody=event["Records"][0]["body"])
        self.meter.add("process", "sqs.SendMessage")
        self.work_off("ingest", "process", pipeline.handle)
        self.work_off("media", "media", pipeline.handle_media)
        self.work_off("ingest", "process", pipeline.handle)

    def work_off(self, queue: str, function: str, handle: Any) -> None:
        """A queue's function works off what is in the queue now. The sending of the messages is counted already."""
        sqs, context = aws_client("sqs"), lambda_context()
        context.get_remaining_time_in_millis = lambda: 900_000
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for received in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            self.clock.forward(timedelta(seconds=2))
            event = sqs_event(received["Body"], queue=queue)
            event["Records"][0]["receiptHandle"] = received["ReceiptHandle"]
            with self.meter.run(function):
                handle(event, context)
            self.meter.add(function, "sqs.ReceiveMessage", "sqs.DeleteMessage")
            sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
            self.follow()

    def follow(self) -> None:
        """The functions that read the table's stream catch up, one change at a time, and then the webhooks' worker.

        While a scenario is prepared, only the index does, and with all changes at once. While the stream is held,
        nobody reads it.
        """
        if self.held:
            return
        while records := stream_since(self._seen):
            self._seen = records[-1][0] + 1
            if not self.counting:
                indexing.handle({"Records": passed(record for _, record in records)}, lambda_context())
                continue
            for _, record in records:
                if passed([record]):
                    self._told("index", indexing.handle, record)
                if passed([record], PUBLISHED):
                    self._told("publish", publish.handle, record)
        while self.counting and self.hooks.deliver_one():
            self.meter.add("deliver", "sqs.ReceiveMessage", "sqs.DeleteMessage")

    def follow_together(self) -> None:
        """As with load: all changes since the stream was held come in one batch, and so do all entries of the feed."""
        self.held = False
        records = stream_since(self._seen)
        with self.meter.run("index"):
            indexing.handle({"Records": passed(record for _, record in records)}, lambda_context())
        records += stream_since(records[-1][0] + 1)
        self._seen = records[-1][0] + 1
        with self.meter.run("publish"):
            publish.handle({"Records": passed((record for _, record in records), PUBLISHED)}, lambda_context())
        self.follow()

    def _told(self, function: str, handle: Any, record: dict[str, Any]) -> None:
        with self.meter.run(function):
            handle({"Records": [record]}, lambda_context())

    def view(self, path: str, function: str = "render") -> None:
        """CloudFront asks for what is missing."""
        http = {"method": "GET", "path": path}
        self.clock.forward(timedelta(seconds=2))
        with self.meter.run(function):
            reply = on_demand_of(function)({"rawPath": path, "requestContext": {"http": http}}, lambda_context())
        assert reply["statusCode"] == 200, reply


def on_demand_of(function: str) -> Any:
    if function == "render":
        return on_demand.handle
    from chalicelib.processing.media import on_demand as of_media

    return of_media.handle


@contextmanager
def cloud(*, quiet: bool = True) -> Iterator[None]:
    """moto, as the tests have it. `quiet`: our code logs nothing."""
    with mocked_cloud():
        logging.disable(logging.WARNING if quiet else logging.NOTSET)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


@contextmanager
def stage() -> Iterator[Stage]:
    """An empty stage with the function `media`, in a cloud that is there."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in MEDIA_STAGE.items():
            patch.setenv(name, value)
        settings.settings.cache_clear()
        stack.callback(settings.settings.cache_clear)
        provisioned(new_cdn_key())
        stack.enter_context(functions_in_process())
        for module in ("catalog.memory", "keyring"):
            patch.setattr(f"chalicelib.{module}.time", STILL)
        clock = Clock()
        clock.moment = MOMENT  # so that every number in the items has as many digits in each run
        stack.enter_context(time_of(clock))
        meter = stack.enter_context(metered())
        world = hooks.made(patch, clock)
        _meter_deliveries(patch, meter)
        here = Stage(meter, clock, new_client(TENANT), world, patch)
        here.warm()
        yield here


def _meter_deliveries(patch: pytest.MonkeyPatch, meter: Meter) -> None:
    handle = delivering.handle

    def metered_run(event: Mapping[str, Any], context: Any) -> None:
        with meter.run("deliver"):
            handle(dict(event), context)

    patch.setattr(delivering, "handle", metered_run)
