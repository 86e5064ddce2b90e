"""Brings Chalice's record of a stage to what there is on AWS, before `chalice deploy` or `chalice delete` reads it.

Chalice writes its record (`.chalice/deployed/STAGE.json`) only at the end of a deployment. If one is stopped, or if the
record is not in this checkout, the next one makes a second REST API, and AWS refuses the second trigger of a queue:
https://github.com/aws/chalice/issues/2146
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops import config
from ops.stack import inventory, patience, removal
from ops.stack.cloudformation import Progress
from ops.stack.inventory import Client, Deployment, Resource, describe
from ops.stack.names import FUNCTIONS


@dataclass(frozen=True)
class Differences:
    """Differences between Chalice's record and AWS, and the record as it should be."""

    record: list[Resource]
    unknown: list[Resource]
    """They exist, and the record does not have them."""
    gone: list[Resource]
    """The record has them, and they do not exist."""
    spare: list[Resource]
    """They exist twice, and are not the one to keep; or they were never finished, and `chalice deploy` would not."""


def adopt(client: Client, project_dir: Path, here: Deployment, progress: Progress) -> list[Resource]:
    """Corrects the record, deletes what exists twice, and returns the record's entries.

    It waits until Lambda has finished its last changes, because `chalice deploy` would fail on them.

    Raises
    ------
    OpsError
        Lambda or API Gateway is still busy after some minutes.
    """
    settle(client, here)
    differences = compare(inventory.find(client, here), here.recorded)
    file = f".chalice/deployed/{here.stage}.json"
    if differences.unknown or differences.gone:
        config.record_deployed(project_dir, here.stage, differences.record)
    if differences.unknown:
        progress(f"added to {file} what exists on AWS: {_list(differences.unknown)}")
    if differences.gone:
        progress(f"removed from {file} what is gone: {_list(differences.gone)}")
    for resource in differences.gone:
        removal.revoke(client, here, resource)
    for resource in differences.spare:
        progress(f"deleting what was made twice, or was never finished: {describe(resource)}")
        removal.delete(client, here, resource)
    return differences.record


def settle(client: Client, here: Deployment) -> None:
    """Waits until no function and no trigger of the stage is being made, changed or deleted."""
    functions = client("lambda")
    for function in FUNCTIONS:
        patience.settled_function(functions, here.function_name(function))
    for mapping in inventory.mappings(functions, here, FUNCTIONS):
        if mapping.get("State") not in patience.SETTLED:
            patience.settled_mapping(functions, mapping["UUID"])


def compare(found: Sequence[Resource], recorded: Sequence[Resource]) -> Differences:
    """Compares what was found with the record. Entries of kinds that nobody looks for stay as they are."""
    best: dict[str, Resource] = {}
    for resource in found:
        if resource.get("websocket_api_url") != "":
            best.setdefault(resource["name"], resource)
    others = [entry for entry in recorded if entry.get("resource_type") not in inventory.KINDS]
    ours = [entry for entry in recorded if entry.get("resource_type") in inventory.KINDS]
    return Differences(
        record=[*best.values(), *others],
        unknown=[resource for resource in best.values() if not any(_same(resource, entry) for entry in ours)],
        gone=[entry for entry in ours if not any(_same(resource, entry) for resource in found)],
        spare=[resource for resource in found if resource is not best.get(resource["name"])],
    )


def _same(found: Resource, entry: Resource) -> bool:
    """True if both are the same thing. An API's address is told by its id, and an emulator has another one. But a
    WebSocket API either has an address or was never finished."""
    return _without_addresses(found) == _without_addresses(entry)


def _without_addresses(entry: Resource) -> Resource:
    return {**entry, "rest_api_url": "", "websocket_api_url": bool(entry.get("websocket_api_url"))}


def _list(resources: Sequence[Resource]) -> str:
    return ", ".join(describe(resource) for resource in resources)
