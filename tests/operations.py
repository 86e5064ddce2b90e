"""The API's routes, read off the app, and a request to any of them. A route that names something new fails here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.api import routing
from chalicelib.api.routing import Operation
from ops.openapi.examples import BODIES
from tests.client import Answer, Client

NOBODYS = "file_01K8Z0000000000000000000ZZ"


@dataclass(frozen=True)
class Target:
    """All that a request can name. What is left out is an id that nobody has. `tenant` begins the keys below `/s3`."""

    file_id: str = NOBODYS
    tenant: str = "acme"
    upload_id: str = "u"
    token_id: str = "0" * 12
    key_id: str = "0" * 12
    webhook_id: str = "wh_01K8Z0000000000000000000ZZ"
    event_id: str = "evt_1"
    share_id: str = "shr_00" + "0" * 16


def mounted() -> list[tuple[str, str]]:
    """(method, path) of every route of the app but its fallbacks."""
    import app

    fallbacks = {"method_not_allowed", "unknown_route"}
    return [
        (method, path)
        for path, methods in app.app.routes.items()
        for method, entry in methods.items()
        if entry.view_name.rpartition(".")[2] not in fallbacks and entry.view_function.__name__ not in fallbacks
    ]


def guarded() -> list[Operation]:
    """Every route that needs a credential."""
    assert mounted()
    return [operation for operation in routing.OPERATIONS if operation.guarded]


def named(operation: Operation) -> str:
    return operation.view.__name__


def names_a_file(operation: Operation) -> bool:
    """True for a route on one file, which is named by its id, or below `/s3` by its key."""
    models = [model.model_fields for model in (operation.query, operation.body) if model]
    return "{file_id}" in operation.path or any("key" in fields for fields in models)


def names_one(operation: Operation) -> bool:
    """True for a route on one file, token, key or webhook."""
    return names_a_file(operation) or any(
        f"{{{name}}}" in operation.path for name in ("token_id", "key_id", "webhook_id")
    )


def example(operation: Operation) -> Any:
    return dict(next(iter(BODIES[operation.body.__name__].values()))) if operation.body else None


def asked(client: Client, operation: Operation, target: Target, body: Any = None, **more: Any) -> Answer:
    """The request with all that can name the target. The body is the first example's if none is given."""
    path = operation.path.replace("{part_number}", "1").replace("{language}", "en")
    for name, value in vars(target).items():
        path = path.replace("{" + name + "}", value)
    assert "{" not in path, f"say here how {operation.path} names a file"
    body = example(operation) if body is None else body
    if body is not None:
        body = body | filled(operation, target)
    return client(operation.method, path, body, query=query(operation, target), **more)


def filled(operation: Operation, target: Target) -> dict[str, Any]:
    """The fields of the body that name the target."""
    fields = {each.alias or name for name, each in operation.body.model_fields.items()} if operation.body else set()
    ours = {
        "ids": [target.file_id],
        "key": f"{target.tenant}/{target.file_id}",
        "uploadId": target.upload_id,
        "partNumber": 1,
    }
    return {name: value for name, value in ours.items() if name in fields}


def query(operation: Operation, target: Target) -> Mapping[str, str]:
    """Every parameter that is required."""
    values = {
        "key": f"{target.tenant}/{target.file_id}",
        "partNumbers": "1",
        "q": "secret",
        "filename": "mine.jpg",
    }
    fields = operation.query.model_fields.items() if operation.query else ()
    return {field.alias or name: values[field.alias or name] for name, field in fields if field.is_required()}
