"""Roles that a stage no longer uses, on moto's IAM: which are deleted, when, and which never."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from ops.errors import OpsError
from ops.stack.former_roles import FormerRoles
from ops.stack.names import FUNCTIONS, function_name, role_id
from tests.stage import aws_client

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OLD = NOW - timedelta(minutes=15, seconds=1)


class NoFunctionError(Exception):
    """Stands in for Lambda's ResourceNotFoundException."""


class Functions:
    """Stands in for Lambda: which role each function has, and when it was changed."""

    def __init__(self) -> None:
        self.roles: dict[str, str] = {}
        self.modified: dict[str, datetime] = {}

    class exceptions:  # noqa: N801 - as boto3 names it
        ResourceNotFoundException = NoFunctionError

    def has(self, function: str, role: str, modified: datetime) -> None:
        name = function_name("filemill", "prod", function)
        self.roles[name], self.modified[name] = f"arn:aws:iam::123456789012:role/path/{role}", modified

    def get_function_configuration(self, FunctionName: str) -> Any:  # noqa: N803
        if FunctionName not in self.roles:
            raise NoFunctionError
        stamp = self.modified[FunctionName].strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        return {"Role": self.roles[FunctionName], "LastModified": stamp}


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def former(cloud: None, functions: Functions) -> FormerRoles:
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)
    return FormerRoles(aws_client("iam"), functions, "filemill", "prod", "eu-west-1")


def make(iam: Any, name: str, region: str = "eu-west-1", resource: str | None = None) -> str:
    """A role as Chalice or the stack makes it."""
    iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    arn = resource or f"arn:aws:logs:{region}:123456789012:log-group:/aws/lambda/filemill-prod"
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": [arn, "arn:aws:s3:::b/*"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName=name[:20], PolicyDocument=document)
    return name


def names(iam: Any) -> set[str]:
    return {role["RoleName"] for role in iam.list_roles()["Roles"]}


def test_the_roles_that_chalice_made_go_once_nothing_can_run_with_them(
    former: FormerRoles, functions: Functions
) -> None:
    for function in FUNCTIONS:
        make(former.iam, f"filemill-prod-{function}")
        functions.has(function, f"filemill-prod-{role_id(function)}-ABC", OLD)
    others = {make(former.iam, name) for name in ("filemill-dev-process", "filemill-prod-x", "media-prod-process")}
    deleted, left = former.remove_unused([], NOW)
    assert set(deleted) == {f"filemill-prod-{function}" for function in FUNCTIONS}
    assert left == []
    assert names(former.iam) == others
    assert former.remove_unused([], NOW) == ([], [])


def test_a_role_that_a_function_has_stays(former: FormerRoles, functions: Functions) -> None:
    make(former.iam, "filemill-prod-process")
    functions.has("process", "filemill-prod-process", OLD)
    assert former.remove_unused([], NOW) == ([], ["filemill-prod-process"])
    assert names(former.iam) == {"filemill-prod-process"}


def test_a_role_stays_while_an_invocation_from_before_the_change_may_run(
    former: FormerRoles, functions: Functions
) -> None:
    make(former.iam, "filemill-prod-process")
    functions.has("process", "new", NOW - timedelta(minutes=15))
    functions.has("fetch", "new", OLD)
    assert former.remove_unused([], NOW) == ([], ["filemill-prod-process"])
    functions.has("process", "new", OLD)
    assert former.remove_unused([], NOW) == (["filemill-prod-process"], [])


def test_the_stacks_present_roles_and_the_operators_stay_though_no_function_has_them_yet(
    former: FormerRoles,
) -> None:
    present = make(former.iam, "filemill-prod-ProcessRole-NEW1")
    theirs = make(former.iam, "filemill-prod-fetch")
    before = make(former.iam, "filemill-prod-ProcessRole-OLD1")
    make(former.iam, "filemill-prod-b-ProcessRole-X1")  # of stage prod-b
    kept = [f"arn:aws:iam::123456789012:role/path/{present}", theirs]
    assert former.remove_unused(kept, NOW) == ([before], [])
    assert names(former.iam) == {present, theirs, "filemill-prod-b-ProcessRole-X1"}


@pytest.mark.parametrize(
    "resource",
    ["arn:aws:sqs:us-west-2:123456789012:q", "*"],
    ids=["another region's", "an operator's, which names no region"],
)
def test_a_role_that_may_be_anothers_is_never_deleted(former: FormerRoles, resource: str) -> None:
    make(former.iam, "filemill-prod-process", resource=resource)
    assert former.remove_unused([], NOW) == ([], [])
    assert former.remove_all() == []
    assert names(former.iam) == {"filemill-prod-process"}


def test_a_deletion_that_was_stopped_half_way_is_finished(former: FormerRoles) -> None:
    make(former.iam, "filemill-prod-process")
    former.iam.delete_role_policy(RoleName="filemill-prod-process", PolicyName="filemill-prod-proces")
    assert former.remove_unused([], NOW) == (["filemill-prod-process"], [])


def test_managed_policies_that_somebody_attached_do_not_keep_a_role(former: FormerRoles) -> None:
    iam = former.iam
    make(iam, "filemill-prod-sweep")
    document = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
    policy = iam.create_policy(PolicyName="more", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="filemill-prod-sweep", PolicyArn=policy)
    assert former.remove_all() == ["filemill-prod-sweep"]
    assert names(iam) == set()


def test_deleting_a_stage_removes_the_stacks_roles_and_the_former_ones(
    former: FormerRoles, functions: Functions
) -> None:
    ours = {make(former.iam, name) for name in ("filemill-prod-process", "filemill-prod-SweepRole-X1")}
    elsewhere = make(former.iam, "filemill-prod-SweepRole-Y1", "us-west-2")
    assert set(former.remove_all()) == ours
    assert former.remove_all() == []
    assert names(former.iam) == {elsewhere}


def test_a_role_of_another_region_is_not_taken_over(former: FormerRoles) -> None:
    former.check_chalice(["process"])
    make(former.iam, "filemill-prod-process")
    former.check_chalice(["process"])
    make(former.iam, "filemill-prod-fetch", "us-west-2")
    former.check_chalice([])
    with pytest.raises(OpsError, match=r"filemill-prod-fetch belongs to a stage 'prod' in us-west-2.*another stage"):
        former.check_chalice(["process", "fetch"])
