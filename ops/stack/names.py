"""Names of a stage's parts, and the account and region that it is in."""

from __future__ import annotations

from collections.abc import Mapping

import boto3

from chalicelib.settings import PREFIX
from ops.errors import OpsError

# Every function of app.py, by the name that Chalice has for it.
FUNCTIONS = ("api_handler", "process", "fetch", "index", "render", "sweep")


def stack_name(stage: str) -> str:
    return f"filemill-{stage}"


def function_name(app: str, stage: str, function: str) -> str:
    """Chalice names the API's function `APP-STAGE`, and every other `APP-STAGE-FUNCTION`."""
    return f"{app}-{stage}" + ("" if function == "api_handler" else f"-{function}")


def whereabouts(session: boto3.Session, stage: str, recorded: Mapping[str, str]) -> tuple[str, str]:
    """(account, region) of the credentials.

    Raises
    ------
    OpsError
        The stage was provisioned in another account or region. Going on would overwrite its entry in the configuration,
        and the first stage would be lost from sight.
    """
    cloudformation = session.client("cloudformation")  # raises NoRegionError; STS alone would not
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
    """Name of a policy's file in `.chalice`, where Chalice looks for it."""
    return f"policy-{stage}-{name}.json"
