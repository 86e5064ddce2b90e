"""The real app as a Chalice project in a folder of its own, and the real commands on it, against an account in memory.

Only three things are replaced: AWS (each client's calls go to the account), time (a sleep moves the account's clock)
and the archives, which are tiny and ready-made.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from botocore.client import BaseClient
from botocore.session import Session
from botocore.validate import ParamValidator
from chalice.awsclient import TypedAWSClient
from chalice.cli.factory import CLIFactory
from chalice.deploy import packager

from ops import config, provision, unprovision
from ops.provision import Provisioning
from ops.stack import adoption, inventory
from ops.stack.names import functions_of
from tests.ops.stops.account import ACCOUNT, REGION, Account, RefusedError
from tests.stage import ROOT, STAGE

NAME = STAGE["FILEMILL_STAGE"]
OUTPUTS = {
    "Table": STAGE["FILEMILL_TABLE"],
    "TableStreamArn": STAGE["FILEMILL_TABLE_STREAM_ARN"],
    "IngestQueueArn": STAGE["FILEMILL_INGEST_QUEUE_ARN"],
    "ImportQueueArn": STAGE["FILEMILL_IMPORT_QUEUE_ARN"],
    "WebhookQueueArn": STAGE["FILEMILL_WEBHOOK_QUEUE_ARN"],
}
# The layer with FFmpeg, which `ops provision` publishes, has tests of its own (tests/ops/stack/test_media_layer.py).
WITHOUT_MEDIA = {"FILEMILL_MEDIA": "false"}
APP_FUNCTIONS = functions_of(WITHOUT_MEDIA)

PRE_MADE, CHALICES = "pre-made roles", "Chalice's roles"

# botocore repeats a throttled call so often, and sleeps this long before, in seconds (the mode `legacy`).
THROTTLED = (1.0, 2.0, 4.0, 8.0)

Before = Callable[[str, str], None]


class World:
    """The clients of one process, whose calls go to `account`. `watch` is told of each call, before and after."""

    def __init__(self) -> None:
        self.account = Account()
        self.session = Session()
        self.before: Before | None = None
        self.after: Before | None = None
        self._clients: dict[str, Any] = {}
        self._create_client = self.session.create_client

    def client(self, service: str, *_: Any, **__: Any) -> Any:
        if service not in self._clients:
            self._clients[service] = self._create_client(service, region_name=REGION)
        return self._clients[service]

    def answer(self, client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Stands in for `BaseClient._make_api_call`: checks the parameters, and asks the account."""
        model = client.meta.service_model
        shape = model.operation_model(operation).input_shape
        if shape is not None and (report := ParamValidator().validate(given, shape)).has_errors():
            raise AssertionError(f"{operation}: {report.generate_report()}")
        for pause in (*THROTTLED, None):
            if self.before:
                self.before(model.service_name, operation)
            try:
                reply = self.account.call(model.service_name, operation, given)
            except RefusedError as refused:
                if self.after:
                    self.after(model.service_name, operation)
                if refused.code == "TooManyRequestsException" and pause is not None:
                    self.account.sleep(pause)
                    continue
                said = {"Error": {"Code": refused.code, "Message": refused.message}}
                raise client.exceptions.from_code(refused.code)(said, operation) from None
            if self.after:
                self.after(model.service_name, operation)
            return reply
        raise AssertionError


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Replaces AWS, time and the archives while it lasts. `folder` keeps the archive."""
    made, path = World(), list(sys.path)
    archive = folder / "archive.zip"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("app.py", "")
    archive.write_bytes(content.getvalue())

    def sleep(seconds: float) -> None:
        made.account.sleep(seconds)

    @cache
    def typed_client(session: Any) -> TypedAWSClient:  # one for all runs: making it takes long, and it keeps nothing
        return TypedAWSClient(session, sleep=sleep)

    with (
        mock.patch.object(BaseClient, "_make_api_call", lambda *call: made.answer(*call)),
        mock.patch.object(made.session, "create_client", made.client),
        mock.patch.object(time, "sleep", sleep),
        mock.patch("chalice.deploy.deployer.TypedAWSClient", typed_client),
        mock.patch("chalice.cli.factory.TypedAWSClient", typed_client),
        mock.patch.object(packager.AppOnlyDeploymentPackager, "create_deployment_package", lambda *_: str(archive)),
        mock.patch.object(packager.LayerDeploymentPackager, "create_deployment_package", lambda *_: str(archive)),
    ):
        try:
            yield made
        finally:
            sys.path[:] = path


class Project:
    """A stage's checkout, and the commands that an operator runs in it."""

    def __init__(self, world: World, folder: Path, roles: str = PRE_MADE) -> None:
        self.world, self.folder, self.said = world, folder, list[str]()
        (folder / ".chalice").mkdir(parents=True, exist_ok=True)
        common = json.loads((ROOT / ".chalice" / "config.json").read_text())
        policy = {"Version": "2012-10-17", "Statement": [_logs(REGION)]}
        functions: dict[str, Any] = {}
        for function in APP_FUNCTIONS:
            if roles == PRE_MADE:
                arn = f"arn:aws:iam::{ACCOUNT}:role/filemill-{NAME}-{function}-of-the-stack"
                functions[function] = {"manage_iam_role": False, "iam_role_arn": arn}
            else:
                (folder / ".chalice" / f"policy-{NAME}-{function}.json").write_text(json.dumps(policy))
                functions[function] = {"iam_policy_file": f"policy-{NAME}-{function}.json"}
        entry = {
            "api_gateway_stage": "api",
            "automatic_layer": True,
            "lambda_architecture": "arm64",
            "environment_variables": {**STAGE, **WITHOUT_MEDIA},
            "lambda_functions": functions,
        }
        config.write_json(config.config_path(folder), {**common, "stages": {NAME: entry}})

    @property
    def record(self) -> Path:
        return self.folder / ".chalice" / "deployed" / f"{NAME}.json"

    def make_deploy(self) -> None:
        """`make deploy`, without the stack: provision, deploy, provision."""
        self.provision()
        self.chalice_deploy()
        self.provision()

    def provision(self) -> None:
        """The steps of `ops provision` that look after what Chalice makes."""
        run = self._run()
        provision.adopt(run)
        api_id = config.rest_api_id(run.deployed or [])
        self.world.account.stack["Parameters"] = [
            {"ParameterKey": "ApiDomain", "ParameterValue": f"{api_id}.execute-api" if api_id else ""}
        ]
        provision.configure_api(run)
        provision.configure_event_sources(run, OUTPUTS)

    def _run(self) -> Provisioning:
        session = boto3.Session(botocore_session=self.world.session)
        return Provisioning(NAME, self.folder, session, ACCOUNT, REGION, {}, self.said.append)

    def chalice_deploy(self) -> None:
        self._chalice("create_default_deployer", config=True)

    def chalice_delete(self) -> None:
        self._chalice("create_deletion_deployer", config=False)

    def clear_app(self) -> None:
        """The step of `ops provision --delete` that looks for what Chalice made."""
        here = self.here()
        left = unprovision.find_app(self.world.client, self.folder, here, self.said.append)
        unprovision.delete_app(self.world.client, self.folder, here, left, self.said.append)

    def _chalice(self, deployer: str, *, config: bool) -> None:
        factory = CLIFactory(str(self.folder), environ=dict(STAGE))
        wanted = factory.create_config_obj(chalice_stage_name=NAME)
        options = {"session": self.world.session, "ui": mock.Mock(), **({"config": wanted} if config else {})}
        getattr(factory, deployer)(**options).deploy(wanted, chalice_stage_name=NAME)

    def here(self) -> inventory.Deployment:
        stack = self.world.account.stack or None
        return inventory.deployment(self.folder, NAME, ("aws", REGION, ACCOUNT), stack)

    def differences(self) -> adoption.Differences:
        """Between the record and the account."""
        here = self.here()
        return adoption.compare(inventory.find(self.world.client, here), here.recorded)


def provisioned(account: Account, roles: str = PRE_MADE) -> None:
    """Gives the account the stage's stack, and things of others that nobody may touch."""
    account.stack = {
        "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/filemill-{NAME}/1",
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()],
        "Parameters": [{"ParameterKey": "ApiDomain", "ParameterValue": ""}],
    }
    if roles == PRE_MADE:
        for function in APP_FUNCTIONS:
            account.iam_create_role({"RoleName": f"filemill-{NAME}-{function}-of-the-stack"})
    _neighbours(account)
    account.now += 3600


def _logs(region: str) -> dict[str, Any]:
    arn = f"arn:aws:logs:{region}:{ACCOUNT}:log-group:/aws/lambda/x"
    return {"Sid": "OwnLogs", "Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": [arn]}


def _neighbours(account: Account) -> None:
    """Stage `test-2`, whose names begin with those of `test`; APIs of strangers; and this stage's other uses."""
    account.iam_create_role({"RoleName": f"filemill-{NAME}-2-process"})
    role = account.roles[f"filemill-{NAME}-2-process"]
    role["ready_at"] = 0.0
    for function in ("", "-process", "-sweep"):
        name = f"filemill-{NAME}-2{function}"
        tags = {"aws-chalice": f"version=1:stage={NAME}-2:app=filemill"}
        account.lambda_create_function({"FunctionName": name, "Role": role["answer"]["Arn"], "Tags": tags})
        account.log_groups.add(f"/aws/lambda/{name}")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:filemill-{NAME}-2-IngestQueue-1"
    account.lambda_create_event_source_mapping({"FunctionName": f"filemill-{NAME}-2-process", "EventSourceArn": queue})
    account.lambda_publish_layer_version({"LayerName": f"filemill-{NAME}-2-managed-layer"})
    account.events_put_rule({"Name": f"filemill-{NAME}-2-sweep-event", "ScheduleExpression": "rate(5 minutes)"})
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    for called in (f"{arn}filemill-{NAME}-2", f"{arn}other", ""):
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{called}/invocations"
        method = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": uri}} if called else {}
        document = {"info": {"title": "filemill"}, "paths": {"/": {"get": method}}}
        body = {"body": json.dumps(document), "parameters": {"endpointConfigurationTypes": "REGIONAL"}}
        account.apigateway_import_rest_api(body)
    for name, called in ((f"filemill-{NAME}-2", f"filemill-{NAME}-2-websocket_connect"), (f"filemill-{NAME}", "other")):
        made = {"Name": f"{name}-websocket-api", "ProtocolType": "WEBSOCKET"}
        api_id = account.apigatewayv2_create_api(made)["ApiId"]
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}{called}/invocations"
        account.apigatewayv2_create_integration({"ApiId": api_id, "IntegrationUri": uri})
