"""The served document against the deployed stack: through the front door, API Gateway's stand-in and the function."""

from __future__ import annotations

import gzip
import json
import os

import pytest
import requests

from ops.local.stage import LocalStage
from ops.openapi.document import TARGET
from tests import contract
from tests.e2e.stack import execute_api
from tests.local import Api

# A few of each here; `make contract` asks for more.
EXAMPLES = int(os.environ.get("CONTRACT_DEPLOYED_EXAMPLES", "1"))


def test_the_served_document_is_the_committed_one_with_this_stages_address(local_stage: LocalStage) -> None:
    served = requests.get(f"{local_stage.front_door}/openapi.json", timeout=60)
    assert served.headers["Content-Type"] == "application/json"
    assert served.headers["Cache-Control"].startswith("public, max-age=")
    document = served.json()
    assert [server["url"] for server in document["servers"]] == [local_stage.front_door]
    committed = json.loads(TARGET.read_text())
    assert {**document, "servers": None} == {**committed, "servers": None}
    again = requests.get(
        f"{local_stage.front_door}/openapi.json", headers={"If-None-Match": served.headers["ETag"]}, timeout=60
    )
    assert (again.status_code, again.content) == (304, b"")


def test_the_stack_answers_as_the_served_document_says(
    local_stage: LocalStage, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    document = requests.get(f"{local_stage.front_door}/openapi.json", timeout=60).json()
    report = contract.run(
        document,
        api.key,
        base_url=local_stage.front_door,
        examples=EXAMPLES,
        sequences=EXAMPLES * 40,
        parameters={"query.wait": 0},
    )
    with capsys.disabled():
        report.show("through the front door of the local stack")
    assert not report.failures, str(report)
    assert report.cases >= 500
    assert report.followed


def test_answers_are_compressed_for_who_takes_it(local_stage: LocalStage) -> None:
    large = f"{local_stage.front_door}/openapi.json"
    with requests.get(large, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=60) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        raw = answer.raw.read()
    whole = requests.get(large, headers={"Accept-Encoding": "identity"}, timeout=60)
    assert "Content-Encoding" not in whole.headers
    assert gzip.decompress(raw) == whole.content
    assert len(raw) < len(whole.content) / 5


def test_api_gateways_own_errors_are_problem_documents(local_stage: LocalStage, api: Api) -> None:
    for answer, code in (
        (requests.request("TRACE", execute_api(local_stage, "/v1/files"), timeout=60), "method_not_allowed"),
        (api("POST", "/v1/files", data=b"x" * (11 * 1024**2)), "payload_too_large"),
    ):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["status"]) == (code, answer.status_code)
        assert answer.json()["request_id"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_preflight_allows_what_the_document_asks_for(local_stage: LocalStage) -> None:
    asked = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,if-match,content-type",
    }
    answer = requests.options(f"{local_stage.front_door}/v1/files/file_x", headers=asked, timeout=60)
    assert answer.ok
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert {"Authorization", "If-Match", "If-None-Match", "Idempotency-Key"} <= set(
        answer.headers["Access-Control-Allow-Headers"].split(",")
    )


def test_the_front_door_keeps_what_is_everybodys(local_stage: LocalStage) -> None:
    url = f"{local_stage.front_door}/docs/swagger-ui-{viewer_version()}.css"
    first, second = requests.get(url, timeout=60), requests.get(url, timeout=60)
    assert first.status_code == 200
    assert second.headers["X-Cache"] == "Hit from cloudfront"
    assert "immutable" in second.headers["Cache-Control"]


def viewer_version() -> str:
    from chalicelib.api.routes.reference import VIEWER_VERSION

    return VIEWER_VERSION
