"""Bytes delivered, from logs that look like CloudFront's: real ones, cut ones, hostile ones, and runs that die."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import delivered, dynamodb, usage
from chalicelib.catalog.delivered import STAGE as NOBODY
from chalicelib.catalog.delivered import LogPosition, Sent
from chalicelib.model import new_file_id, now
from chalicelib.settings import settings
from chalicelib.storage import access_logs
from chalicelib.upkeep import delivered_bytes
from tests.client import Client, new_client
from tests.stage import Calls, aws_client

LEGACY = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) "
    "cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken "
    "x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status "
    "fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len "
    "sc-range-start sc-range-end"
)
# Version 2, where the operator chose few fields and another order.
CHOSEN = "cs-uri-stem date sc-bytes"
DAY = usage.day_of(now() - timedelta(days=2))
FAR = 10**9


@pytest.fixture(autouse=True)
def logs(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stage that counts what is delivered."""
    aws_client("s3").create_bucket(Bucket="cdn-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    monkeypatch.setenv("FILEMILL_ACCESS_LOGS", "cdn-logs/filemill-test/")
    settings.cache_clear()
    yield
    settings.cache_clear()


def create(client: Client) -> str:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}
    file_id: str = client("POST", "/v1/files", body).json["id"]
    return file_id


def line(file_id: str, size: int | str, name: str = "0123456789abcdef/w320.avif", visibility: str = "private") -> str:
    path = file_id if file_id.startswith("/") else f"/f/{visibility}/{file_id}/{name}"
    return (
        f"{DAY}\t23:59:01\tFRA56-P3\t{size}\t192.0.2.10\tGET\td111.cloudfront.net\t{path}\t200\t"
        "https://app.example.com/\tMozilla/5.0%20(X11)\tExpires=1&Signature=x\t-\tHit\tZ==\td111.cloudfront.net\t"
        "https\t50\t0.001\t-\tTLSv1.3\tTLS_AES_128_GCM_SHA256\tHit\tHTTP/2.0\t-\t-\t4711\t0.001\tHit\timage/avif\t99\t-\t-"
    )


def text(*lines: str, fields: str = LEGACY) -> bytes:
    return "\n".join(("#Version: 1.0", f"#Fields: {fields}", *lines, "")).encode()


def store(body: bytes, hour: int = 3, unique: str = "a1b2c3d4", day: str = DAY) -> str:
    key = f"filemill-test/EDIST.{day}-{hour:02d}.{unique}.gz"
    aws_client("s3").put_object(Bucket="cdn-logs", Key=key, Body=body)
    return key


def counted(tenant: str, day: str = DAY) -> tuple[int, int] | None:
    for each in usage.days(tenant, {}):
        if each.day == day and "delivered_bytes" in each.numbers:
            return each.numbers["delivered_requests"], each.numbers["delivered_bytes"]
    return None


def run() -> int:
    return delivered_bytes.run(time.monotonic() + 1000)["Logs"]


def test_a_days_logs_are_summed_by_tenant_and_each_log_counts_once(client: Client, stage: Calls) -> None:
    mine, theirs = create(client), create(new_client("other"))
    store(gzip.compress(text(line(mine, 100), line(theirs, 7, visibility="public"), line(mine, 20))))
    store(gzip.compress(text(f"/f/public/{mine}/0123456789abcdef/av/v720-1.m4s\t{DAY}\t3", fields=CHOSEN)), hour=23)
    store(gzip.compress(text(line(mine, 10**6))), day=usage.day_of(now()))  # not complete
    assert run() == 2
    assert (counted("acme"), counted("other")) == ((3, 123), (1, 7))
    stage.clear()
    assert run() == 0
    assert stage.names == ["dynamodb.GetItem"]
    assert (counted("acme"), counted(NOBODY)) == ((3, 123), None)


def test_unknown_files_count_for_the_stage_and_other_paths_for_nobody(client: Client) -> None:
    gone = new_file_id()
    odd = [line(path, 5) for path in ("/f/private/file_x/a", "/f/../../etc", "/f/other/" + gone + "/b")]
    store(gzip.compress(text(line(gone, 50), *odd, line("/v1/files", 1000), line("/docs", 1000))))
    assert run() == 1
    assert counted(NOBODY) == (4, 65)
    assert counted("acme") is None


@pytest.mark.parametrize(
    "hostile",
    [
        b"\n\n\t\t\t\n",
        b"\xff\xfe\x00\t" * 40,
        b"x" * 200_000,
        line("/f/" + "\u00e9" * 9, 5).encode(),
        b"#Fields: nothing",
        b"#Version",
        *(line("file_" + "0" * 26, size).encode() for size in ("-5", "1e9", "", "9" * 30, "\u0661", " 5")),
        b"only\tthree\tcolumns",
    ],
)
def test_a_hostile_line_is_left_out_and_the_others_count(client: Client, hostile: bytes) -> None:
    mine = create(client)
    store(gzip.compress(text(line(mine, 1)) + hostile + b"\n" + line(mine, 2).encode()))
    run()
    assert counted("acme") == (2, 3)
    assert counted(NOBODY) in (None, (1, 5))


def test_a_log_that_is_cut_short_or_damaged_gives_what_can_be_read(client: Client) -> None:
    mine = create(client)
    noise = [line(mine, 1, name=os.urandom(20).hex()) for _ in range(500)]
    whole = gzip.compress(text(*noise))
    store(whole[: len(whole) // 2], hour=1)
    store(whole[: len(whole) // 2] + b"\0" * 50 + whole[len(whole) // 2 :], hour=2)
    store(b"no gzip at all", hour=3)
    store(b"", hour=4)
    assert run() == 4
    requests, size = counted("acme") or (0, 0)
    # Of a damaged log, the mebibyte is lost in which the damage is.
    assert 200 < requests == size < 1000


def test_several_members_and_long_lines_across_pieces_are_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_logs, "CHUNK", 100)
    mine = create(client)
    store(gzip.compress(text(line(mine, 1), "x" * 70_000)) + gzip.compress(text(line(mine, 2), line(mine, 4))))
    run()
    assert counted("acme") == (3, 7)


def test_a_log_that_unpacks_to_too_much_is_read_to_the_bound(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = create(client)
    monkeypatch.setattr(access_logs, "MAX_BYTES", 3 * access_logs.CHUNK)
    store(gzip.compress(text(line(mine, 9)) + b"\n" * (50 * 1024**2)))
    run()
    assert counted("acme") == (1, 9)


def test_a_run_without_time_goes_on_later_and_begins_no_log(client: Client) -> None:
    mine = create(client)
    for hour in range(3):
        store(gzip.compress(text(line(mine, 1))), hour=hour)
    assert delivered_bytes.run(time.monotonic() + 1)["Logs"] == 0
    assert run() == 3
    assert counted("acme") == (3, 3)


def test_a_run_that_dies_at_any_call_counts_no_log_twice(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivered, "TENANTS_A_TRANSACTION", 2)
    tenants = [f"t{number}" for number in range(5)]
    ids = [create(new_client(tenant)) for tenant in tenants]
    for hour in range(2):
        store(gzip.compress(text(*(line(file_id, 10) for file_id in ids))), hour=hour)
    real: Any = dynamodb.write_together
    for dies_after in (*range(3), FAR):
        left = [dies_after]

        def write(writes: Any, left: list[int] = left) -> None:
            if not left[0]:
                raise InterruptedError
            real(writes)
            left[0] -= 1

        monkeypatch.setattr(delivered, "write_together", write)
        try:
            run()
        except InterruptedError:
            continue
    assert [counted(tenant) for tenant in tenants] == [(2, 20)] * 5


def test_of_two_runs_one_counts(stage: Calls) -> None:
    delivered.move(None, LogPosition(DAY))
    delivered.add(LogPosition(DAY), LogPosition(DAY, "a"), {"acme": Sent(1, 5)})
    with pytest.raises(delivered.MovedError):
        delivered.add(LogPosition(DAY), LogPosition(DAY, "a"), {"acme": Sent(1, 5)})
    assert counted("acme") == (1, 5)


def test_days_that_nobody_sees_any_more_are_left_out(stage: Calls) -> None:
    delivered.move(None, LogPosition("2020-01-01", "x"))
    run()
    at = delivered.position()
    assert at is not None
    assert at.day == usage.day_of(now() - timedelta(days=1))


def test_without_the_setting_nothing_is_read(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILEMILL_ACCESS_LOGS")
    settings.cache_clear()
    assert run() == 0
    assert stage.names == []
