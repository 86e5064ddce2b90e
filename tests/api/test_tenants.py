"""No route tells another tenant anything, or lets it change anything. test_credentials_walk.py has the statuses.

The routes and their requests are read off the app, so none can be forgotten.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.api import routing
from chalicelib.api.auth.callers import Scope
from chalicelib.api.routing import Operation
from tests.client import Answer, Client, new_client
from tests.making import deliver, open_uploads, put
from tests.operations import Target, asked, example, filled, guarded, named, names_one
from tests.stage import aws_client


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
        """The ids and secrets by which the webhook and the key are known."""
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
        target = Target(
            file_id=file_id,
            upload_id=self.upload_id,
            token_id=self.token["id"],
            key_id=self.key["id"],
            webhook_id=self.webhook["id"],
            event_id=self.event["id"],
        )
        body = example(operation)
        if body and "ids" in filled(operation, target):
            body["ids"] = self.ids
        return asked(stranger, operation, target, body)


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
            elif names_one(operation):
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


def test_an_operator_manages_tenants_and_sees_no_file(client: Client) -> None:
    theirs, operator = Theirs(client), new_operator()
    for operation in guarded():
        if operation.scope is Scope.TENANTS_ADMIN or operation.anybody:
            answer = theirs.ask(operator, operation, theirs.ids[1])
            assert answer.status < 300, answer.text
            assert not any(secret in answer.text for secret in (*theirs.ids, "secret-", theirs.key["id"]))


def test_no_view_for_tenants_can_be_called_for_an_operator() -> None:
    from chalicelib.api.auth.callers import Caller
    from chalicelib.catalog.credentials import OPERATOR
    from chalicelib.model import TENANT_PATTERN

    assert not TENANT_PATTERN.fullmatch(OPERATOR)
    with pytest.raises(AssertionError):
        _ = routing.Call(None, "r", Caller(OPERATOR, "k", frozenset())).tenant
