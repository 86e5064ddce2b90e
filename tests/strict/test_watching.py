"""The requests of every client are seen: the code's, the tests' own, and what is only signed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib import aws
from tests.catalog.fake import FakeDynamoDB
from tests.stage import Calls, aws_client
from tests.strict import watching

OBJECT: dict[str, Any] = {"Bucket": "originals", "Key": "acme/1"}
TOO_LONG: dict[str, Any] = {"TableName": "filemill-test", "Key": {"pk": {"S": "a"}, "sk": {"S": "b" * 1025}}}


def found() -> list[str]:
    return [f"{each.request.service}.{each.request.operation}" for each in watching.taken()]


def test_wrong_requests_of_all_clients_are_found(stage: Calls) -> None:
    aws.dynamodb().get_item(**TOO_LONG)
    aws_client("dynamodb").get_item(**TOO_LONG)
    watching.Checked(FakeDynamoDB()).get_item(**TOO_LONG)

    assert found() == ["dynamodb.GetItem"] * 3


def test_a_wrong_request_is_found_whatever_the_code_does_with_its_error(stage: Calls) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(aws.s3().get_object, **OBJECT, Range="bytes=2-1").exception()

    assert found() == ["s3.GetObject"]


def test_what_is_signed_for_others_is_found() -> None:
    s3 = aws.s3()
    s3.generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=604_801)
    s3.generate_presigned_url("get_object", Params={**OBJECT, "ResponseContentType": "a\nb"})
    s3.generate_presigned_post(**OBJECT, Fields={"acl": "private"})

    assert found() == ["s3.PresignedAddress", "s3.GetObject", "s3.PresignedForm"]


def test_a_test_that_made_a_wrong_request_fails_and_says_which() -> None:
    aws.s3().generate_presigned_url("get_object", Params=OBJECT, ExpiresIn=604_801)

    with pytest.raises(pytest.fail.Exception, match=r"valid for 604801\n  https://docs\.aws\.amazon\.com/"):
        watching.raise_for_broken()
    assert not found()


def test_right_requests_are_counted() -> None:
    before = watching.checked["s3"]

    aws.s3().generate_presigned_url("get_object", Params=OBJECT)
    with watching.unchecked():
        aws.s3().generate_presigned_url("get_object", Params=OBJECT)

    assert watching.checked["s3"] - before == 2  # the request, and its signature
