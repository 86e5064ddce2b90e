"""The contract of events finds what it is there to find."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from chalicelib.api.envelopes import AUDIT_EVENTS, EVENTS
from chalicelib.api.socket_answers import SENT
from chalicelib.catalog.audit.entries import Entry
from chalicelib.events import auditing
from chalicelib.outbound.exchange import Post
from ops.openapi.event_examples import MESSAGES, event
from tests import events_contract
from tests.events_contract import check_event, check_frame, check_request, entry_faults
from tests.stage import aws_client

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


@pytest.mark.parametrize("kind", SENT)
def test_frames_that_clients_get_are_what_the_document_says(kind: str) -> None:
    for frame in MESSAGES[kind].values():
        check_frame(json.dumps(frame))
        for wrong in (changed(frame, "more", 1), changed(frame, "type", "other")):
            with pytest.raises(AssertionError):
                check_frame(json.dumps(wrong))


def test_frames_of_clients_are_none_that_clients_get() -> None:
    for frame in ('{"action":"ping"}', '{"type":"ping"}', "[]", "{", '"x"'):
        with pytest.raises(AssertionError):
            check_frame(frame)


def test_a_frame_of_more_than_32_kb_is_found() -> None:
    frame = next(iter(MESSAGES["error"].values()))
    with pytest.raises(AssertionError):
        check_frame(json.dumps({**frame, "detail": "x" * 32 * 1024}))


def test_the_events_in_a_frame_are_looked_at() -> None:
    [frame] = MESSAGES["changes"].values()
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


def test_the_requests_of_webhooks_are_looked_at() -> None:
    body = json.dumps(event("filemill.file.ready")).encode()
    for module, headers, faults in (
        ("chalicelib.events.receiver", HEADERS, 0),
        ("chalicelib.events.receiver", {**HEADERS, "webhook-timestamp": "now"}, 1),
        ("tests.outbound.test_post", {}, 0),
    ):
        code = compile("made = Post(body, headers)", module, "exec")
        exec(code, {"__name__": module, "Post": Post, "body": body, "headers": tuple(headers.items())})
        assert len(events_contract.taken()) == faults


def test_what_a_test_sends_is_looked_at(cloud: None) -> None:
    bus = aws_client("events")
    told = event("filemill.file.ready")
    entry = {"Source": "filemill", "DetailType": told["type"], "Resources": [told["subject"]], "Detail": "{}"}
    bus.put_events(Entries=[entry])
    assert len(events_contract.taken()) == 1
    with events_contract.unchecked():
        bus.put_events(Entries=[entry])
    assert events_contract.taken() == []


@pytest.mark.parametrize("kind", AUDIT_EVENTS)
def test_an_event_that_only_the_bus_hears_is_what_its_schema_says(kind: str) -> None:
    subject = {"key": "0123456789ab", "token": "0123456789ab", "webhook": f"wh_{'0' * 26}", "tenant": "acme"}
    subject["share"] = f"file_{'0' * 26}/shr_{'0' * 18}"
    name = kind.split(".")[2]
    entry = Entry(
        id=f"evt_{subject.get(name, 'seal_7')}_a1",
        tenant="acme",
        subject=subject.get(name, "seal_7"),
        type=kind,
        at="2026-11-26T12:00:00.000Z",
        actor={"type": "key", "id": "0123456789ab"},
    )
    told = auditing.event(entry)
    if kind == auditing.SEALED:
        names = ("hash", "signature", "key_id")
        sizes = (64, 128, 16)
        seal = {"number": 7, "hour": "2026-11-26T12", "entries": 3}
        told["data"] = {"actor": told["data"]["actor"], "seal": seal | dict(zip(names, map("a".__mul__, sizes)))}  # noqa: B905
    check_event(told)
    faults: list[dict[str, Any]] = [{"more": 1}, {"type": f"{kind}.x"}, {"subject": ""}, {"data": {}}]
    for wrong in faults:
        with pytest.raises(AssertionError):
            check_event(told | wrong)
