"""Services: asked when a file is `ready`, answered at once or later, once, or in the end timed out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import edits, files, service_states
from chalicelib.model import File, ServiceState, ServiceStatus
from chalicelib.processing import labels, own_function, pipeline, services
from chalicelib.processing.services import Answer, Service
from chalicelib.queues import ingest
from chalicelib.queues.worker import Later
from chalicelib.upkeep import sweep
from tests import images
from tests.client import Client
from tests.faults.clock import Clock
from tests.making import deliver, item, sqs_event, take_messages, upload, work_off
from tests.serving import answer, asks
from tests.serving import own_function as calling
from tests.stage import Calls, lambda_context

PHOTO = images.jpeg(320, 240)
LABELS = {"Labels": [{"Name": "Palm Tree", "Confidence": 98.765}, {"Name": "Beach", "Confidence": 71.0}]}
A_SWEEP = timedelta(minutes=5)


@pytest.fixture
def called(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A stage that asks the service `function`, and what that function was called with."""
    asks(monkeypatch, "function")
    heard: list[dict[str, Any]] = []
    with calling(heard.append):
        yield heard


def rekognition(patch: pytest.MonkeyPatch, reply: Any = LABELS) -> list[Any]:
    """Rekognition answers with this, and an exception is raised. Returns the parameters of its calls."""
    asked: list[Any] = []
    real = aws.rekognition()

    class Client:
        def detect_labels(self, **parameters: Any) -> Any:
            real.detect_labels(**parameters)  # so that rights and parameters are checked
            asked.append(parameters)
            if isinstance(reply, Exception):
                raise reply
            return reply

    patch.setattr(aws, "rekognition", Client)
    return asked


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "DetectLabels")


def stored(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def state(file_id: str, name: str = "function") -> ServiceState:
    return stored(file_id).services[name]


def hear(body: str, receives: int = 1) -> None:
    pipeline.handle(sqs_event(body, receives=receives), lambda_context())


def asked_about(client: Client) -> str:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    return file_id


def running(client: Client) -> tuple[str, str]:
    """A file whose service runs, and the job."""
    file_id = asked_about(client)
    assert work_off() == 1
    job = state(file_id).job
    assert job
    return file_id, job


# --- labels: a service that answers at once


def test_labels_are_waiting_when_the_file_is_ready_and_done_a_moment_later(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks(monkeypatch, "labels")
    asked = rekognition(monkeypatch)
    file_id = asked_about(client)
    record = client("GET", f"/v1/files/{file_id}").json
    assert record["status"] == "ready"
    nothing = dict.fromkeys(("started_at", "ended_at", "error", "result"))
    assert record["services"] == {"labels": {"status": "waiting", "version": 1, **nothing}}
    assert "due_sk" in item(file_id)
    stage.clear()
    assert work_off() == 1
    assert (stage.count("dynamodb.GetItem"), stage.count("dynamodb.UpdateItem")) == (3, 2)
    done = client("GET", f"/v1/files/{file_id}").json
    found = done["services"]["labels"]
    assert found["status"] == "done"
    assert found["result"]["labels"][0] == {"name": "Palm Tree", "confidence": 98.8}
    assert record["updated_at"] < found["started_at"] < found["ended_at"]
    assert done["revision"] == record["revision"] + 2, "running and done, each an event"
    change = stored(file_id).last_change
    assert change
    assert (change.type, change.actor.id) == ("updated", "process")
    assert "due_sk" not in item(file_id)
    [parameters] = asked
    picture = parameters["Image"]["S3Object"]
    assert picture["Bucket"] == "derived"
    assert picture["Name"].endswith("w320.jpg"), "the largest JPEG"
    stage.settle()
    [hit] = client("GET", "/v1/search", query={"q": "palm beach"}).json["items"]
    assert (hit["file"]["id"], hit["found_in"]) == (file_id, ["services"])


def test_a_stage_that_names_no_service_sends_no_message_and_says_nothing(client: Client) -> None:
    file_id = asked_about(client)
    assert take_messages() == []
    assert "services" not in client("GET", f"/v1/files/{file_id}").json


def test_a_file_of_another_kind_gets_no_labels(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asks(monkeypatch, "labels")
    file_id = upload(client, b"words\n", name="a.txt", content_type="text/plain")
    deliver(file_id)
    assert (take_messages(), stored(file_id).services) == ([], {})


@pytest.mark.parametrize("code", ["ImageTooLargeException", "InvalidImageFormatException"])
def test_an_image_that_rekognition_refuses_fails_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    asks(monkeypatch, "labels")
    asked = rekognition(monkeypatch, refused(code))
    file_id = asked_about(client)
    work_off()
    found = client("GET", f"/v1/files/{file_id}").json["services"]["labels"]
    assert (found["status"], found["error"]["code"]) == ("failed", "refused")
    assert "secret" not in json.dumps(found)
    assert (len(asked), "due_sk" in item(file_id)) == (1, False)


def test_a_small_image_is_not_sent_to_rekognition(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asks(monkeypatch, "labels")
    asked = rekognition(monkeypatch)
    file_id = upload(client, images.jpeg(79, 200))
    deliver(file_id)
    work_off()
    error = state(file_id, "labels").error
    assert error
    assert (error.code, asked) == ("no_picture", [])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"renditions": []}, {"Bucket": "originals", "Version": "v"}),
        ({"renditions": [], "proven_type": "image/webp"}, None),
        ({"renditions": [], "size": labels.MAX_BYTES + 1}, None),
        ({"renditions": [], "size": labels.MAX_BYTES}, {"Bucket": "originals"}),
        ({"image": {"width": 10_001, "height": 80}, "renditions": []}, None),
        ({"image": {"width": 10_000, "height": 80}, "renditions": []}, {"Bucket": "originals"}),
        ({}, {"Bucket": "derived"}),
    ],
)
def test_the_picture_that_rekognition_gets(values: dict[str, Any], wanted: dict[str, str] | None) -> None:
    from tests.making import RENDITIONS, file

    facts = {"format": "jpeg", "thumbhash": "a", "dominant_color": "#000000", "width": 160, "height": 120}
    facts |= values.pop("image", {})
    known = {"renditions": RENDITIONS, "image": facts, "proven_type": "image/jpeg", "source_version": "0" * 16}
    made = file(1, version_id="v", **{**known, **values})
    found = labels._picture(made)
    assert (found and wanted and {**found, **wanted}) == found
    assert (found is None) == (wanted is None)


def test_an_error_of_aws_is_tried_again_with_pauses_and_then_fails(
    client: Client, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    asks(monkeypatch, "labels")
    asked = rekognition(monkeypatch, refused("AccessDeniedException"))
    file_id = asked_about(client)
    work_off()
    assert state(file_id, "labels").status is ServiceStatus.WAITING
    assert client("GET", f"/v1/files/{file_id}").json["services"]["labels"]["error"]["code"] == "not_started"
    ingest.send_services(stored(file_id))
    work_off()
    assert len(asked) == 1, "the pause is not over"
    for tries in (2, 3):
        clock.forward(A_SWEEP)
        sweep.run()
        work_off()
        assert len(asked) == tries
    clock.forward(timedelta(days=1))
    sweep.run()
    assert (work_off(), len(asked)) == (0, 3)
    error = state(file_id, "labels").error
    assert error
    assert error.message == "The service could not be started: AccessDeniedException."
    assert state(file_id, "labels").status is ServiceStatus.FAILED


def test_a_service_that_is_busy_is_asked_for_hours_and_not_for_ever(
    client: Client, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Rekognition allows some calls a second: https://docs.aws.amazon.com/general/latest/gr/rekognition.html"""
    asks(monkeypatch, "labels")
    asked = rekognition(monkeypatch, refused("ProvisionedThroughputExceededException"))
    file_id = asked_about(client)
    work_off()
    begun = clock.now()
    while due := state(file_id, "labels").due_at:
        clock.forward(due - clock.now() + timedelta(seconds=1))
        sweep.run()
        work_off()
    assert state(file_id, "labels").status is ServiceStatus.FAILED
    assert len(asked) == service_states.BUSY_TRIES
    assert timedelta(hours=8) < clock.now() - begun < timedelta(hours=10)


# --- function: a service that answers later


def test_your_own_function_is_called_with_the_file_and_a_way_to_answer(
    client: Client, called: list[dict[str, Any]], stage: Calls
) -> None:
    file_id, job = running(client)
    [asked] = called
    record = client("GET", f"/v1/files/{file_id}").json
    assert asked["job"] == job
    assert asked["file"]["id"] == file_id
    assert asked["file"]["services"] == record["services"]
    assert job not in json.dumps(record)
    assert "versionId=" in asked["original"]
    assert "response-content-disposition=attachment" in asked["original"]
    assert asked["answer_to"] == {
        "bus": "filemill-test",
        "source": "filemill.service",
        "detail_type": "Service Answered",
    }
    hear(answer(job, result={"a": 1.5, "b": ["c"]}, words=["Müggelsee"]))
    found = client("GET", f"/v1/files/{file_id}").json["services"]["function"]
    assert (found["status"], found["result"], found["error"]) == ("done", {"a": 1.5, "b": ["c"]}, None)
    assert "due_sk" not in item(file_id)
    stage.settle()
    assert client("GET", "/v1/search", query={"q": "müggelsee"}).json["items"]


@pytest.mark.parametrize("second", [{"result": {"b": 2}}, {"error": {"message": "no"}}])
def test_the_first_answer_counts_and_a_repeated_one_changes_nothing(
    client: Client, called: list[Any], second: dict[str, Any]
) -> None:
    file_id, job = running(client)
    hear(answer(job, result={"a": 1}))
    before = item(file_id)
    hear(answer(job, **second))
    assert item(file_id) == before


@pytest.mark.parametrize("other", ["", "x", "a.b.c", None, 7, ["x"], "secret", "service", "file"])
def test_an_answer_to_another_job_changes_nothing(client: Client, called: list[Any], other: Any) -> None:
    file_id, job = running(client)
    ulid, name, secret = job.split(".")
    forged = {
        "secret": f"{ulid}.{name}.{'A' * 20}",
        "service": f"{ulid}.labels.{secret}",
        "file": f"{'0' * 26}.{name}.{secret}",
    }
    before = item(file_id)
    hear(answer(forged.get(other, other) if isinstance(other, str) else other, result={}))
    assert item(file_id) == before


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({}, "either `result` or `error`"),
        ({"result": {}, "error": {"message": "a"}}, "either `result` or `error`"),
        ({"result": {"a": "x" * 4090}}, "at most 4096 bytes"),
        ({"result": [1]}, "result"),
        ({"result": {"a": float("nan")}}, "JSON"),
        ({"result": {}, "words": ["a"] * 101}, "words"),
        ({"result": {}, "words": "abc"}, "words"),
        ({"error": {"message": ""}}, "error.message"),
        ({"error": {"message": "a", "code": "Bad Code"}}, "error.code"),
    ],
)
def test_an_answer_that_cannot_be_kept_fails_and_says_why(
    client: Client, called: list[Any], detail: dict[str, Any], said: str
) -> None:
    file_id, job = running(client)
    hear(answer(job, **detail))
    found = client("GET", f"/v1/files/{file_id}").json["services"]["function"]
    assert (found["status"], found["error"]["code"]) == ("failed", "bad_answer")
    assert said in found["error"]["message"]


def test_the_largest_result_is_kept(client: Client, called: list[Any]) -> None:
    file_id, job = running(client)
    result = {"a": "x" * (4096 - len('{"a":""}'))}
    hear(answer(job, result=result))
    assert state(file_id).result == result


def test_a_failure_is_final_and_its_words_are_kept(client: Client, called: list[Any]) -> None:
    file_id, job = running(client)
    hear(answer(job, error={"code": "no_text", "message": "There is no text."}))
    found = client("GET", f"/v1/files/{file_id}").json["services"]["function"]
    assert (found["status"], found["error"]) == ("failed", {"code": "no_text", "message": "There is no text."})


def test_a_service_that_never_answers_is_asked_three_times_and_then_timed_out(
    client: Client, called: list[Any], clock: Clock
) -> None:
    file_id, first = running(client)
    for _ in range(60):
        clock.forward(A_SWEEP)
        sweep.run()
        work_off()
    assert len({job["job"] for job in called}) == len(called) == 3
    found = client("GET", f"/v1/files/{file_id}").json["services"]["function"]
    assert (found["status"], found["error"]["code"]) == ("timed_out", "timed_out")
    assert "due_sk" not in item(file_id)
    before = item(file_id)
    hear(answer(first, result={"late": True}))
    assert item(file_id) == before, "an answer that comes too late"


def test_a_message_that_is_lost_is_sent_again_by_the_sweep(client: Client, called: list[Any], clock: Clock) -> None:
    file_id = asked_about(client)
    assert len(take_messages()) == 1
    sweep.run()
    assert (take_messages(), called) == ([], []), "it has five minutes to come"
    clock.forward(A_SWEEP + timedelta(seconds=1))
    assert sweep.run()["Stalled"] == 1
    assert work_off() == 1
    assert state(file_id).status is ServiceStatus.RUNNING


def test_a_service_that_nobody_can_start_fails_after_a_day(client: Client, called: list[Any], clock: Clock) -> None:
    file_id = asked_about(client)
    take_messages()
    clock.forward(timedelta(days=1, minutes=6))
    assert sweep.run()["Unserved"] == 1
    assert take_messages() == []
    assert state(file_id).status is ServiceStatus.FAILED
    assert "due_sk" not in item(file_id)


def test_a_service_that_the_stage_no_longer_runs_fails(
    client: Client, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = asked_about(client)
    asks(monkeypatch, "labels")
    work_off()
    error = state(file_id).error
    assert error
    assert (error.code, called) == ("not_enabled", [])


def test_a_message_that_comes_twice_starts_one_job(client: Client, called: list[Any]) -> None:
    asked_about(client)
    [body] = take_messages()
    hear(body)
    hear(body)
    assert len(called) == 1


# --- what happens to the file meanwhile


def test_an_answer_that_comes_while_the_file_is_processed_again_waits_for_that(
    client: Client, called: list[Any]
) -> None:
    file_id, job = running(client)
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
    for receives in (1, 2, 3, 4):
        with pytest.raises(Later):
            hear(answer(job, result={"a": 1}), receives)
    hear(answer(job, result={"a": 1}), 5)
    assert state(file_id).status is ServiceStatus.RUNNING, "dropped after the last time; its time will be over"
    deliver(file_id)
    assert state(file_id).job == job, "the job goes on"
    assert not [body for body in take_messages() if "services" in body]
    hear(answer(job, result={"a": 1}))
    assert state(file_id).status is ServiceStatus.DONE


def test_a_file_that_is_processed_again_keeps_its_result_and_asks_again_what_failed(
    client: Client, called: list[Any]
) -> None:
    file_id, job = running(client)
    hear(answer(job, result={"a": 1}, words=["word"]))
    edits.reprocess(stored(file_id), "photo")
    deliver(file_id)
    assert (work_off(), state(file_id).result) == (0, {"a": 1})
    other, job = running(client)
    hear(answer(job, error={"message": "no"}))
    edits.reprocess(stored(other), "photo")
    deliver(other)
    assert state(other).status is ServiceStatus.WAITING
    assert (work_off(), len(called)) == (1, 3)


def test_a_new_version_of_a_service_is_asked_and_the_old_result_stays_until_it_answers(
    client: Client, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id, job = running(client)
    hear(answer(job, result={"a": 1}, words=["word"]))
    newer = Service("function", 2, lambda *_: True, own_function.__name__, timeout=timedelta(hours=1))
    monkeypatch.setattr(services, "SERVICES", (newer,))
    edits.reprocess(stored(file_id), "photo")
    deliver(file_id)
    found = state(file_id)
    assert (found.status, found.version, found.result, found.words) == ("waiting", 2, {"a": 1}, ["word"])
    work_off()
    hear(answer(called[-1]["job"], result={"b": 2}))
    assert (state(file_id).result, state(file_id).words) == ({"b": 2}, [])


def test_a_change_of_visibility_leaves_the_job_alone(client: Client, called: list[Any]) -> None:
    file_id, job = running(client)
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "public", "tags": ["a"]}).status == 200
    hear(answer(job, result={"a": 1}))
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["visibility"], record["services"]["function"]["status"]) == ("public", "done")


def test_an_answer_about_a_deleted_file_is_dropped_and_the_tombstone_forgets_the_result(
    client: Client, called: list[Any]
) -> None:
    file_id, job = running(client)
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    before = item(file_id)
    hear(answer(job, result={"a": 1}))
    assert item(file_id) == before
    assert "services" not in before


def test_a_file_that_is_restored_is_asked_again_when_the_job_is_over(
    client: Client, called: list[Any], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "86400")
    asks(monkeypatch, "function")
    file_id = upload(client, b"\x00\x01\x02", name="a.bin", content_type="application/x-thing")
    deliver(file_id)
    work_off()
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    hear(answer(called[0]["job"], result={}))
    assert client("POST", f"/v1/files/{file_id}/restore").status == 200
    assert state(file_id).status is ServiceStatus.RUNNING
    clock.forward(timedelta(hours=1, seconds=1))
    sweep.run()
    assert state(file_id).status is ServiceStatus.WAITING
    clock.forward(A_SWEEP)
    sweep.run()
    work_off()
    hear(answer(called[1]["job"], result={"a": 1}))
    assert state(file_id).status is ServiceStatus.DONE


def test_all_services_of_a_file_share_the_words_that_search_may_have(
    client: Client, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_FOUND_WORDS", "3")
    asks(monkeypatch, "function,labels")
    rekognition(monkeypatch)
    file_id = asked_about(client)
    work_off()
    assert state(file_id, "labels").words == ["palm", "tree", "beach"]
    hear(answer(called[0]["job"], result={}, words=["one more"]))
    assert state(file_id).words == []


# --- AWS services that end their jobs by events of their own


def test_an_event_of_an_aws_service_ends_the_job_that_it_names(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys
    from types import ModuleType

    module = ModuleType("a_service")
    module.start = lambda file, job: None  # type: ignore[attr-defined]
    module.read = lambda event: (event["detail"]["JobName"], Answer(result={"a": 1}))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_service", module)
    event = ("aws.transcribe", "Transcribe Job State Change")
    added = Service("transcripts", 1, lambda *_: True, "a_service", timeout=timedelta(hours=1), event=event)
    monkeypatch.setattr(services, "SERVICES", (*services.SERVICES, added))
    asks(monkeypatch, "transcripts")
    file_id = asked_about(client)
    work_off()
    job = str(state(file_id, "transcripts").job)
    body = json.loads(answer(job)) | {"source": event[0], "detail-type": event[1], "detail": {"JobName": job}}
    hear(json.dumps(body | {"source": "aws.other"}))
    assert state(file_id, "transcripts").status is ServiceStatus.RUNNING
    hear(json.dumps(body))
    assert state(file_id, "transcripts").result == {"a": 1}


def test_the_name_of_a_job_can_be_the_name_of_a_job_of_any_aws_service(called: list[Any], client: Client) -> None:
    import re

    _, job = running(client)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", job)
    assert all(re.fullmatch("[a-z][a-z0-9-]{0,15}", service.name) for service in services.SERVICES)


def test_a_record_that_changes_all_the_time_is_left_to_the_sweep(
    client: Client, called: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id, job = running(client)
    monkeypatch.setattr(service_states, "done", lambda *_: None)
    with pytest.raises(Later):
        hear(answer(job, result={}))
    assert state(file_id).status is ServiceStatus.RUNNING
