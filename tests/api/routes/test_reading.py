"""GET /v1/files/{id}: one record, at once or as soon as its status changes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.catalog import claims, files
from chalicelib.model import File
from chalicelib.settings import settings
from tests.client import Answer, Client, new_client
from tests.contention import at_once
from tests.making import begin_multipart, deliver, item, put, put_objects, set_item
from tests.stage import Calls, aws_client

PHOTO = {"filename": "IMG 1.jpg", "content_type": "image/jpeg", "size": 2766997, "tags": ["cats"]}


def test_get_costs_one_read(client: Client, stage: Calls) -> None:
    file_id = client("POST", "/v1/files", PHOTO).json["id"]
    stage.clear()
    client("GET", f"/v1/files/{file_id}")
    assert stage.names == ["dynamodb.GetItem"]


def test_get_gives_what_create_gave(client: Client) -> None:
    created = client(
        "POST", "/v1/files", PHOTO | {"metadata": {"n": 0.1, "big": 10**40, "deep": {"a": [1, None]}}}
    ).json
    upload = created.pop("upload")
    assert upload
    answer = client("GET", f"/v1/files/{created['id']}")
    assert answer.status == 200
    assert answer.json == created


@pytest.mark.parametrize("file_id", ["nope", "file_", "file_" + "0" * 26, "file_" + "U" * 26, "..", "a b"])
def test_an_unknown_id_is_not_found(client: Client, file_id: str) -> None:
    for method in ("GET", "DELETE"):
        assert client(method, f"/v1/files/{file_id}").status == 404


def test_another_tenants_file_is_not_found_on_any_route(client: Client) -> None:
    file_id = client("POST", "/v1/files", PHOTO).json["id"]
    put_objects(file_id)
    other = new_client("other")
    for method in ("GET", "DELETE"):
        answer = other(method, f"/v1/files/{file_id}")
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert other("GET", "/v1/files").json["items"] == []
    assert client("GET", f"/v1/files/{file_id}").status == 200
    assert aws_client("s3").list_objects_v2(Bucket="derived")["KeyCount"] == 1


# --- Waiting


def claimed(file_id: str) -> File:
    """The file, taken by a worker that goes on working."""
    head = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
    lease = timedelta(seconds=60)
    file = claims.claim(file_id, version_id=head["VersionId"], sequencer="0A", claim_id="c", lease=lease)
    assert isinstance(file, File)
    return file


def finished(file_id: str) -> None:
    """The worker that took the file lets go of it, and the next one brings it to its end."""
    file = files.get("acme", file_id)
    assert file
    claims.release(file)
    deliver(file_id)


def test_waiting_ends_as_soon_as_the_status_changes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    record = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json
    put(record["id"], b"a,b")
    looks: list[float] = []

    def arrive(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            deliver(record["id"])

    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", arrive)
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": "20"})
    assert answer.json["status"] == "ready"
    assert len(looks) == 3
    assert "Retry-After" not in answer.headers
    client("GET", f"/v1/files/{record['id']}", query={"wait": "20"})
    assert len(looks) == 3, "what is ready is not waited on"


def test_waiting_ends_with_its_time_and_says_when_to_ask_again(client: Client) -> None:
    record = begin_multipart(client)
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": "1"})
    assert (answer.json["status"], answer.headers["Retry-After"]) == ("awaiting_upload", "1")


@pytest.mark.parametrize("wait", ["26", "-1", "x", "1.5", ""])
def test_a_wait_out_of_bounds_is_refused(client: Client, wait: str) -> None:
    record = begin_multipart(client)
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": wait})
    assert (answer.status, answer.json["field"]) == (422, "wait")


def test_waiting_for_the_end_goes_on_while_the_file_is_processed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json
    put(record["id"], b"a,b")
    shown: list[str] = []

    def work(seconds: float) -> None:
        shown.append(item(record["id"])["status"]["S"])
        if len(shown) == 2:
            claimed(record["id"])
        if len(shown) == 4:
            finished(record["id"])

    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", work)
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": "20", "wait_for": "final"})
    assert answer.json["status"] == "ready"
    assert shown == ["awaiting_upload", "awaiting_upload", "processing", "processing"]


@pytest.mark.parametrize("wait_for", [{}, {"wait_for": "change"}])
def test_waiting_for_a_change_ends_when_processing_begins(
    client: Client, monkeypatch: pytest.MonkeyPatch, wait_for: dict[str, str]
) -> None:
    record = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json
    put(record["id"], b"a,b")
    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", lambda _: claimed(record["id"]))
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": "20", **wait_for})
    assert (answer.json["status"], answer.headers["Retry-After"]) == ("processing", "1")


@pytest.mark.parametrize("end", ["failed", "deleted", "expired"])
def test_every_end_is_final(client: Client, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    record = client("POST", "/v1/files", {"filename": "a.png", "content_type": "image/png", "size": 3}).json
    address = f"/v1/files/{record['id']}"

    def come(_: float) -> None:
        if end == "failed":
            put(record["id"], b"a,b")
            deliver(record["id"])
        elif end == "deleted":
            client("DELETE", address)
        else:
            set_item(record["id"], "expires_at", {"S": "2026-01-01T00:00:00.000Z"})

    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", come)
    answer = client("GET", address, query={"wait": "20", "wait_for": "final"})
    if end == "deleted":
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    else:
        assert answer.json["status"] == end
        assert "Retry-After" not in answer.headers


def test_a_client_that_knows_the_record_is_told_304_and_when_to_ask_again(client: Client) -> None:
    record = begin_multipart(client)
    known = client("GET", f"/v1/files/{record['id']}").headers["ETag"]
    answer = client(
        "GET",
        f"/v1/files/{record['id']}",
        query={"wait": "1", "wait_for": "final"},
        headers={"If-None-Match": known},
    )
    assert (answer.status, answer.headers["Retry-After"]) == (304, "1")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"wait": "20", "wait_for": "ready"}, "wait_for"),
        ({"wait": "20", "wait_for": ""}, "wait_for"),
        ({"wait_for": "final"}, "wait_for"),
        ({"wait": "26", "wait_for": "final"}, "wait"),
    ],
)
def test_a_wrong_end_to_wait_for_is_refused(client: Client, query: dict[str, str], field: str) -> None:
    record = begin_multipart(client)
    answer = client("GET", f"/v1/files/{record['id']}", query=query)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)


def test_without_time_to_wait_the_record_comes_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    record = begin_multipart(client)
    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", lambda _: pytest.fail("it waited"))
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": "0", "wait_for": "final"})
    assert answer.json["status"] == "awaiting_upload"


# --- Waiting, when many do


def test_fifty_waits_of_one_token_leave_room_for_others(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_WAITS", "6")
    monkeypatch.setenv("FILEMILL_WAITS_PER_CREDENTIAL", "4")
    settings.cache_clear()
    minted = client("POST", "/v1/upload-tokens", {"max_bytes": 100, "max_files": 1}).json
    browser = Client(minted["token"])
    file_id = browser("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json["id"]
    browser("GET", f"/v1/files/{file_id}")
    began, ended = threading.Semaphore(0), threading.Event()

    def hold(_: float) -> None:
        began.release()
        ended.wait(5)

    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", hold)

    def wait(caller: Client) -> Answer:
        return caller("GET", f"/v1/files/{file_id}", query={"wait": "1"})

    def others_are_answered() -> Answer:
        for _ in range(3):  # half of the stage's share
            began.acquire()
        answers = [wait(browser) for _ in range(3)]
        assert {(a.status, a.json["status"], a.headers["Retry-After"]) for a in answers} == {
            (200, "awaiting_upload", "3")
        }
        assert client("GET", f"/v1/files/{file_id}").headers["Retry-After"] == "1", "without `wait` as ever"
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(wait, client)  # another credential may wait all the same
            began.acquire()
            ended.set()
            return other.result()

    requests: list[Callable[[], Answer]] = [*[partial(wait, browser)] * 50, others_are_answered]
    answers = at_once(monkeypatch, requests)
    *of_the_token, other = answers
    told = Counter(answer.headers["Retry-After"] for answer in of_the_token)
    assert told == {"1": 3, "3": 47}
    assert {answer.status for answer in answers} == {200}
    assert other.headers["Retry-After"] == "1"


def test_who_does_not_have_to_wait_needs_no_slot(client: Client, stage: Calls) -> None:
    file_id = client(
        "POST", "/v1/files", {"filename": "a", "content_type": "application/octet-stream", "size": 2}
    ).json["id"]
    put(file_id, b"\0\1")
    deliver(file_id)
    stage.clear()
    client("GET", f"/v1/files/{file_id}", query={"wait": "20", "wait_for": "final"})
    assert stage.names == ["dynamodb.GetItem"]


def test_waits_can_be_switched_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_WAITS", "0")
    settings.cache_clear()
    record = begin_multipart(client)
    monkeypatch.setattr("chalicelib.api.routes.reading.time.sleep", lambda _: pytest.fail("it waited"))
    answer = client("GET", f"/v1/files/{record['id']}", query={"wait": "20"})
    assert (answer.status, answer.headers["Retry-After"]) == (200, "3")
