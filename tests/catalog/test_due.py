"""What is due, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from chalicelib import aws
from chalicelib.catalog import deletion, due, edits
from chalicelib.catalog.keys import DUE_SHARDS, due_keys, file_key, shard_of
from chalicelib.model import Status
from tests.catalog.records import MILLISECOND, NOW, at, full, item, stored, time_stands_still
from tests.making import file
from tests.stage import Calls


def due_at(moment: datetime, number: int = 1) -> str:
    each = file(number)
    return stored({**full(Status.READY), **file_key(each.id), "id": each.id, **due_keys(each.id, moment)}).id


def shown(at_: datetime, file_id: str) -> bool:
    with time_stands_still(at_):
        page = due.due(shard_of(file_id, DUE_SHARDS), 10)
    return file_id in [each.id for each in page.files]


@pytest.mark.usefixtures("stage")
def test_a_record_is_due_once_its_time_has_passed() -> None:
    file_id = due_at(NOW)
    assert not shown(NOW - MILLISECOND, file_id)
    assert not shown(NOW, file_id), "the id behind the time makes it later than the time alone"
    assert shown(NOW + MILLISECOND, file_id)


def test_pages_go_on_where_the_last_one_ended_the_longest_due_first(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.catalog.keys.DUE_SHARDS", 1)
    ids = [due_at(NOW - timedelta(minutes=number), number) for number in (1, 2, 3)]
    with time_stands_still():
        first = due.due(0, 2)
        second = due.due(0, 2, first.after)
        assert [each.id for each in first.files + second.files] == list(reversed(ids))
        assert (first.after is None, second.after) == (False, None)
        stage.clear()
        assert due.due(1, 2).files == []
    assert stage.names == ["dynamodb.Query"], "nothing found, nothing read"


def test_records_are_read_as_they_are_now_and_not_as_they_were(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record read late would be seen to twice."""
    due_at(NOW)
    consistent: list[bool] = []
    dynamodb = aws.dynamodb()
    batch_get = dynamodb.batch_get_item

    def asked(RequestItems: dict[str, dict[str, bool]]) -> object:  # noqa: N803 - boto3's
        consistent.extend(request["ConsistentRead"] for request in RequestItems.values())
        return batch_get(RequestItems=RequestItems)  # type: ignore[arg-type]

    monkeypatch.setattr(dynamodb, "batch_get_item", asked)
    assert list(due.records([file(1).id, file(2).id])) == [file(1).id]
    assert shown(NOW + MILLISECOND, file(1).id)
    assert consistent == [True, True]


@pytest.mark.usefixtures("stage")
def test_a_record_that_is_put_off_is_due_then_and_keeps_its_revision() -> None:
    file_id = due_at(NOW)
    later = NOW + timedelta(hours=1)
    record = full(Status.READY)
    due.put_off(stored({**record, **due_keys(file_id, NOW)}), later)
    assert item(file_id)["due_sk"] == f"{at(later)}#{file_id}"
    assert item(file_id)["revision"] == record["revision"]


@pytest.mark.usefixtures("stage")
def test_a_file_is_due_when_its_message_must_have_come() -> None:
    ready = stored(full(Status.READY))
    with time_stands_still():
        assert edits.reprocess(ready, "photo")
    assert item(ready.id)["due_sk"] == f"{at(NOW + edits.SEND_AGAIN)}#{ready.id}"


@pytest.mark.usefixtures("stage")
def test_an_import_that_waits_again_is_due_when_its_message_may_be_lost_or_its_time_is_over() -> None:
    from chalicelib.catalog.files import IMPORT_COMES, forget_at

    for until, due_then in ((timedelta(days=1), IMPORT_COMES), (timedelta(minutes=1), timedelta(minutes=1))):
        failed = stored(full(Status.FAILED, version_id=None))
        with time_stands_still():
            opened = edits.reopen_import(failed, NOW + until)
        assert opened
        assert opened.expires_at == NOW + until
        assert item(failed.id)["due_sk"] == f"{at(NOW + due_then)}#{failed.id}"
        assert item(failed.id)["ttl"] == forget_at(NOW + until)


@pytest.mark.usefixtures("stage")
def test_a_tombstone_is_due_at_once_while_something_is_left_and_then_when_it_can_not_be_restored() -> None:
    until = NOW + timedelta(days=7)
    for leftovers, due_then in ((["f/a/"], NOW), ([], until)):
        ready = stored(full(Status.READY))
        with time_stands_still():
            gone = deletion.retire(ready, until=until, leftovers=leftovers)
        assert gone
        assert (gone.restore_until, gone.leftovers) == (until, leftovers)
        assert item(ready.id)["due_sk"] == f"{at(due_then)}#{ready.id}"
    deletion.cleared(stored({**item(ready.id), "leftovers": ["f/a/"]}))
    assert item(ready.id)["due_sk"] == f"{at(until)}#{ready.id}"
