"""`edge/console.js` in a JavaScript engine: page, module and assets are found, and nothing else is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from ops.local.edge import functions
from tests.edge.engine import answer_of
from tests.stage import ROOT

CODE = (ROOT / "edge" / "console.js").read_text()


def answer(path: str, query: str = "", method: str = "GET") -> Any:
    return answer_of(CODE, method, path, query, [("host", "d1.cloudfront.net")], {})


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/", "/console/index.html"),
        ("/filemill.js", "/console/filemill.js"),
        ("/console/config.json", "/console/config.json"),
        ("/console/0123456789abcdef/main.js", "/console/0123456789abcdef/main.js"),
        ("/console/0123456789abcdef/vendor/htm.LICENSE", "/console/0123456789abcdef/vendor/htm.LICENSE"),
    ],
)
def test_each_path_has_its_object_whatever_the_query_is(path: str, key: str) -> None:
    request = answer(path, "code=a&state=b")
    assert request["uri"] == key
    assert functions.query_of(request["querystring"]) == ""


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/index.html"])
def test_the_consoles_other_names_lead_to_its_own(path: str) -> None:
    moved = answer(path)
    assert (moved["statusCode"], moved["headers"]["location"]["value"]) == (302, "/")


@pytest.mark.parametrize(
    "path",
    [
        "/consoles",
        "/console/filemill.js/x",
        "/console/0123456789abcdef",
        "/console/0123456789abcdef/",
        "/console/0123456789ABCDEF/main.js",
        "/console/0123456789abcdef/../../f/private/x",
        "/console/0123456789abcdef/%2e%2e/f",
        "/console/0123456789abcdef/.env",
        "/console/0123456789abcdef//main.js",
        "/console/../f/private/x",
        "/console/config.json/",
    ],
)
def test_a_path_that_no_asset_can_have_is_not_asked_for(path: str) -> None:
    refused = answer(path)
    assert refused["statusCode"] == 404
    assert refused["headers"]["x-content-type-options"]["value"] == "nosniff"
    assert "/" in refused["body"]
    assert path not in refused["body"]
