"""Log groups are made with a retention, keep it, and are deleted by their exact names."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
import requests
from botocore.loaders import Loader

from chalicelib.settings import LOG_DAYS
from ops.errors import OpsError
from ops.stack import logs
from ops.stack.names import FUNCTIONS
from tests.stage import ROOT

NAMES = [f"/aws/lambda/filemill-dev{'' if name == 'api_handler' else f'-{name}'}" for name in FUNCTIONS]
SWEEP = "/aws/lambda/filemill-dev-sweep"
API = logs.api_group("abc", "api")


@pytest.fixture(scope="module")
def client(cloud: None) -> Any:
    return boto3.client("logs", region_name="eu-west-1")


@pytest.fixture(autouse=True)
def _empty(client: Any) -> None:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)


def recorded(**stage: Any) -> dict[str, Any]:
    return {"app_name": "filemill", "stages": {"dev": stage}}


def wanted(days: int) -> dict[str, int]:
    return dict.fromkeys(NAMES, days)


def kept(client: Any) -> dict[str, int | None]:
    groups = client.describe_log_groups()["logGroups"]
    return {group["logGroupName"]: group.get("retentionInDays") for group in groups}


def test_the_groups_are_those_of_the_functions_that_there_are() -> None:
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    assert len(functions) == len(NAMES)
    assert logs.groups(recorded(), "dev") == NAMES


def test_the_days_are_cloudwatchs_own() -> None:
    model = Loader().load_service_model("logs", "service-2")
    said = model["shapes"]["Days"]["documentation"].partition("Possible values are: ")[2].partition(".")[0]
    assert tuple(int(day) for day in said.replace("and ", "").split(", ")) == LOG_DAYS[1:]


def test_the_days_come_from_the_setting_then_from_chalices_and_else_are_thirty() -> None:
    assert logs.days(recorded(), "dev") == wanted(30)
    assert logs.days(recorded(log_retention_in_days=7), "dev") == wanted(7)
    setting = {"environment_variables": {"FILEMILL_LOG_DAYS": "90"}}
    assert logs.days(recorded(log_retention_in_days=7, **setting), "dev") == wanted(90)
    one = recorded(lambda_functions={"sweep": {"log_retention_in_days": 1}})
    assert logs.days(one, "dev") == wanted(30) | {SWEEP: 1}


@pytest.mark.parametrize("days", ["31", "-1", "a month", ""])
def test_days_that_cloudwatch_does_not_know_are_refused(days: str) -> None:
    with pytest.raises(OpsError, match=r"FILEMILL_LOG_DAYS .* keeps logs for 0, 1, 3, .*Choose one"):
        logs.days(recorded(environment_variables={"FILEMILL_LOG_DAYS": days}), "dev")


def test_missing_groups_are_made_and_others_are_corrected_and_nothing_else_is_touched(client: Any) -> None:
    client.create_log_group(logGroupName=NAMES[1])  # as Lambda makes it
    client.create_log_group(logGroupName="/aws/lambda/filemill-development")
    assert logs.ensure(client, wanted(30), if_there={API: 30}) == NAMES
    assert kept(client) == wanted(30) | {"/aws/lambda/filemill-development": None}
    assert logs.ensure(client, wanted(30), if_there={API: 30}) == []
    assert logs.ensure(client, wanted(0), if_there={}) == NAMES
    assert kept(client) == dict.fromkeys(NAMES) | {"/aws/lambda/filemill-development": None}
    assert logs.ensure(client, wanted(0), if_there={}) == []


def test_a_group_that_is_kept_for_ever_is_made_too(client: Any) -> None:
    assert logs.ensure(client, wanted(0), if_there={}) == NAMES
    assert kept(client) == dict.fromkeys(NAMES)


def test_api_gateways_group_is_set_only_if_it_is_there(client: Any) -> None:
    client.create_log_group(logGroupName=API)
    assert API in logs.ensure(client, wanted(14), if_there={API: 14})
    assert kept(client) == wanted(14) | {API: 14}


def test_a_group_that_a_function_makes_meanwhile_gets_its_retention_all_the_same(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        client.create_log_group(logGroupName=name)
    monkeypatch.setattr(logs, "retentions", lambda *_: {})
    logs.ensure(client, wanted(3), if_there={})
    assert kept(client) == wanted(3)


def test_deleting_takes_the_named_groups_and_can_be_repeated(client: Any) -> None:
    logs.ensure(client, wanted(30), if_there={})
    client.create_log_group(logGroupName="/aws/lambda/filemill-dev2")
    assert logs.delete(client, [*NAMES, API]) == NAMES
    assert logs.delete(client, [*NAMES, API]) == []
    assert list(kept(client)) == ["/aws/lambda/filemill-dev2"]
