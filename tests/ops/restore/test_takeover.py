"""A restored table takes over much from the present one, on moto: its restored tables are copies of the present."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import claims, credentials, deletion, edits, tenants
from chalicelib.catalog.dynamodb import attributes, read
from chalicelib.catalog.files import records
from chalicelib.catalog.index import counts, feed
from chalicelib.catalog.keys import (
    audit_key,
    audited_key,
    credential_socket_key,
    delivery_key,
    file_key,
    head_key,
    listeners_key,
    position_key,
    render_key,
    seal_key,
    sealed_key,
    socket_key,
    subscription_key,
    ticket_key,
    webhook_count_key,
    webhook_key,
    webhook_state_key,
)
from chalicelib.catalog.tenants import Tenant
from chalicelib.model import File, Status, now
from chalicelib.queues import ingest
from chalicelib.upkeep import sweep
from ops.restore.command import using_table
from ops.restore.fates import Fate
from ops.restore.items import Items
from ops.restore.takeover import LEDGER, LISTENERS, Outcome, TakeOver, count, index, send_again
from tests import images
from tests.client import Client
from tests.making import deliver, derived, upload
from tests.stage import ROOT, Calls, aws_client
from tests.upkeep.making import messages

PHOTO = images.jpeg(64, 48)
PRESENT, RESTORED = "filemill-test", "filemill-test-restored-1"


@pytest.fixture
def back(stage: Calls) -> Any:
    """Notes the present as the time to restore; calling the result again takes over and gives the outcome."""
    at: list[Any] = []

    def step(**more: Any) -> Outcome | None:
        dynamodb = aws_client("dynamodb")
        if not at:
            stage.settle()
            at.append(now() + timedelta(hours=1))  # so late that no record seems to be torn
            dynamodb.restore_table_to_point_in_time(
                SourceTableName=PRESENT, TargetTableName=RESTORED, UseLatestRestorableTime=True
            )
            return None
        stage.settle()
        with using_table(RESTORED):
            both = TakeOver(Items(dynamodb, RESTORED), Items(dynamodb, PRESENT), at[0], **more)
            outcome = both.carry_out()
            index(both.then)
            count(both.then)
            send_again(outcome)
        return outcome

    return step


def ready(client: Client, **more: Any) -> str:
    file_id = upload(client, PHOTO, **more)
    deliver(file_id)
    return file_id


def restored(file_id: str) -> File:
    with using_table(RESTORED):
        return records([file_id], consistent=True)[file_id]


def present(file_id: str) -> File:
    return records([file_id], consistent=True)[file_id]


def item(table: str, key: dict[str, str]) -> dict[str, Any] | None:
    typed = {name: {"S": value} for name, value in key.items()}
    found = aws_client("dynamodb").get_item(TableName=table, Key=typed).get("Item")
    return read(found) if found else None


def test_an_edit_is_undone_under_a_revision_above_all_others(client: Client, back: Any) -> None:
    file_id, other = ready(client, tags=["then"]), ready(client)
    back()
    assert client("PATCH", f"/v1/files/{file_id}", {"tags": ["now"]}).status == 200
    newest = present(file_id).revision
    outcome = back()
    assert (restored(file_id).tags, restored(file_id).revision) == (["then"], newest + 1)
    assert restored(other) == present(other)
    assert outcome.fates == {Fate.RAISE: 1, Fate.KEEP: 1}


def test_a_consumer_of_the_feed_misses_nothing_and_no_position_is_given_out_twice(
    client: Client, back: Any, stage: Calls
) -> None:
    edited = ready(client)
    back()
    client("PATCH", f"/v1/files/{edited}", {"tags": ["now"]})
    newer = ready(client)
    stage.settle()
    read_everything = feed.changes("acme", {}, 100).positions
    outcome = back()
    with using_table(RESTORED):
        page = feed.changes("acme", read_everything, 100)
        assert page.positions[0] > read_everything[0]
        assert not feed.changes("acme", page.positions, 100).items
    found = {change.id: change for change in page.items}
    assert found.keys() == {edited, newer}
    assert found[edited].revision == present(edited).revision + 1
    assert found[newer].file is None, "it was set aside"
    assert outcome.newer == [f"acme/{newer}"]


def test_whoever_hears_of_changes_is_as_now(client: Client, back: Any) -> None:
    """Webhooks, their deliveries, sockets and subscriptions: none revives, none is lost, none is as it was."""
    dynamodb = aws_client("dynamodb")
    keys = [
        webhook_key("acme", "wh_1"),
        webhook_count_key("acme"),
        delivery_key("wh_1", "evt_1"),
        webhook_state_key("wh_1"),
        socket_key("c"),
        subscription_key("acme", "all", "c"),
        listeners_key("acme"),
        credential_socket_key("key", "c"),
        ticket_key("t"),
    ]
    gone = [{**key, "pk": f"{key['pk']}-gone"} for key in keys]
    made = [{**key, "pk": f"{key['pk']}-made"} for key in keys]

    def put(these: list[dict[str, str]], **more: Any) -> None:
        for key in these:
            dynamodb.put_item(TableName=PRESENT, Item=attributes({**key, **more}))

    put([*keys, *gone], state="then")
    back()
    put([*keys, *made], state="now")
    for key in gone:
        dynamodb.delete_item(TableName=PRESENT, Key=attributes(key))
    back()
    for key in [*keys, *made]:
        assert item(RESTORED, key) == {**key, "state": "now"}, key
    assert [key for key in gone if item(RESTORED, key)] == []


# Items by what their partition key begins with: those of the take-over's other steps, those that the index writes anew,
# those that end by themselves within a minute (or a day, as a token's place in its list), those that go back with the
# heads of feeds, notes on adopted objects (whose files go back as well), keys of issuers, which are fetched again when
# they are old, and keys of indexes alone, which no item has as its own.
OTHERS = {
    *("FILE", "SEQ", "WALK", "KEY", "TOKEN", "TENANT", "RENDER", "IDEM", "ADOPTED"),
    *("FEED", "FACET", "SORT", "WORD"),
    *("WAIT", "TOKENS", "RATE", "RESERVE"),
    *("USAGE", "JWKS"),
    *("LIST", "DUE", "SHA", "DELIVER", "HOOKLOG", "SOCKETS"),
}


def test_each_kind_of_item_has_its_rule() -> None:
    """A new kind of item must be decided on: what becomes of it when an earlier table takes the present one's place?"""
    kinds = set(re.findall(r'f"([A-Z]+)#', (ROOT / "chalicelib/catalog/keys.py").read_text(encoding="utf-8")))
    assert kinds == OTHERS | {prefix.removesuffix("#") for prefix in (*LISTENERS, *LEDGER)}


def test_the_audit_and_its_seals_are_as_now(client: Client, back: Any) -> None:
    dynamodb = aws_client("dynamodb")
    kept = [audit_key("acme", 0, "2026-11-26T12:00:00", "a"), seal_key("acme", 1)]
    made = [audit_key("acme", 0, "2026-11-26T13:00:00", "b"), seal_key("acme", 2)]
    made.append(audited_key("2026-11-26T13", "acme", "2026-11-26T13"))
    ends = [sealed_key("acme"), position_key("seals")]

    def put(these: list[dict[str, str]], **more: Any) -> None:
        for key in these:
            dynamodb.put_item(TableName=PRESENT, Item=attributes({**key, **more}))

    put([*kept, *ends], state="then")
    back()
    put([*made, *ends], state="now")
    back()
    for keys, state in ((kept, "then"), (made, "now"), (ends, "now")):
        for key in keys:
            assert item(RESTORED, key) == {**key, "state": state}, key


def test_the_events_say_what_a_restore_did_and_that_it_did(client: Client, back: Any) -> None:
    edited, deleted = ready(client), ready(client)
    back()
    client("PATCH", f"/v1/files/{edited}", {"tags": ["now"]})
    client("DELETE", f"/v1/files/{deleted}")
    newer = ready(client)
    back()
    told = {file_id: restored(file_id).last_change for file_id in (edited, newer)}
    assert {file_id: (change.type, change.actor.id) for file_id, change in told.items() if change} == {
        edited: ("updated", "restore"),
        newer: ("deleted", "restore"),
    }
    change = told[edited]
    assert change
    assert change.at == restored(edited).updated_at


def test_a_later_file_is_set_aside_and_the_client_can_bring_it_back(client: Client, back: Any) -> None:
    back()
    newer = ready(client)
    prefix = f"f/private/{newer}/"
    assert any(key.startswith(prefix) for key in derived())
    back()
    with using_table(RESTORED):
        assert client("GET", f"/v1/files/{newer}").status == 404
        assert client("POST", f"/v1/files/{newer}/restore").status == 202
        assert records([newer])[newer].status is Status.PROCESSING
        deliver(newer)
        assert client("GET", f"/v1/files/{newer}").json["status"] == "ready"


def test_the_bytes_of_a_later_file_outlive_its_own_late_message_and_the_sweep(client: Client, back: Any) -> None:
    """Without a record the worker would delete them for ever: it takes them for those of a deleted file."""
    back()
    newer = upload(client, PHOTO)
    deliver(newer)
    back()
    with using_table(RESTORED):
        deliver(newer)
        sweep.run()
        sweep.run()
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{newer}")["ContentLength"] == len(PHOTO)


def test_an_upload_that_is_on_its_way_arrives(client: Client, back: Any) -> None:
    back()
    newer = upload(client, PHOTO)
    back()
    with using_table(RESTORED):
        deliver(newer)
        assert client("GET", f"/v1/files/{newer}").json["status"] == "ready"


def test_keep_newer_keeps_later_files(client: Client, back: Any) -> None:
    back()
    newer = ready(client)
    outcome = back(keep_newer=True)
    assert restored(newer) == present(newer)
    assert outcome.fates[Fate.SET_ASIDE] == 0
    with using_table(RESTORED):
        assert counts.stats("acme").files == 1


def test_a_deleted_file_stays_deleted_and_is_named(client: Client, back: Any) -> None:
    file_id = ready(client)
    back()
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    outcome = back()
    assert restored(file_id).status is Status.DELETED
    assert outcome.lost == [f"acme/{file_id}"]


def test_a_delete_that_was_not_finished_is_undone(client: Client, back: Any) -> None:
    file_id = ready(client)
    back()
    deletion.mark_deleted("acme", file_id)  # the record alone: a crash, or the bug that the restore is for
    back()
    assert restored(file_id).status is Status.READY
    with using_table(RESTORED):
        sweep.run()
        assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"


def test_a_tombstone_that_is_gone_from_the_present_table_is_written_again(client: Client, back: Any) -> None:
    file_id = ready(client)
    back()
    client("DELETE", f"/v1/files/{file_id}")
    key = {name: {"S": value} for name, value in file_key(file_id).items()}
    aws_client("dynamodb").delete_item(TableName=PRESENT, Key=key)  # as the table's TTL does
    outcome = back()
    assert outcome.fates == {Fate.FORGET: 1}
    assert restored(file_id).status is Status.DELETED
    assert outcome.lost == [f"acme/{file_id}"]
    with using_table(RESTORED):
        assert counts.stats("acme").files == 0


def test_a_key_that_was_revoked_does_not_come_back_to_life(client: Client, back: Any) -> None:
    old, new = (credentials.ApiKey(name, "h", "acme", "n", (), "2026") for name in ("0" * 12, "1" * 12))
    credentials.put_api_key(old)
    back()
    credentials.revoke_api_key(old.id)
    credentials.put_api_key(new)
    outcome = back()
    assert (outcome.keys_revoked, outcome.keys_made) == ([old.id], [new.id])
    with using_table(RESTORED):
        found = credentials.get_api_key(old.id)
        assert found and found.revoked_at
        assert credentials.get_api_key(new.id) == new


def test_tenants_have_their_former_settings_and_are_suspended_as_they_are_now(client: Client, back: Any) -> None:
    for name in ("a", "b"):
        tenants.put_tenant(Tenant(name, default_recipe="avatar", suspended=name == "b"))
    back()
    tenants.put_tenant(Tenant("a", default_recipe="photo", suspended=True))
    tenants.change_tenant("b", {"suspended": False})
    tenants.put_tenant(Tenant("c", default_recipe="photo", suspended=True))
    assert back().tenants == ["a", "b", "c"]
    assert back().tenants == ["a", "c"], "it is repeated"
    with using_table(RESTORED):
        found = [tenants.get_tenant(name) for name in ("a", "b", "c")]
    assert found == [Tenant("a", "avatar", suspended=True), Tenant("b", "avatar"), Tenant("c", suspended=True)]


def test_an_upload_token_allows_no_more_files_than_it_did(client: Client, back: Any) -> None:
    body = {"max_files": 2, "max_bytes": 10**6, "expires_in": 3600}
    made = client("POST", "/v1/upload-tokens", body)
    assert made.status == 201, made.text
    token = made.json["token"].split("_")[1]
    back()
    aws_client("dynamodb").update_item(
        TableName=PRESENT,
        Key={"pk": {"S": f"TOKEN#{token}"}, "sk": {"S": "TOKEN"}},
        UpdateExpression="ADD used :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
    back()
    found = item(RESTORED, {"pk": f"TOKEN#{token}", "sk": "TOKEN"})
    assert found and found["used"] == 1


def test_a_file_that_was_being_processed_is_processed_and_not_given_up(client: Client, back: Any) -> None:
    file_id = ready(client)
    assert edits.reprocess(present(file_id), "photo")
    back()
    deliver(file_id)
    messages()
    outcome = back()
    assert [file.id for file in outcome.resumed] == [file_id]
    found = restored(file_id)
    assert (found.status, found.attempts, found.claim_id) == (Status.PROCESSING, 0, None)
    assert [body["Records"][0]["s3"]["object"]["key"] for body in messages()] == [f"acme/{file_id}"]
    with using_table(RESTORED):
        sweep.run()
        assert records([file_id])[file_id].status is Status.PROCESSING
        deliver(file_id)
        assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"


def test_renditions_never_get_an_address_that_was_used_since(client: Client, back: Any) -> None:
    file_id = ready(client)
    back()
    addresses = {present(file_id).source_version}
    for _ in range(2):
        opened = edits.reprocess(present(file_id), "photo")
        assert opened
        deliver(file_id)
        addresses.add(present(file_id).source_version)
    back()
    with using_table(RESTORED):
        opened = edits.reprocess(records([file_id])[file_id], "photo")
        assert opened
        ingest.send(opened)
        deliver(file_id)
        assert records([file_id])[file_id].source_version not in addresses


def test_a_worker_that_held_the_file_then_is_not_waited_for(client: Client, back: Any) -> None:
    file_id = upload(client, PHOTO)
    version = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")["VersionId"]
    claims.claim(file_id, version_id=version, sequencer="0A", claim_id="then", lease=timedelta(hours=3))
    back()
    back()
    found = restored(file_id)
    assert (found.claim_id, found.attempts) == (None, 0)
    assert found.lease_until
    assert found.lease_until <= now()
    with using_table(RESTORED):
        deliver(file_id)
        assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"


@pytest.mark.parametrize("keep_newer", [True, False])
def test_a_repeated_request_gets_its_answer_unless_its_file_is_set_aside(
    client: Client, back: Any, keep_newer: bool
) -> None:
    def create() -> str:
        body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
        answer = client("POST", "/v1/files", body, headers={"Idempotency-Key": "k"})
        assert answer.status in (200, 201), answer.text
        return str(answer.json["id"])

    back()
    file_id = create()
    version = aws_client("s3").put_object(Bucket="originals", Key=f"acme/{file_id}", Body=PHOTO)["VersionId"]
    deliver(file_id, version_id=version)
    back(keep_newer=keep_newer)
    with using_table(RESTORED):
        assert (create() == file_id) is keep_newer


def test_a_file_that_is_deleted_by_the_restore_is_in_no_list(client: Client, back: Any) -> None:
    gone = ready(client)
    back()
    client("DELETE", f"/v1/files/{gone}")
    aws_client("dynamodb").delete_item(
        TableName=PRESENT, Key={name: {"S": value} for name, value in file_key(gone).items()}
    )
    newer = ready(client)
    back()
    for file_id in (gone, newer):
        found = item(RESTORED, file_key(file_id))
        assert found
        assert found["status"] == "deleted"
        assert not {"list_pk", "list_sk", "sha_pk", "sha_sk", "lease_until", "claim_id"} & found.keys(), file_id
        assert {"due_pk", "due_sk", "ttl"} <= found.keys()
    with using_table(RESTORED):
        assert client("GET", "/v1/files").json["items"] == []


def test_counts_are_those_of_the_records_even_after_a_torn_transaction(client: Client, back: Any) -> None:
    for _ in range(3):
        ready(client)
    back()
    head = {name: {"S": value} for name, value in head_key("acme", 0).items()}
    aws_client("dynamodb").update_item(
        TableName=RESTORED,
        Key=head,
        UpdateExpression="ADD #c :wrong",
        ExpressionAttributeNames={"#c": "status.ready.files"},
        ExpressionAttributeValues={":wrong": {"N": "5"}},
    )
    back()
    with using_table(RESTORED):
        assert counts.stats("acme").by_status["ready"].files == 3
        assert counts.stats("acme").bytes == 3 * len(PHOTO)


def test_reconciliation_leaves_a_day_to_look_at_the_list_and_old_leases_are_gone(client: Client, back: Any) -> None:
    back()
    key = {name: {"S": value} for name, value in render_key("f/private/x/v/w160.avif").items()}
    aws_client("dynamodb").put_item(TableName=RESTORED, Item={**key, "outcome": {"S": "made"}})
    stray = f"acme/file_{'0' * 26}"
    aws_client("s3").put_object(Bucket="originals", Key=stray, Body=b"x")
    back()
    assert item(RESTORED, render_key("f/private/x/v/w160.avif")) is None
    with using_table(RESTORED):
        assert sweep.run()["Walked"] == 0
    walk = item(RESTORED, position_key("originals"))
    assert walk and walk["ended"] is True


def test_a_take_over_that_is_repeated_changes_nothing_more(client: Client, back: Any) -> None:
    edited, gone = ready(client), ready(client)
    back()
    client("PATCH", f"/v1/files/{edited}", {"tags": ["now"]})
    client("DELETE", f"/v1/files/{gone}")
    newer = ready(client)
    back()
    once = {each: restored(each) for each in (edited, gone, newer)}
    outcome = back()
    assert {each: restored(each) for each in once} == once
    assert outcome.fates == {Fate.KEEP: 3}


def test_looking_changes_nothing(client: Client, back: Any) -> None:
    file_id = ready(client)
    back()
    client("PATCH", f"/v1/files/{file_id}", {"tags": ["now"]})
    dynamodb = aws_client("dynamodb")
    before = {table: dynamodb.scan(TableName=table)["Items"] for table in (PRESENT, RESTORED)}
    with using_table(RESTORED):
        outcome = TakeOver(Items(dynamodb, RESTORED), Items(dynamodb, PRESENT), now()).look()
    assert outcome.fates == {Fate.RAISE: 1}
    assert {table: dynamodb.scan(TableName=table)["Items"] for table in before} == before


def test_a_record_that_cannot_be_read_is_named_and_stays(client: Client, back: Any) -> None:
    file_id = f"file_{'1' * 26}"
    broken = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}, "tenant": {"S": "acme"}}
    aws_client("dynamodb").put_item(TableName=PRESENT, Item={**broken, "status": {"S": "lost"}})
    aws_client("dynamodb").restore_table_to_point_in_time(
        SourceTableName=PRESENT, TargetTableName=RESTORED, UseLatestRestorableTime=True
    )
    dynamodb = aws_client("dynamodb")
    with using_table(RESTORED):
        outcome = TakeOver(Items(dynamodb, RESTORED), Items(dynamodb, PRESENT), now()).carry_out()
        index(Items(dynamodb, RESTORED))
    assert outcome.unreadable == [file_id]
