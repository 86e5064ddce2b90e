"""The local stage: the emulator, the deployed app and the front door, all on this machine.

`make run` and the end-to-end tests start it in the same way. `LocalStage.start` is the list of steps.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops import sources
from ops.config import deployed_resources, load_stage, rest_api_id
from ops.errors import OpsError
from ops.local import api_keys, commands, project, running
from ops.local.edge import Edge
from ops.local.edge.thread import EdgeThread
from ops.local.emulator_process import CREDENTIALS, REGION, EmulatorProcess, check_port
from ops.local.machine import check_machine
from ops.preflight import locked

Progress = Callable[[str], None]

ROOT = Path(__file__).resolve().parents[2]

EVERY_START = ("starting the AWS emulator", "opening the front door")
# Between those two, if something has changed.
DEPLOYMENT = (
    "making the buckets, table, queues and distribution",
    "deploying the functions (chalice deploy)",
    "telling the distribution the API's address",
)


class LocalStage:
    """Stage `local`: deployed on the emulator, behind a local front door.

    Parameters
    ----------
    home:
        Folder that keeps everything between runs. Nothing is written elsewhere.
    port, emulator_port:
        Ports of the front door and of the emulator, on loopback.
    allow_origins:
        Origins of web pages elsewhere that may upload to S3. Those of this computer always may.
    emulator_python:
        The Python of the emulator's own virtual environment.
    progress, detail:
        Hear of each step, and of what happens in it. Without `detail`, `progress` hears of both.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 8000,
        emulator_port: int = 4566,
        allow_origins: Sequence[str] = (),
        emulator_python: Path = ROOT / ".local" / "emulator" / "bin" / "python",
        root: Path = ROOT,
        progress: Progress = print,
        detail: Progress | None = None,
    ) -> None:
        self.home = home.resolve()
        self.root = root
        self.port = port
        self.progress = progress
        self.detail = detail or (lambda text: progress(f"  {text}"))
        self.project_dir = self.home / "app"
        self.marker = self.home / "deployed.json"
        self.emulator = EmulatorProcess(self.home, emulator_port, emulator_python, allow_origins)
        self.edge: EdgeThread | None = None

    @property
    def front_door(self) -> str:
        """Without a trailing slash."""
        return f"http://localhost:{self.port}"

    @property
    def endpoint_url(self) -> str:
        return self.emulator.url

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the emulator in place of AWS, for `chalice`, `python -m ops` and tests."""
        return running.environment(self.endpoint_url)

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client for the emulator, with the credentials of the account's root user."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
            **({"config": Config(retries={"total_max_attempts": 2}, proxies={})} | options),
        )

    def variables(self) -> dict[str, str]:
        """The functions' environment variables, `FILEMILL_…`."""
        return load_stage(self.project_dir, project.STAGE)

    def start(self) -> None:
        """Starts the emulator, deploys the app if it has changed, and opens the front door.

        Raises
        ------
        OpsError
            Something is in the way; the message says what, and what to do.
        """
        check_machine()
        if not self.emulator.python.exists():
            raise OpsError(f"The emulator is not installed ({self.emulator.python} is missing): run `make venv`.")
        project.private_folder(self.home)
        check_port(self.port, "PORT")
        try:
            self.progress(EVERY_START[0])
            self.emulator.start(self.detail)
            self.deploy_if_changed()
            self.progress(EVERY_START[1])
            self.open_front_door()
            running.announce(self.home, self.emulator, self.front_door)
        except BaseException:
            self.stop()
            raise

    def open_front_door(self) -> None:
        """Serves the deployed distribution at `front_door`."""
        distribution_id = self.variables()["FILEMILL_DISTRIBUTION_ID"]
        edge = Edge(distribution_id, self.endpoint_url, self.port, self.client("cloudfront"))
        self.edge = EdgeThread(edge)
        self.edge.start()

    def stop(self) -> None:
        """Closes the front door and ends the emulator, which saves its state."""
        running.withdraw(self.home)
        if self.edge:
            self.edge.stop()
            self.edge = None
        self.emulator.stop()

    def alive(self) -> bool:
        """True if the emulator is running."""
        return self.emulator.alive()

    def deploy_if_changed(self) -> None:
        """Deploys, unless the same sources, tools and settings are deployed already."""
        wanted = self.fingerprint()
        if project.remembered(self.marker) == wanted and self.is_deployed():
            self.detail("nothing has changed since the last deployment")
            return
        self.marker.unlink(missing_ok=True)
        self.deploy()
        # Save now: the buckets are on disk at once, and without their stack they would block the next deployment.
        self.emulator.save()
        project.remember(self.marker, wanted)

    def fingerprint(self) -> str:
        """A hash of the deployment's inputs: the sources, the tools and the settings."""
        return project.fingerprint(self.root, self.front_door, self.endpoint_url, platform.machine())

    def steps(self) -> int:
        """The number of steps of `start`, as far as the folder tells it before the emulator runs."""
        return len(EVERY_START) + (0 if project.remembered(self.marker) == self.fingerprint() else len(DEPLOYMENT))

    def is_deployed(self) -> bool:
        """True if the emulator has everything that is recorded as deployed."""
        try:
            variables = self.variables()
            resources = deployed_resources(self.project_dir, project.STAGE) or []
            self.client("dynamodb").describe_table(TableName=variables["FILEMILL_TABLE"])
            self.client("cloudfront").get_distribution(Id=variables["FILEMILL_DISTRIBUTION_ID"])
            self.client("apigateway").get_rest_api(restApiId=rest_api_id(resources))
            for resource in resources:
                if resource.get("resource_type") == "lambda_function":
                    self.client("lambda").get_function_configuration(FunctionName=resource["lambda_arn"])
        except (BotoCoreError, ClientError, OpsError, RuntimeError, KeyError):
            return False
        return True

    def deploy(self) -> None:
        """Copies the project as it is now, and deploys the copy."""
        sources.check(self.root)
        project.sync(self.root, self.project_dir)
        if not self.is_deployed():
            # The emulator's state was deleted or lost, so Chalice's record of it is wrong.
            (self.project_dir / ".chalice" / "deployed" / f"{project.STAGE}.json").unlink(missing_ok=True)
        self.make_deploy()

    def make_deploy(self) -> None:
        """The steps of `make deploy`: provision, deploy, and provision again with the API's address."""
        provision = [sys.executable, "-m", "ops", "provision", "--stage", project.STAGE]
        provision += ["--project-dir", str(self.project_dir), "--front-door", self.front_door]
        self.progress(DEPLOYMENT[0])
        self.run(provision, self.root)
        self.progress(DEPLOYMENT[1])
        chalice = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(self.project_dir)]
        try:
            self.run([*chalice, "deploy", "--stage", project.STAGE], self.project_dir)
        except OpsError:
            locked.explain(self.project_dir, project.STAGE)
            raise
        self.progress(DEPLOYMENT[2])
        self.run(provision, self.root)

    def run(self, command: Sequence[str], cwd: Path) -> None:
        """Runs one step of the deployment and shows its output.

        Raises
        ------
        OpsError
            The step failed.
        """
        environment = self.environment | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": ""}
        try:
            commands.run(command, cwd, environment, self.detail)
        except commands.CommandError as failed:
            raise OpsError(
                f"A step of the local deployment failed {failed}\n"
                f"Read the emulator's log, {self.emulator.log}. To start again from nothing, delete {self.home}."
            ) from None

    def api_key(self, tenant: str = "demo") -> str:
        """A key of the tenant, kept in `api-key` (for other tenants `api-key-TENANT`), with every scope.

        An invalid one is replaced.
        """
        file = self.home / ("api-key" if tenant == "demo" else f"api-key-{tenant}")
        if file.exists() and api_keys.accepted(self.front_door, key := file.read_text().strip()):
            api_keys.complete(key, self.project_dir, self.root, self.environment)
            return key
        key = api_keys.create(tenant, self.project_dir, self.root, self.environment)
        api_keys.store(file, key)
        return key
