"""The stage that the doctor examines, with the commands that its findings recommend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from chalicelib.settings import Settings
from ops import config
from ops.stack import cloudformation, inventory, names
from ops.stack.names import stack_name


class SkippedError(Exception):
    """Raised by a check that can't be made here. The message says why."""


TIMEOUT = 15  # seconds for one HTTP request; a cold start takes one or two
RUNBOOK = "docs/operations.md#runbook"


@dataclass(frozen=True)
class Patient:
    """The stage that is examined."""

    session: boto3.Session
    region: str
    project_dir: Path
    settings: Settings

    def client(self, service: str) -> Any:
        return self.session.client(service)  # type: ignore[call-overload]

    @property
    def provision(self) -> str:
        return f"run `python -m ops provision --stage {self.settings.stage}`"

    @property
    def revert(self) -> str:
        """For what was changed outside of the template: an ordinary `provision` would find nothing to change."""
        return f"{self.provision[:-1]} --revert-drift`"

    @property
    def deploy(self) -> str:
        return f"run `chalice deploy --stage {self.settings.stage}`"

    @property
    def redeploy(self) -> str:
        """For what Chalice's record lacks: `ops provision` finds what exists, and `chalice deploy` makes the rest."""
        return f"{self.provision}, then {self.deploy.removeprefix('run ')}"

    @property
    def reindex(self) -> str:
        return f"`python -m ops reindex --stage {self.settings.stage}`"

    @property
    def deployment(self) -> inventory.Deployment:
        """The stage's place, and all that this checkout and the stack know of what Chalice made."""
        _, partition, _, region, account, *_ = self.settings.ingest_queue_arn.split(":")
        stack = cloudformation.describe(self.client("cloudformation"), stack_name(self.settings.stage))
        return inventory.deployment(self.project_dir, self.settings.stage, (partition, region, account), stack)

    @cached_property
    def api_id(self) -> str:
        return config.rest_api_id(self.deployed())

    @cached_property
    def socket_api_id(self) -> str:
        return config.websocket_api_id(self.deployed())

    def deployed(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The resources that Chalice recorded as deployed, all or of one kind: `lambda_layer`, `iam_role` …"""
        found = config.deployed_resources(self.project_dir, self.settings.stage) or []
        return [resource for resource in found if kind in (None, resource.get("resource_type"))]

    def function_name(self, function: str) -> str:
        app = config.app_name(config.read_config(self.project_dir))
        return names.function_name(app, self.settings.stage, function)

    def timeout(self, function: str) -> int:
        """The recorded time limit of a function, in seconds. Chalice's own default is 60."""
        recorded = config.read_config(self.project_dir)
        return int(config.function_settings(recorded, self.settings.stage, function).get("lambda_timeout", 60))


# A check returns a sentence with what is wrong and how to fix it, or an empty string.
Check = Callable[[Patient], str]
