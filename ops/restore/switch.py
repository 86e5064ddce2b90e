"""Gives the stage's stack another table in place of its own.

The resource `Table` leaves the stack, which keeps the table itself (its DeletionPolicy), and the restored table is
imported as `Table`. After that the stack is one like any other: every checkout of Filemill provisions it, and
`ops provision --delete` deletes it with the restored table.

An import may change neither outputs nor other resources. So the template of both steps names the restored table itself
wherever it referred to `Table`, and the next `ops provision` brings the references back.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-existing-stack.html
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from ops import provision
from ops.restore.tables import Table
from ops.stack import cloudformation, template
from ops.stack.names import stack_name

RESOURCE = "Table"
SWITCHED = {"Key": "filemill:switched", "Value": "yes"}


def table_of(cfn: Any, stage: str) -> str | None:
    """The table that the stage's stack has now; None between the two steps of a switch, or if there is no stack."""
    if cloudformation.describe(cfn, stack_name(stage)) is None:
        return None
    return provision.resource_of(cfn, stage, RESOURCE)


def detached(document: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """The template without its table. References to it name this table, and an output says that a switch began."""
    resources = {name: body for name, body in document["Resources"].items() if name != RESOURCE}
    outputs = {
        **document["Outputs"],
        provision.SWITCHING: {"Description": "Table that a restore gives the stage.", "Value": table.name},
    }
    changed: dict[str, Any] = _named({**document, "Resources": resources, "Outputs": outputs}, table)
    return changed


def attached(document: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """The same template with the table, which is how it is imported.

    It has one tag more, so that the next `ops provision` has a resource to change, and outputs are changed with it.
    """
    before = detached(document, table)
    resource = copy.deepcopy(document["Resources"][RESOURCE])
    resource["Properties"].setdefault("Tags", []).append(SWITCHED)
    return {**before, "Resources": {**before["Resources"], RESOURCE: resource}}


def _named(node: Any, table: Table) -> Any:
    """The node with each reference to the resource `Table` replaced by what it would be for this table."""
    values = {"": table.name, "Arn": table.arn, "StreamArn": table.stream_arn}
    if isinstance(node, list):
        return [_named(each, table) for each in node]
    if not isinstance(node, dict):
        return node
    if node == {"Ref": RESOURCE}:
        return table.name
    if list(node) == ["Fn::GetAtt"] and node["Fn::GetAtt"][0] == RESOURCE:
        return values[node["Fn::GetAtt"][1]]
    if list(node) == ["Fn::Sub"]:
        return {"Fn::Sub": _substituted(node["Fn::Sub"], values, table)}
    without = {name: value for name, value in node.items() if name != "DependsOn" or value != RESOURCE}
    if isinstance(without.get("DependsOn"), list):
        without["DependsOn"] = [each for each in without["DependsOn"] if each != RESOURCE]
    return {name: _named(value, table) for name, value in without.items()}


def _substituted(value: Any, values: Mapping[str, str], table: Table) -> Any:
    text, *more = value if isinstance(value, list) else [value]
    text = re.sub(rf"\$\{{{RESOURCE}(?:\.(\w+))?\}}", lambda found: values[found[1] or ""], text)
    return [text, *(_named(each, table) for each in more)] if more else text


def switch(run: provision.Provisioning, table: Table) -> None:
    """Makes the table the stack's own, in two steps. A step that is done already changes nothing."""
    cfn = run.session.client("cloudformation")
    if table_of(cfn, run.stage) == table.name:
        return
    document = template.document(run.project_dir)
    run.progress(f"taking the former table out of stack {stack_name(run.stage)}; the table itself is kept")
    _deploy(run, detached(document, table))
    run.progress(f"taking {table.name} into stack {stack_name(run.stage)}")
    wanted = {
        "ResourceType": document["Resources"][RESOURCE]["Type"],
        "LogicalResourceId": RESOURCE,
        "ResourceIdentifier": {"TableName": table.name},
    }
    _deploy(run, attached(document, table), wanted)


def _deploy(run: provision.Provisioning, document: Mapping[str, Any], *imported: Mapping[str, Any]) -> None:
    provision.deploy_stack(run, document, {}, allow_replacement=True, revert_drift=False, imported=imported)
