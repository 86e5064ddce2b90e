"""Records as they are created, alone or together with other writes, and as they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import credentials, deletion, dynamodb, files, idempotency
from chalicelib.catalog.credentials import TokenSpentError, use_token
from chalicelib.catalog.dynamodb import CANCELED, CONFLICT, REFUSED, Joined, write_together
from chalicelib.catalog.files import EXPIRY_GRACE, IMPORT_COMES, as_of_now, forget_at
from chalicelib.catalog.idempotency import Remembered, RepeatedError
from chalicelib.model import File, Status, UploadToken, Visibility
from tests.catalog.records import (
    MILLISECOND,
    NOW,
    at,
    full,
    item,
    stored,
    time_stands_still,
    token,
    used,
    waiting,
)
from tests.contention import canceled_because
from tests.making import file
from tests.stage import Calls


def remember(of: File) -> Joined:
    return Remembered("acme/key", "k", "body", of.id, "answer").write()


# --- creating


def test_a_file_alone_is_one_put_with_its_places_in_the_indexes(stage: Calls) -> None:
    new = waiting()
    stage.clear()
    files.create(new)
    assert stage.names == ["dynamodb.PutItem"]
    written = item(new.id)
    assert File.model_validate(written) == new
    assert (written["list_pk"], written["list_sk"]) == ("LIST#acme#0", new.id)
    assert written["due_sk"] == f"{at(NOW + timedelta(hours=1))}#{new.id}"
    assert written["ttl"] == forget_at(NOW + timedelta(hours=1))
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        files.create(new)


@pytest.mark.usefixtures("stage")
def test_an_import_is_due_when_its_message_may_be_lost() -> None:
    files.create(waiting(1, source_url="https://example.com/a"))
    assert item(file(1).id)["due_sk"].startswith(at(NOW + IMPORT_COMES))
    files.create(waiting(2, source_url="https://example.com/a", expires_at=NOW + timedelta(minutes=1)))
    assert item(file(2).id)["due_sk"].startswith(at(NOW + timedelta(minutes=1)))


@pytest.mark.usefixtures("stage")
def test_a_file_is_not_created_in_another_state() -> None:
    with pytest.raises(AssertionError):
        files.create(file(1))
    assert item(file(1).id) == {}


def test_a_file_is_created_together_with_what_must_be_true_of_it(stage: Calls) -> None:
    with time_stands_still():
        counted = use_token(token())
        new = waiting()
        stage.clear()
        files.create(new, [remember(new), counted])
    assert stage.names == ["dynamodb.TransactWriteItems"]
    assert item(new.id)["status"] == Status.AWAITING_UPLOAD
    assert used() == 1


@pytest.mark.usefixtures("stage")
def test_a_refused_creation_creates_nothing_and_counts_nothing() -> None:
    with time_stands_still():
        token(max_files=2)
        files.create(waiting(1), [remember(waiting(1)), use_token("t")])
        with pytest.raises(RepeatedError):
            files.create(waiting(2), [remember(waiting(2)), use_token("t")])
        assert used() == 1
        files.create(waiting(3), [use_token("t")])
        with pytest.raises(TokenSpentError):
            files.create(waiting(4), [use_token("t")])
        with pytest.raises(RepeatedError):  # the request is known, so that its token is spent by now does not matter
            files.create(waiting(5), [remember(waiting(5)), use_token("t")])
        with pytest.raises(RuntimeError, match="a file id came twice"):
            files.create(waiting(1), [Remembered("acme/key", "another", "b", "f", "a").write()])
    assert used() == 2
    assert [item(file(number).id) for number in (2, 4, 5)] == [{}, {}, {}]


@pytest.mark.usefixtures("stage")
def test_a_token_counts_until_its_last_second() -> None:
    for expires, counts in ((NOW + timedelta(seconds=1), True), (NOW, False)):
        with time_stands_still(NOW - timedelta(hours=1)):
            number = 1 + counts
            credentials.put_token(
                UploadToken(
                    id=f"t{number}",
                    hash="h",
                    tenant="acme",
                    created_at=NOW,
                    expires_at=expires,
                    max_files=1,
                    max_bytes=1,
                    visibility=Visibility.PRIVATE,
                    recipe="photo",
                )
            )
        with time_stands_still():
            if counts:
                files.create(waiting(number), [use_token(f"t{number}")])
                continue
            with pytest.raises(TokenSpentError):
                files.create(waiting(number), [use_token(f"t{number}")])
    with pytest.raises(TokenSpentError):
        files.create(waiting(3), [use_token("unknown")])


@pytest.mark.usefixtures("stage")
def test_a_key_is_new_again_when_its_day_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's TTL may take two days to remove it."""
    seconds = [1_000_000.0]
    monkeypatch.setattr("chalicelib.catalog.idempotency.time.time", lambda: seconds[0])
    files.create(waiting(1), [remember(waiting(1))])
    for later, repeated in ((idempotency.KEEP_SECONDS - 1, True), (idempotency.KEEP_SECONDS, False)):
        seconds[0] = 1_000_000.0 + later
        assert (idempotency.remembered("acme/key", "k") is not None) == repeated
        if repeated:
            with pytest.raises(RepeatedError):
                files.create(waiting(2), [remember(waiting(2))])
        else:
            files.create(waiting(3), [remember(waiting(3))])


# --- writes that are made together


class OneError(Exception):
    pass


class OtherError(Exception):
    pass


ONE, OTHER = Joined({}, refused=OneError()), Joined({}, refused=OtherError())

FINE, THROTTLED, LIMITED = "None", "ThrottlingError", "ProvisionedThroughputExceeded"
BUSY = "ProvisionedThroughputExceededException"


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    ("writes", "reasons", "raised"),
    [
        ([ONE, OTHER], [REFUSED, FINE], OneError),
        ([ONE, OTHER], [FINE, REFUSED], OtherError),
        ([ONE, OTHER], [REFUSED, REFUSED], OneError),
        ([OTHER, ONE], [REFUSED, REFUSED], OtherError),
        ([ONE, OTHER], [REFUSED, CONFLICT], OneError),
        ([ONE, OTHER], [REFUSED, THROTTLED], OneError),
        # The next try would say whether the first one is refused, too: conflicts end.
        ([ONE, OTHER], [CONFLICT, FINE], BUSY),
        ([ONE, OTHER], [FINE, CONFLICT], BUSY),
        ([ONE, OTHER], [CONFLICT, CONFLICT], BUSY),
        ([ONE, OTHER], [CONFLICT, REFUSED], BUSY),
        ([ONE, OTHER], [THROTTLED, FINE], BUSY),
        ([ONE, OTHER], [FINE, LIMITED], BUSY),
        ([ONE, OTHER], [CONFLICT, THROTTLED], BUSY),
        ([ONE, OTHER], ["ValidationError", FINE], CANCELED),
        ([ONE, OTHER], [CONFLICT, "ValidationError"], CANCELED),
        ([ONE, OTHER], [], CANCELED),
    ],
)
def test_the_first_write_that_is_refused_says_which_error_is_raised(
    writes: Sequence[Joined], reasons: list[str], raised: type[Exception] | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "CONFLICT_PATIENCE", 0.02)
    tries: list[str] = []

    def canceled(*, ClientRequestToken: str, **_: object) -> None:  # noqa: N803 - boto's name
        tries.append(ClientRequestToken)
        raise canceled_because(reasons)

    monkeypatch.setattr(aws.dynamodb(), "transact_write_items", canceled)
    with pytest.raises(ClientError if isinstance(raised, str) else raised) as failed:
        write_together(writes)
    if isinstance(failed.value, ClientError):
        assert failed.value.response["Error"]["Code"] == raised
    # Nothing but a conflict is tried again, and all tries are one request to DynamoDB.
    assert (len(tries) > 1) == (raised == BUSY and THROTTLED not in reasons and LIMITED not in reasons)
    assert len(set(tries)) == 1


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("code", ["TransactionInProgressException", "TransactionConflictException"])
@pytest.mark.parametrize("operation", ["transact_write_items", "put_item", "update_item"])
def test_a_write_that_meets_a_transaction_is_tried_again(
    code: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    token(max_files=9)
    held = stored(full(Status.READY))
    call, errors = getattr(aws.dynamodb(), operation), [ClientError({"Error": {"Code": code}}, "Write")] * 3

    def meets(**request: Any) -> Any:
        if errors:
            raise errors.pop()
        return call(**request)

    monkeypatch.setattr(aws.dynamodb(), operation, meets)
    writes: dict[str, Callable[[], File | None]] = {
        "transact_write_items": lambda: files.create(waiting(2), [use_token("t")]),
        "put_item": lambda: files.create(waiting(2)),
        "update_item": lambda: deletion.mark_deleted("acme", held.id),
    }
    with time_stands_still():
        written = writes[operation]()
    assert not errors
    assert item(written.id if written else file(2).id)["updated_at"]
    assert (item(held.id)["status"] == Status.DELETED) == (operation == "update_item")


# --- reading


def test_an_upload_is_expired_a_minute_after_its_time() -> None:
    over = waiting(expires_at=NOW - EXPIRY_GRACE)
    with time_stands_still():
        assert as_of_now(over).status is Status.AWAITING_UPLOAD
    with time_stands_still(NOW + MILLISECOND):
        assert as_of_now(over).status is Status.EXPIRED
        assert as_of_now(over.model_copy(update={"status": Status.PROCESSING})).status is Status.PROCESSING
        assert as_of_now(over.model_copy(update={"expires_at": None})).status is Status.AWAITING_UPLOAD


@pytest.mark.usefixtures("stage")
def test_a_file_is_read_by_its_own_tenant_and_as_it_is_now() -> None:
    ready = stored(full(Status.READY))
    assert files.get("acme", ready.id) == ready
    assert files.get("other", ready.id) is None
    assert files.get("acme", file(2).id) is None
    assert files.batch_get("other", [ready.id]) == []
    assert [each.id for each in files.batch_get("acme", [file(2).id, ready.id, ready.id])] == [ready.id]
    stored(full(Status.AWAITING_UPLOAD))
    with time_stands_still(NOW + timedelta(days=1)):
        expired = files.get("acme", ready.id)
        assert expired
        assert expired.status is Status.EXPIRED
    stored(full(Status.DELETED))
    assert files.get("acme", ready.id) is None
    assert files.batch_get("acme", [ready.id]) == []
    assert files.records([ready.id])[ready.id].status is Status.DELETED


@pytest.mark.usefixtures("stage")
def test_files_with_the_same_bytes_are_the_ready_ones_of_the_tenant() -> None:
    ready = stored(full(Status.READY))
    assert files.with_sha256("acme", str(ready.sha256)) == [ready]
    assert files.with_sha256("other", str(ready.sha256)) == []
    stored(full(Status.PROCESSING))
    assert files.with_sha256("acme", str(ready.sha256)) == []
