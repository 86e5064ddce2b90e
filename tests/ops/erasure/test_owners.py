"""The items of a tenant: all that there are, those of kinds that nobody has thought of, and none of another's."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.catalog import keys
from chalicelib.catalog.dynamodb import attributes
from ops.erasure.owners import BY_ID, BY_TENANT, OF_STAGE, is_of, names_of

FILE, WEBHOOK, KEY = "file_01K8Z0000000000000000000AA", "wh_01K8Z0000000000000000000AA", "0123456789ab"
NAMES = {FILE, WEBHOOK, KEY, f"fm_{KEY}", "socket="}

# A value for each parameter of the functions that make keys.
VALUES: dict[str, Any] = {
    "tenant": "acme",
    "file_id": FILE,
    "webhook_id": WEBHOOK,
    "key_id": KEY,
    "token_id": KEY,
    "connection_id": "socket=",
    "credential": f"fm_{KEY}",
    "object_key": f"f/private/{FILE}/0/w1.png",
    "owner": f"acme/{KEY}",
    "event_id": f"evt_{FILE}_1",
    "topic": "all",
    "shard": 0,
    "position": 1,
    "name": "tag",
    "value": "red",
    "order": "created",
    "word": "sea",
    "key": "a key",
    "sha256": "0" * 64,
    "due": datetime(2026, 1, 1, tzinfo=UTC),
    "number": 1,
    "place": 1,
    "minute": 1,
    "day": "2026-11-26",
    "hour": "2026-11-26T12",
    "changes": "2026-11-26T11",
}
# Keys of the stage's own items, of index entries that name the record itself, and of items that are found by an
# attribute: a ticket has the name of its credential, and a key in the list of keys has its tenant.
NOT_BY_KEY = {"position_key", "due_keys", "ticket_key", "listed_key", "issuer_keys_key"}


def item(**values: Any) -> dict[str, Any]:
    return attributes(values)


def key_functions() -> dict[str, Any]:
    """Every function that makes the key of an item: those of a partition are in it."""
    return {
        name: function
        for name, function in inspect.getmembers(keys, inspect.isfunction)
        if function.__module__ == keys.__name__ and name.endswith("_key")
    }


@pytest.mark.parametrize("name", key_functions())
def test_an_item_of_every_kind_is_found_by_its_key(name: str) -> None:
    function = key_functions()[name]
    parameters = inspect.signature(function).parameters
    made = function(**{each: VALUES.get(each, "unknown") for each in parameters})
    assert is_of(item(**made), "acme", NAMES) == (name not in NOT_BY_KEY)
    other = {**VALUES, "tenant": "acme-2", "owner": "acme-2/k", "file_id": "file_x", "webhook_id": "wh_x"}
    other |= {"key_id": "k", "token_id": "k", "connection_id": "s", "credential": "fm_k", "object_key": "f/a/file_x/0"}
    other |= {"event_id": "evt_x"}
    theirs = function(**{each: other.get(each, "unknown") for each in parameters})
    assert not is_of(item(**theirs), "acme", NAMES)


def test_every_kind_of_item_is_of_a_tenant_or_of_the_stage() -> None:
    assert not (BY_TENANT & BY_ID or BY_TENANT & OF_STAGE or BY_ID & OF_STAGE)


@pytest.mark.parametrize(
    "name", ["0", "1", "2026-11-26", "2026-11-26t12", "file", "sealed", "unknown", "all", "tag", "red"]
)
def test_a_tenant_whose_name_looks_like_a_part_of_a_key_has_no_item_of_another(name: str) -> None:
    for key_name, function in key_functions().items():
        made = function(**{each: VALUES.get(each, "unknown") for each in inspect.signature(function).parameters})
        assert not is_of(item(**made), name, set()), key_name


def test_a_kind_that_nobody_knows_is_found_by_an_attribute_or_by_any_part_of_its_key() -> None:
    for values in (
        {"pk": "NEW#acme", "sk": "a"},
        {"pk": "NEW#2026-11-26#acme#3", "sk": "a"},
        {"pk": "NEW#a", "sk": "acme"},
        {"pk": "NEW#a", "sk": "b", "tenant": "acme"},
        {"pk": "NEW#a", "sk": "b", "file_id": FILE},
        {"pk": f"NEW#{FILE}", "sk": "b"},
        {"pk": "NEW#a", "sk": f"day#{WEBHOOK}"},
    ):
        assert is_of(item(**values), "acme", NAMES), values


def test_items_of_whoever_signed_in_and_of_the_audit_are_found() -> None:
    for values in (
        {"pk": "CREDENTIAL#tenant_acme", "sk": "s"},
        {"pk": "TICKET#k", "sk": "TICKET", "credential": "tenant_acme"},
        {"pk": "KEY#new", "sk": "KEY", "tenant": "acme", "list_pk": "KEYS", "list_sk": "~acme#2026#new"},
        {"pk": "AUDITED#2026-11-26T12", "sk": "acme#2026-11-26T12"},
        {"pk": "SHARES#file_gone", "sk": "00", "tenant": "acme"},
    ):
        assert is_of(item(**values), "acme", NAMES), values


def test_no_item_of_another_tenant_is_found_whatever_a_client_has_put_into_it() -> None:
    for values in (
        {"pk": "LIST#acme-2#0", "sk": FILE},
        {"pk": "FACET#acme-2#tag=acme#0", "sk": FILE},
        {"pk": f"FACET#acme-2#tag={FILE}#acme#0", "sk": "a"},
        {"pk": "WORD#acme-2#ac#0", "sk": "acme\tfile_x"},
        {"pk": "FILE#file_x", "sk": "FILE", "tenant": "acme-2", "file_id": FILE, "filename": "acme"},
        {"pk": "FILE#file_x", "sk": "INDEX", "terms": [FILE, "acme"]},
        {"pk": "KEY#acme", "sk": "KEY", "tenant": "acme-2"},
        {"pk": "TICKET#acme", "sk": "TICKET", "credential": "fm_x"},
        {"pk": "WALK#acme", "sk": "WALK"},
        {"pk": "NEW#acme-2#acme", "sk": "a", "tenant": "acme-2"},
        {"pk": "SEQ#ac#0", "sk": "SEQ"},
        {"pk": "FACET#acme-2#owner=acme#0", "sk": "file_x"},
        {"pk": "KEY#k", "sk": "KEY", "tenant": "acme-2", "list_pk": "KEYS", "list_sk": "~acme-2#acme#k"},
        {"pk": "CREDENTIAL#tenant_acme-2", "sk": "s"},
        {"pk": "TICKET#k", "sk": "TICKET", "credential": "tenant_acme-2"},
        {"pk": "AUDITED#2026-11-26T12", "sk": "acme-2#2026-11-26T12"},
        {"pk": "SEALED#acme-2", "sk": "SEALED", "tenant": "acme-2", "list_pk": "SEALED", "list_sk": "#acme-2"},
        {"pk": "RATE#acme-2#1#0", "sk": "RATE"},
        {"pk": "USAGE#-stage", "sk": "2026-11-26"},
        {"pk": "JWKS#acme", "sk": "JWKS"},
    ):
        assert not is_of(item(**values), "acme", NAMES), values


def test_ids_are_learned_from_what_the_tenant_has_and_from_its_feed() -> None:
    assert names_of(item(pk=f"FILE#{FILE}", sk="FILE", tenant="acme"), "acme") == {FILE}
    assert names_of(item(pk="FEED#acme#0", sk="1", file_id=FILE), "acme") == {FILE}
    assert names_of(item(pk=f"KEY#{KEY}", sk="KEY", tenant="acme"), "acme") == {KEY, f"fm_{KEY}"}
    assert names_of(item(pk="HOOKS#acme", sk=WEBHOOK, tenant="acme"), "acme") == {WEBHOOK}
    for theirs in (
        item(pk=f"FILE#{FILE}", sk="FILE", tenant="acme-2"),
        item(pk="FEED#acme-2#0", sk="1", file_id=FILE),
        item(pk="HOOKS#acme-2", sk=WEBHOOK, tenant="acme-2"),
    ):
        assert names_of(theirs, "acme") == set()
