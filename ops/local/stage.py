"""The whole of Filemill on this machine: emulator, resources, functions and front door. `make run` and the end-to-end
tests start it alike."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.config import deployed_resources, load_stage, rest_api_id
from ops.errors import OpsError
from ops.local import project
from ops.local.edge import Edge
from ops.local.edge.thread import EdgeThread
from ops.local.emulator_process import CREDENTIALS, REGION, EmulatorProcess, check_port
from ops.stack.emulator_gaps import machine_architecture

Progress = Callable[[str], None]

ROOT = Path(__file__).resolve().parents[2]


class LocalStage:
    """Stage `local` on the emulator, behind its front door.

    Parameters
    ----------
    home:
        Folder of everything that is kept between runs; nothing is written elsewhere.
    port, emulator_port:
        Loopback ports of the front door and of the emulator.
    allow_origins:
        Origins of web pages, besides the front door's own, that may upload to S3.
    emulator_python:
        Interpreter of the emulator's own virtual environment.
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
    ) -> None:
        self.home = home.resolve()
        self.root = root
        self.port = port
        self.progress = progress
        self.project_dir = self.home / "app"
        self.marker = self.home / "deployed.json"
        own = [f"http://localhost:{port}", f"http://127.0.0.1:{port}"]
        self.emulator = EmulatorProcess(self.home, emulator_port, emulator_python, [*own, *allow_origins])
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
        """This process's environment with AWS replaced by the emulator: for `chalice`, `python -m ops` and tests."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FILEMILL_"))}
        return (
            ours
            | CREDENTIALS
            | {
                "AWS_REGION": REGION,
                "AWS_ENDPOINT_URL": self.endpoint_url,
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        )

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of the emulator, with the credentials of its account's root."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
            **({"config": Config(retries={"total_max_attempts": 2})} | options),
        )

    def variables(self) -> dict[str, str]:
        """The functions' environment variables, `FILEMILL_…`."""
        return load_stage(self.project_dir, project.STAGE)

    def start(self) -> None:
        """Start all of it; deploy if what is deployed is not what the project holds.

        Raises
        ------
        OpsError
            A sentence that says what is in the way, and the remedy.
        """
        check_machine()
        if not self.emulator.python.exists():
            raise OpsError(f"The emulator is not installed ({self.emulator.python} is missing): run `make venv`.")
        self.home.mkdir(parents=True, exist_ok=True)
        check_port(self.port, "PORT")
        try:
            self.progress("starting the AWS emulator")
            self.emulator.start(self.progress)
            self.deploy_if_changed()
            self.progress("opening the front door")
            client = self.client("cloudfront")
            edge = Edge(self.variables()["FILEMILL_DISTRIBUTION_ID"], self.endpoint_url, self.port, client)
            self.edge = EdgeThread(edge)
            self.edge.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all of it. The emulator saves its state."""
        if self.edge:
            self.edge.stop()
            self.edge = None
        self.emulator.stop()

    def alive(self) -> bool:
        """Whether the emulator still runs."""
        return self.emulator.alive()

    def deploy_if_changed(self) -> None:
        wanted = project.fingerprint(self.root, self.front_door, self.endpoint_url, platform.machine())
        if project.remembered(self.marker) == wanted and self.is_deployed():
            self.progress("nothing changed since the last deployment")
            return
        self.marker.unlink(missing_ok=True)
        self.deploy()
        # The buckets are kept as they are made: without their stack they would be in a next deployment's way.
        self.emulator.save()
        project.remember(self.marker, wanted)

    def is_deployed(self) -> bool:
        """Whether what the records say is deployed is there."""
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
        """What `make deploy` does on AWS, of what the project holds now."""
        project.sync(self.root, self.project_dir)
        if not self.is_deployed():
            # The state was thrown away or lost: what Chalice remembers of it would mislead it.
            (self.project_dir / ".chalice" / "deployed" / f"{project.STAGE}.json").unlink(missing_ok=True)
        self.make_deploy()

    def make_deploy(self) -> None:
        """The steps of `make deploy`."""
        provision = [sys.executable, "-m", "ops", "provision", "--stage", project.STAGE]
        provision += ["--project-dir", str(self.project_dir), "--front-door", self.front_door]
        self.progress("making the buckets, table, queue and distribution")
        self.run(provision, self.root)
        self.progress("chalice deploy --stage local")
        chalice = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(self.project_dir)]
        self.run([*chalice, "deploy", "--stage", project.STAGE], self.project_dir)
        self.progress("telling the distribution where the API is")
        self.run(provision, self.root)

    def run(self, command: Sequence[str], cwd: Path) -> None:
        """Run a step, showing its lines as they come.

        Raises
        ------
        OpsError
            It failed; with its last lines.
        """
        lines: deque[str] = deque(maxlen=5)
        environment = self.environment | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": ""}
        with subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                assert process.stdout
                for line in process.stdout:
                    if line.strip():
                        lines.append(line.rstrip())
                        self.progress(f"  {line.rstrip()}")
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            step = " ".join(Path(command[0]).name if i == 0 else word for i, word in enumerate(command))
            said = "\n".join(f"    {line}" for line in lines)
            raise OpsError(
                f"A step of the local deployment failed ({step}); the last it said was:\n{said}\n"
                f"The emulator's log is {self.emulator.log}; deleting {self.home} starts from nothing."
            )

    def api_key(self, tenant: str = "demo") -> str:
        """A key of that tenant, kept in `api-key` (`api-key-TENANT` for others) and made again when it is not valid."""
        file = self.home / ("api-key" if tenant == "demo" else f"api-key-{tenant}")
        if file.exists() and self.accepts(key := file.read_text().strip()):
            return key
        create = [sys.executable, "-m", "ops", "keys", "create", "--stage", project.STAGE, "--json"]
        create += ["--project-dir", str(self.project_dir), "--tenant", tenant, "--name", "made by make run"]
        made = subprocess.run(
            create,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise OpsError(f"No API key could be made: {made.stderr.strip()}")
        key = str(json.loads(made.stdout)["key"])
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(key + "\n")
        return key

    def accepts(self, key: str) -> bool:
        """Whether the API takes a key; its function gets half a minute to wake."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.front_door}/v1/files?limit=1", headers={"Authorization": f"Bearer {key}"}
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                    return bool(response.status == 200)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code in (401, 403) or time.monotonic() > deadline:
                    return False
            time.sleep(0.5)


def check_machine() -> str:
    """The functions' architecture on this machine.

    Raises
    ------
    OpsError
        The packages made for Lambda can't run here.
    """
    libc = platform.libc_ver()[0]
    if sys.platform != "linux" or libc != "glibc":
        what = f"Linux with {libc or 'another C library'}" if sys.platform == "linux" else platform.system()
        raise OpsError(
            f"Filemill's functions are built for Lambda's Linux (glibc) and can't run on {what}: "
            "run this inside WSL 2 or a Debian or Ubuntu container."
        )
    architecture = machine_architecture()
    if architecture is None:
        raise OpsError(f"Lambda knows x86_64 and arm64, and this machine is {platform.machine()}: use one of those.")
    return architecture
