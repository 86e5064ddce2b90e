"""API Gateway's own error answers and its throttling."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.api.errors import GATEWAY_PROBLEMS, PROBLEMS
from ops.stack import gateway
from tests.stage import Calls


@pytest.fixture
def api(stage: Calls) -> tuple[Any, str]:
    """(client, id of an API with a deployed stage `api`)."""
    client = boto3.client("apigateway")
    api_id = client.create_rest_api(name="filemill-test")["id"]
    root = client.get_resources(restApiId=api_id)["items"][0]["id"]
    client.put_method(restApiId=api_id, resourceId=root, httpMethod="GET", authorizationType="NONE")
    client.put_integration(restApiId=api_id, resourceId=root, httpMethod="GET", type="MOCK")
    client.create_deployment(restApiId=api_id, stageName="api")
    return client, api_id


@pytest.mark.parametrize("kind", sorted(gateway.RESPONSES))
def test_each_gateway_response_is_a_problem_document_that_any_page_can_read(kind: str) -> None:
    status, headers, body = gateway.answer(kind, "the-id")
    document = json.loads(body)
    assert status == document["status"] == int(PROBLEMS[document["code"]])
    assert document["request_id"] == headers["X-Request-Id"] == "the-id"
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert ("Retry-After" in headers) == (status in (429, 503))
    # API Gateway reads a template: nothing but its own variable may look like one.
    assert gateway.wanted(kind)["responseTemplates"]["application/json"].count("$") == 1


def test_every_code_that_only_api_gateway_answers_is_among_them() -> None:
    assert set(GATEWAY_PROBLEMS) <= {code for code, _ in gateway.RESPONSES.values()}


def test_gateway_responses_are_set_once_and_take_effect_with_a_deployment(api: tuple[Any, str]) -> None:
    client, api_id = api
    before = len(client.get_deployments(restApiId=api_id)["items"])
    assert gateway.configure(client, api_id, "api", {})
    kept = client.get_gateway_response(restApiId=api_id, responseType="THROTTLED")
    assert kept["statusCode"] == "429"
    assert kept["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"
    assert len(client.get_deployments(restApiId=api_id)["items"]) == before + 1
    assert not gateway.configure(client, api_id, "api", {})
    assert len(client.get_deployments(restApiId=api_id)["items"]) == before + 1


@pytest.mark.parametrize("operation", ["PutGatewayResponse", "CreateDeployment"])
def test_it_waits_where_api_gateway_asks_to_slow_down(
    api: tuple[Any, str], operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, api_id = api
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    refusals = [429, 429]

    def refuse(**_: Any) -> Any:
        if refusals:
            refusals.pop()
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, operation)

    client.meta.events.register(f"before-call.apigateway.{operation}", refuse)
    assert gateway.configure(client, api_id, "api", {})
    assert slept == [1.0, 1.5]


def test_responses_that_were_set_before_a_run_stopped_are_deployed_by_the_next(api: tuple[Any, str]) -> None:
    client, api_id = api
    for kind in gateway.RESPONSES:
        client.put_gateway_response(restApiId=api_id, responseType=kind, **gateway.wanted(kind))
    before = len(client.get_deployments(restApiId=api_id)["items"])
    assert gateway.configure(client, api_id, "api", {})
    assert len(client.get_deployments(restApiId=api_id)["items"]) == before + 1
    assert not gateway.configure(client, api_id, "api", {})


def test_a_stages_bound_is_set_changed_and_lifted(api: tuple[Any, str]) -> None:
    client, api_id = api
    gateway.configure(client, api_id, "api", {})

    def bound() -> tuple[Any, Any]:
        found = client.get_stage(restApiId=api_id, stageName="api").get("methodSettings", {}).get("*/*", {})
        return found.get("throttlingRateLimit"), found.get("throttlingBurstLimit")

    assert gateway.configure(client, api_id, "api", {"FILEMILL_RATE_LIMIT": "100"})
    assert bound() == (100, 100)
    assert not gateway.configure(client, api_id, "api", {"FILEMILL_RATE_LIMIT": "100"})
    assert gateway.configure(client, api_id, "api", {"FILEMILL_RATE_LIMIT": "50", "FILEMILL_RATE_BURST": "200"})
    assert bound() == (50, 200)
    assert gateway.throttling({"*/*": {"throttlingRateLimit": 50.0, "throttlingBurstLimit": 200}}, {}) == [
        {"op": "remove", "path": "/*/*"}
    ]


def test_an_api_that_is_gone_is_left_to_chalice(stage: Calls) -> None:
    assert not gateway.configure(boto3.client("apigateway"), "gone", "api", {})
