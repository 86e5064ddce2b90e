"""A deployment that was stopped anywhere is mended by repeating it. `make stops` tries every stop, this a sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import config
from tests.ops.stops.__main__ import lines, planted
from tests.ops.stops.harness import AFTER, CTRL_C, SCENARIOS, Harness, Scenario, Stop, spread
from tests.ops.stops.project import CHALICES, NAME, PRE_MADE, Project, provisioned, world

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    folder = tmp_path_factory.mktemp("stops")
    with world(folder) as made:
        yield Harness(made, folder)


def after(calls: list[str], operation: str, number: int = 0) -> Stop:
    """Ctrl-C after a call of this operation was applied."""
    return Stop([n for n, call in enumerate(calls) if call == operation][number], AFTER, CTRL_C)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_was_stopped_is_mended_by_repeating_it(harness: Harness, scenario: Scenario) -> None:
    calls = harness.calls(scenario)
    outcome = harness.examine(scenario, spread(calls, 12), calls)
    assert outcome.broken == {}
    assert len(outcome.complaints) == 12


@pytest.mark.parametrize(
    ("kind", "scenario", "operation", "complaint"),
    [
        ("sqs_event", "first deployment", "lambda:CreateEventSourceMapping", "already exists"),
        ("dynamodb_event", "first deployment", "events:PutRule", "already exists"),
        ("rest_api", "first deployment", "apigateway:ImportRestApi", "2 REST APIs"),
        ("websocket_api", "first deployment", "apigatewayv2:CreateApi", "2 WebSocket APIs"),
        ("websocket_api", "first deployment", "apigatewayv2:CreateStage", "2 WebSocket APIs"),
        ("websocket_api", "deletion", "apigatewayv2:DeleteApi", "repeating it fails"),
        ("lambda_layer", "first deployment", "lambda:PublishLayerVersion", "2 versions of the layer"),
        ("lambda_function", "deletion", "lambda:DeleteFunction", "repeating it fails"),
        ("cloudwatch_event", "deletion", "events:DeleteRule", "repeating it fails"),
        ("iam_role", "deletion, Chalice's roles", "iam:DeleteRole", "repeating it fails"),
    ],
)
def test_it_fails_without_the_adoption_of_one_kind(
    harness: Harness, kind: str, scenario: str, operation: str, complaint: str
) -> None:
    calls = harness.calls(BY_NAME[scenario])
    stop = after(calls, operation)
    with planted(kind):
        outcome = harness.examine(BY_NAME[scenario], [stop], calls)
    assert complaint in "; ".join(outcome.complaints[stop])
    assert "NOT MENDED" in "\n".join(lines(outcome))
    assert harness.examine(BY_NAME[scenario], [stop], calls).broken == {}


@pytest.mark.parametrize("roles", [PRE_MADE, CHALICES])
def test_a_record_that_is_missing_becomes_chalices_own(harness: Harness, tmp_path: Path, roles: str) -> None:
    provisioned(harness.begin(), roles)
    project = Project(harness.world, tmp_path, roles)
    project.make_deploy()
    chalices = json.loads(project.record.read_text())
    project.record.unlink()
    project.provision()
    rebuilt = json.loads(project.record.read_text())
    assert sorted(rebuilt.pop("resources"), key=str) == sorted(chalices.pop("resources"), key=str)
    assert rebuilt == chalices
    assert f"added to .chalice/deployed/{NAME}.json what exists on AWS" in project.said[-1]


def test_a_stage_that_was_never_deployed_gets_no_record(harness: Harness, tmp_path: Path) -> None:
    provisioned(harness.begin())
    project = Project(harness.world, tmp_path)
    project.provision()
    assert config.deployed_resources(tmp_path, NAME) is None
    assert project.said == []
