"""No key sees more than its scopes allow, on any route. The routes are read off the app, so none can be forgotten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.api.auth.callers import Scope
from chalicelib.api.routing import Operation
from chalicelib.settings import settings
from ops.openapi.examples import BODIES
from tests.client import Answer, Client, new_client
from tests.making import PHOTO, begin_multipart, deliver, item, put, send_all_parts
from tests.operations import Target, asked, guarded, named
from tests.stage import aws_client

SECRET = "secret"
TOLD = {"id", "status", "revision"}


@dataclass(frozen=True)
class File:
    """A file of `acme`. `body` is what a request about it needs beside an example."""

    id: str
    upload_id: str = ""
    parts: tuple[dict[str, Any], ...] = ()


def described(**more: Any) -> dict[str, Any]:
    return {"filename": f"{SECRET}.jpg", "tags": [SECRET], "metadata": {SECRET: SECRET}, **more}


def waiting(client: Client) -> File:
    record = begin_multipart(client, **described())
    parts = send_all_parts(record)
    return File(record["id"], item(record["id"])["upload_id"]["S"], tuple(parts))


def completed(client: Client) -> File:
    file = waiting(client)
    parts = [{"part_number": p["part_number"], "etag": p["etag"]} for p in file.parts]
    assert client("POST", f"/v1/files/{file.id}/complete", {"parts": parts}).status == 200
    return file


def ready(client: Client) -> File:
    body = described(content_type="image/jpeg", size=len(PHOTO), visibility="public")
    file_id = client("POST", "/v1/files", body).json["id"]
    put(file_id, PHOTO)
    deliver(file_id)
    return File(file_id)


def deleted(client: Client) -> File:
    file = ready(client)
    assert client("DELETE", f"/v1/files/{file.id}").status == 204
    return file


# `secret` stands in everything that only a reader may see.
LIVES = {each.__name__: each for each in (waiting, completed, ready, deleted)}


def writing() -> list[Operation]:
    """Every route for which the right to write is enough."""
    found = [operation for operation in guarded() if operation.scope is Scope.FILES_WRITE]
    assert found
    return found


def bodies(operation: Operation, file: File) -> list[Any]:
    """Every example of the route's body, about this file."""
    if operation.body is None:
        return [None]
    ours: dict[str, Any] = {}
    if named(operation) == "complete_upload":
        ours["parts"] = list(file.parts)
    if named(operation) == "uppy_complete":
        ours["parts"] = [{"PartNumber": part["part_number"], "ETag": part["etag"]} for part in file.parts]
    examples = [dict(each) for each in BODIES[operation.body.__name__].values()]
    if named(operation) == "patch_file":
        examples += [{"tags": [SECRET]}, {"metadata": {}}]  # nothing of this is a change
    return [body | ours for body in examples]


def about(caller: Client, operation: Operation, file: File, body: Any) -> Answer:
    return asked(caller, operation, Target(file_id=file.id, upload_id=file.upload_id or "u"), body)


def seen(answer: Answer) -> str:
    """All that an answer tells, as one text."""
    return answer.text + json.dumps(answer.headers)


@pytest.fixture(autouse=True)
def window(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stage whose deleted files can be restored."""
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("operation", writing(), ids=named)
def test_a_key_that_may_only_write_reads_nothing(client: Client, operation: Operation, life: str) -> None:
    writer = new_client("acme", "files:write")
    for number in range(len(bodies(operation, File("")))):
        file = LIVES[life](client)
        answer = about(writer, operation, file, bodies(operation, file)[number])
        record = client("GET", f"/v1/files/{file.id}").json
        hidden = [SECRET]
        if record.get("image"):
            hidden += [record["sha256"], record["image"]["thumbhash"], f"/f/public/{file.id}"]
        assert not [text for text in hidden if text in seen(answer)], seen(answer)
        if answer.status < 300 and f'"id":"{file.id}"' in answer.text:
            assert answer.json.keys() == TOLD


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("operation", writing(), ids=named)
def test_a_key_that_may_only_read_changes_nothing(client: Client, operation: Operation, life: str) -> None:
    reader, file = new_client("acme", "files:read"), LIVES[life](client)
    before = item(file.id)
    for body in bodies(operation, file):
        answer = about(reader, operation, file, body)
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")
    assert item(file.id) == before


# --- Answers that hold a record of another request


def test_a_duplicate_is_named_and_not_shown(client: Client) -> None:
    file = ready(client)
    client_sees = client("GET", f"/v1/files/{file.id}").json
    writer = new_client("acme", "files:write")
    body = {"filename": "b.jpg", "content_type": "image/jpeg", "size": len(PHOTO), "visibility": "public"}
    again = writer("POST", "/v1/files", body | {"sha256": client_sees["sha256"], "on_duplicate": "reuse"})
    assert (again.status, again.json["id"], again.json.keys()) == (200, file.id, TOLD)


def test_a_create_that_is_sent_again_shows_a_writing_key_nothing_that_came_later(client: Client) -> None:
    writer = new_client("acme", "files:write")
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
    first = writer("POST", "/v1/files", body, headers={"Idempotency-Key": "k"})
    assert (first.status, first.json["filename"]) == (201, "a.jpg")
    assert client("PATCH", f"/v1/files/{first.json['id']}", {"tags": [SECRET]}).status == 200
    put(first.json["id"], PHOTO)
    deliver(first.json["id"])
    again = writer("POST", "/v1/files", body, headers={"Idempotency-Key": "k"})
    assert (again.status, again.json.keys()) == (201, TOLD)


def test_a_key_with_both_scopes_and_a_token_see_the_record_that_they_changed(client: Client) -> None:
    file = ready(client)
    shown = client("PATCH", f"/v1/files/{file.id}", {"tags": [SECRET]}).json
    assert shown == client("GET", f"/v1/files/{file.id}").json
    browser = Client(client("POST", "/v1/upload-tokens", {"max_bytes": 10**8}).json["token"])
    begun = browser("POST", "/s3/multipart", {"filename": "mine.bin"}).json
    sent = aws_client("s3").upload_part(
        Bucket="originals", Key=begun["key"], UploadId=begun["uploadId"], PartNumber=1, Body=b"mine"
    )
    parts = {"parts": [{"part_number": 1, "etag": sent["ETag"]}]}
    done = browser("POST", f"/v1/files/{begun['key'].partition('/')[2]}/complete", parts)
    assert (done.status, done.json["filename"]) == (200, "mine.bin")
