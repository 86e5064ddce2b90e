"""The contract of events finds what it is there to find."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from chalicelib.api.envelopes import EVENTS
from chalicelib.api.frames import SENT
from ops.openapi.event_examples import FRAMES, event
from tests import events_contract
from tests.events_contract import check_event, check_frame, check_request, entry_faults

HEADERS = {
    "content-type": "application/json",
    "webhook-id": event("filemill.file.ready")["id"],
    "webhook-timestamp": "1795694400",
    "webhook-signature": f"v1,{'A' * 43}=",
}


def changed(value: Any, path: str, new: Any) -> Any:
    """A copy with another value at a dotted path; without the field if `new` is missing."""
    made = deepcopy(value)
    *outer, last = path.split(".")
    place = made
    for name in outer:
        place = place[name]
    if new is ...:
        del place[last]
    else:
        place[last] = new
    return made


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_of_each_type_is_what_the_documents_say(kind: str) -> None:
    check_event(event(kind))


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("specversion", ...),
        ("specversion", "1.1"),
        ("id", "evt_1"),
        ("type", "filemill.file.read"),
        ("time", "2026-11-22T12:00:03Z"),
        ("subject", "file_1"),
        ("more", 1),
        ("data.more", 1),
        ("data.actor", ...),
        ("data.actor.type", "robot"),
        ("data.file.revision", "3"),
        ("data.file.status", ...),
        ("data.file.delivery", None),
        ("data.file.image.more", 1),
        ("data.file.metadata", {"text": "x" * 24 * 1024}),
    ],
)
def test_an_event_with_a_fault_is_found(path: str, new: Any) -> None:
    with pytest.raises(AssertionError):
        check_event(changed(event("filemill.file.ready"), path, new))


@pytest.mark.parametrize("path", ["data.file.metadata", "data.file.image.exif", "data.file.renditions"])
def test_an_event_may_leave_out_large_parts(path: str) -> None:
    check_event(changed(event("filemill.file.ready"), path, ...))


def test_a_deletion_has_no_record() -> None:
    record = event("filemill.file.ready")["data"]["file"]
    with pytest.raises(AssertionError):
        check_event(changed(event("filemill.file.deleted"), "data.file", record))


@pytest.mark.parametrize("model", SENT, ids=lambda model: model.__name__)
def test_frames_that_clients_get_are_what_the_document_says(model: Any) -> None:
    for frame in FRAMES[model.__name__].values():
        check_frame(json.dumps(frame))
        for wrong in (changed(frame, "more", 1), changed(frame, "type", "other")):
            with pytest.raises(AssertionError):
                check_frame(json.dumps(wrong))


def test_frames_of_clients_are_none_that_clients_get() -> None:
    for frame in ('{"action":"ping"}', '{"type":"ping"}', "[]", "{", '"x"'):
        with pytest.raises(AssertionError):
            check_frame(frame)


def test_a_frame_of_more_than_32_kb_is_found() -> None:
    [frame] = FRAMES["ErrorFrame"].values()
    with pytest.raises(AssertionError):
        check_frame(json.dumps({**frame, "detail": "x" * 32 * 1024}))


def test_the_events_in_a_frame_are_looked_at() -> None:
    [frame] = FRAMES["ChangesFrame"].values()
    frame = deepcopy(frame)
    frame["events"][1]["data"]["file"]["filename"] = "deleted.jpg"
    with pytest.raises(AssertionError):
        check_frame(json.dumps(frame))


@pytest.mark.parametrize("signatures", [1, 2, 5])
def test_a_request_has_all_headers_and_a_body(signatures: int) -> None:
    body = json.dumps(event("filemill.file.ready"))
    headers = {**HEADERS, "webhook-signature": " ".join([HEADERS["webhook-signature"]] * signatures)}
    check_request(headers, body)
    for name in headers:
        for value in (None, "", "x"):
            wrong = {key: text for key, text in {**headers, name: value}.items() if text is not None}
            with pytest.raises(AssertionError):
                check_request(wrong, body)


def test_an_entry_of_the_bus_names_its_event() -> None:
    told = event("filemill.file.ready")
    entry = {
        "Source": "filemill",
        "DetailType": told["type"],
        "Resources": [told["subject"]],
        "Detail": json.dumps(told),
    }
    assert entry_faults(entry) == []
    for name in ("Source", "DetailType", "Resources"):
        assert entry_faults({**entry, name: "other"})


@pytest.fixture
def frame_sender(cloud: None) -> Any:
    from tests.stage import aws_client

    return aws_client("events")


def test_what_a_test_sends_is_looked_at(frame_sender: Any) -> None:
    told = event("filemill.file.ready")
    entry = {"Source": "filemill", "DetailType": told["type"], "Resources": [told["subject"]], "Detail": "{}"}
    frame_sender.put_events(Entries=[entry])
    assert len(events_contract.taken()) == 1
    with events_contract.unchecked():
        frame_sender.put_events(Entries=[entry])
    assert events_contract.taken() == []
