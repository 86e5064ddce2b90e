"""Which changes a batch of the table's stream tells of."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from chalicelib.catalog.dynamodb import attributes, typed
from chalicelib.catalog.index import positions, writer
from chalicelib.catalog.keys import file_key, marker_key
from chalicelib.events import indexing
from chalicelib.events.indexing import newest_of
from chalicelib.model import File, Status
from chalicelib.observability import Metric
from tests.making import file
from tests.stage import lambda_context


def record(of: File, name: str = "MODIFY", **more: Any) -> dict[str, Any]:
    key = file_key(of.id)
    image = attributes({**key, **of.model_dump(mode="json")})
    images = {"OldImage": image} if name == "REMOVE" else {"NewImage": image}
    told = {"Keys": typed(key), "ApproximateCreationDateTime": 1795348800, **images, **more}
    return {"eventName": name, "dynamodb": told}


def test_a_file_that_changed_several_times_is_one_change_to_its_newest_image() -> None:
    images = [file(1, revision=revision) for revision in (2, 4, 3)]
    [change] = newest_of([record(image) for image in images])
    assert change.file == images[1]
    assert sorted(image.revision for image in change.older) == [2, 3]


def test_the_same_image_twice_is_told_once() -> None:
    [change] = newest_of([record(file(1)), record(file(1))])
    assert (change.file, change.older) == (file(1), ())


def test_each_file_of_a_batch_is_a_change() -> None:
    changes = newest_of([record(file(1), "INSERT"), record(file(2))])
    assert [change.file.id for change in changes] == [file(1).id, file(2).id]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.DELETED])
def test_a_record_that_the_ttl_removes_is_a_deletion_of_its_own(status: Status) -> None:
    [change] = newest_of([record(file(1, status=status), "REMOVE")])
    assert (change.file.status, change.file.revision) == (Status.DELETED, 4)


def test_a_tombstone_that_the_ttl_removes_is_no_new_revision() -> None:
    gone = file(1, status=Status.DELETED)
    [change] = newest_of([record(gone, "REMOVE")])
    assert change.file == gone


def test_items_that_are_no_files_record_are_left_out() -> None:
    for key in (marker_key(file(1).id), {"pk": "TOKEN#1", "sk": "TOKEN"}, {"pk": file(1).id, "sk": "FILE"}):
        assert newest_of([{"eventName": "INSERT", "dynamodb": {"Keys": typed(key), "NewImage": typed(key)}}]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": {"S": "melted"}},  # no such value
        {"metadata": {"S": "{"}},  # no JSON
        {"tags": {"X": 1}},  # no type of DynamoDB's
        None,  # no image at all
    ],
)
def test_a_record_that_cannot_be_read_is_measured_and_the_others_are_kept(
    wrong: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[Metric, float]] = []
    monkeypatch.setattr(indexing, "count", measured.append)
    bad = record(file(1))
    if wrong is None:
        del bad["dynamodb"]["NewImage"]
    else:
        bad["dynamodb"]["NewImage"] |= wrong
    assert [change.file.id for change in newest_of([bad, record(file(2))])] == [file(2).id]
    assert measured == [{Metric.FILES_IN_TROUBLE: 1}]


def test_the_log_says_which_field_of_a_record_cannot_be_read_and_not_what_is_in_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = record(file(1))
    for name in ("size", "filename", "image"):
        bad["dynamodb"]["NewImage"][name] = {"M": {"text": {"S": "a client's own words"}}}
    with caplog.at_level("ERROR"):
        assert newest_of([bad]) == []
    (line,) = caplog.records
    text = "".join(traceback.format_exception(line.exc_info[1] if line.exc_info else None))
    assert "image.width" in text
    assert "own words" not in text


def test_a_batch_that_the_index_cannot_take_now_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(changes: object) -> int:
        raise positions.ContendedError

    monkeypatch.setattr(writer, "index", busy)
    with pytest.raises(positions.ContendedError):
        indexing.handle({"Records": [record(file(1))]}, lambda_context())
