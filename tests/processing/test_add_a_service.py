"""docs/add-a-service.md, followed word for word: its module, its line, its rights and its rule."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import yaml
from botocore.session import Session
from botocore.validate import validate_parameters
from moto.events.models import EventPattern

from chalicelib import aws
from chalicelib.catalog import files
from chalicelib.model import ServiceState
from chalicelib.processing import pipeline, services
from chalicelib.processing.services import Service
from tests.client import Client
from tests.making import deliver, sqs_event, upload, work_off
from tests.serving import answer, asks
from tests.stage import ROOT, Calls, lambda_context

PAGE = (ROOT / "docs/add-a-service.md").read_text(encoding="utf-8")
MODULE, LINE, CLIENT, PACKED = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[RIGHTS] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHOWN, PATTERN = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
NAME = "chalicelib.processing.transcripts"

SOUND = b"ID3\x03\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x64" + bytes(413) + b"\xff\xfb\x90\x64" + bytes(413)
TRANSCRIPT = {"results": {"transcripts": [{"transcript": "The rain in Spain stays mainly in the plain."}]}}


@dataclass
class Transcribe:
    """Amazon Transcribe: it takes what its model allows, and every job ends as the test says."""

    ends: str = "COMPLETED"
    begun: list[str] = field(default_factory=list)
    asked: int = 0
    _model: Any = field(default_factory=lambda: Session().get_service_model("transcribe"))

    def start_transcription_job(self, **parameters: Any) -> None:
        validate_parameters(parameters, self._model.operation_model("StartTranscriptionJob").input_shape)
        self.begun.append(parameters["TranscriptionJobName"])

    def get_transcription_job(self, **parameters: Any) -> Any:
        validate_parameters(parameters, self._model.operation_model("GetTranscriptionJob").input_shape)
        assert parameters["TranscriptionJobName"] in self.begun
        self.asked += 1
        more = {"LanguageCode": "en-US", "Transcript": {"TranscriptFileUri": "https://example.com/a"}}
        return {"TranscriptionJob": {"TranscriptionJobStatus": self.ends, **more}}


@pytest.fixture
def transcribe(client: Client, monkeypatch: pytest.MonkeyPatch) -> Transcribe:
    """Does what the page says, with a stand-in for Amazon Transcribe."""
    module = ModuleType(NAME)
    monkeypatch.setitem(sys.modules, NAME, module)
    exec(compile(MODULE, "transcripts.py", "exec"), module.__dict__)
    service = eval(LINE, vars(services).copy())
    assert isinstance(service, Service)
    monkeypatch.setattr(services, "SERVICES", (*services.SERVICES, service))
    asks(monkeypatch, "transcripts")
    names = vars(aws).copy()
    exec(compile(CLIENT, "aws.py", "exec"), names)
    assert names["transcribe"]().meta.service_model.service_name == "transcribe"
    standin = Transcribe()
    monkeypatch.setattr(aws, "transcribe", lambda: standin, raising=False)
    monkeypatch.setattr(module, "urlopen", lambda *_, **__: io.BytesIO(json.dumps(TRANSCRIPT).encode()))
    return standin


def state(file_id: str) -> ServiceState:
    file = files.get("acme", file_id)
    assert file
    return file.services["transcripts"]


def begun(client: Client) -> tuple[str, str]:
    file_id = upload(client, SOUND, name="a.mp3", content_type="audio/mpeg")
    deliver(file_id)
    assert work_off() == 1
    job = state(file_id).job
    assert job
    return file_id, job


def told(job: str, status: str) -> dict[str, Any]:
    """The event, as https://docs.aws.amazon.com/transcribe/latest/dg/monitoring-events.html shows it."""
    event: dict[str, Any] = json.loads(answer(job))
    detail = {"TranscriptionJobName": job, "TranscriptionJobStatus": status}
    return event | {"source": "aws.transcribe", "detail-type": "Transcribe Job State Change", "detail": detail}


def hear(event: dict[str, Any]) -> None:
    pipeline.handle(sqs_event(json.dumps(event)), lambda_context())


def test_a_recording_gets_its_transcript_and_is_found_by_its_words(
    client: Client, transcribe: Transcribe, stage: Calls
) -> None:
    file_id, job = begun(client)
    hear(told(job, "COMPLETED"))
    record = client("GET", f"/v1/files/{file_id}").json
    found = record["services"]["transcripts"]
    assert (found["status"], found["result"]["language"]) == ("done", "en-US")
    assert found["result"]["excerpt"].startswith("The rain")
    assert found.keys() == SHOWN["services"]["labels"].keys()
    stage.settle()
    assert client("GET", "/v1/search", query={"q": "spain"}).json["items"]


def test_a_recording_that_transcribe_refuses_has_failed(client: Client, transcribe: Transcribe) -> None:
    file_id, job = begun(client)
    transcribe.ends = "FAILED"
    hear(told(job, "FAILED"))
    error = state(file_id).error
    assert error
    assert (state(file_id).status, error.code) == ("failed", "refused")


def test_an_event_of_another_job_of_the_account_asks_nothing(client: Client, transcribe: Transcribe) -> None:
    hear(told("somebody-elses", "COMPLETED"))
    assert transcribe.asked == 0


def test_the_rule_chooses_our_jobs_that_are_over(client: Client, transcribe: Transcribe) -> None:
    _, job = begun(client)
    without = {**PATTERN, "detail": {**PATTERN["detail"]}}
    [wildcard] = without["detail"].pop("TranscriptionJobName")  # moto does not know wildcards
    assert re.fullmatch(wildcard["wildcard"].replace(".", r"\.").replace("*", ".*"), job)
    rule: Any = EventPattern.load(json.dumps(without))
    assert rule.matches_event(told(job, "COMPLETED"))
    assert rule.matches_event(told(job, "FAILED"))
    assert not rule.matches_event(told(job, "IN_PROGRESS"))


def test_the_rights_are_those_of_its_calls() -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: node.value)
    statements = yaml.load(RIGHTS, Loader)
    actions = {action for each in statements for action in each["Action"]}
    calls = {f"transcribe:{name.title().replace('_', '')}" for name in re.findall(r"transcribe\(\)\.(\w+)\(", MODULE)}
    assert actions == {*calls, "s3:GetObject"}
    assert {f"transcribe:{name}" for name in eval(PACKED)["transcribe"]} == calls
