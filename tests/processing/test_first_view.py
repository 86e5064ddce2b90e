"""A viewer's first request as CloudFront sends it to the function URL of `render`: what is answered, and made once."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from threading import Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from chalicelib import aws
from chalicelib.api.errors import PROBLEMS
from chalicelib.catalog import memory, render_leases, tenants, usage
from chalicelib.catalog.render_leases import RenderState
from chalicelib.catalog.tenants import Tenant
from chalicelib.delivery import first_view, missing
from chalicelib.delivery.missing import Address
from chalicelib.processing import first_requests
from chalicelib.storage import derived as derived_objects
from tests import images
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import Calls, aws_client, lambda_context


@pytest.fixture
def photo(client: Client) -> Address:
    """Where a photo's AVIF would be."""
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    file = render_leases.get_ready(file_id)
    assert file
    assert file.source_version
    return Address(file.visibility, file.id, file.source_version, "w320.avif")


def request(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    """The event of a function URL (payload format 2.0): https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""
    http = {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "1.2.3.4", "userAgent": "CloudFront"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"x-forwarded-for": "1.2.3.4"} | {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": http, "requestId": "r", "stage": "$default"},
        "isBase64Encoded": False,
    }


def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
    import app

    answer: dict[str, Any] = app.render(event, context)
    return answer


def ask(address: Address | str, method: str = "GET", **headers: str) -> dict[str, Any]:
    path = address if isinstance(address, str) else f"/{address.key}"
    answer = run(request(path, method, **headers), lambda_context())
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    json.dumps(answer)
    return answer


def content(answer: dict[str, Any]) -> bytes:
    assert answer["isBase64Encoded"]
    return base64.b64decode(answer["body"])


def problem(answer: dict[str, Any]) -> tuple[int, str, str]:
    body = json.loads(answer["body"])
    assert PROBLEMS[body["code"]] == body["status"] == answer["statusCode"]
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    return answer["statusCode"], body["code"], answer["headers"]["Cache-Control"]


NONE = (404, "not_found", "public, max-age=60")
LATER = (503, "unavailable", "no-store")


def test_the_first_viewer_gets_the_picture_itself_and_no_other_function_is_called(stage: Calls, photo: Address) -> None:
    stage.clear()
    answer = ask(photo)
    assert (answer["statusCode"], answer["headers"]) == (
        200,
        {"Content-Type": "image/avif", "Cache-Control": derived_objects.IMMUTABLE, "Accept-Ranges": "bytes"},
    )
    assert stage.names == [
        *("dynamodb.GetItem", "s3.GetObject", "dynamodb.UpdateItem"),  # the file, its rendition, the lease
        *("dynamodb.UpdateItem", "s3.GetObject", "s3.PutObject"),  # the day's count, the original, the rendition
        *("dynamodb.GetItem", "dynamodb.UpdateItem"),  # is the file still there? and the lease's end
    ]
    with Image.open(BytesIO(content(answer))) as image:
        assert (image.format, image.size) == ("AVIF", (320, 256))
    assert aws_client("s3").get_object(Bucket="derived", Key=photo.key)["Body"].read() == content(answer)
    assert (stage.count("lambda."), stage.count("ssm."), stage.count("s3.PutObject")) == (0, 0, 1)
    stage.clear()
    assert content(ask(photo)) == content(answer)
    assert stage.names == ["dynamodb.GetItem", "s3.GetObject"]


@pytest.mark.parametrize("made", [True, False])
def test_head_makes_it_and_has_the_length_of_get(photo: Address, made: bool) -> None:
    if made:
        ask(photo)
    head = ask(photo, "HEAD")
    assert head == ask(photo)
    assert len(content(head)) == aws_client("s3").head_object(Bucket="derived", Key=photo.key)["ContentLength"] > 0


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-1", 0, 1),
        ("bytes=10-", 10, -1),
        ("bytes=-5", -5, -1),
        ("bytes=0-99999999", 0, -1),
        ("bytes=-99999999", 0, -1),
    ],
)
def test_the_first_viewer_gets_the_range_that_it_asks_for(photo: Address, asked: str, first: int, last: int) -> None:
    part = ask(photo, range=asked)
    whole = aws_client("s3").get_object(Bucket="derived", Key=photo.key)["Body"].read()
    size = len(whole)
    first, last = first % size, last % size
    assert (part["statusCode"], content(part)) == (206, whole[first : last + 1])
    assert part["headers"]["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert part["headers"]["Content-Type"] == "image/avif"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_that_the_rendition_does_not_have_is_said_with_its_length(photo: Address, asked: str) -> None:
    answer = ask(photo, range=asked)
    size = aws_client("s3").head_object(Bucket="derived", Key=photo.key)["ContentLength"]
    assert (answer["statusCode"], answer["headers"]["Content-Range"]) == (416, f"bytes */{size}")
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"range": each}
            for each in ("bytes=-", "bytes=5-2", "bytes=0-1,4-5", "bytes=a-b", "lines=0-1", "bytes=0x1-")
        ),
        {"range": "bytes=0-1", "if_range": '"another"'},
    ],
)
def test_what_is_no_range_of_this_version_gets_the_whole(photo: Address, headers: dict[str, str]) -> None:
    answer = ask(photo, **headers)
    assert answer["statusCode"] == 200
    assert content(answer) == content(ask(photo))


def test_a_range_of_an_answer_that_is_an_error_changes_nothing(photo: Address) -> None:
    assert problem(ask(f"/{photo.key}".replace("w320", "w321"), range="bytes=0-1")) == NONE


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_too_large_for_an_answer_comes_from_s3_by_the_same_method(
    photo: Address, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(first_view, "MAX_BODY", 10)
    answer = ask(photo, method)
    assert (answer["statusCode"], answer["headers"]["Cache-Control"]) == (302, "no-store")
    location = answer["headers"]["Location"]
    assert f"/{photo.key}?" in location
    assert "X-Amz-Expires=60" in location
    other = derived_objects.sign(photo.key, 60, "HEAD" if method == "GET" else "GET")
    same = derived_objects.sign(photo.key, 60, method)
    signatures = [each.rpartition("X-Amz-Signature=")[2] for each in (other, same)]
    assert signatures[0] != signatures[1], "S3's signature covers the method"


@pytest.mark.parametrize(
    ("old", "new"),
    [("w320.avif", "w321.avif"), ("w320.avif", "w1280.avif"), ("private", "public"), ("file_0", "file_1")],
)
def test_an_invented_address_costs_one_read(stage: Calls, photo: Address, old: str, new: str) -> None:
    stage.clear()
    assert problem(ask(f"/{photo.key}".replace(old, new))) == NONE
    assert stage.names == ["dynamodb.GetItem"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/f",
        "/f/private/x/y/z/w320.avif/more",
        "/g/private/file_01K8Z0000000000000000000AA/0123456789abcdef/w320.avif",
        "f/private/file_01K8Z0000000000000000000AA/0123456789abcdef/w320.avif",
        "/f/private/file_01K8Z0000000000000000000AA/0123456789abcdef-0123456789abcdef/w320.avif",
        "/f/private/file_01K8Z0000000000000000000AA/0123456789abcdef/%2e%2e",
        "/" * 8000,
    ],
)
def test_a_path_that_is_no_address_costs_nothing(stage: Calls, path: str) -> None:
    assert problem(ask(path)) == NONE
    assert stage.names == []


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "DELETE", "PATCH", ""])
def test_other_methods_are_refused_at_no_cost(stage: Calls, photo: Address, method: str) -> None:
    stage.clear()
    answer = ask(photo, method)
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, HEAD")
    assert stage.names == []


def test_a_hundred_at_once_make_one_and_all_get_it(
    stage: Calls, photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, begin, work, made = Lock(), render_leases.begin, first_requests._answer, []

    def one_by_one(*args: Any) -> Any:
        with lock:  # a conditional write is atomic at DynamoDB, not at moto
            return begin(*args)

    def slowly(address: Address, function: Any) -> Any:
        made.append(address.name)
        time.sleep(0.5)
        return work(address, function)

    monkeypatch.setattr(render_leases, "begin", one_by_one)
    monkeypatch.setattr(first_requests, "_answer", slowly)
    with ThreadPoolExecutor(100) as viewers:
        answers = list(viewers.map(ask, [photo] * 100))
    assert {answer["statusCode"] for answer in answers} == {200}
    assert len({answer["body"] for answer in answers}) == 1
    assert made == ["w320.avif"]


def test_who_waits_ends_before_its_own_time_is_over(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    render_leases.begin(photo.key, "somebody", 30)
    context = lambda_context()
    context.get_remaining_time_in_millis = lambda: (first_requests.MARGIN + 0.3) * 1000
    begun = time.monotonic()
    answer = run(request(f"/{photo.key}"), context)
    assert problem(answer) == LATER
    assert answer["headers"]["Retry-After"] == "1"
    assert 0.2 < time.monotonic() - begun < 2


def works(monkeypatch: pytest.MonkeyPatch, does: Any) -> list[str]:
    """Replaces the work by `does`. Gives the list of names that it was called for."""
    calls: list[str] = []

    def answer(address: Address, _: Any) -> Any:
        calls.append(address.name)
        if isinstance(does, BaseException):
            raise does
        return does

    monkeypatch.setattr(first_requests, "_answer", answer)
    return calls


@pytest.mark.parametrize("status", ["failed", "unknown"])
def test_what_can_not_be_made_is_not_tried_again(photo: Address, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    calls = works(monkeypatch, {"status": status})
    assert [problem(ask(photo)) for _ in range(3)] == [NONE] * 3
    assert len(calls) == 1


def test_a_tenant_whose_renditions_of_the_day_are_used_up_gets_429_until_tomorrow(
    client: Client, photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants.put_tenant(Tenant("acme", quotas={"renders_per_day": 2}))
    memory.forget()
    names = ["w320.avif", "w640.avif", "w160.avif"]
    assert [ask(replace(photo, name=name))["statusCode"] for name in names[:2]] == [200, 200]
    for _ in range(2):
        answer = ask(replace(photo, name=names[2]))
        assert problem(answer) == (429, "quota_exceeded", answer["headers"]["Cache-Control"])
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert 0 < int(answer["headers"]["Retry-After"]) <= 86_400
    lease = render_leases.get(replace(photo, name=names[2]).key)
    assert lease is not None
    assert (lease.failures, lease.over) == (0, True)
    # What is there is delivered all the same, and counts no more.
    assert ask(replace(photo, name=names[0]))["statusCode"] == 200
    (day,) = usage.days("acme", {})
    assert day.numbers["renders"] == 2
    tenants.put_tenant(Tenant("acme"))
    memory.forget()
    assert ask(replace(photo, name=names[2]))["statusCode"] == 200


def test_renditions_that_are_made_at_the_same_time_do_not_pass_the_quota(stage: Calls) -> None:
    def make(_: int) -> bool:
        return usage.add_render("acme", "2026-11-26", 20)

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(make, range(60))) == 20
    assert not usage.add_render("other", "2026-11-26", 0)


def test_work_that_breaks_off_is_tried_three_times(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = works(monkeypatch, MemoryError())
    assert [problem(ask(photo)) for _ in range(5)] == [LATER, LATER, NONE, NONE, NONE]
    assert len(calls) == 3


class Killed(BaseException):
    """A process that is killed, or out of time: nothing after it runs, and nobody writes how it ended."""


def test_a_process_that_dies_is_counted_although_it_can_not_say_so(
    photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, now = works(monkeypatch, Killed()), time.time()
    monkeypatch.setattr("chalicelib.catalog.render_leases.time.time", lambda: now)
    for _ in range(missing.MAX_FAILURES):
        with pytest.raises(Killed):
            ask(photo)
        now += missing.LEASE
    assert [problem(ask(photo)) for _ in range(3)] == [NONE] * 3
    assert len(calls) == missing.MAX_FAILURES
    lease = render_leases.get(photo.key)
    assert lease
    assert (lease.state, lease.failures) == (RenderState.FAILED, 0)
    assert lease.until == pytest.approx(now + missing.FAILED_FOR, abs=1)


def test_trouble_of_aws_is_not_held_against_the_file(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = works(monkeypatch, {"status": "later"})
    assert [problem(ask(photo)) for _ in range(5)] == [LATER] * 5
    assert len(calls) == 5
    monkeypatch.undo()

    def busy(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    with monkeypatch.context() as patched:
        patched.setattr(aws.dynamodb(), "update_item", busy)
        assert problem(ask(photo)) == LATER
    assert ask(photo)["statusCode"] == 200


def test_a_call_of_the_api_is_answered_as_before(photo: Address) -> None:
    """By a distribution of a former release; the event has the address only."""
    event = {"visibility": "private", "file_id": photo.file_id, "version": photo.version, "name": photo.name}
    answer = run(event, lambda_context())
    assert (answer["status"], answer["key"]) == ("made", photo.key)
