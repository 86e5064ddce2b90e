"""Renditions on demand: who may ask, what is answered, and that each is made once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Lock
from typing import Any

import pytest
from PIL import Image

from chalicelib import aws, keyring
from chalicelib.catalog import render_leases
from chalicelib.catalog.render_leases import RenderState
from chalicelib.delivery import missing
from chalicelib.delivery.missing import Address, Outcome
from chalicelib.processing import first_requests, on_demand
from chalicelib.storage import derived as derived_objects
from tests import images
from tests.client import Answer, Client
from tests.making import deliver, upload
from tests.stage import Calls, aws_client

Status = dict[str, Any]


@pytest.fixture
def photo(client: Client) -> Address:
    """Where a photo's AVIF would be."""
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    file = render_leases.get_ready(file_id)
    assert file
    assert file.source_version
    return Address(file.visibility, file.id, file.source_version, "w320.avif")


def ask(address: Address | str, method: str = "GET", **headers: str) -> Answer:
    """Asks as CloudFront does."""
    key = address if isinstance(address, str) else address.key
    sent = {"X-Filemill-Edge": keyring.edge_secret(), "Accept": "image/avif"} | headers
    return Client(None)(method, f"/render/{key}", headers=sent)


def handler(monkeypatch: pytest.MonkeyPatch, does: Callable[[], Status]) -> list[str]:
    """Replaces the function `render` by `does`. Gives the list of names that it is called for."""
    calls: list[str] = []

    def handle(event: Status, context: Any) -> Status:
        calls.append(event["name"])
        return does()

    monkeypatch.setattr("chalicelib.processing.on_demand.handle", handle)
    return calls


# --- who may ask, for what


@pytest.mark.parametrize("shown", [None, "", "x", "ü", "0" * 64])
def test_without_the_edges_secret_there_is_nothing_at_this_address(
    stage: Calls, photo: Address, shown: str | None
) -> None:
    stage.clear()
    headers = {"Accept": "image/avif"} | ({"X-Filemill-Edge": shown} if shown is not None else {})
    answer = Client(None)("GET", f"/render/{photo.key}", headers=headers)
    unknown = Client(None)("GET", "/nothing/here", headers=headers)
    assert (answer.status, answer.json["code"], answer.json["detail"]) == (404, "unknown_route", unknown.json["detail"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert [name for name in stage.names if name != "ssm.GetParameter"] == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_no_method_tells_a_stranger_that_there_is_such_an_address(client: Client, photo: Address, method: str) -> None:
    """The answer is the one for a path that no route has."""
    here, nowhere = client(method, f"/render/{photo.key}"), client(method, "/rander/f/a/b/c/d")
    assert here.status == nowhere.status == 404
    assert "Allow" not in here.headers
    known = ("code", "detail", "title", "type")
    assert [here.json[name] for name in known] == [nowhere.json[name] for name in known]


def test_an_api_key_is_no_secret_of_the_edges(client: Client, photo: Address) -> None:
    assert client("GET", f"/render/{photo.key}").status == 404


def test_the_secret_can_be_told_from_the_stages_by_who_sets_cloudfront_up(stage: Calls) -> None:
    derived = keyring.derived_edge_secret(b"s" * 43)
    assert derived == keyring.edge_secret()
    assert len(derived) == 64
    assert derived not in (keyring.mac("edge", b"").hex(), keyring.mac("token", b"render").hex())


@pytest.mark.parametrize(
    "name", ["w0.avif", "w00320.avif", "w320", "w320.gif", "w99999.avif", "320.avif", "w320.avif.avif", "%2e%2e"]
)
def test_what_can_be_no_rendition_is_404_for_a_while_and_costs_no_call(stage: Calls, photo: Address, name: str) -> None:
    keyring.edge_secret()
    stage.clear()
    answer = ask(photo.key.replace("w320.avif", name))
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert stage.names == []


@pytest.mark.parametrize(
    ("old", "new"),
    [("w320.avif", "w321.avif"), ("w320.avif", "w1280.avif"), ("private", "public"), ("file_0", "file_1")],
)
def test_what_is_not_on_the_files_ladder_costs_one_read_of_its_record(
    stage: Calls, photo: Address, old: str, new: str
) -> None:
    keyring.edge_secret()
    stage.clear()
    answer = ask(photo.key.replace(old, new))
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "public, max-age=60")
    assert stage.names == ["dynamodb.GetItem"]


def test_another_versions_address_is_404(photo: Address) -> None:
    assert ask(photo.key.replace(photo.version, "0" * 16)).status == 404


def test_a_deleted_files_rendition_is_404(client: Client, photo: Address) -> None:
    assert client("DELETE", f"/v1/files/{photo.file_id}").status == 204
    assert ask(photo).status == 404


# --- what is answered


def test_the_first_viewer_gets_the_picture_itself_to_keep_for_ever(photo: Address) -> None:
    answer = ask(photo)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/avif")
    assert answer.headers["Cache-Control"] == derived_objects.IMMUTABLE
    assert answer.base64
    with Image.open(BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("AVIF", (320, 256))
    stored = aws_client("s3").get_object(Bucket="derived", Key=photo.key)
    assert stored["Body"].read() == answer.content


@pytest.mark.parametrize("extension", ["webp", "jpg"])
def test_formats_that_were_lost_come_back_with_their_type(photo: Address, extension: str) -> None:
    key = photo.key.replace("avif", extension)
    aws_client("s3").delete_object(Bucket="derived", Key=key)
    answer = ask(key)
    assert (answer.status, answer.headers["Content-Type"]) == (
        200,
        {"webp": "image/webp", "jpg": "image/jpeg"}[extension],
    )


def test_what_is_there_by_now_is_not_made_again(stage: Calls, photo: Address) -> None:
    first = ask(photo)
    stage.clear()
    assert ask(photo).content == first.content
    assert (stage.count("lambda."), stage.count("dynamodb.UpdateItem")) == (0, 0)


def test_head_makes_it_too_and_answers_as_get_so_that_its_length_is_known(photo: Address) -> None:
    """API Gateway leaves the body out of an answer to HEAD, as every HTTP server must, and tells its length."""
    answer = ask(photo, "HEAD")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/avif")
    assert aws_client("s3").head_object(Bucket="derived", Key=photo.key)["ContentLength"] == len(answer.content) > 0
    assert ask(photo).content == answer.content


def test_what_is_too_large_for_lambdas_answer_comes_from_s3_itself(
    photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.delivery.first_view.MAX_BODY", 10)
    answer = ask(photo)
    assert (answer.status, answer.headers["Cache-Control"]) == (302, "no-store")
    assert f"/{photo.key}?" in answer.headers["Location"]
    assert "X-Amz-Expires=60" in answer.headers["Location"]


def test_the_largest_body_fits_lambdas_answer() -> None:
    from chalicelib.delivery.first_view import MAX_BODY

    assert MAX_BODY * 4 / 3 + 10_000 < 6 * 10**6


# --- once


def test_a_hundred_at_once_make_one_and_all_get_it(
    stage: Calls, photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, made = Lock(), []
    begin, handle = render_leases.begin, on_demand.handle

    def one_by_one(*args: Any) -> Any:
        with lock:  # a conditional write is atomic at DynamoDB, not at moto
            return begin(*args)

    def slowly(event: Status, context: Any) -> Status:
        made.append(event["name"])
        time.sleep(0.5)
        return handle(event, context)

    monkeypatch.setattr("chalicelib.catalog.render_leases.begin", one_by_one)
    monkeypatch.setattr("chalicelib.processing.on_demand.handle", slowly)
    stage.clear()
    with ThreadPoolExecutor(100) as viewers:
        ends = list(viewers.map(missing.obtain, [photo] * 100))
    assert ends == [Outcome.MADE] * 100
    assert made == ["w320.avif"]
    assert (stage.count("lambda.Invoke"), stage.count("s3.PutObject")) == (1, 1)


def test_sizes_do_not_wait_for_each_other(photo: Address) -> None:
    render_leases.begin(photo.key, "somebody", 22)
    assert ask(photo.key.replace("w320", "w160")).status == 200


def test_who_waits_gives_up_before_api_gateway_does_and_nobody_keeps_that(
    photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_leases.begin(photo.key, "somebody", 22)
    monkeypatch.setattr("chalicelib.delivery.missing.PATIENCE", 0.2)
    answer = ask(photo)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("1", "no-store")


def test_the_times_fit_into_one_another() -> None:
    import json

    from tests.stage import ROOT

    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    render, api = functions["render"]["lambda_timeout"], functions["api_handler"]["lambda_timeout"]
    assert api <= 29, "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"
    assert render < missing.LEASE, "a lease that ends before the work lets two work"
    assert api > missing.LAST_START + missing.PATIENCE
    assert api > missing.LAST_START + 24, "the client's read timeout (aws.functions)"
    cloudfront = 30  # its read timeout of the origin `render` (.chalice/resources.yaml)
    assert missing.PATIENCE + first_requests.MARGIN < render < cloudfront
    assert functions["stream"]["lambda_timeout"] == render


def test_a_holder_that_dies_holds_up_the_next_for_seconds_only(photo: Address) -> None:
    render_leases.begin(photo.key, "dead", 0.5)
    begun = time.monotonic()
    assert ask(photo).status == 200
    assert 0.3 < time.monotonic() - begun < 5


def test_a_holder_that_comes_too_late_changes_nothing(photo: Address) -> None:
    render_leases.begin(photo.key, "late", 0)
    assert ask(photo).status == 200
    render_leases.end(photo.key, "late", RenderState.FAILED, seconds=3600, failures=3)
    now = render_leases.get(photo.key)
    assert now
    assert now.state is RenderState.MADE


# --- what can't be made


def test_what_can_not_be_made_is_not_tried_again_for_an_hour(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = handler(monkeypatch, lambda: {"status": "failed"})
    for _ in range(3):
        answer = ask(photo)
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "public, max-age=60")
    assert len(calls) == 1
    later = time.time() + 3600
    monkeypatch.setattr("chalicelib.catalog.render_leases.time.time", lambda: later)
    assert ask(photo).status == 404
    assert len(calls) == 2


def test_a_function_that_breaks_off_is_tried_three_times(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed() -> Status:
        raise MemoryError

    calls = handler(monkeypatch, killed)
    assert [ask(photo).status for _ in range(5)] == [503, 503, 404, 404, 404]
    assert len(calls) == 3


def test_tries_are_counted_in_a_row(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    def third_time() -> Status:
        if len(calls) < 3:
            raise MemoryError
        return {"status": "made"}

    calls = handler(monkeypatch, third_time)
    assert [ask(photo).status for _ in range(2)] == [503, 503]
    assert missing.obtain(photo) is Outcome.MADE
    now = render_leases.get(photo.key)
    assert now
    assert now.failures == 0


def test_trouble_of_aws_is_not_held_against_the_file(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = handler(monkeypatch, lambda: {"status": "later"})
    answers = [ask(photo) for _ in range(5)]
    assert {(a.status, a.headers["Cache-Control"]) for a in answers} == {(503, "no-store")}
    assert len(calls) == 5


def test_too_many_functions_at_once_is_503_and_the_lease_is_given_back(
    photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    def throttled(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")

    with monkeypatch.context() as patched:
        patched.setattr(aws.functions(), "invoke", throttled)
        assert [ask(photo).status for _ in range(4)] == [503] * 4
    assert ask(photo).status == 200


def test_a_file_deleted_meanwhile_is_404_for_a_while(photo: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = handler(monkeypatch, lambda: {"status": "unknown"})
    assert [ask(photo).status for _ in range(3)] == [404] * 3
    assert len(calls) == 1


def test_what_is_said_to_be_made_and_is_not_there_is_made_again_soon(
    photo: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_leases.begin(photo.key, "x", 1)
    render_leases.end(photo.key, "x", RenderState.MADE, seconds=missing.MADE_FOR, failures=0)
    assert ask(photo).status == 503
    later = time.time() + missing.MADE_FOR
    monkeypatch.setattr("chalicelib.catalog.render_leases.time.time", lambda: later)
    assert ask(photo).status == 200


def test_the_item_is_forgotten_after_a_day(photo: Address) -> None:
    assert ask(photo).status == 200
    items = aws_client("dynamodb").scan(TableName="filemill-test")["Items"]
    (item,) = [item for item in items if item["pk"]["S"] == f"RENDER#{photo.key}"]
    assert 86_000 < int(item["ttl"]["N"]) - time.time() <= 86_400
