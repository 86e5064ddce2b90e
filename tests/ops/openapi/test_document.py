"""The OpenAPI document is the truth: up to date, valid, complete, and its examples are real."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from chalicelib.api.answers import FileResource
from chalicelib.api.envelopes import EVENTS
from chalicelib.api.errors import GATEWAY_PROBLEMS, PROBLEMS
from chalicelib.api.routes import reference
from chalicelib.api.routing import METHODS
from chalicelib.model import File
from ops.openapi import document as openapi_document
from ops.openapi import webhooks
from ops.openapi.examples import ANSWERS, BODIES, FILE
from ops.stack import gateway
from tests.client import Client
from tests.stage import ROOT, Calls


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(openapi_document.TARGET.read_text())
    return made


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_committed_document_is_what_the_routes_say(document: dict[str, Any]) -> None:
    made = openapi_document.render(openapi_document.document())
    assert openapi_document.TARGET.read_text() == made, "run `make openapi`"


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_mounted_route_is_in_it_and_nothing_else(document: dict[str, Any]) -> None:
    import app

    fallbacks = {"method_not_allowed", "unknown_route", "preflight"}
    mounted = {
        (method, path)
        for path, entries in app.app.routes.items()
        for method, entry in entries.items()
        if entry.view_name not in fallbacks
        and entry.view_function.__name__ not in fallbacks
        and not path.startswith("/render/")  # CloudFront's alone: to everybody else there is nothing
    }
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert described == mounted
    assert {method for method, _ in described} <= set(METHODS)


def test_each_type_of_event_is_a_webhook_with_a_body_that_is_signed(document: dict[str, Any]) -> None:
    assert list(document["webhooks"]) == list(EVENTS)
    for kind, item in document["webhooks"].items():
        receives = item["post"]
        assert {each["name"] for each in receives["parameters"] if each["required"]} == set(webhooks.HEADERS)
        assert set(receives["responses"]) == {"2XX", "410", "default"}
        body = receives["requestBody"]["content"]["application/json"]
        assert body["example"]["type"] == kind
        validator(document, body["schema"]).validate(body["example"])
        other = {**body["example"], "type": "filemill.file.other"}
        assert not validator(document, body["schema"]).is_valid(other)


def test_every_operation_says_what_it_answers(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            statuses = {int(status) for status in operation["responses"]}
            assert operation["summary"]
            assert operation["tags"]
            assert any(status < 400 for status in statuses) or path == "/s3/sts", (method, path)
            assert {400, 429, 500, 504} <= statuses
            if operation["security"]:
                assert {401, 403, 503} <= statuses


def test_every_problem_code_is_some_operations_or_of_unknown_addresses(document: dict[str, Any]) -> None:
    text = json.dumps(document["paths"])
    told = {code for code in PROBLEMS if f'"{code}"' in text}
    assert set(PROBLEMS) - told <= {"method_not_allowed"}
    assert set(GATEWAY_PROBLEMS) <= {code for code, _ in gateway.RESPONSES.values()}


def test_every_path_parameter_is_described_and_every_operation_id_is_one(document: dict[str, Any]) -> None:
    items = [*document["paths"].values(), *document["webhooks"].values()]
    ids = [operation["operationId"] for item in items for operation in item.values()]
    assert len(ids) == len(set(ids))
    for path, item in document["paths"].items():
        for operation in item.values():
            described = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert described == set(re.findall(r"{(\w+)}", path))


def test_problem_examples_are_real(document: dict[str, Any]) -> None:
    problems = 0
    for item in document["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/problem+json")
                for code in (content or {}).get("examples", {}):
                    example = document["components"]["examples"][code]["value"]
                    validator(document, content["schema"]).validate(example)
                    assert (example["code"], example["status"]) == (code, int(status))
                    problems += 1
    assert problems > 100


def test_other_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    found = 0

    def walk(node: Any) -> None:
        nonlocal found
        if isinstance(node, list):
            for value in node:
                walk(value)
        if isinstance(node, dict):
            if isinstance(node.get("examples"), list) and "$ref" not in node:
                for example in node["examples"]:
                    validator(document, node).validate(example)
                    found += 1
            if "schema" in node and "example" in node:
                validator(document, node["schema"]).validate(node["example"])
                found += 1
            if "schema" in node and isinstance(node.get("examples"), dict):
                for example in node["examples"].values():
                    if "value" in example:
                        validator(document, node["schema"]).validate(example["value"])
                        found += 1
            for value in node.values():
                walk(value)

    walk(document)
    assert found > 10


def test_examples_of_bodies_and_answers_are_what_the_models_take() -> None:
    operations = openapi_document.operations()
    bodies = {operation.body.__name__: operation.body for operation in operations if operation.body}
    assert set(BODIES) == set(bodies)
    for name, examples in BODIES.items():
        for example in examples.values():
            bodies[name].model_validate(example)
    answers = {model.__name__: model for operation in operations for model in operation.returns.values() if model}
    assert set(ANSWERS) <= set(answers)
    for name, example in ANSWERS.items():
        answers[name].model_validate_json(json.dumps(example))


def test_the_example_of_a_record_is_a_records_fields() -> None:
    """Facts of kinds are in a record only where they are known, and the example is an image."""
    from chalicelib.delivery.view import WHOLE, wire

    record = File.model_validate({**FILE, "tenant": "acme"})
    always = {name for name, field in FileResource.model_fields.items() if field.is_required()}
    assert set(wire(record)) == set(FILE) == always
    assert set(FileResource.model_fields) == WHOLE | {"delivery"}


def test_answers_leave_room_for_fields_to_come_and_bodies_do_not(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "additionalProperties" not in schemas["FileResource"]
    assert schemas["CreateFile"]["additionalProperties"] is False


def test_it_is_served_to_anyone_with_a_tag_and_may_be_kept(stage: Calls) -> None:
    answer = Client(None)("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.json["servers"][0]["url"] == "https://d111.cloudfront.net"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for tag in (answer.headers["ETag"], f"W/{answer.headers['ETag']}", f'"x", {answer.headers["ETag"]}', "*"):
        again = Client(None)("GET", "/openapi.json", headers={"If-None-Match": tag})
        assert (again.status, again.text) == (304, "")
    assert Client(None)("GET", "/openapi.json", headers={"If-None-Match": '"x"'}).status == 200
    assert stage.names == []


def test_the_page_needs_no_other_host_and_its_links_are_relative(stage: Calls) -> None:
    page = Client(None)("GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert all(not re.match("[a-z]+://|/", link) for link in links)
    for link in links:
        if link.startswith("docs/"):
            asset = Client(None)("GET", f"/{link}")
            assert asset.status == 200
            assert ("immutable" in asset.headers["Cache-Control"]) == (reference.VIEWER_VERSION in link)
    assert Client(None)("GET", "/docs/nope.js").json["code"] == "unknown_route"
    assert Client(None)("GET", "/docs/..%2freference.py").status == 404


def test_the_viewer_is_what_was_published() -> None:
    readme = (ROOT / "chalicelib/api/viewer/README.md").read_text()
    assert reference.VIEWER_VERSION in readme
    said = re.findall(r"^    ([0-9a-f]{64}) (\S+)$", readme, re.MULTILINE)
    assert {name for _, name in said} == {"swagger-ui-bundle.js", "swagger-ui.css"}
    for digest, name in said:
        assert hashlib.sha256((reference.HERE / "viewer" / name).read_bytes()).hexdigest() == digest
