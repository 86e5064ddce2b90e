"""Each rule finds a wrong request, and nothing in a right one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.stage import template
from tests.strict import s3
from tests.strict.dynamodb import RESERVED
from tests.strict.rules import RULES, Request, violations

MIB, GIB = 1024**2, 1024**3

KEY = {"pk": {"S": "FILE#1"}, "sk": {"S": "FILE"}}
Case = tuple[str, dict[str, Any], dict[str, Any]]  # operation, wrong, right


def put(**more: Any) -> dict[str, Any]:
    return {"TableName": "t", "Item": {**KEY, **more.pop("item", {})}, **more}


def update(expression: str, *, names: Any = None, values: Any = None, **more: Any) -> dict[str, Any]:
    request = {"TableName": "t", "Key": KEY, "UpdateExpression": expression, **more}
    request |= {"ExpressionAttributeNames": names} if names else {}
    return request | ({"ExpressionAttributeValues": values} if values else {})


def query(condition: str = "pk = :pk", index: str | None = None, **more: Any) -> dict[str, Any]:
    values = {":pk": {"S": "a"}, **more.pop("values", {})}
    request = {"TableName": "t", "KeyConditionExpression": condition, "ExpressionAttributeValues": values, **more}
    return request | ({"IndexName": index} if index else {})


def batch(*keys: str) -> dict[str, Any]:
    return {"RequestItems": {"t": {"Keys": [{"pk": {"S": key}, "sk": {"S": "s"}} for key in keys]}}}


def writes(*items: dict[str, Any]) -> dict[str, Any]:
    return {"RequestItems": {"t": [{"PutRequest": {"Item": item}} for item in items]}}


def together(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"TransactItems": [{"Put": {"TableName": "t", "Item": item}} for item in items], **more}


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"pk": {"S": str(number)}, "sk": {"S": "s"}, **more} for number in range(count)]


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "a"}
    for _ in range(levels - 1):
        value = {"L": [value]}
    return value


ONE = {":v": {"N": "1"}}
LOW, HIGH = {"S": "a"}, {"S": "b"}

DYNAMODB: dict[str, Case] = {
    "an expression is written by DynamoDB's grammar": (
        "UpdateItem",
        update("SET a :v", values=ONE),
        update("SET a = :v", values=ONE),
    ),
    "no brackets right around brackets": (
        "UpdateItem",
        update("SET a = :v", values=ONE, ConditionExpression="((b = :v))"),
        update("SET a = :v", values=ONE, ConditionExpression="(b = :v) OR (NOT (c = :v AND (d < :v)))"),
    ),
    "every name and value that is defined is used, and every used one is defined": (
        "UpdateItem",
        update("SET #a = :v", names={"#a": "a", "#b": "b"}, values=ONE),
        update("SET #a = :v", names={"#a": "a"}, values=ONE),
    ),
    "no empty set of names or values": (
        "GetItem",
        {"TableName": "t", "Key": KEY, "ProjectionExpression": "a", "ExpressionAttributeNames": {}},
        {"TableName": "t", "Key": KEY, "ProjectionExpression": "a"},
    ),
    "no reserved word in an expression": (
        "UpdateItem",
        update("SET Status = :v", values=ONE),
        update("SET #s = :v, a.b = :v", names={"#s": "status"}, values=ONE),
    ),
    "names and values are written as # or : and letters, digits or _, in 255 bytes": (
        "UpdateItem",
        update("SET #a = :v", names={"#a-b": "a"}, values=ONE),
        update("SET #a = :v", names={"#a": "a-b"}, values=ONE),
    ),
    "an expression has at most 4 KB, 300 operators, and 100 operands of IN": (
        "UpdateItem",
        update("SET a = :v", values=ONE, ConditionExpression=f"b IN ({', '.join([':v'] * 101)})"),
        update("SET a = :v", values=ONE, ConditionExpression=f"b IN ({', '.join([':v'] * 100)})"),
    ),
    "all names and values of an expression have at most 2 MB": (
        "UpdateItem",
        update("SET a.b = :v", values={":v": {"S": "a" * 2 * MIB}}),
        update("SET a.b = :v", values={":v": {"S": "a" * MIB}}),
    ),
    "the paths of an update and of a projection do not overlap": (
        "UpdateItem",
        update("SET a = :v REMOVE #a.b[1]", names={"#a": "a"}, values=ONE),
        update("SET a.c = :v REMOVE a.b[1], a.b[2]", values=ONE),
    ),
    "each clause stands once in an update": (
        "UpdateItem",
        update("SET a = :v REMOVE c SET b = :v", values=ONE),
        update("SET a = :v, b = :v REMOVE c", values=ONE),
    ),
    "an update changes no key": (
        "UpdateItem",
        update("SET sk = :v", values=ONE),
        update("SET due_sk = :v", values={":v": LOW}),
    ),
    "ADD takes a number or a set, DELETE a set": (
        "UpdateItem",
        update("ADD a :v", values={":v": {"S": "1"}}),
        update("ADD a :v DELETE b :w", values={**ONE, ":w": {"SS": ["a"]}}),
    ),
    "expressions and legacy parameters are not mixed": (
        "Query",
        query(AttributesToGet=["a"]),
        query(ProjectionExpression="a"),
    ),
    "a key has exactly the table's key attributes": (
        "GetItem",
        {"TableName": "t", "Key": {"pk": {"S": "a"}}},
        {"TableName": "t", "Key": KEY},
    ),
    "keys are texts of 1 to 2,048 bytes, sort keys of 1 to 1,024": (
        "PutItem",
        put(item={"list_pk": {"S": ""}}),
        put(item={"list_pk": {"S": "a"}, "sha_sk": {"S": "a" * 1024}, "other": {"S": ""}}),
    ),
    "a number has at most 38 digits, from 1E-130 to 9.99E+125": (
        "PutItem",
        put(item={"a": {"N": "1" * 39}}),
        put(item={"a": {"N": "1" * 38}, "b": {"N": "1" + "0" * 100}, "c": {"N": "-1E-130"}}),
    ),
    "a set is not empty and has each value once": (
        "PutItem",
        put(item={"a": {"L": [{"SS": []}]}}),
        put(item={"a": {"L": []}, "b": {"NS": ["1", "2"]}}),
    ),
    "a value has one type, and is nested 32 levels deep at most": (
        "PutItem",
        put(item={"a": deep(33)}),
        put(item={"a": deep(32), "b": {"NULL": True}}),
    ),
    "an item has at most 400 KB": (
        "PutItem",
        put(item={"a": {"S": "a" * 400 * 1024}}),
        put(item={"a": {"S": "a" * 399 * 1024}}),
    ),
    "no consistent read of a global index": (
        "Query",
        query("list_pk = :pk", "by_created", ConsistentRead=True),
        query(ConsistentRead=True),
    ),
    "the index exists": ("Scan", {"TableName": "t", "IndexName": "by_name"}, {"TableName": "t", "IndexName": "by_due"}),
    "a key condition is one value of the partition key, and at most one range of the sort key": (
        "Query",
        query("pk = :pk AND due_sk < :b", values={":b": HIGH}),
        query("due_pk = :pk AND due_sk < :b", "by_due", values={":b": HIGH}),
    ),
    "the upper bound of BETWEEN is not below the lower one": (
        "Query",
        query("pk = :pk AND sk BETWEEN :b AND :a", values={":a": LOW, ":b": HIGH}),
        query("pk = :pk AND sk BETWEEN :a AND :b", values={":a": LOW, ":b": HIGH}),
    ),
    "a Query's filter names no key": (
        "Query",
        query("due_pk = :pk", "by_due", FilterExpression="due_sk < :pk"),
        query("due_pk = :pk", "by_due", FilterExpression="sk < :pk"),
    ),
    "Limit is 1 or more": ("Query", query(Limit=0), query(Limit=1)),
    "Select goes with what is projected": (
        "Query",
        query("due_pk = :pk", "by_due", Select="ALL_ATTRIBUTES"),
        query("due_pk = :pk", "by_due", Select="ALL_PROJECTED_ATTRIBUTES"),
    ),
    "a global index gives projected attributes only": (
        "Query",
        query("due_pk = :pk", "by_due", ProjectionExpression="pk, tenant"),
        query("due_pk = :pk", "by_due", ProjectionExpression="pk, due_sk"),
    ),
    "a read goes on from a key of the partition and the index that it reads": (
        "Query",
        query(ExclusiveStartKey=KEY),
        query(ExclusiveStartKey={"pk": {"S": "a"}, "sk": {"S": "b"}}),
    ),
    "a segment is below the number of segments": (
        "Scan",
        {"TableName": "t", "Segment": 2, "TotalSegments": 2},
        {"TableName": "t", "Segment": 1, "TotalSegments": 2},
    ),
    "a write returns what it can return": ("PutItem", put(ReturnValues="ALL_NEW"), put(ReturnValues="ALL_OLD")),
    "a failed condition returns ALL_OLD or NONE": (
        "PutItem",
        put(ReturnValuesOnConditionCheckFailure="ALL_NEW"),
        put(ReturnValuesOnConditionCheckFailure="ALL_OLD"),
    ),
    "a batch has 1 to 100 items, or 25 to write": ("BatchWriteItem", writes(*numbered(26)), writes(*numbered(25))),
    "no item stands twice in a batch or transaction": ("BatchGetItem", batch("a", "b", "a"), batch("a", "b")),
    "a transaction has at most 4 MB": (
        "TransactWriteItems",
        together(*numbered(11, a={"S": "a" * 390 * 1024})),
        together(*numbered(10, a={"S": "a" * 390 * 1024})),
    ),
    "a BatchWriteItem has at most 16 MB": (
        "BatchWriteItem",
        writes(*numbered(25, a={"S": "a" * 700 * 1024})),
        writes(*numbered(25, a={"S": "a" * 390 * 1024})),
    ),
    "a request token has 1 to 36 characters, and one request": (
        "TransactWriteItems",
        together(KEY, ClientRequestToken="a" * 37),
        together(KEY, ClientRequestToken="a" * 36),
    ),
    "words and lengths are those of dynamodb's model": ("Query", query(Select="EVERYTHING"), query(Select="COUNT")),
    "parameters are those that botocore would let through": (
        "TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY, "ConditionExpresion": "attribute_exists(pk)"}}]},
        {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY, "ConditionExpression": "attribute_exists(pk)"}}]},
    ),
}

OBJECT = {"Bucket": "originals", "Key": "acme/1"}
POLICY = {"Fields": {"key": "a"}, "Conditions": [{"key": "a"}], "ExpiresIn": 900}


def upload(**more: Any) -> dict[str, Any]:
    return {**OBJECT, "UploadId": "u", "PartNumber": 1, **more}


def completed(*numbers: int, upload_id: str = "u", **more: Any) -> dict[str, Any]:
    parts = [{"PartNumber": number, "ETag": "e", **more} for number in numbers]
    return {**OBJECT, "UploadId": upload_id, "MultipartUpload": {"Parts": parts}}


def lifecycle(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"Bucket": "originals", "LifecycleConfiguration": {"Rules": list(rules)}}


def lifecycle_rule(**more: Any) -> dict[str, Any]:
    return {"ID": "a", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}, **more}


ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
TAGGED = {"Tag": {"Key": "a", "Value": "b"}}

S3: dict[str, Case] = {
    "a key has 1 to 1,024 bytes of UTF-8": ("GetObject", {**OBJECT, "Key": "é" * 513}, {**OBJECT, "Key": "é" * 512}),
    "a bucket's name has 3 to 63 lower-case letters, digits, . and -": (
        "GetObject",
        {**OBJECT, "Bucket": "A_b"},
        OBJECT,
    ),
    "metadata has at most 2 KB": (
        "PutObject",
        {**OBJECT, "Metadata": {"a": "b" * 2048}},
        {**OBJECT, "Metadata": {"a": "b" * 2047}},
    ),
    "an object has at most 10 tags, each once, with a key of 1 to 128 and a value of at most 256 characters": (
        "PutObject",
        {**OBJECT, "Tagging": "a=1&a=2"},
        {**OBJECT, "Tagging": "a=1&b=2"},
    ),
    "parts have the numbers 1 to 10,000, and at most 5 GiB": (
        "UploadPart",
        upload(PartNumber=10_001),
        upload(PartNumber=10_000),
    ),
    "an upload ends with 1 to 10,000 parts in order, each with an ETag": (
        "CompleteMultipartUpload",
        completed(2, 1),
        completed(1, 3),
    ),
    "each part but the last has 5 MiB or more": (
        "CompleteMultipartUpload",
        completed(1, 2, upload_id="small"),
        completed(1, 2, upload_id="large"),
    ),
    "one request puts at most 5 GiB": (
        "PutObject",
        {**OBJECT, "ContentLength": 5 * GIB + 1},
        {**OBJECT, "ContentLength": 5 * GIB},
    ),
    "a copy names its source as bucket and key, and is another object": (
        "CopyObject",
        {**OBJECT, "CopySource": {"Bucket": "originals", "Key": "acme/1"}},
        {**OBJECT, "CopySource": {"Bucket": "originals", "Key": "acme/2"}},
    ),
    "CopyObject copies at most 5 GiB": (
        "CopyObject",
        {**OBJECT, "CopySource": "originals/large"},
        {**OBJECT, "CopySource": "originals/small"},
    ),
    "DeleteObjects takes 1 to 1,000 keys": (
        "DeleteObjects",
        {"Bucket": "originals", "Delete": {"Objects": [{"Key": str(number)} for number in range(1001)]}},
        {"Bucket": "originals", "Delete": {"Objects": [{"Key": str(number)} for number in range(1000)]}},
    ),
    "a range is bytes=FIRST-LAST": ("GetObject", {**OBJECT, "Range": "bytes=9-2"}, {**OBJECT, "Range": "bytes=2-9"}),
    "the range of a part that is copied is bytes=FIRST-LAST, with both": (
        "UploadPartCopy",
        {**OBJECT, "UploadId": "u", "PartNumber": 1, "CopySource": "b/k", "CopySourceRange": "bytes=5-"},
        {**OBJECT, "UploadId": "u", "PartNumber": 1, "CopySource": "b/k", "CopySourceRange": "bytes=5-9"},
    ),
    "headers have no control characters, and only those of Latin-1": (
        "GetObject",
        {**OBJECT, "ResponseContentDisposition": 'attachment; filename="a\r\nb"'},
        {**OBJECT, "ResponseContentDisposition": "attachment; filename=\"é\"; filename*=UTF-8''%E2%82%AC"},
    ),
    "a checksum is the Base64 of its bytes": (
        "UploadPart",
        upload(ChecksumSHA256="00" * 32),
        upload(ChecksumSHA256="A" * 43 + "="),
    ),
    "If-None-Match is * for a write": ("PutObject", {**OBJECT, "IfNoneMatch": '"e"'}, {**OBJECT, "IfNoneMatch": "*"}),
    "ids of versions and uploads are not empty": (
        "GetObject",
        {**OBJECT, "VersionId": ""},
        {**OBJECT, "VersionId": "v"},
    ),
    "a version id goes on only with its key": (
        "ListObjectVersions",
        {"Bucket": "originals", "VersionIdMarker": "v"},
        {"Bucket": "originals", "VersionIdMarker": "v", "KeyMarker": "k"},
    ),
    "an address is valid for 1 to 604,800 seconds": (s3.ADDRESS, {"ExpiresIn": 604_801}, {"ExpiresIn": 604_800}),
    "a form is valid for 1 to 604,800 seconds": (s3.FORM, {**POLICY, "ExpiresIn": 0}, POLICY),
    "each condition of a form is a pair, a comparison, or a range of bytes up to 5 GiB": (
        s3.FORM,
        {**POLICY, "Conditions": [{"key": "a"}, ["content-length-range", 2, 1]]},
        {**POLICY, "Conditions": [{"key": "a"}, ["content-length-range", 1, 5 * GIB], ["starts-with", "$b", ""]]},
    ),
    "every field of a form has a condition, and its value meets it": (
        s3.FORM,
        {**POLICY, "Fields": {"key": "a", "Content-Type": "image/png"}},
        {**POLICY, "Conditions": [["starts-with", "$key", ""]]},
    ),
    "a form's fields have at most 20 KB, and answer 200, 201 or 204": (
        s3.FORM,
        {**POLICY, "Fields": {"key": "a", "x-ignore-b": "b" * 20 * 1024}},
        {**POLICY, "Fields": {"key": "a", "x-ignore-b": "b"}},
    ),
    "a lifecycle has 1 to 1,000 rules with ids of their own": (
        s3.LIFECYCLE,
        lifecycle(lifecycle_rule(), lifecycle_rule()),
        lifecycle(lifecycle_rule(), lifecycle_rule(ID="b")),
    ),
    "a lifecycle's rule is enabled or disabled, does something, and has one filter": (
        s3.LIFECYCLE,
        lifecycle({"ID": "a", "Status": "Enabled", "Filter": {}}),
        lifecycle(lifecycle_rule()),
    ),
    "a lifecycle counts whole days from 1 on, and each action has one measure": (
        s3.LIFECYCLE,
        lifecycle(lifecycle_rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})),
        lifecycle(lifecycle_rule(NoncurrentVersionExpiration={"NoncurrentDays": 1})),
    ),
    "a lifecycle that aborts uploads or removes delete markers has no filter by tags or size": (
        s3.LIFECYCLE,
        lifecycle(lifecycle_rule(Filter=TAGGED, **ABORT)),
        lifecycle(lifecycle_rule(Filter={"Prefix": "a/"}, **ABORT), lifecycle_rule(ID="b", Filter=TAGGED)),
    ),
    "words and lengths are those of s3's model": (
        "PutObject",
        {**OBJECT, "StorageClass": "COLD"},
        {**OBJECT, "StorageClass": "STANDARD"},
    ),
}

QUEUE = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/ingest"}


def send(body: str = "a", **more: Any) -> dict[str, Any]:
    return {**QUEUE, "MessageBody": body, **more}


def entries(*ids: str, **more: Any) -> dict[str, Any]:
    return {**QUEUE, "Entries": [{"Id": each, "MessageBody": "a", **more} for each in ids]}


def attribute(name: str) -> dict[str, Any]:
    return {"MessageAttributes": {name: {"DataType": "String", "StringValue": "a"}}}


SQS: dict[str, Case] = {
    "a delay is 0 to 900 seconds": ("SendMessage", send(DelaySeconds=901), send(DelaySeconds=900)),
    "a batch has 1 to 10 entries": ("SendMessageBatch", entries(*"abcdefghijk"), entries(*"abcdefghij")),
    "entries have ids of 1 to 80 letters, digits, - and _, each once": (
        "SendMessageBatch",
        entries("a", "a"),
        entries("a", "B_-9"),
    ),
    "a message, and all of a batch, has 1 byte to 1 MiB": (
        "SendMessageBatch",
        entries("a", "b", MessageBody="a" * (MIB // 2 + 1)),
        entries("a", "b", MessageBody="a" * (MIB // 2)),
    ),
    "a message has only characters of XML": ("SendMessage", send("\x1b[0m"), send("\t\r\n é \U0001f600")),
    "a message has at most 10 attributes, with a name, a type and a value": (
        "SendMessage",
        send(**attribute("AWS.a")),
        send(**attribute("a.b-c_d")),
    ),
    "a message group has 1 to 128 letters, digits and signs": (
        "SendMessage",
        send(MessageGroupId="a b"),
        send(MessageGroupId="a-b"),
    ),
    "only a FIFO queue removes duplicates": (
        "SendMessage",
        send(MessageDeduplicationId="a"),
        {**send(MessageDeduplicationId="a", MessageGroupId="b"), "QueueUrl": "https://sqs/1/a.fifo"},
    ),
    "a visibility timeout is 0 to 43,200 seconds": (
        "ReceiveMessage",
        {**QUEUE, "VisibilityTimeout": 43_201},
        {**QUEUE, "VisibilityTimeout": 43_200},
    ),
    "a message stays hidden for 12 hours at most since it was received": (
        "ChangeMessageVisibility",
        {**QUEUE, "ReceiptHandle": "an hour ago", "VisibilityTimeout": 43_200},
        {**QUEUE, "ReceiptHandle": "an hour ago", "VisibilityTimeout": 39_000},
    ),
    "1 to 10 messages are received, in 0 to 20 seconds": (
        "ReceiveMessage",
        {**QUEUE, "MaxNumberOfMessages": 11},
        {**QUEUE, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20},
    ),
    "a queue's settings are in their bounds": (
        "CreateQueue",
        {"QueueName": "a", "Attributes": {"VisibilityTimeout": "43201"}},
        {"QueueName": "a", "Attributes": {"VisibilityTimeout": "43200", "Policy": "{}"}},
    ),
    "a queue's name has 1 to 80 letters, digits, - and _": (
        "CreateQueue",
        {"QueueName": "a.b"},
        {"QueueName": "a-b.fifo"},
    ),
    "words and lengths are those of sqs's model": (
        "ReceiveMessage",
        {**QUEUE, "MessageSystemAttributeNames": ["Age"]},
        {**QUEUE, "MessageSystemAttributeNames": ["SentTimestamp"]},
    ),
}


def events(count: int = 1, **more: Any) -> dict[str, Any]:
    entry = {"Source": "filemill", "DetailType": "filemill.file.ready", "Detail": '{"a": 1}', **more}
    return {"Entries": [entry] * count}


EVENTS: dict[str, Case] = {
    "all entries of a call have less than 256 KB": (
        "PutEvents",
        events(10, Detail='{"a": "%s"}' % ("b" * 26_500)),
        events(10, Detail='{"a": "%s"}' % ("b" * 24_000)),
    ),
    "an entry has a source, a type, and a JSON object": ("PutEvents", events(Detail='{"a": NaN}'), events()),
    "a time is a moment with its zone": (
        "PutEvents",
        events(Time="2026-11-26T12:00:00"),
        events(Time="2026-11-26T12:00:00Z"),
    ),
    "words and lengths are those of events's model": ("PutEvents", events(11), events(10)),
}

CONNECTION = {"ConnectionId": "c"}
SOCKETS: dict[str, Case] = {
    "a message has 1 byte to 128 KB": (
        "PostToConnection",
        {**CONNECTION, "Data": b""},
        {**CONNECTION, "Data": b"a" * 128 * 1024},
    ),
    "a connection has an id": ("DeleteConnection", {"ConnectionId": ""}, CONNECTION),
    "words and lengths are those of apigatewaymanagementapi's model": (
        "PostToConnection",
        {**CONNECTION, "Data": b"a" * (128 * 1024 + 1)},
        {**CONNECTION, "Data": b"a"},
    ),
}


def job(**codec: Any) -> dict[str, Any]:
    picture = {"Height": 720, "CodecSettings": {"Codec": "H_264", "H264Settings": codec}}
    return {"Role": "arn", "Settings": {"OutputGroups": [{"Outputs": [{"VideoDescription": picture}]}]}}


QVBR = {"RateControlMode": "QVBR", "MaxBitrate": 5_000_000}
JOBS: dict[str, Case] = {
    "words and lengths are those of mediaconvert's model": (
        "CreateJob",
        job(**QVBR, QualityTuningLevel="BEST"),
        job(**QVBR, QualityTuningLevel="SINGLE_PASS_HQ"),
    ),
    "a token has at most 64 ASCII characters": (
        "CreateJob",
        {**job(**QVBR), "ClientRequestToken": "a" * 65},
        {**job(**QVBR), "ClientRequestToken": "a" * 64},
    ),
    "QVBR has a highest bit rate and no average": ("CreateJob", job(RateControlMode="QVBR"), job(**QVBR)),
}
CALLED: dict[str, Case] = {
    "an event has at most 6 MB, or 1 MB if nobody waits": (
        "Invoke",
        {"FunctionName": "f", "InvocationType": "Event", "Payload": bytes(MIB + 1)},
        {"FunctionName": "f", "Payload": bytes(MIB + 1)},
    ),
}

CASES = {("dynamodb", name): case for name, case in DYNAMODB.items()}
CASES |= {("s3", name): case for name, case in S3.items()} | {("sqs", name): case for name, case in SQS.items()}
CASES |= {("events", name): case for name, case in EVENTS.items()}
CASES |= {("apigatewaymanagementapi", name): case for name, case in SOCKETS.items()}
CASES |= {("mediaconvert", name): case for name, case in JOBS.items()}
CASES |= {("lambda", name): case for name, case in CALLED.items()}


def broken(service: str, operation: str, params: dict[str, Any]) -> set[str]:
    return {each.rule.name for each in violations(Request(service, operation, params))}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state that former requests left: two uploads, two objects, and a message that was received an hour ago."""
    monkeypatch.setattr(s3, "_parts", {"small": {1: 5 * MIB - 1, 2: 1}, "large": {1: 5 * MIB, 2: 1}})
    monkeypatch.setattr(s3, "_stored", {("originals", "large"): 5 * GIB + 1, ("originals", "small"): 5 * GIB})
    monkeypatch.setattr("tests.strict.sqs._received", {"an hour ago": time.monotonic() - 3600})
    monkeypatch.setattr("tests.strict.dynamodb._tokens", {})


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(("service", "name"), CASES, ids=lambda each: each)
def test_a_rule_finds_the_wrong_request_and_not_the_right_one(service: str, name: str) -> None:
    operation, wrong, right = CASES[service, name]

    assert name in broken(service, operation, wrong)
    assert not broken(service, operation, right)


def test_every_rule_has_a_case_and_a_source() -> None:
    assert {(each.service, each.name) for each in RULES} == CASES.keys()
    assert len(RULES) == len(CASES)
    assert all(each.source.startswith("https://") for each in RULES)


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize(
    ("operation", "params", "name"),
    [
        ("UpdateItem", update("SET a = :v +", values=ONE), "an expression is written by DynamoDB's grammar"),
        ("UpdateItem", update("SET a = size(b)", values=ONE), "every name and value"),
        ("UpdateItem", update("SET a = begins_with(b, :v)", values=ONE), "an expression is written"),
        ("UpdateItem", update("SET a = :w", values=ONE), "every name and value"),
        (
            "UpdateItem",
            update(f"SET {', '.join(f'a{i} = a{i} + :v' for i in range(301))}", values=ONE),
            "an expression has",
        ),
        ("UpdateItem", update("SET due_sk = :v", values=ONE), "keys are texts"),
        ("GetItem", {"TableName": "t", "Key": KEY, "ProjectionExpression": "a, a.b"}, "the paths of an update"),
        ("Query", query("pk = :pk OR sk = :pk"), "a key condition is"),
        ("Query", query("pk <> :pk"), "a key condition is"),
        ("Query", query("pk = :pk AND sk IN (:pk)"), "a key condition is"),
        ("Query", query("pk = :pk AND pk = :pk"), "a key condition is"),
        ("Query", query(ExclusiveStartKey={"pk": LOW}), "a read goes on"),
        ("TransactWriteItems", together(KEY, KEY), "no item stands twice"),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "t", "Key": KEY}}] * 2}, "no item stands twice"),
        ("BatchWriteItem", writes(KEY, KEY), "no item stands twice"),
        ("BatchGetItem", batch(*map(str, range(101))), "a batch has"),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": []}}}, "a batch has"),
        ("TransactWriteItems", together(*numbered(101)), "a batch has"),
    ],
)
def test_a_rule_finds_other_wrong_requests(operation: str, params: dict[str, Any], name: str) -> None:
    assert any(each.startswith(name) for each in broken("dynamodb", operation, params))


@pytest.mark.parametrize(
    "wrong",
    [{"Detail": "[]"}, {"Detail": "a"}, {"Source": ""}, {"Source": "aws.s3"}, {"DetailType": "a" * 129}],
)
def test_an_event_that_eventbridge_would_leave_out_of_its_answer_is_found(wrong: dict[str, Any]) -> None:
    assert broken("events", "PutEvents", events(**wrong))


@pytest.mark.usefixtures("seen")
def test_a_request_token_belongs_to_one_request() -> None:
    one, other = (together(item, ClientRequestToken="t") for item in numbered(2))

    assert not broken("dynamodb", "TransactWriteItems", one)
    assert not broken("dynamodb", "TransactWriteItems", one)
    assert broken("dynamodb", "TransactWriteItems", other)


def test_the_reserved_words_are_those_that_aws_lists() -> None:
    assert len(RESERVED) == 573
    # Among them are words that look misspelt, and words of ours.
    assert {"FLATTERN", "INNTER", "LOGED", "STATUS", "TTL", "SIZE", "TIMESTAMP", "ZONE"} <= RESERVED
    assert not {"TENANT", "REVISION", "PK", "SK"} & RESERVED


@pytest.mark.parametrize("bucket", ["OriginalsBucket", "DerivedBucket"])
def test_the_lifecycles_of_the_template_keep_the_rules(bucket: str) -> None:
    declared = template()["Resources"][bucket]["Properties"]["LifecycleConfiguration"]["Rules"]

    rules = [as_the_api_takes_it(each) for each in declared]

    assert not broken("s3", s3.LIFECYCLE, lifecycle(*rules))


def as_the_api_takes_it(declared: dict[str, Any]) -> dict[str, Any]:
    """A rule as CloudFormation sends it to S3. Days that are a parameter of the template are one day here."""
    made = {name.replace("Id", "ID"): value for name, value in declared.items()} | {"Filter": {"Prefix": ""}}
    if tags := made.pop("TagFilters", None):
        made["Filter"] = {"And": {"Tags": tags}} if len(tags) > 1 else {"Tag": tags[0]}
    if days := made.pop("ExpirationInDays", None):
        made["Expiration"] = {"Days": days}
    if made.pop("ExpiredObjectDeleteMarker", False):
        made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    noncurrent = made.get("NoncurrentVersionExpiration")
    if noncurrent and not isinstance(noncurrent["NoncurrentDays"], int):
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": 1}
    return made
