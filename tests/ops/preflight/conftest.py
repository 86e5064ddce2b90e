"""An account in which nothing is in the way, for tests to put something in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.preflight.site import Site
from tests.ops.preflight.account import nothing_in_the_way
from tests.scripted import ACCOUNT, REGION, Aws
from tests.stage import ROOT


@pytest.fixture
def aws() -> Aws:
    return Aws(nothing_in_the_way())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text(json.dumps({"app_name": "filemill", "stages": {}}))
    (tmp_path / ".chalice/resources.yaml").write_text((ROOT / ".chalice/resources.yaml").read_text())
    (tmp_path / "edge").mkdir()
    for name in ("console.js", "negotiate.js", "socket.js"):
        (tmp_path / "edge" / name).write_text("")
    return tmp_path


@pytest.fixture
def site(aws: Aws, project: Path) -> Callable[..., Site]:
    """`site(Domain="files.example.com")`: stage `dev` with these parameters about to be set."""
    return lambda **given: Site(aws.session(), ACCOUNT, REGION, "dev", project, given)


@pytest.fixture
def stack() -> dict[str, Any]:
    """The answer about a stack of the stage that stands."""
    name = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/filemill-dev/1"
    parameters = [{"ParameterKey": "Stage", "ParameterValue": "dev"}]
    made = {"StackId": name, "StackName": "filemill-dev", "StackStatus": "UPDATE_COMPLETE", "Parameters": parameters}
    return {"Stacks": [{**made, "Outputs": [{"OutputKey": "DistributionId", "OutputValue": "EOURS"}]}]}
