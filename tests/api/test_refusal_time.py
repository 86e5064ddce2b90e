"""Every request with a hostile string is answered within 50 ms of CPU, whatever part of the request has it.

The places come from the routes (`tests/strings.py`): path parameters, headers, cookies, queries and bodies. The
variable `STRINGS` is the number of strings for each place; without it a few are tried.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.keys import create_operator
from tests import strings
from tests.client import Answer, Client
from tests.stage import Calls, lambda_context
from tests.strings import BOUND, LENGTHS

COUNT = int(os.environ.get("STRINGS", "8"))


@pytest.fixture
def apart(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], float]]:
    """The seconds of CPU of all AWS calls so far: moto does in this process what AWS does elsewhere."""
    from botocore.client import BaseClient

    base: Any = BaseClient
    call, spent = base._make_api_call, 0.0

    def timed(self: Any, *arguments: Any) -> Any:
        nonlocal spent
        began = time.process_time()
        try:
            return call(self, *arguments)
        finally:
            spent += time.process_time() - began

    monkeypatch.setattr(BaseClient, "_make_api_call", timed)
    yield lambda: spent


def ask(client: Client, method: str, path: str, request: dict[str, Any]) -> Answer:
    """One request. A path parameter reaches the app decoded, as API Gateway gives it."""
    import app

    given = request["parameters"]
    headers = {"Authorization": f"Bearer {client.key}", "Content-Type": "application/json"} | request["headers"]
    event = {
        "httpMethod": method,
        "resource": path,
        "path": path,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": request["query"] or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in request["query"].items()} or None,
        "pathParameters": given or None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": path,
            "path": path,
            "requestId": "r",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if request["body"] is None else json.dumps(request["body"]),
        "isBase64Encoded": False,
    }
    answer = app.app(event, lambda_context())
    return Answer(answer["statusCode"], answer["headers"], answer["body"], answer.get("isBase64Encoded", False))


PLACES = strings.requests()
BY_ROUTE = sorted({(method, path) for method, path, _, _ in PLACES})


def test_every_place_of_a_request_is_tried() -> None:
    names = {(path, name) for _, path, name, _ in PLACES}
    assert {
        ("/v1/files", "header Idempotency-Key"),
        ("/v1/files/{file_id}", "header If-None-Match"),
        ("/v1/files/{file_id}", "path file_id"),
        ("/s3/params", "cookie"),
        ("/s3/multipart/{upload_id}/{part_number}", "path part_number"),
        ("/v1/changes", "query ('after',)"),
        ("/openapi.json", "header If-None-Match"),
    } <= names


@pytest.mark.parametrize(("method", "path"), BY_ROUTE, ids=lambda part: re.sub(r"\W+", "-", str(part)))
def test_a_hostile_request_is_answered_within_the_bound(
    client: Client, apart: Callable[[], float], method: str, path: str
) -> None:
    places = [(name, put) for wanted, at, name, put in PLACES if (wanted, at) == (method, path)]
    for name, put in places:
        chosen = random.Random(f"{method} {path} {name}")
        ask(client, method, path, put("warm"))
        for value in strings.attacks(LENGTHS, chosen, COUNT):
            answers: list[Answer] = []

            def answer(value: str = value, put: Any = put, answers: list[Answer] = answers) -> None:
                answers.append(ask(client, method, path, put(value)))

            took = strings.cpu(answer, apart=apart, give_up=10.0)
            assert took < BOUND, (name, took, value[:80], len(value))
            assert answers[-1].status < 500, (name, value[:80], len(value), answers[-1].text)


IN_PATHS = [
    (method, path, put) for method, path, name, put in PLACES if name.startswith("path ") and path != "/docs/{asset}"
]


@pytest.mark.parametrize("control", ["\r\n", "\x0b", "\x00", "\x85", "\u2028", "\ud800"], ids=ascii)
def test_nothing_has_a_name_with_control_characters(client: Client, stage: Calls, control: str) -> None:
    assert len(IN_PATHS) > 8
    tenant, operator = client, Client(create_operator()[1])
    for method, path, put in IN_PATHS:
        client = operator if path.startswith("/v1/tenants") else tenant
        ask(client, method, path, put("file_01KAP3Y5ZD4Q8R2V7W9XABCDEF"))
        stage.clear()
        answer = ask(client, method, path, put(f"file_01KAP3Y5ZD4Q8R2V7W9XABCDE{control}"))
        assert answer.status == 404
        assert path == "/s/{token}" or answer.json["code"] == "not_found", "people get a page"
        assert stage.names == []


@pytest.mark.parametrize("control", ["\r\n", "\x0b", "\x00", "\x85", "\u2028", "\ud800"], ids=ascii)
@pytest.mark.parametrize(
    ("method", "header", "path"),
    [
        ("POST", "Idempotency-Key", "/v1/files"),
        ("GET", "If-None-Match", "/v1/files/{file_id}"),
        ("PATCH", "If-Match", "/v1/files/{file_id}"),
    ],
)
def test_a_header_with_control_characters_is_refused_by_its_name(
    client: Client, control: str, method: str, header: str, path: str
) -> None:
    new = {"filename": "a", "content_type": "a/b", "size": 1}
    file_id = client("POST", "/v1/files", new).json["id"]
    body = {"POST": new, "PATCH": {"filename": "b"}}.get(method)
    request = {"parameters": {"file_id": file_id}, "query": {}, "body": body, "headers": {header: f'"a{control}"'}}
    answer = ask(client, method, path, request)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", header)
