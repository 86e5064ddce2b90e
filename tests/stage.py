"""One stage on moto: buckets, queues and the stack's own table, and a record of the AWS calls that the code makes."""

from __future__ import annotations

import copy
import io
import json
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import batched
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import yaml
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws

from tests import moto_stages
from tests.moto_pace import spare_repeated_work
from tests.moto_reads import read_no_more_than_asked

STAGE = {
    "FILEMILL_STAGE": "test",
    "FILEMILL_ORIGINALS_BUCKET": "originals",
    "FILEMILL_DERIVED_BUCKET": "derived",
    "FILEMILL_TABLE": "filemill-test",
    "FILEMILL_TABLE_STREAM_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/filemill-test/stream/1",
    "FILEMILL_INGEST_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:ingest",
    "FILEMILL_INGEST_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/ingest",
    "FILEMILL_IMPORT_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:imports",
    "FILEMILL_IMPORT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/imports",
    "FILEMILL_WEBHOOK_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:webhooks",
    "FILEMILL_WEBHOOK_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/webhooks",
    "FILEMILL_EVENT_BUS": "filemill-test",
    "FILEMILL_DISTRIBUTION_ID": "EDIST",
    "FILEMILL_FRONT_DOOR": "https://d111.cloudfront.net",
    "FILEMILL_CDN_KEY_ID": "K111",
    "FILEMILL_CDN_KEY_PARAMETER": "/filemill/test/cdn-signing-key",
    "FILEMILL_SECRET_PARAMETER": "/filemill/test/secret",
}

# What a stage with the function `media` has besides. Most tests' stage has none, and its videos need no FFmpeg.
MEDIA_STAGE = {
    "FILEMILL_MEDIA_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:media",
    "FILEMILL_MEDIA_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/media",
}


# The role that a stage with the service `mediaconvert` gives to MediaConvert.
TRANSCODER = "arn:aws:iam::123456789012:role/filemill-test-MediaConvertRole-1"

os.environ.update(STAGE)
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_DEFAULT_REGION="eu-west-1",
    POWERTOOLS_METRICS_DISABLED="true",
)
os.environ.pop("AWS_ENDPOINT_URL", None)

ROOT = Path(__file__).parent.parent


class _Template(yaml.SafeLoader):
    """Reads a CloudFormation template. Intrinsic functions are left as their names."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: suffix)


@cache
def template() -> dict[str, Any]:
    document: dict[str, Any] = yaml.load((ROOT / ".chalice/resources.yaml").read_text(), Loader=_Template)
    return document


def table_definition() -> dict[str, Any]:
    """The table as the stack declares it, so that no test needs a schema of its own."""
    properties = template()["Resources"]["Table"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    stream = {"StreamEnabled": True, **properties["StreamSpecification"]}
    return {**{name: properties[name] for name in wanted}, "StreamSpecification": stream}


def new_cdn_key() -> bytes:
    """A key as `ops provision` makes it for a new stage."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@dataclass
class Calls:
    """AWS calls of the code under test, as `service.Operation`, in order. `bus` has the events it put on the bus."""

    names: list[str] = field(default_factory=list)
    bus: list[dict[str, Any]] = field(default_factory=list)
    _indexed: int = 0
    _published: int = 0

    def settle(self) -> None:
        """Lets the index catch up with the table. The calls for it are not counted."""
        from chalicelib.events import indexing

        before, records = list(self.names), _records(first=self._indexed)
        for some in batched((record for _, record in records), 100):
            indexing.handle({"Records": list(some)}, lambda_context())
        if records:
            self._indexed = records[-1][0] + 1
        self.names[:] = before

    def published(self) -> None:
        """Lets `publish` catch up with the table, with the records that its mapping's filters pass.

        Its calls are counted. Entries of the feed come from the index, so call `settle` before, if they matter. A batch
        that fails raises and comes again the next time, as from Lambda.
        """
        from chalicelib.events import publish
        from ops.stack.event_sources import PUBLISHED

        for some in batched(_records(PUBLISHED, self._published), 100):
            publish.handle({"Records": [record for _, record in some]}, lambda_context())
            self._published = some[-1][0] + 1

    def clear(self) -> None:
        self.names.clear()

    def count(self, prefix: str) -> int:
        return sum(name.startswith(prefix) for name in self.names)


def refuse_parts_of_ended_uploads() -> None:
    """S3 answers NoSuchUpload to a part of an upload that is over; moto breaks with a KeyError."""
    from moto.s3.exceptions import NoSuchUpload
    from moto.s3.models import S3Backend

    model: Any = S3Backend
    upload_part = model.upload_part

    def answered(backend: Any, bucket_name: str, multipart_id: str, *rest: Any, **more: Any) -> Any:
        if multipart_id not in backend.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return upload_part(backend, bucket_name, multipart_id, *rest, **more)

    model.upload_part = answered


def one_call_at_a_time() -> None:
    """Makes moto's DynamoDB usable with threads, and its transactions fast.

    moto is not made for threads, and copies the whole table for each transaction, its stream included. Here it copies
    what the transaction names: nothing else is changed, so nothing else must be put back.
    """
    from botocore.client import BaseClient
    from moto.dynamodb import models
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.models.table import StreamShard, Table

    base: Any = BaseClient
    lock, call = threading.RLock(), base._make_api_call

    def locked(client: Any, operation: str, parameters: Any) -> Any:
        with lock if client.meta.service_model.service_name == "dynamodb" else nullcontext():
            return call(client, operation, parameters)

    def copied(shard: Any, memo: Any) -> Any:
        other = copy.copy(shard)
        other.items = list(shard.items)
        other.table = memo.get(id(shard.table), shard.table)
        return other

    backend: Any = DynamoDBBackend
    transact, named = backend.transact_write_items, set[tuple[str, str]]()

    def transacted(self: Any, transact_items: list[dict[str, Any]]) -> None:
        named.clear()
        for each in transact_items:
            (action,) = each.values()
            key = action.get("Key") or action["Item"]
            named.add((key["pk"]["S"], key["sk"]["S"]))
        transact(self, transact_items)

    def of_transaction(value: Any) -> Any:
        if not isinstance(value, Table):
            return copy.deepcopy(value)
        other: Any = copy.copy(value)
        other.items = copy.copy(value.items)
        for pk in {pk for pk, _ in named}:
            partition = DynamoType({"S": pk})
            if partition in value.items:
                items = other.items[partition] = copy.copy(value.items[partition])
                for place in items:
                    if (pk, place.value) in named:
                        items[place] = copy.deepcopy(items[place])
        other.stream_shard = copy.deepcopy(value.stream_shard)
        return other

    base._make_api_call = locked
    backend.transact_write_items = transacted
    models.copy = SimpleNamespace(deepcopy=of_transaction)  # type: ignore[attr-defined, assignment]
    StreamShard.__deepcopy__ = copied  # type: ignore[attr-defined]


@contextmanager
def mocked_cloud() -> Iterator[None]:
    """moto, with its faults mended and its repeated work spared (for the rest of this process)."""
    with mock_aws():
        one_call_at_a_time()
        read_no_more_than_asked()
        spare_repeated_work()
        refuse_parts_of_ended_uploads()
        yield


@cache
def aws_client(service: str) -> Any:
    """A client for a test's own look at AWS. The code under test has other clients, whose calls are counted."""
    return boto3.client(service)  # type: ignore[call-overload]


def stream_records(patterns: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The records of the table's stream that Lambda would give to a function whose mapping has these filters.

    Without patterns they are those that the index function gets: of files. moto's own streams API gives the same, but
    slowly.
    """
    return [record for _, record in _records(patterns)]


def stream_since(place: int) -> list[tuple[int, dict[str, Any]]]:
    """Every record of the table's stream from this place on, each with its place."""
    return _records([{}], place)


def _records(patterns: Iterable[Mapping[str, Any]] = (), first: int = 0) -> list[tuple[int, dict[str, Any]]]:
    """The same from the record at this place in the stream on, each with its place."""
    from moto.dynamodb.models import dynamodb_backends

    table = dynamodb_backends["123456789012"]["eu-west-1"].tables["filemill-test"]
    assert table.stream_shard
    # A record keeps its place among all, also where those of moto's own are left out.
    found = plain([record.record for record in table.stream_shard.items[first:]])
    places = {id(record): place for place, record in enumerate(found, first)}
    return [(places[id(record)], record) for record in passed(filter(_is_real, found), patterns)]


def _is_real(record: Mapping[str, Any]) -> bool:
    """False for what moto adds: before an item that UpdateItem makes, it gives an INSERT of the key alone."""
    change = record["dynamodb"]
    return bool(record["eventName"] != "INSERT" or change["NewImage"].keys() != change["Keys"].keys())


def passed(records: Iterable[dict[str, Any]], patterns: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Those of the records that one of the filters of a mapping passes; without patterns, the index function's."""
    from moto.events.models import EventPattern

    from ops.stack.event_sources import ONLY_RECORDS

    filters = [EventPattern.load(json.dumps(each)) for each in patterns or [json.loads(ONLY_RECORDS)]]
    each_record: Iterable[Any] = records  # moto's type is that of EventBridge's own events
    return [record for record in each_record if any(each.matches_event(record) for each in filters)]


def plain(value: Any) -> Any:
    """moto's own values as JSON has them in Lambda's events: items typed, times in seconds."""

    def default(inner: Any) -> Any:
        if isinstance(inner, datetime):  # moto's times are UTC and say no zone
            return int(inner.replace(tzinfo=UTC).timestamp())
        return inner.to_json() if hasattr(inner, "to_json") else str(inner)

    return json.loads(json.dumps(value, default=default))


def _make_distribution() -> None:
    """Makes a distribution with the id in the settings, for invalidations. moto alone would choose another id."""
    from moto.cloudfront.models import cloudfront_backends

    origin = {"Id": "derived", "DomainName": "derived.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behavior = {"TargetOriginId": "derived", "ViewerProtocolPolicy": "redirect-to-https"}
    config = {
        "CallerReference": "test",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behavior,
    }
    made = aws_client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    backend = cloudfront_backends["123456789012"]["aws"]
    backend.distributions[STAGE["FILEMILL_DISTRIBUTION_ID"]] = backend.distributions.pop(made)


def provisioned(cdn_key: bytes) -> None:
    """Makes an empty stage in the mocked cloud. The code under test forgets everything that it knows of another one."""
    from chalicelib import keyring, settings
    from chalicelib.api.auth import issuer_keys
    from chalicelib.catalog import actors, memory
    from chalicelib.catalog.audit import pages as audit_pages

    settings.settings.cache_clear()
    keyring.forget()
    audit_pages.forget()
    actors.act_as(actors.NOBODY)
    actors.come_from(actors.NOWHERE)
    memory.forget()
    issuer_keys.forget()
    moto_stages.renew(_provision_all_but_queues_and_parameters)
    for queue in ("ingest", "imports", "webhooks", "media"):
        aws_client("sqs").create_queue(QueueName=queue)
    ssm = aws_client("ssm")
    ssm.put_parameter(Name=STAGE["FILEMILL_CDN_KEY_PARAMETER"], Value=cdn_key.decode() or "none", Type="SecureString")
    ssm.put_parameter(Name=STAGE["FILEMILL_SECRET_PARAMETER"], Value="s" * 43, Type="SecureString")


def _provision_all_but_queues_and_parameters() -> None:
    s3 = aws_client("s3")
    for bucket in ("originals", "derived"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
    aws_client("dynamodb").create_table(TableName="filemill-test", **table_definition())
    aws_client("events").create_event_bus(Name=STAGE["FILEMILL_EVENT_BUS"])
    _make_distribution()


@contextmanager
def recorded_calls() -> Iterator[Calls]:
    """Gives the list of AWS calls that the code under test makes inside the `with`."""
    from chalicelib import aws

    calls = Calls()

    def record(model: Any, **_: Any) -> None:
        calls.names.append(f"{model.service_model.service_name}.{model.name}")

    def record_event(params: Any, **_: Any) -> None:
        calls.bus.extend(json.loads(entry["Detail"]) for entry in params["Entries"])

    bus = aws.events().meta.events
    bus.register("provide-client-params.eventbridge.PutEvents", record_event)
    clients = (aws.cloudfront(), aws.s3(), aws.dynamodb(), aws.sqs(), aws.ssm(), aws.functions(), aws.events())
    for client in clients:
        client.meta.events.register("before-call", record)
    yield calls
    bus.unregister("provide-client-params.eventbridge.PutEvents", record_event)
    for client in clients:
        client.meta.events.unregister("before-call", record)


@contextmanager
def functions_in_process(invoke: Callable[[Callable[[], Any]], Any] = lambda work: work()) -> Iterator[None]:
    """Lambda's Invoke calls our own handler: moto would need Docker. Errors are answered as Lambda answers them."""
    from chalicelib import aws

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        import app

        match = re.search(r"/functions/filemill-test-(\w+)/invocations", request.url)
        if match is None:  # somebody else's function (tests/serving.py)
            return None
        headers = HTTPHeaders()
        try:
            said = invoke(lambda: getattr(app, match[1])(json.loads(request.body), lambda_context()))
        except Exception as error:
            said = {"errorType": type(error).__name__, "errorMessage": str(error)}
            headers["X-Amz-Function-Error"] = "Unhandled"
        return AWSResponse(request.url, 200, headers, io.BytesIO(json.dumps(said).encode()))

    events = aws.functions().meta.events
    events.register_first("before-send.lambda.Invoke", answer)
    try:
        yield
    finally:
        events.unregister("before-send.lambda.Invoke", answer)


def lambda_context() -> Any:
    return SimpleNamespace(
        aws_request_id=str(uuid.uuid4()),
        function_name="filemill-test",
        memory_limit_in_mb=1769,
        get_remaining_time_in_millis=lambda: 28_000,
    )
