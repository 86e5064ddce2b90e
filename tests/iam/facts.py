"""What AWS publishes of its IAM actions and resource types, in the form in which cfn-lint brings it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.session import Session

_DATA = Path(str(files("cfnlint") / "data"))


@cache
def _services() -> dict[str, Any]:
    """The Service Authorization Reference: https://docs.aws.amazon.com/service-authorization/latest/reference/"""
    found: dict[str, Any] = json.loads((_DATA / "AdditionalSpecs/Policies.json").read_text(encoding="utf-8"))
    return found


def resource_types(action: str) -> list[str] | None:
    """The types of resources that an action can be limited to; [] if only `*` is possible; None for no such action."""
    service, _, name = action.partition(":")
    entry = _services().get(service, {}).get("Actions", {}).get(name.lower())
    return None if entry is None else list(entry.get("Resources", []))


def is_about(action: str, resource: str) -> bool:
    """True if a resource (an ARN, with wildcards or not) is of a type that the action can be limited to."""
    types = resource_types(action)
    if not types:
        return resource == "*"
    known = _services()[action.partition(":")[0]]["Resources"]
    formats = [form for each in types for form in known.get(each.lower(), {}).get("ARNFormats", [])]
    return any(_pattern(form).fullmatch(resource) for form in formats)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$\{\w+\}", ".*", form))


@cache
def handlers(resource_type: str) -> dict[str, list[str]]:
    """The actions that CloudFormation calls to create, read, update and delete a type of resource.

    CloudFormation acts with the operator's own permissions:
    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
    """
    index = json.loads((_DATA / "schemas/providers/us-east-1.json").read_text(encoding="utf-8"))
    schema = json.loads((_DATA / f"schemas/resources/{index[resource_type]}.json").read_text(encoding="utf-8"))
    return {kind: list(said["permissions"]) for kind, said in schema["handlers"].items()}


def operations_in(folder: Path, services: tuple[str, ...], *, without: tuple[Path, ...] = ()) -> set[str]:
    """The AWS operations that code may call, as `service.Operation`.

    It looks at the names of methods and at texts, such as the ones that `get_paginator` gets. A name that several
    services have counts for each of them.
    """
    names: dict[str, set[str]] = {}
    for service in services:
        for operation in Session().get_service_model(service).operation_names:
            names.setdefault(xform_name(operation), set()).add(f"{service}.{operation}")
    paths = (path for path in folder.rglob("*.py") if not any(path.is_relative_to(each) for each in without))
    found = (name for path in paths for name in _names(ast.parse(path.read_text(encoding="utf-8"))))
    return {operation for name in found for operation in names.get(name, ())}


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
