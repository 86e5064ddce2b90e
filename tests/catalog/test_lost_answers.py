"""Writes that are carried out, whose answer is lost, and that botocore sends again inside the same call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import claims, credentials, deletion, dynamodb, edits, files, reconciliations, render_leases
from chalicelib.catalog.claims import Refusal, Refused
from chalicelib.catalog.credentials import ApiKey, TokenSpentError, use_token
from chalicelib.catalog.dynamodb import ConditionFailedError
from chalicelib.catalog.idempotency import Remembered
from chalicelib.catalog.reconciliations import Position
from chalicelib.catalog.render_leases import RenderState
from chalicelib.model import ErrorCode, File, FileError, Status, now
from tests.catalog.records import NOW, at, full, item, stored, time_stands_still, token, used, waiting
from tests.contention import answers_lost
from tests.making import file

pytestmark = pytest.mark.usefixtures("stage")

ERROR = FileError(code=ErrorCode.INTERNAL, message="stopped")
KEY = ApiKey("k", "h", "acme", "name", ("files:read",), at(NOW))
LEASE = timedelta(seconds=60)


def claim(claim_id: str = "mine") -> File | Refused:
    return claims.claim(file(1).id, version_id="version", sequencer="0B", claim_id=claim_id, lease=LEASE)


def changed(of: File, tag: str = "new") -> File | None:
    return edits.change(of, {"tags": [tag]})


# --- our own first try is a success

PUTS: dict[str, Callable[[], object]] = {
    "a record": lambda: files.create(waiting()),
    "a token": lambda: token(),
    "a key": lambda: credentials.put_api_key(KEY),
}


@pytest.mark.parametrize("name", PUTS)
def test_a_new_item_whose_answer_was_lost_is_put(name: str) -> None:
    with answers_lost("PutItem") as sent:
        PUTS[name]()
    assert len(sent) == (3 if name == "a token" else 2), "a token has an item in the list of tokens, too"


Updated = tuple[Status, dict[str, Any], Callable[[File], object]]
PROCESSING = {"lease_until": at(NOW - LEASE)}
UPDATES: dict[str, Updated] = {
    "claim": (Status.AWAITING_UPLOAD, {}, lambda _: claim()),
    "fail": (Status.PROCESSING, PROCESSING, lambda of: claims.fail(of, ERROR)),
    "give up": (Status.PROCESSING, PROCESSING, lambda of: claims.give_up(of, ERROR, ["f/a/"])),
    "fail an import": (Status.AWAITING_UPLOAD, {}, lambda of: claims.fail_import("acme", of.id, ERROR)),
    "change": (Status.READY, {}, changed),
    "remove and change": (Status.READY, {}, lambda of: edits.change(of, {"focus": None, "filename": "b"})),
    "caption": (Status.READY, {}, lambda of: edits.caption(of, [], of.other_renditions, [])),
    "process again": (Status.READY, {}, lambda of: edits.reprocess(of, "document")),
    "retire": (Status.READY, {}, lambda of: deletion.retire(of, until=now() + LEASE, leftovers=[])),
    "delete": (Status.READY, {}, lambda of: deletion.mark_deleted("acme", of.id, revision=of.revision)),
}


@pytest.mark.parametrize("name", UPDATES)
def test_a_change_whose_answer_was_lost_is_made_once_and_gives_the_new_record(name: str) -> None:
    status, values, write = UPDATES[name]
    of = stored(full(status, **values))
    with answers_lost("UpdateItem") as sent:
        written = write(of)
    assert len(sent) == 2
    assert isinstance(written, File)
    assert item(of.id)["revision"] == written.revision == of.revision + 1
    assert written == File.model_validate(item(of.id))


def test_a_lease_on_a_rendition_whose_answer_was_lost_is_ours() -> None:
    with answers_lost("UpdateItem"):
        assert render_leases.begin("f/a", "mine", 22).lease_id == "mine"
    assert render_leases.begin("f/a", "another", 22).lease_id == "mine"


def test_a_walk_whose_move_was_not_answered_has_moved() -> None:
    first = Position("a", NOW)
    for was, to in ((None, first), (first, Position("b", NOW, ended=True))):
        with answers_lost("UpdateItem") as sent:
            assert reconciliations.move("originals", was, to)
        assert len(sent) == 2
        assert reconciliations.position("originals") == to


def test_a_file_that_was_created_together_with_others_is_counted_once() -> None:
    """moto knows no request tokens, so it refuses the request that comes again."""
    with time_stands_still():
        token(max_files=1)
        with answers_lost("TransactWriteItems") as sent:
            files.create(waiting(), [Remembered("acme/key", "k", "b", file(1).id, "a").write(), use_token("t")])
    assert len(sent) == 2
    assert sent[0] == sent[1], "one token, which makes DynamoDB carry out the request once"
    assert "ClientRequestToken" in sent[0]
    assert used() == 1
    assert item(file(1).id)["status"] == Status.AWAITING_UPLOAD


def test_a_lost_answer_and_a_conflict_after_it_are_still_our_own_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    put = aws.dynamodb().put_item
    conflict: Any = {
        "Error": {"Code": "TransactionConflictException"},
        "ResponseMetadata": {"RetryAttempts": 1, "HTTPStatusCode": 400},
    }
    tries: list[str] = []

    def applied_and_then_in_conflict(**request: Any) -> Any:
        tries.append("put")
        reply = put(**request)
        if len(tries) == 1:
            raise ClientError(conflict, "PutItem")
        return reply

    monkeypatch.setattr(aws.dynamodb(), "put_item", applied_and_then_in_conflict)
    files.create(waiting())
    assert len(tries) == 2


# --- another writer's is still a refusal


def test_an_item_that_was_there_before_is_refused_however_often_the_request_is_sent() -> None:
    files.create(waiting())
    for times in (0, 1):
        with answers_lost("PutItem", times), pytest.raises(ClientError, match="ConditionalCheckFailed"):
            files.create(waiting(filename="other"))
    assert item(file(1).id)["filename"] == waiting().filename


@pytest.mark.parametrize("more", [{"extra": 1}, {"tenant": "other"}])
def test_an_item_that_differs_in_one_attribute_is_not_ours(more: dict[str, Any]) -> None:
    dynamodb.put_new({"pk": "a", "sk": "a", "tenant": "acme", **more})
    with answers_lost("PutItem"), pytest.raises(ClientError, match="ConditionalCheckFailed"):
        dynamodb.put_new({"pk": "a", "sk": "a", "tenant": "acme"})


def test_a_request_that_was_sent_once_is_never_taken_for_one_that_was_carried_out() -> None:
    """An equal item is another's then: two walks at once make the same move, and only one of them goes on."""
    assert reconciliations.move("originals", None, Position("a", NOW))
    assert not reconciliations.move("originals", None, Position("a", NOW))


def test_another_claim_keeps_its_file_from_a_claim_that_is_sent_again() -> None:
    stored(full(Status.AWAITING_UPLOAD))
    assert isinstance(claim("another"), File)
    with answers_lost("UpdateItem"):
        refused = claim()
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.LEASED
    assert item(file(1).id)["claim_id"] == "another"


def test_a_claim_stays_ours_when_the_client_changes_the_file_before_it_is_sent_again() -> None:
    of = stored(full(Status.AWAITING_UPLOAD))

    def change() -> None:
        with_claim = File.model_validate(item(of.id))
        del sent[:]  # the change is sent once
        sent.extend(["claim", "change"])
        assert changed(with_claim)

    with answers_lost("UpdateItem", meanwhile=change) as sent:
        claimed = claim()
    assert isinstance(claimed, File)
    assert (claimed.claim_id, claimed.tags) == ("mine", ["new"])


@pytest.mark.parametrize("others", [{"tags": ["other"]}, {"filename": "other"}, {"tags": ["new"], "revision": 9}])
def test_a_change_that_another_one_overtook_is_refused_when_it_is_sent_again(others: dict[str, Any]) -> None:
    of = stored(full(Status.READY))
    stored(full(Status.READY, revision=of.revision + 1, updated_at=at(NOW)) | others)
    with time_stands_still(), answers_lost("UpdateItem"):
        assert changed(of) is None
    assert item(of.id)["tags"] == others.get("tags", of.tags)


def test_a_change_of_another_moment_is_anothers_even_if_it_says_the_same() -> None:
    of = stored(full(Status.READY))
    stored(full(Status.READY, revision=of.revision + 1, updated_at=at(NOW - LEASE), tags=["new"]))
    with time_stands_still(), answers_lost("UpdateItem"):
        assert changed(of) is None


def test_an_attribute_that_should_be_gone_and_is_not_makes_it_anothers() -> None:
    dynamodb.put_new({"pk": "a", "sk": "a", "n": 2, "gone": 1})
    request: dict[str, Any] = {"values": {"n": 2}, "remove": ["gone"], "condition": "n = :n", "using": {":n": 1}}
    with answers_lost("UpdateItem"), pytest.raises(ConditionFailedError):
        dynamodb.update({"pk": "a", "sk": "a"}, **request)
    request["remove"] = ["never"]
    with answers_lost("UpdateItem"):
        assert dynamodb.update({"pk": "a", "sk": "a"}, **request)["gone"] == 1


def test_a_spent_token_is_spent_however_often_the_request_is_sent() -> None:
    with time_stands_still():
        token(max_files=1)
        files.create(waiting(1), [use_token("t")])
        with answers_lost("TransactWriteItems"), pytest.raises(TokenSpentError):
            files.create(waiting(2), [use_token("t")])
    assert used() == 1
    assert item(file(2).id) == {}


def test_a_lease_of_another_caller_is_theirs_when_ours_is_sent_again() -> None:
    render_leases.begin("f/a", "another", 22)
    with answers_lost("UpdateItem"):
        lease = render_leases.begin("f/a", "mine", 22)
    assert (lease.lease_id, lease.state) == ("another", RenderState.WORKING)
