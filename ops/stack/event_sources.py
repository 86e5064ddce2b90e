"""Options of the index function's trigger that Chalice can't set: which records start it, and how failures are handled.

Chalice creates the event source mapping. When it deploys again, it sends only the batch size, so these options stay:
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops import config
from ops.stack.patience import if_there, patiently

# The index function writes into the same table whose stream starts it, so only a file's own record may start it.
ONLY_RECORDS = json.dumps({"dynamodb": {"Keys": {"sk": {"S": ["FILE"]}}}}, separators=(",", ":"))

# Retries are not limited (Lambda itself stops when a record is a day old) and failed batches are sent nowhere. The
# handler skips a record that is itself wrong. What it raises is a fault of AWS, and to skip a record then would hide
# a change from the readers of the feed for ever. A failed batch is halved, so that one that takes too long succeeds.
INDEX: dict[str, Any] = {
    "FilterCriteria": {"Filters": [{"Pattern": ONLY_RECORDS}]},
    "BisectBatchOnFunctionError": True,
}


def configure(client: Any, deployed: Iterable[dict[str, Any]]) -> bool:
    """Sets the options on every stream mapping that Chalice deployed. Returns whether it changed anything."""
    changed = False
    for resource in deployed:
        if resource.get("resource_type") != "dynamodb_event":
            continue
        # None if somebody deleted it: `chalice deploy` makes a new one.
        present = if_there(client.get_event_source_mapping, UUID=resource["event_uuid"])
        if present and any(present.get(name) != value for name, value in INDEX.items()):
            # Lambda refuses this while it still makes the mapping, which `chalice deploy` does not wait for.
            patiently(client.update_event_source_mapping, UUID=resource["event_uuid"], **INDEX)
            changed = True
    return changed


def drop_former(client: Any, project_dir: Path, stage: str, stream_arn: str) -> bool:
    """Deletes mappings of streams that the table no longer has, from Lambda and from Chalice's record.

    `chalice deploy` then makes a mapping for the present stream. Otherwise it would keep the former one, because it
    compares the stream with its own record instead of with app.py (its planner, _resource_exists_dynamodbeventsource).
    Returns whether there was such a mapping.
    """
    deployed = config.deployed_resources(project_dir, stage) or []
    former = [r for r in deployed if r.get("resource_type") == "dynamodb_event" and r.get("stream_arn") != stream_arn]
    for resource in former:
        if_there(client.delete_event_source_mapping, UUID=resource["event_uuid"])
    if former:
        config.forget_deployed(project_dir, stage, former)
    return bool(former)
