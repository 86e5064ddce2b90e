"""Tests of pages need Chromium, and some of them npm. Without these one test says so, and the others are skipped.

A plugin (tests/conftest.py names it). Every process of a parallel run finds the same.
"""

from __future__ import annotations

import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Fixtures that need it, and where it is from.
NEEDS = {
    "Chromium": ("browser", "apt-get install chromium, or Google Chrome"),
    "npm": ("node_modules", "Node.js 20 or newer: apt-get install nodejs npm"),
}


def chromium() -> str | None:
    """The path of a browser that Playwright can steer; None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def lacking() -> dict[str, str]:
    """Sentences about the needs that this computer lacks, by the fixture that needs them."""
    there = {"Chromium": chromium(), "npm": shutil.which("npm")}
    return {
        fixture: f"The tests of pages need {name}, which is not installed ({how})."
        for name, (fixture, how) in NEEDS.items()
        if there[name] is None
    }


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Lines before the run, so that nobody learns it after half an hour."""
    return [f"{sentence} One test ends with this error, the others are skipped." for sentence in lacking().values()]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    left = items
    for fixture, sentence in lacking().items():
        without = [item for item in left if fixture in getattr(item, "fixturenames", ())]
        left = [item for item in left if item not in without]
        for number, item in enumerate(without):
            item.add_marker(pytest.mark.skip(reason=sentence) if number else pytest.mark.lacking(sentence))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: the local stage takes a minute to start, and would be started for nothing."""
    if mark := item.get_closest_marker("lacking"):
        pytest.fail(mark.args[0], pytrace=False)
