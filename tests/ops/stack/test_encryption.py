"""The stage's KMS key: what is encrypted with it, who may use it for what, and which changes a running stage takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ops.stack import conditions, encryption, template
from ops.stack.names import FUNCTIONS, ROLE_IDS
from ops.stack.roles import function_policies, resolved
from tests.iam import stages
from tests.iam.evaluator import Need, Right, allowed_by, rights
from tests.stage import ROOT

DOCUMENT = template.document(ROOT)
ARN = "arn:aws:kms:eu-west-1:123456789012:key/1"
ACCOUNT = stages.ACCOUNT
SCANS_AND_FILMS = {"Scan": "guardduty", "MediaConvert": "true", "Services": "true", "EventArchiveDays": "3"}
ENCRYPTED = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::Events::Archive")


def made(**parameters: str) -> dict[str, Any]:
    """The resources that the template makes with these parameters, each `Fn::If` decided."""
    values = conditions.parameters(DOCUMENT, {**SCANS_AND_FILMS, **parameters}, "eu-west-1")

    def decided(node: Any) -> Any:
        match node:
            case {"Fn::If": [str(condition), yes, no]}:
                return decided(yes if conditions.holds(DOCUMENT, condition, values) else no)
            case dict():
                found = {name: decided(value) for name, value in node.items()}
                return {name: value for name, value in found.items() if value != {"Ref": "AWS::NoValue"}}
            case list():
                return [value for value in map(decided, node) if value != {"Ref": "AWS::NoValue"}]
        return node

    return {name: decided(body) for name, body in conditions.resources(DOCUMENT, values).items()}


def keys_of(resources: dict[str, Any]) -> dict[str, Any]:
    """Logical id of what holds data → the key that it is encrypted with; None for one of AWS's own."""
    found = {}
    for name, body in resources.items():
        said = body["Properties"]
        match body["Type"]:
            case "AWS::S3::Bucket":
                (rule,) = said["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                found[name] = rule["ServerSideEncryptionByDefault"].get("KMSMasterKeyID")
            case "AWS::SQS::Queue":
                found[name] = said.get("KmsMasterKeyId")
            case "AWS::DynamoDB::Table":
                found[name] = said.get("SSESpecification", {}).get("KMSMasterKeyId")
            case "AWS::Events::Archive":
                found[name] = said.get("KmsKeyIdentifier")
    return found


def test_without_the_parameter_nothing_knows_of_a_key() -> None:
    resources = made()
    assert "kms" not in json.dumps(resources).lower()
    assert set(keys_of(resources).values()) == {None}
    place = replace(stages.place(), encryption_key="")
    for policy in function_policies(place, ROOT).values():
        assert "kms:" not in json.dumps(policy)
    queues = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::SQS::Queue"]
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues)


@pytest.mark.parametrize(("given", "key"), [("own", {"Fn::GetAtt": ["Key", "Arn"]}), (ARN, {"Ref": "EncryptionKey"})])
def test_with_a_key_all_that_holds_data_is_encrypted_with_it(given: str, key: Any) -> None:
    resources = made(EncryptionKey=given)
    assert ("Key" in resources) == (given == "own")
    found = keys_of(resources)
    assert len(found) == sum(body["Type"] in ENCRYPTED for body in resources.values()) == 11
    assert set(map(json.dumps, found.values())) == {json.dumps(key)}
    for body in resources.values():
        if body["Type"] == "AWS::S3::Bucket":
            (rule,) = body["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            assert rule["BucketKeyEnabled"] is True, "else each object costs a request to KMS"
        if body["Type"] == "AWS::SQS::Queue":
            assert body["Properties"]["SqsManagedSseEnabled"] is False, "a queue takes one of the two"
            assert body["Properties"]["KmsDataKeyReusePeriodSeconds"] == 3600


def test_the_rights_alone_encrypt_nothing() -> None:
    resources = made(EncryptionKey="own", Encrypt="false")
    assert set(keys_of(resources).values()) == {None}
    assert "Key" in resources
    for role in ROLE_IDS.values():
        assert "kms:Decrypt" in json.dumps(resources[role]), role


def test_the_key_outlives_the_stack_and_rotates() -> None:
    key = made(EncryptionKey="own")["Key"]
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["Properties"]["PendingWindowInDays"] == 30


def test_no_resource_needs_itself() -> None:
    """The key's policy names the distribution, which reads the bucket that the key encrypts."""
    needed = {name: set(_named(body)) & DOCUMENT["Resources"].keys() for name, body in DOCUMENT["Resources"].items()}
    assert "Distribution" in needed["Key"]
    assert "Key" in needed["DerivedBucket"]
    done: set[str] = set()
    while ready := {name for name in needed.keys() - done if needed[name] <= done}:
        done |= ready
    assert sorted(needed.keys() - done) == []


def _named(node: Any) -> Iterator[str]:
    match node:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from re.findall(r"\$\{(\w+)", text)
        case dict():
            for key, value in node.items():
                yield from [value] if key == "DependsOn" and isinstance(value, str) else _named(value)
        case list():
            for value in node:
                yield from _named(value) if not isinstance(value, str) else ()


# --- the key's own policy

VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": ACCOUNT,
    "Stage": "test",
    "Distribution": "E1",
}
BUCKET = f"arn:aws:s3:::filemill-test-originals-{ACCOUNT}-eu-west-1"
RULE = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/"
BUS = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/filemill-"
DISTRIBUTION = f"arn:aws:cloudfront::{ACCOUNT}:distribution/"
S3 = {"aws:SourceArn": BUCKET, "aws:SourceAccount": ACCOUNT}

OF_SERVICES: list[tuple[str, str, dict[str, str], bool]] = [
    ("s3", "GenerateDataKey", S3, True),
    ("s3", "Decrypt", S3, True),
    ("s3", "Decrypt", {**S3, "aws:SourceAccount": "999999999999"}, False),
    ("s3", "Decrypt", {**S3, "aws:SourceArn": "arn:aws:s3:::other"}, False),
    ("s3", "Decrypt", {}, False),
    ("s3", "PutKeyPolicy", S3, False),
    ("events", "GenerateDataKey", {"aws:SourceArn": f"{RULE}filemill-test-scans"}, True),
    ("events", "Decrypt", {"aws:SourceArn": f"{RULE}filemill-test-converted"}, True),
    ("events", "Decrypt", {"aws:SourceArn": f"{RULE}filemill-test/filemill-test-answers"}, True),
    ("events", "Decrypt", {"aws:SourceArn": f"{RULE}filemill-other-scans"}, False),
    ("events", "Decrypt", {}, False),
    ("events", "ReEncryptTo", {"kms:EncryptionContext:aws:events:event-bus:arn": f"{BUS}test"}, True),
    ("events", "Decrypt", {"kms:EncryptionContext:aws:events:event-bus:arn": f"{BUS}other"}, False),
    ("events", "DescribeKey", {"aws:SourceAccount": ACCOUNT}, True),
    ("events", "DescribeKey", {}, False),
    ("cloudfront", "Decrypt", {"AWS:SourceArn": f"{DISTRIBUTION}E1"}, True),
    ("cloudfront", "Decrypt", {"AWS:SourceArn": f"{DISTRIBUTION}E2"}, False),
    ("cloudfront", "GenerateDataKey", {"AWS:SourceArn": f"{DISTRIBUTION}E1"}, False),
    ("sns", "Decrypt", {"aws:SourceAccount": ACCOUNT}, False),
]


def statements(service: str) -> list[Right]:
    """The rights that the key's policy gives to a service."""
    body = resolved(DOCUMENT["Resources"]["Key"]["Properties"]["KeyPolicy"], VALUES, {})
    chosen = [each for each in body["Statement"] if each["Principal"] == {"Service": f"{service}.amazonaws.com"}]
    return rights({"Statement": chosen})


@pytest.mark.parametrize(("service", "action", "context", "may"), OF_SERVICES)
def test_a_service_uses_the_key_for_this_stage_alone(
    service: str, action: str, context: dict[str, str], may: bool
) -> None:
    assert bool(allowed_by(statements(service), Need(f"kms:{action}", "*", context))) is may


def test_the_keys_policy_names_nobody_but_the_account_and_three_services() -> None:
    body = resolved(DOCUMENT["Resources"]["Key"]["Properties"]["KeyPolicy"], VALUES, {})
    principals = [each["Principal"] for each in body["Statement"]]
    assert principals[0] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert all(list(each) == ["Service"] for each in principals[1:])
    assert all(each.get("Condition") for each in body["Statement"][1:])


# --- the roles. That each function has what its calls need, and nothing else: tests/faults/test_permissions.py.


def key_rights(function: str) -> list[Right]:
    return [right for right in rights(stages.function_policies()[function]) if right.action.startswith("kms:")]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_uses_the_key_only_through_the_services(function: str) -> None:
    assert key_rights(function)
    for right in key_rights(function):
        assert right.action in ("kms:Decrypt", "kms:GenerateDataKey")
        assert right.resource == stages.KEY
        assert not right.covers(Need(right.action, stages.KEY)), "with no service in between"


def test_a_function_that_reads_no_file_cant_open_one_with_the_key() -> None:
    """`fetch` may decrypt, because S3 reads the parts of an upload again; it has no right to read an object."""
    place = stages.place()
    opens = {
        function
        for function in FUNCTIONS
        for bucket in (place.originals_bucket, place.derived_bucket)
        if allowed_by(
            key_rights(function),
            Need(
                "kms:Decrypt",
                stages.KEY,
                {
                    "kms:ViaService": "s3.eu-west-1.amazonaws.com",
                    "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}",
                },
            ),
        )
    }
    assert opens == {"api_handler", "process", "media", "fetch", "render", "stream"}
    read = [right for right in rights(stages.function_policies()["fetch"]) if right.action.startswith("s3:Get")]
    assert read == []


@pytest.mark.parametrize(
    ("role", "bucket", "actions"),
    [
        ("ScanRole", "", {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("MediaConvertRole", "OriginalsBucket", {"kms:Decrypt"}),
        ("MediaConvertRole", "DerivedBucket", {"kms:Decrypt", "kms:GenerateDataKey"}),
    ],
)
def test_a_service_with_a_role_of_ours_may_use_the_key_as_its_documentation_says(
    role: str, bucket: str, actions: set[str]
) -> None:
    said = made(EncryptionKey="own")[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    ours = [each for each in said if each["Sid"].startswith("Key") and bucket in json.dumps(each["Condition"])]
    assert {action for each in ours for action in each["Action"]} == actions
    for each in ours:
        assert each["Condition"]["StringEquals"]["kms:ViaService"] == {"Fn::Sub": "s3.${AWS::Region}.amazonaws.com"}


# --- changes


def stack(status: str = "UPDATE_COMPLETE", **parameters: str) -> dict[str, Any]:
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    return {"StackStatus": status, "Parameters": listed}


@pytest.mark.parametrize(
    ("present", "given", "says"),
    [
        (None, {"EncryptionKey": "own"}, ""),
        (stack("ROLLBACK_COMPLETE"), {"EncryptionKey": "own"}, ""),
        (stack("REVIEW_IN_PROGRESS"), {"EncryptionKey": "own"}, ""),
        (stack(), {}, ""),
        (stack(), {"EncryptionKey": "own"}, "--set EncryptionKey=own --set Encrypt=false` first"),
        (stack(Encrypt="false"), {"EncryptionKey": ARN}, ""),
        (stack(), {"EncryptionKey": "own", "Encrypt": "false"}, ""),
        (stack(EncryptionKey="own", Encrypt="false"), {"Encrypt": "true"}, ""),
        (stack(EncryptionKey="own", Encrypt="true"), {"Encrypt": "false"}, ""),
        (stack(EncryptionKey="own", Encrypt="true"), {"EncryptionKey": "own"}, ""),
        (stack(EncryptionKey="own"), {"EncryptionKey": ""}, "is own and can't become empty"),
        (stack(EncryptionKey="own"), {"EncryptionKey": ARN}, f"is own and can't become {ARN}"),
        (stack(EncryptionKey=ARN), {"EncryptionKey": "own"}, "can't become own"),
        (stack(EncryptionKey=ARN, Encrypt="false"), {"EncryptionKey": ""}, "set Encrypt=false and leave"),
    ],
)
def test_a_stage_that_runs_gets_rights_first_and_keeps_its_key(
    present: dict[str, Any] | None, given: dict[str, str], says: str
) -> None:
    refusal = encryption.refuse_change(present, given)
    assert says in refusal
    assert bool(refusal) == bool(says)


# --- costs


def test_the_page_of_costs_counts_the_queues_requests_to_kms_as_sqs_does() -> None:
    """R = B / D * (2 * P + C), for a month of 30 days and a data key of an hour. S3 and EventBridge send, too."""
    place = stages.place()
    queues = (place.ingest_queue_arn, place.import_queue_arn, place.webhook_queue_arn, place.media_queue_arn)
    of_functions = [rights(policy) for policy in stages.function_policies().values()]

    def count(action: str, queue: str) -> int:
        return sum(bool(allowed_by(each, Need(action, queue))) for each in of_functions)

    shares = sum(2 * count("sqs:SendMessage", queue) + count("sqs:ReceiveMessage", queue) for queue in queues) + 2 * 2
    page = (ROOT / "docs/costs.md").read_text(encoding="utf-8")
    requests = 30 * 24 * shares
    assert f"at most {requests:,} a month (${requests * 0.03 / 10_000:.2f})" in page


def test_the_page_has_the_policy_that_the_stages_own_key_has() -> None:
    page = (ROOT / "docs/encryption.md").read_text(encoding="utf-8")
    written = json.loads(page.partition("```json\n")[2].partition("```")[0])
    words = {
        **VALUES,
        "AWS::Region": "REGION",
        "AWS::AccountId": "ACCOUNT",
        "Stage": "STAGE",
        "Distribution": "DISTRIBUTION",
    }
    policy = resolved(DOCUMENT["Resources"]["Key"]["Properties"]["KeyPolicy"], words, {})
    assert written == policy["Statement"]
