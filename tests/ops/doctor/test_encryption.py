"""A key that is off, does not rotate, is about to be deleted, is not used, or that a service may not use, is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.settings import load
from ops.doctor import encryption
from ops.doctor.patient import Patient
from ops.stack import cloudformation
from tests.stage import STAGE, aws_client, table_definition

SERVICES = [
    {"Effect": "Allow", "Principal": {"Service": name}, "Action": sorted(actions), "Resource": "*"}
    for name, actions in encryption.SERVICES.items()
]
ROOT: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "kms:*",
    "Resource": "*",
}
ARN = "arn:aws:kms:eu-west-1:123456789012:key/1"


def policy(*more: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [ROOT, *more]})


@pytest.fixture
def key(patient: Patient) -> str:
    return str(aws_client("kms").create_key(Policy=policy())["KeyMetadata"]["Arn"])


def keyed(patient: Patient, key: str) -> Patient:
    """The same stage with this key."""
    settings = load({**STAGE, "FILEMILL_ENCRYPTION_KEY_ARN": key})
    return Patient(patient.session, patient.region, patient.project_dir, settings)


def parameters(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    listed = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {"Parameters": listed})


def test_a_stage_without_a_key_is_asked_nothing(patient: Patient) -> None:
    assert encryption.check(patient) == ""


def test_a_key_is_followed_from_its_making_to_its_end(
    patient: Patient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms, examined = aws_client("kms"), keyed(patient, key)
    parameters(monkeypatch, EncryptionKey=key, Encrypt="false")
    assert "does not rotate" in encryption.check(examined)
    kms.enable_key_rotation(KeyId=key)
    assert "does not allow s3.amazonaws.com kms:Decrypt, kms:GenerateDataKey" in encryption.check(examined)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(*SERVICES))
    assert encryption.check(examined) == ""
    parameters(monkeypatch, EncryptionKey="own", Encrypt="true")
    _make_what_holds_data()
    assert "not encrypted with" in encryption.check(examined)
    _make_what_holds_data(key)
    assert encryption.check(examined) == ""
    key_id = key.rpartition("/")[2]  # moto knows no ARN in these two
    kms.disable_key(KeyId=key_id)
    assert "is Disabled, so nothing can be read" in encryption.check(examined)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert "will be deleted on" in encryption.check(examined)
    assert "cancel-key-deletion" in encryption.check(examined)


def _make_what_holds_data(key: str = "") -> None:
    """The stage's buckets, queues and table; the second time they are encrypted with the key."""
    s3, sqs, dynamodb = aws_client("s3"), aws_client("sqs"), aws_client("dynamodb")
    for bucket in ("originals", "derived"):
        if not key:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        rule: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
        )
    for name in ("INGEST", "IMPORT", "WEBHOOK"):
        url = STAGE[f"FILEMILL_{name}_QUEUE_URL"]
        if key:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
        else:
            sqs.create_queue(QueueName=url.rpartition("/")[2])
    if key:
        dynamodb.delete_table(TableName=STAGE["FILEMILL_TABLE"])
    how: Any = {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}} if key else {}
    dynamodb.create_table(TableName=STAGE["FILEMILL_TABLE"], **table_definition(), **how)


def test_a_service_that_the_policy_forgets_is_named() -> None:
    for missing in SERVICES:
        rest = [each for each in SERVICES if each is not missing]
        said = encryption.assess_policy(json.loads(policy(*rest)), ARN)
        assert f"does not allow {missing['Principal']['Service']}" in said  # type: ignore[index]
    every = {**SERVICES[0], "Principal": {"Service": list(encryption.SERVICES)}, "Action": ["kms:Decrypt"]}
    assert "kms:GenerateDataKey" in encryption.assess_policy(json.loads(policy(every)), ARN)
    every["Action"] = ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert encryption.assess_policy(json.loads(policy(every)), ARN) == ""
    anybody = {**every, "Principal": "*"}
    assert encryption.assess_policy(json.loads(policy(anybody)), ARN) != "", "everybody is nobody that we name"


def test_what_uses_another_key_is_named() -> None:
    used = {"originals": ARN, "ingest": "1", "table": "arn:aws:kms:eu-west-1:123456789012:key/2", "derived": ""}
    assert encryption.assess_use(ARN, used, "do it") == f"not encrypted with {ARN}: derived, table; do it"


@pytest.mark.parametrize("state", ["Disabled", "PendingImport", "Unavailable"])
def test_a_key_that_is_not_enabled_opens_nothing(state: str) -> None:
    assert f"is {state}" in encryption.assess_state({"Arn": ARN, "KeyState": state})
