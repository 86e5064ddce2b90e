"""Quotas over the API: the refusals, the headers, and what a request costs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api import uploads
from chalicelib.api.auth.callers import Caller, Scope
from chalicelib.api.errors import Problem
from chalicelib.api.routing import Call
from chalicelib.catalog import memory, rates, reserves, tenants
from chalicelib.catalog.new_files import NewFile
from chalicelib.catalog.quotas import QUOTAS
from chalicelib.catalog.tenants import Tenant
from chalicelib.catalog.usage import end_of_day
from chalicelib.model import now, timestamp
from chalicelib.settings import settings
from tests.client import Answer, Client, new_client
from tests.faults.clock import Clock
from tests.making import ready_other
from tests.stage import Calls

PHOTO = {"filename": "IMG 1.jpg", "content_type": "image/jpeg", "size": 1000}
UNSIZED = {"filename": "IMG 1.jpg", "type": "image/jpeg"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has taken nothing and reserved nothing."""
    from chalicelib.api import quotas

    monkeypatch.setattr(quotas, "RATES", rates.Rates())
    monkeypatch.setattr(reserves, "RESERVES", reserves.Reserves())


def grant(tenant: str = "acme", **quotas: int) -> None:
    tenants.put_tenant(Tenant(tenant, quotas=quotas))
    memory.forget()


def create(client: Client, **more: Any) -> Answer:
    return client("POST", "/v1/files", PHOTO | more)


def refused(answer: Answer) -> tuple[int, str, str, int, int]:
    assert answer.json["code"] == "quota_exceeded", answer.text
    return answer.status, *(answer.json[name] for name in ("code", "quota", "limit", "used"))


# --- requests


def test_requests_beyond_the_quota_are_refused_and_told_when_to_come_back(client: Client) -> None:
    grant(requests_per_minute=2)
    assert [client("GET", "/v1/files").status for _ in range(2)] == [200, 200]
    answer = client("GET", "/v1/files")
    assert refused(answer) == (429, "quota_exceeded", "requests_per_minute", 2, 2)
    seconds = int(answer.headers["Retry-After"])
    assert 1 <= seconds <= 60
    assert answer.headers["RateLimit-Policy"] == '"requests_per_minute";q=2;w=60'
    assert answer.headers["RateLimit"] == f'"requests_per_minute";r=0;t={seconds}'
    assert answer.json["resets_at"] > timestamp(now() - timedelta(seconds=1))
    assert new_client("other")("GET", "/v1/files").status == 200


def test_answers_tell_what_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    grant(requests_per_minute=100)
    answer = client("GET", "/v1/files")
    assert answer.headers["RateLimit-Policy"] == '"requests_per_minute";q=100;w=60'
    assert answer.headers["RateLimit"].startswith('"requests_per_minute";r=99;t=')
    assert client("GET", "/v1/files/file_x").headers["RateLimit"].startswith('"requests_per_minute";r=98;t=')
    assert "RateLimit" in answer.headers["Access-Control-Expose-Headers"].split(",")
    monkeypatch.setenv("FILEMILL_RATE_LIMIT", "50")
    settings.cache_clear()
    joined = client("GET", "/v1/files").headers["RateLimit-Policy"]
    assert joined == '"stage";q=50;w=1, "requests_per_minute";q=100;w=60'
    settings.cache_clear()


def test_no_quota_no_header_and_none_of_the_request_before(client: Client) -> None:
    grant(requests_per_minute=100)
    client("GET", "/v1/files")
    for answer in (Client(None)("GET", "/v1/health"), new_client("other")("GET", "/v1/files")):
        assert "RateLimit" not in answer.headers
        assert "RateLimit-Policy" not in answer.headers


def test_a_request_without_a_credential_counts_for_nobody(client: Client) -> None:
    grant(requests_per_minute=1)
    assert [Client(f"{client.key}0")("GET", "/v1/files").status for _ in range(5)] == [401] * 5
    assert client("GET", "/v1/files").status == 200


# --- what it costs


def test_a_warm_read_costs_one_read_with_and_without_a_quota(client: Client, stage: Calls) -> None:
    file_id = create(client).json["id"]
    each: tuple[dict[str, int], ...] = ({}, dict.fromkeys(QUOTAS, 10**9))
    for quotas in each:
        grant("acme", **quotas)
        for _ in range(8):
            client("GET", f"/v1/files/{file_id}")
        stage.clear()
        client("GET", f"/v1/files/{file_id}")
        assert stage.names == ["dynamodb.GetItem"]


def test_creating_costs_nothing_more_without_quotas(client: Client, stage: Calls) -> None:
    grant()
    create(client)
    stage.clear()
    create(client)
    assert stage.names == ["dynamodb.PutItem"]
    grant(files=100_000)
    create(client)
    stage.clear()
    create(client)
    assert stage.names == ["dynamodb.UpdateItem", "dynamodb.PutItem"]


# --- files and bytes


def test_files_beyond_the_quota_are_refused_until_one_is_deleted(client: Client, stage: Calls, clock: Clock) -> None:
    grant(files=2)
    first = create(client).json["id"]
    assert create(client).status == 201
    answer = create(client)
    assert refused(answer) == (403, "quota_exceeded", "files", 2, 2)
    assert answer.json["resets_at"] is None
    assert "Retry-After" not in answer.headers
    assert answer.headers["RateLimit-Policy"] == '"files";q=2'
    assert answer.headers["RateLimit"] == '"files";r=0'
    assert client("DELETE", f"/v1/files/{first}").status == 204
    stage.settle()
    clock.forward(timedelta(seconds=2 * reserves.WINDOW))
    assert create(client).status == 201


@pytest.mark.parametrize(("quota", "bound"), [("files", 1), ("stored_bytes", 3)])
def test_nobody_passes_a_quota_by_deleting_and_restoring(
    client: Client, stage: Calls, clock: Clock, window: None, quota: str, bound: int
) -> None:
    grant("acme", **{quota: bound, "uploaded_bytes_per_day": 4})
    first = ready_other(client)
    stage.settle()
    assert client("DELETE", f"/v1/files/{first}").status == 204
    stage.settle()
    clock.forward(timedelta(seconds=2 * reserves.WINDOW))
    second = ready_other(client)
    stage.settle()
    answer = client("POST", f"/v1/files/{first}/restore")
    assert refused(answer)[:3] == (403, "quota_exceeded", quota)
    assert client("DELETE", f"/v1/files/{second}").status == 204
    stage.settle()
    clock.forward(timedelta(seconds=2 * reserves.WINDOW))
    assert client("POST", f"/v1/files/{first}/restore").status == 200, "although the day's bytes are used up"


def test_stored_bytes_beyond_the_quota_are_refused(client: Client) -> None:
    grant(stored_bytes=2500)
    assert [create(client).status for _ in range(2)] == [201, 201]
    answer = create(client)
    assert refused(answer) == (403, "quota_exceeded", "stored_bytes", 2500, 2000)
    assert answer.headers["RateLimit-Policy"] == '"stored_bytes";q=2500;qu="content-bytes"'
    assert create(client, size=500).status == 201


def test_bytes_of_a_day_come_back_the_next_day(client: Client) -> None:
    grant(uploaded_bytes_per_day=1500)
    assert create(client).status == 201
    answer = create(client)
    assert refused(answer) == (429, "quota_exceeded", "uploaded_bytes_per_day", 1500, 1000)
    assert answer.json["resets_at"] == timestamp(end_of_day(now()))
    assert 0 < int(answer.headers["Retry-After"]) <= 86_400
    assert ';qu="content-bytes";w=86400' in answer.headers["RateLimit-Policy"]


def test_a_quota_of_zero_allows_nothing_and_the_stages_zero_is_none(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create(client).status == 201
    grant(files=0)
    assert refused(create(client))[2:] == ("files", 0, 0)  # the index does not have the first file yet
    grant()
    monkeypatch.setenv("FILEMILL_QUOTA_STORED_BYTES", "1500")
    settings.cache_clear()
    assert refused(create(client, size=1501))[2] == "stored_bytes"
    grant(stored_bytes=10_000)
    assert create(client, size=1501).status == 201
    settings.cache_clear()


def test_a_refused_upload_in_parts_begins_nothing(client: Client, stage: Calls) -> None:
    grant(files=0)
    assert create(client, size=200 * 1000**2).status == 403
    assert stage.count("s3.") == 0
    assert client("GET", "/v1/stats").json["files"] == 0


def test_a_repeated_request_and_a_duplicate_reserve_nothing(client: Client) -> None:
    grant(files=1)
    headers = {"Idempotency-Key": "k"}
    first = client("POST", "/v1/files", PHOTO, headers=headers)
    again = client("POST", "/v1/files", PHOTO, headers=headers)
    assert (first.status, again.status, again.json["id"]) == (201, 201, first.json["id"])


def test_a_file_of_unknown_size_is_bounded_by_what_is_left(client: Client) -> None:
    from chalicelib.catalog import files

    grant(stored_bytes=10_000)
    assert create(client).status == 201
    answer = client("POST", "/v1/files", {"source_url": "https://example.com/a.jpg"})
    assert answer.status == 201, answer.text
    file = files.record(answer.json["id"])
    assert file is not None
    assert file.max_bytes == 9_000


def test_200_creates_at_once_make_100_files(client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is a process of its own, which has reserved nothing before."""
    grant(files=100)

    class Cold:
        def reserve(self, *request: Any) -> int:
            return reserves.Reserves().reserve(*request)

    monkeypatch.setattr(reserves, "RESERVES", Cold())
    call = Call({}, "request", Caller("acme", "key", frozenset({Scope.FILES_WRITE})))
    new = NewFile("IMG 1.jpg", "image/jpeg", 1000)

    def make(_: int) -> bool:
        try:
            uploads.begin_post(call, new)
        except Problem as problem:
            assert problem.code == "quota_exceeded"
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(make, range(200))) == 100
    stage.settle()
    assert client("GET", "/v1/stats").json["files"] == 100


# --- usage


def test_usage_has_what_is_there_the_quotas_and_the_days(client: Client, stage: Calls, clock: Clock) -> None:
    grant(files=10, uploaded_bytes_per_day=5000, requests_per_minute=100)
    file_id = ready_other(client)
    size = client("GET", f"/v1/files/{file_id}").json["size"]
    create(client)
    stage.settle()
    usage = client("GET", "/v1/usage").json
    assert (usage["files"], usage["bytes"]) == (2, 1000 + size)
    assert usage["by_kind"] == {"other": {"files": 1, "bytes": size}, "unknown": {"files": 1, "bytes": 1000}}
    assert {name: each["used"] for name, each in usage["quotas"].items()} == {
        "files": 2,
        "uploaded_bytes_per_day": 1000 + size,
        "requests_per_minute": None,
    }
    (day,) = usage["days"]
    assert (day["uploaded_files"], day["uploaded_bytes"], day["deleted_files"]) == (1, size, 0)
    assert (day["requests"], day["delivered_bytes"], day["renders"]) == (None, None, 0)
    clock.forward(timedelta(days=1))
    client("DELETE", f"/v1/files/{file_id}")
    stage.settle()
    first, second = client("GET", "/v1/usage").json["days"]
    assert (first["uploaded_bytes"], first["deleted_bytes"]) == (size, 0)
    assert (second["uploaded_bytes"], second["deleted_files"], second["deleted_bytes"]) == (0, 1, size)
    assert first["day"] < second["day"]


def test_usage_is_the_tenants_own_and_costs_two_calls(client: Client, stage: Calls) -> None:
    create(client)
    stage.settle()
    other = new_client("other")
    other("GET", "/v1/usage")
    stage.clear()
    assert other("GET", "/v1/usage").json == {"files": 0, "bytes": 0, "by_kind": {}, "quotas": {}, "days": []}
    assert stage.names == ["dynamodb.BatchGetItem", "dynamodb.Query"]
