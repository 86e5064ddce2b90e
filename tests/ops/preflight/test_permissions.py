"""A permission that the operator lacks is named before a deployment fails half-way for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import operator_policy
from ops.operator_policy import Where
from ops.preflight import permissions
from ops.preflight.site import Site
from ops.report import Mark
from tests.iam.evaluator import Need, allowed_by, rights
from tests.scripted import ACCOUNT, Aws


class Iam:
    def __init__(self, arn: str = "") -> None:
        self.arn = arn

    def get_role(self, RoleName: str) -> Any:  # noqa: N803 - boto3's name
        if not self.arn:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetRole")
        return {"Role": {"Arn": self.arn}}


def test_the_permissions_of_a_session_are_those_of_its_role() -> None:
    user = f"arn:aws:iam::{ACCOUNT}:user/people/anna"
    assert permissions.principal_of(user, Iam()) == user
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_1/anna@example.com"
    with_path = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
    assert permissions.principal_of(session, Iam(with_path)) == with_path
    assert permissions.principal_of(session, Iam()) == f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_Admin_1"
    assert permissions.principal_of(f"arn:aws:sts::{ACCOUNT}:federated-user/anna", Iam()) is None


def caller(arn: str) -> dict[str, str]:
    return {"Account": ACCOUNT, "Arn": arn, "UserId": "U"}


def test_root_may_do_everything_and_a_federated_user_cannot_be_simulated(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["sts.GetCallerIdentity"] = caller(f"arn:aws:iam::{ACCOUNT}:root")
    assert permissions.check(site()).mark is Mark.OK
    aws.answers["sts.GetCallerIdentity"] = caller(f"arn:aws:sts::{ACCOUNT}:federated-user/anna")
    assert permissions.check(site()).mark is Mark.UNKNOWN
    assert "iam.SimulatePrincipalPolicy" not in aws.called


def members(request: dict[str, Any], name: str) -> list[str]:
    return [value for key, value in sorted(request.items()) if key.startswith(f"{name}.member.")]


@pytest.mark.parametrize(
    ("decision", "mark"),
    [
        ({"EvalDecision": "implicitDeny"}, Mark.REFUSED),
        ({"EvalDecision": "explicitDeny"}, Mark.REFUSED),
        ({"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:RequestTag/app"]}, Mark.UNKNOWN),
        ({"EvalDecision": "allowed"}, Mark.OK),
    ],
)
def test_what_iam_would_deny_is_named(
    aws: Aws, site: Callable[..., Site], decision: dict[str, Any], mark: Mark
) -> None:
    def simulate(request: dict[str, Any]) -> Any:
        return {
            "EvaluationResults": [
                {"EvalActionName": action, **(decision if action == "iam:PassRole" else {"EvalDecision": "allowed"})}
                for action in members(request, "ActionNames")
            ]
        }

    aws.answers["iam.SimulatePrincipalPolicy"] = simulate
    verdict = permissions.check(site())
    assert verdict.mark is mark
    assert ("iam:PassRole" in verdict.sentence) == (mark is not Mark.OK)
    if mark is Mark.REFUSED:
        assert "docs/operations.md#what-an-operator-may-do" in verdict.sentence


def test_every_action_is_asked_for_on_the_resource_that_it_needs(aws: Aws, site: Callable[..., Site]) -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def simulate(request: dict[str, Any]) -> Any:
        asked.append((members(request, "ActionNames"), members(request, "ResourceArns")))
        return {"EvaluationResults": []}

    aws.answers["iam.SimulatePrincipalPolicy"] = simulate
    permissions.check(site())
    needed = [(sorted(each["Action"]), each["Resource"]) for each in permissions.needed(site())]
    assert [(sorted(actions), *(arns or ["*"])) for actions, arns in asked] == needed
    assert all(
        "filemill-dev" in arn or "filemill/dev" in arn or arn.endswith(("/restapis", "/apis"))
        for _, (arn,) in ((actions, arns) for actions, arns in asked if arns)
    )


def test_a_long_list_is_cut() -> None:
    verdict = permissions.assess([f"s3:A{n}" for n in range(10)], [], "arn:me")
    assert verdict.sentence.startswith("arn:me may not s3:A0, s3:A1,")
    assert "s3:A7 and 2 more; ask" in verdict.sentence
    assert verdict.mark is Mark.REFUSED


def test_what_is_asked_for_is_in_the_policy_of_an_operator(site: Callable[..., Site]) -> None:
    """Otherwise an operator with that policy would be refused."""
    here = site()
    where = Where(here.stage, here.account, here.region, here.partition)
    may = rights(operator_policy.policy(operator_policy.statements(where)))
    function = f"arn:aws:lambda:{here.region}:{here.account}:function:filemill-{here.stage}-process"
    context = {"iam:PassedToService": "lambda.amazonaws.com", "lambda:FunctionArn": function}
    for statement in permissions.needed(here):
        for action in statement["Action"]:
            assert allowed_by(may, Need(action, str(statement["Resource"]), context)), (action, statement["Resource"])


@pytest.mark.parametrize("media", ["true", "false"])
def test_the_layer_with_ffmpeg_is_asked_about_if_the_stage_has_it(site: Callable[..., Site], media: str) -> None:
    here = site()
    here.recorded["stages"]["dev"] = {"environment_variables": {"FILEMILL_MEDIA": media}}
    asked = {(action, each["Resource"]) for each in permissions.needed(here) for action in each["Action"]}
    layer = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:filemill-dev-media"
    assert (("lambda:PublishLayerVersion", layer) in asked) is (media == "true")
    assert (("lambda:GetLayerVersion", f"{layer}:1") in asked) is (media == "true")
