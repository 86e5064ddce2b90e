"""Headless Chromium, and the npm packages that tests of pages use: fixtures for the conftest of a folder to import."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

PACKAGES = Path(__file__).parent / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The page does not come over the network, so Chromium takes it for one of the internet, which may not reach this
    # machine's ports. A real page of localhost may.
    "--disable-features=LocalNetworkAccessChecks",
)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with what package-lock.json pins. npm installs it once."""
    npm = shutil.which("npm")
    assert npm, "The browser tests need Node.js with npm, 20 or newer: apt-get install nodejs npm"
    stamp = PACKAGES / "node_modules" / ".stamp"
    wanted = hashlib.sha256((PACKAGES / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        stamp.write_text(wanted)
    return PACKAGES / "node_modules"


def run(command: list[str]) -> str:
    """The output of a command in the folder of the npm packages."""
    done = subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def chromium() -> str:
    """The path of the browser of this machine."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "The browser tests need Chromium: apt-get update && apt-get install -y chromium"
    return path


# Not for the whole session: while Playwright runs, its event loop is this thread's.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium with a profile of its own, deleted afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Another visitor: no cookies of an earlier test."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    yield context
    context.close()
