"""API Gateway renames or drops some headers, and neither the API nor its document counts on one of them."""

from __future__ import annotations

import json

from ops.local import api_headers
from tests.stage import ROOT


def test_a_renamed_header_keeps_its_value_and_a_dropped_one_is_gone() -> None:
    answered = {"Content-Type": "text/plain", "WWW-Authenticate": "Bearer", "date": "now", "Via": "1.1 x", "ETag": "1"}
    assert api_headers.sent(answered) == {
        "Content-Type": "text/plain",
        "x-amzn-Remapped-WWW-Authenticate": "Bearer",
        "x-amzn-Remapped-date": "now",
        "ETag": "1",
    }
    assert api_headers.lost(answered) == ["Via", "WWW-Authenticate", "date"]


def test_the_document_promises_no_header_that_a_client_would_not_get() -> None:
    document = json.loads((ROOT / "chalicelib" / "api" / "openapi.json").read_text())
    named = set(document["components"]["headers"])
    named |= {
        name
        for path in document["paths"].values()
        for operation in path.values()
        for response in operation.get("responses", {}).values()
        for name in response.get("headers", {})
    }
    assert "Retry-After" in named
    assert api_headers.lost(named) == []
