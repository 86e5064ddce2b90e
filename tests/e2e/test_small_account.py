"""A stage is deployed to an account that runs 10 functions at once, as many new accounts do, step by step."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import project
from ops.local.stage import LocalStage
from tests.local import free_ports
from tests.stage import ROOT

pytestmark = pytest.mark.e2e


class Account:
    """The commands of `make deploy`, one by one, on an emulator of its own."""

    def __init__(self, home: Path) -> None:
        port, emulator_port = free_ports(2)
        self.stage = LocalStage(home, port=port, emulator_port=emulator_port)
        self.stage.emulator.concurrency = 10
        project.sync(ROOT, self.stage.project_dir)

    def ops(self, command: str, *options: str, code: int = 0) -> str:
        line = [sys.executable, "-m", "ops", command, "--stage", "small"]
        return self.run([*line, "--project-dir", str(self.stage.project_dir), *options], ROOT, code)

    def chalice(self) -> str:
        line = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(self.stage.project_dir)]
        return self.run([*line, "deploy", "--stage", "small"], self.stage.project_dir, 0)

    def run(self, line: list[str], folder: Path, code: int) -> str:
        # No terminal: a pipeline has none.
        environment = self.stage.environment | {"PYTHONPATH": ""}
        run = subprocess.run(
            line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    found = Account(tmp_path_factory.mktemp("small"))
    found.stage.home.mkdir(exist_ok=True)
    found.stage.emulator.start(print)
    try:
        yield found
    finally:
        found.stage.emulator.stop()


def test_a_stage_is_deployed_with_caps_and_plan_and_doctor_agree(account: Account) -> None:
    before = account.ops("preflight")
    assert "REFUSED" not in before
    for name, fewer, wanted in (("process", 2, 200), ("fetch", 2, 20), ("deliver", 2, 20)):
        assert f"`{name}` may run {fewer} times at once instead of {wanted}" in before
    assert "can't tell  CloudFront takes a distribution" in before
    assert "add     AWS::DynamoDB::Table Table" in account.ops("plan")
    assert account.stage.client("cloudformation").describe_stacks()["Stacks"] == [], "the plan left nothing"

    assert "request-service-quota-increase" in account.ops("provision")
    account.chalice()
    account.ops("provision")

    doctor = account.ops("doctor")
    assert "WRONG" not in doctor
    assert "skip  private files need a signature: no emulator serves https://" in doctor
    mappings = account.stage.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    bounds = [each["ScalingConfig"]["MaximumConcurrency"] for each in mappings if each.get("ScalingConfig")]
    assert bounds == [2, 2, 2]
    assert json.loads(account.ops("plan", "--json"))["changes"] == []
    assert json.loads(account.ops("preflight", "--json"))["refused"] == 0, "what exists is the stage's own"
