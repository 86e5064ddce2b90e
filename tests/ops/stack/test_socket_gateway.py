"""The WebSocket API's deployment, on a stand-in that behaves as API Gateway's documentation says.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/operations.html
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.stack import socket_gateway

SMALL = {"throttleSettings": {"rateLimit": 2500.0, "burstLimit": 1250}}
QUOTA = socket_gateway.quota_of(SimpleNamespace(get_account=lambda: SMALL))
PERMITTED = {"FILEMILL_RATE_LIMIT": "100"}


class Api:
    """One WebSocket API `ws1`. A stage serves the routes of its deployment, not those of the API."""

    def __init__(self) -> None:
        self.ids = (f"id{n}" for n in itertools.count())
        self.routes: list[dict[str, Any]] = []
        self.integrations: list[dict[str, Any]] = []
        self.deployments: dict[str, dict[str, Any]] = {}
        self.stages: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []

    def deploy_with_chalice(self, *keys: str, suffix: str = "") -> None:
        """As Chalice does it again and again: everything has a new id, and there is no new deployment."""
        self.routes, self.integrations = [], []
        for key in keys or tuple(sorted(socket_gateway.ROUTES)):
            integration = next(self.ids)
            uri = f"arn:aws:lambda:eu-west-1:000000000000:function:filemill-test-{key[1:]}{suffix}"
            self.integrations.append(
                {"IntegrationId": integration, "IntegrationUri": uri, "IntegrationType": "AWS_PROXY"}
            )
            self.routes.append({"RouteId": next(self.ids), "RouteKey": key, "Target": f"integrations/{integration}"})

    def served(self) -> Any:
        return self.deployments[self.stages["api"]["DeploymentId"]]["routes"]

    def get_api(self, ApiId: str) -> dict[str, Any]:  # noqa: N803 - boto3's names, here and below
        if ApiId != "ws1":
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "Invalid API identifier"}}, "GetApi")
        return {"ApiId": ApiId}

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "get_routes" else Pages(self.integrations)

    def paginate(self, ApiId: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield from Pages(self.routes).paginate(ApiId)

    def get_stage(self, ApiId: str, StageName: str) -> dict[str, Any]:  # noqa: N803
        if StageName not in self.stages:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "Invalid stage"}}, "GetStage")
        return self.stages[StageName]

    def get_deployment(self, ApiId: str, DeploymentId: str) -> dict[str, Any]:  # noqa: N803
        return self.deployments[DeploymentId]

    def create_deployment(self, ApiId: str, Description: str = "") -> dict[str, Any]:  # noqa: N803
        self.changes.append("create_deployment")
        id_ = next(self.ids)
        uris = {each["IntegrationId"]: each["IntegrationUri"] for each in self.integrations}
        routes = {each["RouteKey"]: uris[each["Target"].partition("/")[2]] for each in self.routes}
        self.deployments[id_] = {"DeploymentId": id_, "Description": Description, "routes": routes}
        return self.deployments[id_]

    def create_stage(self, ApiId: str, StageName: str, **settings: Any) -> None:  # noqa: N803
        self.changes.append("create_stage")
        self.stages[StageName] = {"StageName": StageName, **settings}

    def update_stage(self, ApiId: str, StageName: str, **settings: Any) -> None:  # noqa: N803
        self.changes.append("update_stage")
        self.stages[StageName] |= settings


class Pages:
    """Lists come in pages."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = items

    def paginate(self, ApiId: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        for item in self.items:
            yield {"Items": [item]}


@pytest.fixture
def sockets() -> Api:
    """The API after its first `chalice deploy`."""
    found = Api()
    found.deploy_with_chalice()
    found.create_stage("ws1", "api", DeploymentId=found.create_deployment("ws1")["DeploymentId"])
    found.changes.clear()
    return found


def configure(sockets: Api, variables: dict[str, str] | None = None) -> bool:
    return socket_gateway.configure(sockets, "ws1", "api", variables or {}, QUOTA)


def test_a_deployment_is_made_only_when_the_routes_say_something_else(sockets: Api) -> None:
    assert configure(sockets), "Chalice's own deployment does not tell what it serves"
    assert sockets.changes == ["create_deployment", "update_stage"]
    for _ in range(2):
        assert not configure(sockets)
        sockets.deploy_with_chalice()
    assert not configure(sockets), "the same routes under other ids"
    assert sockets.changes == ["create_deployment", "update_stage"]
    sockets.deploy_with_chalice(suffix="-moved")
    assert configure(sockets)
    assert all(uri.endswith("-moved") for uri in sockets.served().values())
    assert not configure(sockets)


def test_a_run_that_stopped_before_the_stage_was_changed_is_made_up_for(sockets: Api) -> None:
    configure(sockets)
    sockets.deploy_with_chalice(suffix="-moved")
    wanted = socket_gateway.pending(sockets, "ws1", "api", {}, QUOTA)
    assert wanted
    sockets.create_deployment("ws1", wanted.description)
    assert configure(sockets)
    assert all(uri.endswith("-moved") for uri in sockets.served().values())


def test_half_of_the_routes_are_never_served(sockets: Api) -> None:
    configure(sockets)
    sockets.deploy_with_chalice("$connect", "$disconnect")
    found = socket_gateway.pending(sockets, "ws1", "api", {}, QUOTA)
    assert found
    assert found.incomplete == {"$default"}
    assert not configure(sockets)
    assert "$default" in sockets.served()


def test_a_route_whose_integration_is_gone_counts_as_missing(sockets: Api) -> None:
    sockets.integrations.pop()
    found = socket_gateway.pending(sockets, "ws1", "api", {}, QUOTA)
    assert found
    assert found.incomplete == {"$disconnect"}


def test_a_stage_that_a_stopped_deployment_left_out_is_made(sockets: Api) -> None:
    sockets.stages.clear()
    assert configure(sockets, PERMITTED)
    assert sockets.changes == ["create_deployment", "create_stage"]
    assert sockets.stages["api"]["DefaultRouteSettings"] == {"ThrottlingRateLimit": 100.0, "ThrottlingBurstLimit": 100}
    assert not configure(sockets, PERMITTED)


def test_an_api_that_is_gone_is_left_to_chalice(sockets: Api) -> None:
    assert not socket_gateway.configure(sockets, "gone", "api", {}, QUOTA)


def test_the_throttling_is_set_changed_and_lifted_and_other_settings_stay(sockets: Api) -> None:
    configure(sockets)
    sockets.stages["api"]["DefaultRouteSettings"] = {"LoggingLevel": "ERROR"}
    sockets.changes.clear()

    def bound() -> tuple[Any, Any]:
        settings = sockets.stages["api"]["DefaultRouteSettings"]
        assert settings["LoggingLevel"] == "ERROR"
        return settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]

    assert configure(sockets, PERMITTED)
    assert bound() == (100, 100)
    assert not configure(sockets, PERMITTED)
    assert configure(sockets, {**PERMITTED, "FILEMILL_RATE_BURST": "300"})
    assert bound() == (100, 300)
    assert configure(sockets)
    assert bound() == (2500, 1250), "the account's quota"
    assert not configure(sockets)
    assert sockets.changes == ["update_stage"] * 3
