"""Chalice's record is brought to what there is on AWS; what is another's stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from ops import config
from ops.stack import inventory
from ops.stack.names import SOCKET_FUNCTIONS
from tests.ops.stops.account import ACCOUNT, REGION, Account
from tests.ops.stops.project import APP_FUNCTIONS, CHALICES, NAME, OUTPUTS, Project, World, provisioned, world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def account(made: World) -> Account:
    made.account = Account()
    provisioned(made.account)
    return made.account


@pytest.fixture
def project(made: World, account: Account, tmp_path: Path) -> Project:
    return Project(made, tmp_path)


def api(account: Account, name: str, created: float = 0.0, *, deployed: bool = False) -> str:
    """Makes a REST API that calls the stage's function."""
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{_function()}/invocations"
    integration = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": uri}}
    account.now = created
    body = json.dumps({"info": {"title": name}, "paths": {"/": {"get": integration, "options": {}}}})
    made = account.apigateway_import_rest_api({"body": body, "parameters": {"endpointConfigurationTypes": "REGIONAL"}})
    if deployed:
        account.apigateway_create_deployment({"restApiId": made["id"], "stageName": "api"})
    return str(made["id"])


def _function(name: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:filemill-{NAME}{name}"


def kept(project: Project) -> Any:
    return config.rest_api_id(config.deployed_resources(project.folder, NAME) or [])


def apis(account: Account) -> list[str]:
    return sorted(i for i, found in account.apis.items() if f"{_function()}/" in str(found["document"]))


def test_of_several_apis_the_one_stays_that_the_distribution_leads_to(project: Project, account: Account) -> None:
    front = api(account, "filemill", 100)
    api(account, "filemill", 200, deployed=True)
    api(account, "filemill", 300, deployed=True)
    account.stack["Parameters"][0]["ParameterValue"] = f"{front}.execute-api.{REGION}.amazonaws.com"
    project.provision()
    assert kept(project) == front
    assert apis(account) == [front]
    assert account.now > 300 + 30, "API Gateway deletes one in 30 seconds"


def test_without_a_distribution_the_recorded_one_stays_else_the_newest_that_is_deployed(
    project: Project, account: Account
) -> None:
    api(account, "filemill", 100, deployed=True)
    newest = api(account, "filemill", 200, deployed=True)
    api(account, "filemill", 300)
    project.provision()
    assert kept(project) == newest
    account.stack["Parameters"][0]["ParameterValue"] = ""
    api(account, "filemill", 4000, deployed=True)
    project.provision()
    assert kept(project) == newest
    assert apis(account) == [newest]


def test_an_api_of_another_name_or_of_another_function_too_is_nobodys_business(
    project: Project, account: Account
) -> None:
    strange = api(account, "somebody's own")
    mixed = api(account, "filemill")
    other = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other"
    document = account.apis[mixed]["document"]
    document["paths"]["/x"] = json.loads(json.dumps(document["paths"]["/"]).replace(_function(), other))
    project.provision()
    assert kept(project) == ""
    assert apis(account) == sorted([strange, mixed])


def socket(account: Account, *, called: str = "-websocket_connect", staged: bool = True) -> str:
    """Makes a WebSocket API of the stage's name that calls one function."""
    account.now += 100
    made = account.apigatewayv2_create_api({"Name": f"filemill-{NAME}-websocket-api", "ProtocolType": "WEBSOCKET"})
    api_id = str(made["ApiId"])
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{_function(called)}/invocations"
    account.apigatewayv2_create_integration({"ApiId": api_id, "IntegrationUri": uri})
    if staged:
        account.apigatewayv2_create_stage({"ApiId": api_id, "StageName": "api"})
    return api_id


def kept_sockets(project: Project) -> list[str]:
    recorded = config.deployed_resources(project.folder, NAME) or []
    return [each["websocket_api_id"] for each in recorded if each["resource_type"] == "websocket_api"]


def test_of_several_websocket_apis_the_one_stays_that_the_distribution_leads_to_else_the_newest(
    project: Project, account: Account
) -> None:
    first, *others = [socket(account) for _ in range(3)]
    account.stack["Parameters"].append(
        {"ParameterKey": "SocketDomain", "ParameterValue": f"{first}.execute-api.{REGION}.amazonaws.com"}
    )
    found = inventory.websocket_apis(project.world.client("apigatewayv2"), project.here())
    assert [each["websocket_api_id"] for each in found] == [first, *reversed(others)]
    account.stack["Parameters"].pop()
    project.provision()
    assert kept_sockets(project) == [others[-1]]
    assert first not in account.sockets


def test_a_websocket_api_without_a_stage_is_deleted_because_chalice_would_never_make_the_stage(
    project: Project, account: Account
) -> None:
    unfinished = socket(account, staged=False)
    project.provision()
    assert kept_sockets(project) == []
    assert unfinished not in account.sockets
    assert "never finished: WebSocket API" in project.said[-1]


def test_a_websocket_api_whose_stage_somebody_deleted_is_made_anew(project: Project, account: Account) -> None:
    project.make_deploy()
    (before,) = kept_sockets(project)
    account.sockets[before]["stages"].clear()
    project.make_deploy()
    (after,) = kept_sockets(project)
    assert after != before
    assert before not in account.sockets
    for function in SOCKET_FUNCTIONS:
        (statement,) = account.functions[f"filemill-{NAME}-{function}"]["policy"]
        assert f":{after}/" in statement["Condition"]["ArnLike"]["AWS:SourceArn"], "the former API's right is gone"


def test_a_websocket_api_that_calls_a_strangers_function_is_left_alone(project: Project, account: Account) -> None:
    strange = socket(account, called="-2-websocket_connect")
    project.make_deploy()
    assert strange not in kept_sockets(project)
    assert strange in account.sockets


def test_a_former_function_is_adopted_by_its_tag_so_that_chalice_removes_it(project: Project, account: Account) -> None:
    project.make_deploy()
    project.record.unlink()
    former = deepcopy(account.functions[f"filemill-{NAME}-sweep"])
    former["configuration"] |= {"FunctionName": f"filemill-{NAME}-former", "FunctionArn": _function("-former")}
    account.functions[f"filemill-{NAME}-former"] = former
    others = [name for name in account.functions if name.startswith(f"filemill-{NAME}-2")]
    project.make_deploy()
    assert f"filemill-{NAME}-former" not in account.functions
    assert len(account.functions) == len(APP_FUNCTIONS) + len(others)


def trigger(account: Account, function: str, source: str) -> str:
    made = account.lambda_create_event_source_mapping({"FunctionName": function, "EventSourceArn": source})
    account.now += 60
    return str(made["UUID"])


def test_a_trigger_of_the_operators_own_queue_stays_and_is_not_taken_for_ours(
    project: Project, account: Account
) -> None:
    project.make_deploy()
    own = trigger(account, f"filemill-{NAME}-process", f"arn:aws:sqs:{REGION}:{ACCOUNT}:my-own-queue")
    before = project.record.read_text()
    project.record.unlink()
    project.make_deploy()
    assert own in account.mappings
    assert own not in project.record.read_text()
    assert json.loads(project.record.read_text()).keys() == json.loads(before).keys()
    project.chalice_delete()
    project.clear_app()
    account.now += 60
    assert own not in {m["UUID"] for m in account.lambda_list_event_source_mappings({})["EventSourceMappings"]}


def test_a_trigger_of_a_former_queue_or_stream_gives_way_to_todays(project: Project, account: Account) -> None:
    project.make_deploy()
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:filemill-{NAME}-IngestQueue-former"
    stream = OUTPUTS["TableStreamArn"].removesuffix("/1") + "/0"
    former = [trigger(account, f"filemill-{NAME}-{name}", arn) for name, arn in (("process", queue), ("index", stream))]
    project.record.unlink()
    project.provision()
    account.now += 60
    left = {m["UUID"] for m in account.lambda_list_event_source_mappings({})["EventSourceMappings"]}
    assert not left.intersection(former)
    assert len([r for r in config.deployed_resources(project.folder, NAME) or [] if "event_uuid" in r]) == 5


def test_todays_queue_goes_before_the_record(project: Project, account: Account) -> None:
    project.make_deploy()
    entries = config.deployed_resources(project.folder, NAME) or []
    today = next(entry for entry in entries if entry["name"] == "process-sqs-event-source")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:filemill-{NAME}-IngestQueue-former"
    former = trigger(account, f"filemill-{NAME}-process", queue)
    others = [entry for entry in entries if entry is not today]
    recorded = {**today, "event_uuid": former, "queue_arn": queue, "queue": queue.rpartition(":")[2]}
    config.record_deployed(project.folder, NAME, [*others, recorded])
    project.provision()
    assert today in (config.deployed_resources(project.folder, NAME) or [])


def test_a_trigger_that_is_being_deleted_is_not_there(project: Project, account: Account) -> None:
    project.make_deploy()
    name = f"filemill-{NAME}-process"
    account.lambda_delete_event_source_mapping({"UUID": _uuid(account, name)})
    assert [entry["name"] for entry in project.differences().gone] == ["process-sqs-event-source"]
    project.make_deploy()
    assert project.differences().gone == []


def _uuid(account: Account, function: str) -> str:
    return next(
        uuid for uuid, found in account.mappings.items() if found["answer"]["FunctionArn"].endswith(f":{function}")
    )


def test_of_several_versions_of_the_layer_the_newest_stays(project: Project, account: Account) -> None:
    project.make_deploy()
    newest = account.lambda_publish_layer_version({"LayerName": f"filemill-{NAME}-managed-layer"})["Version"]
    project.provision()
    assert list(account.layers[f"filemill-{NAME}-managed-layer"]) == [newest] == [2]


def test_a_role_of_the_stack_of_another_region_or_pre_made_is_never_chalices(
    made: World, account: Account, tmp_path: Path
) -> None:
    project = Project(made, tmp_path, CHALICES)
    names = [f"filemill-{NAME}-{function}" for function in ("api_handler", "process", "fetch", "index", "render")]
    for name in names:
        account.iam_create_role({"RoleName": name})
    account.roles[names[1]]["answer"]["Tags"] = [{"Key": "aws:cloudformation:stack-name", "Value": "filemill-test"}]
    for name, region in ((names[2], "us-east-1"), (names[3], REGION)):
        arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/lambda/{name}"
        account.roles[name]["policies"][name] = {"Statement": [{"Resource": [arn]}]}
    recorded = config.read_config(tmp_path)
    recorded["stages"][NAME]["lambda_functions"]["render"]["iam_role_arn"] = account.roles[names[4]]["answer"]["Arn"]
    config.write_json(config.config_path(tmp_path), recorded)
    found = inventory.find(made.client, project.here())
    assert [role["role_name"] for role in found] == [names[0], names[3]]


def test_kinds_that_nobody_looks_for_stay_in_the_record(project: Project, account: Account) -> None:
    project.make_deploy()
    domain = {"name": "api_gateway_custom_domain", "resource_type": "domain_name", "domain_name": "api.example"}
    record = json.loads(project.record.read_text())
    config.record_deployed(project.folder, NAME, [domain, *record["resources"][1:]])
    project.provision()
    entries = config.deployed_resources(project.folder, NAME) or []
    assert domain in entries
    assert len(entries) == len(record["resources"]) + 1


def test_a_record_that_is_right_is_not_written(project: Project) -> None:
    project.make_deploy()
    before, said = project.record.stat().st_mtime_ns, len(project.said)
    project.provision()
    assert project.record.stat().st_mtime_ns == before
    assert project.said[said:] == []


def test_a_deployment_waits_for_what_lambda_still_makes(project: Project, account: Account) -> None:
    project.make_deploy()
    for mapping in account.mappings.values():
        mapping.update(doing="Creating", ready_at=account.now + 100)
    account.functions[f"filemill-{NAME}-process"]["updated_at"] = account.now + 60
    project.make_deploy()
