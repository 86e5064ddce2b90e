"""Problem documents: for unknown addresses, wrong methods and types, and for our own faults."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib import aws, observability
from chalicelib.api.errors import PROBLEMS
from tests.client import Client
from tests.stage import ROOT, Calls


@pytest.mark.parametrize("path", ["/", "/nope", "/v1", "/v1/files/x/y/z", "/v2/files"])
def test_an_unknown_route_is_404(stage: Calls, path: str) -> None:
    for method in ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"):
        answer = Client(None)(method, path, "x", headers={"Content-Type": "text/plain"})
        assert (answer.status, answer.json["code"]) == (404, "unknown_route")


def test_a_wrong_method_is_405_and_names_the_right_ones(stage: Calls) -> None:
    answer = Client(None)("PUT", "/v1/files")
    assert (answer.status, answer.json["code"], answer.headers["Allow"]) == (405, "method_not_allowed", "GET, POST")
    answer = Client(None)("POST", "/v1/files/file_x", "{}")
    assert answer.headers["Allow"] == "DELETE, GET, PATCH"


def test_every_address_answers_head_so_that_api_gateway_does_not_take_a_key_for_an_aws_signature(
    client: Client,
) -> None:
    import app

    for path, methods in app.app.routes.items():
        assert "HEAD" in methods, path
    answer = client("HEAD", "/v1/files")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_a_body_that_is_not_json_by_its_type_is_415(client: Client) -> None:
    answer = client("POST", "/v1/files", "a=b", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_problem_has_the_documents_members_and_the_request_id_that_the_logs_carry(
    stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = io.StringIO()
    handler = observability.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", lines)
    answer = Client(None)("GET", "/v1/files")
    body = answer.json
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["message"] for line in logged] == ["request"]
    assert {line["request_id"] for line in logged} == {body["request_id"]}
    assert (logged[0]["status"], logged[0]["route"]) == (401, "/v1/files")
    assert set(body) == {"type", "title", "status", "code", "detail", "request_id"}
    assert (body["type"], body["status"]) == ("urn:filemill:problem:unauthenticated", 401)
    assert answer.headers["X-Request-Id"] == body["request_id"]


def test_an_unhandled_error_is_500_without_a_word_of_its_cause(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.catalog.index import lists

    def fail(*_: Any) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(lists, "list_files", fail)
    answer = client("GET", "/v1/files")
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_health_needs_no_key_and_no_aws_call(stage: Calls) -> None:
    answer = Client(None)("GET", "/v1/health")
    assert (answer.status, answer.json) == (200, {"status": "ok", "stage": "test"})
    assert stage.names == []


def test_answers_are_never_cached(client: Client) -> None:
    assert client("GET", "/v1/files").headers["Cache-Control"] == "no-store"


def test_every_code_is_documented() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/api.md").read_text(), re.MULTILINE))
    assert set(PROBLEMS) <= documented


def test_every_problem_raised_in_the_source_has_a_status() -> None:
    raised = {
        code
        for path in Path(ROOT, "chalicelib/api").rglob("*.py")
        for code in re.findall(r'Problem\(\s*"(\w+)"', path.read_text())
    }
    assert raised
    assert raised <= set(PROBLEMS)


def test_a_throttled_table_is_503_with_retry_after(client: Client) -> None:
    client("GET", "/v1/files")

    def throttle(**_: Any) -> None:
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "Query")

    events = aws.dynamodb().meta.events
    events.register("before-call.dynamodb.Query", throttle)
    answer = client("GET", "/v1/files")
    events.unregister("before-call.dynamodb.Query", throttle)
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "2")
