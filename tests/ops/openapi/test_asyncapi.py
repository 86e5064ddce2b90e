"""The AsyncAPI document: up to date, valid, complete, and its examples are real."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from chalicelib.api.envelopes import EVENTS, FILE_EVENTS
from chalicelib.api.socket_answers import SENT
from chalicelib.api.socket_messages import ACTIONS
from chalicelib.model import ChangeType
from ops.openapi import asyncapi
from ops.openapi import document as openapi_document
from ops.openapi.event_examples import MESSAGES, event
from ops.version import version
from tests.client import Client
from tests.stage import STAGE, Calls

HERE = Path(__file__).parent / "asyncapi"
SPECIFICATION: dict[str, Any] = json.loads((HERE / "3.0.0.json").read_text())


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(openapi_document.EVENTS_TARGET.read_text())
    return made


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(each)


def test_the_committed_document_is_what_the_models_say() -> None:
    made = openapi_document.render(asyncapi.document(version()))
    assert openapi_document.EVENTS_TARGET.read_text() == made, "run `make openapi`"


def test_it_is_valid_asyncapi_3(document: dict[str, Any]) -> None:
    Draft7Validator(SPECIFICATION).validate(document)


@pytest.mark.parametrize("path", ["asyncapi", "channels.socket.address", "operations.tell.action", "info.version"])
def test_the_specification_refuses_what_is_wrong(document: dict[str, Any], path: str) -> None:
    wrong = json.loads(json.dumps(document))
    place, (*outer, last) = wrong, path.split(".")
    for name in outer:
        place = place[name]
    place[last] = 7
    assert not Draft7Validator(SPECIFICATION).is_valid(wrong)


def test_the_specification_is_what_was_published() -> None:
    [(digest, name)] = re.findall(r"^    ([0-9a-f]{64}) (\S+)$", (HERE / "README.md").read_text(), re.MULTILINE)
    assert hashlib.sha256((HERE / name).read_bytes()).hexdigest() == digest


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = 0
    for node in nodes(document):
        if isinstance(node.get("$ref"), str):
            target: Any = document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            found += 1
    assert found > 50


def test_every_message_is_of_a_channel_and_every_operation_has_messages_of_its_own(document: dict[str, Any]) -> None:
    channels = document["channels"]
    assert set(channels["socket"]["messages"]) == {*ACTIONS, *SENT}
    assert set(channels["webhook"]["messages"]) == set(EVENTS)
    used = set()
    for operation in document["operations"].values():
        for each in [*operation["messages"], *operation.get("reply", {}).get("messages", [])]:
            assert each["$ref"].startswith(f"{operation['channel']['$ref']}/messages/")
            used.add(each["$ref"])
    assert used == {
        f"#/channels/{name}/messages/{m}" for name, channel in channels.items() for m in channel["messages"]
    }


def test_clients_send_what_is_received_and_get_what_is_sent(document: dict[str, Any]) -> None:
    told = {"receive": {*ACTIONS}, "send": {*SENT}}
    for operation in document["operations"].values():
        if operation["channel"]["$ref"] == "#/channels/socket":
            names = {each["$ref"].rpartition("/")[2] for each in operation["messages"]}
            assert names <= told[operation["action"]]
            replies = {each["$ref"].rpartition("/")[2] for each in operation.get("reply", {}).get("messages", [])}
            assert replies <= told["send"]


def test_each_change_of_a_file_is_an_event() -> None:
    assert list(FILE_EVENTS) == [f"filemill.file.{change}" for change in ChangeType]


def test_examples_are_what_the_models_take(document: dict[str, Any]) -> None:
    frames = {**ACTIONS, **SENT}
    assert set(MESSAGES) == set(frames)
    for name, examples in MESSAGES.items():
        for example in examples.values():
            frames[name].model_validate_json(json.dumps(example))
    for kind, model in EVENTS.items():
        model.model_validate_json(json.dumps(event(kind)))
    for message in document["components"]["messages"].values():
        assert message["examples"]
        schema = {**message["payload"], "components": document["components"]}
        for example in message["examples"]:
            Draft7Validator(schema).validate(example["payload"])


def test_the_schemas_use_only_words_that_asyncapi_knows(document: dict[str, Any]) -> None:
    """Its schemas are JSON Schema of draft 7. A validator passes over words of later drafts."""
    known = {*Draft7Validator.META_SCHEMA["properties"], "discriminator"}
    for name, schema in document["components"]["schemas"].items():
        for each in schema_nodes(schema):
            assert set(each) <= known, name


def schema_nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for each in inner:
        yield from schema_nodes(each)


def test_clients_may_get_fields_to_come_and_may_send_none(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "additionalProperties" not in schemas["FileReadyEvent"]
    assert "additionalProperties" not in schemas["Changes"]
    assert schemas["Subscribe"]["additionalProperties"] is False


def test_it_is_served_to_anyone_with_a_tag_and_this_stages_address(stage: Calls) -> None:
    answer = Client(None)("GET", "/asyncapi.json")
    assert answer.status == 200
    host = STAGE["FILEMILL_FRONT_DOOR"].removeprefix("https://")
    assert (answer.json["servers"]["frontDoor"]["host"], answer.json["servers"]["frontDoor"]["protocol"]) == (
        host,
        "wss",
    )
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = Client(None)("GET", "/asyncapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.text) == (304, "")
    Draft7Validator(SPECIFICATION).validate(answer.json)
    assert stage.names == []
