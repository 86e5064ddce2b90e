"""A stage is provisioned and deleted on moto. CloudFormation is replaced, because moto's lacks our resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from chalicelib import keyring
from chalicelib.settings import load
from ops import __main__ as ops
from ops import config, provision, unprovision
from ops.errors import OpsError
from ops.stack import cloudformation, deployment, emulator_gaps, signing_key
from tests.stage import aws_client, table_definition

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/filemill-prod/1"
ORIGINALS, DERIVED = (f"filemill-prod-{kind}-123456789012-eu-west-1" for kind in ("originals", "derived"))
OUTPUTS = {
    "OriginalsBucket": ORIGINALS,
    "DerivedBucket": DERIVED,
    "Table": "filemill-prod-Table-1",
    "TableStreamArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/filemill-prod-Table-1/stream/1",
    "IngestQueueArn": "arn:aws:sqs:eu-west-1:123456789012:ingest",
    "IngestQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/ingest",
    "DeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
    "ImportQueueArn": "arn:aws:sqs:eu-west-1:123456789012:imports",
    "ImportQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/imports",
    "ImportDeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-imports",
    "DistributionId": "E1",
    "DistributionDomain": "d1.cloudfront.net",
    "FrontDoor": "https://d1.cloudfront.net",
}


class Stacks:
    """Stands in for CloudFormation: remembers what it was asked for."""

    def __init__(self) -> None:
        self.deployed: list[dict[str, str]] = []
        self.deleted: list[str] = []
        self.there = True

    @property
    def made(self) -> dict[str, Any]:
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]
        return {"StackId": STACK_ID, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}

    def deploy(self, cfn: Any, name: str, template: str, parameters: dict[str, str], *_: Any, **__: Any) -> Any:
        assert name == "filemill-prod"
        self.deployed.append(parameters)
        return self.made

    def describe(self, cfn: Any, name: str) -> Any:
        return self.made if self.there else None

    def delete(self, cfn: Any, name: str, progress: Any) -> None:
        self.deleted.append(name)
        self.there = False


@pytest.fixture(scope="module")
def session(cloud: None) -> boto3.Session:
    """One session for all tests, because reading the services' models takes long."""
    return boto3.Session()


@pytest.fixture
def stacks(session: boto3.Session, cdn_key: bytes, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    monkeypatch.setattr(boto3, "Session", lambda: session)
    monkeypatch.setattr(signing_key, "new_private_key", cdn_key.decode)
    fake = Stacks()
    for name in ("deploy", "delete"):
        monkeypatch.setattr(deployment, name, getattr(fake, name))
    monkeypatch.setattr(cloudformation, "describe", fake.describe)
    return fake


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    (tmp_path / ".chalice" / "resources.yaml").write_text("Resources: {}")
    config.config_path(tmp_path).write_text('{"version": "2.0", "app_name": "filemill", "stages": {}}')
    return tmp_path


def run(project: Path, **options: Any) -> list[str]:
    said: list[str] = []
    provision.provision("prod", project, progress=said.append, **options)
    return said


def deployed(project: Path, *resources: dict[str, str]) -> None:
    (project / ".chalice" / "deployed" / "prod.json").write_text(json.dumps({"resources": resources}))


API = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc123"}


def test_the_stage_is_recorded_so_that_the_app_can_load_its_settings(stacks: Stacks, project: Path) -> None:
    said = run(project)
    assert said[1] == "set how long logs are kept (6 log groups)"
    settings = load(config.load_stage(project, "prod"))
    assert settings.stage == "prod"
    assert settings.originals_bucket == ORIGINALS
    assert settings.front_door == "https://d1.cloudfront.net"
    assert settings.cdn_key_parameter == "/filemill/prod/cdn-signing-key"
    assert said[0] == "stage prod: account 123456789012, region eu-west-1"
    assert said[-1] == "front door: https://d1.cloudfront.net"


def test_each_function_gets_a_policy_for_these_resources(stacks: Stacks, project: Path) -> None:
    run(project)
    functions = config.read_config(project)["stages"]["prod"]["lambda_functions"]
    assert {f: v["iam_policy_file"] for f, v in functions.items()} == {
        "api_handler": "policy-prod-api.json",
        "process": "policy-prod-process.json",
        "fetch": "policy-prod-fetch.json",
        "index": "policy-prod-index.json",
        "render": "policy-prod-render.json",
        "sweep": "policy-prod-sweep.json",
    }
    api = (project / ".chalice" / "policy-prod-api.json").read_text()
    assert "arn:aws:dynamodb:eu-west-1:123456789012:table/filemill-prod-Table-1" in api
    assert "arn:aws:ssm:eu-west-1:123456789012:parameter/filemill/prod/secret" in api


def test_cloudfront_gets_the_secret_that_the_api_will_ask_for(stacks: Stacks, project: Path) -> None:
    run(project)
    stored = boto3.Session().client("ssm").get_parameter(Name="/filemill/prod/secret", WithDecryption=True)
    secret = stored["Parameter"]["Value"].encode()
    assert stacks.deployed[-1]["EdgeSecret"] == keyring.derived_edge_secret(secret)
    recorded = "".join(p.read_text() for p in (project / ".chalice").rglob("*.*"))
    assert stacks.deployed[-1]["EdgeSecret"] not in recorded


def test_a_second_run_changes_nothing(stacks: Stacks, project: Path) -> None:
    run(project)
    before = {p: (p.read_text(), p.stat().st_mtime_ns) for p in (project / ".chalice").glob("*.json")}
    said = run(project)
    assert {p: (p.read_text(), p.stat().st_mtime_ns) for p in (project / ".chalice").glob("*.json")} == before
    assert said == ["stage prod: account 123456789012, region eu-west-1", "front door: https://d1.cloudfront.net"]
    assert stacks.deployed[0] == stacks.deployed[1]


def test_the_deployed_api_becomes_the_distributions_origin(stacks: Stacks, project: Path) -> None:
    run(project)
    assert "ApiDomain" not in stacks.deployed[-1], "it may be deployed from elsewhere, so the stack keeps its address"
    deployed(project, API)
    run(project)
    assert stacks.deployed[-1]["ApiDomain"] == "abc123.execute-api.eu-west-1.amazonaws.com"
    deployed(project)  # as `chalice delete` leaves it
    run(project)
    assert stacks.deployed[-1]["ApiDomain"] == ""


def test_functions_that_run_already_need_another_deployment_to_get_what_is_new(stacks: Stacks, project: Path) -> None:
    deployed(project, API)
    assert "run `chalice deploy --stage prod` to give the functions these changes" in run(project)
    assert not [line for line in run(project) if "chalice deploy" in line]


def test_logs_are_kept_as_long_as_the_stage_says_and_a_wrong_number_stops_before_anything_is_made(
    stacks: Stacks, project: Path
) -> None:
    recorded = config.read_config(project) | {"stages": {"prod": {"environment_variables": {"FILEMILL_LOG_DAYS": "7"}}}}
    config.write_json(config.config_path(project), recorded)
    deployed(project, API)
    logs = aws_client("logs")
    logs.create_log_group(logGroupName="API-Gateway-Execution-Logs_abc123/api")
    assert "set how long logs are kept (7 log groups)" in run(project)
    assert {group["retentionInDays"] for group in logs.describe_log_groups()["logGroups"]} == {7}
    recorded["stages"]["prod"]["environment_variables"]["FILEMILL_LOG_DAYS"] = "8"
    config.write_json(config.config_path(project), recorded)
    with pytest.raises(OpsError, match="FILEMILL_LOG_DAYS"):
        run(project)
    assert len(stacks.deployed) == 1


def test_a_front_door_of_ones_own_is_recorded(stacks: Stacks, project: Path) -> None:
    run(project, front_door="http://localhost:8000/")
    assert config.load_stage(project, "prod")["FILEMILL_FRONT_DOOR"] == "http://localhost:8000"


def test_parameters_are_handed_on_but_not_ours(stacks: Stacks, project: Path) -> None:
    run(project, parameters={"PriceClass": "PriceClass_All"})
    assert stacks.deployed[-1]["PriceClass"] == "PriceClass_All"
    assert stacks.deployed[-1]["Stage"] == "prod"
    with pytest.raises(OpsError, match="KeyGroupId can't be set"):
        run(project, parameters={"KeyGroupId": "x"})


def test_a_stage_stays_in_its_account_and_region(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(project)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with pytest.raises(OpsError, match=r"is in account 123456789012, region eu-west-1; you are in .* us-west-2"):
        run(project)
    assert len(stacks.deployed) == 1


def test_a_bad_stage_name_is_refused_before_anything_is_made(stacks: Stacks, project: Path) -> None:
    with pytest.raises(OpsError, match="can't be a stage's name"):
        provision.provision("Prod", project)
    assert aws_client("ssm").describe_parameters()["Parameters"] == []


def test_the_emulator_is_told_from_aws() -> None:
    for aws in ("https://s3.eu-west-1.amazonaws.com", "https://s3.cn-north-1.amazonaws.com.cn"):
        assert not emulator_gaps.is_emulator(aws)
        assert emulator_gaps.requires_tls(aws) == "true"
    assert emulator_gaps.requires_tls("http://127.0.0.1:4566") == "false"
    assert emulator_gaps.requires_tls("https://localhost:4566") == "true"
    assert emulator_gaps.requires_tls("http://s3.eu-west-1.amazonaws.com") == "true"
    assert emulator_gaps.is_emulator("https://amazonaws.com.example")


def fill(bucket: str) -> None:
    s3 = aws_client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket, Key="acme/file_1", Body=body)
    s3.delete_object(Bucket=bucket, Key="acme/file_1")
    s3.create_multipart_upload(Bucket=bucket, Key="acme/file_2")


def test_deleting_is_refused_while_the_app_is_deployed(stacks: Stacks, project: Path) -> None:
    run(project)
    deployed(project, API)
    with pytest.raises(OpsError, match="run `chalice delete --stage prod` first"):
        unprovision.unprovision("prod", project, delete_files=True)
    assert stacks.deleted == []


def test_deleting_is_refused_while_files_are_left_and_counts_them(stacks: Stacks, project: Path) -> None:
    run(project)
    fill(ORIGINALS)
    with pytest.raises(OpsError, match=f"{ORIGINALS} holds 3 object versions; {ORIGINALS} holds 1 unfinished"):
        unprovision.unprovision("prod", project)
    assert stacks.deleted == []


def test_deleting_files_empties_the_buckets_of_every_version_and_part(stacks: Stacks) -> None:
    fill(ORIGINALS)
    s3, said = aws_client("s3"), list[str]()
    unprovision.empty(s3, ORIGINALS, said.append)
    unprovision.refuse_files(s3, "prod", [ORIGINALS])
    assert said == [f"{ORIGINALS}: 3 object versions deleted", f"{ORIGINALS}: unfinished upload of acme/file_2 aborted"]


def test_deleting_leaves_nothing_of_the_stage_and_can_be_repeated(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(project)
    deployed(project)
    aws_client("dynamodb").create_table(
        TableName=OUTPUTS["Table"],
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    gone: list[tuple[Any, ...]] = []  # moto can't delete a key group; test_signing_key tests as much as is possible
    monkeypatch.setattr(signing_key, "delete", lambda *args: gone.append(args[2:]))
    for _ in range(2):
        unprovision.unprovision("prod", project, progress=lambda _: None)
        assert stacks.deleted[-1] == "filemill-prod"
        assert aws_client("dynamodb").list_tables()["TableNames"] == []
        assert config.read_config(project)["stages"] == {}
        assert list((project / ".chalice").glob("policy-*")) == []
    assert gone == [("prod", "eu-west-1")] * 2


def test_the_command_line_sets_parameters_and_refuses_options_that_do_not_fit(
    stacks: Stacks, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["provision", "--stage", "prod", "--project-dir", str(project)]
    assert ops.main([*line, "--set", "CorsOrigins=https://a.example,https://b.example?x=1"]) == 0
    assert stacks.deployed[-1]["CorsOrigins"] == "https://a.example,https://b.example?x=1"
    assert "front door: https://d1.cloudfront.net" in capsys.readouterr().out
    assert ops.main([*line, "--delete-files"]) == 1
    assert capsys.readouterr().err == "ops provision: --delete-files can only be used together with --delete.\n"
    with pytest.raises(SystemExit):
        ops.main([*line, "--set", "CorsOrigins"])
    assert "'CorsOrigins' does not have the form Parameter=Value" in capsys.readouterr().err


def test_the_stream_that_is_recorded_is_the_one_that_the_table_has(cloud: None) -> None:
    dynamodb = aws_client("dynamodb")
    assert provision.stream_of(dynamodb, "filemill-test-gone") == ""
    definition = {name: value for name, value in table_definition().items() if name != "StreamSpecification"}
    dynamodb.create_table(TableName="filemill-test-streamed", **definition)
    assert provision.stream_of(dynamodb, "filemill-test-streamed") == ""
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = dynamodb.update_table(TableName="filemill-test-streamed", StreamSpecification=stream)["TableDescription"]
    assert provision.stream_of(dynamodb, "filemill-test-streamed") == table["LatestStreamArn"]
