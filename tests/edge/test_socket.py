"""`edge/socket.js` in a JavaScript engine: only a WebSocket's handshake goes to the API, and to its stage."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib.api.errors import PROBLEMS
from ops.local.edge import functions
from ops.local.edge.viewer import HIDDEN
from tests.edge.engine import answer_of
from tests.stage import ROOT

CODE = (ROOT / "edge" / "socket.js").read_text() + "const STAGE = 'live';\n"
HANDSHAKE = {
    "host": "d1.cloudfront.net",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


def answer(path: str = "/ws", query: str = "", method: str = "GET", **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer_of(CODE, method, path, query, given.items(), {"a": "b"})


def test_a_handshake_goes_to_the_stage_and_nothing_else_of_it_changes() -> None:
    sent = {**HANDSHAKE, "authorization": "Bearer fm_x", "sec-websocket-protocol": "filemill.v1, bearer.fm_x"}
    request = answer(query="a=%C3%BC", **{name.replace("-", "_"): value for name, value in sent.items()})
    assert request["uri"] == "/live"
    assert {name: field["value"] for name, field in request["headers"].items()} == sent
    assert functions.query_of(request["querystring"]) == "a=%C3%BC"
    assert functions.cookies_of(request) == {"a": "b"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_others_learn_that_it_speaks_websocket(method: str) -> None:
    refused = answer(method=method, accept="text/html")
    problem = json.loads(refused["body"])
    assert refused["statusCode"] == problem["status"] == int(PROBLEMS[problem["code"]]) == 400
    assert refused["headers"]["content-type"]["value"] == "application/problem+json"
    assert "WebSocket" in problem["detail"]


def test_it_needs_nothing_that_cloudfront_hides_from_functions() -> None:
    code = re.sub(r"//.*", "", CODE)
    assert not [name for name in HIDDEN if f"'{name}'" in code]
    assert not re.search(r"\b(require|eval|Function|import|async|await|class|process|fetch)\b|=>|`|\?\.", code)
