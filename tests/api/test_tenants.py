"""Every route refuses another tenant. The routes and their requests are read off the app, so none can be forgotten."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.api import routing
from chalicelib.api.auth.callers import ORDINARY, Scope
from chalicelib.api.routing import Operation
from ops.openapi.examples import BODIES
from tests.client import Answer, Client, new_client
from tests.making import deliver, open_uploads, put
from tests.stage import aws_client

RENDER = "/render/f/{visibility}/{file_id}/{version}/{name}"
# What anyone is answered. CloudFront's secret, not a credential, opens RENDER: tests/api/routes/test_render.py.
OPEN = {
    ("GET", "/v1/health"): 200,
    ("GET", "/s3/sts"): 404,
    ("DELETE", "/s3/session"): 204,
    ("GET", "/openapi.json"): 200,
    ("GET", "/asyncapi.json"): 200,
    ("GET", "/docs"): 200,
    ("GET", "/docs/{asset}"): 404,
    ("GET", "/s/{token}"): 404,
    ("POST", "/s/{token}"): 404,
    ("GET", RENDER): 404,
    ("HEAD", RENDER): 404,
}


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
    return [operation for operation in routing.OPERATIONS if operation.scope]


def named(operation: Operation) -> str:
    return operation.view.__name__


def example(operation: Operation) -> Any:
    return next(iter(BODIES[operation.body.__name__].values())) if operation.body else None


@pytest.mark.parametrize(("method", "path"), mounted(), ids=lambda v: v)
def test_a_route_needs_a_credential(stage: Any, method: str, path: str) -> None:
    bodies = {(operation.method, operation.path): example(operation) for operation in guarded()}
    answer = Client(None)(method, path.replace("{file_id}", "file_x"), bodies.get((method, path)))
    assert answer.status == OPEN.get((method, path), 401)


def test_every_route_is_open_or_has_a_scope() -> None:
    assert set(mounted()) == {(operation.method, operation.path) for operation in guarded()} | OPEN.keys()


class Theirs:
    """What `acme` has: an upload that is open, a file that is ready, a token, and a webhook with a delivery.

    Names, tags and the webhook's address begin with `secret-`.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        multipart = {"filename": "secret-film", "content_type": "application/x-v", "size": 10**7, "upload": "multipart"}
        waiting = client("POST", "/v1/files", multipart).json["id"]
        table = {"filename": "secret-table", "content_type": "text/csv", "size": 3, "tags": ["secret-tag"]}
        ready = client("POST", "/v1/files", table).json["id"]
        put(ready, b"a,b")
        deliver(ready)
        self.ids = [waiting, ready]
        self.token = client("POST", "/v1/upload-tokens", {"max_bytes": 1}).json
        self.webhook = client("POST", "/v1/webhooks", {"url": "https://example.com/secret-hook"}).json
        self.key = client("POST", "/v1/keys", {"name": "secret-key", "scopes": ["files:read"]}).json
        self.event = client("POST", f"/v1/webhooks/{self.webhook['id']}/test").json
        (self.upload_id,) = open_uploads()
        Client(self.key["key"])("GET", "/v1/stats")  # its first use is noted
        self.before = self.seen()

    @property
    def hooked(self) -> tuple[str, ...]:
        """What the webhook and the key are known by: their ids and secrets."""
        return self.webhook["id"], self.event["id"], self.webhook["secret"], self.key["id"], self.key["key"]

    def seen(self) -> tuple[Any, ...]:
        """Their records, and what S3 holds of them."""
        records = [self.client("GET", f"/v1/files/{file_id}").json for file_id in self.ids]
        versions = aws_client("s3").list_object_versions(Bucket="originals", Prefix="acme/")["Versions"]
        return (
            records,
            [(version["Key"], version["VersionId"]) for version in versions],
            self.upload_id in open_uploads(),
            Client(self.token["token"])("GET", f"/v1/files/{self.ids[0]}").status,
            self.client("GET", f"/v1/keys/{self.key['id']}").json,
            Client(self.key["key"])("GET", "/v1/stats").status,
            [each for each in self.client("GET", "/v1/upload-tokens").json["items"] if each["id"] == self.token["id"]],
            self.client("GET", "/v1/webhooks").json,
            self.client("GET", f"/v1/webhooks/{self.webhook['id']}/deliveries").json,
        )

    def ask(self, stranger: Client, operation: Operation, file_id: str) -> Answer:
        """The stranger's request, with all that can name one of these files, or all of them."""
        names = {
            "file_id": file_id,
            "upload_id": self.upload_id,
            "part_number": "1",
            "token_id": self.token["id"],
            "key_id": self.key["id"],
            "tenant": "acme",
            "webhook_id": self.webhook["id"],
            "event_id": self.event["id"],
            "language": "en",
            "share_id": "shr_00" + "0" * 16,
        }
        path = operation.path
        for name, value in names.items():
            path = path.replace("{" + name + "}", value)
        assert "{" not in path, f"say here how {operation.path} names a file"
        body = example(operation)
        if body is not None:
            ours = {"ids": self.ids, "key": f"acme/{file_id}", "uploadId": self.upload_id, "partNumber": 1}
            fields = (
                {field.alias or name for name, field in operation.body.model_fields.items()} if operation.body else ()
            )
            body = {**body, **{name: value for name, value in ours.items() if name in fields}}
        return stranger(operation.method, path, body, query=self.query(operation, file_id))

    @staticmethod
    def query(operation: Operation, file_id: str) -> dict[str, str]:
        """Every parameter that is required."""
        values = {"key": f"acme/{file_id}", "partNumbers": "1", "q": "secret", "filename": "mine.jpg"}
        fields = operation.query.model_fields.items() if operation.query else ()
        return {field.alias or name: values[field.alias or name] for name, field in fields if field.is_required()}


def names_a_file(operation: Operation) -> bool:
    """True for a route on one file, which is named by its id, or below `/s3` by its key; or on one token or webhook."""
    models = [model.model_fields for model in (operation.query, operation.body) if model]
    named_in_path = any(f"{{{name}}}" in operation.path for name in ("file_id", "token_id", "key_id", "webhook_id"))
    return named_in_path or any("key" in fields for fields in models)


@pytest.mark.parametrize("operation", guarded(), ids=named)
def test_a_route_tells_a_stranger_nothing_and_changes_nothing(client: Client, operation: Operation) -> None:
    theirs = Theirs(client)
    other = new_client("other")
    tokens = [Client(c("POST", "/v1/upload-tokens", {"max_bytes": 10**9}).json["token"]) for c in (other, client)]
    for stranger in (other, *tokens):
        for file_id in theirs.ids:
            answer = theirs.ask(stranger, operation, file_id)
            told = (answer.status, answer.json.get("code") if answer.status >= 400 else None)
            if (stranger is not other and not operation.tokens) or operation.scope is Scope.TENANTS_ADMIN:
                assert told == (403, "missing_scope")
            elif names_a_file(operation):
                assert told == (404, "not_found")
            elif stranger is other and operation.view.__name__ != "begin_session":  # which is for tokens
                assert answer.status < 300, answer.text
            shown = json.dumps(answer.json)
            assert not any(theirs_ in shown for theirs_ in (*theirs.ids, "secret-", theirs.upload_id, *theirs.hooked))
    assert theirs.seen() == theirs.before


# --- Operators


def new_operator() -> Client:
    from ops.keys import create_operator

    return Client(create_operator()[1])


def refused(theirs: Theirs, callers: list[Client], code: str) -> None:
    """Every route but an operator's refuses these callers with 403, and nothing changes."""
    for operation in guarded():
        if operation.scope is not Scope.TENANTS_ADMIN:
            for caller in callers:
                answer = theirs.ask(caller, operation, theirs.ids[0])
                assert (answer.status, answer.json["code"]) == (403, code), named(operation)


def test_an_operator_is_refused_on_every_route_of_tenants(client: Client) -> None:
    theirs = Theirs(client)
    refused(theirs, [new_operator()], "missing_scope")
    assert theirs.seen() == theirs.before


def test_an_operator_manages_tenants_and_sees_no_file(client: Client) -> None:
    theirs, operator = Theirs(client), new_operator()
    for operation in guarded():
        if operation.scope is Scope.TENANTS_ADMIN:
            answer = theirs.ask(operator, operation, theirs.ids[1])
            assert answer.status < 300, answer.text
            assert not any(secret in answer.text for secret in (*theirs.ids, "secret-", theirs.key["id"]))


def test_a_suspended_tenant_is_refused_on_every_route(client: Client) -> None:
    theirs = Theirs(client)
    assert new_operator()("PATCH", "/v1/tenants/acme", {"suspended": True}).status == 200
    refused(theirs, [client, Client(theirs.key["key"]), Client(theirs.token["token"])], "tenant_suspended")
    assert new_operator()("PATCH", "/v1/tenants/acme", {"suspended": False}).status == 200
    assert theirs.seen() == theirs.before


def test_a_key_outside_of_its_networks_is_refused_on_every_route(client: Client) -> None:
    theirs = Theirs(client)
    body = {"name": "here", "scopes": [str(scope) for scope in ORDINARY], "networks": ["192.0.2.0/24"]}
    giver = new_client("acme", *ORDINARY)
    refused(theirs, [Client(giver("POST", "/v1/keys", body).json["key"])], "network_not_allowed")
    assert theirs.seen() == theirs.before


def test_no_view_for_tenants_can_be_called_for_an_operator() -> None:
    from chalicelib.api.auth.callers import Caller
    from chalicelib.catalog.credentials import OPERATOR
    from chalicelib.model import TENANT_PATTERN

    assert not TENANT_PATTERN.fullmatch(OPERATOR)
    with pytest.raises(AssertionError):
        _ = routing.Call(None, "r", Caller(OPERATOR, "k", frozenset())).tenant
