"""Names of a stage's parts, and the account and region that it is in."""

from __future__ import annotations

import re
from collections.abc import Mapping

import boto3

from chalicelib.settings import PREFIX
from ops.errors import OpsError

# The functions that the WebSocket API calls.
SOCKET_FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect")

# Every function of app.py, by the name that Chalice has for it.
FUNCTIONS = (
    *("api_handler", "process", "media", "fetch", "index", "render", "stream", "sweep"),
    *("publish", "deliver"),
    *SOCKET_FUNCTIONS,
)


# The function that has FFmpeg to process files, and the one that has it to make parts of streams. A stage may leave
# both out, by the first setting. `ops provision` leaves them out of a very small account, by the second one.
MEDIA = "media"
STREAM = "stream"
WITH_FFMPEG = (MEDIA, STREAM)
MEDIA_SETTING = f"{PREFIX}MEDIA"
MEDIA_CAP = f"{PREFIX}MEDIA_CAP"

# What pydantic takes for false, as settings.py reads the setting.
_NO = frozenset({"0", "false", "f", "n", "no", "off"})


def has_media(variables: Mapping[str, str]) -> bool:
    """True if a stage with these variables has the functions with FFmpeg, their queue and their layer."""
    return wants_media(variables) and variables.get(MEDIA_CAP) != "0"


def wants_media(variables: Mapping[str, str]) -> bool:
    """True unless the operator turned media off."""
    return variables.get(MEDIA_SETTING, "true").lower() not in _NO


def functions_of(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The functions of a stage with these variables."""
    return tuple(function for function in FUNCTIONS if function not in WITH_FFMPEG or has_media(variables))


def stack_name(stage: str) -> str:
    return f"filemill-{stage}"


def bus_name(stage: str) -> str:
    """Name of the stage's EventBridge bus, as the template gives it. Like the stack's name, it does not follow the
    app's name: the operator's own rules name the bus, and must go on working."""
    return f"filemill-{stage}"


def bucket_name(stage: str, kind: str, account: str, region: str) -> str:
    """Name of one of the stage's buckets: `originals`, `derived` or `templates`."""
    return f"filemill-{stage}-{kind}-{account}-{region}"


def function_name(app: str, stage: str, function: str) -> str:
    """Chalice names the API's function `APP-STAGE`, and every other `APP-STAGE-FUNCTION`."""
    return f"{app}-{stage}" + ("" if function == "api_handler" else f"-{function}")


def socket_api_name(app: str, stage: str) -> str:
    """Chalice's name of the WebSocket API."""
    return f"{app}-{stage}-websocket-api"


def role_id(function: str) -> str:
    """The logical id of a function's role in the template, which is also the name of the output with its ARN."""
    return "".join(word.capitalize() for word in function.split("_")) + "Role"


ROLE_IDS = {function: role_id(function) for function in FUNCTIONS}


def is_stack_role(stage: str, function: str, role: str) -> bool:
    """True if CloudFormation made this role (its name or its ARN) for the stage's function.

    CloudFormation names it STACK-LOGICALID-RANDOM:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
    """
    made = re.escape(f"{stack_name(stage)}-{role_id(function)}-")
    return re.fullmatch(rf"{made}[A-Za-z0-9]+", role.rpartition("/")[2]) is not None


def chalice_role(app: str, stage: str, function: str) -> str:
    """Name of the role that Chalice makes for a function whose role it manages. It has no region."""
    return f"{app}-{stage}-{function}"


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


def policy_file(stage: str, function: str) -> str:
    """Name, in `.chalice`, of the policy that `ops provision` wrote for Chalice while Chalice still made the roles."""
    return f"policy-{stage}-{'api' if function == 'api_handler' else function}.json"
