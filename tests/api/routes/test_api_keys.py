"""`/v1/keys`: a key makes, changes, rotates and ends keys, and gives none what it has not itself."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.api.auth import last_use
from chalicelib.catalog import credentials, dynamodb, memory, tenant_keys
from chalicelib.catalog.dynamodb import attributes
from chalicelib.model import now, timestamp
from ops.keys import create
from tests.client import Answer, Client, new_client
from tests.stage import Calls, aws_client

ADMIN = ("files:read", "files:write", "keys:admin")
BODY: dict[str, Any] = {"name": "shop", "scopes": ["files:read"]}


def id_of(client: Client) -> str:
    assert client.key
    return client.key.split("_")[1]


def made(client: Client, **more: Any) -> Client:
    answer = client("POST", "/v1/keys", BODY | more)
    assert answer.status == 201, answer.text
    return Client(answer.json["key"])


def told(answer: Answer) -> tuple[int, str | None, str | None]:
    return (answer.status, None, None) if answer.status < 400 else (answer.status, *_code(answer))


def _code(answer: Answer) -> tuple[str, str | None]:
    return answer.json["code"], answer.json.get("field")


def in_days(days: float) -> str:
    return timestamp(now() + timedelta(days=days))


def find(client: Client) -> credentials.ApiKey:
    key = credentials.get_api_key(id_of(client))
    assert key
    return key


# --- making


def test_a_key_is_made_shown_once_and_works(client: Client) -> None:
    answer = client("POST", "/v1/keys", BODY)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/keys/{answer.json['id']}"
    assert Client(answer.json["key"])("GET", "/v1/files").status == 200
    shown = client("GET", f"/v1/keys/{answer.json['id']}").json
    assert shown["created_by"] == {"type": "key", "id": id_of(client)}
    assert "key" not in shown
    assert answer.json["key"].rpartition("_")[2] not in repr(aws_client("dynamodb").scan(TableName="filemill-test"))


def test_only_keys_with_the_scope_manage_keys(stage: Calls) -> None:
    plain = new_client("acme", "files:read", "files:write")
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", f"/v1/keys/{id_of(plain)}")):
        assert told(plain(method, path, BODY if method == "POST" else None))[:2] == (403, "missing_scope")


@pytest.mark.parametrize(
    ("own", "gift", "allowed"),
    [
        (ADMIN, ["files:read"], True),
        (ADMIN, ["files:own"], True),
        (ADMIN, ["keys:admin"], True),
        (ADMIN, ["events:read"], False),
        (ADMIN, ["webhooks:admin", "files:read"], False),
        (("files:read", "keys:admin"), ["files:own"], False),
        (("files:write", "keys:admin"), ["files:own"], False),
        (("files:own", "keys:admin"), ["files:own"], True),
        (("files:own", "keys:admin"), ["files:read"], False),
        # `files:own` does not count beside `files:read`, so its owner has no right to change anything.
        (("files:own", "files:read", "keys:admin"), ["files:own"], False),
        (("files:own", "files:read", "keys:admin"), ["files:own", "files:read"], True),
        # `files:own` also bounds what `events:read` hears of, and which files `keys:admin` may hold.
        (("files:own", "events:read", "keys:admin"), ["events:read"], False),
        (("files:own", "events:read", "keys:admin"), ["keys:admin"], False),
        (("files:own", "events:read", "keys:admin"), ["events:read", "files:own"], True),
    ],
)
def test_a_key_gives_no_scope_that_it_has_not(
    stage: Calls, own: tuple[str, ...], gift: list[str], allowed: bool
) -> None:
    answer = new_client("acme", *own)("POST", "/v1/keys", BODY | {"scopes": gift})
    assert told(answer) == ((201, None, None) if allowed else (403, "exceeds_own_rights", "scopes"))


@pytest.mark.parametrize(
    "scopes", [["tenants:admin"], ["files:read", "tenants:admin"], ["*"], [], ["files:Read"], "all"]
)
def test_no_key_gives_an_operators_scope_or_one_that_is_none(client: Client, scopes: Any) -> None:
    answer = client("POST", "/v1/keys", BODY | {"scopes": scopes})
    assert (answer.status, answer.json["code"]) == (422, "invalid_field")


def test_networks_and_the_end_are_no_wider_than_the_makers(client: Client) -> None:
    end = in_days(5)
    bounded = made(client, scopes=list(ADMIN), networks=["10.0.0.0/8", "2001:db8::/32"], expires_at=end)

    def create(**more: Any) -> Answer:
        return bounded("POST", "/v1/keys", BODY | more, address="10.1.1.1")

    inherited = create().json
    assert (inherited["networks"], inherited["expires_at"]) == (["10.0.0.0/8", "2001:db8::/32"], end)
    assert create(networks=["10.2.0.0/16", "2001:db8:1::/48"], expires_at=in_days(4)).status == 201
    for networks in ([], None, ["0.0.0.0/0"], ["10.2.0.0/16", "11.0.0.0/8"], ["::/0"], ["8.0.0.0/6"]):
        assert told(create(networks=networks)) == (403, "exceeds_own_rights", "networks")
    for later in (None, in_days(6)):
        assert told(create(expires_at=later)) == (403, "exceeds_own_rights", "expires_at")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 129),
        ("name", "a\nb"),
        ("name", "a\u0000"),
        ("name", None),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "9999-12-31T23:59:59-12:00"),
        ("expires_at", "0001-01-01T00:00:00+12:00"),
        ("expires_at", "tomorrow"),
        ("expires_at", 1893456000),
        ("networks", ["10.0.0.1/8"]),
        ("networks", ["10.0.0.0/33"]),
        ("networks", ["example.com"]),
        ("networks", ["fe80::1%eth0"]),
        ("networks", ["::ffff:10.0.0.0/104"]),
        ("networks", [""]),
        ("networks", [3]),
        ("networks", "10.0.0.0/8"),
        ("networks", [f"10.0.{number}.0/24" for number in range(21)]),
        ("tenant", "other"),
        ("id", "0" * 12),
    ],
)
def test_a_wrong_field_is_refused(client: Client, field: str, value: Any) -> None:
    answer = client("POST", "/v1/keys", BODY | {field: value})
    assert (answer.status, answer.json["code"]) == (422, "invalid_field"), answer.text
    assert answer.json["field"].split(".")[0] == field


def test_networks_are_kept_in_one_spelling_and_once(client: Client) -> None:
    networks = ["2001:DB8:0::/32", "2001:db8::/32", "192.0.2.1"]
    assert client("POST", "/v1/keys", BODY | {"networks": networks}).json["networks"] == [
        "2001:db8::/32",
        "192.0.2.1/32",
    ]


def test_a_tenant_has_so_many_keys_and_ended_ones_do_not_count(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenant_keys, "MOST", 3)
    new_client("other")
    second, _ = made(client), made(client)
    assert told(client("POST", "/v1/keys", BODY))[:2] == (409, "too_many_keys")
    assert client("DELETE", f"/v1/keys/{id_of(second)}").status == 204
    made(client)


# --- listing


def test_keys_are_listed_oldest_first_in_pages_and_ended_ones_are_left_out(client: Client) -> None:
    new_client("acme-2"), new_client("other")
    keys = [client, *(made(client, name=f"n{number}") for number in range(4))]
    client("DELETE", f"/v1/keys/{id_of(keys[2])}")
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client("GET", "/v1/keys", query={"limit": "2", **cursor}).json
        found += [each["id"] for each in page["items"]]
        assert not any("hash" in each or "key" in each for each in page["items"])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    created = sorted((find(each).created_at, id_of(each)) for each in keys if each is not keys[2])
    assert found == [key_id for _, key_id in created]
    other = new_client("other")("GET", "/v1/keys", query={"limit": "2", **cursor})
    assert told(other)[:2] == (400, "invalid_cursor")


def former_key(tenant: str, name: str = "old") -> str:
    """A key as the release before wrote it."""
    key, _ = create(tenant, name)
    aws_client("dynamodb").put_item(
        TableName="filemill-test",
        Item=attributes(
            {
                "pk": f"KEY#{key.id}",
                "sk": "KEY",
                **{n: getattr(key, n) for n in ("id", "hash", "tenant", "name", "created_at")},
                "scopes": list(key.scopes),
                "list_pk": "KEYS",
                "list_sk": key.id,
            }
        ),
    )
    return key.id


def test_keys_of_the_former_release_are_listed_and_move_into_their_tenants_list(client: Client, stage: Calls) -> None:
    olds, theirs = {former_key("acme") for _ in range(3)}, former_key("other")
    ids = {each["id"] for each in client("GET", "/v1/keys").json["items"]}
    assert ids == {id_of(client), *olds}
    stage.clear()
    assert {each["id"] for each in client("GET", "/v1/keys").json["items"]} == ids
    assert stage.names == ["dynamodb.Query", "dynamodb.Query"], "nothing is left to move"
    assert {each["id"] for each in new_client("other")("GET", "/v1/keys").json["items"]} >= {theirs}


def test_the_former_release_lists_and_revokes_a_new_key(client: Client) -> None:
    """It asks for the partition `KEYS`, and writes `revoked_at`."""
    key = made(client)
    assert key.key
    assert id_of(key) in {each.id for each in credentials.api_keys()}
    credentials.revoke_api_key(id_of(key))
    assert told(client("GET", f"/v1/keys/{id_of(key)}"))[:2] == (404, "not_found")
    memory.forget()
    assert key("GET", "/v1/files").status == 401


def test_a_list_does_not_read_other_tenants_keys(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        create(f"t{number}", "x")
    read: list[int] = []
    query = aws.dynamodb().query

    def counted(**request: Any) -> Any:
        reply = query(**request)
        read.append(reply["ScannedCount"])
        return reply

    monkeypatch.setattr(aws.dynamodb(), "query", counted)
    assert len(client("GET", "/v1/keys").json["items"]) == 1
    assert read == [0, 1]


# --- changing


def test_a_change_takes_effect_and_leaves_the_rest(client: Client) -> None:
    key = made(client, expires_at=in_days(3), networks=["127.0.0.0/8"])
    path = f"/v1/keys/{id_of(key)}"
    before = client("GET", path).json
    after = client("PATCH", path, {"name": "new", "networks": None}).json
    assert after == before | {"name": "new", "networks": []}
    after = client("PATCH", path, {"expires_at": None, "scopes": ["files:write"]}).json
    assert (after["expires_at"], after["scopes"]) == (None, ["files:write"])
    assert key("GET", "/v1/files").status == 403
    assert told(client("PATCH", path, {})) == (422, "invalid_field", "body")
    for field in ("name", "scopes"):
        assert client("PATCH", path, {field: None}).status == 422


def test_a_key_changes_rotates_and_ends_none_that_has_more(client: Client) -> None:
    admin = made(client, scopes=list(ADMIN))
    strong = [
        (made(client, scopes=["webhooks:admin"]), "scopes"),
        (client, "scopes"),
    ]
    near = made(client, scopes=list(ADMIN), networks=["127.0.0.0/8"], expires_at=in_days(1))
    weak = made(client)
    for caller, target, field in (*((admin, *each) for each in strong), (near, weak, "networks")):
        path = f"/v1/keys/{id_of(target)}"
        refused = (403, "exceeds_own_rights", field)
        assert told(caller("PATCH", path, {"name": "x"})) == refused
        assert told(caller("PATCH", path, {"scopes": ["files:read"]})) == refused
        assert told(caller("POST", f"{path}/rotate", {})) == refused
        assert told(caller("DELETE", path)) == refused
    same = made(client, scopes=["files:read", "keys:admin"])
    path = f"/v1/keys/{id_of(same)}"
    assert told(admin("PATCH", path, {"scopes": ["events:read"]})) == (403, "exceeds_own_rights", "scopes")
    assert admin("PATCH", path, {"name": "x"}).status == 200
    assert admin("DELETE", path).status == 204


def test_a_key_never_widens_itself_and_may_narrow_rotate_and_end_itself(client: Client) -> None:
    key = made(client, scopes=list(ADMIN), networks=["127.0.0.0/8"], expires_at=in_days(1))
    path = f"/v1/keys/{id_of(key)}"
    for wider in ({"scopes": [*ADMIN, "events:read"]}, {"networks": None}, {"expires_at": None}):
        assert told(key("PATCH", path, wider)) == (403, "exceeds_own_rights", *wider)
    assert key("PATCH", path, {"scopes": ["keys:admin"], "networks": ["127.0.0.1/32"]}).status == 200
    rotated = Client(key("POST", f"{path}/rotate", {"overlap": 0}).json["key"])
    assert rotated("DELETE", path).status == 204
    memory.forget()
    assert rotated("GET", "/v1/keys").status == 401


def test_a_key_that_sees_its_own_files_only_takes_that_bound_from_no_key(client: Client) -> None:
    own = made(client, scopes=["files:own", "events:read", "keys:admin"])
    refused = (403, "exceeds_own_rights", "scopes")
    assert told(own("PATCH", f"/v1/keys/{id_of(own)}", {"scopes": ["events:read", "keys:admin"]})) == refused
    unbound = f"/v1/keys/{id_of(made(client, scopes=['events:read']))}"
    for answer in (own("PATCH", unbound, {"name": "x"}), own("POST", f"{unbound}/rotate", {}), own("DELETE", unbound)):
        assert told(answer) == refused


def test_a_right_that_was_taken_a_moment_ago_is_not_handed_on(client: Client) -> None:
    """Requests remember a key for half a minute. A new key would keep the right for ever."""
    admin = made(client, scopes=list(ADMIN))
    assert admin("GET", "/v1/keys").status == 200
    credentials.change_scopes(id_of(admin), remove=["files:write"])  # by another process
    assert told(admin("POST", "/v1/keys", BODY | {"scopes": ["files:write"]})) == (403, "exceeds_own_rights", "scopes")
    assert admin("GET", "/v1/keys").status == 200
    credentials.change_scopes(id_of(admin), remove=["keys:admin"])
    assert told(admin("POST", "/v1/keys", BODY))[:2] == (403, "missing_scope")


def test_an_operators_key_is_nobodys(client: Client) -> None:
    from ops.keys import create_operator

    operator, _ = create_operator()
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate")):
        body = {"name": "x"} if method == "PATCH" else {} if method == "POST" else None
        assert told(client(method, f"/v1/keys/{operator.id}{path}", body))[:2] == (404, "not_found")
    assert operator.id not in client("GET", "/v1/keys").text


@pytest.mark.parametrize("key_id", ["x", "0" * 12, "0" * 13, "%2e%2e", "KEY#1", "ab" * 500])
def test_an_id_that_nobody_has_is_404(client: Client, key_id: str) -> None:
    assert told(client("GET", f"/v1/keys/{key_id}"))[:2] == (404, "not_found")
    assert told(client("DELETE", f"/v1/keys/{key_id}"))[:2] == (404, "not_found")


# --- rotating


def test_both_secrets_work_until_the_overlap_ends(client: Client, clock: Any) -> None:
    key = made(client)
    path = f"/v1/keys/{id_of(key)}"
    began = now()
    answer = client("POST", f"{path}/rotate", {"overlap": 3600}).json
    renewed = Client(answer["key"])
    assert id_of(renewed) == id_of(key) == answer["id"]
    earliest, latest = (timestamp((at + timedelta(hours=1)).replace(microsecond=0)) for at in (began, now()))
    assert earliest <= answer["earlier_secrets_until"] <= latest
    for both in (key, renewed):
        assert both("GET", "/v1/files").status == 200
    clock.forward(timedelta(seconds=3601))
    assert key("GET", "/v1/files").status == 401
    assert renewed("GET", "/v1/files").status == 200
    assert client("GET", path).json["earlier_secrets_until"] is None


def test_the_former_release_knows_the_new_secret(client: Client) -> None:
    key = made(client)
    renewed = client("POST", f"/v1/keys/{id_of(key)}/rotate", {}).json["key"]
    assert find(key).hash == credentials.hash_key(renewed)


def test_no_overlap_ends_the_former_secret_at_once(client: Client) -> None:
    key = made(client)
    assert key("GET", "/v1/files").status == 200
    assert client("POST", f"/v1/keys/{id_of(key)}/rotate", {"overlap": 0}).status == 200
    assert key("GET", "/v1/files").status == 401


def test_rotating_again_keeps_all_secrets_up_to_five_and_shortens_them(client: Client) -> None:
    """An answer that was lost must not end the secret that is in use."""
    key = made(client)
    path = f"/v1/keys/{id_of(key)}/rotate"
    lost = [client("POST", path, {"overlap": 3600}).json["key"] for _ in range(4)]
    for each in (key.key, *lost):
        assert Client(each)("GET", "/v1/files").status == 200
    assert told(client("POST", path, {"overlap": 3600})) == (409, "too_many_secrets", "overlap")
    assert client("POST", path, {"overlap": 0}).status == 200
    for each in (key.key, *lost):
        assert Client(each)("GET", "/v1/files").status == 401


@pytest.mark.parametrize("overlap", [-1, 7 * 86400 + 1, 1.5, "60", None, True])
def test_a_wrong_overlap_is_refused(client: Client, overlap: Any) -> None:
    answer = client("POST", f"/v1/keys/{id_of(client)}/rotate", {"overlap": overlap})
    assert told(answer) == (422, "invalid_field", "overlap")


def between(monkeypatch: pytest.MonkeyPatch, *others: Any) -> None:
    """Does each of `others` before the next write, as if somebody else were quicker."""
    update, waiting = dynamodb.update, list(others)

    def after_the_other(*args: Any, **more: Any) -> Any:
        if waiting:
            waiting.pop(0)()
        return update(*args, **more)

    monkeypatch.setattr(tenant_keys, "update", after_the_other)


def test_two_rotations_at_once_give_two_secrets_that_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    key = made(client)
    path = f"/v1/keys/{id_of(key)}/rotate"
    other: list[str] = []
    between(monkeypatch, lambda: other.append(client("POST", path, {}).json["key"]))
    mine = client("POST", path, {}).json["key"]
    for each in (key.key, mine, *other):
        assert Client(each)("GET", "/v1/files").status == 200


def test_a_change_against_a_delete_leaves_the_key_deleted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    key = made(client)
    path = f"/v1/keys/{id_of(key)}"
    between(monkeypatch, lambda: client("DELETE", path))
    assert told(client("PATCH", path, {"name": "late"}))[:2] == (404, "not_found")
    assert find(key).revoked_at
    assert find(key).name == "shop"


def test_a_key_that_got_more_meanwhile_is_not_changed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, key = made(client, scopes=list(ADMIN)), made(client)
    path = f"/v1/keys/{id_of(key)}"
    stronger = {"scopes": ["files:read", "webhooks:admin"]}
    between(monkeypatch, lambda: client("PATCH", path, stronger))
    assert told(admin("POST", f"{path}/rotate", {})) == (403, "exceeds_own_rights", "scopes")
    assert admin("DELETE", path).status == 403
    assert client("GET", path).json["scopes"] == stronger["scopes"]


# --- ending


def test_a_deleted_key_and_what_it_minted_end_within_a_minute(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes remember the key for a time; this one forgets it at once."""
    key = made(client, scopes=list(ADMIN))
    token = Client(key("POST", "/v1/upload-tokens", {"max_bytes": 9}).json["token"])
    child = made(key)
    picture = {"filename": "a.png", "content_type": "image/png", "size": 9}
    for each in (key, child):
        assert each("GET", "/v1/files").status == 200
    assert token("GET", "/v1/files/file_x").status == 404
    tenant_keys.end(id_of(key), lambda _: None)  # by another process
    assert key("GET", "/v1/files").status == 200
    later = time.monotonic() + 59
    monkeypatch.setattr("chalicelib.catalog.memory.time.monotonic", lambda: later)
    assert key("GET", "/v1/files").status == 401
    assert token("POST", "/v1/files", picture).status == 401
    assert child("GET", "/v1/files").status == 200, "keys that it made stay"


def test_deleting_twice_is_deleting_once(client: Client) -> None:
    key = made(client)
    path = f"/v1/keys/{id_of(key)}"
    assert client("DELETE", path).status == 204
    first = find(key).revoked_at
    assert client("DELETE", path).status == 204
    assert find(key).revoked_at == first
    assert key("GET", "/v1/files").status == 401
    for method, action, body in (("GET", "", None), ("PATCH", "", {"name": "x"}), ("POST", "/rotate", {})):
        assert told(client(method, path + action, body))[:2] == (404, "not_found")


def test_a_key_ends_when_it_expires_and_its_tokens_with_it(client: Client, clock: Any) -> None:
    key = made(client, scopes=list(ADMIN), expires_at=in_days(0.1))
    token = Client(key("POST", "/v1/upload-tokens", {"max_bytes": 9, "expires_in": 86400}).json["token"])
    assert key("GET", "/v1/files").status == 200
    clock.forward(timedelta(days=0.1, seconds=1))
    assert told(key("GET", "/v1/files"))[:2] == (401, "key_expired")
    assert told(token("GET", "/v1/files/file_x"))[:2] == (401, "unauthenticated")


# --- the last use


def test_the_hour_of_the_last_use_is_noted_once_an_hour(client: Client, clock: Any, stage: Calls) -> None:
    key = made(client)
    path = f"/v1/keys/{id_of(key)}"
    assert client("GET", path).json["last_used_at"] is None
    stage.clear()
    for _ in range(3):
        key("GET", "/v1/files")
    assert stage.count("dynamodb.UpdateItem") == 1
    first = client("GET", path).json["last_used_at"]
    assert first == tenant_keys.hour_of(now())
    last_use._noted.clear()  # another process
    memory.forget()
    stage.clear()
    key("GET", "/v1/files")
    assert stage.count("dynamodb.UpdateItem") == 0, "the key itself tells that its hour is noted"
    clock.forward(timedelta(hours=1))
    key("POST", "/v1/files", {})
    assert client("GET", path).json["last_used_at"] > first, "a request that is refused is a use, too"


def test_a_note_that_fails_fails_no_request(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError

    key = made(client)

    def broken(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "UpdateItem")

    monkeypatch.setattr(tenant_keys, "note_use", broken)
    assert key("GET", "/v1/files").status == 200
