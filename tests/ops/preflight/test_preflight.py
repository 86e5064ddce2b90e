"""Preflight says what is in the way in one line each, stops a deployment only for that, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops import __main__ as ops
from ops import preflight
from ops.preflight.site import NOT_ENABLED, Site, open_site
from ops.report import Mark, show
from tests.ops.preflight.account import nothing_in_the_way
from tests.scripted import ACCOUNT, DENIED, REGION, Aws, Failure


def marks(site: Site) -> dict[str, Mark]:
    return {each.name: each.mark for each in preflight.examine(site, preflight.CHECKS)}


def test_nothing_is_refused_where_nothing_is_in_the_way_and_nothing_is_written(
    aws: Aws, site: Callable[..., Site]
) -> None:
    assert set(marks(site()).values()) == {Mark.OK}
    assert aws.writes == []
    assert len(set(aws.called)) > 15


# IAM's names of the permissions that are not called as the operation is.
PERMISSIONS = {
    "apigateway.GetRestApis": "apigateway:GET",
    "apigatewayv2.GetApis": "apigateway:GET",
    "s3.ListBuckets": "s3:ListAllMyBuckets",
}

ASKED = sorted(set(nothing_in_the_way()) - {"s3.HeadBucket", "sts.GetCallerIdentity"})


@pytest.mark.parametrize("operation", ASKED)
def test_a_call_that_is_denied_is_cannot_tell_with_the_permission_that_lacks(
    aws: Aws, site: Callable[..., Site], operation: str
) -> None:
    aws.answers[operation] = DENIED
    found = list(preflight.examine(site(), preflight.CHECKS))
    permission = PERMISSIONS.get(operation, operation.replace(".", ":"))
    said = {each.sentence for each in found if each.mark is not Mark.OK}
    assert said == {f"you do not have the permission {permission}; ask for it to have this checked"}
    assert show(found, lambda _: None) == 0


def test_someone_who_may_ask_nothing_is_told_so_and_may_go_on(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers = {}
    found = list(preflight.examine(site(), preflight.CHECKS))
    assert Mark.REFUSED not in {each.mark for each in found}
    assert sum(each.mark is Mark.UNKNOWN for each in found) > 15


def test_an_operation_that_an_emulator_lacks_is_cannot_tell(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["cloudformation.DescribeType"] = Failure("InvalidAction", 400, "Unknown action: DescribeType")
    found = {each.name: each for each in preflight.examine(site(), preflight.CHECKS)}
    assert found["the region has the stack's resource types"].mark is Mark.UNKNOWN
    assert "cloudformation:DescribeType is not answered here (InvalidAction: Unknown action" in (
        found["the region has the stack's resource types"].sentence
    )


def test_a_wrong_setting_is_refused_and_the_next_checks_still_run(site: Callable[..., Site], project: Path) -> None:
    recorded = {"lambda_functions": {"fetch": {"reserved_concurrency": "many"}}}
    (project / ".chalice/config.json").write_text(json.dumps(recorded))
    found = {each.name: each for each in preflight.examine(site(), preflight.CHECKS)}
    wrong = found.pop("the account runs enough functions at once")
    assert wrong.mark is Mark.REFUSED
    assert "make it a whole number" in wrong.sentence
    assert {each.mark for each in found.values()} == {Mark.OK}


def test_a_running_stage_is_not_stopped_by_quotas_that_it_has_used_up_itself(
    aws: Aws, site: Callable[..., Site], stack: dict[str, Any], project: Path
) -> None:
    (project / ".chalice/deployed").mkdir()
    resources = [{"resource_type": kind} for kind in ("rest_api", "websocket_api", "cloudwatch_event")]
    (project / ".chalice/deployed/dev.json").write_text(json.dumps({"resources": resources}))
    group = {"KeyGroup": {"Id": "K", "KeyGroupConfig": {"Name": f"filemill-dev-{REGION}", "Items": ["P"]}}}
    policies = [f"filemill-dev-{REGION}-files", *(f"p{n}" for n in range(19))]
    aws.answers |= {
        "cloudformation.DescribeStacks": stack,
        "cloudfront.ListKeyGroups": {"KeyGroupList": {"Items": [group] * 10}},
        "cloudfront.ListCachePolicies": {"CachePolicyList": {"Items": [*map(_cache_policy, policies)]}},
        "iam.GetAccountSummary": {"SummaryMap": {"Roles": 1000, "RolesQuota": 1000}},
        "apigateway.GetRestApis": {"items": [{}] * 600},
        "events.ListRules": {"Rules": [{}] * 300},
        "s3.HeadBucket": {},
    }
    assert set(marks(site()).values()) == {Mark.OK}


def _cache_policy(name: str) -> dict[str, Any]:
    return {"CachePolicy": {"CachePolicyConfig": {"Name": name}}}


@pytest.mark.parametrize("code", sorted(NOT_ENABLED))
def test_a_region_that_is_not_turned_on_is_refused_instead_of_the_credentials(
    aws: Aws, project: Path, code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.region = "il-central-1"
    here = {"Account": ACCOUNT, "Arn": "arn:aws:iam::1:root", "UserId": "U"}
    aws.answers["sts.GetCallerIdentity"] = lambda _: here if aws.calls[-1][1] == "us-east-1" else Failure(code, 403)
    monkeypatch.setattr(boto3, "Session", aws.session)
    assert ops.main(["preflight", "--stage", "dev", "--project-dir", str(project)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"stage dev: account {ACCOUNT}, region il-central-1"
    assert lines[1].startswith("REFUSED     the region is turned on: the region il-central-1 is not turned on")
    assert "`aws account enable-region --region-name il-central-1`" in lines[1]
    assert len(lines) == 2, "nothing else can be asked there"


def test_bad_credentials_are_not_taken_for_a_region_that_is_off(aws: Aws, project: Path) -> None:
    aws.answers["sts.GetCallerIdentity"] = Failure("InvalidClientTokenId", 403)
    with pytest.raises(Exception, match="InvalidClientTokenId"):
        open_site(aws.session(), "dev", project, {})


def test_the_command_prints_a_line_for_each_check_and_fails_for_a_refusal(
    aws: Aws, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boto3, "Session", aws.session)
    line = ["preflight", "--stage", "dev", "--project-dir", str(project)]
    assert ops.main(line) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"stage dev: account {ACCOUNT}, region {REGION}"
    assert said[1:] == [f"ok          {name}" for name in preflight.CHECKS]
    aws.answers["s3.HeadBucket"] = Failure("403", 403)
    assert ops.main(line) == 1
    assert "REFUSED     the buckets' names are free: the bucket filemill-dev-originals-" in capsys.readouterr().out
    assert ops.main([*line, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["refused"], found["unknown"], found["stage"]) == (1, 0, "dev")
    (refusal,) = [each for each in found["checks"] if each["result"] == "REFUSED"]
    assert refusal["check"] == "the buckets' names are free"


def test_a_stage_name_that_cannot_be_one_is_refused_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["preflight", "--stage", "Dev"]) == 1
    assert "can't be a stage's name" in capsys.readouterr().err
