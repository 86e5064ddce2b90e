"""A region that lacks what the stage needs is refused, and so is a Python that Lambda does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ops.preflight import region
from ops.preflight.site import Site
from ops.report import Mark
from tests.scripted import Aws, Failure


def without(*types: str) -> Callable[[dict[str, Any]], Any]:
    """CloudFormation of a region that lacks these types."""
    return lambda request: Failure("TypeNotFoundException", 404) if request["TypeName"] in types else {}


def test_a_type_that_the_region_lacks_is_refused_if_it_is_needed(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["cloudformation.DescribeType"] = without("AWS::Budgets::Budget")
    assert region.check_types(site()).mark is Mark.OK, "nobody asks for a budget"
    verdict = region.check_types(site(MonthlyBudget="50"))
    assert verdict.mark is Mark.REFUSED
    assert "CloudFormation has no AWS::Budgets::Budget in eu-west-1" in verdict.sentence
    aws.answers["cloudformation.DescribeType"] = without("AWS::SQS::Queue")
    assert "AWS::SQS::Queue" in region.check_types(site()).sentence


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("eu-west-1", Mark.OK),
        ("il-central-1", Mark.OK),
        ("us-gov-west-1", Mark.REFUSED),
        ("eu-west-9", Mark.UNKNOWN),
    ],
)
def test_a_region_without_the_services_is_refused_and_a_newer_one_cannot_be_told(
    site: Callable[..., Site], name: str, mark: Mark
) -> None:
    here = site()
    here.region = name
    assert region.check_services(here).mark is mark


@pytest.mark.parametrize(
    ("named", "name", "lacking"),
    [
        ("mediaconvert", "eu-west-1", ""),
        ("mediaconvert", "il-central-1", "mediaconvert"),
        ("labels,mediaconvert", "mx-central-1", "rekognition, mediaconvert"),
        ("function", "mx-central-1", ""),
    ],
)
def test_a_service_that_the_region_does_not_have_is_named(
    site: Callable[..., Site], named: str, name: str, lacking: str
) -> None:
    here = site()
    here.region = name
    here.recorded["stages"]["dev"] = {"environment_variables": {"FILEMILL_SERVICES": named}}
    verdict = region.check_services(here)
    assert verdict.mark is (Mark.UNKNOWN if lacking else Mark.OK)
    assert f"FILEMILL_SERVICES needs {lacking}, which" in verdict.sentence or not lacking


@pytest.mark.parametrize(
    ("name", "setting", "mark"),
    [
        ("eu-west-1", "true", Mark.OK),
        ("eu-central-2", "true", Mark.UNKNOWN),
        ("eu-south-2", "true", Mark.UNKNOWN),
        ("eu-central-2", "false", Mark.OK),
    ],
)
def test_a_region_where_films_play_only_if_all_is_made_before_is_named(
    site: Callable[..., Site], name: str, setting: str, mark: Mark
) -> None:
    here = site()
    here.region = name
    here.recorded["stages"]["dev"] = {"environment_variables": {"FILEMILL_MEDIA": setting}}
    verdict = region.check_films(here)
    assert verdict.mark is mark
    assert ('eager="all"' in verdict.sentence) == (mark is Mark.UNKNOWN)


def test_an_account_without_a_distribution_may_have_to_be_verified(aws: Aws, site: Callable[..., Site]) -> None:
    aws.answers["cloudfront.ListDistributions"] = {"DistributionList": {"Quantity": 0}}
    verdict = region.check_cdn(site())
    assert verdict.mark is Mark.UNKNOWN
    assert "must be verified" in verdict.sentence
    assert "support case" in verdict.sentence


def test_a_python_and_an_architecture_that_lambda_lacks_are_refused() -> None:
    assert region.assess_python((3, 13, 1)).mark is Mark.OK
    assert "this is Python 3.11" in region.assess_python((3, 11, 9)).sentence
    assert region.assess_architecture({}, "dev").mark is Mark.OK
    assert "'arm'" in region.assess_architecture({"stages": {"dev": {"lambda_architecture": "arm"}}}, "dev").sentence
