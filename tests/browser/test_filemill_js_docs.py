"""The guides that use filemill.js: their programs run as they stand on the pages, on the deployed stack in Chromium."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from ops import browser
from tests.browser.filemill_page import SMALL, write
from tests.e2e import stack
from tests.local import Api
from tests.stage import ROOT

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

NAME = "<img src=x onerror=window.owned=1>.jpg"


def programs(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@contextmanager
def backend(folder: Path, api: Api) -> Iterator[str]:
    """The guide's backend with its page, started. Gives its address."""
    [program] = programs("web-page-in-five-minutes.md", "python")
    [page] = programs("web-page-in-five-minutes.md", "html")
    (folder / "backend.py").write_text(program)
    (folder / "page.html").write_text(page)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "FILEMILL_URL": api.base, "FILEMILL_KEY": api.key, "PORT": str(port)}
    process = subprocess.Popen([sys.executable, "backend.py"], cwd=folder, env=env, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert page.evaluate("window.owned") is None
    assert not said


def test_the_page_of_five_minutes_uploads_and_shows_a_picture(
    local_stage: LocalStage, page: Page, api: Api, tmp_path: Path
) -> None:
    with backend(tmp_path, api) as address:
        # At the front door's own origin: which other ones S3 lets in is not this test's matter.
        for path in ("/__test__/five", "/upload-token"):
            url = address + ("/" if path == "/__test__/five" else path)
            page.route(api.base + path, lambda route, _, url=url: route.fulfill(response=route.fetch(url=url)))
        page.goto(f"{api.base}/__test__/five")
        page.set_input_files("#files", [write(tmp_path, SMALL, name) for name in ("one.jpg", NAME)])
        lines = page.locator("#uploads li")
        expect(lines).to_have_count(2)
        for line, name in zip(lines.all(), ("one.jpg", NAME), strict=True):
            expect(line).to_have_text(f"{name}: ready ", timeout=120_000)
            line.locator("img").evaluate("image => image.decode()")
        page.set_input_files("#files", write(tmp_path, b"%PDF-1.7", "a.pdf"))
        expect(lines.nth(2)).to_have_text("a.pdf: This upload token allows image/* only.", timeout=60_000)


ENTRY = """
import { h, render } from "react";
import { Files } from "./Files.jsx";
import { Filemill } from "filemill";
const [url, credential] = JSON.parse(document.querySelector("#given").textContent);
render(h(Files, { filemill: new Filemill({ url, credential }) }), document.querySelector("#app"));
"""


def bundle(node_modules: Path, folder: Path) -> str:
    """The guide's hook and component as one script. Preact stands in for React."""
    (folder / "useFiles.js").write_text(programs("react.md", "js")[0])
    (folder / "Files.jsx").write_text(programs("react.md", "jsx")[0])
    (folder / "entry.jsx").write_text(ENTRY)
    (folder / "shim.js").write_text('export { h } from "react";')
    preact = node_modules / "htm" / "preact" / "standalone.module.js"
    done = subprocess.run(
        [
            node_modules / ".bin" / "esbuild",
            "entry.jsx",
            "--bundle",
            "--format=esm",
            "--target=es2022",
            "--jsx=transform",
            "--jsx-factory=h",
            "--inject:shim.js",
            f"--alias:react={preact}",
            f"--alias:filemill={browser.MODULE}",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_list_of_react_changes_by_itself(node_modules: Path, page: Page, api: Api, tmp_path: Path) -> None:
    script = bundle(node_modules, tmp_path)
    before = stack.upload(api, SMALL, filename="before.jpg", content_type="image/jpeg")

    def answer(route: Route) -> None:
        if route.request.url.endswith(".js"):
            route.fulfill(body=script, content_type="text/javascript; charset=utf-8")
            return
        given = f'<script type="application/json" id="given">["{api.base}", "{api.key}"]</script>'
        body = f'<!doctype html><div id="app"></div>{given}<script type="module" src="react.js"></script>'
        route.fulfill(body=body, content_type="text/html; charset=utf-8")

    page.route("**/__react__/*", answer)
    page.goto(f"{api.base}/__react__/page")
    items = page.locator("li")
    expect(items.filter(has_text="before.jpg: ready").first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("status")).to_have_text("live", timeout=60_000)
    page.set_input_files("input", write(tmp_path, SMALL, NAME))
    expect(items.first).to_have_text(f"{NAME}: ready", timeout=120_000)
    count = items.count()
    api("DELETE", f"/v1/files/{before['id']}")
    expect(items).to_have_count(count - 1, timeout=60_000)
