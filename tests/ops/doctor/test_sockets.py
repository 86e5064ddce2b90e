"""A WebSocket API that nobody can reach, or that serves former routes, is found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.doctor import sockets
from ops.doctor.patient import Patient
from ops.stack import cloudformation, socket_gateway

GOOD = socket_gateway.Pending("d", frozenset(), no_stage=False, undeployed=False, throttling={})


def deployed(patient: Patient) -> Patient:
    resources = [{"name": "websocket_api", "resource_type": "websocket_api", "websocket_api_id": "ws1"}]
    path = patient.project_dir / ".chalice" / "deployed" / "test.json"
    path.write_text(json.dumps({"resources": resources}))
    return patient


@pytest.mark.parametrize(
    ("pending", "says"),
    [
        (GOOD, ""),
        (None, "there is no WebSocket API ws1; run `python -m ops provision --stage test`, then `chalice deploy"),
        (
            GOOD._replace(incomplete=frozenset(["$default"])),
            "no route $default: its deployment was stopped; run `chalice",
        ),
        (GOOD._replace(no_stage=True), "no stage, so nobody can connect; run `python -m ops provision --stage test`"),
        (GOOD._replace(undeployed=True), "still serves former routes; run `python -m ops provision --stage test`"),
        (GOOD._replace(throttling={"DefaultRouteSettings": {}}), "throttling is not as recorded; run `python -m ops"),
    ],
)
def test_each_way_to_be_out_of_date_has_a_remedy(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, pending: Any, says: str
) -> None:
    asked: list[Any] = []

    def answer(client: Any, *place: Any) -> Any:
        asked.append(place)
        return pending

    monkeypatch.setattr(socket_gateway, "pending", answer)
    found = sockets.check_deployment(deployed(patient))
    assert says in found
    assert bool(found) == bool(says)
    assert [place[:3] for place in asked] == [("ws1", "api", {})]


def test_a_stage_without_a_websocket_api_is_told_to_deploy(patient: Patient) -> None:
    for check in (sockets.check_deployment, sockets.check_front_door):
        assert "no WebSocket API; run `python -m ops provision" in check(patient)


def test_a_front_door_that_leads_elsewhere_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(patient)
    parameters = [{"ParameterKey": "SocketDomain", "ParameterValue": "old.execute-api.eu-west-1.amazonaws.com"}]
    monkeypatch.setattr(cloudformation, "describe", lambda client, name: {"Parameters": parameters})
    assert "does not know the WebSocket API's address" in sockets.check_front_door(patient)
    parameters.clear()
    assert "does not know the WebSocket API's address" in sockets.check_front_door(patient)


def test_a_distribution_without_the_way_to_it_is_found(patient: Patient) -> None:
    behaviour: dict[str, Any] = {
        "PathPattern": "/ws",
        "FunctionAssociations": {"Items": [{"EventType": "viewer-request"}]},
    }
    distribution = {"CacheBehaviors": {"Items": [{"PathPattern": "/v1/*"}, behaviour]}}
    assert sockets.assess_behavior(distribution, patient) == ""
    behaviour["FunctionAssociations"] = {"Quantity": 0}
    assert "has no function" in sockets.assess_behavior(distribution, patient)
    behaviour["PathPattern"] = "/w"
    assert "no behaviour for /ws; run `python -m ops provision --stage test --revert-drift`" in sockets.assess_behavior(
        distribution, patient
    )
