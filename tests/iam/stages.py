"""Whose policies the tests' calls are held to: those of the stage in tests/stage.py."""

from __future__ import annotations

from typing import Any

from ops.stack.policies import POLICIES, Place
from tests.iam.evaluator import Need
from tests.stage import STAGE

ACCOUNT, REGION = "123456789012", "eu-west-1"


def place() -> Place:
    return Place(
        stage=STAGE["FILEMILL_STAGE"],
        partition="aws",
        region=REGION,
        account=ACCOUNT,
        originals_bucket=STAGE["FILEMILL_ORIGINALS_BUCKET"],
        derived_bucket=STAGE["FILEMILL_DERIVED_BUCKET"],
        table=STAGE["FILEMILL_TABLE"],
        table_stream_arn=STAGE["FILEMILL_TABLE_STREAM_ARN"],
        ingest_queue_arn=STAGE["FILEMILL_INGEST_QUEUE_ARN"],
        import_queue_arn=STAGE["FILEMILL_IMPORT_QUEUE_ARN"],
        distribution_id=STAGE["FILEMILL_DISTRIBUTION_ID"],
        parameters=(STAGE["FILEMILL_CDN_KEY_PARAMETER"], STAGE["FILEMILL_SECRET_PARAMETER"]),
    )


def function_policies() -> dict[str, dict[str, Any]]:
    """Chalice's name of a function → its policy."""
    return {function: policy(place()) for function, (_, policy) in POLICIES.items()}


def policies_of(who: str) -> list[dict[str, Any]]:
    if who == "operator":
        return [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
    return [function_policies()[who]]


def as_deployed(who: str, need: Need) -> Need:
    return need
