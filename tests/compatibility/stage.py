"""A stage on moto that is used from outside only, and the file that keeps such a stage.

The writer of the fixture (write_fixture.py) and its reader (test_previous_release.py) share this module. It calls the
app as Lambda and API Gateway do, and touches the table and the buckets by raw calls, so that it works beside the code
of any release.
"""

from __future__ import annotations

import json
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import pytest

from chalicelib import aws, model, settings
from chalicelib.renditions import engine
from tests.client import Answer, Client
from tests.making import sqs_event
from tests.stage import STAGE, aws_client, stream_records

FIXTURE = Path(__file__).parent / "previous_release.zip"

TABLE = STAGE["FILEMILL_TABLE"]
BUCKETS = ("originals", "derived")
URLS = {"ingest": STAGE["FILEMILL_INGEST_QUEUE_URL"], "imports": STAGE["FILEMILL_IMPORT_QUEUE_URL"]}

SOURCE = "localhost:40123"
"""Where the fixture's imports come from. Whoever loads the fixture puts a server's real address in its place."""


LATE = b"nothing but words, and a few of them\n"
"""What the server has that stands in for that source."""

ENGINE = engine.ENGINE_VERSION
"""The engines of this computer; they are a part of the renditions' addresses."""


class DiedError(BaseException):
    """The process ended here. It is no `Exception`, so that no handler of errors catches it."""


class Clock:
    """The present, for the code under test: it goes on by a millisecond at each look, and as far as it is told."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self, zone: Any = None) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment.astimezone(zone)

    def time(self) -> float:
        return self.now(UTC).timestamp()

    def time_ns(self) -> int:
        return int(self.time() * 1000) * 1_000_000

    def forward(self, **by: float) -> None:
        """`by` is what `timedelta` takes: `hours=2`."""
        self.moment += timedelta(**by)


@contextmanager
def time_of(clock: Clock) -> Iterator[None]:
    """Everything here that asks for the time gets this clock's: records, ids, leases, and the objects in S3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "datetime", clock)
        patch.setattr(time, "time", clock.time)
        patch.setattr(time, "time_ns", clock.time_ns)
        patch.setattr("moto.s3.models.utcnow", lambda: clock.now(UTC).replace(tzinfo=None))
        yield


@contextmanager
def setting(**values: object) -> Iterator[None]:
    """Meanwhile the stage has these settings: `setting(delete_window=60)`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(f"FILEMILL_{name.upper()}", str(value))
        settings.settings.cache_clear()
        yield
    settings.settings.cache_clear()


@contextmanager
def dying_at(service: str, operation: str, *, error: type[BaseException] = DiedError) -> Iterator[None]:
    """Meanwhile the code under test ends before it makes this call; with `error`, the call raises that instead."""
    client = {"s3": aws.s3, "dynamodb": aws.dynamodb, "lambda": aws.functions}[service]()

    def die(**_: Any) -> None:
        raise error(f"{service}.{operation}")

    event = f"before-call.{service}.{operation}"
    client.meta.events.register_first(event, die)
    try:
        yield
    finally:
        client.meta.events.unregister(event, die)


@contextmanager
def changed_calls(service: str, operation: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    """Meanwhile these calls of the code under test get `parameters`, too. Gives the parameters of each call."""
    client = {"s3": aws.s3, "dynamodb": aws.dynamodb}[service]()
    seen: list[dict[str, Any]] = []

    def change(params: dict[str, Any], **_: Any) -> None:
        params.update(parameters)
        seen.append(dict(params))

    event = f"provide-client-params.{service}.{operation}"
    client.meta.events.register_first(event, change)
    try:
        yield seen
    finally:
        client.meta.events.unregister(event, change)


@dataclass
class Stage:
    """One stage, its time and its credentials (by name)."""

    clock: Clock
    keys: dict[str, str] = field(default_factory=dict)
    _indexed: int = 0
    _sequencer: int = 0x10

    # --- what clients and AWS do

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "acme",
        query: Mapping[str, str | list[str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A request to the API with the credential of that name."""
        return Client(self.keys[key])(method, path, body, query=query, headers=headers)

    def put(
        self, file_id: str, body: bytes, *, tenant: str = "acme", content_type: str = "", notify: bool = True
    ) -> str:
        """Stores an original as a client does; the text of S3's message, which is sent unless `notify` says not to."""
        more = {"ContentType": content_type} if content_type else {}
        stored = aws_client("s3").put_object(Bucket="originals", Key=f"{tenant}/{file_id}", Body=body, **more)
        told = self.notification(file_id, stored["VersionId"], len(body), tenant=tenant)
        if notify:
            self.send("ingest", told)
        return told

    def arrived(self, file_id: str) -> None:
        """S3 tells the ingest queue of an original that was stored by something else than `put`."""
        stored = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
        self.send("ingest", self.notification(file_id, stored["VersionId"], stored["ContentLength"]))

    def notification(self, file_id: str, version_id: str, size: int, *, tenant: str = "acme") -> str:
        """The text of S3's message about one object version; each comes after those before it."""
        self._sequencer += 1
        stored = {"key": quote_plus(f"{tenant}/{file_id}", safe="/"), "size": size, "versionId": version_id}
        stored["sequencer"] = f"{self._sequencer:016X}"
        entry = {"eventName": "ObjectCreated:Post", "s3": {"bucket": {"name": "originals"}, "object": stored}}
        return json.dumps({"Records": [{"eventSource": "aws:s3", "eventVersion": "2.1", **entry}]})

    def send(self, queue: str, body: str) -> None:
        aws_client("sqs").send_message(QueueUrl=URLS[queue], MessageBody=body)

    def take(self, queue: str) -> list[str]:
        """The texts of all messages that wait in a queue, which has none after it."""
        sqs, texts = aws_client("sqs"), []
        while found := sqs.receive_message(QueueUrl=URLS[queue], MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                texts.append(message["Body"])
                sqs.delete_message(QueueUrl=URLS[queue], ReceiptHandle=message["ReceiptHandle"])
        return texts

    # --- what Lambda does

    def deliver(self, queue: str, body: str, *, receives: int = 1) -> None:
        """Gives one message to its function. Raises what brings the message back to the queue."""
        import app

        function = app.process if queue == "ingest" else app.fetch
        function(sqs_event(body, receives=receives, queue=queue), _context())

    def drain(self) -> None:
        """Every message that waits is worked off, then what comes of it, and the index catches up."""
        while waiting := [(queue, body) for queue in URLS for body in self.take(queue)]:
            for queue, body in waiting:
                self.deliver(queue, body)
        self.index()

    def index(self, more: list[dict[str, Any]] | None = None) -> None:
        """The index function gets what the stream holds that it did not get yet, after `more`."""
        records = [*(more or []), *self.unindexed()]
        self._indexed = len(stream_records())
        self.index_again(records)

    def index_again(self, records: list[dict[str, Any]]) -> None:
        """The index function gets these records of the stream."""
        import app

        for start in range(0, len(records), 100):
            app.index({"Records": records[start : start + 100]}, _context())

    def unindexed(self) -> list[dict[str, Any]]:
        return stream_records()[self._indexed :]

    def sweep(self) -> None:
        """One scheduled run."""
        import app

        event = {"version": "0", "account": "1", "region": "r", "detail": {}, "detail-type": "t"}
        event |= {"source": "aws.events", "time": "2026-01-01T00:00:00Z", "id": "i", "resources": []}
        app.sweep(event, _context())


def _context() -> Any:
    """Fifteen minutes are left."""
    return SimpleNamespace(
        aws_request_id="r", function_name="filemill-test", get_remaining_time_in_millis=lambda: 900_000
    )


# --- looking at a stage


def items() -> list[dict[str, Any]]:
    """Every item of the table as DynamoDB's JSON, in the order of their keys."""
    pages = aws_client("dynamodb").get_paginator("scan").paginate(TableName=TABLE)
    found = [item for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def record_of(file_id: str) -> dict[str, Any]:
    """A file's item as DynamoDB's JSON."""
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    found: dict[str, Any] = aws_client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    return found


def objects() -> list[dict[str, Any]]:
    """Every object version and delete marker of both buckets, oldest first a key; `body` holds the bytes."""
    found = []
    for bucket in BUCKETS:
        keys = _bucket(bucket).keys
        for name in sorted(keys):
            for version in keys.getlist(name):
                facts = {"bucket": bucket, "key": name, "version_id": version.version_id}
                facts["modified"] = version.last_modified.isoformat()
                found.append(facts | (_content(version) if hasattr(version, "value") else {"marker": True}))
    return found


def _content(version: Any) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in version.metadata.items()}
    own = {name.removeprefix("x-amz-meta-"): value for name, value in headers.items() if name.startswith("x-amz-meta-")}
    return {
        "content_type": headers.get("content-type"),
        "cache_control": headers.get("cache-control"),
        "metadata": own,
        "body": version.value,
    }


def keys_in(bucket: str) -> set[str]:
    return {each["key"] for each in objects() if each["bucket"] == bucket and "marker" not in each}


def uploads() -> list[dict[str, Any]]:
    """Every multipart upload that is not complete, with its parts' bytes by number."""
    return [
        {
            "key": upload.key_name,
            "upload_id": upload.id,
            "content_type": upload.metadata.get("Content-Type"),
            "parts": {str(number): part.value for number, part in upload.parts.items()},
        }
        for upload in _bucket("originals").multiparts.values()
    ]


def _bucket(name: str) -> Any:
    return import_module("moto.s3.models").s3_backends["123456789012"]["aws"].buckets[name]


# The release before signed with RSA and SHA-1, and each rendition's `url` by a pattern.
_SIGNATURE = re.compile(r"(?:Policy|Expires)=[\w~-]+(?:&(?:amp;)?(?:Signature|Key-Pair-Id|Hash-Algorithm)=[\w~…-]+)+")


def unsigned(value: Any) -> Any:
    """An answer without its signatures, which are those of a key that each stage has for itself."""
    return json.loads(_SIGNATURE.sub("signature", json.dumps(value, ensure_ascii=False)))


# --- the file


@dataclass(frozen=True)
class Kept:
    """All that a release left in a stage.

    `facts` has the credentials and ids by name, `table`, `objects` and `uploads` are as the functions above give them,
    `messages` are those that wait by queue, `stream` what the index was not told yet, `answers` the requests of clients
    with what they were answered, `calls` what one function sends to another, and `to_come` the bytes of files that wait
    for their upload.
    """

    facts: dict[str, Any]
    table: list[dict[str, Any]]
    objects: list[dict[str, Any]]
    uploads: list[dict[str, Any]]
    messages: dict[str, list[str]]
    stream: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    to_come: dict[str, bytes]

    @property
    def files(self) -> dict[str, str]:
        """Ids by what the file is there for."""
        found: dict[str, str] = self.facts["files"]
        return found


def save(kept: Kept, path: Path) -> None:
    """JSON documents in a zip file, bytes beside them, each under its SHA-256."""
    bodies: dict[str, bytes] = {}

    def reference(value: Any) -> str:
        assert isinstance(value, bytes), value
        name = sha256(value).hexdigest()[:16]
        bodies[name] = value
        return name

    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, document in vars(kept).items():
            text = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=0, default=reference)
            archive.writestr(zipfile.ZipInfo(f"{name}.json"), text, zipfile.ZIP_LZMA)
        for name, body in sorted(bodies.items()):
            archive.writestr(zipfile.ZipInfo(f"bodies/{name}"), body, zipfile.ZIP_LZMA)


def read(path: Path, source: str) -> Kept:
    """The file's content; its imports come from `source` (host and port)."""
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".json") for name in archive.namelist() if name.endswith(".json")]
        documents = {name: json.loads(archive.read(f"{name}.json").decode().replace(SOURCE, source)) for name in names}
        bodies = {name: archive.read(name) for name in archive.namelist() if name.startswith("bodies/")}
    for each in documents["objects"]:
        if "body" in each:
            each["body"] = bodies[f"bodies/{each['body']}"]
    for upload in documents["uploads"]:
        upload["parts"] = {number: bodies[f"bodies/{name}"] for number, name in upload["parts"].items()}
    documents["to_come"] = {name: bodies[f"bodies/{body}"] for name, body in documents["to_come"].items()}
    return Kept(**documents)


def load(kept: Kept) -> Stage:
    """Puts it all into a provisioned, empty stage."""
    aws_client("ssm").put_parameter(
        Name=STAGE["FILEMILL_SECRET_PARAMETER"], Value=kept.facts["secret"], Type="SecureString", Overwrite=True
    )
    for start in range(0, len(kept.table), 25):
        puts = [{"PutRequest": {"Item": item}} for item in kept.table[start : start + 25]]
        aws_client("dynamodb").batch_write_item(RequestItems={TABLE: puts})
    for each in kept.objects:
        _load_object(each)
    for upload in kept.uploads:
        _load_upload(upload)
    stage = Stage(Clock(datetime.fromisoformat(kept.facts["moment"])), kept.facts["keys"])
    for queue, texts in kept.messages.items():
        for text in texts:
            stage.send(queue, text)
    stage._indexed, stage._sequencer = len(stream_records()), 0x1000
    return stage


@contextmanager
def loaded(kept: Kept) -> Iterator[Stage]:
    """The stage as that release left it, in a provisioned, empty stage, and at that moment.

    The engines' name is that release's: it changes with Pillow and with the processor, and addresses with it.
    """
    with pytest.MonkeyPatch.context() as patch, setting(import_networks="127.0.0.0/8"):
        patch.setattr(engine, "ENGINE_VERSION", kept.facts["engine"])
        stage = load(kept)
        with time_of(stage.clock):
            yield stage


def _load_object(each: dict[str, Any]) -> None:
    """With the version and the time that it has: S3 would choose them, and addresses are made from versions."""
    s3, bucket, key = aws_client("s3"), each["bucket"], each["key"]
    if each.get("marker"):
        s3.delete_object(Bucket=bucket, Key=key)
    else:
        parameters = {"ContentType": each["content_type"], "CacheControl": each["cache_control"]}
        more = {name: value for name, value in parameters.items() if value}
        s3.put_object(Bucket=bucket, Key=key, Body=each["body"], Metadata=each["metadata"], **more)
    version = _bucket(bucket).keys.getlist(key)[-1]
    version.last_modified = datetime.fromisoformat(each["modified"])
    if each["version_id"] != "null":
        version._version_id = each["version_id"]


def _load_upload(upload: dict[str, Any]) -> None:
    """With the id that it has."""
    s3, multiparts = aws_client("s3"), _bucket("originals").multiparts
    address = {"Bucket": "originals", "Key": upload["key"]}
    new = s3.create_multipart_upload(**address, ContentType=upload["content_type"])["UploadId"]
    for number, body in upload["parts"].items():
        s3.upload_part(**address, UploadId=new, PartNumber=int(number), Body=body)
    moved = multiparts.pop(new)
    moved.id = upload["upload_id"]
    multiparts[moved.id] = moved


def environment_of(project: Path) -> Path:
    """A project folder whose configuration names this stage, for commands of `ops`."""
    config = {"stages": {STAGE["FILEMILL_STAGE"]: {"environment_variables": {**STAGE, **_own_settings()}}}}
    (project / ".chalice").mkdir(exist_ok=True)
    (project / ".chalice/config.json").write_text(json.dumps(config))
    return project


def _own_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("FILEMILL_")}
