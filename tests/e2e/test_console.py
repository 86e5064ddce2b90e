"""The console and filemill.js through the front door of the deployed stack, with the headers that they must have."""

from __future__ import annotations

import gzip
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from ops.stack import console
from tests.stage import ROOT

if TYPE_CHECKING:
    from ops.local.stage import LocalStage
    from tests.local import Api


@pytest.fixture
def get(local_stage: LocalStage) -> Any:
    def get(path: str, **headers: str) -> requests.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.get(local_stage.front_door + path, headers=given, timeout=30, allow_redirects=False)

    return get


def csp(answer: requests.Response) -> dict[str, str]:
    parts = (each.strip().partition(" ") for each in answer.headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


def test_the_page_is_of_this_checkout_and_asks_each_time_if_it_is_still_right(get: Any) -> None:
    page = get("/?code=a&state=b")
    here = console.release(ROOT)
    assert here
    assert page.status_code == 200
    assert page.content == here.page.body
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }.items():
        assert page.headers[name] == value


def test_its_scripts_may_ask_the_stage_and_nobody_else(get: Any, local_stage: LocalStage, api: Api) -> None:
    said = csp(get("/"))
    socket = local_stage.front_door.replace("http", "ws")
    upload = api("POST", "/v1/files", json={"filename": "a", "content_type": "text/plain", "size": 1}).json()["upload"]
    s3 = urlsplit(upload["url"])
    assert said["connect-src"].split() == [
        "'self'",
        local_stage.front_door,
        socket,
        f"{s3.scheme}://{s3.netloc}",
    ]
    assert said["script-src"] == "'self'"
    assert said["frame-ancestors"] == "'none'"


def test_every_asset_is_there_kept_for_a_year_and_compressed(get: Any) -> None:
    here = console.release(ROOT)
    assert here
    for asset in here.assets:
        answer = get(f"/{asset.key}", Accept_Encoding="identity")
        assert (answer.status_code, answer.content) == (200, asset.body), asset.key
        assert answer.headers["Cache-Control"] == console.IMMUTABLE
        assert answer.headers["Content-Type"] == asset.content_type
    small = get(f"/console/{here.digest}/style.css", Accept_Encoding="gzip")
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.headers["Vary"] == "Accept-Encoding"
    assert len(gzip.compress(small.content)) < len(small.content) / 2


def test_pages_of_other_origins_may_import_the_module(get: Any) -> None:
    module = get("/filemill.js", Origin="https://app.example.com")
    assert module.content == (ROOT / "browser" / "filemill.js").read_bytes()
    assert module.headers["Access-Control-Allow-Origin"] == "*"
    assert module.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert module.headers["Cache-Control"] == "public, max-age=3600"
    assert module.headers["Content-Type"].startswith("text/javascript")


def test_the_settings_are_the_stages(get: Any, local_stage: LocalStage) -> None:
    told = get("/console/config.json")
    assert told.headers["Cache-Control"] == "no-cache"
    assert told.json() == {"stage": "local", "version": "0.1.0", "url": local_stage.front_door, "sign_in": []}


def test_other_names_lead_to_the_console_and_wrong_ones_nowhere(get: Any) -> None:
    for path in ("/console", "/console/", "/console/index.html"):
        assert (get(path).status_code, get(path).headers["Location"]) == (302, "/")
    assert get("/console/%2e%2e/f/private/x").status_code == 404
    assert get("/console/0123456789abcdef/main.js").status_code == 404
    page = get("/nothing/here", Accept="text/html,*/*;q=0.8")
    assert page.status_code == 404
    assert 'href="/"' in page.text
    assert 'href="/docs"' in page.text
    assert get("/nothing/here").json()["code"] == "unknown_route"


@pytest.fixture
def other(local_stage: LocalStage, tmp_path: Path) -> Iterator[Path]:
    """A checkout with another console. Afterwards the stage has its own again."""
    shutil.copytree(ROOT / "console", tmp_path / "console")
    (tmp_path / "browser").mkdir()
    shutil.copy2(ROOT / "browser" / "filemill.js", tmp_path / "browser")
    (tmp_path / "console" / "style.css").write_text("body { color: red }")
    yield tmp_path
    publish(local_stage, ROOT)


def publish(stage: LocalStage, folder: Path) -> str:
    s3, bucket = stage.client("s3"), stage.variables()["FILEMILL_DERIVED_BUCKET"]
    found = console.release(folder)
    assert found
    console.publish(s3, bucket, found, console.former(s3, bucket), print)
    return found.digest


def test_an_update_is_seen_whole_and_a_return_as_well_while_open_pages_go_on(
    get: Any, local_stage: LocalStage, other: Path
) -> None:
    def seen() -> str:
        """The release that the page names, and names alone."""
        (digest,) = set(re.findall(r"/console/([0-9a-f]{16})/", get("/").text))
        return str(digest)

    before = seen()
    new = publish(local_stage, other)
    time.sleep(1.5)  # an edge keeps the page for a second
    assert seen() == new != before
    assert get(f"/console/{new}/style.css").text == "body { color: red }"
    assert get(f"/console/{before}/main.js").status_code == 200, "an open page still loads its views"
    assert publish(local_stage, ROOT) == before
    time.sleep(1.5)
    assert seen() == before
