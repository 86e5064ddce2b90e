"""Invalidation of CloudFront's copies."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws, settings
from chalicelib.delivery.invalidation import invalidate
from tests.stage import Calls, aws_client


def test_the_edges_are_asked_to_forget_the_paths(stage: Calls) -> None:
    assert invalidate(["/f/public/a/*", "/f/public/b/*"], "reference")
    [made] = aws_client("cloudfront").list_invalidations(DistributionId="EDIST")["InvalidationList"]["Items"]
    batch = aws_client("cloudfront").get_invalidation(DistributionId="EDIST", Id=made["Id"])["Invalidation"]
    assert batch["InvalidationBatch"]["Paths"] == {"Quantity": 2, "Items": ["/f/public/a/*", "/f/public/b/*"]}
    assert batch["InvalidationBatch"]["CallerReference"] == "reference"


def test_a_stage_that_wants_no_invalidation_makes_no_call(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_INVALIDATE", "false")
    settings.settings.cache_clear()
    assert invalidate(["/f/public/a/*"], "r")
    assert stage.names == []


@pytest.mark.parametrize(
    "code", ["TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "AccessDenied"]
)
def test_cloudfront_may_take_no_more_just_now_and_other_trouble_is_raised(
    code: str, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, "CreateInvalidation")

    monkeypatch.setattr(aws.cloudfront(), "create_invalidation", refuse)
    if code == "AccessDenied":
        with pytest.raises(ClientError):
            invalidate(["/f/public/a/*"], "r")
    else:
        assert invalidate(["/f/public/a/*"], "r") is False
