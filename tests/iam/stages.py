"""Whose policies the tests' calls are held to: those of the stage in tests/stage.py."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ops import operator_policy
from ops.operator_policy import Where
from ops.stack import roles
from ops.stack.roles import Place
from tests.iam.evaluator import Need
from tests.iam.needs import Place as NeedPlace
from tests.iam.needs import key_of
from tests.stage import MEDIA_STAGE, ROOT, STAGE, TRANSCODER

OPERATOR = "operator"
ACCOUNT, REGION = "123456789012", "eu-west-1"
KEY = key_of(NeedPlace(ACCOUNT, REGION))
"""The stage is held to a KMS key, so that each call shows what it needs of the key."""


def place() -> Place:
    return Place(
        stage=STAGE["FILEMILL_STAGE"],
        partition="aws",
        region=REGION,
        account=ACCOUNT,
        originals_bucket=STAGE["FILEMILL_ORIGINALS_BUCKET"],
        derived_bucket=STAGE["FILEMILL_DERIVED_BUCKET"],
        table=STAGE["FILEMILL_TABLE"],
        ingest_queue_arn=STAGE["FILEMILL_INGEST_QUEUE_ARN"],
        import_queue_arn=STAGE["FILEMILL_IMPORT_QUEUE_ARN"],
        webhook_queue_arn=STAGE["FILEMILL_WEBHOOK_QUEUE_ARN"],
        event_bus=STAGE["FILEMILL_EVENT_BUS"],
        distribution_id=STAGE["FILEMILL_DISTRIBUTION_ID"],
        labels=True,
        service_function=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:my-service",
        media_convert_role=TRANSCODER,
        scan="guardduty",
        media_queue_arn=MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_ARN"],
        access_logs="cdn-logs/filemill-test/",
        encryption_key=KEY,
    )


def function_policies() -> dict[str, dict[str, Any]]:
    """Chalice's name of a function → its policy."""
    return roles.function_policies(place(), ROOT)


def policies_of(who: str) -> list[dict[str, Any]]:
    """The policies of a function, or of the operator. The operator's tests are about several stages and regions."""
    if who == OPERATOR:
        places = (Where("*", ACCOUNT, "*"), Where("*", ACCOUNT, "*", app="media"))  # one test has an app of that name
        return [operator_policy.policy(operator_policy.statements(where)) for where in places]
    return [function_policies()[who]]


# Names in tests/stage.py and tests/ops → the ones that the stack's resources would have.
_DEPLOYED = {
    "s3:::originals": "s3:::filemill-test-originals",
    "s3:::derived": "s3:::filemill-test-derived",
    "table/filemill-test": "table/filemill-test-Table-1",
    "000000000000": ACCOUNT,  # the emulator's
    **{
        f"{ACCOUNT}:{queue}": f"{ACCOUNT}:filemill-test-{queue}"
        for queue in (
            *("dead", "dead-imports", "import-dead", "imports", "imports-dead", "ingest", "ingest-dead"),
            *("webhook-dead", "webhooks", "webhooks-dead", "media"),
        )
    },
}
# A table that `ops restore` gave the stage is the stack's table from then on, and the policies name that one.
_RESTORED = re.compile(rf"{re.escape(STAGE['FILEMILL_TABLE'])}-restored-\w+")
_NAMES = re.compile("|".join(rf"{re.escape(name)}(?![\w-])" for name in _DEPLOYED))


def as_deployed(who: str, need: Need) -> Need:
    """The same need with the names that a deployed stage has. The operator's policy limits resources by these."""
    if who != OPERATOR:
        context = {key: _RESTORED.sub(place().table, value) for key, value in need.context.items()}
        return replace(need, resource=_RESTORED.sub(place().table, need.resource), context=context)
    return replace(need, resource=_NAMES.sub(lambda found: _DEPLOYED[found[0]], need.resource))
