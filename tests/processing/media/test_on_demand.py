"""The function `stream`: the parts of a film as CloudFront asks for them, made once, and the next ones ahead."""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws, settings
from chalicelib.catalog import render_leases
from chalicelib.catalog.render_leases import RenderState
from chalicelib.delivery import first_view, missing
from chalicelib.delivery.missing import Address, Outcome
from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.observability import Metric
from chalicelib.processing.media import conversions, on_demand, plans
from chalicelib.storage import derived
from chalicelib.upkeep import sweep
from tests import films
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import deliver, invalidations, upload, work_off
from tests.stage import Calls, aws_client, lambda_context
from tests.streams import PLAYLIST, FakeHls, MediaQueue, Started

# Requests for one segment; `make films` sends as many as strangers may.
SPIKE = 10_000 if "FILMS" in os.environ else 500

NONE = (404, "not_found", "public, max-age=60")


@pytest.fixture
def film(client: Client, hls: FakeHls, queue: MediaQueue) -> Address:
    """The address of the first segment of a film's lowest rung."""
    return address_of(ready_film(client, queue))


def ready_film(client: Client, queue: MediaQueue, body: bytes | None = None) -> str:
    file_id = upload(client, body or films.small(), name="sea.mp4", content_type="video/mp4")
    deliver(file_id)
    queue.work_off()
    return file_id


def address_of(file_id: str) -> Address:
    file = render_leases.get_ready(file_id)
    assert file
    assert file.source_version
    return Address(file.visibility, file.id, file.source_version, "av/v360-0.m4s")


def at(address: Address, name: str) -> Address:
    return Address(address.visibility, address.file_id, address.version, f"av/{name}")


def ask(address: Address | str, method: str = "GET") -> dict[str, Any]:
    path = address if isinstance(address, str) else f"/{address.key}"
    http = {"method": method, "path": path}
    answer: dict[str, Any] = on_demand.handle({"rawPath": path, "requestContext": {"http": http}}, lambda_context())
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    json.dumps(answer)
    return answer


def content(answer: dict[str, Any]) -> bytes:
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    return base64.b64decode(answer["body"])


def problem(answer: dict[str, Any]) -> tuple[int, str, str]:
    body = json.loads(answer["body"])
    assert body["status"] == answer["statusCode"]
    return answer["statusCode"], body["code"], answer["headers"]["Cache-Control"]


def there(address: Address) -> bool:
    return derived.exists(address.key)


# --- one part


def test_the_first_viewer_gets_the_segment_itself_and_the_second_too(
    film: Address, hls: FakeHls, stage: Calls, started: Started
) -> None:
    answer = ask(film)
    assert content(answer) == b"v360-0"
    assert answer["headers"] == {
        "Content-Type": "video/mp4",
        "Cache-Control": derived.IMMUTABLE,
        "Accept-Ranges": "bytes",
    }
    assert content(ask(film)) == content(ask(film, "HEAD")) == b"v360-0"
    assert hls.made == ["v360-0"]
    assert hls.sources[0].data.read() == films.small()


@pytest.mark.parametrize(("name", "body"), [("v720-init.mp4", b"v720 init"), ("a0.m3u8", b"a0 playlist")])
def test_init_segments_and_playlists_are_parts_too_and_start_nothing(
    film: Address, hls: FakeHls, started: Started, name: str, body: bytes
) -> None:
    aws_client("s3").delete_object(Bucket="derived", Key=at(film, name).key)
    answer = ask(at(film, name))
    assert content(answer) == body
    assert answer["headers"]["Content-Type"] == (PLAYLIST if name.endswith("m3u8") else "video/mp4")
    assert started.events == []


@pytest.mark.parametrize(
    "name",
    ["v360-5.m4s", "v360-999999.m4s", "source-3.m4s", "v480-0.m4s", "v480.m3u8", "a1-init.mp4", "i240-0.m4s"],
)
def test_what_the_plan_does_not_have_takes_no_lease_and_starts_nothing(
    film: Address, hls: FakeHls, stage: Calls, started: Started, name: str
) -> None:
    ask(at(film, "v360-4.m4s"))  # the plan is in memory from here on
    hls.made.clear()
    stage.clear()
    assert [problem(ask(at(film, name))) for _ in range(3)] == [NONE] * 3
    assert stage.names == ["dynamodb.GetItem"] * 3
    assert hls.made == []
    assert started.events == []


@pytest.mark.parametrize(
    "name",
    [
        "av/v360-00.m4s",
        "av/v360-1000000.m4s",
        "av/plan.json",
        "av/../hls.m3u8",
        "av/v360-0.m4s/x",
        "av//v360.m3u8",
        "av/",
    ],
)
def test_a_path_that_is_no_part_costs_nothing(film: Address, stage: Calls, name: str) -> None:
    stage.clear()
    assert problem(ask(f"/{film.key}".replace("av/v360-0.m4s", name))) == NONE
    assert stage.names == []


def test_each_function_leaves_the_other_s_addresses_alone(film: Address, stage: Calls) -> None:
    from chalicelib.processing import on_demand as render

    stage.clear()
    assert problem(ask(f"/{film.key}".replace("av/v360-0.m4s", "w320.avif"))) == NONE
    path = f"/{film.key}"
    event = {"rawPath": path, "requestContext": {"http": {"method": "GET", "path": path}}}
    assert problem(render.handle(event, lambda_context())) == NONE
    fields = {"visibility": "private", "file_id": film.file_id, "version": film.version, "name": film.name}
    assert render.handle(fields, lambda_context()) == {"status": "unknown"}
    assert stage.names == []


def test_the_plan_is_read_once_and_only_so_many_are_kept(
    film: Address, stage: Calls, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.clear()
    ask(at(film, "a0-init.mp4"))
    gets = stage.count("s3.GetObject")
    stage.clear()
    ask(at(film, "v360-init.mp4"))
    assert stage.count("s3.GetObject") == gets - 1
    monkeypatch.setattr(plans, "KEPT", 1)
    body = json.dumps({"v360": [4]}).encode()
    aws_client("s3").put_object(Bucket="derived", Key="f/other/av/plan.json", Body=body)
    assert plans.of("f/other/")
    assert len(plans._kept) == 1


def test_a_film_without_a_plan_has_no_parts_of_a_stream(film: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    aws_client("s3").delete_object(Bucket="derived", Key=at(film, "plan.json").key)
    monkeypatch.setattr(plans, "_kept", type(plans._kept)())
    assert problem(ask(film)) == NONE


@pytest.mark.parametrize("name", ["v360-0.m4s", "v360-init.mp4", "v360.m3u8"])
def test_no_part_of_a_stream_is_a_redirect(
    film: Address, started: Started, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A player on a page of another origin could not follow it."""
    monkeypatch.setattr(first_view, "MAX_BODY", 2)
    answer = ask(at(film, name))
    assert problem(answer) == (503, "unavailable", "no-store")
    assert there(at(film, name)), "S3 has it for the next request"


def convert(source: Any, file: Any, name: Any) -> tuple[bytes, str]:
    return f"{name.part} {name.rung} of {file.filename}".encode(), "video/mp4"


def test_clips_and_sounds_may_come_from_s3(film: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "make", convert)
    monkeypatch.setattr("chalicelib.renditions.conversions.exists", lambda file, name: True)
    assert content(ask(at(film, "720.mp4"))) == b"clip 720 of sea.mp4"
    monkeypatch.setattr(first_view, "MAX_BODY", 2)
    for name in ("480.mp4", "sound.m4a", "sprite-0.jpg"):
        answer = ask(at(film, name))
        assert answer["statusCode"] == 302
        assert f"/{at(film, name).key}?" in answer["headers"]["Location"]


def test_the_address_of_a_clip_in_s3_works_as_long_as_somebody_may_play_it(
    film: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversions, "make", convert)
    monkeypatch.setattr(first_view, "MAX_BODY", 2)
    monkeypatch.setattr("chalicelib.renditions.conversions.exists", lambda file, name: True)
    location = ask(at(film, "720.mp4"))["headers"]["Location"]
    assert f"X-Amz-Expires={2 + first_view.PLAYED_FOR}&" in location, "the film lasts two seconds"


def test_no_address_of_a_clip_outlasts_what_the_stage_allows(film: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversions, "make", convert)
    monkeypatch.setattr(first_view, "MAX_BODY", 2)
    monkeypatch.setattr("chalicelib.renditions.conversions.exists", lambda file, name: True)
    monkeypatch.setenv("FILEMILL_MAX_URL_EXPIRY", "300")
    settings.settings.cache_clear()
    assert "X-Amz-Expires=300&" in ask(at(film, "720.mp4"))["headers"]["Location"]


@pytest.mark.parametrize("name", ["1080.mp4", "sprite-7.jpg"])
def test_a_conversion_that_the_film_does_not_have_takes_no_lease(film: Address, stage: Calls, name: str) -> None:
    stage.clear()
    assert problem(ask(at(film, name))) == NONE
    assert stage.names == ["dynamodb.GetItem"]


def test_a_file_of_another_kind_has_no_parts(client: Client, hls: FakeHls) -> None:
    from tests.making import ready_photo

    file = render_leases.get_ready(ready_photo(client))
    assert file
    photo = Address(file.visibility, file.id, str(file.source_version), "av/720.mp4")
    for name in ("720.mp4", "sprite-0.jpg", "v360-0.m4s"):
        assert problem(ask(at(photo, name))) == NONE


def test_a_segment_that_can_not_be_made_is_tried_once(film: Address, hls: FakeHls, started: Started) -> None:
    def broken(_: str) -> Any:
        raise PermanentFault(ErrorCode.CORRUPT, "damaged")

    hls.work = broken
    assert [problem(ask(film)) for _ in range(3)] == [NONE] * 3
    assert len(hls.made) == 1


def test_a_file_that_is_deleted_meanwhile_gets_no_segment(film: Address, hls: FakeHls, client: Client) -> None:
    hls.work = lambda _: client("DELETE", f"/v1/files/{film.file_id}").status
    assert problem(ask(film)) == NONE
    assert not there(film)


def test_all_parts_of_a_real_film_are_had_from_the_function(
    client: Client, queue: MediaQueue, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real module `hls`: the plan is read as it was written, and names what can be made."""
    address = address_of(ready_film(client, queue, films.film(size=(320, 180), times=range(200))))
    plan = plans.of(address.key.removesuffix("av/v360-0.m4s"))
    assert plan
    assert {"source", "a0"} < plan.lengths.keys()
    for rung, lengths in plan.lengths.items():
        assert sum(lengths) == pytest.approx(8, abs=0.1)
        last = len(lengths) - 1
        for name in (f"{rung}.m3u8", f"{rung}-init.mp4", f"{rung}-{last}.m4s"):
            assert len(content(ask(at(address, name)))) > 100, name
        assert f"{rung}-{last}.m4s".encode() in content(ask(at(address, f"{rung}.m3u8")))
        assert problem(ask(at(address, f"{rung}-{last + 1}.m4s"))) == NONE
    assert problem(ask(at(address, "v2160-0.m4s"))) == NONE


# --- many callers


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conditional write is atomic at DynamoDB, and not at moto."""
    lock, begin = Lock(), render_leases.begin

    def locked(*args: Any, **more: Any) -> Any:
        with lock:
            return begin(*args, **more)

    monkeypatch.setattr(render_leases, "begin", locked)


def test_200_viewers_of_one_missing_segment_make_it_once_and_all_get_it(
    film: Address, hls: FakeHls, started: Started, one_by_one: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "START_WITHIN", 600)  # 200 threads are slow
    hls.slow(1)
    with ThreadPoolExecutor(200) as viewers:
        answers = list(viewers.map(ask, [film] * 200))
    assert {content(answer) for answer in answers} == {b"v360-0"}
    assert hls.made == ["v360-0"]
    assert sorted(event["name"] for event in started.events) == ["av/v360-1.m4s", "av/v360-2.m4s"], "once for all"


def test_a_spike_of_requests_for_one_missing_segment_makes_it_once(
    film: Address,
    hls: FakeHls,
    started: Started,
    stage: Calls,
    one_by_one: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many run at once as Lambda lets; it refuses the others, and CloudFront's viewers ask again."""
    monkeypatch.setattr(missing, "START_WITHIN", 600)
    hls.slow(1)
    at_once = settings.settings().stream_concurrency
    stage.clear()
    with ThreadPoolExecutor(at_once) as pool:
        answers = Counter(content(answer) for answer in pool.map(ask, [film] * SPIKE))
    assert answers == {b"v360-0": SPIKE}
    assert hls.made == ["v360-0"]
    assert len(started.events) == 2
    made = Counter(stage.names)
    # Each request reads the file's record. Only those that came before the segment was stored ask for its lease.
    assert made["dynamodb.GetItem"] < SPIKE + 10 * at_once
    assert made["dynamodb.UpdateItem"] < 5 * at_once
    assert made["s3.GetObject"] + made["s3.HeadObject"] < SPIKE + 5 * at_once


# --- looking ahead


def test_a_request_starts_the_next_two_which_start_nothing(film: Address, hls: FakeHls, started: Started) -> None:
    ask(film)
    assert {event["name"] for event in started.events} == {"av/v360-1.m4s", "av/v360-2.m4s"}
    assert {call["InvocationType"] for call in started.calls} == {"Event"}
    assert {call["FunctionName"] for call in started.calls} == {"filemill-test-stream"}
    first = started.take()
    assert [on_demand.handle(event, lambda_context()) for event in first] == [{"status": Outcome.MADE}] * 2
    assert started.events == [], "no chain is longer than two runs, so Lambda finds no loop"
    assert sorted(hls.made) == ["v360-0", "v360-1", "v360-2"]
    assert all(there(at(film, f"v360-{number}.m4s")) for number in range(3))


@pytest.mark.parametrize(("number", "ahead"), [(2, [3, 4]), (3, [4]), (4, [])])
def test_it_ends_with_the_film(film: Address, started: Started, number: int, ahead: list[int]) -> None:
    ask(at(film, f"v360-{number}.m4s"))
    assert sorted(event["name"] for event in started.events) == [f"av/v360-{each}.m4s" for each in ahead]


def test_what_is_made_or_under_way_is_not_started(film: Address, hls: FakeHls, started: Started) -> None:
    ask(at(film, "v360-2.m4s"))
    started.take()
    render_leases.begin(at(film, "v360-1.m4s").key, "a viewer's", 30)
    ask(film)
    assert started.events == []


def test_a_run_that_comes_too_late_or_twice_makes_nothing(
    film: Address, hls: FakeHls, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(film)
    first, second = started.take()
    on_demand.handle(first, lambda_context())
    hls.made.clear()
    assert on_demand.handle(first, lambda_context()) == {"status": Outcome.LATER}, "Lambda may deliver an event twice"
    late = time.time() + missing.START_WITHIN + missing.LATE + 1
    monkeypatch.setattr("chalicelib.catalog.render_leases.time.time", lambda: late)
    assert on_demand.handle(second, lambda_context()) == {"status": Outcome.LATER}
    assert hls.made == []


@pytest.mark.parametrize("taken", [True, False])
def test_a_run_that_is_a_little_late_works_unless_a_viewer_did_not_wait(
    film: Address, hls: FakeHls, started: Started, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(film)
    (_, two) = started.take()
    later = time.time() + missing.START_WITHIN + 1
    monkeypatch.setattr("chalicelib.catalog.render_leases.time.time", lambda: later)
    if taken:
        assert content(ask(at(film, "v360-2.m4s"))) == b"v360-2"
    on_demand.handle(two, lambda_context())
    assert hls.made == ["v360-0", "v360-2"]


def test_runs_that_never_come_do_not_make_a_segment_fail(
    film: Address, hls: FakeHls, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, key = time.time(), at(film, "v360-1.m4s").key
    monkeypatch.setattr("chalicelib.catalog.render_leases.time.time", lambda: now)
    for _ in range(missing.MAX_FAILURES + 2):
        assert missing.take_ahead(at(film, "v360-1.m4s"))
        assert missing.take_ahead(at(film, "v360-1.m4s")) is None
        now += missing.START_WITHIN
    lease = render_leases.get(key)
    assert lease
    assert (lease.state, lease.failures) == (RenderState.WORKING, 0)
    assert content(ask(at(film, "v360-1.m4s"))) == b"v360-1"


def test_a_failure_to_start_is_nothing_to_the_viewer(
    film: Address, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")

    monkeypatch.setattr(aws.functions(), "invoke", refuse)
    assert content(ask(film)) == b"v360-0"


def test_an_event_without_a_good_address_does_nothing(film: Address, hls: FakeHls) -> None:
    event = {"visibility": "private", "file_id": film.file_id, "version": film.version, "name": "w320.avif"}
    assert on_demand.handle({**event, "lease_id": "x"}, lambda_context()) == {"status": "unknown"}


# --- figures


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Metric, float]]]:
    found: list[tuple[Metric, float]] = []
    monkeypatch.setattr("chalicelib.observability._write", found.extend)
    yield found


def test_the_time_of_a_segment_is_counted_as_a_share_of_its_duration(
    film: Address, hls: FakeHls, started: Started, metrics: list[tuple[Metric, float]]
) -> None:
    hls.slow(0.4)
    ask(at(film, "v360-4.m4s"))  # two seconds
    ((metric, share),) = metrics
    assert metric is Metric.SEGMENT_SHARE
    assert 0.2 <= share < 0.9
    ask(at(film, "v360-init.mp4"))
    assert len(metrics) == 1


def test_a_segment_that_broke_off_counts_as_slow(
    film: Address, hls: FakeHls, started: Started, metrics: list[tuple[Metric, float]]
) -> None:
    hls.work = lambda _: 1 / 0
    assert ask(film)["statusCode"] == 503
    assert metrics == [(Metric.SEGMENT_SHARE, on_demand.BROKEN)]


def test_a_viewer_who_finds_a_segment_under_way_was_spared_a_stall(
    film: Address, hls: FakeHls, started: Started, metrics: list[tuple[Metric, float]]
) -> None:
    ask(film)
    (one,) = [event for event in started.take() if "-1." in event["name"]]
    metrics.clear()
    hls.slow(0.5)
    with ThreadPoolExecutor(2) as runs:
        ahead = runs.submit(on_demand.handle, one, lambda_context())
        time.sleep(0.2)
        answer = ask(at(film, "v360-1.m4s"))
        ahead.result()
    assert content(answer) == b"v360-1"
    assert hls.made == ["v360-0", "v360-1"]
    assert [value for metric, value in metrics if metric is Metric.STALLS_AVOIDED] == [1]


def test_a_payload_is_json_that_says_all(film: Address, started: Started) -> None:
    ask(film)
    (event, _) = started.take()
    assert set(event) == {"visibility", "file_id", "version", "name", "lease_id"}
    assert io.BytesIO(json.dumps(event).encode()).getbuffer().nbytes < 1024


# --- a film's life


def keys() -> set[str]:
    found = aws_client("s3").list_objects_v2(Bucket="derived").get("Contents", [])
    return {each["Key"] for each in found}


def test_a_film_that_is_made_public_keeps_its_plan_and_makes_the_rest_anew(
    film: Address, hls: FakeHls, client: Client, started: Started
) -> None:
    ask(film)
    ask(at(film, "v360-init.mp4"))
    before = content(ask(at(film, "v360.m3u8")))
    assert client("PATCH", f"/v1/files/{film.file_id}", {"visibility": "public"}).status == 200
    moved = address_of(film.file_id)
    assert moved.key.startswith("f/public/")
    prefix = moved.key.removesuffix("av/v360-0.m4s")
    moved_along = {f"{prefix}av/plan.json", *(f"{prefix}av/{rung}.m3u8" for rung in ("v360", "v720", "source", "a0"))}
    assert {key for key in keys() if "/av/" in key} == moved_along, "thousands of parts are not copied"
    assert f"{prefix}hls.m3u8" in keys()
    assert problem(ask(film)) == NONE
    assert content(ask(at(moved, "v360.m3u8"))) == before
    assert content(ask(moved)) == b"v360-0"


def test_a_film_that_is_processed_again_has_its_parts_at_a_new_address(
    film: Address, hls: FakeHls, client: Client, queue: MediaQueue, started: Started
) -> None:
    ask(film)
    assert client("POST", f"/v1/files/{film.file_id}/reprocess", {"force": True}).status == 202
    work_off()
    queue.work_off()
    anew = address_of(film.file_id)
    assert anew.version != film.version
    assert problem(ask(film)) == NONE
    assert not any(film.version in key for key in keys())
    assert content(ask(anew)) == b"v360-0"


def test_a_film_that_is_deleted_leaves_nothing_behind(film: Address, client: Client, started: Started) -> None:
    ask(film)
    ask(at(film, "a0-3.m4s"))
    assert client("DELETE", f"/v1/files/{film.file_id}").status == 204
    assert keys() == set()
    assert problem(ask(film)) == NONE


def test_the_edges_forget_the_clips_of_a_public_film(
    client: Client, media: None, queue: MediaQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record lists none of them. A film need not have any other rendition."""
    monkeypatch.setattr("chalicelib.model.File.all_renditions", [])
    monkeypatch.setattr(conversions, "make", convert)
    monkeypatch.setattr("chalicelib.renditions.conversions.exists", lambda file, name: True)
    file_id = ready_film(client, queue)
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "public"}).status == 200
    clip = at(address_of(file_id), "720.mp4")
    ask(clip)
    assert clip.key in keys()
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "private"}).status == 200
    assert clip.key not in keys()
    assert invalidations() == [f"/f/public/{file_id}/*"]
    ask(at(address_of(file_id), "720.mp4"))
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "public"}).status == 200
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert len(invalidations()) == 2


def test_a_restored_film_plays_again(
    film: Address, hls: FakeHls, client: Client, queue: MediaQueue, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "86400")
    settings.settings.cache_clear()
    ask(film)
    assert client("DELETE", f"/v1/files/{film.file_id}").status == 204
    assert keys() == set()
    assert problem(ask(film)) == NONE
    assert client("POST", f"/v1/files/{film.file_id}/restore").status in (200, 202)
    work_off()
    queue.work_off()
    assert content(ask(address_of(film.file_id))) == b"v360-0"
    assert content(ask(at(address_of(film.file_id), "v360.m3u8"))) == b"v360 playlist"


def test_the_sweep_leaves_the_parts_of_a_film_alone(film: Address, started: Started, clock: Clock) -> None:
    """They stand in no record, but lie below a prefix that a record accounts for."""
    ask(film)
    ask(at(film, "a0-3.m4s"))
    before = keys()
    clock.forward(timedelta(days=2))
    sweep.run()
    assert keys() == before
