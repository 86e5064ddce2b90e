"""A stage is provisioned and deleted on moto. CloudFormation is replaced, because moto's lacks our resources."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import requests

from chalicelib import keyring
from chalicelib.settings import load
from ops import __main__ as ops
from ops import config, provision, unprovision
from ops.errors import OpsError
from ops.stack import cloudformation, deployment, emulator_gaps, media_layer, signing_key, socket_gateway
from ops.stack.names import FUNCTIONS, ROLE_IDS, bus_name
from ops.stack.template_bucket import Uploaded
from tests.stage import ROOT, aws_client, table_definition

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
    "WebhookQueueArn": "arn:aws:sqs:eu-west-1:123456789012:webhooks",
    "WebhookQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/webhooks",
    "WebhookDeadLetterQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-webhooks",
    "MediaQueueArn": "arn:aws:sqs:eu-west-1:123456789012:media",
    "MediaQueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/media",
    "EventBus": "filemill-prod",
    "DistributionId": "E1",
    "DistributionDomain": "d1.cloudfront.net",
    "FrontDoor": "https://d1.cloudfront.net",
    **{role: f"arn:aws:iam::123456789012:role/filemill-prod-{role}-ABC" for role in ROLE_IDS.values()},
}


# The layer with FFmpeg has 38 MB.
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:filemill-prod-media:1"
EMPTY_ZIP = b"PK\5\6" + bytes(18)


class Stacks:
    """Stands in for CloudFormation, and remembers what it was asked for; and for Lambda's view of the account, which
    moto lacks."""

    def __init__(self) -> None:
        self.concurrency: int | None = 1000
        self.deployed: list[dict[str, str]] = []
        self.parameters: dict[str, str] = {}
        self.tags: list[dict[str, str]] = []
        self.templates: list[Uploaded] = []
        self.deleted: list[str] = []
        self.there = True

    @property
    def made(self) -> dict[str, Any]:
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        made = {"StackId": STACK_ID, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
        return {**made, "Parameters": parameters} if parameters else made

    def deploy(
        self, cfn: Any, name: str, template: Uploaded, parameters: dict[str, str], tags: Any, *_: Any, **__: Any
    ) -> Any:
        assert name == "filemill-prod"
        self.deployed.append(parameters)
        self.tags.append(dict(tags))
        self.templates.append(template)
        return self.made

    def account_settings(self, **_: Any) -> Any:
        if self.concurrency is None:
            denied = {"Code": "AccessDeniedException", "Message": "not authorized"}
            return SimpleNamespace(status_code=403), {"Error": denied, "ResponseMetadata": {}}
        limit = {"ConcurrentExecutions": self.concurrency, "UnreservedConcurrentExecutions": self.concurrency}
        return SimpleNamespace(status_code=200), {"AccountLimit": limit, "ResponseMetadata": {}}

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
def stacks(session: boto3.Session, cdn_key: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stacks]:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    monkeypatch.setattr(boto3, "Session", lambda: session)
    monkeypatch.setattr(signing_key, "new_private_key", cdn_key.decode)
    fake = Stacks()
    for name in ("deploy", "delete"):
        monkeypatch.setattr(deployment, name, getattr(fake, name))
    monkeypatch.setattr(cloudformation, "describe", fake.describe)
    # moto denies by a bucket's policy without reading its condition.
    monkeypatch.setattr(emulator_gaps, "requires_tls", lambda _: "false")
    monkeypatch.setattr(media_layer, "archive", lambda *_: EMPTY_ZIP)
    session.events.register("before-call.lambda.GetAccountSettings", fake.account_settings)
    yield fake
    session.events.unregister("before-call.lambda.GetAccountSettings", fake.account_settings)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    (tmp_path / "requirements-media.txt").write_text("av==19.0.2 --hash=sha256:00")
    (tmp_path / ".chalice" / "resources.yaml").write_text("Parameters: {Stage: {Type: String}}\nResources: {}")
    config.config_path(tmp_path).write_text('{"version": "2.0", "app_name": "filemill", "stages": {}}')
    return tmp_path


def run(project: Path, **options: Any) -> list[str]:
    said: list[str] = []
    provision.provision("prod", project, progress=said.append, **options)
    return said


def deployed(project: Path, *resources: dict[str, str]) -> None:
    (project / ".chalice" / "deployed" / "prod.json").write_text(json.dumps({"resources": resources}))


def rest_api(stage: str = "prod") -> dict[str, str]:
    """Makes a REST API that calls a stage's function, and returns Chalice's record of it."""
    client = aws_client("apigateway")
    api_id = client.create_rest_api(name="filemill")["id"]
    root = client.get_resources(restApiId=api_id)["items"][0]["id"]
    client.put_method(restApiId=api_id, resourceId=root, httpMethod="GET", authorizationType="NONE")
    function = f"arn:aws:lambda:eu-west-1:123456789012:function:filemill-{stage}"
    client.put_integration(
        restApiId=api_id,
        resourceId=root,
        httpMethod="GET",
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations",
    )
    url = f"https://{api_id}.execute-api.eu-west-1.amazonaws.com/api/"
    return {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": api_id, "rest_api_url": url}


def test_the_stage_is_recorded_so_that_the_app_can_load_its_settings(stacks: Stacks, project: Path) -> None:
    said = run(project)
    assert said[1] == f"set how long logs are kept ({len(FUNCTIONS)} log groups)"
    settings = load(config.load_stage(project, "prod"))
    assert settings.stage == "prod"
    assert settings.originals_bucket == ORIGINALS
    assert settings.front_door == "https://d1.cloudfront.net"
    assert settings.cdn_key_parameter == "/filemill/prod/cdn-signing-key"
    assert said[0] == "stage prod: account 123456789012, region eu-west-1"
    assert said[-1] == "front door: https://d1.cloudfront.net"


def test_each_function_gets_its_role_of_the_stack(stacks: Stacks, project: Path) -> None:
    run(project)
    functions = config.read_config(project)["stages"]["prod"]["lambda_functions"]
    assert functions == {
        function: {
            "manage_iam_role": False,
            "iam_role_arn": f"arn:aws:iam::123456789012:role/filemill-prod-{role}-ABC",
            **({"reserved_concurrency": 50} if function in ("render", "stream") else {}),
            **({"layers": [LAYER]} if function in ("media", "stream") else {}),
        }
        for function, role in ROLE_IDS.items()
    }
    assert not [name for name in config.load_stage(project, "prod") if "ROLE" in name]


def test_the_template_is_uploaded_to_a_bucket_of_the_stage(stacks: Stacks, project: Path) -> None:
    run(project)
    (template,) = stacks.templates
    assert template.parameters == ("Stage",)
    address, _, key = template.url.rpartition("/")
    bucket = address.rpartition("/")[2]
    assert bucket == "filemill-prod-templates-123456789012-eu-west-1"
    body = aws_client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert json.loads(body) == {"Parameters": {"Stage": {"Type": "String"}}, "Resources": {}}


def test_tags_that_are_given_once_stay_on_everything(stacks: Stacks, project: Path) -> None:
    run(project, tags={"team": "media"})
    run(project)
    assert stacks.tags == [{"app": "filemill", "stage": "prod", "team": "media"}] * 2
    assert config.read_config(project)["stages"]["prod"]["tags"] == stacks.tags[0]
    found = aws_client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId="/filemill/prod/secret")
    assert {tag["Key"]: tag["Value"] for tag in found["TagList"]} == stacks.tags[0]


def test_traces_and_the_apps_name_are_the_configurations(stacks: Stacks, project: Path) -> None:
    run(project)
    assert (stacks.deployed[-1]["Tracing"], stacks.deployed[-1]["App"]) == ("false", "filemill")
    recorded = config.read_config(project)
    recorded["stages"]["prod"]["xray"], recorded["app_name"] = True, "media"
    config.write_json(config.config_path(project), recorded)
    run(project)
    assert (stacks.deployed[-1]["Tracing"], stacks.deployed[-1]["App"]) == ("true", "media")


def test_a_region_without_all_of_cloudfront_is_refused_before_anything_is_made(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "whereabouts", lambda *_: ("123456789012", "us-gov-west-1"))
    with pytest.raises(OpsError, match="can't be in us-gov-west-1"):
        run(project)
    assert stacks.deployed == []


def test_a_role_that_chalice_would_take_from_another_region_is_refused(stacks: Stacks, project: Path) -> None:
    recorded = config.read_config(project)
    recorded["stages"] = {"prod": {"lambda_functions": {"process": {"iam_policy_file": "mine.json"}}}}
    config.write_json(config.config_path(project), recorded)
    role("filemill-prod-process", "us-west-2")
    with pytest.raises(OpsError, match=r"belongs to a stage 'prod' in us-west-2.*Choose another stage name"):
        run(project)
    assert stacks.deployed == []


def test_cloudfront_gets_the_secret_that_the_api_will_ask_for(stacks: Stacks, project: Path) -> None:
    run(project)
    stored = boto3.Session().client("ssm").get_parameter(Name="/filemill/prod/secret", WithDecryption=True)
    secret = stored["Parameter"]["Value"].encode()
    assert stacks.deployed[-1]["EdgeSecret"] == keyring.derived_edge_secret(secret)
    assert stacks.deployed[-1]["DoorSecret"] == keyring.derived_door_secret(secret) != stacks.deployed[-1]["EdgeSecret"]
    recorded = "".join(p.read_text() for p in (project / ".chalice").rglob("*.*"))
    assert stacks.deployed[-1]["EdgeSecret"] not in recorded
    assert stacks.deployed[-1]["DoorSecret"] not in recorded


def test_the_edge_gets_the_key_of_the_checks_that_the_api_makes(stacks: Stacks, project: Path) -> None:
    run(project)
    secret = signing_key.read_secret(aws_client("ssm"), "prod")
    key = stacks.deployed[-1]["AddressKey"]
    assert key == keyring.derived_address_key(secret) != stacks.deployed[-1]["EdgeSecret"]
    assert key not in "".join(p.read_text() for p in (project / ".chalice").rglob("*.*"))


def test_render_is_reserved_a_part_where_there_is_room_as_the_operator_chooses(stacks: Stacks, project: Path) -> None:
    def reserved() -> Any:
        entry = config.read_config(project)["stages"]["prod"]
        return entry["lambda_functions"]["render"].get("reserved_concurrency")

    def choose(number: str) -> None:
        recorded = config.read_config(project)
        recorded["stages"]["prod"]["environment_variables"]["FILEMILL_RENDER_CONCURRENCY"] = number
        config.write_json(config.config_path(project), recorded)

    stacks.concurrency = 10
    run(project)
    assert reserved() is None
    for limit, number in ((149, None), (150, 50), (1000, 50)):
        stacks.concurrency = limit
        run(project)
        assert reserved() == number
    for chosen, number in (("7", 7), ("0", None), ("900", 900), ("901", None)):
        choose(chosen)
        run(project)
        assert reserved() == number
    stacks.concurrency = None
    choose("7")
    run(project)
    assert reserved() is None, "an unreadable account changes nothing"


def test_films_are_reserved_a_part_beside_that_of_pictures(stacks: Stacks, project: Path) -> None:
    def reserved() -> list[Any]:
        functions = config.read_config(project)["stages"]["prod"]["lambda_functions"]
        return [functions.get(name, {}).get("reserved_concurrency") for name in ("render", "stream")]

    def choose(name: str, value: str) -> None:
        recorded = config.read_config(project)
        recorded["stages"]["prod"]["environment_variables"][name] = value
        config.write_json(config.config_path(project), recorded)

    for limit, numbers in ((149, [None, None]), (199, [50, None]), (200, [50, 50]), (1000, [50, 50])):
        stacks.concurrency = limit
        run(project)
        assert reserved() == numbers
    choose("FILEMILL_STREAM_CONCURRENCY", "7")
    run(project)
    assert reserved() == [50, 7]
    choose("FILEMILL_RENDER_CONCURRENCY", "0")
    run(project)
    assert reserved() == [None, 7]
    choose("FILEMILL_MEDIA", "false")
    run(project)
    assert reserved() == [None, None], "there is no such function"


def test_a_second_run_changes_nothing(stacks: Stacks, project: Path) -> None:
    run(project)
    before = {p: (p.read_text(), p.stat().st_mtime_ns) for p in (project / ".chalice").glob("*.json")}
    said = run(project)
    assert {p: (p.read_text(), p.stat().st_mtime_ns) for p in (project / ".chalice").glob("*.json")} == before
    assert said == ["stage prod: account 123456789012, region eu-west-1", "front door: https://d1.cloudfront.net"]
    assert stacks.deployed[0] == stacks.deployed[1]


@pytest.fixture
def with_console(stacks: Stacks, project: Path) -> Path:
    """A project with a console, and the bucket that the stack would have made."""
    for folder, name, text in (
        ("console", "index.html", '<script type="module" src="main.js"></script>'),
        ("console", "main.js", "export {}"),
        ("browser", "filemill.js", "export {}"),
    ):
        (project / folder).mkdir(exist_ok=True)
        (project / folder / name).write_text(text)
    place: Any = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket=DERIVED, CreateBucketConfiguration=place)
    return project


def stored(bucket: str) -> list[str]:
    return [each["Key"] for each in aws_client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_console_of_the_folder_is_put_where_the_front_door_serves_it(with_console: Path) -> None:
    said = run(with_console)
    digest = str(said[-2]).rpartition(" ")[2]
    assert said[-2] == f"put the console at /, release {digest}"
    names = [f"{digest}/filemill.js", f"{digest}/main.js", "config.json", "filemill.js", "index.html"]
    assert stored(DERIVED) == [f"console/{name}" for name in names]
    told = json.loads(aws_client("s3").get_object(Bucket=DERIVED, Key="console/config.json")["Body"].read())
    assert told == {"stage": "prod", "version": "0.1.0", "url": "https://d1.cloudfront.net", "sign_in": []}
    assert "put the console" not in " ".join(run(with_console)), "a second run stores nothing"


def test_the_consoles_scripts_may_ask_the_stages_own_origins(stacks: Stacks, project: Path) -> None:
    def told(**options: Any) -> tuple[str, str]:
        run(project, **options)
        return stacks.deployed[-1]["FrontDoorOrigin"], stacks.deployed[-1]["ConsoleConnects"]

    s3 = f"https://{ORIGINALS}.s3.eu-west-1.amazonaws.com"
    stacks.there = False
    assert told() == ("", s3), "a new distribution's name is not known yet"
    stacks.there = True
    assert told() == ("https://d1.cloudfront.net", f"wss://d1.cloudfront.net {s3}")
    named = {"parameters": {"Domain": "files.example.com"}}
    assert told(**named) == ("https://files.example.com", f"wss://files.example.com {s3}")
    assert told(parameters={"Domain": ""}) == ("https://d1.cloudfront.net", f"wss://d1.cloudfront.net {s3}")
    local = told(front_door="http://localhost:8000")
    assert local == ("http://localhost:8000", f"ws://localhost:8000 {s3}")
    assert stacks.deployed[-1]["DerivedOrigin"] == f"https://{DERIVED}.s3.eu-west-1.amazonaws.com"
    with pytest.raises(OpsError, match="FrontDoorOrigin can't be set"):
        run(project, parameters={"FrontDoorOrigin": "https://evil.example"})
    before = len(stacks.deployed)
    with pytest.raises(OpsError, match="can't be allowed to ask"):
        run(project, front_door="http://[::1]:8000")
    assert len(stacks.deployed) == before, "the stack is as it was"


def test_a_stage_with_a_console_and_no_files_is_deleted_with_its_console(
    with_console: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    run(with_console)
    s3 = aws_client("s3")
    s3.put_object(Bucket=DERIVED, Key="f/public/x", Body=b"x")
    with pytest.raises(OpsError, match=f"{DERIVED} holds 1 object versions"):
        unprovision.unprovision("prod", with_console)
    s3.delete_object(Bucket=DERIVED, Key="f/public/x")
    unprovision.unprovision("prod", with_console)
    assert stored(DERIVED) == []


def test_files_of_a_tenant_named_console_are_files(with_console: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    run(with_console)
    place: Any = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket=ORIGINALS, CreateBucketConfiguration=place)
    aws_client("s3").put_object(Bucket=ORIGINALS, Key="console/file_1", Body=b"x")
    with pytest.raises(OpsError, match=f"{ORIGINALS} holds 1 object versions"):
        unprovision.unprovision("prod", with_console)
    assert stored(ORIGINALS) == ["console/file_1"]


def test_the_deployed_api_becomes_the_distributions_origin(stacks: Stacks, project: Path) -> None:
    run(project)
    assert "ApiDomain" not in stacks.deployed[-1], "it may be deployed from elsewhere, so the stack keeps its address"
    api = rest_api()
    deployed(project, api)
    run(project)
    assert stacks.deployed[-1]["ApiDomain"] == f"{api['rest_api_id']}.execute-api.eu-west-1.amazonaws.com"
    aws_client("apigateway").delete_rest_api(restApiId=api["rest_api_id"])
    deployed(project)  # as `chalice delete` leaves it
    run(project)
    assert stacks.deployed[-1]["ApiDomain"] == ""


def test_the_deployed_websocket_api_is_configured_and_becomes_the_origin_of_its_own(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def configure(client: Any, api_id: str, stage: str, variables: Any, quota: Any) -> bool:
        asked.append((api_id, stage))
        return True

    monkeypatch.setattr(socket_gateway, "configure", configure)
    run(project)
    assert "SocketDomain" not in stacks.deployed[-1]
    api_id = aws_client("apigatewayv2").create_api(Name="filemill-prod-websocket-api", ProtocolType="WEBSOCKET")[
        "ApiId"
    ]
    deployed(project, {"name": "websocket_api", "resource_type": "websocket_api", "websocket_api_id": api_id})
    assert "deployed the WebSocket API's routes" in run(project)
    assert asked == [(api_id, "api")]
    assert stacks.deployed[-1]["SocketDomain"] == f"{api_id}.execute-api.eu-west-1.amazonaws.com"
    deployed(project)
    run(project)
    assert stacks.deployed[-1]["SocketDomain"] == ""
    assert len(asked) == 1


def test_a_deployment_from_another_computer_is_found_and_the_distribution_leads_to_it(
    stacks: Stacks, project: Path
) -> None:
    rest_api("other")
    api = rest_api()
    said = run(project)
    assert f"added to .chalice/deployed/prod.json what exists on AWS: REST API {api['rest_api_id']}" in said
    assert stacks.deployed[-1]["ApiDomain"].startswith(api["rest_api_id"])
    assert config.deployed_resources(project, "prod") == [api]


def test_a_recorded_api_that_is_gone_is_forgotten(stacks: Stacks, project: Path) -> None:
    deployed(project, {**rest_api("other"), "rest_api_id": "abc123"})
    assert "removed from .chalice/deployed/prod.json what is gone: REST API abc123" in run(project)
    assert stacks.deployed[-1]["ApiDomain"] == ""
    assert config.deployed_resources(project, "prod") == []


def test_functions_that_run_already_need_another_deployment_to_get_what_is_new(stacks: Stacks, project: Path) -> None:
    deployed(project, rest_api())
    assert "run `chalice deploy --stage prod` to give the functions these changes" in run(project)
    assert not [line for line in run(project) if "chalice deploy" in line]


def test_logs_are_kept_as_long_as_the_stage_says_and_a_wrong_number_stops_before_anything_is_made(
    stacks: Stacks, project: Path
) -> None:
    recorded = config.read_config(project) | {"stages": {"prod": {"environment_variables": {"FILEMILL_LOG_DAYS": "7"}}}}
    config.write_json(config.config_path(project), recorded)
    api = rest_api()
    deployed(project, api)
    logs = aws_client("logs")
    logs.create_log_group(logGroupName=f"API-Gateway-Execution-Logs_{api['rest_api_id']}/api")
    assert f"set how long logs are kept ({len(FUNCTIONS) + 1} log groups)" in run(project)
    assert {group["retentionInDays"] for group in logs.describe_log_groups()["logGroups"]} == {7}
    recorded["stages"]["prod"]["environment_variables"]["FILEMILL_LOG_DAYS"] = "8"
    config.write_json(config.config_path(project), recorded)
    with pytest.raises(OpsError, match="FILEMILL_LOG_DAYS"):
        run(project)
    assert len(stacks.deployed) == 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("FILEMILL_OIDC", '[{"issuer":"http://id.example.com"}]', "FILEMILL_OIDC in .chalice/config.json issuer 1: `"),
        ("FILEMILL_OIDC", "[" + " " * 2000 + "]", "has 2002 bytes, at most 2000 fit"),
        ("FILEMILL_SCAN_COMMAND", "x" * 4090, "takes 4096 bytes of environment variables in all"),
    ],
)
def test_wrong_issuers_and_too_many_variables_are_refused_before_anything_is_made(
    stacks: Stacks, project: Path, name: str, value: str, sentence: str
) -> None:
    recorded = config.read_config(project) | {"stages": {"prod": {"environment_variables": {name: value}}}}
    config.write_json(config.config_path(project), recorded)
    with pytest.raises(OpsError, match=re.escape(sentence)):
        run(project)
    assert stacks.deployed == []


def test_a_front_door_of_ones_own_is_recorded(stacks: Stacks, project: Path) -> None:
    run(project, front_door="http://localhost:8000/")
    assert config.load_stage(project, "prod")["FILEMILL_FRONT_DOOR"] == "http://localhost:8000"


def test_parameters_are_handed_on_but_not_ours(stacks: Stacks, project: Path) -> None:
    run(project, parameters={"PriceClass": "PriceClass_All"})
    assert stacks.deployed[-1]["PriceClass"] == "PriceClass_All"
    assert stacks.deployed[-1]["Stage"] == "prod"
    with pytest.raises(OpsError, match="KeyGroupId can't be set"):
        run(project, parameters={"KeyGroupId": "x"})


def test_a_stage_that_runs_takes_a_key_in_two_steps_and_gives_none_up(stacks: Stacks, project: Path) -> None:
    with pytest.raises(OpsError, match="--set EncryptionKey=own --set Encrypt=false` first"):
        run(project, parameters={"EncryptionKey": "own"})
    assert stacks.deployed == []
    run(project, parameters={"EncryptionKey": "own", "Encrypt": "false"})
    stacks.parameters = {"EncryptionKey": "own", "Encrypt": "false"}
    run(project, parameters={"Encrypt": "true"})
    assert stacks.deployed[-1]["Encrypt"] == "true"
    stacks.parameters["Encrypt"] = "true"
    with pytest.raises(OpsError, match="EncryptionKey is own and can't become empty"):
        run(project, parameters={"EncryptionKey": ""})


def test_a_key_outlives_its_stage_and_deleting_says_so(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
    monkeypatch.setitem(OUTPUTS, "EncryptionKeyArn", arn)
    run(project)
    assert config.load_stage(project, "prod")["FILEMILL_ENCRYPTION_KEY_ARN"] == arn
    deployed(project)
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    said: list[str] = []
    unprovision.unprovision("prod", project, progress=said.append)
    assert f"the KMS key {arn} is kept" in said[-1]


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


def role(name: str, region: str = "eu-west-1") -> None:
    iam = aws_client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": f"arn:aws:sqs:{region}:123456789012:q"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)


def fill(bucket: str) -> None:
    s3 = aws_client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket=bucket, Key="acme/file_1", Body=body)
    s3.delete_object(Bucket=bucket, Key="acme/file_1")
    s3.create_multipart_upload(Bucket=bucket, Key="acme/file_2")


def test_former_roles_are_deleted_and_the_stacks_and_the_operators_stay(stacks: Stacks, project: Path) -> None:
    for name in ("filemill-prod-process", "filemill-prod-ProcessRole-OLD", "filemill-prod-ProcessRole-ABC"):
        role(name)
    role("filemill-prod-fetch")
    recorded = config.read_config(project)
    recorded["stages"] = {"prod": {"lambda_functions": {"fetch": {"iam_policy_file": "mine.json"}}}}
    config.write_json(config.config_path(project), recorded)
    said = run(project)
    assert "deleted the role filemill-prod-process, which no function uses any more" in said
    left = {each["RoleName"] for each in aws_client("iam").list_roles()["Roles"]}
    assert left == {"filemill-prod-ProcessRole-ABC", "filemill-prod-fetch"}


def test_a_budget_that_the_stack_has_stays_in_the_template(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "Parameters: {MonthlyBudget: {Type: Number}}\nResources: {Budget: {Type: 'AWS::Budgets::Budget'}}"
    (project / ".chalice" / "resources.yaml").write_text(template)
    run(project)
    budget = {"ParameterKey": "MonthlyBudget", "ParameterValue": "50"}
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {**stacks.made, "Parameters": [budget]})
    run(project)
    run(project, parameters={"MonthlyBudget": "0"})
    bucket = "filemill-prod-templates-123456789012-eu-west-1"
    bodies = [
        json.loads(aws_client("s3").get_object(Bucket=bucket, Key=each.url.rpartition("/")[2])["Body"].read())
        for each in stacks.templates
    ]
    assert [list(body["Resources"]) for body in bodies] == [[], ["Budget"], []]


def test_deleting_is_refused_while_the_app_is_deployed(stacks: Stacks, project: Path) -> None:
    run(project)
    api = rest_api()
    for record in ((api,), ()):  # with Chalice's record of it, and without: a first deployment that was stopped
        deployed(project, *record)
        with pytest.raises(
            OpsError, match=rf"REST API {api['rest_api_id']}\): run `chalice delete --stage prod` first"
        ):
            unprovision.unprovision("prod", project, delete_files=True)
        assert config.deployed_resources(project, "prod") == [api], "so that `chalice delete` finds it"
    assert stacks.deleted == []


def test_deleting_a_stage_that_this_checkout_does_not_know_says_how_it_gets_to_know_it(
    stacks: Stacks, project: Path
) -> None:
    rest_api()
    with pytest.raises(OpsError, match="run `python -m ops provision --stage prod`, then `chalice delete"):
        unprovision.unprovision("prod", project)
    assert stacks.deleted == []


def test_what_nothing_knows_any_more_is_deleted_with_its_logs_and_nothing_of_another_stage(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    stacks.there = False
    apis, logs = aws_client("apigateway"), aws_client("logs")
    ours, other = rest_api(), rest_api("prod-2")
    groups = [f"/aws/lambda/filemill-{name}" for name in ("prod", "prod-process", "prod-2", "prod-2-process", "prod-x")]
    for group in groups:
        logs.create_log_group(logGroupName=group)
    said: list[str] = []
    unprovision.unprovision("prod", project, progress=said.append)
    assert f"deleting REST API {ours['rest_api_id']}" in said
    assert [api["id"] for api in apis.get_rest_apis()["items"]] == [other["rest_api_id"]]
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == sorted(groups[2:])
    assert config.deployed_resources(project, "prod") is None
    assert said[-1] == "stage prod is deleted"


def test_deleting_is_refused_while_the_bus_has_rules_of_others(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS deletes no bus that has rules, and the stack's deletion would fail half-way."""
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    run(project)
    events = aws_client("events")
    for bus in (bus_name("prod"), bus_name("prod-2")):
        events.create_event_bus(Name=bus)
        events.put_rule(Name=f"{bus}-theirs", EventBusName=bus, EventPattern='{"source": ["filemill"]}')
    with pytest.raises(OpsError, match=r"the event bus filemill-prod has rules \(filemill-prod-theirs\).*delete-rule"):
        unprovision.unprovision("prod", project)
    assert stacks.deleted == []
    events.delete_rule(Name="filemill-prod-theirs", EventBusName=bus_name("prod"))
    unprovision.unprovision("prod", project, delete_files=True)
    assert stacks.deleted == ["filemill-prod"]


def test_a_rule_that_eventbridge_made_for_an_archive_goes_with_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    managed = {"Name": "Events-Archive-a", "ManagedBy": "prod.vhs.events.aws.internal"}
    monkeypatch.setattr("ops.stack.inventory.listed", lambda *_, **__: [managed])
    unprovision.refuse_rules(lambda _: None, "prod")


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
    unprovision.refuse_files(s3, "prod", [ORIGINALS], DERIVED)
    assert said == [f"{ORIGINALS}: 3 object versions deleted", f"{ORIGINALS}: unfinished upload of acme/file_2 aborted"]


def test_deleting_leaves_nothing_of_the_stage_and_can_be_repeated(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(project)
    deployed(project)
    role("filemill-prod-ProcessRole-ABC")  # the stack retains its roles
    role("filemill-prod-process")  # Chalice made this one in a former version
    aws_client("dynamodb").create_table(
        TableName=OUTPUTS["Table"],
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    gone: list[tuple[Any, ...]] = []  # moto can't delete a key group; test_signing_key tests as much as is possible
    monkeypatch.setattr(signing_key, "delete", lambda *args: gone.append(args[2:]))
    forget = unprovision.forget
    monkeypatch.setattr(unprovision, "forget", lambda *_: None)  # the first run is interrupted here
    for _ in range(2):
        unprovision.unprovision("prod", project, progress=lambda _: None)
        monkeypatch.setattr(unprovision, "forget", forget)
        assert stacks.deleted[-1] == "filemill-prod"
        assert aws_client("dynamodb").list_tables()["TableNames"] == []
        assert aws_client("s3").list_buckets()["Buckets"] == []
        assert aws_client("iam").list_roles()["Roles"] == []
    assert config.read_config(project)["stages"] == {}
    assert list((project / ".chalice").glob("policy-*")) == []
    assert gone == [("prod", "eu-west-1")] * 2


def test_a_stage_that_is_gone_is_not_deleted_again(stacks: Stacks, project: Path) -> None:
    stacks.there = False
    with pytest.raises(OpsError, match="There is no stage 'prod'"):
        unprovision.unprovision("prod", project)
    assert stacks.deleted == []
    stacks.there = True  # made from another computer
    with pytest.raises(OpsError, match="there is no terminal"):
        unprovision.unprovision("prod", project, yes=False)


@pytest.mark.parametrize(
    ("typed", "deletes"), [("prod", True), (" prod\n", True), ("prd", False), ("y", False), ("", False), (None, False)]
)
def test_deleting_asks_for_the_stages_name(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch, typed: str | None, deletes: bool
) -> None:
    def answer(question: str) -> str:
        assert question == "This deletes stage prod: its stack, records and keys. Type prod to go on: "
        if typed is None:
            raise EOFError
        return typed

    run(project)
    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    line = ["provision", "--stage", "prod", "--project-dir", str(project), "--delete"]
    assert ops.main(line) == (0 if deletes else 1)
    assert stacks.deleted == (["filemill-prod"] if deletes else [])


def test_without_a_terminal_deleting_needs_yes(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(project)
    monkeypatch.setattr("sys.stdin", io.StringIO("prod\n"))
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    line = ["provision", "--stage", "prod", "--project-dir", str(project), "--delete"]
    assert ops.main(line) == 1
    assert "there is no terminal. Add --yes." in capsys.readouterr().err
    assert stacks.deleted == []
    assert ops.main([*line, "--yes"]) == 0
    assert stacks.deleted == ["filemill-prod"]
    assert ops.main(["provision", "--stage", "prod", "--project-dir", str(project), "--yes"]) == 1


def git(project: Path, *words: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
    done = subprocess.run(["git", *identity, *words], cwd=project, check=True, capture_output=True, text=True)
    return done.stdout


def test_a_stage_that_is_taken_down_leaves_no_file(
    stacks: Stacks, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a second stage, nothing of that one is removed; after the last one, the folder is as it was checked out."""
    for name in (".gitignore", "requirements.txt", ".chalice/config.json"):
        shutil.copy(ROOT / name, project / name)
    (project / "chalicelib").mkdir()
    (project / "chalicelib" / "a.py").write_text("a = 1\n")
    (project / "app.py").write_text("import chalicelib.a\n")
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "checked out")
    monkeypatch.setattr(signing_key, "delete", lambda *_: None)
    line = ["--stage", "prod", "--project-dir", str(project)]

    def status() -> str:
        return git(project, "status", "--porcelain", "--ignored", "--untracked-files=all")

    def deploy(stage: str) -> None:
        """The files that `chalice deploy` writes."""
        (project / ".chalice" / "deployed" / f"{stage}.json").write_text(
            json.dumps({"resources": [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc123"}]})
        )
        (project / ".chalice" / "deployments").mkdir(exist_ok=True)
        (project / ".chalice" / "deployments" / "0123-python3.13.zip").write_text("")

    assert status() == ""
    (project / ".chalice" / "deployed").mkdir(exist_ok=True)
    assert ops.main(["provision", *line]) == 0
    deploy("prod")
    assert "vendor/" in status()
    recorded = config.read_config(project)
    recorded["stages"]["dev"] = {}
    config.write_json(config.config_path(project), recorded)
    deployed(project)  # as `chalice delete` leaves it
    stacks.there = True
    assert ops.main(["provision", *line, "--delete", "--yes"]) == 0
    left = status().splitlines()
    assert not [each for each in left if "prod" in each]
    assert [each for each in left if "vendor/" in each], "the other stage needs it"
    recorded = config.read_config(project)
    assert list(recorded["stages"]) == ["dev"]
    unprovision.forget(project, "dev")
    assert status() == ""


def test_the_command_line_sets_parameters_and_refuses_options_that_do_not_fit(
    stacks: Stacks, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["provision", "--stage", "prod", "--project-dir", str(project)]
    assert ops.main([*line, "--set", "CorsOrigins=https://a.example,https://b.example?x=1"]) == 0
    assert stacks.deployed[-1]["CorsOrigins"] == "https://a.example,https://b.example?x=1"
    assert ops.main([*line, "--tag", "team=media", "--tag", "cost=a=b"]) == 0
    assert stacks.tags[-1] == {"app": "filemill", "stage": "prod", "team": "media", "cost": "a=b"}
    assert "front door: https://d1.cloudfront.net" in capsys.readouterr().out
    assert ops.main([*line, "--delete-files"]) == 1
    assert capsys.readouterr().err == "ops provision: --delete-files can only be used together with --delete.\n"
    with pytest.raises(SystemExit):
        ops.main([*line, "--set", "CorsOrigins"])
    assert "'CorsOrigins' does not have the form Name=Value" in capsys.readouterr().err


def test_a_small_account_caps_what_the_queues_start_and_a_raised_limit_ends_that(stacks: Stacks, project: Path) -> None:
    stacks.concurrency = 10
    said, waits = [line for line in run(project) if "instead of" in line]
    assert waits.startswith("1 request may wait for a file at once instead of 100")
    assert said.startswith("`process` may run 2 times at once instead of 200, `fetch` may run 2 times")
    assert "request-service-quota-increase --service-code lambda --quota-code L-B99A9384" in said
    small = load(config.load_stage(project, "prod"))
    assert (small.process_at_once, small.fetch_at_once, small.deliver_at_once) == (2, 2, 2)
    assert not small.has_media, "there is no room for it"
    assert (small.waits_at_once, small.waits_each) == (1, 1)
    assert (small.process_concurrency, small.fetch_concurrency) == (200, 20), "the operator's own choice stays"
    stacks.concurrency = None
    assert any("can't tell how many functions" in line and "GetAccountSettings" in line for line in run(project))
    assert load(config.load_stage(project, "prod")).process_at_once == 2, "an unreadable account changes nothing"
    stacks.concurrency = 1000
    assert not [line for line in run(project) if "instead of" in line]
    large = load(config.load_stage(project, "prod"))
    assert (large.process_at_once, large.waits_at_once, large.waits_each) == (200, 100, 20)
    assert large.has_media


def test_a_lower_choice_of_the_operator_is_not_overwritten(stacks: Stacks, project: Path) -> None:
    recorded = config.read_config(project)
    variables = {
        "FILEMILL_PROCESS_CONCURRENCY": "2",
        "FILEMILL_FETCH_CONCURRENCY": "2",
        "FILEMILL_DELIVER_CONCURRENCY": "2",
        "FILEMILL_WAITS": "1",
    }
    config.write_json(
        config.config_path(project), {**recorded, "stages": {"prod": {"environment_variables": variables}}}
    )
    stacks.concurrency = 10
    assert not [line for line in run(project) if "instead of" in line]
    settings = load(config.load_stage(project, "prod"))
    assert (settings.process_at_once, settings.fetch_at_once, settings.waits_at_once) == (2, 2, 1)


def test_a_reservation_that_lambda_would_refuse_is_refused_before_anything_is_made(
    stacks: Stacks, project: Path
) -> None:
    recorded = config.read_config(project)
    functions = {"api_handler": {"reserved_concurrency": 5}}
    config.write_json(config.config_path(project), {**recorded, "lambda_functions": functions})
    stacks.concurrency = 10
    with pytest.raises(OpsError, match=r"\(api_handler 5\) would leave 5 of the account's 10 .* fewer than 100"):
        run(project)
    assert stacks.deployed == []
    assert aws_client("ssm").describe_parameters()["Parameters"] == []


def test_the_stream_that_is_recorded_is_the_one_that_the_table_has(cloud: None) -> None:
    dynamodb = aws_client("dynamodb")
    assert provision.stream_of(dynamodb, "filemill-test-gone") == ""
    definition = {name: value for name, value in table_definition().items() if name != "StreamSpecification"}
    dynamodb.create_table(TableName="filemill-test-streamed", **definition)
    assert provision.stream_of(dynamodb, "filemill-test-streamed") == ""
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = dynamodb.update_table(TableName="filemill-test-streamed", StreamSpecification=stream)["TableDescription"]
    assert provision.stream_of(dynamodb, "filemill-test-streamed") == table["LatestStreamArn"]


# --- the function media


def media_of(project: Path) -> dict[str, Any]:
    entry: dict[str, Any] = config.read_config(project)["stages"]["prod"]
    return entry


def choose(project: Path, value: str) -> None:
    recorded = config.read_config(project)
    recorded["stages"].setdefault("prod", {}).setdefault("environment_variables", {})["FILEMILL_MEDIA"] = value
    config.write_json(config.config_path(project), recorded)


def test_the_layer_with_ffmpeg_is_published_once_and_stands_beside_the_operator_s(
    stacks: Stacks, project: Path
) -> None:
    theirs = "arn:aws:lambda:eu-west-1:123456789012:layer:theirs:7"
    recorded = config.read_config(project)
    recorded["lambda_functions"] = {"media": {"layers": [theirs]}}
    config.write_json(config.config_path(project), recorded)
    assert any("publishing the layer with FFmpeg (arm64)" in line for line in run(project))
    assert media_of(project)["lambda_functions"]["media"]["layers"] == [theirs, LAYER]
    assert stacks.deployed[-1]["Media"] == "true"
    assert not any("publishing the layer" in line for line in run(project))
    assert media_of(project)["lambda_functions"]["media"]["layers"] == [theirs, LAYER]


def test_other_packages_are_a_new_version_and_the_former_one_goes(stacks: Stacks, project: Path) -> None:
    run(project)
    (project / "requirements-media.txt").write_text("av==20.0.0 --hash=sha256:11")
    assert "deleted 1 former version of the layer with FFmpeg" in run(project)
    assert media_of(project)["lambda_functions"]["media"]["layers"] == [LAYER.removesuffix("1") + "2"]


def test_a_stage_without_media_has_no_queue_no_role_and_no_layer(stacks: Stacks, project: Path) -> None:
    run(project)
    choose(project, "false")
    outputs = {name: value for name, value in OUTPUTS.items() if not name.startswith("Media")}
    with patch_outputs(outputs):
        said = run(project)
    assert stacks.deployed[-1]["Media"] == "false"
    assert "deleted 1 former version of the layer with FFmpeg" in said
    variables = config.load_stage(project, "prod")
    assert not [name for name in variables if name.startswith("FILEMILL_MEDIA_QUEUE")]
    assert not load(variables).has_media


@contextmanager
def patch_outputs(outputs: dict[str, str]) -> Iterator[None]:
    before = dict(OUTPUTS)
    OUTPUTS.clear()
    OUTPUTS.update(outputs)
    yield
    OUTPUTS.clear()
    OUTPUTS.update(before)
