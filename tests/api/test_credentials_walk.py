"""Every route by every kind of credential, and by the caller's own things, another's and nobody's.

The routes are read off the app. Each answer follows from what the route declares (`scope`, `tokens`, `own`) and from
what is known of the credential, so a new route is walked at once. It fails where its example can't succeed, until
`STATES` says why, and where it shows what is not the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from chalicelib.api.auth.callers import ORDINARY, Scope
from chalicelib.api.routing import Operation
from chalicelib.catalog import credentials, memory
from ops.keys import create_operator
from tests.client import Client, new_client
from tests.issuers import Issuer, Signer, issuing, stage_with
from tests.making import begin_multipart, deliver, item, put, upload
from tests.operations import Target, asked, filled, guarded, mounted, named, names_a_file, names_one
from tests.stage import Calls, aws_client

RENDER = "/render/f/{visibility}/{file_id}/{version}/{name}"
# The answers to anyone. CloudFront's secret, not a credential, opens RENDER: tests/api/routes/test_render.py.
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

# Routes whose example can't succeed with a file or webhook as it is here: what they answer whoever may use them.
# Those of one credential only have its name beside the route's.
STATES: dict[tuple[str, str], tuple[int, str]] = {
    ("add_captions", ""): (409, "no_captions"),
    ("delete_captions", ""): (404, "not_found"),
    ("restore_file", ""): (409, "not_deleted"),
    ("list_entries", ""): (409, "no_entries"),
    ("sign_parts", ""): (422, "part_out_of_range"),
    ("complete_upload", ""): (422, "part_missing"),
    ("uppy_complete", ""): (422, "part_missing"),
    ("create_file", "upload token"): (422, "invalid_field"),  # the example has tags, which are the token's
    **{("begin_session", f"{kind} with the scope"): (401, "unauthenticated") for kind in ("key", "user")},
    # Whoever sees its own files only can neither make nor change a key that sees more.
    **{
        (route, "key with files:own and the scope"): (403, "exceeds_own_rights")
        for route in ("create_key", "patch_key", "rotate_key", "delete_key")
    },
}

# Scopes that a route's example needs besides the route's own.
ALSO: dict[str, tuple[Scope, ...]] = {
    "create_key": (Scope.FILES_READ, Scope.FILES_WRITE),
    "create_share": (Scope.FILES_READ,),
}

# Routes on a file whose upload in parts is open. The others get one that is ready.
WAITING = (
    *("sign_parts", "list_parts", "complete_upload", "uppy_begun", "uppy_sign_part", "uppy_sign_batch"),
    *("uppy_list_parts", "uppy_complete", "uppy_abort", "uppy_presign"),
)

TARGETS = ("own", "another's", "nobody's")


class World:
    """A stage with the tenants `acme`, `other` and `closed`, and an issuer of sign-in tokens."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.operator = Client(create_operator()[1])
        self.clients = {tenant: new_client(tenant) for tenant in ("acme", "other", "closed")}
        self.closed_token = self.token(self.clients["closed"])
        assert self.operator("PATCH", "/v1/tenants/closed", {"suspended": True}).status == 200
        self._things: dict[str, Target] = {}
        self._ready: dict[Client, str] = {}
        self._numbers = count()

    def key(self, *scopes: str, tenant: str = "acme", **ends: Any) -> str:
        """A key; with `revoked` or a field of the API, one that is changed so."""
        key = new_client(tenant, *scopes).key
        assert key
        if ends.pop("revoked", False):
            assert credentials.revoke_api_key(key.split("_")[1])
        for name, value in ends.items():
            set_attribute({"pk": {"S": f"KEY#{key.split('_')[1]}"}, "sk": {"S": "KEY"}}, name, value)
        return key

    def token(self, maker: Client, **ends: Any) -> str:
        """An upload token; with `revoked`, or a field, one that is changed so."""
        made = maker("POST", "/v1/upload-tokens", {"max_bytes": 10**9, "max_files": 99}).json
        if ends.pop("revoked", False):
            assert maker("DELETE", f"/v1/upload-tokens/{made['id']}").status == 204
        for name, value in ends.items():
            set_attribute({"pk": {"S": f"TOKEN#{made['id']}"}, "sk": {"S": "TOKEN"}}, name, value)
        token: str = made["token"]
        return token

    def user(self, *scopes: str, **claims: Any) -> str:
        return self.issuer.token(scope=" ".join(scopes), **{"org": "acme", **claims})

    def things(self, tenant: str) -> Target:
        """One of everything in the tenant, which no request may change."""
        if tenant not in self._things:
            self._things[tenant] = Target(tenant=tenant, **opened(self.clients[tenant]), **self.settings(tenant))
        return self._things[tenant]

    def settings(self, tenant: str, path: str = "{token_id}{key_id}{webhook_id}") -> dict[str, str]:
        """Those that the path names: a token, a key, and a webhook with a delivery."""
        client, made = self.clients[tenant], {}
        if "{token_id}" in path:
            made["token_id"] = client("POST", "/v1/upload-tokens", {"max_bytes": 1}).json["id"]
        if "{key_id}" in path:
            made["key_id"] = client("POST", "/v1/keys", {"name": "a", "scopes": ["keys:admin"]}).json["id"]
        if "{webhook_id}" in path:
            webhook = client("POST", "/v1/webhooks", {"url": "https://example.com/"}).json["id"]
            made |= {"webhook_id": webhook, "event_id": client("POST", f"/v1/webhooks/{webhook}/test").json["id"]}
        return made

    def own(self, operation: Operation, maker: Client, *, waiting: bool) -> Target:
        """The target of the route, new for each request: `maker` owns the file, and `acme` the rest."""
        made = self.settings("acme", operation.path)
        if names_a_file(operation) or "ids" in filled(operation, Target()):
            made |= opened(maker) if waiting or named(operation) in WAITING else {"file_id": self.ready(maker)}
        return Target(**made)

    def ready(self, maker: Client) -> str:
        """A new file that is ready: a copy of the first one, since processing takes long."""
        if maker not in self._ready:
            self._ready[maker] = upload(maker, b"a,b", name="a.csv", content_type="text/csv")
            deliver(self._ready[maker])
        file_id = f"{self._ready[maker][:-4]}{next(self._numbers):04}"
        stored = item(self._ready[maker]) | file_key_of(file_id) | {"id": {"S": file_id}}
        stored["version_id"] = {"S": put(file_id, b"a,b")}
        aws_client("dynamodb").put_item(TableName="filemill-test", Item=stored)
        return file_id


def file_key_of(file_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}


def set_attribute(key: dict[str, Any], name: str, value: Any) -> None:
    values = {"ExpressionAttributeNames": {"#n": name}, "ExpressionAttributeValues": {":v": value}}
    table = {"TableName": "filemill-test", "Key": key, "ConditionExpression": "attribute_exists(pk)"}
    aws_client("dynamodb").update_item(**table, **values, UpdateExpression="SET #n = :v")


def opened(maker: Client) -> dict[str, str]:
    """A file whose upload in parts is open."""
    file_id = begin_multipart(maker)["id"]
    return {"file_id": file_id, "upload_id": item(file_id)["upload_id"]["S"]}


# --- The credentials


def always(_: Operation) -> bool:
    return True


def for_tenants(operation: Operation) -> bool:
    return operation.scope is not Scope.TENANTS_ADMIN


def scopes_of(operation: Operation) -> tuple[str, ...]:
    """The route's scope, and those that its example needs besides. Operators' scope is no scope of a tenant's key."""
    scope = operation.scope
    if scope is None:  # any credential will do
        return (Scope.EVENTS_READ,)
    return (scope, *ALSO.get(named(operation), ())) if for_tenants(operation) else ORDINARY


def has_scope(operation: Operation) -> bool:
    return operation.scope is not None


def for_operators(operation: Operation) -> bool:
    return operation.anybody or not for_tenants(operation)


def others_than(operation: Operation) -> tuple[str, ...]:
    """All scopes but the route's. `files:own` does not count beside the others."""
    return tuple(scope for scope in ORDINARY if scope is not operation.scope)


@dataclass(frozen=True)
class Credential:
    """A kind of credential. `send` makes one for a route.

    `refused` is the answer of every route; without it, `may` says which routes are for it. `only_own` is true if it may
    use its own files only. `exists` says for which routes there is such a credential.
    """

    name: str
    send: Callable[[World, Operation], str | None]
    refused: tuple[int, str] | None = None
    may: Callable[[Operation], bool] = for_tenants
    only_own: bool = False
    exists: Callable[[Operation], bool] = always


def forged(world: World) -> str:
    claims = world.issuer.claims(scope="files:read files:write")
    return Signer("first", serial=1).signed(world.issuer.header(), claims)


def of_an_ended_key(world: World) -> str:
    maker = Client(world.key("files:write"))
    token = world.token(maker)
    assert maker.key
    assert credentials.revoke_api_key(maker.key.split("_")[1])
    memory.forget()  # as after a minute
    return token


PAST = {"S": "2020-01-01T00:00:00.000Z"}
ELSEWHERE = {"L": [{"S": "192.0.2.0/24"}]}
UNKNOWN, MISSING, SUSPENDED = (401, "unauthenticated"), (403, "missing_scope"), (403, "tenant_suspended")

CREDENTIALS = (
    Credential("none", lambda w, o: None, UNKNOWN),
    Credential("malformed", lambda w, o: "fm_0123", UNKNOWN),
    Credential("unknown key", lambda w, o: credentials.new_credential()[1], UNKNOWN),
    Credential("revoked key", lambda w, o: w.key(*ORDINARY, revoked=True), UNKNOWN),
    Credential("expired key", lambda w, o: w.key(*ORDINARY, expires_at=PAST), (401, "key_expired")),
    Credential("key elsewhere", lambda w, o: w.key(*ORDINARY, networks=ELSEWHERE), (403, "network_not_allowed")),
    Credential("key of a suspended tenant", lambda w, o: w.key(*ORDINARY, tenant="closed"), SUSPENDED),
    Credential("key without the scope", lambda w, o: w.key(*others_than(o)), MISSING, exists=has_scope),
    Credential("key with the scope", lambda w, o: w.key(*scopes_of(o))),
    Credential("key with files:own", lambda w, o: w.key("files:own"), may=lambda o: o.own, only_own=True),
    Credential(
        "key with files:own and the scope",
        lambda w, o: w.key("files:own", *scopes_of(o)),
        only_own=True,
        exists=lambda o: not {*scopes_of(o)} & {Scope.FILES_READ, Scope.FILES_WRITE},
    ),
    Credential("upload token", lambda w, o: w.token(w.clients["acme"]), may=lambda o: o.tokens, only_own=True),
    Credential("revoked token", lambda w, o: w.token(w.clients["acme"], revoked=True), UNKNOWN),
    Credential(
        "expired token",
        lambda w, o: w.token(w.clients["acme"], expires_at=PAST),
        (401, "token_expired"),
    ),
    Credential("token of a revoked key", lambda w, o: of_an_ended_key(w), UNKNOWN),
    Credential("token of a suspended tenant", lambda w, o: w.closed_token, SUSPENDED),
    Credential("forged sign-in token", lambda w, o: forged(w), UNKNOWN),
    Credential("expired sign-in token", lambda w, o: w.user(*ORDINARY, exp=1), (401, "token_expired")),
    Credential("user of a suspended tenant", lambda w, o: w.user(*ORDINARY, org="closed"), SUSPENDED),
    Credential("user without the scope", lambda w, o: w.user(*others_than(o)), MISSING, exists=has_scope),
    Credential("user with the scope", lambda w, o: w.user(*scopes_of(o))),
    Credential("user with an operator's scope", lambda w, o: w.user("tenants:admin"), MISSING, exists=has_scope),
    Credential("user with files:own", lambda w, o: w.user("files:own"), may=lambda o: o.own, only_own=True),
    Credential("operator key", lambda w, o: w.operator.key, may=for_operators),
)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """An issuer whose tokens name their tenant and scopes themselves."""
    with issuing(tmp_path_factory.mktemp("issuer"), signers=[Signer("first", "ES256")]) as issuer:
        yield issuer


@pytest.fixture
def world(stage: Calls, issuer: Issuer) -> Iterator[World]:
    with stage_with(issuer.entry(scopes=None, scope_prefix="", tenant="{org}")):
        yield World(issuer)


# --- The walk


def wanted(operation: Operation, credential: Credential, target: str) -> tuple[int, str] | None:
    """The answer that the route's declaration and the credential give; None for a success."""
    if credential.refused:
        return credential.refused
    if not credential.may(operation):
        return MISSING
    if names_one(operation) and target != "own":
        return (404, "not_found")
    if "{tenant}" in operation.path and target == "nobody's" and operation.method != "PUT":
        return (404, "not_found")
    return STATES.get((named(operation), credential.name)) or STATES.get((named(operation), ""))


def walked(world: World, credential: Credential) -> Iterator[str]:
    """The faults in the answers of all routes."""
    sent: dict[tuple[str, ...], Client] = {}
    for operation in guarded():
        if not credential.exists(operation):
            continue
        scopes = scopes_of(operation)
        client = sent[scopes] = sent.get(scopes) or Client(credential.send(world, operation))
        for target in TARGETS:
            expected = wanted(operation, credential, target)
            answer = asked(client, operation, thing(world, operation, credential, client, target))
            if expected is None and answer.status in operation.returns and answer.status < 400:
                continue
            if expected is None or (answer.status, answer.json.get("code")) != expected:
                told = f"{answer.status} {answer.text[:200]}"
                yield f"{named(operation)}, {target}: {told}, not {expected or 'a success'}"


def thing(world: World, operation: Operation, credential: Credential, client: Client, target: str) -> Target:
    """The thing that a request is about. Whoever may not change their own gets what is there already.

    Another's file is another tenant's, or another owner's in the same tenant for those who may use their own only.
    """
    if target == "nobody's":
        return Target(tenant="acme" if for_tenants(operation) else named(operation).replace("_", "-"))
    if target == "own" and for_tenants(operation) and not credential.refused and credential.may(operation):
        maker = client if credential.only_own else world.clients["acme"]
        return world.own(operation, maker, waiting=credential.name == "upload token")
    inside = target == "own" or (credential.only_own and names_a_file(operation))
    return world.things("acme" if inside else "other")


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda each: each.name)
def test_each_route_answers_the_credential_as_it_declares(world: World, credential: Credential) -> None:
    wrong = list(walked(world, credential))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda each: each.name)
def test_a_route_for_anyone_answers_whatever_is_sent(world: World, credential: Credential) -> None:
    client = Client(credential.send(world, guarded()[0]))
    answers = {route: client(route[0], route[1].replace("{file_id}", "file_x")).status for route in OPEN}
    assert answers == OPEN


def test_every_route_is_open_or_has_a_scope() -> None:
    assert set(mounted()) == {(operation.method, operation.path) for operation in guarded()} | OPEN.keys()
