"""`chalice deploy` and `chalice delete` of this app, in this process, on an AWS that only says yes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.session import Session

from tests.iam.stages import ACCOUNT, REGION
from tests.stage import ROOT

_LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
_ABSENT = {
    "GetFunction": "ResourceNotFoundException",
    "GetPolicy": "ResourceNotFoundException",
    "GetRole": "NoSuchEntity",
}


class _Aws:
    """Answers with the few fields that Chalice reads. It knows the roles, functions and triggers that were made."""

    def __init__(self) -> None:
        self.made: set[str] = set()
        self.triggers: dict[str, dict[str, Any]] = {}

    def answer(self, client: Any, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        name = str(params.get("FunctionName") or params.get("RoleName") or "")
        if operation in ("CreateFunction", "CreateRole"):
            self.made.add(name)
        if operation == "CreateEventSourceMapping":
            uuid = str(len(self.triggers))
            self.triggers[uuid] = {"UUID": uuid, "EventSourceArn": params["EventSourceArn"], "FunctionArn": name}
            return self.triggers[uuid]
        if "UUID" in params:
            return self.triggers[params["UUID"]]
        if operation in _ABSENT and (operation == "GetPolicy" or name.rpartition(":")[2] not in self.made):
            code = _ABSENT[operation]
            raise client.exceptions.from_code(code)({"Error": {"Code": code, "Message": "absent"}}, operation)
        role = {"Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "RoleName": name}
        arn = name if name.startswith("arn:") else f"{_LAMBDA}:function:{name}"
        configuration = {"FunctionArn": arn, "State": "Active", "LastUpdateStatus": "Successful"}
        return {
            "Role": role,
            **configuration,
            "Configuration": configuration,
            "LayerVersionArn": f"{_LAMBDA}:layer:filemill-test-managed-layer:1",
            "RuleArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{params.get('Name')}",
            "id": "api1",
            "items": [],
            "endpointConfiguration": {"types": ["EDGE"]},
            "PolicyNames": [f"{name}"],
            "Tags": {"former": "tag"},
            "EventSourceMappings": [],
            "ApiId": "ws1",
            "IntegrationId": "i1",
            "DeploymentId": "d1",
            "Items": [{"RouteId": "r1", "IntegrationId": "i1"}],
        }


@contextmanager
def _only_yes() -> Iterator[None]:
    """Every call is answered at once. It still passes what notes the calls (tests/iam/recorder.py)."""
    aws = _Aws()

    def call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        model = client.meta.service_model.operation_model(operation)
        client._emit_api_params(params, model, {})
        return aws.answer(client, operation, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", call)
        yield


def deploy_twice_and_delete(folder: Path) -> None:
    """A first deployment, a second one that updates all, and the deletion."""
    from chalice.awsclient import TypedAWSClient
    from chalice.deploy import deployer
    from chalice.utils import UI

    import app

    archive = folder / "package.zip"
    archive.write_bytes(b"")
    session = Session()

    def packed(step: Any, config: Any, resource: Any) -> None:
        resource.deployment_package.filename = str(archive)

    with pytest.MonkeyPatch.context() as patch, _only_yes():
        patch.setattr(deployer.ManagedLayerDeploymentPackager, "handle_lambdafunction", packed)
        patch.setattr(deployer.ManagedLayerDeploymentPackager, "handle_lambdalayer", packed)
        for _ in range(2):
            config = _config(app.app, folder)
            deployer.create_default_deployer(session, config, UI()).deploy(config, "test")
        deployer.create_deletion_deployer(TypedAWSClient(session), UI()).deploy(_config(app.app, folder), "test")


def _config(app: Any, folder: Path) -> Any:
    """What Chalice reads of the app, of `.chalice/config.json` and of its own record."""
    from chalice.config import Config, DeployedResources

    said = json.loads((ROOT / ".chalice/config.json").read_text(encoding="utf-8"))
    (folder / ".chalice").mkdir(exist_ok=True)
    document = {"Version": "2012-10-17", "Statement": []}
    (folder / ".chalice/policy-test.json").write_text(json.dumps(document), encoding="utf-8")
    functions = {
        name: {"iam_policy_file": "policy-test.json", "reserved_concurrency": 5} for name in said["lambda_functions"]
    }
    said["stages"] = {"test": {"automatic_layer": True, "tags": {"team": "files"}, "lambda_functions": functions}}
    record = folder / ".chalice/deployed/test.json"

    class Recorded(Config):
        def deployed_resources(self, chalice_stage_name: str) -> Any:
            return DeployedResources(json.loads(record.read_text()) if record.exists() else {"resources": []})

    given = {"chalice_app": app, "project_dir": str(folder)}
    return Recorded(chalice_stage="test", user_provided_params=given, config_from_disk=said)
