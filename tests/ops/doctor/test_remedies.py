"""The commands that the doctor names mend what it found: each is run here, on an account in memory."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name

from chalicelib.settings import load
from ops import config
from ops.doctor import background, examine, front_door, functions, leftovers, queues
from ops.doctor.patient import Check, Patient
from ops.report import Mark
from ops.stack import event_sources
from tests.ops.stops.account import REGION, Account
from tests.ops.stops.project import NAME, Project, World, provisioned, world
from tests.stage import STAGE

CHECKS: dict[str, Check] = {
    "queue": queues.check_trigger,
    "imports": queues.check_import_trigger,
    "webhooks": queues.check_webhook_trigger,
    "loops": queues.check_loops,
    "index": background.check_index_trigger,
    "publish": background.check_publish_trigger,
    "sweep": background.check_sweep,
    "record": leftovers.check_record,
    "functions": functions.check_functions,
    "front door": front_door.check_front_door,
}
ROUNDS = 4  # one remedy may bring to light what the next one mends


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def project(made: World, tmp_path: Path) -> Project:
    """A deployed stage in which all is well."""
    made.account = Account()
    provisioned(made.account)
    project = Project(made, tmp_path)
    project.make_deploy()
    made.account.now += 3600
    assert ill(project) == {}
    return project


def ill(project: Project) -> dict[str, str]:
    session = boto3.Session(botocore_session=project.world.session)
    patient = Patient(session, REGION, project.folder, load(STAGE))
    return {each.name: each.sentence for each in examine(patient, CHECKS) if each.mark is Mark.WRONG}


def trigger(account: Account, function: str) -> dict[str, Any]:
    return next(m for m in account.mappings.values() if m["answer"]["FunctionArn"].endswith(f"-{NAME}-{function}"))


def api(account: Account) -> str:
    return next(i for i, found in account.apis.items() if f":function:filemill-{NAME}/" in str(found["document"]))


def socket(account: Account) -> str:
    return next(
        i
        for i, found in account.sockets.items()
        if f":function:filemill-{NAME}-websocket" in str(found["integrations"])
    )


def drop(things: dict[str, Any], key: str) -> None:
    del things[key]


def second_trigger(account: Account, function: str, **other: Any) -> None:
    double = deepcopy(trigger(account, function))
    double["answer"] |= {"UUID": "11111111-1111-1111-1111-111111111111", **other}
    account.mappings[double["answer"]["UUID"]] = double


def second_api(account: Account) -> None:
    double = deepcopy(account.apis[api(account)])
    double["answer"]["id"] = "second"
    account.apis = {"second": double, **account.apis}
    source = f"arn:aws:execute-api:{REGION}:123456789012:second/*"
    account.lambda_add_permission(
        {
            "FunctionName": f"filemill-{NAME}",
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": source,
        }
    )


STRANGER = f"arn:aws:lambda:{REGION}:123456789012:function:stranger"
RULE = f"filemill-{NAME}-sweep-event"
DAMAGES: dict[str, tuple[Callable[[Account], Any], str, str]] = {
    "a second trigger of the queue": (lambda a: second_trigger(a, "process"), "queue", "2 mappings read the ingest"),
    "a second trigger of the index": (lambda a: second_trigger(a, "index"), "index", "reads the table's stream 2"),
    "a stranger reads the queue": (
        lambda a: second_trigger(a, "fetch", FunctionArn=STRANGER),
        "imports",
        "function:stranger reads the import queue, too",
    ),
    "the queue's trigger is gone": (
        lambda a: drop(a.mappings, trigger(a, "process")["answer"]["UUID"]),
        "queue",
        "no function reads the ingest queue",
    ),
    "the index's trigger is gone": (
        lambda a: drop(a.mappings, trigger(a, "index")["answer"]["UUID"]),
        "index",
        "does not read the table's stream",
    ),
    "the queue's trigger is off": (
        lambda a: trigger(a, "process").update(rests="Disabled"),
        "queue",
        "trigger is disabled",
    ),
    "the index's trigger is off": (
        lambda a: trigger(a, "index").update(rests="Disabled"),
        "index",
        "trigger is disabled",
    ),
    "the queue's trigger takes ten": (
        lambda a: trigger(a, "fetch")["answer"].update(BatchSize=10),
        "imports",
        "10 messages at once",
    ),
    "the queue's trigger has a filter": (
        lambda a: trigger(a, "process")["answer"].update(FilterCriteria={"Filters": [{"Pattern": "{}"}]}),
        "queue",
        "has a filter",
    ),
    "the queue's trigger is unbounded": (
        lambda a: trigger(a, "process")["answer"].pop("ScalingConfig"),
        "queue",
        "any number of times",
    ),
    "the index has no filter": (
        lambda a: trigger(a, "index")["answer"].pop("FilterCriteria"),
        "index",
        "own writes start it again",
    ),
    "the webhook queue's trigger is gone": (
        lambda a: drop(a.mappings, trigger(a, "deliver")["answer"]["UUID"]),
        "webhooks",
        "no function reads the webhook queue",
    ),
    "Lambda would stop deliveries": (
        lambda a: a.functions[f"filemill-{NAME}-deliver"].update(recursion="Terminate"),
        "loops",
        "Lambda stops filemill-test-deliver after 16 messages",
    ),
    "a second trigger of the publisher": (
        lambda a: second_trigger(a, "publish"),
        "publish",
        "the publisher reads the table's stream 2",
    ),
    "the publisher has the index's filter": (
        lambda a: trigger(a, "publish")["answer"].update(event_sources.INDEX),
        "publish",
        "gets other changes of the table than it should",
    ),
    "the publisher's trigger is off": (
        lambda a: trigger(a, "publish").update(rests="Disabled"),
        "publish",
        "trigger is disabled",
    ),
    "the WebSocket API is gone": (lambda a: drop(a.sockets, socket(a)), "record", "gone from AWS"),
    "the WebSocket API has no stage": (
        lambda a: a.sockets[socket(a)]["stages"].clear(),
        "record",
        "made twice, or never finished: WebSocket API",
    ),
    "the index's batches are whole": (
        lambda a: trigger(a, "index")["answer"].update(BisectBatchOnFunctionError=False),
        "index",
        "stop its whole batch",
    ),
    "the rule is gone": (lambda a: drop(a.rules, RULE), "sweep", "is gone"),
    "the rule is off": (lambda a: a.rules[RULE]["answer"].update(State="DISABLED"), "sweep", "schedule is off"),
    "the rule has no target": (lambda a: a.rules[RULE]["targets"].clear(), "sweep", "does not call it"),
    "a second REST API": (second_api, "record", "made twice, or never finished: REST API second"),
    "the REST API is gone": (lambda a: drop(a.apis, api(a)), "record", "gone from AWS"),
    "a function is gone": (lambda a: drop(a.functions, f"filemill-{NAME}-sweep"), "functions", "there is no function"),
    "a function has a layer that is gone": (
        lambda a: a.layers[f"filemill-{NAME}-managed-layer"].clear(),
        "record",
        "gone from AWS, but in .chalice/deployed/test.json: layer",
    ),
    "the distribution leads elsewhere": (
        lambda a: a.stack["Parameters"][0].update(ParameterValue="other.execute-api"),
        "front door",
        "does not know the API's address",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_named_command_mends_the_finding(project: Project, name: str) -> None:
    damage, check, says = DAMAGES[name]
    damage(project.world.account)
    found = ill(project)
    assert says in found[check], found
    for _ in range(ROUNDS):
        if not found:
            break
        for command in commands(found[check] if check in found else next(iter(found.values()))):
            run(project, command)
        project.world.account.now += 3600
        found = ill(project)
    assert found == {}
    policy = project.world.account.functions[f"filemill-{NAME}"]["policy"]
    assert [api(project.world.account) in str(statement) for statement in policy] == [True]
    assert len([a for a in project.world.account.apis.values() if f"filemill-{NAME}/" in str(a["document"])]) == 1


def test_a_record_that_is_missing_is_found_and_mended(project: Project) -> None:
    project.record.unlink()
    found = ill(project)
    assert "missing in .chalice/deployed/test.json: layer" in found["record"]
    assert "Chalice's record has no REST API" in found["front door"]
    for command in commands(found["record"]):
        run(project, command)
    assert ill(project) == {}
    assert api(project.world.account) == config.rest_api_id(json.loads(project.record.read_text())["resources"])


def commands(finding: str) -> list[str]:
    """The commands in a finding, in their order."""
    found = re.findall(r"`([^`]+)`", finding)
    assert found, finding
    return [command for command in found if "ops reindex" not in command]


def run(project: Project, command: str) -> None:
    """Runs the code of one command."""
    if command == f"python -m ops provision --stage {NAME}":
        project.provision()
    elif command == f"chalice deploy --stage {NAME}":
        project.chalice_deploy()
    else:
        words = shlex.split(command)
        assert words[0] == "aws", command
        client = project.world.client(words[1])
        getattr(client, words[2].replace("-", "_"))(**options(client, words[2], words[3:]))


def options(client: Any, operation: str, words: list[str]) -> dict[str, Any]:
    """A command line's options as the AWS CLI reads them."""
    methods = {xform_name(name): name for name in client.meta.service_model.operation_names}
    shape = client.meta.service_model.operation_model(methods[operation.replace("-", "_")]).input_shape
    members = {xform_name(name, "-"): (name, member.type_name) for name, member in shape.members.items()}
    given: dict[str, Any] = {}
    left = list(words)
    while left:
        name, kind = members[left.pop(0).removeprefix("--")]
        if kind == "boolean":
            given[name] = True
        else:
            value = left.pop(0)
            given[name] = json.loads(value) if kind in ("structure", "list") else value
    return given
