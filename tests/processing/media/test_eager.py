"""Parts of a stream that are made before anybody watches: shared out, made once, and finished whatever is lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import settings
from chalicelib.catalog import files, pending, render_leases
from chalicelib.model import File
from chalicelib.processing import pipeline
from chalicelib.processing.media import eager
from chalicelib.queues import media as media_queue
from chalicelib.renditions.recipes import MAX_EAGER, RECIPES
from chalicelib.upkeep import sweep
from tests import films
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import deliver, sqs_event, upload, work_off
from tests.stage import aws_client, lambda_context
from tests.streams import RUNGS, FakeHls, MediaQueue

ALL = {f"{rung}-{number}" for rung, lengths in RUNGS.items() for number in range(len(lengths))}
INITS = {f"{rung} init" for rung in RUNGS}


def recipe(monkeypatch: pytest.MonkeyPatch, wanted: int | str) -> None:
    monkeypatch.setitem(RECIPES, "photo", replace(RECIPES["photo"], eager=wanted))  # type: ignore[arg-type]


@pytest.fixture
def film(client: Client, hls: FakeHls, queue: MediaQueue, monkeypatch: pytest.MonkeyPatch) -> str:
    """A film that is `ready`, and of which all is to be made."""
    recipe(monkeypatch, "all")
    return ready(client, queue)


def ready(client: Client, queue: MediaQueue) -> str:
    file_id = upload(client, films.small(), name="sea.mp4", content_type="video/mp4")
    deliver(file_id)
    queue.work(queue.take())
    return file_id


def stored(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def sorts(messages: list[tuple[str, str]]) -> Counter[str]:
    return Counter(next(iter(json.loads(body))) for _, body in messages)


def test_everything_is_shared_out_and_made_once(film: str, hls: FakeHls, queue: MediaQueue) -> None:
    first = queue.take()
    assert sorts(first) == {"eager": 1}
    assert hls.made == [], "`ready` does not wait for it"
    queue.work(first)
    shared = queue.take()
    assert sorts(shared) == {"parts": -(-(len(ALL) + len(INITS)) // eager.TOGETHER)}
    assert {group for group, _ in [*first, *shared]} == {"acme/eager"}, "the tenant's new files do not wait behind it"
    queue.work(shared)
    assert queue.take() == [], "no chain is longer than this, so Lambda finds no loop"
    assert Counter(hls.made) == Counter(ALL | INITS)
    done = stored(film)
    assert done.eager_version == done.source_version
    assert not pending.parts_are_missing(done)
    assert aws_client("dynamodb").scan(TableName="filemill-test", IndexName="by_due")["Count"] == 0


def test_messages_that_come_twice_make_nothing_twice(film: str, hls: FakeHls, queue: MediaQueue) -> None:
    first = queue.take()
    queue.work([*first, *first])
    shared = queue.take()
    queue.work([*shared, *shared])
    queue.work(first)
    assert Counter(hls.made) == Counter(ALL | INITS)


def test_a_number_asks_for_what_players_begin_with(
    client: Client, hls: FakeHls, queue: MediaQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe(monkeypatch, 2)
    file_id = ready(client, queue)
    queue.work_off()
    rungs = ("v360", "source", "a0")
    assert set(hls.made) == {f"{rung}{part}" for rung in rungs for part in (" init", "-0", "-1")}
    assert not pending.parts_are_missing(stored(file_id))


def test_without_a_wish_nothing_is_made_or_due(client: Client, hls: FakeHls, queue: MediaQueue) -> None:
    file_id = ready(client, queue)
    assert queue.take() == []
    assert not pending.parts_are_missing(stored(file_id))
    assert aws_client("dynamodb").scan(TableName="filemill-test", IndexName="by_due")["Count"] == 0


@pytest.mark.parametrize("lost", ["the first", "one of the others", "the last"])
def test_what_is_lost_is_found_by_the_sweep_and_only_the_rest_is_made(
    film: str, hls: FakeHls, queue: MediaQueue, clock: Clock, lost: str
) -> None:
    first = queue.take()
    if lost != "the first":
        queue.work(first)
        shared = queue.take()
        queue.work(shared[1:] if lost == "one of the others" else shared[:-1])
        assert pending.parts_are_missing(stored(film))
    made = len(hls.made)
    assert sweep.run()["Stalled"] == 0, "it has time to come"
    clock.forward(pending.EAGER_COMES + timedelta(minutes=1))
    assert sweep.run()["Stalled"] == 1
    queue.work_off()
    assert Counter(hls.made) == Counter(ALL | INITS)
    assert len(hls.made) - made == (len(ALL | INITS) if lost == "the first" else len(ALL | INITS) - made)
    assert not pending.parts_are_missing(stored(film))
    clock.forward(timedelta(days=1))
    assert sweep.run()["Stalled"] == 0


def test_a_stream_that_never_gets_all_its_parts_is_given_up_after_a_day(
    film: str, hls: FakeHls, queue: MediaQueue, clock: Clock
) -> None:
    queue.take()
    clock.forward(timedelta(days=1, hours=1))
    swept = sweep.run()
    assert (swept["Unmade"], swept["Stalled"]) == (1, 0)
    clock.forward(timedelta(hours=1))
    assert sweep.run()["Unmade"] == 0
    assert stored(film).status == "ready"


def test_a_part_that_a_viewer_has_made_meanwhile_is_left_alone(film: str, hls: FakeHls, queue: MediaQueue) -> None:
    queue.work(queue.take())
    file = stored(film)
    key = f"f/{file.visibility}/{file.id}/{file.source_version}/av/v720-3.m4s"
    render_leases.begin(key, "a viewer's", 30)
    queue.work_off()
    assert "v720-3" not in hls.made
    assert pending.parts_are_missing(file), "the sweep looks again"


def test_a_worker_without_time_leaves_the_rest_to_the_sweep(film: str, hls: FakeHls, queue: MediaQueue) -> None:
    queue.work(queue.take())
    context = lambda_context()
    context.get_remaining_time_in_millis = lambda: (eager.LEAST - 1) * 1000
    for _, body in queue.take():
        pipeline.handle_media(sqs_event(body, queue="media"), context)
    assert hls.made == []
    assert pending.parts_are_missing(stored(film))


def test_another_version_of_the_film_has_a_set_of_its_own(
    film: str, hls: FakeHls, queue: MediaQueue, client: Client, clock: Clock
) -> None:
    queue.work(queue.take())
    late = queue.take()
    assert client("PATCH", f"/v1/files/{film}", {"visibility": "public"}).status == 200
    queue.work(late)
    assert hls.made == [], "that version is gone"
    assert pending.parts_are_missing(stored(film))
    clock.forward(pending.EAGER_COMES + timedelta(minutes=1))
    sweep.run()
    queue.work_off()
    assert Counter(hls.made) == Counter(ALL | INITS)
    assert not pending.parts_are_missing(stored(film))
    assert client("POST", f"/v1/files/{film}/reprocess", {"force": True}).status == 202
    work_off()
    queue.work_off()
    assert Counter(hls.made) == Counter([*(ALL | INITS)] * 2)


def test_a_deleted_film_is_left_alone(film: str, hls: FakeHls, queue: MediaQueue, client: Client) -> None:
    queue.work(queue.take())
    assert client("DELETE", f"/v1/files/{film}").status == 204
    queue.work_off()
    assert hls.made == []


def test_a_stage_that_leaves_media_out_waits_for_nothing(film: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pending.parts_are_missing(stored(film))
    monkeypatch.setenv("FILEMILL_MEDIA", "false")
    settings.settings.cache_clear()
    assert not pending.parts_are_missing(stored(film))


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"eager": 1}', '{"parts": {"tenant": "a"}}', '{"Records": []}'])
def test_other_messages_are_none_of_ours(body: str) -> None:
    assert media_queue.asked(body) is None


def test_a_former_release_takes_them_for_no_events_of_s3(film: str, queue: MediaQueue) -> None:
    from chalicelib.processing.notifications import stored_objects
    from chalicelib.queues.worker import Message

    for _, body in queue.take():
        assert list(stored_objects(Message("m", "r", body, 1, 0))) == []


def test_eager_is_bounded_and_changes_no_address() -> None:
    photo = RECIPES["photo"]
    prints = {replace(photo, eager=wanted).fingerprint for wanted in (0, 3, "all")}
    assert prints == {photo.fingerprint}
    for wrong in (-1, MAX_EAGER + 1):
        with pytest.raises(ValueError, match="eager"):
            replace(photo, eager=wrong)
