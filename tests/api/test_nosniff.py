"""`X-Content-Type-Options: nosniff` on every answer of the API: whatever the route, the method and the outcome."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from chalice.deploy.swagger import TemplatedSwaggerGenerator

from chalicelib.api import cors
from ops.stack import gateway
from tests.client import Answer, Client
from tests.making import ready_photo
from tests.stage import ROOT, lambda_context

PATHS: dict[str, Any] = json.loads((ROOT / "chalicelib/api/openapi.json").read_text())["paths"]
DOCUMENTED = [(method.upper(), path) for path, entry in PATHS.items() for method in entry if method != "parameters"]


def nosniff(answer: Answer) -> bool:
    named = [value for name, value in answer.headers.items() if name.lower() == "x-content-type-options"]
    return named == ["nosniff"]


@pytest.mark.parametrize(("method", "path"), DOCUMENTED)
def test_every_documented_route_says_it_with_and_without_a_credential(client: Client, method: str, path: str) -> None:
    path = re.sub(r"{\w+}", "x", path)
    for caller in (client, Client(None), Client("fm_wrong")):
        bodies: tuple[Any, ...] = (None, {}, "{", '{"a": 1}')
        for body in bodies:
            answer = caller(method, path, body)
            assert nosniff(answer), (answer.status, answer.text)


def test_every_mounted_route_says_it(client: Client) -> None:
    """Those outside of the document, too: `/render`, 405 and 404."""
    import app

    tried = 0
    for path, methods in app.app.routes.items():
        for method in methods:
            answer = client(method, re.sub(r"{[\w+]+}", "x", path))
            assert nosniff(answer), (method, path, answer.status)
            tried += 1
    assert tried > len(DOCUMENTED)


def test_every_outcome_says_it(client: Client) -> None:
    file_id = ready_photo(client)
    record = client("GET", f"/v1/files/{file_id}")
    answers = [
        record,
        client("GET", f"/v1/files/{file_id}", headers={"If-None-Match": record.headers["ETag"]}),
        client("GET", f"/v1/files/{file_id}/original"),
        client("GET", "/docs"),
        client("GET", "/openapi.json"),
        client("GET", "/asyncapi.json"),
        client("DELETE", f"/v1/files/{file_id}"),
        client("HEAD", "/v1/health"),
        client("GET", "/nowhere"),
    ]
    assert [answer.status for answer in answers] == [200, 304, 302, 200, 200, 200, 204, 405, 404]
    assert all(nosniff(answer) for answer in answers)


def test_an_answer_that_chalice_makes_says_it(client: Client) -> None:
    import app

    event = {"requestContext": {"httpMethod": "POST", "resourcePath": "/v1/files"}, "headers": {"content-type": "a/b"}}
    more = {"multiValueQueryStringParameters": None, "pathParameters": None, "stageVariables": None, "body": "{}"}
    answer = app.app(event | more, lambda_context())
    assert answer["statusCode"] == 415
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"


def test_every_preflight_that_api_gateway_answers_says_it() -> None:
    import app

    assert cors.gateway_preflights()
    document = TemplatedSwaggerGenerator().generate_swagger(app.app)
    preflights = [entry["options"] for entry in document["paths"].values() if "options" in entry]
    assert len(preflights) >= len(PATHS)
    for each in preflights:
        (given,) = each["x-amazon-apigateway-integration"]["responses"].values()
        assert given["responseParameters"]["method.response.header.X-Content-Type-Options"] == "'nosniff'"
        assert "X-Content-Type-Options" in each["responses"]["200"]["headers"]


@pytest.mark.parametrize("kind", sorted(gateway.RESPONSES))
def test_every_answer_of_api_gateway_itself_says_it(kind: str) -> None:
    assert gateway.answer(kind, "id")[1]["X-Content-Type-Options"] == "nosniff"
    assert gateway.wanted(kind)["responseParameters"]["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"
