"""Calls of DynamoDB by the short way, against those of an ordinary client of botocore."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import Session

from chalicelib.table_calls import OPERATIONS, AnswersAsJson, shorten
from tests.strict.watching import unchecked

KEY = {"pk": {"S": "FILE#é"}, "sk": {"S": "FILE"}}
ITEM = {
    **KEY,
    "size": {"N": "12"},
    "none": {"NULL": True},
    "all": {"L": [{"M": {"x": {"BOOL": False}}}, {"S": '"B"'}]},
    "bytes": {"B": b"\0\xff"},
}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {"TableName": "t", "Key": KEY, "ConsistentRead": True}),
    ("put_item", {"TableName": "t", "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}),
    (
        "query",
        {"TableName": "t", "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": ITEM["pk"]}},
    ),
    ("delete_item", {"TableName": "t", "Key": KEY}),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [KEY], "ConsistentRead": False}}}),
    ("batch_write_item", {"RequestItems": {"t": [{"PutRequest": {"Item": ITEM}}]}}),
    ("scan", {"TableName": "t", "Limit": 5}),
    ("transact_get_items", {"TransactItems": [{"Get": {"TableName": "t", "Key": KEY}}]}),
    ("transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": ITEM}}], "ClientRequestToken": "x"}),
    ("update_item", {"TableName": "t", "Key": KEY, "UpdateExpression": "REMOVE a", "ReturnValues": "ALL_NEW"}),
]
TOKEN = "session/token=="
CREDENTIALS = Credentials("AKID", "secret", TOKEN)


def client(*, short: bool, endpoint: str | None = None, attempts: int = 1) -> Any:
    session = Session()
    if short:
        session.register_component("response_parser_factory", AnswersAsJson())
    made = session.create_client(
        "dynamodb",
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        aws_session_token=TOKEN,
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )
    if short:
        shorten(made, CREDENTIALS.get_frozen_credentials)
    return made


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def answered(made: Any, body: bytes = b"{}", *statuses: int) -> Iterator[list[Any]]:
    """Answers all requests of a client with this body, and gives the list of them. 200 follows the `statuses`."""
    sent: list[Any] = []
    left = list(statuses)

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        headers: Any = {"x-amzn-RequestId": "r"}
        return AWSResponse(request.url, left.pop(0) if left else 200, headers, _Body(body))

    made.meta.events.register_first("before-send", answer)
    try:
        yield sent
    finally:
        made.meta.events.unregister("before-send", answer)


def sent_by(made: Any, method: str, params: dict[str, Any]) -> Any:
    with answered(made) as sent:
        getattr(made, method)(**params)
    return sent[0]


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def headers(request: Any) -> dict[str, str]:
    return {name.lower(): text(value) for name, value in request.headers.items()}


def test_every_operation_is_compared_here() -> None:
    assert {"".join(word.title() for word in method.split("_")) for method, _ in CALLS} == OPERATIONS


@pytest.mark.parametrize(("method", "params"), CALLS)
def test_a_request_is_the_one_that_botocore_makes(method: str, params: dict[str, Any]) -> None:
    ordinary, short = (sent_by(client(short=each), method, params) for each in (False, True))
    assert json.loads(short.body) == json.loads(ordinary.body)
    assert (short.method, short.url) == (ordinary.method, ordinary.url)
    ours, theirs = headers(short), headers(ordinary)
    for name in ("x-amz-target", "content-type", "x-amz-security-token"):
        assert ours[name] == theirs[name]
    assert ours["content-length"] == str(len(short.body))


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4566", "http://localhost", "https://proxy.example:8443/"])
def test_a_request_has_the_signature_that_botocore_would_give_it(endpoint: str | None) -> None:
    made = client(short=True, endpoint=endpoint)
    for method, params in CALLS[:2]:
        request = sent_by(made, method, params)
        found = headers(request)
        signature = found.pop("authorization")
        named = signature.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        signed = {name: found[name] for name in named if name != "host"}
        again = AWSRequest("POST", request.url, signed, data=request.body)
        again.context["timestamp"] = found["x-amz-date"]
        auth = SigV4Auth(CREDENTIALS, "dynamodb", "eu-west-1")
        wanted = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
        assert signature.endswith(f"Signature={wanted}")
        assert {"host", "x-amz-date", "x-amz-security-token", "x-amz-target"} <= {*named}


ITEM_READ = {"pk": {"S": "é"}, "n": {"N": "1"}, "no": {"NULL": True}, "l": {"L": [{"M": {}}]}}
BYTES_READ = [{"a": {"B": "AP8="}}, {"a": {"S": '"B"'}}]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (CALLS[0], {"Item": ITEM_READ}),
        (CALLS[0], {}),
        (CALLS[2], {"Items": BYTES_READ, "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": KEY}),
        (CALLS[2], {"Items": [ITEM_READ], "Count": 1, "ScannedCount": 1}),
        (CALLS[4], {"Responses": {"t": [ITEM_READ]}, "UnprocessedKeys": {}}),
        (CALLS[9], {"Attributes": {"s": {"SS": ["x", "B"]}}}),
    ],
)
def test_an_answer_is_read_as_botocore_reads_it(call: tuple[str, dict[str, Any]], answer: Any) -> None:
    read = []
    for short in (False, True):
        made = client(short=short)
        with answered(made, json.dumps(answer).encode()):
            read.append(getattr(made, call[0])(**call[1]))
    assert read[0] == read[1]


REFUSED = {
    "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
    "message": "The conditional request failed",
    "Item": {"pk": {"S": "a"}, "b": {"B": "AP8="}},
}


def test_an_error_is_the_one_that_botocore_raises() -> None:
    found = []
    for short in (False, True):
        made = client(short=short)
        with answered(made, json.dumps(REFUSED).encode(), 400), pytest.raises(ClientError) as raised:
            made.put_item(**CALLS[1][1])
        found.append((type(raised.value).__name__, raised.value.response))
    assert found[0] == found[1]


def test_a_failed_call_is_sent_again_with_a_signature_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = client(short=True, attempts=3)
    with answered(made, b"{}", 500, 500) as sent:
        reply = made.get_item(**CALLS[0][1])
    assert reply["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(sent) == 3
    assert all("Authorization" in request.headers for request in sent)


def test_a_call_that_does_not_arrive_fails_as_ever() -> None:
    made = client(short=True, endpoint="http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError):
        made.get_item(**CALLS[0][1])


def test_a_call_that_is_not_about_items_goes_botocores_way() -> None:
    made = client(short=True)
    with answered(made, b'{"Table": {"CreationDateTime": 1.5}}') as sent:
        reply = made.describe_table(TableName="t")
    assert reply["Table"]["CreationDateTime"].timestamp() == 1.5
    assert "amz-sdk-invocation-id" in headers(sent[0])


def test_a_value_that_is_none_of_dynamodbs_is_refused() -> None:
    with unchecked(), pytest.raises(TypeError, match="no value of DynamoDB"):
        client(short=True).put_item(TableName="t", Item={"pk": {"S": object()}})
