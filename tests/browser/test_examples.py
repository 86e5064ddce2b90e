"""The examples, run as their READMEs say, on the deployed stack: sign in, choose pictures, the webhook, the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, FilePayload, Page, expect

from ops.local.stage import LocalStage
from tests.e2e.stack import png
from tests.local import Api, free_ports
from tests.stage import ROOT

EXAMPLES = ROOT / "examples"
USER, PASSWORD = "ada", "lovelace"
PICTURE = FilePayload(name="IMG 1 <b>.png", mimeType="image/png", buffer=png((200, 150)))
SHOWN = 90_000  # milliseconds: an upload, its processing and its webhook, on a busy computer


@dataclass
class Running:
    """An example's server. `origin` is its address."""

    origin: str
    secret: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(frozen=True)
class Server:
    """How an example is started: `prepare` are commands that end, `serve` is the one that does not."""

    folder: str
    serve: Callable[[int], list[str]]
    prepare: tuple[list[str], ...] = ()
    form: bool = False


MANAGE = [sys.executable, str(EXAMPLES / "django/manage.py")]
SERVERS = (
    Server(
        "fastapi",
        lambda port: [
            *(sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES / "fastapi")),
            *("--host", "127.0.0.1", "--port", str(port), "app:app"),
        ],
    ),
    Server(
        "django",
        lambda port: [*MANAGE, "runserver", "--noreload", f"127.0.0.1:{port}"],
        (
            [*MANAGE, "migrate", "--verbosity", "0"],
            [*MANAGE, "createsuperuser", "--noinput", "--username", USER, "--email", "ada@example.com"],
        ),
        form=True,
    ),
    Server("node", lambda port: ["node", str(EXAMPLES / "node/server.mjs")]),
)


@contextmanager
def started(server: Server, stage: LocalStage, api: Api, folder: Path) -> Iterator[Running]:
    """The example's server with a webhook of its own. Both are gone afterwards."""
    (port,) = free_ports(1)
    origin = f"http://127.0.0.1:{port}"
    wanted = {"url": f"{origin}/filemill-webhook", "types": ["filemill.file.ready"]}
    webhook = api("POST", "/v1/webhooks", json=wanted).json()
    environment = {
        **os.environ,
        "FILEMILL_URL": stage.front_door,
        "FILEMILL_KEY": api.key,
        "FILEMILL_WEBHOOK_SECRET": webhook["secret"],
        "DATABASE": str(folder / "database.sqlite"),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PORT": str(port),
        "PYTHONPATH": str(ROOT / "client/src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for command in server.prepare:
        subprocess.run(command, env=environment, check=True, timeout=120)
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(server.serve(port), env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        _until_it_answers(origin, process, log)
        yield Running(origin, webhook["secret"], process, log)
    finally:
        process.terminate()
        process.wait(30)
        api("DELETE", f"/v1/webhooks/{webhook['id']}")


def _until_it_answers(origin: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        try:
            requests.get(origin, timeout=30)
            return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.folder)
def server(
    request: pytest.FixtureRequest, local_stage: LocalStage, api: Api, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Running]]:
    with started(request.param, local_stage, api, tmp_path_factory.mktemp(request.param.folder)) as running:
        yield request.param, running


def opened(browser: Browser, server: Server, running: Running) -> Page:
    """The example's page, for a user who is signed in."""
    credentials: Any = None if server.form else {"username": USER, "password": PASSWORD}
    page = browser.new_context(http_credentials=credentials).new_page()
    page.goto(running.origin)
    if server.form:
        page.fill("#id_username", USER)
        page.fill("#id_password", PASSWORD)
        page.click("button")
    return page


def is_loaded(page: Page, selector: str) -> bool:
    """True once the picture has pixels."""
    return bool(page.eval_on_selector(selector, "image => image.decode().then(() => image.naturalWidth > 0)"))


def test_a_user_uploads_a_picture_and_sees_it_once_the_webhook_has_come(
    server: tuple[Server, Running], browser: Browser
) -> None:
    page = opened(browser, *server)
    expect(page.locator("h1")).to_have_text(f"Pictures of {USER}")
    expect(page.locator("#pictures img")).to_have_count(0)
    page.set_input_files("#files", [PICTURE, FilePayload(name="2.png", mimeType="image/png", buffer=PICTURE["buffer"])])
    expect(page.locator("#pictures img")).to_have_count(2, timeout=SHOWN)
    expect(page.locator("#uploads li")).to_have_count(0)
    assert is_loaded(page, "#pictures img")
    page.reload()
    expect(page.locator("#pictures figure")).to_have_count(2)
    assert is_loaded(page, "#pictures img"), "the page has it from the server's own database"
    page.context.close()


def test_what_is_no_picture_is_said_in_the_page(server: tuple[Server, Running], browser: Browser) -> None:
    page = opened(browser, *server)
    page.set_input_files("#files", [FilePayload(name="a.txt", mimeType="text/plain", buffer=b"words")])
    expect(page.locator("#uploads li")).to_contain_text("image/*", timeout=SHOWN)
    page.context.close()


def test_nobody_gets_a_token_without_signing_in(server: tuple[Server, Running]) -> None:
    _, running = server
    answer = requests.post(f"{running.origin}/upload-token", timeout=30, allow_redirects=False)
    assert answer.status_code in (302, 401, 403)
    assert "fmu_" not in answer.text
    wrong = requests.post(f"{running.origin}/upload-token", auth=("ada", "wrong"), timeout=30, allow_redirects=False)
    assert "fmu_" not in wrong.text
    nobody = requests.post(f"{running.origin}/upload-token", auth=("eve", "\0"), timeout=30, allow_redirects=False)
    assert "fmu_" not in nobody.text


def test_a_webhook_that_nobody_signed_is_refused(server: tuple[Server, Running], browser: Browser) -> None:
    _, running = server
    event = {"type": "filemill.file.ready", "data": {"file": {"id": "file_" + "0" * 26, "owner": USER}}}
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(time.time())),
        "webhook-signature": "v1,AAAA",
        "Content-Type": "application/json",
    }
    for sent in (headers, {}):
        answer = requests.post(f"{running.origin}/filemill-webhook", data=json.dumps(event), headers=sent, timeout=30)
        assert answer.status_code == 400


def test_the_page_without_a_server_uploads_and_shows(
    local_stage: LocalStage, api: Api, browser: Browser, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    text = (EXAMPLES / "web-page/index.html").read_text(encoding="utf-8")
    assert text.count("http://localhost:8000") == 1
    (tmp_path / "index.html").write_text(text.replace("http://localhost:8000", local_stage.front_door), "utf-8")
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory"]
    process = subprocess.Popen([*command, str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        _until_it_answers(f"http://127.0.0.1:{port}", process, Path(os.devnull))
        body = {"max_bytes": 50_000_000, "max_files": 10, "content_types": ["image/*"]}
        token = api("POST", "/v1/upload-tokens", json=body).json()["token"]
        page = browser.new_context().new_page()
        page.goto(f"http://localhost:{port}/")
        expect(page.locator("#uploads")).to_contain_text("Add #token=")
        page.goto(f"http://localhost:{port}/#token={token}")
        page.reload()
        page.set_input_files("#files", [PICTURE])
        expect(page.locator("#pictures img")).to_have_count(1, timeout=SHOWN)
        assert is_loaded(page, "#pictures img")
        expect(page.locator("#uploads li")).to_have_count(0)
        page.context.close()
    finally:
        process.terminate()
        process.wait(30)


def test_the_readme_of_the_page_has_the_token_of_this_test() -> None:
    text = (EXAMPLES / "web-page/README.md").read_text(encoding="utf-8")
    found = re.search(r"-d '(\{.*?\})'", text)
    assert found
    assert json.loads(found[1]) == {"max_bytes": 50_000_000, "max_files": 10, "content_types": ["image/*"]}
