"""Lean clients send what botocore's own clients send, and read the answers alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session
from botocore.utils import parse_timestamp

from chalicelib import aws, lean
from tests.strict.watching import unchecked
from tests.two_clients import Answer, Outcome, called, scope

SESSION = Session()
NOW = datetime(2026, 11, 27, 4, 18, 23, tzinfo=UTC)
CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "put": (
        "s3",
        lambda client: client.put_object(
            Bucket="derived",
            Key="f/a b/ü+é/w160.webp",
            Body=b"x" * 70_000,
            ContentType="image/webp",
            CacheControl="a  b",
        ),
    ),
    "put with a tag": ("s3", lambda client: client.put_object(Bucket="derived", Key="k", Body=b"", Tagging="a=b")),
    "get a version": (
        "s3",
        lambda client: client.get_object(Bucket="originals", Key="k", VersionId="v/+1", Range="bytes=1-2"),
    ),
    "list": ("s3", lambda client: client.list_objects_v2(Bucket="derived", Prefix="f/ü/", StartAfter="a b")),
    "a name that is no host's": ("s3", lambda client: client.head_object(Bucket="de.rived", Key="k")),
    "write": (
        "dynamodb",
        lambda client: client.put_item(
            TableName="filemill-test", Item={"pk": {"S": "ü"}, "sk": {"S": "s"}, "b": {"B": b"\0"}, "n": {"N": "1"}}
        ),
    ),
    "send": (
        "sqs",
        lambda client: client.send_message(QueueUrl="https://sqs.eu-west-1.amazonaws.com/1/q", MessageBody="ü"),
    ),
}


def client_of(service: str, *, is_lean: bool) -> Any:
    s3: Any = {"addressing_style": "virtual"}
    version: dict[str, Any] = {"signature_version": "s3v4"} if service == "s3" else {}
    made = SESSION.create_client(
        service,
        region_name="eu-west-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        aws_session_token="token",
        config=Config(s3=s3, user_agent="x", request_checksum_calculation="when_required", **version),
    )
    return lean.lean(made) if is_lean else made


class Sent(Exception):  # noqa: N818 - not an error: the request is known
    """Ends a call when its request is made."""


def sent(client: Any, call: Callable[[Any], Any]) -> Any:
    """The request of a call. It goes nowhere."""
    requests: list[Any] = []

    def stop(request: Any, **_: Any) -> None:
        requests.append(request)
        raise Sent

    client.meta.events.register_first("before-send", stop, unique_id="stop")
    with pytest.raises(Sent):
        call(client)
    client.meta.events.unregister("before-send", unique_id="stop")
    (request,) = requests
    return request


def headers(request: Any, *without: str) -> dict[str, str]:
    found = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    return {name: value for name, value in found.items() if name not in ("amz-sdk-invocation-id", *without)}


def body_of(request: Any) -> bytes:
    body: bytes = request.body.getvalue() if hasattr(request.body, "getvalue") else request.body or b""
    return body


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: NOW)


@pytest.mark.parametrize(("service", "call"), CALLS.values(), ids=CALLS)
def test_a_lean_client_sends_the_same_request_with_the_same_signature(service: str, call: Callable[[Any], Any]) -> None:
    ours, theirs = (sent(client_of(service, is_lean=is_lean), call) for is_lean in (True, False))
    assert headers(ours) == headers(theirs, "expect")
    assert "signature=" in headers(ours)["authorization"].lower()
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    assert body_of(ours) == body_of(theirs)


def test_the_body_of_a_put_stays_bytes_and_nobody_is_asked_before_it_is_sent() -> None:
    request = sent(client_of("s3", is_lean=True), CALLS["put"][1])
    assert isinstance(request.body, bytes)
    assert "expect" not in headers(request)


def head(client: Any, bucket: str) -> Any:
    return client.head_object(Bucket=bucket, Key="k")


def test_an_endpoint_is_worked_out_once_for_each_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of("s3", is_lean=False)
    resolver = client._ruleset_resolver
    asked: list[Any] = []
    resolve = resolver.construct_endpoint

    def noted(**given: Any) -> Any:
        asked.append(given)
        return resolve(**given)

    monkeypatch.setattr(resolver, "construct_endpoint", noted)
    lean.lean(client)
    for bucket in ("derived", "originals", "derived"):
        request = sent(client, partial(head, bucket=bucket))
        assert request.url == f"https://{bucket}.s3.eu-west-1.amazonaws.com/k"
    assert len(asked) == 2


def told(code: str, more: str = "") -> bytes:
    return f"<Error><Code>{code}</Code><Message>m</Message>{more}</Error>".encode()


THERE = {"x-amz-bucket-region": "us-west-2"}
REFUSALS = {
    "a permanent redirect": Answer(301, told("PermanentRedirect"), THERE),
    "a temporary redirect": Answer(307, told("TemporaryRedirect"), THERE),
    "a wrong region": Answer(400, told("AuthorizationHeaderMalformed", "<Region>us-west-2</Region>"), {}),
    "a wrong region, without a body": Answer(400, b"", THERE),
    "a region that needs its own address": Answer(400, told("IllegalLocationConstraintException"), THERE),
    "a redirect to nowhere": Answer(301, told("PermanentRedirect"), {}),
    "busy": Answer(503, told("SlowDown"), {}),
    "an error with 200": Answer(200, told("InternalError"), {}),
    "a bad digest": Answer(400, told("BadDigest"), {}),
}
PLACE = {"Bucket": "a-bucket", "Key": "k"}
OPERATIONS: list[tuple[str, dict[str, Any]]] = [
    ("head_object", PLACE),
    ("get_object", PLACE),
    ("delete_object", PLACE),
    ("list_objects_v2", {"Bucket": "a-bucket"}),
    ("put_object", {**PLACE, "Body": b"x" * 70_000}),
    ("put_object", {**PLACE, "Body": "\u00fc", "ChecksumAlgorithm": "SHA256"}),
    ("upload_part", {**PLACE, "Body": b"x", "UploadId": "u", "PartNumber": 1}),
    ("complete_multipart_upload", {**PLACE, "UploadId": "u", "MultipartUpload": {"Parts": []}}),
]


def read_out(found: Outcome) -> Outcome:
    """The outcome with the bytes of a body, which is a stream of its own in each reply."""
    if found.reply and "Body" in found.reply:
        return Outcome(found.reply | {"Body": found.reply["Body"].read()})
    return found


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_s3_s_answers_lead_where_they_lead_botocore(refusal: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for the calls that follow, which know a bucket's region by then, and for addresses that are signed."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    good = Answer(200, b"")
    pair = [client_of("s3", is_lean=is_lean) for is_lean in (False, True)]
    for method, params in OPERATIONS:
        seen = []
        for made in pair:
            steps: list[Any] = []
            for answers in ([good], [refusal, good], [good]):
                with unchecked():
                    found, sent = called(made, method, params, *answers)
                steps.append((read_out(found), [(request.url, scope(request)) for request in sent]))
            steps.append(made.generate_presigned_url("get_object", Params=PLACE))
            seen.append(steps)
        assert seen[1] == seen[0], method


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 27 Nov 2026 04:18:23 GMT",
        "2026-11-27T04:18:23.000Z",
        "2026-11-27T05:18:23+01:00",
        1795753103,
        "1795753103",
    ],
)
def test_a_date_is_read_as_botocore_reads_it(text: Any) -> None:
    assert lean._date(text) == parse_timestamp(text) == NOW


def test_a_date_that_is_none_is_an_error_as_before() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        lean._date("nonsense")


def test_the_clients_of_the_functions_are_lean(stage: Any) -> None:
    clients: tuple[Any, ...] = (aws.s3(), aws.sqs())
    for made in clients:
        assert made._request_signer.get_auth_instance.__module__ == lean.__name__


@pytest.mark.parametrize(
    "text",
    [
        "Friday, 27-Nov-26 04:18:23 GMT",
        "Fri, 27 Nov 2026 04:18:23 -0000",
        "Fri Nov 27 04:18:23 2026",
        "2026-11-27",
        "2026-11-27T04:18:23.123456Z",
        "2026-11-27T04:18:23.1234567Z",
        "20261127T041823Z",
        "1795753103.5",
        "0",
        -1.5,
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 99 Nov 2026 04:18:23 GMT",
        "GMT",
        "",
        None,
    ],
)
def test_any_other_date_is_read_as_botocore_reads_it(text: Any) -> None:
    def read(reader: Callable[[Any], datetime]) -> Any:
        try:
            return reader(text).replace(tzinfo=None)
        except Exception as error:
            return type(error)

    assert read(lean._date) == read(parse_timestamp)
