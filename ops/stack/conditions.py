"""The resources that a template would make with given parameters: its conditions, evaluated without asking AWS.

Only the functions that conditions may contain are known here:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]


def parameters(document: Document, given: Mapping[str, str], region: str) -> dict[str, str]:
    """Every parameter's value: the given one, or the default, or an empty string; and the region, which AWS adds."""
    defaults = {name: str(each.get("Default", "")) for name, each in document.get("Parameters", {}).items()}
    return defaults | {name: value for name, value in given.items() if name in defaults} | {"AWS::Region": region}


def resources(document: Document, values: Mapping[str, str]) -> dict[str, Any]:
    """The resources whose condition is true, by their logical ids. `values` are the parameters."""
    found: dict[str, Any] = document.get("Resources", {})
    return {name: each for name, each in found.items() if holds(document, each.get("Condition"), values)}


def holds(document: Document, condition: str | None, values: Mapping[str, str]) -> bool:
    """True if a condition of the template is true; also if it is None."""
    return condition is None or bool(_value(document, document["Conditions"][condition], values))


def _value(document: Document, node: Any, values: Mapping[str, str]) -> Any:
    if not isinstance(node, Mapping):
        return node
    ((function, argument),) = node.items()
    if function == "Ref":
        return values[argument]
    if function == "Fn::FindInMap":
        name, first, second = (_value(document, each, values) for each in argument)
        return document["Mappings"][name][first][second]
    if function == "Condition":
        return holds(document, argument, values)
    parts = [_value(document, each, values) for each in argument]
    match function:
        case "Fn::Equals":
            return str(parts[0]) == str(parts[1])
        case "Fn::Not":
            return not parts[0]
        case "Fn::And":
            return all(parts)
        case "Fn::Or":
            return any(parts)
        case "Fn::Join":
            return parts[0].join(parts[1] if isinstance(parts[1], list) else [parts[1]])
    raise ValueError(f"{function} can't stand in a condition")
