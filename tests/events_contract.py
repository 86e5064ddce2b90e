"""Everything that others hear, against the two API documents: events on the bus, frames on sockets, webhook requests.

`check_event`, `check_frame` and `check_request` take one of them as it was sent. The plugin calls them for whatever any
test in this process makes the code send, and fails the test that sent something else than the documents say.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from botocore.client import BaseClient

from chalicelib.outbound.exchange import Post
from tests.stage import ROOT

MAX_EVENT = 24 * 1024
MAX_FRAME = 32 * 1024


# --- what the documents say


@cache
def _document(name: str) -> dict[str, Any]:
    """A document, changed so that nothing sent may have an unknown field. Clients must accept them; tests need not."""
    made: dict[str, Any] = json.loads((ROOT / "chalicelib" / "api" / name).read_text())
    for schema in made["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return made


@cache
def _validator(name: str, schema: str) -> Any:
    """A validator of a schema in `components`. `schema` is a reference to it."""
    document = _document(name)
    return jsonschema_rs.Draft202012Validator({"$ref": schema, "components": document["components"]})


def _faults(name: str, schema: str, value: Any) -> list[str]:
    errors = list(_validator(name, schema).iter_errors(value))[:3]
    return [f"{name}, {'.'.join(map(str, each.instance_path)) or 'the whole'}: {each.message[:300]}" for each in errors]


@cache
def _frames() -> dict[str, str]:
    """The frames that a client gets, and a reference to the schema of each."""
    document = _document("asyncapi.json")
    told: list[dict[str, str]] = []
    for operation in document["operations"].values():
        if operation["channel"]["$ref"] == "#/channels/socket":
            told += operation["messages"] if operation["action"] == "send" else operation["reply"]["messages"]
    names = [each["$ref"].rpartition("/")[2] for each in told]
    return {name: document["components"]["messages"][name]["payload"]["$ref"] for name in names}


@cache
def _schema_of_bus(kind: str) -> Any:
    """A validator of an event that only the bus hears: it is in `schemas/`, and in no API document. None if unknown."""
    path = ROOT / "schemas" / f"{kind}.json"
    if not path.exists():
        return None
    schema = json.loads(path.read_text())
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
    return jsonschema_rs.Draft202012Validator(schema)


def _faults_of_bus(kind: Any, event: Any) -> list[str]:
    validator = _schema_of_bus(kind) if isinstance(kind, str) and kind.startswith("filemill.audit.") else None
    if validator is None:
        return [f"no document has events of type {kind!r}"]
    return [f"schemas/{kind}.json: {error.message[:300]}" for error in list(validator.iter_errors(event))[:3]]


def event_faults(event: Any) -> list[str]:
    """The ways in which an envelope is not what both documents say of its type."""
    kind = event.get("type") if isinstance(event, dict) else None
    described = _document("openapi.json")["webhooks"].get(kind)
    if described is None:
        return _faults_of_bus(kind, event)
    faults = []
    if (size := len(_compact(event))) > MAX_EVENT:
        faults.append(f"an event of {size} bytes")
    content = described["post"]["requestBody"]["content"]["application/json"]
    faults += _faults("openapi.json", content["schema"]["$ref"], event)
    payload = _document("asyncapi.json")["components"]["messages"][kind]["payload"]
    return faults + _faults("asyncapi.json", payload["$ref"], event)


def frame_faults(data: str | bytes) -> list[str]:
    """The ways in which a frame that a client gets is not what the AsyncAPI document says."""
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_FRAME:
        return [f"a frame of {len(raw)} bytes"]
    try:
        frame = json.loads(raw)
    except ValueError:
        return ["a frame that is not JSON"]
    kind = frame.get("type") if isinstance(frame, dict) else None
    if kind not in _frames():
        return [f"the AsyncAPI document has no frame of type {kind!r}"]
    events = [frame["event"]] if "event" in frame else frame.get("events", [])
    # The events by their own types first: their faults are clearer than those of a union.
    inner = [fault for event in events for fault in event_faults(event)]
    return inner or _faults("asyncapi.json", _frames()[kind], frame)


def request_faults(headers: Mapping[str, str], body: str | bytes) -> list[str]:
    """The ways in which a webhook's request is not what both documents say."""
    event = json.loads(body)
    if faults := event_faults(event):
        return faults
    sent = {name.lower(): value for name, value in headers.items()}
    described = _document("openapi.json")["webhooks"][event["type"]]["post"]["parameters"]
    for each in described:
        value = sent.get(each["name"])
        if value is None:
            faults.append(f"a request without {each['name']}")
        elif not re.search(each["schema"].get("pattern", ""), value):
            faults.append(f"{each['name']} is {value!r}")
    if sent.get("webhook-id") != event["id"]:
        faults.append("webhook-id is not the id of the event")
    if sent.get("content-type", "").partition(";")[0] != "application/json":
        faults.append("content-type is not application/json")
    return faults


def entry_faults(entry: Mapping[str, Any]) -> list[str]:
    """The ways in which an entry of PutEvents is not one of ours."""
    event = json.loads(entry["Detail"])
    if faults := event_faults(event):
        return faults
    said = {"DetailType": event["type"], "Resources": [event["subject"]], "Source": "filemill"}
    return [f"{name} is {entry.get(name)!r}" for name, value in said.items() if entry.get(name) != value]


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def check_event(event: Any) -> None:
    """Raises AssertionError if an envelope is not what the documents say."""
    _raise(event_faults(event))


def check_frame(data: str | bytes) -> None:
    """Raises AssertionError if a frame is not what the AsyncAPI document says."""
    _raise(frame_faults(data))


def check_request(headers: Mapping[str, str], body: str | bytes) -> None:
    """Raises AssertionError if a webhook's request is not what the documents say."""
    _raise(request_faults(headers, body))


def _raise(faults: list[str]) -> None:
    assert not faults, "\n".join(faults)


# --- what the tests make the code send

checked: Counter[str] = Counter()
"""How many events, frames and requests were looked at, by their types."""

_broken: list[str] = []
_unchecked = 0


@contextmanager
def unchecked() -> Iterator[None]:
    """For a test that sends something on purpose that is no event: none of it is looked at."""
    global _unchecked
    _unchecked += 1
    try:
        yield
    finally:
        _unchecked -= 1


def taken() -> list[str]:
    """The faults so far, which then fail no test."""
    found = list(_broken)
    _broken.clear()
    return found


def note(what: str, kind: Any, faults: list[str]) -> None:
    if not _unchecked:
        checked[f"{what} {kind}"] += 1
        _broken.extend(f"{what} {kind}: {fault}" for fault in faults)


def _look(service: str, operation: str, params: Mapping[str, Any]) -> None:
    if _unchecked:
        return
    if (service, operation) == ("events", "PutEvents"):
        for entry in params["Entries"]:
            note("event", entry.get("DetailType"), entry_faults(entry))
    elif (service, operation) == ("apigatewaymanagementapi", "PostToConnection"):
        raw = params["Data"]
        found = re.search(rb'"type": ?"(\w+)"', raw.encode() if isinstance(raw, str) else raw)
        note("frame", found[1].decode() if found else None, frame_faults(raw))


def watch() -> None:
    """From now on everything that this process sends is looked at. A second call changes nothing."""
    base: Any = BaseClient
    if hasattr(base, "watched_by_the_contract_of_events"):
        return
    base.watched_by_the_contract_of_events = True
    emit = base._emit_api_params

    def emitted(client: Any, api_params: Any, operation_model: Any, context: Any) -> Any:
        _look(client.meta.service_model.service_name, operation_model.name, api_params)
        return emit(client, api_params, operation_model, context)

    base._emit_api_params = emitted
    _watch_requests()


def _watch_requests() -> None:
    """Every POST that `chalicelib.events` makes is a webhook's. Those of other modules are tests of `outbound`."""
    post: Any = Post
    init = post.__init__

    def made(self: Any, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        init(self, body, headers)
        if sys._getframe(1).f_globals.get("__name__", "").startswith("chalicelib.events."):
            note("request", json.loads(body).get("type"), request_faults(dict(headers), body))

    post.__init__ = made


# --- the plugin


def pytest_configure() -> None:
    watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """The code under test may catch what a hook raises, so the test fails when it is over."""
    taken()
    yield
    if found := list(dict.fromkeys(taken())):
        pytest.fail("The API documents say otherwise:\n" + "\n".join(found[:5]), pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if checked:
        terminalreporter.section("events held to the API documents")
        for kind, times in sorted(checked.items()):
            terminalreporter.line(f"{kind:<34}{times:>8}")
