"""`python -m ops schemas`: writes a JSON Schema of each type of event into `schemas/`, from the models of envelopes.

Each file is complete in itself. Programs that make types or check events of a bus read them. A test makes them again
and compares.
"""

from __future__ import annotations

import argparse
from typing import Any

from ops import made
from ops.openapi.document import render
from ops.openapi.problems import ROOT
from ops.openapi.schemas import plain

TARGET = ROOT / "schemas"

EXAMPLES = ("schemas", "schemas --check")

Schema = dict[str, Any]


add_arguments = made.add_arguments


def main(args: argparse.Namespace) -> int:
    wanted = files()
    present = {path.name: path.read_text(encoding="utf-8") for path in TARGET.glob("*.json")}
    if args.check:
        return int(present != wanted)
    TARGET.mkdir(exist_ok=True)
    for name in present.keys() - wanted.keys():
        (TARGET / name).unlink()
    for name, text in wanted.items():
        (TARGET / name).write_text(text, encoding="utf-8")
    print(f"wrote {len(wanted)} files to {TARGET.relative_to(ROOT)}")
    return 0


def files() -> dict[str, str]:
    """Name of each file → its text."""
    return {f"{kind}.json": render(schema) for kind, schema in event_schemas().items()}


def event_schemas() -> dict[str, Schema]:
    """Type of each event → the schema of its envelope."""
    from chalicelib.api.envelopes import BUS_EVENTS

    made = {}
    for kind, model in BUS_EVENTS.items():
        schema = model.model_json_schema(mode="serialization")
        plain(schema)
        for part in (schema, *schema.get("$defs", {}).values()):
            # Consumers must ignore fields that they do not know, because new ones may be added.
            part.pop("additionalProperties", None)
        made[kind] = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind, **schema}
    return made
