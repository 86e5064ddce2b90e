"""A plan tells what a deployment would change, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.settings import PREFIX
from ops import __main__ as ops
from ops import config, plan, provision
from ops.doctor import functions
from ops.plan import resource_change
from ops.stack import event_sources, gateway, socket_gateway
from ops.stack.names import FUNCTIONS, ROLE_IDS, role_id
from ops.stack.roles import function_policies
from tests.scripted import ACCOUNT, REGION, Aws, Failure
from tests.stage import ROOT

STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/filemill-dev/1"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/ops-1/1"
OUTPUTS = {
    "OriginalsBucket": "originals",
    "DerivedBucket": "derived",
    "Table": "filemill-dev-Table-1",
    "TableStreamArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/filemill-dev-Table-1/stream/1",
    "IngestQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:ingest",
    "IngestQueueUrl": "https://ingest",
    "ImportQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:imports",
    "ImportQueueUrl": "https://imports",
    "WebhookQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:webhooks",
    "WebhookQueueUrl": "https://webhooks",
    "MediaQueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:media",
    "MediaQueueUrl": "https://media",
    "EventBus": "filemill-dev",
    "DistributionId": "E1",
    "FrontDoor": "https://d1.cloudfront.net",
    **{output: f"arn:aws:iam::{ACCOUNT}:role/filemill-dev-{output}-ABC" for output in ROLE_IDS.values()},
}
CHANGE = {
    "Action": "Modify",
    "LogicalResourceId": "IngestQueue",
    "ResourceType": "AWS::SQS::Queue",
    "Replacement": "False",
    "Details": [{"Target": {"Attribute": "Properties", "Name": "VisibilityTimeout"}}],
}


def no_stack(request: dict[str, Any]) -> Any:
    return Failure("ValidationError", message=f"Stack with id {request['StackName']} does not exist")


def stack(status: str = "UPDATE_COMPLETE") -> dict[str, Any]:
    outputs = [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]
    parameters = [{"ParameterKey": "Stage", "ParameterValue": "dev"}]
    made = {"StackId": STACK_ID, "StackName": "filemill-dev", "StackStatus": status}
    return {"Stacks": [{**made, "Outputs": outputs, "Parameters": parameters}]}


def change_set(*changes: dict[str, Any]) -> dict[str, Any]:
    if not changes:
        reason = "The submitted information didn't contain changes."
        return {"Status": "FAILED", "StatusReason": reason, "Changes": []}
    return {"Status": "CREATE_COMPLETE", "Changes": [{"Type": "Resource", "ResourceChange": c} for c in changes]}


def mappings(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    """The answer about the one trigger of each queue and the two of the stream, with these changes."""
    queues = {
        "ingest": ("process", 200),
        "media": ("media", 20),
        "imports": ("fetch", 20),
        "webhooks": ("deliver", 20),
    }
    options = {"index": event_sources.INDEX, "publish": event_sources.PUBLISH}

    def one(arn: str, function: str, **more: Any) -> dict[str, Any]:
        name = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:filemill-dev-{function}"
        found = {"UUID": "u", "State": "Enabled", "EventSourceArn": arn, "BatchSize": 1, "FunctionArn": name}
        return {**found, **more, **changes}

    def answer(request: dict[str, Any]) -> Any:
        arn = request["query_string"]["EventSourceArn"]
        if ":dynamodb:" in arn:
            return {"EventSourceMappings": [one(arn, function, **options[function]) for function in options]}
        function, bound = queues[arn.rpartition(":")[2]]
        return {"EventSourceMappings": [one(arn, function, ScalingConfig={"MaximumConcurrency": bound})]}

    return answer


def function_of(request: dict[str, Any]) -> str:
    """The function that a request to Lambda is about."""
    name = str(request["url_path"].removesuffix("/configuration").rpartition("/")[2])
    return "api_handler" if name == "filemill-dev" else name.removeprefix("filemill-dev-")


class Stage:
    """A stage that is deployed from `project` as it is, for a test to change something."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.configuration: dict[str, Any] = {}
        limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
        group = {"KeyGroup": {"Id": "G", "KeyGroupConfig": {"Name": f"filemill-dev-{REGION}", "Items": ["K111"]}}}
        answers = [{"responseType": kind, **gateway.wanted(kind)} for kind in gateway.RESPONSES]
        self.aws = Aws(
            {
                "sts.GetCallerIdentity": {"Account": ACCOUNT, "Arn": "arn:aws:iam::1:root", "UserId": "U"},
                "cloudformation.DescribeStacks": stack(),
                "cloudformation.CreateChangeSet": {"Id": CHANGE_SET, "StackId": STACK_ID},
                "cloudformation.DescribeChangeSet": change_set(),
                "cloudformation.DeleteChangeSet": {},
                "cloudfront.ListKeyGroups": {"KeyGroupList": {"Items": [group]}},
                "ssm.GetParameter": {"Parameter": {"Value": "ab" * 32}},
                "dynamodb.DescribeTable": {"Table": {"LatestStreamArn": OUTPUTS["TableStreamArn"]}},
                "lambda.GetAccountSettings": {"AccountLimit": limit},
                "lambda.GetFunctionConcurrency": {},
                "lambda.GetFunction": self.function,
                "lambda.GetFunctionConfiguration": lambda request: {"Role": OUTPUTS[role_id(function_of(request))]},
                "iam.GetRolePolicy": self.policy,
                "s3.HeadBucket": {},
                "s3.PutObject": {},
                "s3.DeleteObjects": {},
                "lambda.ListEventSourceMappings": mappings(),
                "lambda.GetFunctionRecursionConfig": {"RecursiveLoop": "Allow"},
                "events.DescribeRule": {"State": "ENABLED"},
                "events.ListTargetsByRule": {"Targets": [{"Id": "1", "Arn": "arn:x:function:filemill-dev-sweep"}]},
                "apigateway.GetStage": {"methodSettings": {}, "deploymentId": "d"},
                "apigateway.GetDeployment": {"description": gateway.description()},
                "apigateway.GetGatewayResponses": {"items": answers},
                "apigatewayv2.GetApi": {"ApiId": "ws1"},
                "apigatewayv2.GetIntegrations": {"Items": []},
                "apigatewayv2.GetRoutes": {"Items": []},
                "apigatewayv2.GetStage": {"StageName": "api", "DeploymentId": "d"},
                "apigatewayv2.GetDeployment": {"Description": socket_gateway.description({})},
            }
        )

    def function(self, request: dict[str, Any]) -> Any:
        """A function that is as recorded, but for `configuration`."""
        function = function_of(request)
        name = "filemill-dev" if function == "api_handler" else f"filemill-dev-{function}"
        recorded = config.read_config(self.project)
        wanted = config.function_settings(recorded, "dev", function)
        present = {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Timeout": wanted["lambda_timeout"],
            "MemorySize": wanted["lambda_memory_size"],
            "Architectures": ["arm64"],
            "CodeSha256": "same",
            "Environment": {"Variables": config.stage_variables(recorded, "dev", function)},
        }
        return {
            "Configuration": {**present, **self.configuration.get(function, {})},
            "Code": {"Location": "https://archive"},
            "Concurrency": {"ReservedConcurrentExecutions": wanted.get("reserved_concurrency")},
        }

    def policy(self, request: dict[str, Any]) -> Any:
        """The policy that the template gives to a role."""
        _, _, role, _ = request["RoleName"].split("-")
        (function,) = (name for name, output in ROLE_IDS.items() if output == role)
        patient = self.plan().patient
        place = functions.place_of(patient, config.read_config(self.project))
        return {"PolicyDocument": json.dumps(function_policies(place, self.project)[function])}

    def plan(self, **given: str) -> plan.Plan:
        return plan.Plan(provision.begin("dev", self.project, lambda _: None, {}), given)

    def changes(self, **given: str) -> list[str]:
        return list(map(str, self.plan(**given).changes()))


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    edge = ("edge/console.js", "edge/negotiate.js", "edge/socket.js")
    for name in (".chalice/resources.yaml", ".chalice/config.json", *edge):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "app.py").write_text("app = 1\n")
    (tmp_path / ".chalice/deployed").mkdir()
    resources = [
        {"resource_type": "rest_api", "rest_api_id": "abc"},
        {"resource_type": "websocket_api", "websocket_api_id": "ws1"},
        {"resource_type": "cloudwatch_event", "rule_name": "filemill-dev-sweep"},
    ]
    (tmp_path / ".chalice/deployed/dev.json").write_text(json.dumps({"resources": resources}))
    found = Stage(tmp_path)
    monkeypatch.setattr(boto3, "Session", found.aws.session)
    ours = functions.sources(tmp_path)
    monkeypatch.setattr(functions, "table_of_contents", lambda _: ours)
    entry = {"environment_variables": {f"{PREFIX}CDN_KEY_ID": "K111"}}
    config.write_json(config.config_path(tmp_path), {**config.read_config(tmp_path), "stages": {"dev": entry}})
    config.write_json(config.config_path(tmp_path), found.plan().planned)
    found.aws.calls.clear()
    return found


def test_a_stage_that_is_deployed_as_it_is_has_nothing_to_change(deployed: Stage) -> None:
    assert deployed.changes() == []


def test_the_parameters_are_those_of_provision_with_the_console_s(deployed: Stage) -> None:
    planned = deployed.plan().parameters()
    assert planned["FrontDoorOrigin"] == OUTPUTS["FrontDoor"]
    assert planned["DerivedOrigin"].startswith("https://filemill-dev-derived-")
    assert "wss://d1.cloudfront.net https://filemill-dev-originals-" in planned["ConsoleConnects"]
    named = deployed.plan(Domain="files.example.com").parameters()
    assert named["FrontDoorOrigin"] == "https://files.example.com"


def test_nothing_is_written_but_a_change_set_that_is_deleted_again(deployed: Stage) -> None:
    files = {path: path.read_bytes() for path in deployed.project.rglob("*") if path.is_file()}
    for answer in (change_set(), change_set(CHANGE)):
        deployed.aws.calls.clear()
        deployed.aws.answers["cloudformation.DescribeChangeSet"] = answer
        deployed.changes()
        writes = [
            "cloudformation.CreateChangeSet",
            "cloudformation.DeleteChangeSet",
            "s3.DeleteObjects",
            "s3.PutObject",
        ]
        assert sorted(deployed.aws.writes) == writes
        assert {path: path.read_bytes() for path in deployed.project.rglob("*") if path.is_file()} == files


def test_a_change_set_is_deleted_even_if_it_cannot_be_read(deployed: Stage) -> None:
    answers = [change_set(CHANGE), Failure("ValidationError")]
    deployed.aws.answers["cloudformation.DescribeChangeSet"] = lambda _: answers.pop(0)
    with pytest.raises(Exception, match="ValidationError"):
        deployed.changes()
    assert deployed.aws.writes[-1] == "cloudformation.DeleteChangeSet"


def render_is_gone(stage: Stage) -> Callable[[dict[str, Any]], Any]:
    gone = Failure("ResourceNotFoundException", 404)
    return lambda request: gone if request["url_path"].endswith("-render") else stage.function(request)


SMALL = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
THROTTLED = {"*/*": {"throttlingRateLimit": 5.0, "throttlingBurstLimit": 5}}


@pytest.mark.parametrize(
    ("operation", "answer", "says"),
    [
        (
            "cloudformation.DescribeChangeSet",
            change_set(CHANGE),
            ["change  AWS::SQS::Queue IngestQueue: VisibilityTimeout"],
        ),
        (
            "lambda.ListEventSourceMappings",
            mappings(BatchSize=7),
            ["change  trigger process: the trigger takes 7 messages at once", "change  trigger deliver: "],
        ),
        (
            "lambda.ListEventSourceMappings",
            mappings(FilterCriteria={}),
            ["change  trigger index: the index's own writes start it again", "change  trigger publish: "],
        ),
        (
            "lambda.GetFunctionRecursionConfig",
            {"RecursiveLoop": "Terminate"},
            ["change  function filemill-dev-deliver: Lambda stops filemill-dev-deliver after 16 messages"],
        ),
        ("events.DescribeRule", {"State": "DISABLED"}, ["change  schedule sweep: the sweep's schedule is off"]),
        ("apigateway.GetGatewayResponses", {"items": []}, ["change  API abc: its answers to DEFAULT_4XX"]),
        ("apigateway.GetStage", {"methodSettings": THROTTLED}, ["change  API abc: its throttling"]),
        ("apigateway.GetStage", Failure("NotFoundException", 404), ["add     API stage api"]),
        (
            "apigatewayv2.GetApi",
            Failure("NotFoundException", 404),
            ["add     WebSocket API filemill-dev-websocket-api"],
        ),
        ("apigatewayv2.GetStage", Failure("NotFoundException", 404), ["add     WebSocket API stage api"]),
        (
            "apigatewayv2.GetDeployment",
            {"Description": "other routes"},
            ["change  WebSocket API ws1: its routes, which its stage does not serve yet"],
        ),
        (
            "ssm.GetParameter",
            Failure("ParameterNotFound"),
            ["add     secret /filemill/dev/secret", "add     secret /filemill/dev/cdn-signing-key"],
        ),
        (
            "dynamodb.DescribeTable",
            {"Table": {"LatestStreamArn": "arn:aws:dynamodb:eu-west-1:1:table/t/stream/2"}},
            ["change  record .chalice/config.json: FILEMILL_TABLE_STREAM_ARN"],
        ),
        (
            "lambda.GetAccountSettings",
            {"AccountLimit": SMALL},
            [
                "change  record .chalice/config.json: FILEMILL_DELIVER_CAP, FILEMILL_FETCH_CAP, FILEMILL_MEDIA_CAP, "
                "FILEMILL_PROCESS_CAP, FILEMILL_WAITS_CAP",
                "change  trigger process: filemill-dev-process may run 200 times at once, but the limit should be 2",
                "change  function filemill-dev-render: it has a reserved concurrency of 50, but none is recorded",
            ],
        ),
    ],
)
def test_each_difference_is_planned(deployed: Stage, operation: str, answer: Any, says: list[str]) -> None:
    deployed.aws.answers[operation] = answer
    changes = deployed.changes()
    for beginning in says:
        assert any(change.startswith(beginning) for change in changes), changes


def test_functions_that_are_missing_or_have_other_code_or_settings_are_planned(deployed: Stage) -> None:
    deployed.configuration["process"] = {"MemorySize": 128}
    deployed.aws.answers["lambda.GetFunction"] = render_is_gone(deployed)
    assert deployed.changes() == [
        "change  function filemill-dev-process: it has a MemorySize of 128, but 1769 is recorded",
        "add     function filemill-dev-render",
    ]
    (deployed.project / "app.py").write_text("app = 2\n")
    for function in ("filemill-dev", "filemill-dev-sweep"):
        assert f"change  function {function}: it runs other code than this checkout's (app.py)" in deployed.changes()


def test_a_stage_without_a_stack_is_listed_from_the_template_without_a_change_set(deployed: Stage) -> None:
    deployed.aws.answers["cloudformation.DescribeStacks"] = no_stack
    deployed.aws.answers["cloudfront.ListKeyGroups"] = {"KeyGroupList": {"Items": []}}
    changes = deployed.changes()
    assert deployed.aws.writes == [], "a change set would leave an empty stack behind"
    assert f"add     key group filemill-dev-{REGION}" in changes
    assert "add     AWS::DynamoDB::Table Table" in changes
    assert "add     AWS::Events::EventBus EventBus" in changes
    assert "add     WebSocket API filemill-dev-websocket-api" in changes
    assert not any("AWS::Budgets::Budget" in change for change in changes)
    names = [f"filemill-dev{'' if function == 'api_handler' else '-' + function}" for function in FUNCTIONS]
    assert [each for each in changes if each.startswith("add     function")] == [f"add     function {n}" for n in names]
    assert any("AWS::Budgets::Budget" in change for change in deployed.changes(MonthlyBudget="5", AlarmTopicArn="a"))


def test_a_stack_that_is_changing_is_waited_for(deployed: Stage) -> None:
    deployed.aws.answers["cloudformation.DescribeStacks"] = stack("UPDATE_IN_PROGRESS")
    assert "wait    stack filemill-dev: it is in UPDATE_IN_PROGRESS" in deployed.changes()
    assert deployed.aws.writes == []


@pytest.mark.parametrize(
    ("change", "planned"),
    [
        ({"Action": "Add"}, "add     T L"),
        ({"Action": "Remove"}, "remove  T L"),
        ({"Action": "Modify", "Replacement": "True"}, "replace T L"),
        ({"Action": "Modify", "Replacement": "Conditional"}, "change  T L: (it may be replaced)"),
        ({"Action": "Modify", "Details": [{"Target": {"Attribute": "Tags"}}]}, "change  T L: Tags"),
    ],
)
def test_a_change_of_the_stack_is_told_with_its_properties(change: dict[str, Any], planned: str) -> None:
    assert str(resource_change({"ResourceType": "T", "LogicalResourceId": "L", **change})) == planned


def test_the_command_ends_well_and_prints_what_would_change(
    deployed: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["plan", "--stage", "dev", "--project-dir", str(deployed.project)]
    assert ops.main(line) == 0
    assert capsys.readouterr().out == "stage dev: no changes; nothing was changed\n"
    deployed.aws.answers["cloudformation.DescribeChangeSet"] = change_set(CHANGE)
    assert ops.main(line) == 0
    assert capsys.readouterr().out.splitlines() == [
        "change  AWS::SQS::Queue IngestQueue: VisibilityTimeout",
        "stage dev: 1 change; nothing was changed",
    ]
    assert ops.main([*line, "--json"]) == 0
    change = {"action": "change", "kind": "AWS::SQS::Queue", "name": "IngestQueue", "detail": "VisibilityTimeout"}
    assert json.loads(capsys.readouterr().out) == {"stage": "dev", "region": REGION, "changes": [change]}
    assert ops.main([*line, "--set", "Nonsense=1"]) == 1
    assert "no parameter Nonsense" in capsys.readouterr().err
