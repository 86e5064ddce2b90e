"""What the parts of a stage are called, and where they are."""

from __future__ import annotations

from collections.abc import Mapping

import boto3

from chalicelib.settings import PREFIX
from ops.errors import OpsError


def stack_name(stage: str) -> str:
    return f"filemill-{stage}"


def whereabouts(session: boto3.Session, stage: str, recorded: Mapping[str, str]) -> tuple[str, str]:
    """(account, region) that the credentials lead to.

    Raises
    ------
    OpsError
        The stage was provisioned in another: a second one there would take over its entry and leave the first behind.
    """
    cloudformation = session.client("cloudformation")  # raises NoRegionError, which STS alone would not
    region = cloudformation.meta.region_name
    account = session.client("sts").get_caller_identity()["Account"]
    queue_arn = recorded.get(f"{PREFIX}INGEST_QUEUE_ARN", "")
    if queue_arn:
        known_region, known_account = queue_arn.split(":")[3:5]
        if (known_account, known_region) != (account, region):
            raise OpsError(
                f"Stage {stage!r} is in account {known_account}, region {known_region}; you are in account {account}, "
                f"region {region}. Set AWS_PROFILE and AWS_DEFAULT_REGION to where it is, or choose another stage name."
            )
    return account, region


def policy_file(stage: str, name: str) -> str:
    """A policy's file in `.chalice`, where Chalice looks for it."""
    return f"policy-{stage}-{name}.json"
