"""The way of a change from the table's stream to those who want to hear of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog import credentials
from chalicelib.catalog.audit import pages as audit_pages
from chalicelib.catalog.dynamodb import attributes, typed
from chalicelib.catalog.keys import (
    Key,
    api_key_key,
    feed_key,
    file_key,
    head_key,
    listeners_key,
    marker_key,
    share_key,
    tenant_key,
    token_key,
    webhook_count_key,
    webhook_key,
)
from chalicelib.events import bus, publish, sockets, webhooks
from chalicelib.events.envelope import envelope
from chalicelib.model import File, Status, timestamp
from chalicelib.observability import MILLISECONDS, Metric
from chalicelib.settings import settings
from ops.stack.event_sources import PUBLISHED
from tests.client import Client
from tests.making import BEGIN, file, ready_photo
from tests.stage import Calls, aws_client, lambda_context, passed, stream_records

AT = int(BEGIN.timestamp())
WEBHOOK = "wh_01K8Z0000000000000000000AA"


def image(of: File) -> dict[str, Any]:
    return attributes({**file_key(of.id), **of.model_dump(mode="json")})


def change(before: File | None, after: File | None) -> dict[str, Any]:
    """A record of the stream, of a file's record that became another."""
    known = after or before
    assert known
    images = {name: image(each) for name, each in (("OldImage", before), ("NewImage", after)) if each}
    return record(file_key(known.id), images)


def record(key: Key, images: dict[str, Any]) -> dict[str, Any]:
    names = {("OldImage", "NewImage"): "MODIFY", ("NewImage",): "INSERT", ("OldImage",): "REMOVE"}
    told = {"Keys": typed(key), "ApproximateCreationDateTime": AT, **images}
    return {"eventName": names[tuple(images)], "dynamodb": told}


def told(*records: dict[str, Any]) -> list[str]:
    return [event["id"] for event in publish.sort(records).events]


# --- on a stage


def test_each_change_of_a_file_is_an_event_on_the_bus(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    client("PATCH", f"/v1/files/{file_id}", {"tags": ["seen"]})
    client("DELETE", f"/v1/files/{file_id}")
    stage.settle()
    stage.published()
    of_files = [event for event in stage.bus if event["type"].startswith("filemill.file.")]
    found = [(event["id"], event["type"].rpartition(".")[2], event["data"]["actor"]) for event in of_files]
    ours = [key for key in credentials.api_keys() if key.tenant == "acme"]
    key = {"type": "key", "id": ours[0].id}
    process = {"type": "system", "id": "process"}
    words = [("created", key), ("processing", process), ("ready", process), ("updated", key), ("deleted", key)]
    assert found == [(f"evt_{file_id}_{number}", *word) for number, word in enumerate(words, 1)]


def test_a_stage_that_does_without_the_bus_puts_nothing_on_it(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_BUS_EVENTS", "false")
    settings.cache_clear()
    heard: list[File] = []
    monkeypatch.setattr(webhooks, "announce", lambda files, changed: heard.extend(files))
    ready_photo(client)
    stage.published()
    settings.cache_clear()
    assert not stage.bus
    assert len(heard) == 3


def test_the_filters_pass_what_publish_reads_and_little_else(client: Client, stage: Calls) -> None:
    """Lambda bills no invocation for a record that the filters stop."""
    ready_photo(client)
    client("POST", "/v1/upload-tokens", {"max_bytes": 9, "max_files": 1})
    stage.settle()
    token = next(each for each in stream_records([{}]) if each["dynamodb"]["Keys"]["sk"]["S"] == "TOKEN")
    aws_client("dynamodb").update_item(
        TableName="filemill-test",
        Key=token["dynamodb"]["Keys"],
        UpdateExpression="SET revoked_at = :now",
        ExpressionAttributeValues={":now": {"S": timestamp(BEGIN)}},
    )
    passed = [each["dynamodb"]["Keys"]["pk"]["S"].partition("#")[0] for each in stream_records(PUBLISHED)]
    assert sorted(passed) == ["FEED", *["FILE"] * 3, "KEY", "TENANT", *["TOKEN"] * 2]
    assert len(stream_records([{}])) >= len(passed) * 4 / 3


# --- what a batch tells


def test_only_a_new_revision_is_told() -> None:
    first, second = file(1, revision=3), file(1, revision=4, tags=["new"])
    assert told(change(first, second)) == [f"evt_{first.id}_4"]
    assert told(change(first, first.model_copy(update={"lease_until": BEGIN}))) == []
    assert told(change(None, first)) == [f"evt_{first.id}_3"]


def test_every_revision_of_a_batch_is_told_in_its_order() -> None:
    revisions = [file(1, revision=revision) for revision in (3, 4, 5)]
    other = file(2, revision=1)
    batch = [change(None, revisions[0]), change(revisions[0], revisions[1]), change(None, other)]
    batch.append(change(revisions[1], revisions[2]))
    ids = [f"evt_{file(1).id}_{number}" for number in (3, 4)]
    assert told(*batch) == [*ids, f"evt_{other.id}_1", f"evt_{file(1).id}_5"]
    assert [each.revision for each in publish.sort(batch).files] == [3, 4, 1, 5]


@given(
    st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.sampled_from(Status)), max_size=20),
    st.sets(st.integers(0, 20)),
)
def test_a_batch_tells_the_same_when_it_comes_again_and_when_it_is_halved(
    steps: list[tuple[int, bool, Status]], cuts: set[int]
) -> None:
    """Lambda brings a batch again after an error, and halves it."""
    present: dict[int, File] = {}
    batch = []
    for number, visible, status in steps:
        before = present.get(number)
        revision = (before.revision if before else 0) + (visible or before is None)
        after = file(number, status=status, revision=revision)
        batch.append(change(before, after))
        present[number] = after
    batch += [change(last, None) for last in present.values()]
    whole = publish.sort(batch)
    parts = [publish.sort(batch[start:end]) for start, end in bounds(cuts, len(batch))]
    assert [event for part in parts for event in part.events] == whole.events
    assert publish.sort(batch) == whole
    ids = [event["id"] for event in whole.events]
    assert len(set(ids)) == len(ids)


def bounds(cuts: set[int], length: int) -> list[tuple[int, int]]:
    inner = sorted(cut for cut in cuts if 0 < cut < length)
    return list(zip([0, *inner], [*inner, length], strict=True))


def test_an_upload_that_never_came_is_deleted_when_the_ttl_removes_its_record() -> None:
    gone = file(1, status=Status.EXPIRED, revision=2)
    [event] = publish.sort([change(gone, None)]).events
    assert (event["id"], event["type"]) == (f"evt_{gone.id}_3", "filemill.file.deleted")
    assert event["time"] == "2026-11-22T12:00:00.000Z"  # the stream's own time, the same each time
    assert event["data"] == {"file": {"id": gone.id, "revision": 3}, "actor": {"type": "system", "id": "ttl"}}


def test_a_tombstone_that_the_ttl_removes_was_told_before() -> None:
    assert told(change(file(1, status=Status.DELETED), None)) == []


def test_the_feed_s_new_entries_are_told_by_shard_and_highest_position() -> None:
    entries = [("acme", 0, 7), ("acme", 1, 3), ("acme", 0, 6), ("other-tenant", 0, 9)]
    batch = [record(feed_key(*entry), {"NewImage": typed(feed_key(*entry))}) for entry in entries]
    removed = feed_key("acme", 2, 1)  # a newer entry took its place
    batch.append(record(removed, {"OldImage": typed(removed)}))
    assert publish.sort(batch).feed == {("acme", 0): 7, ("acme", 1): 3, ("other-tenant", 0): 9}


@pytest.mark.parametrize("key", [api_key_key("1"), token_key("1")])
def test_a_credential_that_was_revoked_ends(key: Key) -> None:
    before, after = typed(key), attributes({**key, "revoked_at": timestamp(BEGIN)})
    assert publish.sort([record(key, {"OldImage": before, "NewImage": after})]).ended == [after]
    assert publish.sort([record(key, {"OldImage": before, "NewImage": before})]).ended == []


def test_a_webhook_that_was_disabled_is_an_event_and_every_change_of_one_is_handed_on() -> None:
    key = webhook_key("acme", WEBHOOK)
    values = {**key, "enabled": True, "types": ["filemill.file.ready"]}
    ended = {**values, "enabled": False, "disabled_reason": "gone", "disabled_at": timestamp(BEGIN)}
    before, after = attributes(values), attributes(ended)
    batch = publish.sort([record(key, {"OldImage": before, "NewImage": after})])
    assert [event["id"] for event in batch.events] == [f"evt_{WEBHOOK}_{AT}000"]
    assert (batch.webhooks, batch.files) == ([(before, after)], [])


HOOK, ENTRY = webhook_key("acme", WEBHOOK), feed_key("acme", 0, 7)
REVOKED = {"revoked_at": {"S": timestamp(BEGIN)}}

# What a record is about, the name of its change → if the filters pass it, and if `publish` tells it.
KINDS: dict[tuple[str, str], tuple[bool, bool]] = {
    ("record", "INSERT"): (True, True),
    ("record", "MODIFY"): (True, True),
    ("record", "REMOVE"): (True, True),
    ("entry", "INSERT"): (True, True),
    ("entry", "MODIFY"): (True, False),
    ("entry", "REMOVE"): (False, False),
    ("key", "INSERT"): (True, True),
    ("key", "MODIFY"): (True, True),
    ("key", "REMOVE"): (True, False),  # a month after a key was deleted, which is seldom
    ("tenant", "INSERT"): (True, True),
    ("tenant", "MODIFY"): (True, True),
    ("tenant", "REMOVE"): (True, False),
    ("token", "INSERT"): (True, True),
    ("token", "MODIFY"): (True, True),
    ("token", "REMOVE"): (False, False),
    ("webhook", "INSERT"): (True, True),
    ("webhook", "MODIFY"): (True, True),
    ("webhook", "REMOVE"): (True, True),
    ("share", "INSERT"): (True, True),
    ("share", "MODIFY"): (True, False),  # a view, or a try of the password
    ("share", "REMOVE"): (True, False),  # with its file, or by its time: whoever revokes a link notes it before
}


def of_kind(subject: str, name: str) -> dict[str, Any]:
    """A record of the stream. The images are those of a subject that has been of interest all the time."""
    if subject == "record":
        first, second = file(1, revision=3), file(1, revision=4, tags=["new"])
        old, new = image(first), image(second)
        key = file_key(first.id)
    else:
        keys = {"entry": ENTRY, "key": api_key_key("1"), "token": token_key("1"), "webhook": HOOK}
        key = (keys | {"tenant": tenant_key("acme"), "share": share_key("file_1", 7)})[subject]
        more: dict[str, Any] = {"key": REVOKED, "token": REVOKED, "share": {"hash": {"S": "0" * 64}}}
        old = new = typed(key) | more.get(subject, {})
        new |= {"suspended": {"BOOL": True}} if subject == "tenant" else {}
    images = {"INSERT": {"NewImage": new}, "MODIFY": {"OldImage": old, "NewImage": new}, "REMOVE": {"OldImage": old}}
    return record(key, images[name])


@pytest.mark.parametrize(("subject", "name"), KINDS)
def test_each_kind_of_change_is_told_or_left_out(subject: str, name: str) -> None:
    """The filters can't ask for the kind, so `publish` does. They do stop what expires, which would cost runs."""
    passes, tells = KINDS[subject, name]
    one = of_kind(subject, name)
    assert one["eventName"] == name
    assert (len(passed([one], PUBLISHED)) == 1) is passes
    assert (publish.sort([one]) != publish.Batch()) is tells
    assert passes or not tells, "what is told must pass the filters"


def test_every_filter_asks_for_what_filters_can_see() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html"""
    assert all(set(each) == {"dynamodb"} for each in PUBLISHED)


@pytest.mark.parametrize("at", [AT, float(AT), f"{AT}.0", str(AT)])
def test_the_stream_s_time_may_be_a_number_or_a_text(at: Any) -> None:
    gone = change(file(1), None)
    gone["dynamodb"]["ApproximateCreationDateTime"] = at
    [event] = publish.sort([gone]).events
    assert event["time"] == timestamp(BEGIN.replace(microsecond=0))


@pytest.mark.parametrize(
    "key",
    [marker_key(file(1).id), head_key("acme", 0), webhook_count_key("acme"), listeners_key("acme")],
    ids=lambda key: key["pk"],
)
def test_other_items_are_nobody_s_news(key: Key) -> None:
    assert publish.sort([record(key, {"NewImage": typed(key)})]) == publish.Batch()


# --- what cannot be read


WRONG: dict[str, Any] = {
    "no such value": {"status": {"S": "melted"}},
    "no JSON": {"metadata": {"S": "{"}},
    "no type of DynamoDB's": {"tags": {"X": 1}},
    "no map": {"image": {"S": "picture"}},
    "no number": {"revision": {"N": "many"}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_record_that_cannot_be_read_is_measured_and_holds_up_no_other(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[Metric, float]] = []
    monkeypatch.setattr(publish, "count", measured.append)
    bad = change(None, file(1))
    bad["dynamodb"]["NewImage"] |= wrong
    assert told(change(None, file(2)), bad, change(None, file(3))) == [f"evt_{file(2).id}_3", f"evt_{file(3).id}_3"]
    assert measured == [{Metric.FILES_IN_TROUBLE: 1}]


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_record_is_told_even_if_nobody_can_read_what_it_was_before(wrong: dict[str, Any]) -> None:
    one = change(file(1, revision=3), file(1, revision=4))
    one["dynamodb"]["OldImage"] |= wrong
    assert told(one) == [f"evt_{file(1).id}_4"]


def test_an_envelope_that_cannot_be_made_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def choosy(each: File) -> Any:
        if each.id == file(1).id:
            raise ValueError("no envelope")
        return envelope(each)

    monkeypatch.setattr(publish, "envelope", choosy)
    batch = publish.sort([change(None, file(1)), change(None, file(2))])
    assert [each.id for each in batch.files] == [file(2).id]
    assert len(batch.events) == 1


# --- several ways


def test_a_way_that_fails_keeps_no_other_from_hearing_and_the_batch_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []

    def refuse(*_: Any) -> None:
        raise bus.RefusedError("busy")

    monkeypatch.setattr(bus, "put", refuse)
    monkeypatch.setattr(audit_pages, "write", lambda _: heard.append("audit"))
    monkeypatch.setattr(webhooks, "announce", lambda *_: heard.append("webhooks"))
    monkeypatch.setattr(sockets, "end", lambda _: heard.append("ends"))
    monkeypatch.setattr(sockets, "tell", lambda _: heard.append("feed"))
    with pytest.raises(bus.RefusedError):
        publish.handle({"Records": [change(None, file(1))]}, lambda_context())
    assert heard == ["ends", "feed", "audit", "webhooks"], "people at a page hear first"
    monkeypatch.setattr(bus, "put", lambda events: heard.append("bus"))
    monkeypatch.setattr(webhooks, "announce", refuse)
    with pytest.raises(bus.RefusedError):
        publish.handle({"Records": [change(None, file(1))]}, lambda_context())
    assert heard[4:] == ["ends", "feed", "bus", "audit"], "before webhooks, of which one tenant may have many"


def test_the_time_from_the_change_to_the_bus_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[dict[Metric, float]] = []
    monkeypatch.setattr(publish, "count", measured.append)
    monkeypatch.setattr(publish, "now", lambda: file(1).updated_at.replace(microsecond=250_000))
    monkeypatch.setattr(bus, "put", lambda events: None)
    monkeypatch.setattr("chalicelib.events.webhooks.announce", lambda files, changed: None)
    monkeypatch.setattr(audit_pages, "write", lambda entries: None)
    batch = [change(None, file(number, last_change=None)) for number in (1, 0)]
    publish.publish(publish.sort(batch))
    assert measured == [{Metric.BUS_LAG: 1250.0}]
    assert Metric.BUS_LAG in MILLISECONDS
    measured.clear()
    publish.publish(publish.Batch())
    assert measured == []


def test_no_word_of_a_client_is_logged_with_a_record_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    bad = change(None, file(1, filename="whisper.jpg"))
    bad["dynamodb"]["NewImage"]["status"] = {"S": "whisper"}
    publish.sort([bad])
    assert "cannot be published" in caplog.text
    assert "whisper" not in caplog.text
