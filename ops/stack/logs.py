"""The log groups of a stage: made before the functions write to them, with a retention, and deleted with the stage.

Lambda makes a missing group without a retention, and such a group is kept for ever. Chalice's own setting,
`log_retention_in_days`, gives the API's group a name that Lambda does not use (`…-api_handler`), so the groups are not
left to it. Where an operator has set it, its value counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.settings import LOG_DAYS, PREFIX, Settings
from ops import config
from ops.errors import OpsError
from ops.stack.names import FUNCTIONS, function_name, functions_of
from ops.stack.patience import if_there

SETTING = f"{PREFIX}LOG_DAYS"
DEFAULT_DAYS: int = Settings.model_fields["log_days"].default
FOR_EVER = 0


def group_of(function_name: str) -> str:
    """The group to which Lambda writes a function's log."""
    return f"/aws/lambda/{function_name}"


def groups(recorded: config.Config, stage: str) -> list[str]:
    """The names of the groups that a stage's functions may have. The first one is the API's."""
    app = config.app_name(recorded)
    return [group_of(function_name(app, stage, function)) for function in FUNCTIONS]


def days(recorded: config.Config, stage: str) -> dict[str, int]:
    """How many days the groups of a stage's functions are kept, by name; 0 is for ever.

    It is FILEMILL_LOG_DAYS of the stage, else Chalice's `log_retention_in_days`, else 30.

    Raises
    ------
    OpsError
        CloudWatch Logs has no such retention.
    """
    app, functions = config.app_name(recorded), functions_of(config.stage_variables(recorded, stage))
    return {group_of(function_name(app, stage, each)): _days(recorded, stage, each) for each in functions}


def _days(recorded: config.Config, stage: str, function: str) -> int:
    source, value = SETTING, config.stage_variables(recorded, stage).get(SETTING)
    if value is None:
        source = "log_retention_in_days"
        value = config.function_settings(recorded, stage, function).get(source, DEFAULT_DAYS)
    text = str(value)
    if text.isdecimal() and int(text) in LOG_DAYS:
        return int(text)
    allowed = ", ".join(map(str, LOG_DAYS))
    raise OpsError(
        f"{source} in .chalice/config.json is {text}, but CloudWatch Logs keeps logs for {allowed} days (0: for ever). "
        "Choose one of these."
    )


def api_group(api_id: str, api_stage: str) -> str:
    """The group of API Gateway's execution log. It is there only if somebody has turned that log on.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    return f"API-Gateway-Execution-Logs_{api_id}/{api_stage}"


def socket_group(api_id: str, api_stage: str) -> str:
    """The group of the WebSocket API's execution log, under the same condition.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
    """
    return f"/aws/apigateway/{api_id}/{api_stage}"


def ensure(client: Any, wanted: Mapping[str, int], *, if_there: Mapping[str, int]) -> list[str]:
    """Makes the missing groups, and sets the retention of each group that has another.

    `wanted` and `if_there` are days by the groups' names; a group of `if_there` is not made. Returns what was changed.
    """
    kept = {**wanted, **if_there}
    present = retentions(client, kept)
    changed = []
    for name in [name for name in kept if name in wanted or name in present]:
        if name not in present:
            _make(client, name)
        elif kept[name] == present[name]:
            continue
        changed.append(name)
        if kept[name] != FOR_EVER:
            client.put_retention_policy(logGroupName=name, retentionInDays=kept[name])
        elif name in present:
            client.delete_retention_policy(logGroupName=name)
    return changed


def _make(client: Any, name: str) -> None:
    # A function may have written its first line meanwhile.
    with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName=name)


def retentions(client: Any, names: Iterable[str]) -> dict[str, int]:
    """Days of retention of those of these groups that are there, by name; 0 is for ever."""
    names = set(names)
    pages = client.get_paginator("describe_log_groups")
    # A function's name is the API's and a suffix, so one listing has all of a stage's groups.
    prefixes = [name for name in sorted(names) if not any(name != other and name.startswith(other) for other in names)]
    found: list[Any] = [
        group
        for prefix in prefixes
        for page in pages.paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
    ]
    return {g["logGroupName"]: g.get("retentionInDays", FOR_EVER) for g in found if g["logGroupName"] in names}


def delete(client: Any, names: Iterable[str]) -> list[str]:
    """Deletes the groups with all that is in them. Returns the names of those that were there."""
    return [name for name in names if if_there(client.delete_log_group, logGroupName=name) is not None]
