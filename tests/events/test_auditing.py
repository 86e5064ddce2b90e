"""Entries of the audit, as the table's stream tells them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.catalog import actors
from chalicelib.catalog.actors import Origin
from chalicelib.catalog.dynamodb import attributes
from chalicelib.catalog.keys import Key, api_key_key, file_key, share_key, tenant_key, token_key, webhook_key
from chalicelib.catalog.transitions import EDITABLE, FOUND, INFO
from chalicelib.delivery.view import WHOLE
from chalicelib.events import auditing
from chalicelib.model import Actor, ChangeType, File, LastChange, timestamp
from tests.making import BEGIN, file

WEBHOOK = "wh_01K8Z0000000000000000000AA"
AT = timestamp(BEGIN)
BY = {"actor": {"type": "key", "id": "0123"}, "at": AT, "address": "203.0.113.0/24", "request_id": "r-1"}
LATER = {**BY, "at": "2026-11-22T13:00:00.000Z"}

SETTINGS: dict[str, Key] = {
    "key": api_key_key("0123456789ab"),
    "token": token_key("0123456789ab"),
    "webhook": webhook_key("acme", WEBHOOK),
    "tenant": tenant_key("acme"),
}
SUBJECTS = {"key": "0123456789ab", "token": "0123456789ab", "webhook": WEBHOOK, "tenant": "acme"}


def record(key: Key, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    images = {"OldImage": before, "NewImage": after}
    told = {name: attributes({**key, **values}) for name, values in images.items() if values is not None}
    keys = attributes(key)
    return {"eventName": "-", "dynamodb": {"Keys": keys, "ApproximateCreationDateTime": 1795348800, **told}}


def item(**more: Any) -> dict[str, Any]:
    return {"tenant": "acme", "changed_by": BY, **more}


# --- files


def of(before: File | None, after: File) -> Any:
    images = [attributes({**file_key(f.id), **f.model_dump(mode="json")}) if f else {} for f in (before, after)]
    return auditing.of_file(after, *images)


def changed(revision: int = 4, kind: ChangeType = ChangeType.UPDATED, **more: Any) -> File:
    by = LastChange(type=kind, at=BEGIN, actor=Actor(type="key", id="0123"), address="::/48", request_id="r-1")
    return file(1, revision=revision, updated_at=BEGIN, last_change=by, **more)


def test_an_entry_says_who_changed_which_fields_and_no_values() -> None:
    before = changed(3)
    entry = of(before, changed(4, tags=["secret-tag"], metadata={"secret-key": "secret-value"}, filename="secret.jpg"))
    assert entry.stored() == {
        "id": f"evt_{before.id}_4",
        "subject": before.id,
        "type": "filemill.file.updated",
        "at": AT,
        "actor": {"type": "key", "id": "0123"},
        "address": "::/48",
        "request_id": "r-1",
        "fields": ["filename", "metadata", "tags"],
        "revision": 4,
        "before": AT,
    }


@pytest.mark.parametrize("kind", [ChangeType.CREATED, ChangeType.DELETED])
def test_no_fields_are_named_where_the_whole_record_came_or_went(kind: ChangeType) -> None:
    assert of(changed(3), changed(4, kind, tags=["a"])).fields == ()


def test_every_field_that_clients_see_and_that_changes_is_named() -> None:
    named = set(auditing._VISIBLE.values())
    assert named == WHOLE - {"id", "revision", "updated_at", "delete_at"}
    shown = {*EDITABLE, *FOUND, *INFO} - {"source_version", "leftovers", "words", *INFO, *FOUND}
    assert shown <= auditing._VISIBLE.keys()
    assert set(auditing._VISIBLE) <= {*File.model_fields, *INFO}, "a name that no record has can't change"


# --- settings


@pytest.mark.parametrize("kind", SETTINGS)
def test_each_change_of_a_setting_is_an_entry(kind: str) -> None:
    key = SETTINGS[kind]
    made = auditing.of_setting(record(key, None, item(hash="x")))
    other = item(name="secret-name", hash="y", changed_by=LATER)
    edited = auditing.of_setting(record(key, item(hash="x"), other))
    assert made
    assert edited
    assert (made.type, edited.type) == (f"filemill.audit.{kind}.created", f"filemill.audit.{kind}.changed")
    assert (made.fields, edited.fields) == ((), ("name", "secret"))
    for entry, at in ((made, AT), (edited, LATER["at"])):
        assert (entry.tenant, entry.subject, entry.at) == ("acme", SUBJECTS[kind], at)
        assert (entry.actor, entry.address, entry.request_id) == (BY["actor"], BY["address"], "r-1")
    assert made.id != edited.id
    assert "secret-name" not in str(edited.stored())


@pytest.mark.parametrize("kind", SETTINGS)
def test_an_entry_has_the_same_id_each_time_that_its_record_comes(kind: str) -> None:
    one = record(SETTINGS[kind], None, item())
    assert auditing.of_setting(one) == auditing.of_setting(one)


@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_revocation_is_an_end(kind: str) -> None:
    entry = auditing.of_setting(record(SETTINGS[kind], item(), item(revoked_at=AT, changed_by=LATER)))
    assert entry
    assert (entry.type, entry.fields) == (f"filemill.audit.{kind}.ended", ("revoked_at",))


def test_a_revocation_by_a_former_release_is_an_end_by_somebody_unknown() -> None:
    entry = auditing.of_setting(record(SETTINGS["key"], {"tenant": "acme"}, {"tenant": "acme", "revoked_at": AT}))
    assert entry
    assert (entry.type, entry.actor) == ("filemill.audit.key.ended", auditing.UNKNOWN)


def test_the_end_of_a_webhook_names_who_deleted_it() -> None:
    ending = {**LATER, "ends": True}
    assert auditing.of_setting(record(SETTINGS["webhook"], item(), item(changed_by=ending))) is None
    entry = auditing.of_setting(record(SETTINGS["webhook"], item(changed_by=ending), None))
    assert entry
    assert (entry.type, entry.at) == ("filemill.audit.webhook.ended", LATER["at"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (item(used=0), item(used=1)),  # a use of a token
        (item(), item(last_used_at=AT)),  # the same writer's note, so nobody changed a setting
        (item(), None),  # the table's TTL, or the erasure of a tenant
        (item(), item(changed_by=LATER)),  # nothing changed
        (item(), item(changed_by=LATER, updated_at=AT, ttl=5)),
    ],
)
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_write_that_changes_no_setting_is_no_entry(
    kind: str, before: dict[str, Any], after: dict[str, Any] | None
) -> None:
    assert auditing.of_setting(record(SETTINGS[kind], before, after)) is None


# --- share links


SHARED = file(1).id
LINK = share_key(SHARED, 7)


def link(token: str = "a", **more: Any) -> dict[str, Any]:
    return item(**{"hash": token * 64, "views": 0, "expires": 1, "password": "secret-salt$secret", **more})


def test_a_link_is_made_also_in_the_place_of_one_that_is_over() -> None:
    for before, after in ((None, link()), (link("b", views=9), link(changed_by=LATER))):
        entry = auditing.of_setting(record(LINK, before, after))
        assert entry
        assert (entry.type, entry.tenant, entry.fields) == ("filemill.audit.share.created", "acme", ())
        assert entry.subject == f"{SHARED}/shr_07{'a' * 16}"
        assert "secret" not in str(entry.stored())


def test_the_end_of_a_link_names_who_revoked_it() -> None:
    ending = {**LATER, "ends": True}
    assert auditing.of_setting(record(LINK, link(), link(changed_by=ending))) is None
    entry = auditing.of_setting(record(LINK, link(changed_by=ending), None))
    assert entry
    assert (entry.type, entry.at, entry.actor) == ("filemill.audit.share.ended", LATER["at"], BY["actor"])
    assert entry.subject == f"{SHARED}/shr_07{'a' * 16}"


@pytest.mark.parametrize("after", [link(views=1), link(wrong=1, wrong_hour=5), None], ids=["view", "wrong", "its time"])
def test_views_wrong_passwords_and_the_time_of_a_link_are_no_entries(after: dict[str, Any] | None) -> None:
    assert auditing.of_setting(record(LINK, link(), after)) is None


def test_items_that_are_no_settings_are_no_entries() -> None:
    for key in (file_key("file_1"), {"pk": "HOOK#1", "sk": "evt_1"}, {"pk": "TICKET#1", "sk": "TICKET"}):
        assert auditing.of_setting(record(key, None, item())) is None


# --- who, and from where


def test_another_thread_is_told_who_acts() -> None:
    from concurrent.futures import ThreadPoolExecutor

    actors.system("sweep")
    actors.come_from(Origin("::/48", "r-1"))
    work = actors.carried(actors.noted)
    with ThreadPoolExecutor(1) as pool:
        note = pool.submit(work).result()
        alone = pool.submit(actors.noted).result()
    actors.act_as(actors.NOBODY)
    actors.come_from(actors.NOWHERE)
    assert (note["actor"], note["request_id"]) == ({"type": "system", "id": "sweep"}, "r-1")
    assert alone["actor"]["id"] == "sweep", "the thread keeps what it was told, until it is told anew"


@pytest.mark.parametrize(
    ("kept", "full", "stored"),
    [
        ("network", "203.0.113.77", "203.0.113.0/24"),
        ("network", "2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("network", "::ffff:203.0.113.77", "203.0.113.0/24"),
        ("full", "203.0.113.77", "203.0.113.77"),
        ("full", "2001:DB8::4", "2001:db8::4"),
        ("none", "203.0.113.77", None),
        ("network", "test-invoke-source-ip", None),
        ("full", "1.2.3.4\n", None),
        ("network", "", None),
        ("network", None, None),
    ],
)
def test_as_much_of_an_address_is_kept_as_the_stage_says(
    monkeypatch: pytest.MonkeyPatch, kept: str, full: str | None, stored: str | None
) -> None:
    from chalicelib import settings

    monkeypatch.setenv("FILEMILL_AUDIT_ADDRESS", kept)
    settings.settings.cache_clear()
    assert actors.address(full) == stored
    settings.settings.cache_clear()
