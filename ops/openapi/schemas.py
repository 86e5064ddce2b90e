"""The JSON schemas of the bodies and answers, made from their pydantic models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

if TYPE_CHECKING:
    from chalicelib.api.routing import Operation

Schema = dict[str, Any]
# "validation" is for a model of what clients send, "serialization" for one of what we send.
Wanted = Iterable[tuple[type[BaseModel], JsonSchemaMode]]
Named = dict[tuple[type[BaseModel], JsonSchemaMode], str]

REF = "#/components/schemas/{model}"


def models_of(operations: Iterable[Operation]) -> Wanted:
    """The model of each body and answer."""
    for operation in operations:
        if operation.body:
            yield operation.body, "validation"
        for model in operation.returns.values():
            if model:
                yield model, "serialization"


def schemas_of(models: Wanted) -> tuple[Named, dict[str, Schema]]:
    """(name of the schema of each model, the schemas by name)."""
    wanted = list(dict.fromkeys(models))
    found, definitions = models_json_schema(wanted, ref_template=REF)  # type: ignore[arg-type, unused-ignore]
    names: Named = {key: schema["$ref"].rpartition("/")[2] for key, schema in found.items()}  # type: ignore[misc]
    schemas = definitions["$defs"]
    answers = _reachable(schemas, (name for (_, mode), name in names.items() if mode == "serialization"))
    for name, schema in schemas.items():
        plain(schema)
        if name in answers:
            # Clients must ignore fields that they do not know, because new ones may be added.
            schema.pop("additionalProperties", None)
    return names, dict(sorted(schemas.items()))


def _reachable(schemas: Mapping[str, Schema], names: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name]))
    return seen


def plain(node: Any) -> None:
    """Removes the titles that pydantic makes up, and line breaks in descriptions."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        if isinstance(node.get("description"), str):
            node["description"] = " ".join(node["description"].split())
        for value in node.values():
            plain(value)
    elif isinstance(node, list):
        for value in node:
            plain(value)


def in_place(node: Any, definitions: Mapping[str, Schema]) -> Any:
    """The schema with its references written out, and without null, which a query string can't express."""
    if isinstance(node, list):
        return [in_place(value, definitions) for value in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return in_place({**definitions[name], **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    made = {k: in_place(v, definitions) for k, v in node.items()}
    if "anyOf" in made:
        left = [option for option in made["anyOf"] if option != {"type": "null"}]
        if len(left) == 1:
            del made["anyOf"]
            made = {**left[0], **made}
        else:
            made["anyOf"] = left
    if "default" in made and made["default"] is None:
        del made["default"]
    return made
