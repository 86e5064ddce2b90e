"""How a stack gets another table: the templates of both steps, and the steps themselves."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import provision
from ops.errors import OpsError
from ops.restore import switch
from ops.restore.tables import Table
from ops.stack import cloudformation, template

ROOT = Path(__file__).parents[3]
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/new"
NEW = Table("new", ARN, "ACTIVE", f"{ARN}/stream/1", "", datetime(2026, 11, 22, tzinfo=UTC))


def document() -> dict[str, Any]:
    return template.document(ROOT)


def references(node: Any, name: str) -> Iterator[Any]:
    """Everything in a template that refers to a resource."""
    if isinstance(node, dict):
        for key, value in node.items():
            refers = {
                "Ref": value == name,
                "DependsOn": value == name or (isinstance(value, list) and name in value),
                "Fn::GetAtt": isinstance(value, list) and value[0] == name,
                "Fn::Sub": bool(re.search(rf"\$\{{{name}[.}}]", json.dumps(value))),
            }
            if refers.get(key):
                yield node
            yield from references(value, name)
    elif isinstance(node, list):
        for each in node:
            yield from references(each, name)


def test_nothing_refers_to_the_table_that_has_left_the_stack() -> None:
    assert list(references(document(), "Table")), "this test would see nothing"
    without = switch.detached(document(), NEW)
    assert "Table" not in without["Resources"]
    assert list(references(without, "Table")) == []
    assert without["Outputs"]["Table"]["Value"] == "new"
    assert without["Outputs"]["TableStreamArn"]["Value"] == f"{ARN}/stream/1"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"Fn::GetAtt": ["Table", "Arn"]}, ARN),
        ({"Fn::Sub": "${Table.Arn}/index/* ${Tables} ${Stage}"}, {"Fn::Sub": f"{ARN}/index/* ${{Tables}} ${{Stage}}"}),
        (
            {"Fn::Sub": ["${Table}-${X}", {"X": {"Ref": "Table"}}]},
            {"Fn::Sub": ["new-${X}", {"X": "new"}]},
        ),
        ({"DependsOn": "Table", "Type": "T"}, {"Type": "T"}),
        ({"DependsOn": ["Table", "Other"]}, {"DependsOn": ["Other"]}),
        ({"Ref": "Other"}, {"Ref": "Other"}),
    ],
)
def test_each_kind_of_reference_becomes_the_restored_tables_own_value(node: Any, expected: Any) -> None:
    """A role's policy in the stack, for example."""
    changed = switch.detached({"Resources": {"R": node, "Table": {}}, "Outputs": {}}, NEW)
    assert changed["Resources"]["R"] == expected


def test_an_import_changes_no_output_and_no_other_resource() -> None:
    """CloudFormation refuses one that does."""
    before, after = switch.detached(document(), NEW), switch.attached(document(), NEW)
    table = after["Resources"].pop("Table")
    assert after == before
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert document()["Resources"]["Table"]["Properties"].get("Tags", []) != table["Properties"]["Tags"]


class Stack:
    """A stage's stack: it has what it was deployed with."""

    def __init__(self) -> None:
        self.template, self.table = document(), "old"
        self.steps: list[str] = []

    def deploy(self, run: Any, body: dict[str, Any], parameters: Any, *, imported: Any = (), **_: Any) -> None:
        wanted = copy.deepcopy(body)
        if imported:
            assert {**wanted, "Resources": {n: b for n, b in wanted["Resources"].items() if n != "Table"}} == (
                self.template
            )
            (one,) = imported
            assert one["ResourceType"] == "AWS::DynamoDB::Table"
            self.table = one["ResourceIdentifier"]["TableName"]
        self.steps.append("import" if imported else "update")
        self.template = wanted

    def resource_of(self, *_: Any) -> str | None:
        return self.table if "Table" in self.template["Resources"] else None


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    stack = Stack()
    monkeypatch.setattr(provision, "deploy_stack", stack.deploy)
    monkeypatch.setattr(provision, "resource_of", stack.resource_of)
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {"StackName": "filemill-dev"})
    monkeypatch.setattr(
        cloudformation,
        "outputs",
        lambda _: {name: str(body["Value"]) for name, body in stack.template["Outputs"].items()},
    )
    return stack


def run() -> Any:
    session = SimpleNamespace(client=lambda _: None)
    return SimpleNamespace(
        stage="dev", project_dir=ROOT, session=session, endpoint_url="http://localhost", progress=lambda _: None
    )


def test_the_table_leaves_and_the_restored_one_comes(stack: Stack) -> None:
    switch.switch(run(), NEW)
    assert stack.steps == ["update", "import"]
    assert switch.table_of(None, "dev") == "new"


def test_a_switch_that_is_done_is_not_done_again(stack: Stack) -> None:
    switch.switch(run(), NEW)
    switch.switch(run(), NEW)
    assert stack.steps == ["update", "import"]


def test_provision_refuses_a_stack_between_the_two_steps(stack: Stack) -> None:
    """It would make an empty table, and the stage would lose its records from sight."""
    provision.refuse_half_a_switch(run())
    stack.template = switch.detached(document(), NEW)
    with pytest.raises(OpsError, match=r"interrupted.*ops restore --stage dev"):
        provision.refuse_half_a_switch(run())
    switch.switch(run(), NEW)
    provision.refuse_half_a_switch(run())
