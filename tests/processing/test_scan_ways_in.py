"""The scan gate stands in every way by which a file comes in: nothing is read before its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import importing
from chalicelib.settings import settings
from tests import scans as gate
from tests.api.routes.uppy import asking
from tests.client import Client
from tests.making import MIB, PHOTO, begin_multipart, deliver, derived, send_all_parts, sqs_event, take_messages, upload
from tests.outbound.servers import answer, saying, serving
from tests.scans import hear, policy_of_originals, result, tag
from tests.stage import aws_client

CONTEXT = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 900_000)


@pytest.fixture(autouse=True)
def reads(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The gate by GuardDuty, on an S3 that refuses originals without its tag. Gives the keys that were read."""
    monkeypatch.setenv("FILEMILL_IMPORT_NETWORKS", "127.0.0.0/8")
    gate.turn_on(monkeypatch, "guardduty")
    with gate.guardduty(), policy_of_originals() as allowed:
        yield allowed
    settings.cache_clear()


def at_once(client: Client) -> str:
    return upload(client, PHOTO)


def in_parts(client: Client) -> str:
    record = begin_multipart(client)
    assert client("POST", f"/v1/files/{record['id']}/complete", {"parts": send_all_parts(record)}).status == 200
    return str(record["id"])


def by_uppy(client: Client) -> str:
    key, upload_id = asking.begin(client, filename="a.bin", type="application/octet-stream")
    sent = [{"PartNumber": n, "ETag": asking.send_part(key, upload_id, n, 5 * MIB)} for n in (1, 2)]
    done = client("POST", f"/s3/multipart/{upload_id}/complete", {"parts": sent}, query={"key": key})
    assert done.status == 200, done.text
    return key.partition("/")[2]


def by_import(client: Client) -> str:
    with serving(saying(answer(PHOTO))) as server:
        made = client("POST", "/v1/files", {"filename": "a.jpg", "source_url": server.url()})
        assert made.status == 201, made.text
        body = json.dumps({"tenant": "acme", "file_id": made.json["id"], "correlation_id": "c"})
        importing.handle(sqs_event(body, queue="imports"), CONTEXT)
    return str(made.json["id"])


def version_of(file_id: str) -> str:
    (version,) = aws_client("s3").list_object_versions(Bucket="originals", Prefix=f"acme/{file_id}")["Versions"]
    return str(version["VersionId"])


@pytest.mark.parametrize("send", [at_once, in_parts, by_uppy, by_import])
@pytest.mark.parametrize(
    ("verdict", "ends"),
    [("NO_THREATS_FOUND", "ready"), ("THREATS_FOUND", "infected"), ("UNSUPPORTED", "not_scanned")],
)
def test_a_file_is_held_until_its_verdict(
    client: Client, reads: list[str], send: Callable[[Client], str], verdict: str, ends: str
) -> None:
    file_id = send(client)
    take_messages()
    deliver(file_id)

    def shown() -> dict[str, Any]:
        record: dict[str, Any] = client("GET", f"/v1/files/{file_id}").json
        return record

    assert (shown()["status"], shown()["scan"]["status"]) == ("processing", "pending")
    original = client("GET", f"/v1/files/{file_id}/original")
    assert (original.status, original.json["code"]) == (409, "not_scanned")
    tag(file_id, version_of(file_id), verdict)
    assert (reads, derived()) == ([], [])
    hear(result(file_id, version_of(file_id), verdict))
    original = client("GET", f"/v1/files/{file_id}/original")
    if ends == "ready":
        assert (shown()["status"], original.status) == ("ready", 302)
        assert reads
    else:
        assert (shown()["status"], original.status, original.json["code"]) == ("failed", 409, ends)
        assert (reads, derived()) == ([], [])
