"""GET /v1/files/{id}: one record, at once or as soon as its status changes."""

from __future__ import annotations

import pytest

from tests.client import Client, new_client
from tests.making import begin_multipart, deliver, put, put_objects
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
