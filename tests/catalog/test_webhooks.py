"""Webhooks as their tenants set them up."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.catalog import webhooks
from chalicelib.catalog.dynamodb import get_item
from chalicelib.catalog.keys import webhook_count_key
from chalicelib.catalog.webhooks import (
    DISABLED,
    FILE_TYPES,
    MOST,
    TEST,
    TYPES,
    GoneError,
    TooManySecretsError,
    TooManyWebhooksError,
    Webhook,
)
from chalicelib.model import Actor, Kind, Status, now
from tests import making
from tests.contention import answers_lost
from tests.stage import Calls

READY, DELETED = "filemill.file.ready", "filemill.file.deleted"
MOMENT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def webhook(tenant: str = "acme", **values: Any) -> Webhook:
    made = {"id": webhooks.new_id(), "tenant": tenant, "url": "https://example.com/", "created_by": ACTOR}
    return Webhook.model_validate({**made, "created_at": MOMENT, "updated_at": MOMENT, **values})


ACTOR = Actor(type="key", id="0123456789ab")


def stored(tenant: str = "acme", **values: Any) -> Webhook:
    made = webhook(tenant, **values)
    webhooks.create(made)
    return made


def counted(tenant: str = "acme") -> int:
    return int((get_item(webhook_count_key(tenant)) or {}).get("n", 0))


# --- Filters


def test_the_types_are_those_of_the_envelopes() -> None:
    from chalicelib.events import envelope

    assert all(each.startswith(envelope.PREFIX) for each in FILE_TYPES)
    assert len(TYPES) == len(FILE_TYPES) + 2


def test_without_filters_all_events_of_files_pass_and_none_of_webhooks() -> None:
    every, file = webhook(), making.file(1)
    assert all(every.wants(kind, file) for kind in FILE_TYPES)
    assert not every.wants(DISABLED)
    assert not every.wants(TEST)
    assert webhook(types=[DISABLED]).wants(DISABLED)
    assert not webhook(types=[DISABLED]).wants(READY, file)


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"kinds": [Kind.IMAGE]}, True),
        ({"kinds": [Kind.OTHER]}, False),
        ({"kinds": [Kind.OTHER, Kind.IMAGE]}, True),
        ({"tags": ["holiday"]}, True),
        ({"tags": ["holiday", "cats"]}, True),
        ({"tags": ["holiday", "dogs"]}, False),
        ({"filename_prefix": "img 0000"}, True),
        ({"filename_prefix": "mg"}, False),
        ({"types": [READY], "kinds": [Kind.IMAGE], "tags": ["cats"]}, True),
        ({"types": [DELETED], "kinds": [Kind.IMAGE]}, False),
    ],
)
def test_an_event_must_pass_every_filter(filters: dict[str, Any], passes: bool) -> None:
    assert webhook(**filters).wants(READY, making.file(1)) is passes


def test_a_file_without_a_kind_passes_no_filter_of_kinds() -> None:
    waiting = making.file(1, kind=None, status=Status.AWAITING_UPLOAD)
    assert not webhook(kinds=[Kind.IMAGE]).wants("filemill.file.created", waiting)


def test_the_end_of_a_file_passes_the_filters_that_its_record_can_no_longer_answer() -> None:
    gone = making.file(1, status=Status.DELETED, tags=[], kind=None, filename="")
    assert webhook(kinds=[Kind.IMAGE], tags=["cats"], filename_prefix="x").wants(DELETED, gone)
    assert not webhook(types=[READY], tags=["cats"]).wants(DELETED, gone)


# --- Items


def test_a_webhook_is_what_was_written_and_its_tenants_alone(stage: Calls) -> None:
    made = stored(types=[READY], kinds=[Kind.IMAGE], tags=["cats"], filename_prefix="a")
    assert webhooks.get("acme", made.id) == made
    assert webhooks.of_tenant("acme") == [made]
    assert webhooks.get("other", made.id) is None
    assert webhooks.of_tenant("other") == []


@pytest.mark.parametrize("webhook_id", ["", "x", "wh_", "wh_" + "U" * 26, "../" * 9, "HOOKCOUNT"])
def test_what_can_be_no_id_is_not_looked_for(stage: Calls, webhook_id: str) -> None:
    stage.clear()
    assert webhooks.get("acme", webhook_id) is None
    assert stage.names == []


def test_the_operator_sees_the_webhooks_of_all_tenants(stage: Calls) -> None:
    made = [stored("b"), stored("a"), stored("a")]
    assert {each.id for each in webhooks.of_stage()} == {each.id for each in made}
    assert [each.tenant for each in webhooks.of_stage()] == ["a", "a", "b"]


def test_the_101st_webhook_is_refused_and_others_have_room(stage: Calls) -> None:
    made = [stored() for _ in range(MOST)]
    with pytest.raises(TooManyWebhooksError):
        stored()
    assert (len(webhooks.of_tenant("acme")), counted()) == (MOST, MOST)
    stored("other")
    webhooks.delete(made[0])
    stored()
    assert (len(webhooks.of_tenant("acme")), counted()) == (MOST, MOST)


def test_fifty_at_once_are_counted_each_once(stage: Calls) -> None:
    for _ in range(MOST - 30):
        stored()

    def make(_: int) -> bool:
        try:
            stored()
        except TooManyWebhooksError:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(make, range(50)))
    assert sum(done) == 30
    assert (len(webhooks.of_tenant("acme")), counted()) == (MOST, MOST)


def test_a_webhook_is_deleted_and_counted_off_once(stage: Calls) -> None:
    made = stored()
    webhooks.delete(made)
    with pytest.raises(GoneError):
        webhooks.delete(made)
    assert (webhooks.get("acme", made.id), counted()) == (None, 0)


def test_a_change_writes_what_it_names_and_null_empties(stage: Calls) -> None:
    made = stored(tags=["cats"], filename_prefix="a")
    changed = webhooks.change(made, {"url": "https://hooks.example.com/", "filename_prefix": None})
    assert changed == webhooks.get("acme", made.id)
    assert (changed.url, changed.filename_prefix, changed.tags) == ("https://hooks.example.com/", None, ["cats"])
    assert changed.updated_at > made.updated_at
    webhooks.delete(made)
    with pytest.raises(GoneError):
        webhooks.change(made, {"tags": []})
    assert webhooks.get("acme", made.id) is None, "a change makes nothing anew"


def test_the_first_reason_for_disabling_stays_until_the_webhook_is_enabled(stage: Calls) -> None:
    made = stored()
    first = webhooks.disable("acme", made.id, "It failed for five days.", missed_since=MOMENT)
    assert first
    assert (first.enabled, first.disabled_reason, first.missed_since) == (False, "It failed for five days.", MOMENT)
    assert webhooks.disable("acme", made.id, "Another reason.") is None
    assert webhooks.get("acme", made.id) == first
    again = webhooks.enable(first)
    assert (again.enabled, again.disabled_reason, again.disabled_at) == (True, None, None)
    assert again.missed_since == MOMENT, "a replay begins here"
    second = webhooks.disable("acme", made.id, "Again.")
    assert second
    assert second.missed_since == second.disabled_at
    assert webhooks.disable("acme", webhooks.new_id(), "Nobody has it.") is None
    assert webhooks.disable("other", made.id, "It is not theirs.") is None


# --- Answers that are lost: botocore sends the same request again


def test_a_webhook_whose_answer_was_lost_is_made_and_counted_once(stage: Calls) -> None:
    with answers_lost("TransactWriteItems") as sent:
        made = stored()
    assert len(sent) == 2
    assert sent[0] == sent[1], "one token, which makes DynamoDB carry out the request once"
    assert (webhooks.of_tenant("acme"), counted()) == ([made], 1)


def test_a_webhook_is_counted_off_once_although_the_answer_was_lost(stage: Calls) -> None:
    made, other = stored(), stored()
    with answers_lost("TransactWriteItems"), suppress(GoneError):  # moto knows no tokens
        webhooks.delete(made)
    assert (webhooks.of_tenant("acme"), counted()) == ([other], 1)


CHANGES: dict[str, Callable[[Webhook], Webhook | None]] = {
    "change": lambda of: webhooks.change(of, {"tags": ["new"], "filename_prefix": None}),
    "disable": lambda of: webhooks.disable(of.tenant, of.id, "It fails."),
    "enable": webhooks.enable,
    "rotate": lambda of: webhooks.rotate(of, timedelta(hours=1)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_whose_answer_was_lost_is_made_once(stage: Calls, name: str) -> None:
    made = stored(filename_prefix="a")
    with answers_lost("UpdateItem") as sent:
        changed = CHANGES[name](made)
    assert len(sent) == 2
    assert changed == webhooks.get("acme", made.id)
    assert changed
    assert changed.secret_version == (2 if name == "rotate" else 1)


# --- Rotation


def test_earlier_secrets_sign_until_their_overlap_ends(stage: Calls) -> None:
    made = stored()
    rotated = webhooks.rotate(made, timedelta(hours=1))
    assert rotated.secret_versions(now()) == [2, 1]
    assert rotated.secret_versions(now() + timedelta(hours=2)) == [2]
    third = webhooks.rotate(rotated, timedelta(hours=2))
    assert third.secret_versions(now()) == [3, 2, 1]
    assert third.secret_versions(now() + timedelta(minutes=90)) == [3, 2]
    assert webhooks.get("acme", made.id) == third


def test_a_rotation_without_overlap_ends_all_earlier_secrets_at_once(stage: Calls) -> None:
    made = webhooks.rotate(stored(), timedelta(hours=1))
    assert webhooks.rotate(made, timedelta(0)).secret_versions(now()) == [3]


def test_a_rotation_of_what_was_read_before_another_rotation_loses_no_secret(stage: Calls) -> None:
    made = stored()
    webhooks.rotate(made, timedelta(hours=1))
    assert webhooks.rotate(made, timedelta(hours=1)).secret_versions(now()) == [3, 2, 1]


def test_a_sixth_secret_has_to_wait(stage: Calls) -> None:
    made = stored()
    for _ in range(4):
        made = webhooks.rotate(made, timedelta(hours=1))
    with pytest.raises(TooManySecretsError):
        webhooks.rotate(made, timedelta(hours=1))
    assert len(made.secret_versions(now())) == 5
    assert webhooks.rotate(made, timedelta(0)).secret_versions(now()) == [6]


def test_a_webhook_that_is_gone_has_no_secret_to_rotate(stage: Calls) -> None:
    made = stored()
    webhooks.delete(made)
    with pytest.raises(GoneError):
        webhooks.rotate(made, timedelta(0))
