"""Envelopes: their bound, their schemas, what an event of a deleted file has, and the words for changes."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chalicelib.api.envelopes import EVENTS
from chalicelib.catalog.transitions import TRANSITIONS
from chalicelib.delivery import view
from chalicelib.events import envelope
from chalicelib.model import Actor, ChangeType, File, LastChange, Rendition, Status, Visibility
from ops.openapi import event_schemas
from tests.making import BEGIN, RENDITIONS, file

KEY = Actor(type="key", id="k1")

IMAGE: dict[str, Any] = {
    "width": 4000,
    "height": 3000,
    "format": "jpeg",
    "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    "dominant_color": "#aabbcc",
}

texts = st.text(max_size=60)
long_texts = st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=9), st.integers(1, 4000))
any_text = texts | long_texts
metadata = st.dictionaries(texts, any_text | st.integers(-(2**53), 2**53) | st.lists(any_text, max_size=3), max_size=9)
images = st.fixed_dictionaries(
    {name: st.just(value) for name, value in IMAGE.items()},
    optional={
        "exif": metadata,
        **dict.fromkeys(("caption", "artist", "title"), any_text),
        **{name: st.lists(texts, max_size=9) for name in ("palette", "keywords")},
    },
)
renditions = st.integers(0, 400).map(
    lambda number: [RENDITIONS[0].model_copy(update={"name": f"w{n}"}) for n in range(number)]
)
changes = st.builds(
    LastChange,
    type=st.sampled_from(ChangeType),
    at=st.just(BEGIN + timedelta(seconds=3)),
    actor=st.builds(Actor, type=st.sampled_from(["key", "token", "user", "system"]), id=st.text(max_size=200)),
)
files = st.builds(
    file,
    st.integers(1, 9),
    status=st.sampled_from(Status),
    visibility=st.sampled_from(Visibility),
    filename=any_text,
    content_type=any_text,
    tags=st.lists(any_text, max_size=20),
    metadata=metadata,
    image=st.none() | images,
    renditions=renditions,
    source_version=st.none() | st.just("0123456789abcdef"),
    source_url=st.none() | any_text,
    error=st.none() | st.builds(lambda text: {"code": "corrupt", "message": text}, any_text),
    revision=st.integers(1, 10**9),
    updated_at=st.sampled_from([BEGIN + timedelta(seconds=3), BEGIN + timedelta(seconds=4)]),
    last_change=st.none() | changes,
)


@cache
def schema_of(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((event_schemas.TARGET / f"{kind}.json").read_text(encoding="utf-8")))


def check(event: dict[str, Any]) -> None:
    """The event is of its type's schema, and has no field that the schema does not name."""
    sent = envelope.as_json(event)
    assert len(sent.encode()) <= envelope.MAX_BYTES
    schema_of(event["type"]).validate(json.loads(sent))
    EVENTS[event["type"]].model_validate(event)  # which refuses unknown fields


@given(files)
def test_the_envelope_of_any_record_is_within_its_bound_and_has_its_schema(record: File) -> None:
    event = envelope.envelope(record)
    check(event)
    data, whole = event["data"], view.unsigned(record)
    if event["type"] == "filemill.file.deleted":
        assert set(data) == {"file", "actor"}
        assert data["file"] == {"id": record.id, "revision": record.revision}
    elif record.status is not Status.DELETED:
        omitted = data.get("omitted", [])
        assert {name for name in whole if name not in data["file"]} == {name for name in omitted if "." not in name}
        kept = {name: value for name, value in whole.items() if name in data["file"] and name != "image"}
        assert {name: data["file"][name] for name in kept} == kept


@given(files, changes, st.integers(1, 10**9))
def test_so_is_the_event_of_an_earlier_change(record: File, change: LastChange, revision: int) -> None:
    event = envelope.envelope_of(record, change, revision)
    check(event)
    assert event["id"] == f"evt_{record.id}_{revision}"
    assert event["time"] == "2026-11-22T12:00:03.000Z"
    assert event["data"]["actor"] == change.actor.model_dump()


def test_the_attributes_are_those_of_cloudevents() -> None:
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#attribute-naming-convention"""
    event = envelope.envelope(file(1, last_change=LastChange(type=ChangeType.READY, at=file(1).updated_at, actor=KEY)))
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in event)
    assert {name: event[name] for name in event if name != "data"} == {
        "specversion": "1.0",
        "id": f"evt_{file(1).id}_3",
        "source": "filemill/test",
        "type": "filemill.file.ready",
        "subject": file(1).id,
        "time": "2026-11-22T12:00:03.000Z",
        "datacontenttype": "application/json",
        "tenant": "acme",
    }
    assert event["data"]["file"] == view.unsigned(file(1))


def test_addresses_are_not_signed() -> None:
    record = file(1, renditions=RENDITIONS, source_version="0123456789abcdef", visibility="private")
    [first, _] = envelope.envelope(record)["data"]["file"]["renditions"]
    address = f"https://d111.cloudfront.net/f/private/{record.id}/0123456789abcdef/w160.webp"
    assert first == {**RENDITIONS[0].model_dump(), "url": address}


# --- what does not fit


def test_a_record_that_fits_is_whole() -> None:
    assert "omitted" not in envelope.envelope(file(1, metadata={"k": "x" * 20_000}))["data"]


def test_the_largest_parts_are_left_out_and_named() -> None:
    many = [
        Rendition(name=f"w{n}", format="webp", content_type="image/webp", width=1, height=1, size=1) for n in range(200)
    ]
    record = file(
        1,
        metadata={"k": "x" * 20_000},
        image={**IMAGE, "exif": {"k": "y" * 9_000}},
        renditions=many,
        source_version="0123456789abcdef",
    )
    data = envelope.envelope(record)["data"]
    assert data["omitted"] == ["renditions", "metadata"]
    assert data["file"]["image"]["exif"] == {"k": "y" * 9_000}
    assert not {"renditions", "metadata"} & data["file"].keys()


def test_a_picture_s_facts_stay_when_its_exif_is_too_large() -> None:
    data = envelope.envelope(file(1, image={**IMAGE, "exif": {"k": "y" * 30_000}}))["data"]
    assert data["omitted"] == ["image.exif"]
    assert data["file"]["image"]["width"] == 4000
    assert "exif" not in data["file"]["image"]


def test_a_part_that_is_left_out_as_a_whole_is_named_once() -> None:
    image = {**IMAGE, "exif": {"k": "y" * 40_000}, "caption": "z" * 30_000}
    assert envelope.envelope(file(1, image=image))["data"]["omitted"] == ["image"]


def test_the_models_of_envelopes_require_what_is_never_left_out() -> None:
    whole = event_schemas.event_schemas()["filemill.file.ready"]["$defs"]["EventFile"]
    assert set(whole["required"]) == envelope.KEPT


# --- files that are gone


def test_a_deleted_file_s_event_has_its_id_revision_and_actor_only() -> None:
    """Also for the time in which it can be restored, when its record has everything still."""
    change = LastChange(type=ChangeType.DELETED, at=file(1).updated_at, actor=KEY)
    record = file(1, status=Status.DELETED, restore_until=BEGIN, last_change=change, metadata={"secret": "word"})
    data = envelope.envelope(record)["data"]
    assert data == {"file": {"id": record.id, "revision": 3}, "actor": {"type": "key", "id": "k1"}}


def test_an_earlier_event_of_a_file_that_was_deleted_since_tells_nothing_of_it() -> None:
    record = file(1, status=Status.DELETED, restore_until=BEGIN, metadata={"secret": "word"}, revision=5)
    change = LastChange(type=ChangeType.READY, at=BEGIN, actor=KEY)
    event = envelope.envelope_of(record, change, 3)
    assert event["id"] == f"evt_{record.id}_3"
    assert event["type"] == "filemill.file.ready"
    actor = {"type": "key", "id": "k1"}
    assert event["data"] == {"file": {"id": record.id, "revision": 5}, "omitted": ["file"], "actor": actor}


def test_a_deletion_stays_one_when_the_file_is_restored() -> None:
    change = LastChange(type=ChangeType.DELETED, at=BEGIN, actor=KEY)
    event = envelope.envelope_of(file(1, revision=5), change, 4)
    assert event["type"] == "filemill.file.deleted"
    assert event["data"]["file"] == {"id": file(1).id, "revision": 4}


def test_a_deletion_needs_no_record() -> None:
    event = envelope.deleted("acme", file(1).id, 7, BEGIN)
    check(event)
    assert event["data"] == {"file": {"id": file(1).id, "revision": 7}, "actor": {"type": "system", "id": "filemill"}}


# --- words for changes

WORDS = {
    ("hash later", None): "updated",
    ("scan again", None): "updated",
    ("quarantine", "failed"): "failed",
    ("ask a service", None): "updated",
    ("end a service's job", None): "updated",
    ("create", "awaiting_upload"): "created",
    ("claim", "processing"): "processing",
    ("finish", "ready"): "ready",
    ("fail", "failed"): "failed",
    ("fail", "ready"): "ready",
    ("give up", "failed"): "failed",
    ("give up", "ready"): "ready",
    ("fail an import", "failed"): "failed",
    ("refuse", "failed"): "failed",
    ("expire", "expired"): "expired",
    ("change", None): "updated",
    ("caption", None): "updated",
    ("process again", "processing"): "processing",
    ("import again", "awaiting_upload"): "updated",
    ("retire", "deleted"): "deleted",
    ("restore", "processing"): "restored",
    ("restore", "ready"): "restored",
    ("restore", "failed"): "restored",
    ("put on legal hold", None): "updated",
    ("release from legal hold", None): "updated",
    ("delete", "deleted"): "deleted",
    ("delete as it was read", "deleted"): "deleted",
}


def test_each_transition_that_clients_see_is_told_by_one_word_and_every_word_is_used() -> None:
    told = {
        (transition.name, to and str(to)): str(transition.told(to))
        for transition in TRANSITIONS
        if transition.visible
        for to in transition.target or (None,)
    }
    assert told == WORDS
    assert set(told.values()) == set(ChangeType)


def test_each_word_has_a_schema() -> None:
    assert {f"filemill.file.{word}" for word in ChangeType} <= EVENTS.keys()


# --- records of the release before, which names no change


@pytest.mark.parametrize(
    ("status", "revision", "word"),
    [
        (Status.AWAITING_UPLOAD, 1, "created"),
        (Status.AWAITING_UPLOAD, 4, "updated"),
        *((status, 4, str(status)) for status in Status if status is not Status.AWAITING_UPLOAD),
    ],
)
def test_the_state_tells_what_the_release_before_did(status: Status, revision: int, word: str) -> None:
    record = file(1, status=status, revision=revision)
    event = envelope.envelope(record)
    check(event)
    assert (event["type"], event["time"]) == (f"filemill.file.{word}", "2026-11-22T12:00:03.000Z")
    assert event["data"]["actor"] == {"type": "system", "id": "filemill"}


def test_a_change_that_the_release_before_made_since_is_not_the_one_that_the_record_names() -> None:
    named = LastChange(type=ChangeType.UPDATED, at=BEGIN, actor=KEY)
    event = envelope.envelope(file(1, last_change=named))
    assert (event["type"], event["data"]["actor"]["id"]) == ("filemill.file.ready", "filemill")


# --- webhooks

BEFORE = {"pk": "HOOKS#acme", "sk": "wh_01K8Z0000000000000000000AA", "enabled": True, "url": "https://user:word@host/"}
DISABLED = BEFORE | {"enabled": False, "disabled_reason": "gone", "disabled_at": "2026-11-22T12:00:00.250Z"}


def test_a_webhook_that_was_disabled_is_an_event() -> None:
    event = envelope.webhook_disabled(BEFORE, DISABLED)
    assert event
    check(event)
    assert event == {
        "specversion": "1.0",
        "id": "evt_wh_01K8Z0000000000000000000AA_1795348800250",
        "source": "filemill/test",
        "type": "filemill.webhook.disabled",
        "subject": "wh_01K8Z0000000000000000000AA",
        "time": "2026-11-22T12:00:00.250Z",
        "datacontenttype": "application/json",
        "tenant": "acme",
        "data": {
            "webhook": {
                "id": "wh_01K8Z0000000000000000000AA",
                "reason": "gone",
                "disabled_at": "2026-11-22T12:00:00.250Z",
            }
        },
    }
    assert "word" not in envelope.as_json(event)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, BEFORE | {"types": ["filemill.file.ready"]}),  # another change
        (DISABLED, DISABLED | {"tags": ["x"]}),  # it was disabled before
        (DISABLED, BEFORE),  # it is enabled again
        (BEFORE, BEFORE | {"enabled": False}),  # its tenant turned it off, and no reason is noted
    ],
)
def test_no_other_change_of_a_webhook_is_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert envelope.webhook_disabled(before, after) is None


# --- the files in schemas/


def test_the_committed_schemas_are_those_of_the_models() -> None:
    present = {path.name: path.read_text(encoding="utf-8") for path in event_schemas.TARGET.iterdir()}
    assert present == event_schemas.files(), "run `make openapi`"


def test_each_schema_is_one_and_is_complete_in_itself() -> None:
    for kind, schema in event_schemas.event_schemas().items():
        Draft202012Validator.check_schema(schema)
        assert schema["properties"]["type"]["const"] == kind
        assert schema["description"]
        assert set(re.findall(r'"\$ref": "(.+?)"', json.dumps(schema))) <= {
            f"#/$defs/{name}" for name in schema["$defs"]
        }
        assert 'additionalProperties": false' not in json.dumps(schema)
