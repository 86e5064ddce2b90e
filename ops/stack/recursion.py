"""Lambda's detection of recursive loops, which `deliver` must be free of.

A worker of the webhook queue sends messages to that queue: for the next try, or to go on where its time was over.
Lambda takes that for a loop by mistake. It would stop a chain of messages after about 16 runs, and set the next message
aside as a dead letter: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html

The queue has bounds of its own: each webhook has one worker, a delivery ends after nine tries, and a socket's message
ends with the socket. Chalice can't set this. It keeps it when it deploys the function again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ops.stack.patience import if_there, patiently

# The functions that send to the queue which starts them, in chains of any length. Others start themselves, too, but in
# short chains, so Lambda goes on watching them: `process` once for each message (`with_group` in
# chalicelib/queues/ingest.py), `media` once for each stream that is made before anybody watches, whose parts it shares
# out, and `stream` once for each request of a viewer. A run of `stream` that was started ahead looks no further ahead.
LOOPING = ("deliver",)

ALLOWED = "Allow"


def is_allowed(client: Any, name: str) -> bool | None:
    """True if the function may be part of a loop; None if there is no such function. One GetFunctionRecursionConfig."""
    found = if_there(client.get_function_recursion_config, FunctionName=name)
    return None if found is None else found["RecursiveLoop"] == ALLOWED


def configure(client: Any, deployed: Iterable[dict[str, Any]]) -> bool:
    """Allows the loops of the functions that Chalice deployed. Returns whether it changed anything."""
    changed = False
    for resource in deployed:
        if resource.get("resource_type") != "lambda_function" or resource.get("name") not in LOOPING:
            continue
        name = resource["lambda_arn"].rpartition(":")[2]
        if is_allowed(client, name) is False:
            patiently(client.put_function_recursion_config, FunctionName=name, RecursiveLoop=ALLOWED)
            changed = True
    return changed
