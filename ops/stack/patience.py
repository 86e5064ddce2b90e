"""Calls of AWS that wait while AWS is busy with an earlier change of the same thing. Every wait is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from ops.errors import OpsError

# Seconds. A new trigger is ready within a minute or two; API Gateway deletes one REST API of an account in 30 seconds:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
PATIENCE = 180.0

# The errors with which AWS asks to come again: a function or trigger that is still being made or changed (Lambda), a
# second change at the same time (EventBridge, IAM, API Gateway), or more calls a minute than AWS takes.
BUSY = frozenset(
    {
        "ConcurrentModification",
        "ConcurrentModificationException",
        "ConflictException",
        "ResourceConflictException",
        "ResourceInUseException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
GONE = frozenset({"InvalidResourceId", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException"})

# States of an event source mapping, and of a function, in which it may be changed.
# https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
SETTLED = frozenset({"Enabled", "Disabled"})


def code(error: ClientError) -> str:
    """AWS's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def patiently(call: Callable[..., Any], /, **arguments: Any) -> Any:
    """Makes a change, and repeats it while AWS is busy. Not for calls that create: their conflict means "it exists".

    Raises
    ------
    OpsError
        AWS is still busy after `PATIENCE` seconds.
    """
    for pause in _pauses():
        try:
            return call(**arguments)
        except ClientError as error:
            if code(error) not in BUSY:
                raise
            busy = error
        time.sleep(pause)
    raise OpsError(
        f"AWS was still busy after {PATIENCE / 60:.0f} minutes ({busy.operation_name}: {code(busy)}: "
        f"{busy.response['Error'].get('Message', '')}). Wait some minutes, then run the same command again."
    )


def if_there(call: Callable[..., Any], /, **arguments: Any) -> Any:
    """`patiently`, but None if the thing does not exist."""
    try:
        return patiently(call, **arguments)
    except ClientError as error:
        if code(error) in GONE:
            return None
        raise


def listed(client: Any, operation: str, key: str, /, **arguments: Any) -> list[Any]:
    """All pages of a list. It is empty if the thing whose parts are listed does not exist."""
    pages = client.get_paginator(operation).paginate(**arguments)
    try:
        return [item for page in pages for item in page.get(key, [])]
    except ClientError as error:
        if code(error) in GONE:
            return []
        raise


def settled_mapping(client: Any, uuid: str) -> dict[str, Any] | None:
    """An event source mapping, once Lambda has finished its last change; None if there is none (any more)."""
    return _settled(
        lambda: if_there(client.get_event_source_mapping, UUID=uuid),
        lambda found: str(found.get("State", "Enabled")),
        lambda state: state in SETTLED,
        f"The trigger {uuid}",
    )


def settled_function(client: Any, name: str) -> dict[str, Any] | None:
    """A function's configuration, once Lambda has finished its last change; None if there is no such function."""
    return _settled(
        lambda: if_there(client.get_function_configuration, FunctionName=name),
        lambda found: "Pending" if found.get("State") == "Pending" else str(found.get("LastUpdateStatus")),
        lambda state: state not in ("Pending", "InProgress"),
        f"The function {name}",
    )


def _settled(
    look: Callable[[], dict[str, Any] | None],
    state_of: Callable[[dict[str, Any]], str],
    done: Callable[[str], bool],
    what: str,
) -> dict[str, Any] | None:
    for pause in _pauses():
        found = look()
        if found is None or done(state := state_of(found)):
            return found
        time.sleep(pause)
    raise OpsError(
        f"{what} is still {state} after {PATIENCE / 60:.0f} minutes. Wait some minutes, then run the same command "
        "again; if it stays so, delete it in the Lambda console, and `chalice deploy` makes it anew."
    )


def _pauses() -> Iterator[float]:
    """Seconds between two tries: one second at first, then longer, and `PATIENCE` in all."""
    pause, left = 1.0, PATIENCE
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(pause * 1.5, 15.0)
