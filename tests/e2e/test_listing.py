"""The index on the deployed stack: its own Lambda on the table's stream, and what the API then finds."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ops.config import deployed_resources
from ops.stack import event_sources
from tests.local import Api

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

LAG = 10.0  # seconds; far more than it takes, for a busy machine


def until[Value](look: Callable[[], Value], wanted: Callable[[Value], bool]) -> Value:
    """Looks again until it is as wanted; what it was last when it never was."""
    deadline = time.monotonic() + LAG
    while not wanted(value := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def upload(api: Api, **values: Any) -> str:
    body = {"filename": "a.csv", "content_type": "text/csv", "size": 3} | values
    made = api("POST", "/v1/files", json=body).json()
    form = made["upload"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": b"a,b"}, timeout=30)
    assert sent.status_code in (200, 201, 204), sent.text
    ready = api("GET", f"/v1/files/{made['id']}", params={"wait": "20"}).json()
    if ready["status"] == "processing":
        ready = api("GET", f"/v1/files/{made['id']}", params={"wait": "20"}).json()
    assert ready["status"] == "ready"
    file_id: str = made["id"]
    return file_id


@pytest.fixture(scope="module")
def tenant(api_of: Callable[[str], Api]) -> Api:
    """A tenant of this module's own."""
    return api_of(f"listing-{uuid.uuid4().hex[:8]}")


def test_an_upload_is_found_by_filters_words_feed_and_counts_until_it_is_deleted(tenant: Api) -> None:
    file_id = upload(tenant, filename="Quarterly report.csv", tags=["finance", "q3"])
    waiting = tenant("POST", "/v1/files", json={"filename": "b.csv", "content_type": "text/csv", "size": 9}).json()[
        "id"
    ]

    def ids(**query: Any) -> list[str]:
        answer = tenant("GET", "/v1/files", params=query)
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    filters = {"tag": ["finance", "q3"], "status": "ready", "content_type": "text/*"}
    assert until(lambda: ids(**filters), bool) == [file_id]
    assert until(lambda: ids(sort="-size"), lambda found: len(found) == 2) == [waiting, file_id]
    assert ids(filename_prefix="quarterly") == [file_id]
    found = tenant("GET", "/v1/search", params={"q": "report fin"}).json()["items"]
    assert [(item["file"]["id"], item["matched_words"]) for item in found] == [(file_id, 2)]
    batch = tenant("POST", "/v1/files/batch-get", json={"ids": [waiting, file_id], "fields": ["status"]})
    assert batch.json()["items"] == [{"id": waiting, "status": "awaiting_upload"}, {"id": file_id, "status": "ready"}]
    stats = until(lambda: tenant("GET", "/v1/stats").json(), lambda s: s["files"] == 2)
    assert stats["by_status"] == {
        "awaiting_upload": {"files": 1, "bytes": 9},
        "ready": {"files": 1, "bytes": 3},
    }
    page = tenant("GET", "/v1/changes").json()
    assert {change["id"] for change in page["items"]} == {file_id, waiting}
    assert page["more"] is False

    assert tenant("DELETE", f"/v1/files/{file_id}").status_code in (200, 202, 204)
    after = {"after": page["next_after"]}
    (gone,) = until(lambda: tenant("GET", "/v1/changes", params=after).json()["items"], bool)
    assert (gone["id"], gone["deleted"], gone["file"]) == (file_id, True, None)
    assert until(lambda: ids(tag="finance"), lambda found: not found) == []
    assert until(lambda: tenant("GET", "/v1/stats").json()["files"], lambda n: n == 1) == 1


def test_the_index_follows_within_moments(tenant: Api) -> None:
    """The poller is woken by the write; it would sleep for a second otherwise."""

    def items(tag: str) -> Any:
        return tenant("GET", "/v1/files", params={"tag": tag}).json()["items"]

    lags = []
    for number in range(5):
        tag = f"lag-{number}-{uuid.uuid4().hex[:6]}"
        body = {"filename": "x.csv", "content_type": "text/csv", "size": 9, "tags": [tag]}
        assert tenant("POST", "/v1/files", json=body).status_code == 201
        begin = time.monotonic()
        assert until(partial(items, tag), bool)
        lags.append(time.monotonic() - begin)
    assert sorted(lags)[2] < 0.9


def test_only_what_each_reader_of_the_stream_wants_wakes_it(local_stage: LocalStage) -> None:
    deployed = deployed_resources(local_stage.project_dir, "local") or []
    mappings = [resource for resource in deployed if resource.get("resource_type") == "dynamodb_event"]
    assert len(mappings) == 2
    client = local_stage.client("lambda")
    for mapping in mappings:
        found = client.get_event_source_mapping(UUID=mapping["event_uuid"])
        assert found["FilterCriteria"] == event_sources.wanted(mapping)["FilterCriteria"]
        assert found["BisectBatchOnFunctionError"] is True
    assert event_sources.configure(client, deployed) is False
