"""Options of the stream's triggers that Chalice can't set: which records start one, and how failures are handled.

Chalice creates the event source mappings of `index` and `publish`. When it deploys again, it sends only the batch size,
so these options stay: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
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

_THERE = {"S": [{"exists": True}]}

# New revisions of records; keys, tenants and the ends of chains of seals that changed; entries of the feed that did not
# expire; tokens that were made or revoked; webhooks and share links. The uses of a token, which are many, stay out: a
# new token is known by its count of 0. A key changes once an hour while it is used, which is few. Views of links pass,
# and tell nothing. Filters see the key `dynamodb` alone, so an image that is there stands for the record's
# `eventName`; the handler leaves out the few records that pass and tell nothing new.
# https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
# Lambda allows five patterns: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
PUBLISHED = (
    {"dynamodb": {"Keys": {"sk": {"S": ["FILE", "KEY", "TENANT", "SEALED"]}}}},
    {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "FEED#"}]}}, "NewImage": {"pk": _THERE}}},
    {"dynamodb": {"Keys": {"sk": {"S": ["TOKEN"]}}, "NewImage": {"revoked_at": _THERE}}},
    {"dynamodb": {"Keys": {"sk": {"S": ["TOKEN"]}}, "NewImage": {"used": {"N": ["0"]}}}},
    {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "HOOKS#"}, {"prefix": "SHARES#"}]}}}},
)

# Retries are not limited (Lambda itself stops when a record is a day old) and failed batches are sent nowhere. The
# handlers skip a record that is itself wrong. What they raise is a fault of AWS, and to skip a record then would hide
# a change from its readers for ever. A failed batch is halved, so that one that takes too long succeeds.
_OPTIONS: dict[str, Any] = {"BisectBatchOnFunctionError": True}

INDEX: dict[str, Any] = {"FilterCriteria": {"Filters": [{"Pattern": ONLY_RECORDS}]}, **_OPTIONS}
PUBLISH: dict[str, Any] = {
    "FilterCriteria": {"Filters": [{"Pattern": json.dumps(each, separators=(",", ":"))} for each in PUBLISHED]},
    **_OPTIONS,
}


def wanted(resource: dict[str, Any]) -> dict[str, Any]:
    """The options of a mapping in Chalice's record, which names it after the function."""
    return PUBLISH if resource["name"].startswith("publish") else INDEX


def configure(client: Any, deployed: Iterable[dict[str, Any]]) -> bool:
    """Sets the options on every stream mapping that Chalice deployed. Returns whether it changed anything."""
    changed = False
    for resource in deployed:
        if resource.get("resource_type") != "dynamodb_event":
            continue
        options = wanted(resource)
        # None if somebody deleted it: `chalice deploy` makes a new one.
        present = if_there(client.get_event_source_mapping, UUID=resource["event_uuid"])
        if present and any(present.get(name) != value for name, value in options.items()):
            # Lambda refuses this while it still makes the mapping, which `chalice deploy` does not wait for.
            patiently(client.update_event_source_mapping, UUID=resource["event_uuid"], **options)
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
