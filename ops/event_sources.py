"""What Chalice cannot say of an event source: which records of the table's stream wake the index, and what then fails.

Chalice makes the mapping and, deploying again, sends its batch size only, so that what is set here stays:
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

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
        present = client.get_event_source_mapping(UUID=resource["event_uuid"])
        if any(present.get(name) != value for name, value in INDEX.items()):
            client.update_event_source_mapping(UUID=resource["event_uuid"], **INDEX)
            changed = True
    return changed
