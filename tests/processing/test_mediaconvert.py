"""The service `mediaconvert`, with a stand-in that holds each request to the model of MediaConvert's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore import endpoint
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from chalicelib import aws, settings
from chalicelib.catalog import files
from chalicelib.catalog.dynamodb import attributes
from chalicelib.delivery.access import Access
from chalicelib.delivery.markup import markup
from chalicelib.facts import AudioTrack, VideoInfo
from chalicelib.model import File, ServiceState, ServiceStatus
from chalicelib.processing import mediaconvert, pipeline, services
from chalicelib.renditions import places
from chalicelib.upkeep import sweep
from tests import playlists
from tests.client import Client, delete, get, patch
from tests.faults.clock import Clock
from tests.making import deliver, derived, set_item, sqs_event, upload, work_off
from tests.serving import asks
from tests.stage import TRANSCODER, Calls, aws_client, lambda_context
from tests.two_clients import Body

TEXT = b"a,b\n1,2\n"
LONG = VideoInfo(
    format="mp4", width=1920, height=1080, duration=5400.0, codec="h264", audio_tracks=[AudioTrack(codec="aac")]
)


class MediaConvert:
    """Keeps the jobs that are created, and ends them with the event that AWS documents."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.refuses: str | None = None

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        assert request.url.endswith("/2017-08-29/jobs"), "the regional endpoint, with no DescribeEndpoints before"
        headers, body = HTTPHeaders(), {"job": {"id": "1"}}
        if self.refuses:
            headers["x-amzn-ErrorType"] = self.refuses
            return AWSResponse(request.url, 400, headers, Body(b'{"message": "secret"}'))
        self.jobs.append(json.loads(request.body))
        return AWSResponse(request.url, 201, headers, Body(json.dumps(body).encode()))

    def target(self, job: dict[str, Any]) -> str:
        """The key that the job writes to: MediaConvert adds the extension."""
        settings = job["settings"]["outputGroups"][0]["outputGroupSettings"]["fileGroupSettings"]
        bucket, _, key = settings["destination"].removeprefix("s3://").partition("/")
        assert bucket == "derived"
        return f"{key}.mp4"

    def complete(self, job: dict[str, Any], **more: Any) -> str:
        """Writes the MP4, and gives the event: https://docs.aws.amazon.com/mediaconvert/latest/ug/ev_status_complete.html"""
        key = self.target(job)
        aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"mp4")
        output = {
            "outputFilePaths": [f"s3://derived/{key}"],
            "durationInMs": 5_400_040,
            "videoDetails": {"widthInPx": 1280, "heightInPx": 720, "qvbrAvgQuality": 7.38},
        }
        groups = [{"outputDetails": [output], "type": "FILE_GROUP"}]
        return self.event(job, "COMPLETE", **{"outputGroupDetails": groups, "paddingInserted": 0, **more})

    @staticmethod
    def event(job: dict[str, Any], status: str, **detail: Any) -> str:
        return json.dumps(
            {
                "version": "0",
                "id": "1234abcd-12ab-34cd-56ef-1234567890ab",
                "detail-type": "MediaConvert Job State Change",
                "source": "aws.mediaconvert",
                "account": "123456789012",
                "time": "2026-11-22T12:00:00Z",
                "region": "eu-west-1",
                "resources": ["arn:aws:mediaconvert:eu-west-1:123456789012:jobs/1671476818694-phptj0"],
                "detail": {
                    "timestamp": 1671476832124,
                    "accountId": "123456789012",
                    "queue": "arn:aws:mediaconvert:eu-west-1:123456789012:queues/Default",
                    "jobId": "1671476818694-phptj0",
                    "status": status,
                    "userMetadata": job["userMetadata"],
                    **detail,
                },
            }
        )


@pytest.fixture
def service(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[MediaConvert]:
    """A stage that asks MediaConvert."""
    asks(monkeypatch, "mediaconvert")
    monkeypatch.setenv("FILEMILL_TRANSCODER", TRANSCODER)
    settings.settings.cache_clear()
    fake = MediaConvert()
    events = aws.mediaconvert().meta.events
    events.register_first("before-send.mediaconvert.CreateJob", fake.answer)
    yield fake
    events.unregister("before-send.mediaconvert.CreateJob", fake.answer)


def stored(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def state(file_id: str) -> ServiceState:
    return stored(file_id).services["mediaconvert"]


def hear(body: str) -> None:
    pipeline.handle(sqs_event(body), lambda_context())


def film(client: Client, info: VideoInfo = LONG, **more: Any) -> str:
    """A film that plays, and that MediaConvert is to be asked about. Its record is that of a text otherwise."""
    file_id = upload(client, TEXT, name="a.csv", content_type="text/csv", **more)
    deliver(file_id)
    others = [playlists.renditions()[0][0], *stored(file_id).other_renditions]
    waiting = ServiceState(status=ServiceStatus.WAITING, version=1, tries=2)
    values = attributes(
        {
            "newer_kind": "video",
            "video": info.model_dump(mode="json"),
            "other_renditions": [each.model_dump(mode="json") for each in others],
            "services": {"mediaconvert": waiting.model_dump(mode="json", exclude_none=True)},
        }
    )
    for name, value in values.items():
        set_item(file_id, name, value)
    prefix = str(places.served_prefix(stored(file_id)))
    aws_client("s3").put_object(Bucket="derived", Key=f"{prefix}hls.m3u8", Body=b"#EXTM3U")
    hear(json.dumps({"services": {"tenant": "acme", "id": file_id, "version_id": ""}}))
    return file_id


def test_a_long_film_becomes_one_mp4(client: Client, service: MediaConvert) -> None:
    file_id = film(client)
    assert state(file_id).status is ServiceStatus.RUNNING
    [job] = service.jobs
    assert job["role"] == TRANSCODER
    assert job["clientRequestToken"] == job["userMetadata"]["filemill-job"] == state(file_id).job
    assert job["userMetadata"]["filemill-stage"] == "test"
    [read] = job["settings"]["inputs"]
    assert read["fileInput"] == f"s3://originals/acme/{file_id}"
    assert read["audioSelectors"] == {"Audio Selector 1": {"defaultSelection": "DEFAULT"}}
    [output] = job["settings"]["outputGroups"][0]["outputs"]
    picture = output["videoDescription"]
    assert (picture["height"], "width" in picture, "videoPreprocessors" in picture) == (720, False, False)
    bits = picture["codecSettings"]["h264Settings"]["maxBitrate"]
    assert 0.9 * mediaconvert.MOST_BYTES < (bits + mediaconvert.SOUND) * 5400 / 8 < mediaconvert.MOST_BYTES
    hear(service.event(job, "PROGRESSING"))
    assert state(file_id).status is ServiceStatus.RUNNING
    hear(service.complete(job))
    done = get(client, file_id).json
    name = f"av/{service.target(job).rpartition('/')[2]}"
    assert done["services"]["mediaconvert"]["status"] == "done"
    assert done["services"]["mediaconvert"]["result"] == {
        "name": name,
        "width": 1280,
        "height": 720,
        "duration": 5400.04,
    }
    assert f"{places.served_prefix(stored(file_id))}{name}" in derived()
    shown = markup(stored(file_id), Access("https://x/", "")).video
    assert f'<source src="https://x/{name}" type="video/mp4">' in shown
    hear(service.complete(job))
    assert get(client, file_id).json["revision"] == done["revision"], "a repeated event changes nothing"


def test_hdr_becomes_ordinary_colours_and_an_upright_film_keeps_its_shape(
    client: Client, service: MediaConvert
) -> None:
    short = VideoInfo(format="mp4", width=1080, height=1920, duration=9.0, codec="hevc", hdr="hlg")
    file_id = film(client, short)
    [job] = service.jobs
    [output] = job["settings"]["outputGroups"][0]["outputs"]
    picture = output["videoDescription"]
    assert (picture["width"], "height" in picture) == (720, False)
    assert picture["videoPreprocessors"] == {"colorCorrector": {"colorSpaceConversion": "FORCE_709"}}
    assert "audioDescriptions" not in output, "a silent film has no sound to select"
    assert picture["codecSettings"]["h264Settings"]["maxBitrate"] == mediaconvert.BEST
    assert state(file_id).status is ServiceStatus.RUNNING


@pytest.mark.parametrize(
    ("info", "status", "said"),
    [
        (VideoInfo(format="mp4", width=640, height=360, duration=9.0, codec="h264"), "done", {"needed": False}),
        (VideoInfo(format="mp4", width=640, height=360, duration=99 * 3600.0, codec="h264"), "failed", "too_long"),
        (VideoInfo(format="mp4", width=640, height=360), "failed", "unknown"),
        (VideoInfo(format="mp4", width=640, height=31, duration=90.0, codec="h264"), "failed", "too_small"),
    ],
)
def test_films_that_are_not_converted(
    client: Client, service: MediaConvert, info: VideoInfo, status: str, said: Any
) -> None:
    file_id = film(client, info)
    assert service.jobs == []
    assert state(file_id).status == status
    error = state(file_id).error
    assert (error.code if error else state(file_id).result) == said


@pytest.mark.parametrize(
    ("status", "detail", "code"),
    [
        ("ERROR", {"errorCode": 1040, "errorMessage": "s3://secret/key"}, "refused"),
        ("ERROR", {"errorCode": "<b>"}, "refused"),
        ("CANCELED", {}, "canceled"),
    ],
)
def test_a_job_that_fails_is_told_without_mediaconverts_words(
    client: Client, service: MediaConvert, status: str, detail: dict[str, Any], code: str
) -> None:
    file_id = film(client)
    hear(service.event(service.jobs[0], status, **detail))
    error = state(file_id).error
    assert error
    assert (state(file_id).status, error.code) == (ServiceStatus.FAILED, code)
    assert "secret" not in error.message
    assert "<" not in error.message


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's retries come without their pauses."""
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.mark.usefixtures("impatient")
def test_a_job_that_cannot_begin_is_tried_again(client: Client, service: MediaConvert, clock: Clock) -> None:
    service.refuses = "TooManyRequestsException"
    file_id = film(client)
    error = state(file_id).error
    assert error
    assert (state(file_id).status, "secret" in error.message) == (ServiceStatus.WAITING, False)
    service.refuses = None
    clock.forward(timedelta(minutes=10))
    sweep.run()
    work_off()
    assert state(file_id).status is ServiceStatus.RUNNING


@pytest.mark.usefixtures("impatient")
def test_a_job_waits_while_mediaconvert_takes_no_more(client: Client, service: MediaConvert, clock: Clock) -> None:
    """AWS bounds how many jobs begin a second: https://docs.aws.amazon.com/general/latest/gr/mediaconvert.html"""
    service.refuses = "TooManyRequestsException"
    file_id = film(client)
    for _ in range(5):  # far more than the service has tries
        clock.forward(timedelta(hours=1))
        sweep.run()
        work_off()
    assert state(file_id).status is ServiceStatus.WAITING
    service.refuses = None
    clock.forward(timedelta(hours=1))
    sweep.run()
    work_off()
    assert state(file_id).status is ServiceStatus.RUNNING


def test_a_smallest_film_is_converted(client: Client, service: MediaConvert) -> None:
    film(client, VideoInfo(format="mp4", width=640, height=33, duration=90.0, codec="h264"))
    [job] = service.jobs
    assert job["settings"]["outputGroups"][0]["outputs"][0]["videoDescription"]["height"] == 32


@pytest.mark.parametrize(
    ("container", "rotation", "turn"),
    [("mp4", 90, "AUTO"), ("mov", 270, "AUTO"), ("mkv", 90, "DEGREES_90"), ("mkv", 0, "AUTO"), ("webm", 7, "AUTO")],
)
def test_a_film_is_turned_also_in_a_container_whose_rotation_mediaconvert_does_not_read(
    client: Client, service: MediaConvert, container: str, rotation: int, turn: str
) -> None:
    film(client, LONG.model_copy(update={"format": container, "rotation": rotation}))
    [job] = service.jobs
    assert job["settings"]["inputs"][0]["videoSelector"]["rotate"] == turn


def test_events_of_other_stages_and_of_jobs_that_are_not_ours_are_dropped(
    client: Client, service: MediaConvert
) -> None:
    file_id = film(client)
    [job] = service.jobs
    for metadata in (
        {},
        {"filemill-job": "x", "filemill-stage": "test"},
        job["userMetadata"] | {"filemill-stage": "b"},
    ):
        hear(service.complete(job | {"userMetadata": metadata}))
    elsewhere = [{"outputDetails": [{"outputFilePaths": ["s3://other/f/a.mp4"]}], "type": "FILE_GROUP"}]
    assert state(file_id).status is ServiceStatus.RUNNING
    hear(service.complete(job, outputGroupDetails=elsewhere))
    error = state(file_id).error
    assert error
    assert error.code == "bad_answer"


# --- where a film goes


def made(client: Client, service: MediaConvert) -> str:
    file_id = film(client)
    hear(service.complete(service.jobs[-1]))
    assert state(file_id).status is ServiceStatus.DONE
    return file_id


def there(file_id: str) -> bool:
    return f"{places.served_prefix(stored(file_id))}{places.converted(stored(file_id))}" in derived()


def test_the_mp4_moves_with_another_visibility_while_its_job_runs_and_after_it(
    client: Client, service: MediaConvert
) -> None:
    file_id = film(client)
    assert patch(client, file_id, {"visibility": "public"}).status == 200
    hear(service.complete(service.jobs[0]))
    assert state(file_id).status is ServiceStatus.DONE
    assert there(file_id)
    assert patch(client, file_id, {"visibility": "private"}).status == 200
    assert there(file_id)


def test_it_is_carried_to_a_new_version_and_made_again_where_it_is_gone(client: Client, service: MediaConvert) -> None:
    file_id = made(client, service)
    file = stored(file_id)
    new = f"f/private/{file_id}/{'1' * 16}/"
    [of] = [each for each in services.enabled() if each.name == "mediaconvert"]
    kind, content_type = file.kind, "video/mp4"
    assert kind
    assert services.wanted(file, kind, content_type, new) == {}
    assert f"{new}{places.converted(file)}" in derived()
    assert of.carry(file, str(places.served_prefix(file)))
    aws_client("s3").delete_object(Bucket="derived", Key=f"{places.served_prefix(file)}{places.converted(file)}")
    assert services.wanted(file, kind, content_type, new.replace("1", "2")).keys() == {"mediaconvert"}
    nothing = ServiceState(status=ServiceStatus.DONE, version=1, result={"needed": False})
    assert services.wanted(file.model_copy(update={"services": {of.name: nothing}}), kind, content_type, new) == {}


def test_it_ends_with_the_film(client: Client, service: MediaConvert) -> None:
    file_id = made(client, service)
    assert delete(client, file_id).status == 204
    assert derived() == []


def test_a_stage_that_does_not_name_it_asks_nobody(client: Client, stage: Calls) -> None:
    file_id = film(client)
    error = state(file_id).error
    assert error
    assert error.code == "not_enabled"
