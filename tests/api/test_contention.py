"""Requests that write the same items at the same time, and a DynamoDB that cancels, throttles or loses answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import credentials, dynamodb
from chalicelib.settings import settings
from tests.client import Answer, Client, delete, get, patch, post
from tests.contention import Overlapping, answers_lost, at_once, canceled_because, slow_calls
from tests.making import VIDEO_OF_THREE_PARTS, open_uploads, ready_other, ready_photo
from tests.stage import Calls

PICTURE = {"filename": "a.png", "content_type": "image/png", "size": 9}
REFUSED, CONFLICT, FINE = "ConditionalCheckFailed", "TransactionConflict", "None"


def minted(client: Client, files: int) -> Client:
    answer = client("POST", "/v1/upload-tokens", {"max_bytes": 10**9, "max_files": files})
    assert answer.status == 201, answer.text
    return Client(answer.json["token"])


def used(browser: Client) -> int:
    assert browser.key
    token = credentials.get_token(browser.key.split("_")[1])
    assert token
    return token.used


def create(browser: Client, key: str | None = None, body: Any = PICTURE) -> Answer:
    return browser("POST", "/v1/files", body, headers={"Idempotency-Key": key} if key else {})


class Canceled:
    """Transactions that are canceled for these reasons, one list a try, and from then on are carried out."""

    def __init__(self, patch: pytest.MonkeyPatch, *tries: Sequence[str], forever: bool = False) -> None:
        self.waiting = list(tries)
        self.calls = 0
        self._forever = forever
        self._call = aws.dynamodb().transact_write_items
        patch.setattr(aws.dynamodb(), "transact_write_items", self._transact)

    def _transact(self, **request: Any) -> Any:
        self.calls += 1
        if self.waiting:
            raise canceled_because(self.waiting[0] if self._forever else self.waiting.pop(0))
        return self._call(**request)


def test_fifty_creates_of_one_token_at_once_all_succeed_and_are_all_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = minted(client, 60)
    assert create(browser).status == 201  # what every process reads once is read
    transactions = Overlapping(monkeypatch, 0.02)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: create(browser), range(50)))
    assert Counter(answer.status for answer in answers) == {201: 50}
    assert len({answer.json["id"] for answer in answers}) == 50
    assert transactions.canceled > 50, "they did meet"
    assert used(browser) == 51


def test_the_count_of_a_token_is_exact_when_more_ask_at_once_than_it_allows(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = minted(client, 5)
    Overlapping(monkeypatch, 0.02)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: create(browser), range(12)))
    assert Counter(answer.status for answer in answers) == {201: 5, 403: 7}
    assert used(browser) == 5


def test_a_conflict_that_does_not_end_is_503_and_nothing_is_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "CONFLICT_PATIENCE", 0.2)
    browser = minted(client, 5)
    held = Canceled(monkeypatch, [CONFLICT, FINE], forever=True)
    answer = create(browser)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert held.calls > 1
    assert used(browser) == 0


def test_a_request_that_waits_for_a_conflict_is_answered_in_time() -> None:
    """API Gateway gives up after 29 seconds."""
    hangs: float = vars(aws)["_BOUNDS"]["read_timeout"]
    assert dynamodb.CONFLICT_PATIENCE + dynamodb.CONFLICT_PAUSE + hangs < 29


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
@pytest.mark.parametrize("other", [FINE, CONFLICT])
def test_a_transaction_that_is_throttled_is_503_at_once(
    reason: str, other: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = minted(client, 5)
    throttled = Canceled(monkeypatch, [other, reason])
    answer = create(browser)
    assert (answer.status, answer.json["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert throttled.calls == 1
    assert create(browser).status == 201
    assert used(browser) == 1


@pytest.mark.parametrize(
    "conflicts",
    [[[FINE, CONFLICT, FINE]], [[CONFLICT, FINE, FINE]], [[CONFLICT, CONFLICT, FINE]] * 3],
    ids=["the token", "the key", "both"],
)
def test_a_conflict_is_no_repeated_request(
    conflicts: list[list[str]], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = minted(client, 5)
    Canceled(monkeypatch, *conflicts)
    first, second = create(browser, "k", VIDEO_OF_THREE_PARTS), create(browser, "k", VIDEO_OF_THREE_PARTS)
    assert (first.status, first.headers.get("Idempotency-Replayed")) == (201, None)
    assert (second.status, second.headers["Idempotency-Replayed"]) == (201, "true")
    assert second.json == first.json
    assert used(browser) == 1
    assert len(open_uploads()) == 1


def test_a_key_that_is_sent_several_times_at_once_makes_one_file(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = minted(client, 9)
    Overlapping(monkeypatch, 0.02)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(browser, "k", VIDEO_OF_THREE_PARTS), range(8)))
    assert Counter(answer.status for answer in answers) == {201: 8}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert used(browser) == 1
    assert len(open_uploads()) == 1


def test_a_transaction_of_ours_that_does_not_end_is_503_and_keeps_its_upload(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB may still carry it out."""
    monkeypatch.setattr(dynamodb, "CONFLICT_PATIENCE", 0.02)
    browser = minted(client, 5)

    def in_progress(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "TransactionInProgressException"}}, "TransactWriteItems")

    monkeypatch.setattr(aws.dynamodb(), "transact_write_items", in_progress)
    assert create(browser, body=VIDEO_OF_THREE_PARTS).status == 503
    assert len(open_uploads()) == 1


# --- changes of one record


def test_thirty_changes_of_one_file_at_once_are_all_made(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_other(client)
    before = get(client, file_id).json["revision"]
    slow_calls(monkeypatch, 0.02, "get_item", "update_item")
    answers = at_once(monkeypatch, [partial(patch, client, file_id, {"metadata": {f"n{n}": n}}) for n in range(30)])
    assert Counter(answer.status for answer in answers) == {200: 30}
    record = get(client, file_id).json
    assert record["metadata"] == {f"n{n}": n for n in range(30)}, "no change is lost"
    assert sorted(answer.json["revision"] for answer in answers) == list(range(before + 1, before + 31))


def test_of_thirty_changes_with_if_match_one_is_made(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_other(client)
    tag = get(client, file_id).headers["ETag"]
    slow_calls(monkeypatch, 0.02, "get_item", "update_item")
    answers = at_once(
        monkeypatch, [partial(patch, client, file_id, {"metadata": {f"n{n}": n}}, If_Match=tag) for n in range(30)]
    )
    assert Counter(answer.status for answer in answers) == {200: 1, 412: 29}
    assert len(get(client, file_id).json["metadata"]) == 1


@pytest.mark.parametrize("kind", ["mixed", "deletes", "deletes in a window", "restores"])
def test_no_race_of_clients_is_answered_with_a_fault_of_ours(
    client: Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind in ("deletes in a window", "restores"):
        monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
        settings.cache_clear()
    file_id = ready_photo(client)
    force = {"force": True}
    requests = {
        "mixed": [
            *(partial(patch, client, file_id, {"tags": [f"t{n}"]}) for n in range(8)),
            *(partial(patch, client, file_id, {"visibility": way}) for way in ("public", "private") * 2),
            *(partial(post, client, file_id, "reprocess", force) for _ in range(4)),
        ],
        "deletes": [partial(delete, client, file_id) for _ in range(12)],
        "deletes in a window": [
            *(partial(delete, client, file_id) for _ in range(8)),
            *(partial(patch, client, file_id, {"tags": [f"t{n}"]}) for n in range(8)),
        ],
        "restores": [partial(post, client, file_id, "restore") for _ in range(12)],
    }[kind]
    allowed = {
        "mixed": {200, 202, 409},  # visibility can't change while the file is processed
        "deletes": {204, 404},
        "deletes in a window": {204, 404, 200},
        "restores": {202, 409},
    }[kind]
    if kind == "restores":
        assert delete(client, file_id).status == 204
    slow_calls(monkeypatch, 0.02, "get_item", "update_item")
    answers = at_once(monkeypatch, requests)
    assert {answer.status for answer in answers} <= allowed, Counter((a.status, a.text[:200]) for a in answers)
    codes = {answer.json.get("code") for answer in answers if answer.status == 409}
    assert codes <= {"file_processing", "not_deleted"}


# --- answers that are lost


@pytest.mark.parametrize("with_token", [False, True])
def test_a_create_whose_answer_was_lost_is_answered_and_keeps_its_upload(with_token: bool, client: Client) -> None:
    caller = minted(client, 5) if with_token else client
    with answers_lost("TransactWriteItems" if with_token else "PutItem") as sent:
        answer = create(caller, body=VIDEO_OF_THREE_PARTS)
    assert len(sent) == 2
    assert answer.status == 201
    assert client("GET", f"/v1/files/{answer.json['id']}").status == 200
    assert len(open_uploads()) == 1


def test_an_upload_whose_record_may_be_written_is_not_aborted(client: Client) -> None:
    """DynamoDB wrote the record and answered 500 each time: a repeated request gets a living upload."""
    with answers_lost("TransactWriteItems", times=9):
        assert create(client, "k", VIDEO_OF_THREE_PARTS).status == 503
    assert len(open_uploads()) == 1
    again = create(client, "k", VIDEO_OF_THREE_PARTS)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert client("GET", f"/v1/files/{again.json['id']}/parts").status == 200


def test_an_upload_whose_record_was_refused_is_aborted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = minted(client, 1)
    assert create(browser).status == 201
    assert create(browser, body=VIDEO_OF_THREE_PARTS).status == 403
    Canceled(monkeypatch, [FINE, "ThrottlingError"])
    assert create(browser, body=VIDEO_OF_THREE_PARTS).status == 503
    assert not open_uploads()


def test_a_token_whose_answer_was_lost_is_minted(client: Client) -> None:
    with answers_lost("PutItem") as sent:
        browser = minted(client, 1)
    assert len(sent) == 3, "the token twice, and its item in the list"
    assert create(browser).status == 201


def test_a_change_whose_answer_was_lost_is_no_other_s(client: Client, stage: Calls) -> None:
    made = create(client)
    with answers_lost("UpdateItem") as sent:
        answer = client(
            "PATCH", f"/v1/files/{made.json['id']}", {"tags": ["a"]}, headers={"If-Match": made.headers["ETag"]}
        )
    assert len(sent) == 2
    assert (answer.status, answer.json["revision"]) == (200, 2), json.dumps(answer.json)
