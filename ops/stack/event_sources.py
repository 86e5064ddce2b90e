"""What Chalice cannot say of an event source: which records of the table's stream wake the index, and what then fails.

Chalice makes the mapping and, deploying again, sends its batch size only, so that what is set here stays:
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops import config

# The index writes into the table whose stream wakes it: only a file's own record may.
ONLY_RECORDS = json.dumps({"dynamodb": {"Keys": {"sk": {"S": ["FILE"]}}}}, separators=(",", ":"))

# Retries stay unbounded (Lambda's own: until a record is a day old) and there is no destination for what failed. The
# handler leaves out a record that is at fault itself; what raises is AWS's, and passing over a record then would leave
# a consumer of the feed without a change for ever. A batch is halved, so that one that takes too long gets through.
INDEX: dict[str, Any] = {
    "FilterCriteria": {"Filters": [{"Pattern": ONLY_RECORDS}]},
    "BisectBatchOnFunctionError": True,
}


def configure(client: Any, deployed: Iterable[dict[str, Any]]) -> bool:
    """Sets the options of each stream's mapping that Chalice deployed; whether anything was another way."""
    changed = False
    for resource in deployed:
        if resource.get("resource_type") != "dynamodb_event":
            continue
        present = _mapping(client, resource["event_uuid"])
        if present and any(present.get(name) != value for name, value in INDEX.items()):
            client.update_event_source_mapping(UUID=resource["event_uuid"], **INDEX)
            changed = True
    return changed


def drop_former(client: Any, project_dir: Path, stage: str, stream_arn: str) -> bool:
    """Deletes the mapping of a stream that the table no longer has, from Chalice's record, too; whether there was one.

    `chalice deploy` then makes one of the present stream. By itself it would keep the former one, whose stream it
    compares with its own record instead of with what app.py says (its planner, _resource_exists_dynamodbeventsource).
    """
    deployed = config.deployed_resources(project_dir, stage) or []
    former = [r for r in deployed if r.get("resource_type") == "dynamodb_event" and r.get("stream_arn") != stream_arn]
    for resource in former:
        if _mapping(client, resource["event_uuid"]):
            client.delete_event_source_mapping(UUID=resource["event_uuid"])
    if former:
        config.forget_deployed(project_dir, stage, former)
    return bool(former)


def _mapping(client: Any, uuid: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get_event_source_mapping(UUID=uuid)
    except client.exceptions.ResourceNotFoundException:
        return None  # deleted by hand: `chalice deploy` makes it again
    return found
