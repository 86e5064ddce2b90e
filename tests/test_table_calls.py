"""Calls of DynamoDB by the short way, against those of an ordinary client of botocore."""

from __future__ import annotations

import base64
import json
from binascii import crc32
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.table_calls import OPERATIONS
from tests.strict.watching import unchecked
from tests.two_clients import (
    CREDENTIALS,
    Answer,
    answered,
    called,
    dynamodb,
    headers,
    scope,
    sent_by,
    signature,
    signed_by_botocore,
)

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


def test_every_operation_is_compared_here() -> None:
    assert {"".join(word.title() for word in method.split("_")) for method, _ in CALLS} == OPERATIONS


@pytest.mark.parametrize(("method", "params"), CALLS)
def test_a_request_is_the_one_that_botocore_makes(method: str, params: dict[str, Any]) -> None:
    ordinary, short = (sent_by(dynamodb(short=each), method, params) for each in (False, True))
    assert json.loads(short.body) == json.loads(ordinary.body)
    assert (short.method, short.url, scope(short)) == (ordinary.method, ordinary.url, scope(ordinary))
    assert "amz-sdk-invocation-id" not in headers(short)  # it went the short way
    ours, theirs = headers(short), headers(ordinary)
    for name in ("x-amz-target", "content-type", "x-amz-security-token"):
        assert ours[name] == theirs[name]
    assert ours["content-length"] == str(len(short.body))


TYPED = st.recursive(
    st.fixed_dictionaries({"S": st.text(st.characters(codec="utf-8"))})
    | st.fixed_dictionaries({"N": st.decimals(allow_nan=False, allow_infinity=False, places=38).map(str)})
    | st.fixed_dictionaries({"B": st.binary()})
    | st.sampled_from([{"NULL": True}, {"BOOL": False}, {"SS": ["", '"B"', "null"]}, {"NS": ["1", "-0"]}])
    | st.fixed_dictionaries({"BS": st.lists(st.binary(), min_size=1)}),
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner)})
        | st.fixed_dictionaries({"M": st.dictionaries(st.text(st.characters(codec="utf-8")), inner)})
    ),
    max_leaves=6,
)
PAIR = tuple(dynamodb(short=each) for each in (False, True))


def wire(value: Any) -> Any:
    """The value as DynamoDB's JSON."""
    return json.loads(json.dumps(value, default=lambda each: base64.b64encode(each).decode()))


@given(item=st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), TYPED, max_size=4))
def test_any_item_is_sent_and_read_as_botocore_does(item: dict[str, Any]) -> None:
    answer = Answer(body=json.dumps({"Items": [wire(item)], "Count": 1}, ensure_ascii=False).encode())
    replies, bodies = [], []
    with unchecked():
        for made in PAIR:
            (found, (request,)) = called(made, "query", {"TableName": "t", "ExclusiveStartKey": item}, answer)
            replies.append(found)
            bodies.append(json.loads(request.body))
    assert replies[0] == replies[1]
    assert replies[1].reply["Items"] == [item]
    assert bodies[0] == bodies[1]


def failed(code: str | None, status: int = 400, **more: Any) -> Answer:
    return Answer(status, json.dumps(({"__type": code} if code else {}) | more).encode())


ITEM_READ = {"pk": {"S": "é"}, "n": {"N": "1"}, "no": {"NULL": True}, "l": {"L": [{"M": {}}]}, "b": {"B": "AP8="}}
ITEM_OF_TEXTS = {name: value for name, value in ITEM_READ.items() if name != "b"}
WHOLE = json.dumps({"Item": ITEM_READ, "Items": [ITEM_READ], "Attributes": ITEM_READ}).encode()
TEXTS = json.dumps({"Item": ITEM_OF_TEXTS}).encode()
WITH_SUM = {"x-amzn-requestid": "r", "x-amz-crc32": str(crc32(TEXTS))}
REASONS = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "m", "Item": ITEM_READ}]
PREFIX = "com.amazonaws.dynamodb.v20120810#"
ANSWERS: dict[str, list[Answer]] = {
    "an item": [Answer(body=WHOLE)],
    "an item without bytes": [Answer(body=TEXTS, headers=WITH_SUM)],
    "items without bytes": [Answer(body=json.dumps({"Items": [ITEM_OF_TEXTS], "Count": 1}).encode())],
    "attributes without bytes": [Answer(body=json.dumps({"Attributes": ITEM_OF_TEXTS}).encode())],
    "a member that is new": [Answer(body=b'{"Attributes": {}, "New": {"S": "a"}}')],
    "a list": [Answer(body=b"[]")],
    "nothing": [Answer()],
    "an empty body": [Answer(body=b"")],
    "another's page": [Answer(body=b"<html>Sign in</html>")],
    "a body with another sum": [Answer(body=TEXTS.replace(b"pk", b"qk"), headers=WITH_SUM), Answer(body=TEXTS)],
    "a body that is cut": [Answer(body=TEXTS[:-5], headers=WITH_SUM), Answer(body=TEXTS, headers=WITH_SUM)],
    "a body that is always cut": [Answer(body=TEXTS[:-5], headers=WITH_SUM)],
    "null for a member": [Answer(body=b'{"Item": null, "Attributes": null, "LastEvaluatedKey": null}')],
    "null": [Answer(body=b"null")],
    "a set of bytes": [Answer(body=b'{"Item": {"a": {"BS": ["AP8="]}}, "Items": [{"a": {"BS": ["AP8="]}}]}')],
    "no UTF-8": [Answer(body=b'{"Item": {"a": {"S": "\xff"}}}')],
    "half a surrogate pair": [Answer(body=b'{"Item": {"a": {"S": "\xed\xa0\x80"}}}')],
    "a byte order mark": [Answer(body=b"\xef\xbb\xbf" + TEXTS)],
    "UTF-16": [Answer(body=TEXTS.decode().encode("utf-16"))],
    "lists of nulls": [Answer(body=b'{"Responses": [null, {}], "Items": []}')],
    "300": [Answer(300, b"<html>")],
    "301": [Answer(301, b"")],
    "304": [Answer(304, b"")],
    "a proxy's refusal": [Answer(403, b"<html>blocked</html>")],
    "407": [Answer(407, b"")],
    "400 without a body": [Answer(400, b"")],
    "413": [Answer(413, b"too large")],
    "429": [Answer(429, b""), Answer()],
    "500 without a body": [Answer(500, b"")],
    "500, then an item": [failed("InternalServerError", 500, message="m"), Answer(body=WHOLE)],
    "a gateway's page": [Answer(502, b"<html>"), Answer(503, b"<!doctype html>"), Answer(body=WHOLE)],
    "a broken connection": [Answer(arrives=False), Answer(body=WHOLE)],
    "connections that break": [Answer(arrives=False)],
    "throttled": [failed(PREFIX + "ProvisionedThroughputExceededException", message="m"), Answer()],
    "throttled for ever": [failed(PREFIX + "ThrottlingException", Message="M")],
    "a transaction in progress": [failed("TransactionInProgressException", Message="M")],
    "a refused condition": [failed(PREFIX + "ConditionalCheckFailedException", message="m", Item=ITEM_READ)],
    "a cancelled transaction": [
        failed(PREFIX + "TransactionCanceledException", Message="M", CancellationReasons=REASONS)
    ],
    "an error with an address": [failed("ValidationException:http://internal.amazon.com/", message="m")],
    "an unknown error": [failed("NewException", message="m", Item=ITEM_READ)],
    "an error without a code": [failed(None, message="m")],
    "an expired token": [failed("com.amazon.coral.service#ExpiredTokenException", message="m")],
    "a clock that is wrong": [failed("com.amazon.coral.service#InvalidSignatureException", message="m"), Answer()],
}


@pytest.mark.parametrize("mode", ["standard", "legacy"])
@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_leads_to_what_botocore_makes_of_it(
    answers: list[Answer], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    pair = [dynamodb(short=each, attempts=3, mode=mode) for each in (False, True)]
    for method, params in CALLS if mode == "standard" else CALLS[:1]:
        (theirs, theirs_sent), (ours, ours_sent) = (called(made, method, params, *answers) for made in pair)
        assert (ours, len(ours_sent)) == (theirs, len(theirs_sent)), method
        for request in ours_sent:
            assert signature(request) == signed_by_botocore(request)


WRONG: list[dict[str, Any]] = [
    {"ConditionExpresion": "attribute_not_exists(pk)"},
    {"ConditionExpression": None},
    {"Item": None},
    {"TableName": None},
]


@pytest.mark.parametrize("more", WRONG, ids=str)
def test_a_typo_is_refused_as_botocore_refuses_it(more: dict[str, Any]) -> None:
    with unchecked():
        (theirs, _), (ours, sent) = (called(each, "put_item", {"TableName": "t", "Item": KEY, **more}) for each in PAIR)
        assert ours == theirs and ours.error and ours.error[0] == "ParamValidationError"
        (theirs, _), (ours, _) = (called(each, "put_item", {"TableName": "t"}) for each in PAIR)
        assert ours == theirs and ours.error
    assert not sent


ENDPOINTS = [
    None,
    "http://127.0.0.1:4566",
    "http://localhost",
    "https://proxy.example:8443/",
    "https://UPPER.example:443",
    "http://[::1]:8000",
    "https://gateway.example/dynamodb",
    "https://gateway.example/?a=b",
    "https://user:pw@gateway.example/",
]
REGIONS = ["eu-west-1", "us-east-1", "us-east-1-fips", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "local", "new-1"]
WITH_ACCOUNT = Credentials("AKID", "secret", "token", account_id="123456789012")
CONFIGS: list[dict[str, Any]] = [
    {},
    {"use_fips_endpoint": True},
    {"use_dualstack_endpoint": True},
    {"credentials": WITH_ACCOUNT},
    {"credentials": WITH_ACCOUNT, "account_id_endpoint_mode": "disabled"},
    {"account_id_endpoint_mode": "required"},
]


def addressed(short: bool, **how: Any) -> Any:
    """Where two calls go, for what they are signed, and if botocore signs them alike; or the error."""
    try:
        made = dynamodb(short=short, **how)
    except Exception as error:
        return repr(error)
    found = []
    for method, params in CALLS[:2]:
        result, sent = called(made, method, params)
        found.append((result.error, [(r.url, scope(r), signature(r) == signed_by_botocore(r)) for r in sent]))
    return found


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_endpoint_of_ones_own_gets_what_botocore_sends_there(endpoint: str | None) -> None:
    theirs, ours = (addressed(short, endpoint=endpoint) for short in (False, True))
    assert ours == theirs
    assert all(signed for _, sent in ours for _, _, signed in sent)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_an_endpoint_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:4599")
    theirs, ours = (addressed(short) for short in (False, True))
    assert ours == theirs
    assert ours[0][1][0][0] == "http://127.0.0.1:4599/"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: ", ".join(config) or "nothing set")
def test_each_region_is_addressed_as_botocore_does(config: dict[str, Any]) -> None:
    for region in REGIONS:
        theirs, ours = (addressed(short, region=region, **config) for short in (False, True))
        assert ours == theirs, region


def test_credentials_that_are_renewed_sign_the_next_call() -> None:
    made: list[str] = []

    def renew() -> dict[str, str]:
        name, end = f"K{len(made)}", datetime.now(UTC) + timedelta(seconds=1)
        made.append(name)
        return {
            "access_key": name,
            "secret_key": f"secret {name}",
            "token": f"token {name}",
            "expiry_time": end.isoformat(),
        }

    client = dynamodb(short=True, credentials=RefreshableCredentials.create_from_metadata(renew(), renew, "test"))
    requests = [sent_by(client, *CALLS[0]) for _ in range(2)]
    names = [scope(request).partition("/")[0] for request in requests]
    assert names[0] != names[1] == made[-1]
    for name, request in zip(names, requests, strict=True):
        assert headers(request)["x-amz-security-token"] == f"token {name}"
        assert signature(request) == signed_by_botocore(request, f"secret {name}")


def test_long_lived_credentials_send_no_token() -> None:
    request = sent_by(dynamodb(short=True, credentials=Credentials("AKID", "secret")), *CALLS[0])
    assert "x-amz-security-token" not in headers(request)
    assert signature(request) == signed_by_botocore(request)


def test_without_credentials_a_call_fails_until_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[ReadOnlyCredentials] = []

    class Appearing:
        account_id = None

        def get_frozen_credentials(self) -> ReadOnlyCredentials:
            if not found:
                raise NoCredentialsError
            return found[0]

        def get_deferred_property(self, _: str) -> Any:
            return lambda: None

    made = dynamodb(short=True, credentials=Appearing())
    result, sent = called(made, *CALLS[0])
    assert result.error and result.error[0] == "NoCredentialsError" and not sent
    found.append(CREDENTIALS.get_frozen_credentials())
    assert sent_by(made, *CALLS[0])


def test_a_call_between_the_steps_of_the_first_one_sends_a_whole_request() -> None:
    """Another thread may make it. Here the same one does, because tests on moto let one thread at a time call."""
    made = dynamodb(short=True)
    creator = made._user_agent_creator
    tell, others = creator.to_string, [partial(made.get_item, **CALLS[0][1])]

    def slow() -> str:
        while others:  # another's whole call, while this one puts the headers together
            others.pop()()
        return str(tell())

    creator.to_string = slow
    with answered(made, Answer()) as sent:
        made.get_item(**CALLS[0][1])
    assert [headers(request)["content-type"] for request in sent] == ["application/x-amz-json-1.0"] * 2


def test_what_others_do_before_a_call_counts() -> None:
    """Tracers wrap a client's calls, and hooks of botocore may change a request's headers."""
    made = dynamodb(short=True)

    def mark(params: Any, **_: Any) -> None:
        params["headers"]["X-Mark"] = "1"

    made.meta.events.register("before-call.dynamodb", mark)
    request = sent_by(made, *CALLS[0])
    assert headers(request)["x-mark"] == "1"
    assert signature(request) == signed_by_botocore(request)
    assert "x-mark" not in headers(sent_by(dynamodb(short=True), *CALLS[0]))


def test_a_call_that_does_not_arrive_fails_as_ever() -> None:
    made = dynamodb(short=True, endpoint="http://127.0.0.1:9")
    with pytest.raises(EndpointConnectionError):
        made.get_item(**CALLS[0][1])


def test_a_call_that_is_not_about_items_goes_botocores_way() -> None:
    made = dynamodb(short=True)
    with answered(made, Answer(body=b'{"Table": {"CreationDateTime": 1.5}}')) as sent:
        reply = made.describe_table(TableName="t")
    assert reply["Table"]["CreationDateTime"].timestamp() == 1.5
    assert "amz-sdk-invocation-id" in headers(sent[0])


def test_a_value_that_is_none_of_dynamodbs_is_refused() -> None:
    with unchecked(), pytest.raises(TypeError, match="no value of DynamoDB"):
        dynamodb(short=True).put_item(TableName="t", Item={"pk": {"S": object()}})
