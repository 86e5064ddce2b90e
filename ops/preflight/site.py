"""The account, region and stage that preflight looks at, and the verdicts of its checks. Everything here only reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import ClientError

from ops import config
from ops.report import Mark
from ops.stack import cloudformation
from ops.stack.names import stack_name, whereabouts
from ops.stack.plan import Stack, Step, next_step

# Where a partition's services without regions are asked: CloudFront, the certificates that it uses, and its quotas.
GLOBAL_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}

# What AWS answers in a region that the account has not turned on, if the credentials are good elsewhere:
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
NOT_ENABLED = frozenset({"InvalidClientTokenId", "OptInRequired", "UnrecognizedClientException", "AuthFailure"})

# IAM's names of the permissions whose names are not made of the service and the operation.
_ACTIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:HeadBucket": "s3:ListBucket",
    "apigateway:GetRestApis": "apigateway:GET",
    "apigateway:GetApis": "apigateway:GET",
}


class Verdict(NamedTuple):
    """The result of one check. The sentence of a refusal says what to do."""

    mark: Mark
    sentence: str = ""


def fine(note: str = "") -> Verdict:
    return Verdict(Mark.OK, note)


def refused(sentence: str) -> Verdict:
    return Verdict(Mark.REFUSED, sentence)


def unknown(sentence: str) -> Verdict:
    return Verdict(Mark.UNKNOWN, sentence)


@dataclass
class Site:
    """One stage in one account and region, before it is deployed or while it runs.

    `given` are the template's parameters that the operator is about to set. `enabled` is False if the account has not
    turned the region on; then nothing else can be asked.
    """

    session: boto3.Session
    account: str
    region: str
    stage: str
    project_dir: Path
    given: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    # IAM's name of the last call, for the sentence about a call that is denied.
    last_action: str = ""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session.events.register("before-call", self._remember)

    def _remember(self, model: Any, **_: Any) -> None:
        called = f"{model.service_model.signing_name}:{model.name}"
        self.last_action = _ACTIONS.get(called, called)

    def client(self, service: str, region: str | None = None) -> Any:
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = self.session.client(service, region_name=key[1])  # type: ignore[call-overload]
        return self._clients[key]

    def global_client(self, service: str) -> Any:
        """A client in the region where the partition's services without regions are asked."""
        return self.client(service, self.global_region)

    @cached_property
    def partition(self) -> str:
        return str(self.session.get_partition_for_region(self.region))

    @property
    def global_region(self) -> str:
        return GLOBAL_REGIONS.get(self.partition, self.region)

    @cached_property
    def recorded(self) -> config.Config:
        return config.read_config(self.project_dir)

    @property
    def app(self) -> str:
        return config.app_name(self.recorded)

    @cached_property
    def stack(self) -> Stack | None:
        """The stage's stack, or None if there is none."""
        found = cloudformation.describe(self.client("cloudformation"), stack_name(self.stage))
        return None if found is None or found["StackStatus"] == "DELETE_COMPLETE" else found

    @property
    def stands(self) -> bool:
        """True if the stage's stack exists with its resources, so that a deployment only updates them."""
        return self.stack is not None and next_step(self.stack["StackStatus"]) in (Step.UPDATE, Step.STUCK, Step.WAIT)

    @property
    def outputs(self) -> Mapping[str, str]:
        return cloudformation.outputs(self.stack) if self.stack else {}

    @property
    def stack_parameters(self) -> dict[str, str]:
        """The parameters that the stack has now."""
        found = self.stack.get("Parameters", []) if self.stack else []
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in found}

    def new_parameter(self, name: str) -> str:
        """The value that a parameter is about to get, or an empty string if it keeps the one that it has."""
        value = self.given.get(name, "")
        return "" if value == self.stack_parameters.get(name) else value

    def parameter(self, name: str) -> str:
        """The value that a parameter will have."""
        return self.given.get(name, self.stack_parameters.get(name, ""))

    def deployed(self, kind: str) -> bool:
        """True if Chalice has recorded a resource of this kind for the stage."""
        found = config.deployed_resources(self.project_dir, self.stage) or []
        return any(resource.get("resource_type") == kind for resource in found)

    @cached_property
    def distributions(self) -> list[Any]:
        return self.pages("cloudfront", "list_distributions", "DistributionList", "Items")

    @cached_property
    def cdn_names(self) -> dict[str, list[str]]:
        """Names of CloudFront's objects whose names must be unique in the account, by what they are."""
        caches = self.marked("list_cache_policies", "CachePolicyList", Type="custom")
        headers = self.marked("list_response_headers_policies", "ResponseHeadersPolicyList", Type="custom")
        controls = self.marked("list_origin_access_controls", "OriginAccessControlList")
        return {
            "cache policy": [each["CachePolicy"]["CachePolicyConfig"]["Name"] for each in caches],
            "response headers policy": [
                each["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["Name"] for each in headers
            ],
            "function": sorted({each["Name"] for each in self.marked("list_functions", "FunctionList")}),
            "origin access control": [each["Name"] for each in controls],
        }

    def pages(self, service: str, operation: str, *path: str, **options: Any) -> list[Any]:
        """The items of every page of a list. `path` leads to them in each page."""
        found: list[Any] = []
        for page in self.client(service).get_paginator(operation).paginate(**options):
            for name in path[:-1]:
                page = page.get(name, {})
            found += page.get(path[-1]) or []
        return found

    def marked(self, operation: str, name: str, **options: Any) -> list[Any]:
        """The items of every page of one of CloudFront's lists for which boto3 has no paginator."""
        found: list[Any] = []
        marker: dict[str, str] = {}
        while True:
            page = getattr(self.client("cloudfront"), operation)(**options, **marker)[name]
            found += page.get("Items") or []
            if not page.get("NextMarker"):
                return found
            marker = {"Marker": page["NextMarker"]}


Check = Callable[[Site], Verdict]


def open_site(session: boto3.Session, stage: str, project_dir: Path, given: Mapping[str, str]) -> Site:
    """Finds the account and the region.

    Raises
    ------
    OpsError
        The stage is recorded in another account or region.
    """
    recorded = config.stage_variables(config.read_config(project_dir), stage)
    try:
        account, region = whereabouts(session, stage, recorded)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in NOT_ENABLED:
            raise
        region = session.client("sts").meta.region_name
        home = GLOBAL_REGIONS.get(session.get_partition_for_region(region), region)
        # If the credentials are bad everywhere, this raises the same error again.
        account = session.client("sts", region_name=home).get_caller_identity()["Account"]
        return Site(session, account, region, stage, project_dir, given, enabled=False)
    return Site(session, account, region, stage, project_dir, given)
