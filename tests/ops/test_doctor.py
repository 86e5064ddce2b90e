"""Each thing that can be wrong with a stage is found, and the finding says how to mend it."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
import requests
from botocore.exceptions import EndpointConnectionError

from chalicelib import keyring
from chalicelib.settings import load
from ops import config, doctor, signing_key, stack
from ops.doctor import Patient
from tests.conftest import STAGE, aws_client, table_definition

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:ingest"


@pytest.fixture(scope="module")
def session(cloud: None) -> boto3.Session:
    """One for all tests: reading the services' models is what takes the time."""
    return boto3.Session()


@pytest.fixture
def patient(session: boto3.Session, tmp_path: Path) -> Patient:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    config.config_path(tmp_path).write_text(json.dumps({"stages": {"test": {"api_gateway_stage": "api"}}}))
    return Patient(session, "eu-west-1", tmp_path, load(STAGE))


def deployed(patient: Patient) -> Patient:
    resources = [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc"}]
    path = patient.project_dir / ".chalice" / "deployed" / "test.json"
    path.write_text(json.dumps({"resources": resources}))
    return patient


def test_one_line_a_check_and_exit_code_1_if_anything_is_wrong() -> None:
    lines: list[str] = []
    patient = cast(Patient, None)
    assert doctor.report(patient, {"good": lambda _: "", "bad": lambda _: "mend it"}, lines.append) == 1
    assert lines == ["ok    good", "WRONG bad: mend it"]
    assert doctor.report(patient, {"good": lambda _: ""}, lines.append) == 0


def test_a_check_that_aws_refuses_is_wrong_and_the_next_ones_still_run() -> None:
    lines: list[str] = []

    def unreachable(_: Patient) -> str:
        raise EndpointConnectionError(endpoint_url="https://s3")

    doctor.report(cast(Patient, None), {"one": unreachable, "two": lambda _: ""}, lines.append)
    assert lines[0].startswith("WRONG one: AWS can't be reached")
    assert lines[1] == "ok    two"


def test_a_missing_stack(patient: Patient) -> None:
    assert "there is no stack filemill-test; run `python -m ops provision --stage test`" in doctor.check_stack(patient)


@pytest.mark.parametrize(
    ("status", "says"),
    [("UPDATE_COMPLETE", ""), ("UPDATE_IN_PROGRESS", "wait"), ("UPDATE_ROLLBACK_COMPLETE", "undone")],
)
def test_the_stacks_status(patient: Patient, monkeypatch: pytest.MonkeyPatch, status: str, says: str) -> None:
    monkeypatch.setattr(stack, "describe", lambda *_: {"StackStatus": status})
    found = doctor.check_stack(patient)
    assert says in found
    assert bool(found) == bool(says)


def test_notifications() -> None:
    right: dict[str, Any] = {"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}
    narrow = {**right, "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "x/"}]}}}
    assert doctor.assess_notification({"QueueConfigurations": [right]}, QUEUE, "provision") == ""
    assert "only some keys" in doctor.assess_notification({"QueueConfigurations": [narrow]}, QUEUE, "provision")
    for wrong in ({}, {"QueueConfigurations": [{**right, "QueueArn": "other"}]}):
        assert "does not tell the ingest queue" in doctor.assess_notification(wrong, QUEUE, "provision")


def test_cors_of_the_originals(patient: Patient) -> None:
    s3 = aws_client("s3")
    s3.create_bucket(Bucket="originals", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "may not upload" in doctor.check_cors(patient)
    assert "run `python -m ops provision --stage test --revert-drift`" in doctor.check_cors(patient)
    rule: dict[str, Any] = {"AllowedMethods": ["POST", "PUT"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Location"]}
    s3.put_bucket_cors(Bucket="originals", CORSConfiguration={"CORSRules": [rule]})
    assert "hides ETag" in doctor.check_cors(patient)
    rule["ExposeHeaders"] = ["ETag"]
    s3.put_bucket_cors(Bucket="originals", CORSConfiguration={"CORSRules": [rule]})
    assert doctor.check_cors(patient) == ""


def test_ttl_and_stream_of_the_table(patient: Patient) -> None:
    dynamodb = aws_client("dynamodb")
    bare = {name: value for name, value in table_definition().items() if name != "StreamSpecification"}
    dynamodb.create_table(TableName="filemill-test", **bare)
    assert "ttl" in doctor.check_expiry(patient)
    assert "no stream" in doctor.check_stream(patient)
    dynamodb.update_time_to_live(
        TableName="filemill-test", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName="filemill-test", StreamSpecification=stream)
    assert doctor.check_expiry(patient) == ""
    assert doctor.check_stream(patient) == ""


def test_the_queue() -> None:
    redrive = json.dumps({"deadLetterTargetArn": "arn:dlq", "maxReceiveCount": 5})
    assert doctor.assess_queue({"RedrivePolicy": redrive, "VisibilityTimeout": "5400"}, "provision") == ""
    assert "no dead-letter queue" in doctor.assess_queue({"VisibilityTimeout": "5400"}, "provision")
    assert "still being processed" in doctor.assess_queue(
        {"RedrivePolicy": redrive, "VisibilityTimeout": "30"}, "provision"
    )


def test_the_trigger() -> None:
    right = {"UUID": "u1", "State": "Enabled", "BatchSize": 1}
    assert doctor.assess_trigger([right], "deploy") == ""
    assert "no function reads" in doctor.assess_trigger([], "deploy")
    assert "u1, u2" in doctor.assess_trigger([right, {**right, "UUID": "u2"}], "deploy")
    assert "--enabled --uuid u1" in doctor.assess_trigger([{**right, "State": "Disabled"}], "deploy")
    assert "10 files at once" in doctor.assess_trigger([{**right, "BatchSize": 10}], "deploy")


def test_the_signing_key(patient: Patient) -> None:
    ssm, cloudfront = aws_client("ssm"), aws_client("cloudfront")
    assert "is missing" in doctor.check_key(patient)
    key = signing_key.ensure_key_group(cloudfront, "test", "eu-west-1", signing_key.ensure_secrets(ssm, "test"))
    ours = Patient(
        patient.session, patient.region, patient.project_dir, load({**STAGE, "FILEMILL_CDN_KEY_ID": key.key_id})
    )
    assert "in no group" in doctor.check_key(patient)
    assert doctor.check_key(ours) == ""
    parameter, private = signing_key.key_parameter("test"), signing_key.ensure_secrets(ssm, "test")
    ssm.put_parameter(Name=parameter, Value=keyring.write_cdn_key(key.key_id, private), Overwrite=True)
    assert doctor.check_key(patient) == "", "the id in SSM counts before the setting"
    ssm.put_parameter(Name=signing_key.key_parameter("test"), Value=signing_key.new_private_key(), Overwrite=True)
    assert "not the private half" in doctor.check_key(ours)
    ssm.delete_parameter(Name=signing_key.key_parameter("test"))
    assert "is missing" in doctor.check_key(ours)


def test_the_front_door_must_know_the_deployed_api(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not deployed from here; run `chalice deploy --stage test`" in doctor.check_front_door(patient)
    deployed(patient)
    fresh = Patient(patient.session, patient.region, patient.project_dir, patient.settings)
    parameters = [{"ParameterKey": "ApiDomain", "ParameterValue": "old.execute-api.eu-west-1.amazonaws.com"}]
    monkeypatch.setattr(stack, "describe", lambda *_: {"Parameters": parameters})
    assert "provision --stage test` again" in doctor.check_front_door(fresh)
    parameters[0]["ParameterValue"] = "abc.execute-api.eu-west-1.amazonaws.com"
    assert doctor.check_front_door(fresh) == ""


def test_the_api_must_answer(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(url: str, timeout: float) -> Any:
        asked.append(url)
        return io.BytesIO()

    def refuse(url: str, timeout: float) -> Any:
        raise urllib.error.HTTPError(url, 502, "Bad Gateway", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert doctor.check_health(deployed(patient)) == ""
    assert asked == ["https://abc.execute-api.eu-west-1.amazonaws.com/api/v1/health"]
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert "answers 502; see `chalice logs --stage test`" in doctor.check_health(patient)


def test_the_emulators_apis_are_below_its_own_address() -> None:
    url = doctor.health_url("http://127.0.0.1:4577", "abc", "eu-west-1", "api")
    assert url == "http://127.0.0.1:4577/restapis/abc/api/_user_request_/v1/health"
