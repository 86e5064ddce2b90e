"""`python -m ops openapi`: writes the OpenAPI and the AsyncAPI document into chalicelib/api, from routes and models.

The function only serves the files, so that no request has to wait until a document is made. A test makes them again and
compares.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.api.envelopes import EVENTS
from ops import made
from ops.openapi import asyncapi, webhooks
from ops.openapi.operations import describe, tag_of
from ops.openapi.problems import ROOT, meaning, problem_example, problem_schemas, problems
from ops.openapi.schemas import Schema, Wanted, models_of, schemas_of
from ops.openapi.texts import DESCRIPTIONS, INFO, ORDER, RESPONSE_HEADERS, SECURITY_SCHEMES
from ops.version import version

if TYPE_CHECKING:
    from chalicelib.api.routing import Operation

TARGET = ROOT / "chalicelib" / "api" / "openapi.json"
EVENTS_TARGET = ROOT / "chalicelib" / "api" / "asyncapi.json"


EXAMPLES = ("openapi",)


add_arguments = made.add_arguments


def main(args: argparse.Namespace) -> int:
    return made.write(
        {TARGET: render(document()), EVENTS_TARGET: render(asyncapi.document(version()))}, check=args.check
    )


def render(made: Schema) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def document() -> Schema:
    """The OpenAPI 3.1 document of every route that is mounted."""
    mounted = operations()
    sent: Wanted = [(model, "serialization") for model in EVENTS.values()]
    names, schemas = schemas_of([*models_of(mounted), *sent])
    known = {operation.view.__name__ for operation in mounted}
    paths: dict[str, Schema] = {}
    for operation in mounted:
        paths.setdefault(operation.path, {})[operation.method.lower()] = describe(operation, names, known)
    codes = sorted({code for operation in mounted for code in problems(operation)})
    used = {tag_of(operation.path) for operation in mounted} | {webhooks.TAG}
    return {
        "openapi": "3.1.0",
        "info": {**INFO, "version": version()},
        # A relative address: it is right at the front door and at API Gateway's own address.
        "servers": [{"url": ".", "description": "The front door"}],
        "tags": [{"name": name, "description": DESCRIPTIONS[name]} for name in ORDER if name in used],
        "paths": {path: paths[path] for path in sorted(paths)},
        "webhooks": webhooks.webhooks(names),
        "components": {
            "schemas": schemas | problem_schemas(),
            "examples": {code: {"summary": meaning(code), "value": problem_example(code)} for code in codes},
            "headers": RESPONSE_HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


@cache
def operations() -> tuple[Operation, ...]:
    """The operations of all routes, sorted by path and method."""
    from chalicelib.api import application, routing  # application imports every module with routes

    assert application
    return tuple(sorted(routing.OPERATIONS, key=lambda o: (o.path, o.method)))
