"""Each thing that can be wrong with a stage is found, and the finding says how to mend it."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
import requests
from botocore.exceptions import EndpointConnectionError

from chalicelib import keyring
from chalicelib.settings import load
from ops import config, doctor
from ops.doctor import background, canary, front_door, queues, stack, storage
from ops.doctor.patient import Check, Patient
from ops.stack import cloudformation, event_sources, signing_key
from tests.stage import STAGE, aws_client, table_definition

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


def test_what_is_gone_is_made_anew(patient: Patient) -> None:
    ((_, found),) = doctor.examine(patient, {"the table": storage.check_expiry})
    assert "what was deleted `python -m ops provision --stage test --revert-drift` makes anew, empty" in found


def test_a_template_of_another_version() -> None:
    ours = {"Parameters": {}, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Table": {"Type": "T"}}}
    assert stack.assess_template(ours, ours, "provision") == ""
    assert stack.assess_template(json.dumps(ours), ours, "provision") == ""
    older = {**ours, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    assert "another template than this checkout's (Table); provision" in stack.assess_template(older, ours, "provision")
    other = {**ours, "Parameters": {"Stage": {"Type": "String"}}}
    assert "(parameters)" in stack.assess_template(other, ours, "provision")


def test_a_check_that_aws_refuses_is_wrong_and_the_next_ones_still_run() -> None:
    lines: list[str] = []

    def unreachable(_: Patient) -> str:
        raise EndpointConnectionError(endpoint_url="https://s3")

    doctor.report(cast(Patient, None), {"one": unreachable, "two": lambda _: ""}, lines.append)
    assert lines[0].startswith("WRONG one: AWS can't be reached")
    assert lines[1] == "ok    two"


def test_a_missing_stack(patient: Patient) -> None:
    assert "there is no stack filemill-test; run `python -m ops provision --stage test`" in stack.check_stack(patient)


@pytest.mark.parametrize(
    ("status", "says"),
    [("UPDATE_COMPLETE", ""), ("UPDATE_IN_PROGRESS", "wait"), ("UPDATE_ROLLBACK_COMPLETE", "undone")],
)
def test_the_stacks_status(patient: Patient, monkeypatch: pytest.MonkeyPatch, status: str, says: str) -> None:
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {"StackStatus": status})
    found = stack.check_stack(patient)
    assert says in found
    assert bool(found) == bool(says)


def test_notifications() -> None:
    right: dict[str, Any] = {"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}
    narrow = {**right, "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "x/"}]}}}
    assert storage.assess_notification({"QueueConfigurations": [right]}, QUEUE, "provision") == ""
    assert "only some keys" in storage.assess_notification({"QueueConfigurations": [narrow]}, QUEUE, "provision")
    for wrong in ({}, {"QueueConfigurations": [{**right, "QueueArn": "other"}]}):
        assert "does not tell the ingest queue" in storage.assess_notification(wrong, QUEUE, "provision")


def test_cors_of_the_originals(patient: Patient) -> None:
    s3 = aws_client("s3")
    s3.create_bucket(Bucket="originals", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "may not upload" in storage.check_cors(patient)
    assert "run `python -m ops provision --stage test --revert-drift`" in storage.check_cors(patient)
    rule: dict[str, Any] = {"AllowedMethods": ["POST", "PUT"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Location"]}
    s3.put_bucket_cors(Bucket="originals", CORSConfiguration={"CORSRules": [rule]})
    assert "hides ETag" in storage.check_cors(patient)
    rule["ExposeHeaders"] = ["ETag"]
    s3.put_bucket_cors(Bucket="originals", CORSConfiguration={"CORSRules": [rule]})
    assert storage.check_cors(patient) == ""


def test_ttl_and_stream_of_the_table(patient: Patient) -> None:
    dynamodb = aws_client("dynamodb")
    bare = {name: value for name, value in table_definition().items() if name != "StreamSpecification"}
    dynamodb.create_table(TableName="filemill-test", **bare)
    assert "ttl" in storage.check_expiry(patient)
    assert "no stream" in storage.check_stream(patient)
    dynamodb.update_time_to_live(
        TableName="filemill-test", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = dynamodb.update_table(TableName="filemill-test", StreamSpecification=stream)["TableDescription"]
    assert storage.check_expiry(patient) == ""
    assert "another stream than the one that is recorded" in storage.check_stream(patient)
    recorded = load({**STAGE, "FILEMILL_TABLE_STREAM_ARN": table["LatestStreamArn"]})
    assert storage.check_stream(Patient(patient.session, patient.region, patient.project_dir, recorded)) == ""


def test_the_queue() -> None:
    def assessed(receives: int = 5, **attributes: str) -> str:
        redrive = json.dumps({"deadLetterTargetArn": "arn:dlq", "maxReceiveCount": receives})
        all_of_them = {"RedrivePolicy": redrive, "VisibilityTimeout": "5400", **attributes}
        return queues.assess_queue(all_of_them, "ingest queue", 900, "provision")

    assert assessed() == ""
    assert "ingest queue has no dead-letter queue" in assessed(RedrivePolicy="{}")
    assert "gives a file up after 2 tries, where the functions count on 5; provision" in assessed(receives=2)
    assert "hides a message for 1000 s, and then hands it out again" in assessed(VisibilityTimeout="1000")


def test_the_trigger() -> None:
    right = {"UUID": "u1", "State": "Enabled", "BatchSize": 1, "ScalingConfig": {"MaximumConcurrency": 200}}

    def assessed(*mappings: dict[str, Any]) -> str:
        return queues.assess_trigger(list(mappings), "ingest queue", "process", 200, "deploy")

    assert assessed(right) == ""
    assert "no function reads the ingest queue; deploy" in assessed()
    assert "u1, u2" in assessed(right, {**right, "UUID": "u2"})
    assert "process function's trigger is disabled" in assessed({**right, "State": "Disabled"})
    assert "--enabled --uuid u1" in assessed({**right, "State": "Disabled"})
    assert "10 files at once" in assessed({**right, "BatchSize": 10})
    assert "Lambda deletes what does not pass it" in assessed({**right, "FilterCriteria": {"Filters": [{}]}})
    assert "may run 5 times at once, where 200" in assessed({**right, "ScalingConfig": {"MaximumConcurrency": 5}})
    assert "may run any number of times at once" in assessed({**right, "ScalingConfig": {}})


def test_the_signing_key(patient: Patient) -> None:
    ssm, cloudfront = aws_client("ssm"), aws_client("cloudfront")
    assert "is missing" in front_door.check_key(patient)
    key = signing_key.ensure_key_group(cloudfront, "test", "eu-west-1", signing_key.ensure_secrets(ssm, "test"))
    ours = Patient(
        patient.session, patient.region, patient.project_dir, load({**STAGE, "FILEMILL_CDN_KEY_ID": key.key_id})
    )
    assert "in no group" in front_door.check_key(patient)
    assert front_door.check_key(ours) == ""
    parameter, private = signing_key.key_parameter("test"), signing_key.ensure_secrets(ssm, "test")
    ssm.put_parameter(Name=parameter, Value=keyring.write_cdn_key(key.key_id, private), Overwrite=True)
    assert front_door.check_key(patient) == "", "the id in SSM counts before the setting"
    ssm.put_parameter(Name=signing_key.key_parameter("test"), Value=signing_key.new_private_key(), Overwrite=True)
    assert "not the private half" in front_door.check_key(ours)
    ssm.delete_parameter(Name=signing_key.key_parameter("test"))
    assert "is missing" in front_door.check_key(ours)


def test_the_front_door_must_know_the_deployed_api(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not deployed from here; run `chalice deploy --stage test`" in front_door.check_front_door(patient)
    deployed(patient)
    fresh = Patient(patient.session, patient.region, patient.project_dir, patient.settings)
    parameters = [{"ParameterKey": "ApiDomain", "ParameterValue": "old.execute-api.eu-west-1.amazonaws.com"}]
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {"Parameters": parameters})
    assert "provision --stage test` again" in front_door.check_front_door(fresh)
    parameters[0]["ParameterValue"] = "abc.execute-api.eu-west-1.amazonaws.com"
    assert front_door.check_front_door(fresh) == ""


def test_the_api_must_answer(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(url: str, timeout: float) -> Any:
        asked.append(url)
        return io.BytesIO()

    def refuse(url: str, timeout: float, status: int = 502) -> Any:
        raise urllib.error.HTTPError(url, status, "", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert front_door.check_health(deployed(patient)) == ""
    assert asked == ["https://abc.execute-api.eu-west-1.amazonaws.com/api/v1/health"]
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert "answers 502; see `chalice logs --stage test`" in front_door.check_health(patient)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: refuse(url, timeout, 403))
    assert "is not there; run `chalice deploy --stage test`" in front_door.check_health(patient)


def test_the_emulators_apis_are_below_its_own_address() -> None:
    url = front_door.health_url("http://127.0.0.1:4577", "abc", "eu-west-1", "api")
    assert url == "http://127.0.0.1:4577/restapis/abc/api/_user_request_/v1/health"


def test_as_json_every_check_is_named_with_what_it_found() -> None:
    chosen: dict[str, Check] = {"good": lambda _: "", "bad": lambda _: "mend it"}
    assert dict(doctor.examine(cast(Patient, None), chosen)) == {"good": "", "bad": "mend it"}


def test_a_clock_that_is_wrong() -> None:
    date = "Sun, 22 Nov 2026 12:00:00 GMT"
    assert front_door.assess_clock(date, datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)) == ""
    assert "40 s ahead of AWS's" in front_door.assess_clock(date, datetime(2026, 11, 22, 12, 0, 40, tzinfo=UTC))
    assert "60 s behind AWS's" in front_door.assess_clock(date, datetime(2026, 11, 22, 11, 59, tzinfo=UTC))


def test_a_queue_that_the_bucket_may_not_send_to(patient: Patient) -> None:
    sqs = aws_client("sqs")
    url = sqs.create_queue(QueueName="ingest")["QueueUrl"]
    assert "does not let the originals bucket" in queues.check_queue_policy(patient)
    condition = {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::originals"}}
    allow = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": QUEUE, "Condition": condition}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert queues.check_queue_policy(patient) == ""
    policy["Statement"][0]["Condition"] = {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::another"}}  # type: ignore[index]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert "provision" in queues.check_queue_policy(patient)


def test_dead_letters_of_either_queue(patient: Patient) -> None:
    sqs = aws_client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})}
    sqs.create_queue(QueueName="ingest", Attributes=redrive)
    sqs.create_queue(QueueName="imports")
    assert queues.check_dead_letters(patient) == ""
    assert "the import queue has no dead-letter queue" in queues.check_import_queue(patient)
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    assert "(1 of the ingest queue)" in queues.check_dead_letters(patient)
    assert "ops redrive --stage test" in queues.check_dead_letters(patient)


def test_what_reads_the_stream() -> None:
    right = {"UUID": "u1", "State": "Enabled", **event_sources.INDEX}
    assert background.assess_index([right], "deploy", "provision", "reindex") == ""
    assert "no mappings read" in background.assess_index([], "deploy", "provision", "reindex")
    assert "2 mappings read" in background.assess_index([right, right], "deploy", "provision", "reindex")
    disabled = background.assess_index([{**right, "State": "Disabled"}], "deploy", "provision", "ops reindex")
    assert "--enabled --uuid u1" in disabled
    assert "ops reindex" in disabled
    unfiltered = {**right, "FilterCriteria": {"Filters": []}}
    assert "woken by what it writes itself; provision" in background.assess_index(
        [unfiltered], "deploy", "provision", "reindex"
    )
    whole = {**right, "BisectBatchOnFunctionError": False}
    assert "holds up its whole batch" in background.assess_index([whole], "deploy", "provision", "reindex")


def test_the_sweep_s_schedule(patient: Patient) -> None:
    assert "nothing wakes the sweep" in background.check_sweep(patient)
    resources = [{"name": "sweep-event", "resource_type": "cloudwatch_event", "rule_name": "every-five"}]
    path = patient.project_dir / ".chalice" / "deployed" / "test.json"
    path.write_text(json.dumps({"resources": resources}))
    assert "every-five is gone" in background.check_sweep(patient)
    events = aws_client("events")
    events.put_rule(Name="every-five", ScheduleExpression="rate(5 minutes)")
    assert "every-five does not call it" in background.check_sweep(patient)
    sweep = "arn:aws:lambda:eu-west-1:123456789012:function:filemill-test-sweep"
    events.put_targets(Rule="every-five", Targets=[{"Id": "1", "Arn": sweep}])
    assert background.check_sweep(patient) == ""
    events.disable_rule(Name="every-five")
    assert "enable-rule --name every-five" in background.check_sweep(patient)


def test_buckets_that_are_open_or_keep_nothing(patient: Patient) -> None:
    s3 = aws_client("s3")
    for bucket in ("originals", "derived"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "originals may be made public" in storage.check_buckets(patient)
    closed = dict.fromkeys(storage.PUBLIC_ACCESS_BLOCK, True)
    s3.put_public_access_block(Bucket="originals", PublicAccessBlockConfiguration=closed)
    partly = {**closed, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket="derived", PublicAccessBlockConfiguration=partly)
    assert "derived may be made public" in storage.check_buckets(patient)
    s3.put_public_access_block(Bucket="derived", PublicAccessBlockConfiguration=closed)
    assert "originals keeps no versions" in storage.check_buckets(patient)
    s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
    assert "does not let the distribution read" in storage.check_buckets(patient)
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::derived/f/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/EDIST"}},
    }
    s3.put_bucket_policy(Bucket="derived", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert storage.check_buckets(patient) == ""
    statement["Condition"] = {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/OTHER"}}
    assert "does not let" in storage.assess_bucket_policy({"Statement": [statement]}, "EDIST", "provision")


def test_the_distribution(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no distribution EDIST" in front_door.check_distribution(patient)
    private = {"PathPattern": "/f/private/*", "TrustedKeyGroups": {"Enabled": True, "Items": ["G"]}}
    behaviours = [{"PathPattern": "/f/public/*"}, private]

    def assessed(status: str = "Deployed", enabled: bool = True) -> str:
        settings = {"Enabled": enabled, "CacheBehaviors": {"Items": behaviours}}
        return front_door.assess_distribution({"Status": status, "DistributionConfig": settings}, "G", patient)

    assert assessed() == ""
    assert "on its way" in assessed(status="InProgress")
    assert "turned off" in assessed(enabled=False)
    private["TrustedKeyGroups"] = {"Enabled": False}
    assert "asks for no signature" in assessed()
    del behaviours[0]
    assert "no behaviour for /f/public/*" in assessed()


@pytest.mark.parametrize(("status", "says"), [(403, ""), (404, "answers 404 without a signature")])
def test_a_private_address_without_a_signature(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, status: int, says: str
) -> None:
    def answer(url: str, timeout: float) -> Any:
        raise urllib.error.HTTPError(url, status, "", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    found = front_door.check_signatures(patient)
    assert says in found
    assert bool(found) == bool(says)


def test_alarms() -> None:
    names = {"filemill-test-DeadLetterAlarm-1": "DeadLetterAlarm", "filemill-test-ErrorAlarm-2": "ErrorAlarm"}
    quiet = [{"AlarmName": name, "StateValue": "OK", "ActionsEnabled": True} for name in names]
    assert stack.assess_alarms(names, quiet, "provision") == ""
    assert "missing (ErrorAlarm); provision" in stack.assess_alarms(names, quiet[:1], "provision")
    rings = [{**quiet[0], "StateValue": "ALARM"}, quiet[1]]
    assert "DeadLetterAlarm rings; see docs/operations.md" in stack.assess_alarms(names, rings, "provision")
    off = [quiet[0], {**quiet[1], "ActionsEnabled": False}]
    assert "ErrorAlarm would tell nobody" in stack.assess_alarms(names, off, "provision")


def test_the_canary_s_picture_is_a_small_jpeg() -> None:
    assert canary.picture().startswith(b"\xff\xd8")
    assert len(canary.picture()) < 5_000
