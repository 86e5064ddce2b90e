"""A stage that is damaged on purpose, one thing at a time: the doctor names it, and what it says mends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from chalicelib.settings import load
from ops import doctor
from ops.doctor.patient import Patient
from ops.local.emulator_process import REGION
from ops.local.stage import LocalStage
from ops.stack.roles import POLICY_NAME


@dataclass
class Stage:
    """The deployed stage as its operator sees it, by clients and by the names of its resources."""

    local: LocalStage
    session: boto3.Session

    @property
    def patient(self) -> Patient:
        return Patient(self.session, REGION, self.local.project_dir, load(self.local.variables()))

    def client(self, service: str) -> Any:
        return self.session.client(service)  # type: ignore[call-overload]

    def name(self, resource: str) -> str:
        return self.local.variables()[f"FILEMILL_{resource}"]

    def mapping(self, function: str) -> str:
        (found,) = self.client("lambda").list_event_source_mappings(FunctionName=f"filemill-local-{function}")[
            "EventSourceMappings"
        ]
        return str(found["UUID"])

    def findings(self) -> dict[str, str]:
        return {each.name: each.sentence for each in doctor.examine(self.patient, doctor.CHECKS) if each.bad}


@pytest.fixture(scope="module")
def stage(local_stage: LocalStage) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_stage.environment.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        yield Stage(local_stage, boto3.Session())


Mend = Callable[[], object]
Damage = Callable[[Stage], Mend]


def without_notification(stage: Stage) -> Mend:
    s3, bucket = stage.client("s3"), stage.name("ORIGINALS_BUCKET")
    before = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    return lambda: s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": before}
    )


def cors(change: dict[str, Any] | None) -> Damage:
    def damage(stage: Stage) -> Mend:
        s3, bucket = stage.client("s3"), stage.name("ORIGINALS_BUCKET")
        before = s3.get_bucket_cors(Bucket=bucket)["CORSRules"]
        if change is None:
            s3.delete_bucket_cors(Bucket=bucket)
        else:
            s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{**before[0], **change}]})
        return lambda: s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": before})

    return damage


def open_bucket(stage: Stage) -> Mend:
    s3, bucket = stage.client("s3"), stage.name("DERIVED_BUCKET")
    before = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=bucket)
    return lambda: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=before)


def without_versions(stage: Stage) -> Mend:
    def set_to(status: str) -> None:
        stage.client("s3").put_bucket_versioning(
            Bucket=stage.name("ORIGINALS_BUCKET"), VersioningConfiguration={"Status": status}
        )

    set_to("Suspended")
    return lambda: set_to("Enabled")


def closed_to_the_distribution(stage: Stage) -> Mend:
    s3, bucket = stage.client("s3"), stage.name("DERIVED_BUCKET")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    return lambda: s3.put_bucket_policy(Bucket=bucket, Policy=before)


def without_expiry(stage: Stage) -> Mend:
    def turn(on: bool) -> None:
        stage.client("dynamodb").update_time_to_live(
            TableName=stage.name("TABLE"), TimeToLiveSpecification={"Enabled": on, "AttributeName": "ttl"}
        )

    turn(False)
    return lambda: turn(True)


def queue(which: str, **attributes: str) -> Damage:
    def damage(stage: Stage) -> Mend:
        sqs, url = stage.client("sqs"), stage.name(f"{which}_QUEUE_URL")
        before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(attributes))["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    return damage


def fewer_tries(stage: Stage) -> Mend:
    sqs, url = stage.client("sqs"), stage.name("INGEST_QUEUE_URL")
    policy = json.loads(
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    )
    return queue("INGEST", RedrivePolicy=json.dumps({**policy, "maxReceiveCount": 2}))(stage)


def dead_letter(which: str) -> Damage:
    def damage(stage: Stage) -> Mend:
        sqs, url = stage.client("sqs"), stage.name(f"{which}DEAD_LETTER_QUEUE_URL")
        sqs.send_message(QueueUrl=url, MessageBody="{}")

        def mend() -> None:
            (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        return mend

    return damage


def trigger(function: str, after: dict[str, Any], before: dict[str, Any]) -> Damage:
    def damage(stage: Stage) -> Mend:
        client, uuid = stage.client("lambda"), stage.mapping(function)
        client.update_event_source_mapping(UUID=uuid, **after)
        return lambda: client.update_event_source_mapping(UUID=uuid, **before)

    return damage


def schedule_off(stage: Stage) -> Mend:
    events = stage.client("events")
    events.disable_rule(Name="filemill-local-sweep-event")
    return lambda: events.enable_rule(Name="filemill-local-sweep-event")


def turned_off(stage: Stage) -> Mend:
    client, name = stage.client("lambda"), "filemill-local-render"
    reserved = client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    return lambda: client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def role_policy(*statements: dict[str, Any]) -> Damage:
    """Another policy for the process function's role, or none."""

    def damage(stage: Stage) -> Mend:
        iam = stage.client("iam")
        function = stage.client("lambda").get_function_configuration(FunctionName="filemill-local-process")
        which = {"RoleName": function["Role"].rpartition("/")[2], "PolicyName": POLICY_NAME}
        before = json.dumps(iam.get_role_policy(**which)["PolicyDocument"])
        if statements:
            document = {"Version": "2012-10-17", "Statement": list(statements)}
            iam.put_role_policy(**which, PolicyDocument=json.dumps(document))
        else:
            iam.delete_role_policy(**which)
        return lambda: iam.put_role_policy(**which, PolicyDocument=before)

    return damage


def without_key(stage: Stage) -> Mend:
    ssm, name = stage.client("ssm"), stage.name("CDN_KEY_PARAMETER")
    before = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    return lambda: ssm.put_parameter(Name=name, Value=before, Type="SecureString")


def kept_for_ever(stage: Stage) -> Mend:
    """As Lambda makes a group."""
    logs, group = stage.client("logs"), "/aws/lambda/filemill-local-process"
    logs.delete_retention_policy(logGroupName=group)
    return lambda: logs.put_retention_policy(logGroupName=group, retentionInDays=30)


def alarm(damage: Callable[[Any, str], object], mend: Callable[[Any, str], object]) -> Damage:
    def damaged(stage: Stage) -> Mend:
        resource = stage.client("cloudformation").describe_stack_resource(
            StackName="filemill-local", LogicalResourceId="IngestAgeAlarm"
        )
        name, client = resource["StackResourceDetail"]["PhysicalResourceId"], stage.client("cloudwatch")
        damage(client, name)
        return lambda: mend(client, name)

    return damaged


def rings(state: str) -> Callable[[Any, str], object]:
    return lambda client, name: client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")


DAMAGES: list[tuple[str, str, Damage]] = [
    ("new objects reach the queue", "does not tell the ingest queue about new objects", without_notification),
    ("the queue accepts them", "does not let the originals bucket send to it", queue("INGEST", Policy="")),
    ("browsers may upload", "does not allow uploads from browsers", cors(None)),
    ("browsers may upload", "hides ETag", cors({"ExposeHeaders": ["Location"]})),
    ("the buckets are closed", "could be made public", open_bucket),
    ("the buckets are closed", "keeps no versions", without_versions),
    ("the buckets are closed", "does not let the distribution read", closed_to_the_distribution),
    ("records expire", "does not delete items when their `ttl` has passed", without_expiry),
    ("failed files are set aside", "no dead-letter queue", queue("INGEST", RedrivePolicy="")),
    ("failed files are set aside", "gives up after 2 tries", fewer_tries),
    ("failed files are set aside", "hides a message for 1000 s", queue("INGEST", VisibilityTimeout="1000")),
    ("failed imports are set aside", "hides a message for 30 s", queue("IMPORT", VisibilityTimeout="30")),
    ("no dead letters", "1 from the ingest queue", dead_letter("")),
    ("no dead letters", "1 from the import queue", dead_letter("IMPORT_")),
    ("the queue is read", "trigger is disabled", trigger("process", {"Enabled": False}, {"Enabled": True})),
    (
        "the queue is read",
        "has a filter",
        trigger("process", {"FilterCriteria": {"Filters": [{"Pattern": '{"body":["x"]}'}]}}, {"FilterCriteria": {}}),
    ),
    ("the import queue is read", "trigger is disabled", trigger("fetch", {"Enabled": False}, {"Enabled": True})),
    ("the index follows the table", "trigger is disabled", trigger("index", {"Enabled": False}, {"Enabled": True})),
    ("the sweep runs", "schedule is off", schedule_off),
    ("the functions are as recorded", "filemill-local-render is turned off", turned_off),
    ("the functions may do their work", "does not have its policy", role_policy()),
    (
        "the functions may do their work",
        "has other permissions (Records, Originals",
        role_policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
    ),
    ("private files open with a signature", "private signing key is missing", without_key),
    ("logs end", "filemill-local-process is kept for ever", kept_for_ever),
    ("the alarms are quiet", "alarms are ringing (IngestAgeAlarm)", alarm(rings("ALARM"), rings("OK"))),
    (
        "the alarms are quiet",
        "would tell nobody",
        alarm(
            lambda client, name: client.disable_alarm_actions(AlarmNames=[name]),
            lambda client, name: client.enable_alarm_actions(AlarmNames=[name]),
        ),
    ),
]


def test_each_damage_is_named_and_once_mended_is_not(stage: Stage) -> None:
    for check, words, damage in DAMAGES:
        mend = damage(stage)
        try:
            found = doctor.CHECKS[check](stage.patient)
        finally:
            mend()
        assert words in found, check
        assert doctor.CHECKS[check](stage.patient) == ""
    assert stage.findings() == {}


def test_what_a_deployment_mends(stage: Stage) -> None:
    """Much at once, then the one command that the findings come to."""
    client, dynamodb = stage.client("lambda"), stage.client("dynamodb")
    process, index, table = "filemill-local-process", "filemill-local-index", stage.name("TABLE")
    source = stage.local.project_dir / "chalicelib" / "upkeep" / "removal.py"
    text = source.read_text()
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    try:
        assert "no stream with old and new images" in doctor.CHECKS["changes are streamed"](stage.patient)
        dynamodb.update_table(TableName=table, StreamSpecification=stream)
        client.update_event_source_mapping(
            UUID=stage.mapping("process"), BatchSize=10, ScalingConfig={"MaximumConcurrency": 5}
        )
        client.delete_event_source_mapping(UUID=stage.mapping("fetch"))
        client.update_function_configuration(FunctionName=process, MemorySize=512)
        client.delete_function(FunctionName="filemill-local-render")
        roles = {name: client.get_function_configuration(FunctionName=name)["Role"] for name in (process, index)}
        client.update_function_configuration(FunctionName=process, Role=roles[index])
        stage.client("events").remove_targets(Rule="filemill-local-sweep-event", Ids=["1"])
        source.write_text(f"{text}# edited after the deployment\n")
        found = stage.findings()
    finally:
        source.write_text(text)
        dynamodb.update_table(TableName=table, StreamSpecification=stream)
        stage.local.make_deploy()
    expected = {
        "the queue is read": "takes 10 messages at once",
        "the import queue is read": "no function reads the import queue",
        "Chalice knows what is deployed": "gone from AWS, but in",
        "the functions are as recorded": f"{process} has a MemorySize of 512",
        "the functions may do their work": f"function {process} has the role {roles[index]}",
        "the functions run this code": "runs other code than this checkout's (chalicelib/upkeep/removal.py)",
        "the sweep runs": "does not call it",
        "changes are streamed": "another stream than the recorded one",
    }
    assert found.keys() == expected.keys()
    for check, words in expected.items():
        assert words in found[check]
        assert "`chalice deploy --stage local`" in found[check] or "`make deploy STAGE=local`" in found[check]
    assert stage.findings() == {}
    client.get_function(FunctionName="filemill-local-render")
